//! Templates of commands: text in which names in braces stand for values, as in
//! `{root}/bin/{arch}-vendor-linux-gnu-gcc`. A brace itself is written twice.

use std::fmt;
use std::ops::Range;

use crate::toolchain::names;
use xtask_process::host::Host;
use xtask_triple::Triple;

/// The names that may be in braces, apart from `env:` with the name of a variable.
pub const PLACEHOLDERS: [&str; 3] = ["triple", "arch", "root"];

/// The beginning of a placeholder for a variable.
const VARIABLE: &str = "env:";

/// A word of a command with values in braces.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandTemplate {
    text: String,
    parts: Vec<CommandPart>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum CommandPart {
    Text(String),
    Triple,
    Arch,
    Root,
    Variable(String),
}

/// The values for a template.
#[derive(Debug, Clone, Copy)]
pub(super) struct TemplateValues<'a> {
    pub(super) target: &'a Triple,
    pub(super) host: &'a Host,
    /// The root of the toolchain; none if the provider has no `root`.
    pub(super) root: Option<&'a str>,
}

/// A fault in a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateFault {
    /// The bytes of the text to which it refers.
    pub at: Range<usize>,
    /// What is wrong there.
    pub kind: TemplateFaultKind,
}

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateFaultKind {
    /// A `{` has no `}` after it.
    Open,
    /// A `}` has no `{` before it.
    Close,
    /// The name in braces is not known.
    Unknown(String),
    /// The text after `env:` cannot be the name of a variable.
    Variable(String),
}

impl CommandTemplate {
    /// Reads a template.
    ///
    /// # Errors
    /// The first fault in the text.
    pub fn parse(text: &str) -> Result<Self, TemplateFault> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut at = 0;
        while let Some(brace) = text[at..].find(['{', '}']).map(|next| at + next) {
            plain += &text[at..brace];
            let (brace_text, rest) = text[brace..].split_at(1);
            if rest.starts_with(brace_text) {
                plain += brace_text;
                at = brace + 2;
                continue;
            }
            let fault = |end: usize, kind| TemplateFault { at: brace..end, kind };
            if brace_text == "}" {
                return Err(fault(brace + 1, TemplateFaultKind::Close));
            }
            let Some((name, _)) = rest.split_once('}').filter(|(name, _)| !name.contains('{')) else {
                return Err(fault(text.len(), TemplateFaultKind::Open));
            };
            let end = brace + name.len() + 2;
            let part = match name {
                "triple" => CommandPart::Triple,
                "arch" => CommandPart::Arch,
                "root" => CommandPart::Root,
                _ => match name.strip_prefix(VARIABLE) {
                    Some(variable) if is_variable(variable) => CommandPart::Variable(variable.to_owned()),
                    Some(variable) => {
                        return Err(fault(end, TemplateFaultKind::Variable(variable.to_owned())));
                    }
                    None => return Err(fault(end, TemplateFaultKind::Unknown(name.to_owned()))),
                },
            };
            if !plain.is_empty() {
                parts.push(CommandPart::Text(std::mem::take(&mut plain)));
            }
            parts.push(part);
            at = end;
        }
        plain += &text[at..];
        if !plain.is_empty() {
            parts.push(CommandPart::Text(plain));
        }
        Ok(Self { text: text.to_owned(), parts })
    }

    /// Whether it contains `{root}`.
    pub fn names_root(&self) -> bool {
        self.parts.contains(&CommandPart::Root)
    }

    /// Returns the text with its values. The error is the name of a variable that is not set.
    pub(super) fn fill<'t>(&'t self, values: &TemplateValues<'_>) -> Result<String, &'t str> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                CommandPart::Text(plain) => text += plain,
                CommandPart::Triple => text += values.target.as_str(),
                CommandPart::Arch => text += names::arch(values.target),
                CommandPart::Root => text += values.root.unwrap_or_default(),
                CommandPart::Variable(name) => text += values.host.var(name).ok_or(name.as_str())?,
            }
        }
        Ok(text)
    }
}

impl fmt::Display for CommandTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether a text can be the name of a variable in every shell.
fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filled(text: &str) -> Result<String, String> {
        let host =
            Host::new(Triple::parse("x"), [("SDK".into(), "/opt/{sdk}".into()), ("NO".into(), "".into())]);
        let target = Triple::parse("armv7-unknown-linux-gnueabihf");
        let values = TemplateValues { target: &target, host: &host, root: Some("/r o") };
        CommandTemplate::parse(text).unwrap().fill(&values).map_err(str::to_owned)
    }

    #[test]
    fn names_in_braces_stand_for_values() {
        for (text, expected) in [
            ("{root}/bin/{arch}-v-gcc", "/r o/bin/arm-v-gcc"),
            ("--target={triple}", "--target=armv7-unknown-linux-gnueabihf"),
            // A value is not read as a template.
            ("{env:SDK}/{{arch}}", "/opt/{sdk}/{arch}"),
            ("{{{arch}}}", "{arm}"),
            ("", ""),
        ] {
            assert_eq!(filled(text).as_deref(), Ok(expected), "{text}");
        }
        assert_eq!(filled("a{env:NO}"), Err("NO".to_owned()));
        assert_eq!(filled("{env:ABSENT}{env:NO}"), Err("ABSENT".to_owned()));
    }

    #[test]
    fn a_fault_has_its_place() {
        use TemplateFaultKind::{Close, Open, Unknown, Variable};
        for (text, at, kind) in [
            ("a{arch", 1..6, Open),
            ("a{", 1..2, Open),
            ("{a{arch}", 0..8, Open),
            ("a}b", 1..2, Close),
            ("{arch}}", 6..7, Close),
            ("é{arhc}", 2..8, Unknown("arhc".into())),
            ("${HOME}/x", 1..7, Unknown("HOME".into())),
            ("{}", 0..2, Unknown(String::new())),
            ("{env:}", 0..6, Variable(String::new())),
            ("{env:A-B}x", 0..9, Variable("A-B".into())),
            ("{{{Arch}", 2..8, Unknown("Arch".into())),
        ] {
            assert_eq!(CommandTemplate::parse(text), Err(TemplateFault { at, kind }), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "\\PC{0,40}|([{}]|arch|root|env:|[A-Za-z日]){0,12}") {
            match CommandTemplate::parse(&text) {
                Ok(template) => prop_assert_eq!(template.to_string(), text),
                // The place can be underlined, and the text before it is not the fault.
                Err(fault) => {
                    let underlined = text.get(fault.at.clone()).unwrap_or_default();
                    let begins = underlined.starts_with(['{', '}']);
                    prop_assert!(begins, "{}", underlined);
                    let before = &text[..fault.at.start];
                    prop_assert!(CommandTemplate::parse(before).is_ok(), "{}", before);
                }
            }
        }

        #[test]
        fn doubled_braces_are_text(text in "[{}a日]{0,12}") {
            let doubled = text.replace('{', "{{").replace('}', "}}");
            prop_assert_eq!(filled(&doubled), Ok(text));
        }

        #[test]
        fn parts_are_filled_one_by_one(words in prop::collection::vec("\\{arch\\}|\\{triple\\}|\\{root\\}|[a-z/-]{1,4}", 0..6)) {
            let apart: String = words.iter().map(|word| filled(word).unwrap()).collect();
            prop_assert_eq!(filled(&words.concat()), Ok(apart));
        }
    }
}
