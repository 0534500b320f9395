//! Reads the signatures and attestations that are attached to an image in a registry, in the formats of
//! cosign 2 and cosign 3.
//!
//! | form | where it is | what it holds |
//! |---|---|---|
//! | payload | tag `sha256-….sig`, a layer each | cosign's payload; the signature is an annotation |
//! | envelope | tag `sha256-….att`, a layer each | a signed statement |
//! | bundle | a referrer | a signed statement, with what it is verified with |

use xtask_attest::{BundleContent, Envelope, PublicKey, SigstoreBundle, SimpleSigning, Statement, names};
use xtask_files::error::{Error, Result};
use xtask_files::threads::side_by_side;
use xtask_oci::Digest;
use xtask_oci::document::{Descriptor, Manifest};
use xtask_registry::Reference;
use xtask_registry::client::Client;

/// The maximum size of a document, in bytes. The bill of materials of a large program has some megabytes.
const DOCUMENT_MAX: u64 = 64 << 20;
/// How many documents are read in parallel.
const AT_A_TIME: usize = 4;

/// The way in which a document is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AttachedForm {
    /// A layer of the tag `sha256-….sig`.
    Payload,
    /// A layer of the tag `sha256-….att`.
    Envelope,
    /// A layer of a referrer.
    Bundle,
}

impl AttachedForm {
    /// Returns the media type of the layer.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Payload => names::SIMPLE_SIGNING,
            Self::Envelope => names::ENVELOPE,
            Self::Bundle => names::BUNDLE,
        }
    }

    /// Returns the tag whose manifest holds all documents of this form, or none for referrers.
    pub fn tag(self, subject: &Digest) -> Option<String> {
        match self {
            Self::Payload => Some(format!("sha256-{}.sig", subject.hex())),
            Self::Envelope => Some(format!("sha256-{}.att", subject.hex())),
            Self::Bundle => None,
        }
    }
}

/// A document that is attached to an image. Its signature has not been verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachedDocument {
    /// The digest of the manifest that holds it.
    pub manifest: Digest,
    /// The way in which it is attached.
    pub form: AttachedForm,
    /// The bytes of the document.
    pub bytes: Vec<u8>,
    /// The signature of a payload, in base64.
    signature: Option<String>,
}

/// A verified fact that a key has signed about an image.
#[derive(Debug, Clone, PartialEq)]
pub enum KeySaid {
    /// A signature: this is the image that was released.
    Signed,
    /// An attestation: a statement about the image.
    Stated(Statement),
}

impl AttachedDocument {
    /// Returns what a key has signed about an image in this document. Returns none if the key has not signed
    /// it, or has signed it for another image. An attestation is never accepted as a signature.
    pub fn said_by(&self, key: &PublicKey, subject: &Digest) -> Option<KeySaid> {
        if self.form == AttachedForm::Payload {
            let payload = SimpleSigning::verified(&self.bytes, self.signature.as_ref()?, key)?;
            return payload.is_about(subject).then_some(KeySaid::Signed);
        }
        let envelope = self.envelope()?;
        let statement = Statement::parse(&envelope.verified(key)?)?;
        match (envelope.payload_type() == names::IN_TOTO && statement.is_about(subject), self.form) {
            (false, _) => None,
            (true, AttachedForm::Bundle) if statement.predicate_type == names::COSIGN_SIGN => {
                Some(KeySaid::Signed)
            }
            (true, _) => Some(KeySaid::Stated(statement)),
        }
    }

    /// Returns what the document says of an image, without verifying its signature.
    pub fn claims(&self, subject: &Digest) -> Option<KeySaid> {
        if self.form == AttachedForm::Payload {
            return SimpleSigning::parse(&self.bytes)?.is_about(subject).then_some(KeySaid::Signed);
        }
        let statement = self.statement().filter(|statement| statement.is_about(subject))?;
        match self.form == AttachedForm::Bundle && statement.predicate_type == names::COSIGN_SIGN {
            true => Some(KeySaid::Signed),
            false => Some(KeySaid::Stated(statement)),
        }
    }

    /// Returns the statement of the document without verifying its signature. Returns none for a payload, or
    /// if it cannot be read.
    pub fn statement(&self) -> Option<Statement> {
        Statement::parse(&self.envelope()?.payload()?)
    }

    fn envelope(&self) -> Option<Envelope> {
        match self.form {
            AttachedForm::Payload => None,
            AttachedForm::Envelope => Envelope::parse(&self.bytes),
            AttachedForm::Bundle => match SigstoreBundle::parse(&self.bytes)?.content() {
                BundleContent::DsseEnvelope(envelope) => Some(envelope.clone()),
                BundleContent::MessageSignature(_) => None,
            },
        }
    }
}

/// Reads all documents that are attached to a manifest of a repository.
///
/// # Errors
/// The registry does not list them, lacks a listed document, or returns bytes with another digest.
pub fn read(client: &Client<'_>, repository: &Reference, subject: &Digest) -> Result<Vec<AttachedDocument>> {
    let mut layers: Vec<(Digest, AttachedForm, Descriptor)> = Vec::new();
    for form in [AttachedForm::Payload, AttachedForm::Envelope] {
        let tag = form.tag(subject).map(|tag| repository.tagged(&tag)).transpose()?;
        let there = tag.map(|tag| client.document(&tag)).transpose()?.flatten();
        if let Some(there) = there {
            layers.extend(layers_of(&there.bytes, form));
        }
    }
    let referrers = client.referrers(repository, subject)?;
    let read = side_by_side(referrers, AT_A_TIME, |digest| {
        let there = client.document(&repository.at(digest.clone()))?.ok_or_else(|| {
            Error::failed(format!("the registry lists {digest} among the referrers of {subject}"))
                .found("it does not have that manifest")
        })?;
        Ok(layers_of(&there.bytes, AttachedForm::Bundle))
    });
    for found in read {
        layers.extend(found?);
    }
    let read = side_by_side(layers, AT_A_TIME, |(manifest, form, layer)| {
        if layer.size > DOCUMENT_MAX {
            return Err(Error::failed(format!(
                "a document that is attached to {subject} has {} bytes",
                layer.size
            ))
            .found(format!("no more than {DOCUMENT_MAX} are read; it is in the manifest {manifest}")));
        }
        let mut bytes = Vec::new();
        client.blob(repository, &layer, &mut bytes, &|_| {})?;
        let signature = layer.annotations.get(names::SIGNATURE).cloned();
        Ok(AttachedDocument { manifest, form, bytes, signature })
    });
    read.into_iter().collect()
}

/// Returns the layers of a manifest that have a form, with the digest of the manifest. Bytes that are not a
/// manifest have none.
fn layers_of(bytes: &[u8], form: AttachedForm) -> Vec<(Digest, AttachedForm, Descriptor)> {
    let manifest: Option<Manifest> = serde_json::from_slice(bytes).ok();
    let layers = manifest.into_iter().flat_map(|manifest| manifest.layers);
    let layers = layers.filter(|layer| layer.media_type == form.media_type());
    layers.map(|layer| (Digest::of(bytes), form, layer)).collect()
}
