//! ECDSA over P-256 with SHA-256, with the same cryptography as TLS here.

/// The bytes before the point of a P-256 key in a SubjectPublicKeyInfo (RFC 5480): two sequences, the
/// identifiers of elliptic curves and of this curve, and the header of the bit string.
pub(crate) const SPKI_HEAD: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

pub(crate) use arithmetic::{
    Private, Public, from_pkcs8, from_point, from_sec1, generated, sign, spki, verifies,
};

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod arithmetic {
    use graviola::hashing::Sha256;
    use graviola::signing::ecdsa::{P256, SigningKey, VerifyingKey};

    use super::SPKI_HEAD;

    /// The maximum size of a signature in DER: two integers of 33 bytes with their headers, in a sequence.
    const SIGNATURE_MAX: usize = 72;

    pub(crate) type Private = SigningKey<P256>;
    pub(crate) type Public = VerifyingKey<P256>;

    pub(crate) fn from_pkcs8(der: &[u8]) -> Option<Private> {
        Private::from_pkcs8_der(der).ok()
    }

    pub(crate) fn from_sec1(der: &[u8]) -> Option<Private> {
        Private::from_sec1_der(der).ok()
    }

    /// Returns a new key as PKCS#8, or none if the system provides no random numbers.
    pub(crate) fn generated() -> Option<Vec<u8>> {
        let mut room = [0; 256];
        Some(Private::generate().ok()?.to_pkcs8_der(&mut room).ok()?.to_vec())
    }

    /// Returns the signature of a message in DER, or none if the system provides no random numbers.
    pub(crate) fn sign(key: &Private, message: &[&[u8]]) -> Option<Vec<u8>> {
        let mut room = [0; SIGNATURE_MAX];
        Some(key.sign_asn1::<Sha256>(message, &mut room).ok()?.to_vec())
    }

    /// Returns the public key as SubjectPublicKeyInfo.
    pub(crate) fn spki(key: &Private) -> Option<Vec<u8>> {
        let mut room = [0; SPKI_HEAD.len() + 65];
        Some(key.to_spki_der(&mut room).ok()?.to_vec())
    }

    /// Reads an uncompressed point: 0x04 and two coordinates of 32 bytes.
    pub(crate) fn from_point(point: &[u8]) -> Option<Public> {
        Public::from_x962_uncompressed(point).ok()
    }

    pub(crate) fn verifies(key: &Public, message: &[&[u8]], signature: &[u8]) -> bool {
        key.verify_asn1::<Sha256>(message, signature).is_ok()
    }
}

/// There are no keys on this processor: [`xtask_process::processor::lacks`] gives the reason.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod arithmetic {
    pub(crate) use std::convert::{Infallible as Private, Infallible as Public};

    pub(crate) fn from_pkcs8(_: &[u8]) -> Option<Private> {
        None
    }

    pub(crate) fn from_sec1(_: &[u8]) -> Option<Private> {
        None
    }

    pub(crate) fn generated() -> Option<Vec<u8>> {
        None
    }

    pub(crate) fn sign(key: &Private, _: &[&[u8]]) -> Option<Vec<u8>> {
        match *key {}
    }

    pub(crate) fn spki(key: &Private) -> Option<Vec<u8>> {
        match *key {}
    }

    pub(crate) fn from_point(_: &[u8]) -> Option<Public> {
        None
    }

    pub(crate) fn verifies(key: &Public, _: &[&[u8]], _: &[u8]) -> bool {
        match *key {}
    }
}
