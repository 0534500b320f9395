//! Converts the licence in a manifest to the form of CycloneDX. Pure.

use serde::Serialize;

/// The licence of a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum License {
    /// The licence is given as an SPDX expression.
    Expression {
        /// The text of the SPDX expression.
        expression: String,
        /// `declared`: the author of the package states it, and its files were not examined.
        acknowledgement: &'static str,
    },
    /// A text that is not an SPDX expression.
    Named {
        /// The text of the manifest, as a name.
        license: LicenseName,
    },
}

/// A licence that is given only by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LicenseName {
    name: String,
    acknowledgement: &'static str,
}

const DECLARED: &str = "declared";

impl License {
    /// Reads the key `license` of a manifest. Before SPDX expressions, Cargo used `/` between names for `OR`.
    pub fn of(text: &str) -> Self {
        let expression = text.split('/').map(str::trim).collect::<Vec<_>>().join(" OR ");
        match is_expression(&expression) {
            true => Self::Expression { expression, acknowledgement: DECLARED },
            false => Self::named(text),
        }
    }

    /// Makes a licence from a text that is not an expression: the name of the file with the licence.
    pub fn named(text: &str) -> Self {
        Self::Named { license: LicenseName { name: text.to_owned(), acknowledgement: DECLARED } }
    }
}

impl License {
    /// Returns the licence as an SPDX expression. Another text becomes a reference that contains the
    /// characters of it that are allowed there.
    pub fn spdx(&self) -> String {
        let words = match self {
            Self::Expression { expression, .. } => return expression.clone(),
            Self::Named { license } => license.name.as_str(),
        };
        let other = |c: char| !(c.is_ascii_alphanumeric() || c == '.');
        let parts: Vec<&str> = words.split(other).filter(|part| !part.is_empty()).collect();
        format!("LicenseRef-{}", if parts.is_empty() { "unnamed".to_owned() } else { parts.join("-") })
    }
}

/// Returns whether a text has the form of an SPDX expression (SPDX 2.3, annex D). The names are not compared
/// with SPDX's list, because that list grows with each version.
fn is_expression(text: &str) -> bool {
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let mut open = 0_usize;
    // Whether a name may come next. If not, an operator or the end is expected.
    let mut name = true;
    let mut exception = false;
    for word in spaced.split_whitespace() {
        match word {
            "(" if name && !exception => open += 1,
            ")" if !name && open > 0 => open -= 1,
            "AND" | "OR" if !name => name = true,
            "WITH" if !name => (name, exception) = (true, true),
            _ if name && is_name(word) => (name, exception) = (false, false),
            _ => return false,
        }
    }
    !name && open == 0
}

fn is_name(word: &str) -> bool {
    let plain = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
    };
    let name = word.strip_suffix('+').unwrap_or(word);
    let reserved = matches!(name, "AND" | "OR" | "WITH");
    match name.strip_prefix("DocumentRef-").and_then(|rest| rest.split_once(':')) {
        Some((document, license)) => plain(document) && plain(license) && license.starts_with("LicenseRef-"),
        None => plain(name) && !reserved,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn expressions_and_other_words() {
        for (text, expression) in [
            ("MIT OR Apache-2.0", Some("MIT OR Apache-2.0")),
            ("MIT/Apache-2.0", Some("MIT OR Apache-2.0")),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", Some("(MIT OR Apache-2.0) AND Unicode-3.0")),
            ("Apache-2.0 WITH LLVM-exception OR MIT", Some("Apache-2.0 WITH LLVM-exception OR MIT")),
            ("GPL-2.0+", Some("GPL-2.0+")),
            ("DocumentRef-x:LicenseRef-y", Some("DocumentRef-x:LicenseRef-y")),
            ("MIT License", None),
            ("MIT OR", None),
            ("(MIT", None),
            ("MIT)", None),
            ("WITH", None),
            ("MIT WITH (x)", None),
            ("see LICENSE", None),
            ("", None),
        ] {
            let expected = match expression {
                Some(expression) => {
                    License::Expression { expression: expression.into(), acknowledgement: DECLARED }
                }
                None => License::named(text),
            };
            assert_eq!(License::of(text), expected, "{text}");
        }
    }

    #[test]
    fn a_label_is_an_expression() {
        for (text, label) in [
            ("MIT/Apache-2.0", "MIT OR Apache-2.0"),
            ("Apache-2.0 WITH LLVM-exception", "Apache-2.0 WITH LLVM-exception"),
            ("MIT License", "LicenseRef-MIT-License"),
            ("see (the) LICENSE.txt!", "LicenseRef-see-the-LICENSE.txt"),
            ("…", "LicenseRef-unnamed"),
        ] {
            assert_eq!(License::of(text).spdx(), label);
            assert!(is_expression(label), "{label}");
        }
    }

    proptest! {
        #[test]
        fn any_label_is_an_expression(text in "\\PC{0,24}") {
            prop_assert!(is_expression(&License::of(&text).spdx()));
        }

        #[test]
        fn any_text_is_an_expression_or_a_name(text in "[A-Z()/+ .-]{0,24}|\\PC{0,24}") {
            let json = serde_json::to_value(License::of(&text)).unwrap();
            prop_assert!(json["expression"].is_string() != json["license"]["name"].is_string());
        }
    }
}
