//! A glibc version in targets.toml.

use std::fmt;

/// A version of glibc, such as 2.31.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GlibcVersion {
    /// The major version, which has been 2 since 1997.
    pub major: u16,
    /// The number of the release within the major version.
    pub minor: u16,
}

impl GlibcVersion {
    /// The oldest version that Rust's standard library supports:
    /// <https://doc.rust-lang.org/rustc/platform-support.html>, the entries of the `*-linux-gnu` targets.
    /// Some targets need a newer one.
    pub const OLDEST: Self = Self { major: 2, minor: 17 };

    /// Reads `major.minor`: decimal numbers without leading zeros, as in glibc's symbol versions.
    pub fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        let number = |digits: &str| {
            let plain =
                digits.bytes().all(|b| b.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
            digits.parse().ok().filter(|_| plain)
        };
        Some(Self { major: number(major)?, minor: number(minor)? })
    }
}

impl fmt::Display for GlibcVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers_not_text() {
        let version = |text| GlibcVersion::parse(text).unwrap();
        assert!(version("2.9") < version("2.17") && version("2.17") < version("2.31"));
        assert_eq!(version("2.31").to_string(), "2.31");
        for text in
            ["", "2", "2.", ".31", "2.31.1", "2.031", "v2.31", "2.+31", " 2.31", "2.99999", "glibc2.31"]
        {
            assert_eq!(GlibcVersion::parse(text), None, "{text}");
        }
    }
}
