//! The certificate authorities that Mozilla trusts, from the crate `webpki-root-certs`.

use std::sync::OnceLock;

use base64::prelude::{BASE64_STANDARD, Engine as _};

/// The crate and its version. Cargo.toml pins it, and a test compares the two.
pub const CRATE: (&str, &str) = ("webpki-root-certs", "1.0.11");

/// Returns all certificates as PEM (RFC 7468), in the order of their DER bytes. They are made once per
/// process.
pub fn pem_bundle() -> &'static [u8] {
    static BUNDLE: OnceLock<Vec<u8>> = OnceLock::new();
    BUNDLE.get_or_init(|| {
        let mut certificates: Vec<&[u8]> =
            webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().map(|certificate| certificate.as_ref()).collect();
        certificates.sort_unstable();
        let mut pem = String::with_capacity(256 << 10);
        for der in certificates {
            pem.push_str("-----BEGIN CERTIFICATE-----\n");
            push_base64_lines(&mut pem, der);
            pem.push_str("-----END CERTIFICATE-----\n");
        }
        pem.into_bytes()
    })
}

/// Writes Base64 in lines of 64 characters.
fn push_base64_lines(out: &mut String, der: &[u8]) {
    for line in der.chunks(48) {
        BASE64_STANDARD.encode_string(line, out);
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_the_rfc_has_it() {
        for (bytes, text) in [("f", "Zg==\n"), ("fo", "Zm8=\n"), ("foo", "Zm9v\n"), ("foobar", "Zm9vYmFy\n")]
        {
            let mut out = String::new();
            push_base64_lines(&mut out, bytes.as_bytes());
            assert_eq!(out, text);
        }
        let mut out = String::new();
        push_base64_lines(&mut out, &[0xff; 49]);
        assert_eq!(out, format!("{}\n/w==\n", "/".repeat(64)));
    }

    #[test]
    fn the_bundle_holds_every_certificate_once() {
        let text = std::str::from_utf8(pem_bundle()).unwrap();
        let count = webpki_root_certs::TLS_SERVER_ROOT_CERTS.len();
        assert!(count > 100);
        assert_eq!(text.matches("-----BEGIN CERTIFICATE-----\nMII").count(), count);
        assert_eq!(text.matches("-----END CERTIFICATE-----\n").count(), count);
        assert!(text.lines().all(|line| line.len() <= 64));
    }
}
