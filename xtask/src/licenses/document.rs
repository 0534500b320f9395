//! Makes the file with the licence texts of a program. It lists the packages, then each text once, with the
//! packages that have it. Pure; equal packages give equal text.

use std::collections::BTreeMap;

/// A package of a program with its licence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LicensedPackage {
    /// The name of the package.
    pub(super) name: String,
    /// The version of the package.
    pub(super) version: String,
    /// The value of `license` in its manifest.
    pub(super) license: Option<String>,
    /// The licence texts in its folder.
    pub(super) texts: Vec<String>,
}

impl LicensedPackage {
    /// Returns the name and the version.
    pub(super) fn title(&self) -> String {
        format!("{} {}", self.name, self.version)
    }
}

/// Returns the document for the program with this name.
pub(super) fn document(bin: &str, packages: &[LicensedPackage]) -> String {
    let mut text = format!("Licences of the packages in the program {bin}\n\n");
    for package in packages {
        let license = package.license.as_deref().unwrap_or("no licence named in its manifest");
        let lacks = if package.texts.is_empty() { "; no text comes with the package" } else { "" };
        text += &format!("- {}: {license}{lacks}\n", package.title());
    }
    text += "- Rust's standard library: MIT OR Apache-2.0; its texts come with Rust\n";
    let mut texts: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for package in packages {
        for one in &package.texts {
            let of = texts.entry(one.as_str()).or_default();
            if of.last() != Some(&package.title()) {
                of.push(package.title());
            }
        }
    }
    // The texts of most packages come first, then they are sorted by their first package.
    let mut texts: Vec<(&str, Vec<String>)> = texts.into_iter().collect();
    texts.sort_by(|(one, first), (other, second)| {
        second.len().cmp(&first.len()).then_with(|| (first, one).cmp(&(second, other)))
    });
    for (body, of) in texts {
        text += &format!("\n{}\n{}:\n\n{body}\n", "=".repeat(80), of.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, license: Option<&str>, texts: &[&str]) -> LicensedPackage {
        LicensedPackage {
            name: name.into(),
            version: "1.0.0".into(),
            license: license.map(str::to_owned),
            texts: texts.iter().map(|text| (*text).to_owned()).collect(),
        }
    }

    #[test]
    fn each_text_stands_once_with_the_packages_that_have_it() {
        let packages = [
            package("a", Some("MIT"), &["mit of a"]),
            package("b", Some("MIT OR Apache-2.0"), &["apache", "mit of b"]),
            package("c", Some("Apache-2.0"), &["apache"]),
            package("d", None, &[]),
        ];
        let text = document("app", &packages);
        let line = "=".repeat(80);
        let head = "Licences of the packages in the program app\n\n- a 1.0.0: MIT\n- b 1.0.0: MIT OR Apache-2.0\n\
                    - c 1.0.0: Apache-2.0\n- d 1.0.0: no licence named in its manifest; no text comes with the package\n\
                    - Rust's standard library: MIT OR Apache-2.0; its texts come with Rust\n";
        let rest = format!(
            "\n{line}\nb 1.0.0, c 1.0.0:\n\napache\n\n{line}\na 1.0.0:\n\nmit of a\n\n{line}\nb 1.0.0:\n\nmit of b\n"
        );
        assert_eq!(text, format!("{head}{rest}"));
    }
}
