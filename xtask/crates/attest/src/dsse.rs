//! Signed envelopes: DSSE 1.0.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::{Deserialize, Serialize};
use xtask_files::error::Result;

use crate::key::PublicKey;
use crate::signing_key::SigningKey;

/// A payload with its type, and signatures of both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// The payload, in base64.
    payload: String,
    payload_type: String,
    signatures: Vec<EnvelopeSignature>,
}

/// A signature of an envelope. It names no key, because cosign 3.1 rejects a bundle whose signature names
/// one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct EnvelopeSignature {
    /// The signature, in base64.
    sig: String,
}

impl Envelope {
    /// Signs a payload of a type.
    ///
    /// # Errors
    /// The key cannot be used.
    pub fn sign(payload_type: &str, payload: &[u8], key: &dyn SigningKey) -> Result<Self> {
        let signature = key.sign(&[&head(payload_type, payload.len()), payload])?;
        Ok(Self {
            payload: BASE64_STANDARD.encode(payload),
            payload_type: payload_type.to_owned(),
            signatures: vec![EnvelopeSignature { sig: BASE64_STANDARD.encode(signature) }],
        })
    }

    /// Reads an envelope. Returns none if the bytes are not an envelope.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// Returns the envelope as JSON, without white space.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Returns the type of the payload: [`crate::names::IN_TOTO`].
    pub fn payload_type(&self) -> &str {
        &self.payload_type
    }

    /// Returns the payload without verifying a signature, or none if it is not base64.
    pub fn payload(&self) -> Option<Vec<u8>> {
        decoded(&self.payload)
    }

    /// Returns the payload if this key has signed it.
    pub fn verified(&self, key: &PublicKey) -> Option<Vec<u8>> {
        let payload = self.payload()?;
        let head = head(&self.payload_type, payload.len());
        let mut signatures = self.signatures.iter().filter_map(|signature| decoded(&signature.sig));
        signatures.any(|signature| key.verifies(&[&head, &payload], &signature)).then_some(payload)
    }
}

/// Returns the text that is signed in front of the payload: the version, the type and both lengths (DSSE's
/// pre-authentication encoding).
fn head(payload_type: &str, length: usize) -> Vec<u8> {
    format!("DSSEv1 {} {payload_type} {length} ", payload_type.len()).into_bytes()
}

/// Decodes base64 in the standard alphabet with padding.
pub(crate) fn decoded(text: &str) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::key::tests::{key, other_key};
    use crate::names::IN_TOTO;

    #[test]
    fn what_is_signed_is_the_example_of_the_specification() {
        let mut signed = head("http://example.com/HelloWorld", 11);
        signed.extend(b"hello world");
        assert_eq!(signed, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }

    #[test]
    fn an_envelope_names_no_key() {
        let envelope = Envelope::sign(IN_TOTO, b"{}", &key()).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&envelope.to_json()).unwrap();
        assert_eq!(json["payload"], "e30=");
        assert_eq!(json["signatures"][0].as_object().unwrap().keys().collect::<Vec<_>>(), ["sig"]);
    }

    proptest! {
        #[test]
        fn any_change_of_a_signed_envelope_is_noticed(payload in proptest::collection::vec(any::<u8>(), 1..80), at in any::<usize>(), bit in 0..8_u8) {
            let key = key();
            let envelope = Envelope::parse(&Envelope::sign(IN_TOTO, &payload, &key).unwrap().to_json()).unwrap();
            prop_assert_eq!(envelope.verified(key.public()), Some(payload.clone()));
            prop_assert_eq!(envelope.verified(other_key().public()), None);
            let mut changed = payload.clone();
            changed[at % payload.len()] ^= 1 << bit;
            let forged = Envelope { payload: BASE64_STANDARD.encode(changed), ..envelope.clone() };
            prop_assert_eq!(forged.verified(key.public()), None);
            let retyped = Envelope { payload_type: "text/plain".to_owned(), ..envelope };
            prop_assert_eq!(retyped.verified(key.public()), None);
        }

        #[test]
        fn reading_never_panics(text in ".{0,200}") {
            let _ = Envelope::parse(text.as_bytes()).and_then(|envelope| envelope.verified(key().public()));
        }
    }
}
