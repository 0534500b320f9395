//! Reads the Release file of a suite (Debian's repository format, "Release files"), which is clear-signed.

use crate::deb::Paragraph;
use crate::lock::Stamp;

/// Returns when the archive made the file. The file must be of this suite of Debian.
pub(super) fn date(bytes: &[u8], suite: &str) -> Result<Stamp, String> {
    let fields = signed_fields(bytes)?;
    let (origin, name) = (fields.need("Origin")?, fields.need("Codename")?);
    if (origin, name) != ("Debian", suite) {
        return Err(format!("it is of {origin}, {name}"));
    }
    let date = fields.need("Date")?;
    Stamp::parse_release(date).ok_or_else(|| format!("{date:?} is not a date"))
}

/// Returns the fields that the signature covers (RFC 9580, "Cleartext Signature Framework").
fn signed_fields(bytes: &[u8]) -> Result<Paragraph, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    let signed =
        text.strip_prefix("-----BEGIN PGP SIGNED MESSAGE-----\n").ok_or("it is not a clear-signed text")?;
    // The text follows the header, which ends with an empty line.
    let (_, signed) = signed.split_once("\n\n").ok_or("it has no text")?;
    let (signed, _) = signed.split_once("\n-----BEGIN PGP SIGNATURE-----").ok_or("it has no signature")?;
    Paragraph::one(signed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SIGNED: &str = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nOrigin: Debian\nCodename: trixie\n\
        Date: Sat, 12 Sep 2026 07:55:41 UTC\nSHA256:\n e3b0 0 a\n-----BEGIN PGP SIGNATURE-----\n\nxx\n\
        -----END PGP SIGNATURE-----\n";

    #[test]
    fn what_is_signed_is_what_counts() {
        let date = |text: &str, suite: &str| date(text.as_bytes(), suite).map(|date| date.to_string());
        assert_eq!(date(SIGNED, "trixie").unwrap(), "2026-09-12T07:55:41Z");
        assert_eq!(date(SIGNED, "trixie-security").unwrap_err(), "it is of Debian, trixie");
        let later = "Date: Sat, 12 Sep 2030 07:55:41 UTC\n";
        assert!(date(&format!("{later}{SIGNED}"), "trixie").unwrap_err().contains("not a clear-signed text"));
        assert_eq!(date(&format!("{SIGNED}{later}"), "trixie").unwrap(), "2026-09-12T07:55:41Z");
        assert!(date(&SIGNED.replace("12 Sep", "XII Sep"), "trixie").unwrap_err().contains("is not a date"));
    }

    proptest! {
        #[test]
        fn any_release_file_is_read_or_refused(cut in 0..SIGNED.len(), byte: u8) {
            let mut bytes = SIGNED.as_bytes().to_vec();
            bytes[cut] = byte;
            let _ = date(&bytes, "trixie");
            let _ = date(&bytes[..cut], "trixie");
        }
    }
}
