//! The payload that cosign 2 signs: the digest of an image's manifest, and its repository.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::{Deserialize, Serialize};
use xtask_files::error::Result;
use xtask_oci::Digest;

use crate::dsse::decoded;
use crate::key::PublicKey;
use crate::signing_key::SigningKey;

/// The type of every payload.
const TYPE: &str = "cosign container image signature";

/// A payload: it states that a repository contains an image with a digest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SimpleSigning {
    critical: CriticalPart,
    optional: Option<serde_json::Value>,
}

/// The part that a verifier must understand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct CriticalPart {
    identity: SigningIdentity,
    image: SignedImage,
    r#type: String,
}

/// The repository of the signed image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct SigningIdentity {
    docker_reference: String,
}

/// The signed image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct SignedImage {
    docker_manifest_digest: String,
}

impl SimpleSigning {
    /// Makes the payload for an image in a repository, which is named with its registry:
    /// `registry.example/team/app`.
    pub fn new(repository: &str, digest: &Digest) -> Self {
        let critical = CriticalPart {
            identity: SigningIdentity { docker_reference: repository.to_owned() },
            image: SignedImage { docker_manifest_digest: digest.to_string() },
            r#type: TYPE.to_owned(),
        };
        Self { critical, optional: None }
    }

    /// Returns the payload as JSON, and its signature in base64.
    ///
    /// # Errors
    /// The key cannot be used.
    pub fn sign(&self, key: &dyn SigningKey) -> Result<(Vec<u8>, String)> {
        let payload = self.to_json();
        let signature = BASE64_STANDARD.encode(key.sign(&[&payload])?);
        Ok((payload, signature))
    }

    /// Reads a payload that a key has signed. Returns none if the key has not signed it, or the bytes are not
    /// a payload.
    pub fn verified(payload: &[u8], signature: &str, key: &PublicKey) -> Option<Self> {
        let genuine = key.verifies(&[payload], &decoded(signature)?);
        Self::parse(payload).filter(|_| genuine)
    }

    /// Reads a payload without verifying it. Returns none if the bytes are not a payload.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let payload: Self = serde_json::from_slice(bytes).ok()?;
        (payload.critical.r#type == TYPE).then_some(payload)
    }

    /// Returns the payload as JSON, without white space.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Returns whether it is about the image with this digest. The repository is not compared: an image that
    /// was copied to another repository keeps its signature.
    pub fn is_about(&self, digest: &Digest) -> bool {
        self.critical.image.docker_manifest_digest == digest.as_str()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::key::tests::{key, other_key};

    #[test]
    fn a_payload_is_written_as_cosign_has_it() {
        let digest = Digest::of(b"x");
        let payload = SimpleSigning::new("registry.example/team/app", &digest);
        let text = format!(
            "{{\"critical\":{{\"identity\":{{\"docker-reference\":\"registry.example/team/app\"}},\
             \"image\":{{\"docker-manifest-digest\":\"{digest}\"}},\"type\":\"cosign container image signature\"}},\
             \"optional\":null}}"
        );
        assert_eq!(String::from_utf8(payload.to_json()).unwrap(), text);
        let read = SimpleSigning::parse(text.as_bytes()).unwrap();
        assert!(read.is_about(&digest) && !read.is_about(&Digest::of(b"y")));
        let annotated = text.replace("null", "{\"a\":\"b\"}");
        assert!(SimpleSigning::parse(annotated.as_bytes()).unwrap().is_about(&digest));
        assert_eq!(SimpleSigning::parse(text.replace("cosign container", "a").as_bytes()), None);
    }

    #[test]
    fn a_payload_is_that_of_one_key() {
        let (key, digest) = (key(), Digest::of(b"x"));
        let (payload, signature) = SimpleSigning::new("r.example/app", &digest).sign(&key).unwrap();
        assert!(SimpleSigning::verified(&payload, &signature, key.public()).unwrap().is_about(&digest));
        assert_eq!(SimpleSigning::verified(&payload, &signature, other_key().public()), None);
        assert_eq!(SimpleSigning::verified(&payload[1..], &signature, key.public()), None);
        assert_eq!(SimpleSigning::verified(&payload, "?", key.public()), None);
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in ".{0,200}") {
            let _ = SimpleSigning::parse(text.as_bytes());
        }
    }
}
