//! A Rust version: `1.95`, `1.96.0`, `1.97.0-nightly`.

use std::fmt;

/// A version: three numbers, and the pre-release part if it is not a stable release. Versions are ordered as
/// in semantic versioning: a pre-release comes before the release of the same numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The major, minor and patch numbers, in this order.
    pub numbers: [u64; 3],
    /// `nightly`, `beta.3`; none for a stable release.
    pub pre: Option<String>,
}

impl Version {
    /// Reads the version at the start of `text`. A missing patch number is 0, as in Cargo's `rust-version`. A
    /// Debian revision or build metadata after the version is ignored.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (numbers, rest) = text.split_at(end);
        let mut fields = numbers.split('.');
        let major = fields.next()?.parse().ok()?;
        let minor = fields.next()?.parse().ok()?;
        let patch = fields.next().map_or(Some(0), |p| p.parse().ok())?;
        let pre = rest.strip_prefix('-').and_then(|r| r.split([' ', '+']).next()).filter(|r| {
            // `1.85.0-1` is a Debian revision of a release; Rust's pre-releases start with a letter.
            r.starts_with(|c: char| c.is_ascii_alphabetic())
        });
        Some(Self { numbers: [major, minor, patch], pre: pre.map(str::to_owned) })
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let rank = |v: &Self| (v.numbers, v.pre.is_none(), v.pre.clone());
        rank(self).cmp(&rank(other))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.numbers;
        write!(f, "{major}.{minor}.{patch}")?;
        self.pre.as_ref().map_or(Ok(()), |pre| write!(f, "-{pre}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_as_rustc_cargo_and_debian_write_them() {
        let cases = [
            ("1.95", Some("1.95.0")),
            ("1.96.0", Some("1.96.0")),
            ("1.97.0-nightly", Some("1.97.0-nightly")),
            ("1.96.0+dfsg1-1~deb12u2", Some("1.96.0")),
            ("1.85.0-1", Some("1.85.0")),
            ("1", None),
            ("", None),
            ("nightly", None),
            ("99999999999999999999.1", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Version::parse(text).map(|v| v.to_string()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_nightly_comes_before_its_release() {
        let v = |t| Version::parse(t).unwrap();
        assert!(v("1.97.0-nightly") < v("1.97"));
        assert!(v("1.97.0-nightly") > v("1.96.9"));
        assert!(v("1.100") > v("1.99"));
    }
}
