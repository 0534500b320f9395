//! Versions of the GNU C library.

use std::fmt;

/// A glibc version, as in targets.toml's `glibc = "2.31"` and in symbol versions such as `GLIBC_2.2.5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Glibc {
    /// The first number of the version, which is 2 since 1997.
    pub major: u16,
    /// The second number of the version, such as 31 in 2.31.
    pub minor: u16,
    /// The third number of the version, such as 5 in 2.2.5; 0 if it is left out.
    pub patch: u16,
}

/// Version names without a number, with the glibc that introduced them. Source: glibc's NEWS for 2.36,
/// "DT_RELR".
const MARKERS: [(&str, Glibc); 1] = [("GLIBC_ABI_DT_RELR", Glibc { major: 2, minor: 36, patch: 0 })];

/// The version name of glibc's internal symbols, which change from release to release.
pub(super) const PRIVATE: &str = "GLIBC_PRIVATE";

impl Glibc {
    /// Parses `2.31` or `2.2.5`. Any other text gives none.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = |field: &str| {
            let plain = !field.is_empty() && field.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| field.parse::<u16>().ok()).flatten()
        };
        let mut fields = text.split('.');
        let (major, minor) = (digits(fields.next()?)?, digits(fields.next()?)?);
        let patch = fields.next().map_or(Some(0), digits)?;
        fields.next().is_none().then_some(Self { major, minor, patch })
    }

    /// Returns the glibc that introduced the symbol version `name`, or none for `GLIBC_PRIVATE` and the
    /// versions of other libraries.
    pub fn of_symbol(name: &str) -> Option<Self> {
        let marker = MARKERS.iter().find(|(marker, _)| *marker == name).map(|(_, version)| *version);
        marker.or_else(|| Self::parse(name.strip_prefix("GLIBC_")?))
    }
}

impl fmt::Display for Glibc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        if self.patch > 0 { write!(f, ".{}", self.patch) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_by_number_not_by_text() {
        let parse = |text| Glibc::parse(text).unwrap();
        assert!(
            parse("2.4") < parse("2.31") && parse("2.2.5") < parse("2.3") && parse("2.3") < parse("2.3.4")
        );
        assert_eq!(parse("2.2.5").to_string(), "2.2.5");
        assert_eq!(parse("2.31").to_string(), "2.31");
    }

    #[test]
    fn only_numbers_are_versions() {
        for text in ["", "2", "2.", ".2", "2.+3", "2.3.4.5", "2.x", "2.99999", " 2.3"] {
            assert_eq!(Glibc::parse(text), None, "{text:?}");
        }
        assert_eq!(Glibc::of_symbol("GLIBC_2.34"), Glibc::parse("2.34"));
        assert_eq!(Glibc::of_symbol("GLIBC_ABI_DT_RELR"), Glibc::parse("2.36"));
        assert_eq!(Glibc::of_symbol("GLIBC_PRIVATE"), None);
        assert_eq!(Glibc::of_symbol("GLIBCXX_3.4.29"), None);
    }
}
