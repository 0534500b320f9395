//! Sigstore bundles, version 0.3: a signature and the data for its verification, in one document.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use xtask_files::error::Result;
use xtask_oci::Digest;

use crate::dsse::{Envelope, decoded};
use crate::key::PublicKey;
use crate::names::BUNDLE;
use crate::signing_key::SigningKey;

/// A bundle. A bundle of other tools may contain a certificate and log entries instead of a key's hint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SigstoreBundle {
    media_type: String,
    verification_material: Value,
    #[serde(flatten)]
    content: BundleContent,
}

/// The signed content of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BundleContent {
    /// A payload inside the bundle.
    DsseEnvelope(Envelope),
    /// A file beside the bundle.
    MessageSignature(MessageSignature),
}

/// The signature of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageSignature {
    message_digest: MessageDigest,
    /// The signature in DER, in base64.
    signature: String,
}

/// The digest of a signed file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct MessageDigest {
    algorithm: String,
    /// The digest, in base64.
    digest: String,
}

impl MessageSignature {
    /// Returns the signature in DER without verifying it, or none if it is not base64.
    pub fn der(&self) -> Option<Vec<u8>> {
        decoded(&self.signature)
    }
}

impl SigstoreBundle {
    /// Makes a bundle of a signed envelope.
    pub fn of_envelope(envelope: Envelope, key: &PublicKey) -> Self {
        Self::new(BundleContent::DsseEnvelope(envelope), key)
    }

    /// Signs the bytes of a file.
    ///
    /// # Errors
    /// The key cannot be used.
    pub fn of_file(bytes: &[u8], key: &dyn SigningKey) -> Result<Self> {
        let message_digest = MessageDigest {
            algorithm: "SHA2_256".to_owned(),
            digest: BASE64_STANDARD.encode(Digest::of(bytes).bytes()),
        };
        let signature = BASE64_STANDARD.encode(key.sign(&[bytes])?);
        let content = BundleContent::MessageSignature(MessageSignature { message_digest, signature });
        Ok(Self::new(content, key.public()))
    }

    fn new(content: BundleContent, key: &PublicKey) -> Self {
        let verification_material = json!({"publicKey": {"hint": key.hint()}});
        Self { media_type: BUNDLE.to_owned(), verification_material, content }
    }

    /// Reads a bundle of version 0.3. Returns none if the bytes are not such a bundle.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let bundle: Self = serde_json::from_slice(bytes).ok()?;
        (bundle.media_type == BUNDLE).then_some(bundle)
    }

    /// Returns the bundle as JSON, without white space.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Returns the signed content.
    pub fn content(&self) -> &BundleContent {
        &self.content
    }

    /// Returns whether it is this key's signature of a file with these bytes.
    pub fn verifies_file(&self, bytes: &[u8], key: &PublicKey) -> bool {
        let BundleContent::MessageSignature(signature) = &self.content else { return false };
        let same = decoded(&signature.message_digest.digest)
            .is_some_and(|digest| digest == Digest::of(bytes).bytes());
        same && decoded(&signature.signature).is_some_and(|der| key.verifies(&[bytes], &der))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::key::tests::{key, other_key};
    use crate::names::IN_TOTO;

    #[test]
    fn bundles_have_the_form_that_cosign_reads() {
        let key = key();
        let envelope = Envelope::sign(IN_TOTO, b"{}", &key).unwrap();
        let bundle = SigstoreBundle::of_envelope(envelope.clone(), key.public());
        let json: Value = serde_json::from_slice(&bundle.to_json()).unwrap();
        assert_eq!(json["mediaType"], BUNDLE);
        assert_eq!(json["verificationMaterial"]["publicKey"]["hint"], key.public().hint());
        assert_eq!(json["dsseEnvelope"]["payloadType"], IN_TOTO);
        let read = SigstoreBundle::parse(&bundle.to_json()).unwrap();
        assert_eq!(read.content(), &BundleContent::DsseEnvelope(envelope));
    }

    #[test]
    fn a_stranger_s_bundle_can_be_read() {
        let text = json!({
            "mediaType": BUNDLE,
            "verificationMaterial": {"certificate": {"rawBytes": "AA=="}, "tlogEntries": [{"logIndex": "1"}]},
            "dsseEnvelope": {"payload": "e30=", "payloadType": IN_TOTO, "signatures": [{"sig": "AA==", "keyid": ""}]},
        });
        let read = SigstoreBundle::parse(text.to_string().as_bytes()).unwrap();
        let BundleContent::DsseEnvelope(envelope) = read.content() else { panic!("{read:?}") };
        assert_eq!(envelope.verified(key().public()), None);
    }

    proptest! {
        #[test]
        fn a_file_that_differs_is_noticed(bytes in proptest::collection::vec(any::<u8>(), 1..80), at in any::<usize>()) {
            let key = key();
            let bundle = SigstoreBundle::parse(&SigstoreBundle::of_file(&bytes, &key).unwrap().to_json()).unwrap();
            prop_assert!(bundle.verifies_file(&bytes, key.public()));
            prop_assert!(!bundle.verifies_file(&bytes, other_key().public()));
            let mut changed = bytes.clone();
            changed[at % bytes.len()] ^= 1;
            prop_assert!(!bundle.verifies_file(&changed, key.public()));
        }

        #[test]
        fn reading_never_panics(text in ".{0,200}") {
            let _ = SigstoreBundle::parse(text.as_bytes());
        }
    }
}
