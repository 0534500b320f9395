//! The payload that cosign 2 signs: which image, by the digest of its manifest, under which repository.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::{Deserialize, Serialize};
use xtask_files::error::Result;
use xtask_oci::Digest;

use crate::dsse::decoded;
use crate::key::{PrivateKey, PublicKey};

/// The type of every payload.
const TYPE: &str = "cosign container image signature";

/// A payload: says that a repository holds an image of a digest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SimpleSigning {
    critical: CriticalPart,
    optional: Option<serde_json::Value>,
}

/// What a verifier must understand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct CriticalPart {
    identity: SigningIdentity,
    image: SignedImage,
    r#type: String,
}

/// The repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct SigningIdentity {
    docker_reference: String,
}

/// The image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct SignedImage {
    docker_manifest_digest: String,
}

impl SimpleSigning {
    /// The payload for an image in a repository, which is named with its registry: `registry.example/team/app`.
    pub fn new(repository: &str, digest: &Digest) -> Self {
        let critical = CriticalPart {
            identity: SigningIdentity { docker_reference: repository.to_owned() },
            image: SignedImage { docker_manifest_digest: digest.to_string() },
            r#type: TYPE.to_owned(),
        };
        Self { critical, optional: None }
    }

    /// The payload as JSON, and its signature in base64.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn sign(&self, key: &PrivateKey) -> Result<(Vec<u8>, String)> {
        let payload = self.to_json();
        let signature = BASE64_STANDARD.encode(key.sign(&[&payload])?);
        Ok((payload, signature))
    }

    /// Reads a payload that a key signed; none where it did not, or where the bytes are no payload.
    pub fn verified(payload: &[u8], signature: &str, key: &PublicKey) -> Option<Self> {
        let genuine = key.verifies(&[payload], &decoded(signature)?);
        Self::parse(payload).filter(|_| genuine)
    }

    /// Reads a payload; none where the bytes are none.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let payload: Self = serde_json::from_slice(bytes).ok()?;
        (payload.critical.r#type == TYPE).then_some(payload)
    }

    /// The payload as JSON, without white space.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Whether it is about the image of this digest. The repository is not compared: an image that was copied to another
    /// repository keeps its signature.
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
