//! The certificate authorities that Mozilla trusts, from the crate `webpki-root-certs`.

use std::sync::OnceLock;

/// The crate and its version: Cargo.toml pins it, and a test holds this against that line.
pub const CRATE: (&str, &str) = ("webpki-root-certs", "1.0.11");

/// All certificates as PEM (RFC 7468), in the order of their DER bytes. Made once per process.
pub fn pem_bundle() -> &'static [u8] {
    static BUNDLE: OnceLock<Vec<u8>> = OnceLock::new();
    BUNDLE.get_or_init(|| {
        let mut certificates: Vec<&[u8]> =
            webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().map(|certificate| certificate.as_ref()).collect();
        certificates.sort_unstable();
        let mut pem = Vec::with_capacity(256 << 10);
        for der in certificates {
            pem.extend_from_slice(b"-----BEGIN CERTIFICATE-----\n");
            push_base64_lines(&mut pem, der);
            pem.extend_from_slice(b"-----END CERTIFICATE-----\n");
        }
        pem
    })
}

/// Base64 (RFC 4648) in lines of 64 characters. Kept to few steps for each three bytes: this crate runs unoptimised.
fn push_base64_lines(out: &mut Vec<u8>, der: &[u8]) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |bits: u32| DIGITS[(bits & 63) as usize];
    for line in der.chunks(48) {
        let mut left = line;
        while let [a, b, c, rest @ ..] = left {
            let bits = u32::from_be_bytes([0, *a, *b, *c]);
            out.extend_from_slice(&[digit(bits >> 18), digit(bits >> 12), digit(bits >> 6), digit(bits)]);
            left = rest;
        }
        match *left {
            [a] => {
                let bits = u32::from_be_bytes([0, a, 0, 0]);
                out.extend_from_slice(&[digit(bits >> 18), digit(bits >> 12), b'=', b'=']);
            }
            [a, b] => {
                let bits = u32::from_be_bytes([0, a, b, 0]);
                out.extend_from_slice(&[digit(bits >> 18), digit(bits >> 12), digit(bits >> 6), b'=']);
            }
            _ => {}
        }
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_the_rfc_has_it() {
        for (bytes, text) in [("f", "Zg==\n"), ("fo", "Zm8=\n"), ("foo", "Zm9v\n"), ("foobar", "Zm9vYmFy\n")]
        {
            let mut out = Vec::new();
            push_base64_lines(&mut out, bytes.as_bytes());
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
        let mut out = Vec::new();
        push_base64_lines(&mut out, &[0xff; 49]);
        assert_eq!(String::from_utf8(out).unwrap(), format!("{}\n/w==\n", "/".repeat(64)));
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
