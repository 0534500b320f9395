//! Package URLs (ECMA-427), by which scanners look up a component. Pure.

use std::collections::BTreeMap;
use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// A package URL in its canonical spelling.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Purl {
    kind: &'static str,
    namespace: Option<String>,
    name: String,
    version: String,
    qualifiers: BTreeMap<&'static str, String>,
}

impl Purl {
    /// Makes the URL of a package with this type (`cargo`, `deb`, `oci`, …) and version. The version may be
    /// empty.
    pub fn new(kind: &'static str, name: &str, version: &str) -> Self {
        Self {
            kind,
            namespace: None,
            name: name.to_owned(),
            version: version.to_owned(),
            qualifiers: BTreeMap::new(),
        }
    }

    /// Adds a namespace: the vendor of a distribution.
    #[must_use]
    pub fn within(mut self, namespace: &str) -> Self {
        self.namespace = Some(namespace.to_owned()).filter(|namespace| !namespace.is_empty());
        self
    }

    /// Adds a qualifier. An empty value adds nothing, which is the same according to the standard.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: &str) -> Self {
        if !value.is_empty() {
            self.qualifiers.insert(key, value.to_owned());
        }
        self
    }
}

/// Qualifiers are written in the order of their keys, so that equal packages have equal URLs.
impl fmt::Display for Purl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pkg:{}/", self.kind)?;
        if let Some(namespace) = &self.namespace {
            let segments: Vec<String> =
                namespace.split('/').filter(|segment| !segment.is_empty()).map(encoded).collect();
            write!(f, "{}/", segments.join("/"))?;
        }
        f.write_str(&encoded(&self.name))?;
        if !self.version.is_empty() {
            write!(f, "@{}", encoded(&self.version))?;
        }
        for (at, (key, value)) in self.qualifiers.iter().enumerate() {
            write!(f, "{}{key}={}", if at == 0 { '?' } else { '&' }, encoded(value))?;
        }
        Ok(())
    }
}

impl serde::Serialize for Purl {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Percent-encodes everything except letters, digits, `.-_~` and the colon (ECMA-427, "Character encoding").
fn encoded(text: &str) -> String {
    const ENCODED: &AsciiSet =
        &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_').remove(b'~').remove(b':');
    utf8_percent_encode(text, ENCODED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_spellings_that_others_expect() {
        let libc = Purl::new("deb", "libc6", "2.41-12+deb13u1").within("debian");
        let libc = libc.with("distro", "debian-13").with("arch", "amd64").with("epoch", "");
        assert_eq!(libc.to_string(), "pkg:deb/debian/libc6@2.41-12%2Bdeb13u1?arch=amd64&distro=debian-13");
        let epoch = Purl::new("deb", "zlib1g", "1:1.3.dfsg+really1.3.1-1").within("debian");
        assert_eq!(epoch.to_string(), "pkg:deb/debian/zlib1g@1:1.3.dfsg%2Breally1.3.1-1");
        let image = Purl::new("oci", "debian", "sha256:244fd47e07d10");
        let image = image.with("tag", "13-slim").with("repository_url", "docker.io/library/debian");
        assert_eq!(
            image.to_string(),
            "pkg:oci/debian@sha256:244fd47e07d10?repository_url=docker.io%2Flibrary%2Fdebian&tag=13-slim"
        );
        let git = Purl::new("cargo", "dep", "0.1.0").with("vcs_url", "git+https://example.org/dep@ab");
        assert_eq!(git.to_string(), "pkg:cargo/dep@0.1.0?vcs_url=git%2Bhttps:%2F%2Fexample.org%2Fdep%40ab");
        assert_eq!(Purl::new("generic", "a b/ä", "").to_string(), "pkg:generic/a%20b%2F%C3%A4");
    }

    /// Decodes percent-encoding such as `%2F`.
    fn decoded(text: &str) -> String {
        let mut parts = text.split('%');
        let mut bytes = parts.next().unwrap().as_bytes().to_vec();
        for part in parts {
            bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
            bytes.extend(part[2..].bytes());
        }
        String::from_utf8(bytes).unwrap()
    }

    proptest! {
        #[test]
        fn any_text_is_read_back(name in "\\PC{1,20}", version in "\\PC{0,20}", value in "\\PC{0,20}") {
            let text = Purl::new("cargo", &name, &version).with("vcs_url", &value).to_string();
            prop_assert!(text.bytes().all(|b| b.is_ascii_graphic()));
            let rest = text.strip_prefix("pkg:cargo/").unwrap();
            let (rest, qualifiers) = rest.split_once('?').unwrap_or((rest, "vcs_url="));
            let (one, two) = rest.split_once('@').unwrap_or((rest, ""));
            prop_assert_eq!(decoded(one), name);
            prop_assert_eq!(decoded(two), version);
            prop_assert_eq!(decoded(qualifiers.strip_prefix("vcs_url=").unwrap()), value);
        }
    }
}
