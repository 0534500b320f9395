//! Attaches signatures and attestations to an image in its repository. Those that a key has not made yet are signed and
//! pushed, and all of them are read back.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use serde_json::json;
use xtask_attest::{Envelope, SigningKey, SigstoreBundle, SimpleSigning, Statement, Subject, names};
use xtask_files::error::{Error, Result};
use xtask_files::threads::side_by_side;
use xtask_oci::Digest;
use xtask_oci::document::{Descriptor, Manifest, media_type};

use super::Publication;
use super::push::{AT_A_TIME, Publisher};
use crate::attached::{self, AttachedDocument, AttachedForm, KeySaid};
use crate::provenance;
use xtask_registry::Reference;
use xtask_registry::push::OutgoingBlob;

/// A key and the statements that it signs about images.
#[derive(Debug)]
pub struct Attestor {
    /// The key that signs.
    pub key: Box<dyn SigningKey>,
    /// Whether the key signs the images themselves, beside the statements.
    pub signs: bool,
    /// The statements about images.
    pub statements: Vec<Statement>,
}

/// The manifests of one repository that signatures and statements are attached to.
#[derive(Debug)]
pub struct AttachTarget<'a> {
    /// The name of the image in progress messages.
    pub name: &'a str,
    /// The repository.
    pub to: &'a Reference,
    /// The manifests: an index and its platforms.
    pub subjects: Vec<&'a Descriptor>,
}

/// A signature or an attestation that an image has in its repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AttachedRecord {
    /// The manifest that it is attached to.
    pub subject: Digest,
    /// `signature` or `attestation`.
    pub kind: String,
    /// The manifest that holds it.
    pub digest: Digest,
    /// The media type of the document.
    pub media_type: String,
    /// The type of the predicate; none for a signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicate_type: Option<String>,
}

impl AttachedRecord {
    /// The record of a document that says something of an image.
    pub(super) fn new(subject: &Digest, document: &AttachedDocument, said: KeySaid) -> Self {
        let (kind, predicate_type) = match said {
            KeySaid::Signed => ("signature", None),
            KeySaid::Stated(statement) => ("attestation", Some(statement.predicate_type)),
        };
        Self {
            subject: subject.clone(),
            kind: kind.to_owned(),
            digest: document.manifest.clone(),
            media_type: document.form.media_type().to_owned(),
            predicate_type,
        }
    }
}

/// Reads the statements of a release: every file below `provenance`. A missing folder has none.
///
/// # Errors
/// A file cannot be read, or is not a statement.
pub fn statements(provenance: &Path) -> Result<Vec<Statement>> {
    let mut all = Vec::new();
    let mut folders = vec![provenance.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
            entries => entries.map_err(|e| Error::io("cannot read", &folder, &e))?,
        };
        for entry in entries {
            let path = entry.map_err(|e| Error::io("cannot read", &folder, &e))?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ext| ext == "json") {
                all.push(provenance::write::read(&path)?);
            }
        }
    }
    // The order of a folder depends on the file system.
    all.sort_by_cached_key(|statement| (statement.predicate_type.clone(), statement.to_json()));
    Ok(all)
}

/// The statements about a manifest.
pub(super) fn statements_about<'a>(
    statements: &'a [Statement],
    subject: &'a Digest,
) -> impl Iterator<Item = &'a Statement> {
    statements.iter().filter(|statement| statement.is_about(subject))
}

/// The signatures and statements of a key that are not attached to an image yet.
struct Unsaid<'a> {
    /// The forms in which the image is not signed.
    signatures: Vec<AttachedForm>,
    /// The statements that are not attached in a form.
    statements: Vec<(AttachedForm, &'a Statement)>,
}

impl Unsaid<'_> {
    fn is_empty(&self) -> bool {
        self.signatures.is_empty() && self.statements.is_empty()
    }
}

impl Attestor {
    /// Returns the key under which the journal remembers what was attached to an image. It depends on the signing key and on
    /// every statement.
    pub fn name(&self, publication: &Publication) -> String {
        publication.attachments(&self.key.public().hint(), &self.statements)
    }

    fn statements_about<'a>(&'a self, subject: &'a Digest) -> impl Iterator<Item = &'a Statement> {
        statements_about(&self.statements, subject)
    }

    /// Returns what is still to be attached to an image.
    fn unsaid<'a>(&'a self, subject: &'a Digest, there: &[AttachedDocument]) -> Unsaid<'a> {
        let said: Vec<_> = there
            .iter()
            .filter_map(|document| Some((document.form, document.said_by(self.key.public(), subject)?)))
            .collect();
        let missing =
            |form: AttachedForm, what: &KeySaid| !said.iter().any(|(f, said)| *f == form && said == what);
        let signatures = [AttachedForm::Payload, AttachedForm::Bundle].into_iter().filter(|_| self.signs);
        let statements = self.statements_about(subject).flat_map(|statement| {
            let forms = [AttachedForm::Bundle, AttachedForm::Envelope];
            forms.into_iter().map(move |form| (form, statement))
        });
        Unsaid {
            signatures: signatures.filter(|form| missing(*form, &KeySaid::Signed)).collect(),
            statements: statements
                .filter(|(form, statement)| missing(*form, &KeySaid::Stated((*statement).clone())))
                .collect(),
        }
    }

    /// Returns the records of the documents that this key signed about an image.
    fn records(&self, subject: &Digest, there: &[AttachedDocument]) -> Vec<AttachedRecord> {
        let record = |document: &AttachedDocument| {
            let said = document.said_by(self.key.public(), subject)?;
            Some(AttachedRecord::new(subject, document, said))
        };
        let mut records: Vec<_> = there.iter().filter_map(record).collect();
        records.sort();
        records
    }
}

impl Publisher<'_> {
    /// Signs manifests, attaches the statements about them, and reads all of it back.
    ///
    /// # Errors
    /// The registry refuses something, or does not have it afterwards.
    pub fn attach(&self, target: &AttachTarget<'_>, attestor: &Attestor) -> Result<Vec<AttachedRecord>> {
        let to = target.to;
        let task = self.ui.task("Signing", format!("{} in {}", target.name, to.repository()));
        task.parts(target.subjects.len(), "manifest");
        // Pushed once, before any manifest refers to it. docker-registry truncates the link of a blob that is pushed again,
        // and refuses a manifest at that moment because the blob seems to be missing.
        let config = self.push_bytes(to, media_type::EMPTY, b"{}")?;
        let attached = side_by_side(target.subjects.clone(), AT_A_TIME, |subject: &Descriptor| {
            let _doing = task.doing(subject.digest.to_string());
            let there = attached::read(&self.client, to, &subject.digest)?;
            let unsaid = attestor.unsaid(&subject.digest, &there);
            let there = if unsaid.is_empty() {
                there
            } else {
                self.say(to, (subject, &config), &unsaid, attestor.key.as_ref())?;
                let there = attached::read(&self.client, to, &subject.digest)?;
                if !attestor.unsaid(&subject.digest, &there).is_empty() {
                    return Err(Error::failed(format!(
                        "the registry does not have all documents that were attached to {}",
                        subject.digest
                    ))
                    .help("publish again: missing documents are attached"));
                }
                there
            };
            Ok(attestor.records(&subject.digest, &there))
        });
        Ok(attached.into_iter().collect::<Result<Vec<_>>>()?.concat())
    }

    fn say(
        &self,
        to: &Reference,
        (subject, config): (&Descriptor, &Descriptor),
        unsaid: &Unsaid<'_>,
        key: &dyn SigningKey,
    ) -> Result<()> {
        let mut bundles = Vec::new();
        let signed = Statement::new(vec![Subject::new(None, &subject.digest)], names::COSIGN_SIGN, json!({}));
        let mut envelopes = Vec::new();
        for (form, statement) in &unsaid.statements {
            match form {
                AttachedForm::Bundle => bundles.push(*statement),
                _ => {
                    let envelope = Envelope::sign(names::IN_TOTO, &statement.to_json(), key)?;
                    envelopes.push((
                        envelope.to_json(),
                        BTreeMap::from([
                            (names::SIGNATURE.to_owned(), String::new()),
                            (names::PREDICATE_TYPE.to_owned(), statement.predicate_type.clone()),
                        ]),
                    ));
                }
            }
        }
        let mut payloads = Vec::new();
        for form in &unsaid.signatures {
            match form {
                AttachedForm::Payload => {
                    let payload = SimpleSigning::new(&to.name(), &subject.digest);
                    let (payload, signature) = payload.sign(key)?;
                    payloads.push((payload, BTreeMap::from([(names::SIGNATURE.to_owned(), signature)])));
                }
                _ => bundles.push(&signed),
            }
        }
        self.add_layers(to, &subject.digest, AttachedForm::Payload, &payloads)?;
        self.add_layers(to, &subject.digest, AttachedForm::Envelope, &envelopes)?;
        let manifests = side_by_side(bundles, AT_A_TIME, |statement| {
            let envelope = Envelope::sign(names::IN_TOTO, &statement.to_json(), key)?;
            let bundle = SigstoreBundle::of_envelope(envelope, key.public());
            let bundle = bundle.to_json();
            let manifest = self.bundle_manifest(to, (subject, config), statement, &bundle)?;
            Ok((manifest, bundle))
        });
        let pushed = manifests.into_iter().collect::<Result<Vec<_>>>()?;
        let (manifests, bundles): (Vec<Manifest>, Vec<Vec<u8>>) = pushed.into_iter().unzip();
        let mend = || {
            self.push_bytes(to, media_type::EMPTY, b"{}")?;
            bundles.iter().try_for_each(|b| self.push_bytes(to, names::BUNDLE, b).map(|_| ()))
        };
        self.client.attach(to, &subject.digest, &manifests, mend)
    }

    /// Pushes the blobs of a bundle, and returns its manifest, which contains no time.
    fn bundle_manifest(
        &self,
        to: &Reference,
        (subject, config): (&Descriptor, &Descriptor),
        statement: &Statement,
        bundle: &[u8],
    ) -> Result<Manifest> {
        let layer = self.push_bytes(to, names::BUNDLE, bundle)?;
        let annotations = BTreeMap::from([
            (names::BUNDLE_CONTENT.to_owned(), names::DSSE_ENVELOPE.to_owned()),
            (names::BUNDLE_PREDICATE_TYPE.to_owned(), statement.predicate_type.clone()),
        ]);
        let named = Descriptor::new(&subject.media_type, subject.digest.clone(), subject.size);
        Ok(Manifest {
            artifact_type: Some(names::BUNDLE.to_owned()),
            subject: Some(Box::new(named)),
            ..Manifest::new(config.clone(), vec![layer], annotations)
        })
    }

    /// Adds layers to the manifest under the tag of a form. Layers that others added stay.
    fn add_layers(
        &self,
        to: &Reference,
        subject: &Digest,
        form: AttachedForm,
        documents: &[(Vec<u8>, BTreeMap<String, String>)],
    ) -> Result<()> {
        let Some(tag) = form.tag(subject).filter(|_| !documents.is_empty()) else { return Ok(()) };
        let tag = to.tagged(&tag)?;
        let mut ours = Vec::new();
        for (bytes, annotations) in documents {
            let mut layer = Descriptor::of(form.media_type(), bytes);
            layer.annotations = annotations.clone();
            ours.push(layer);
        }
        self.client.amend(&tag, media_type::MANIFEST, |there| {
            let mut layers = match there {
                None => Vec::new(),
                Some(bytes) => {
                    let manifest: Manifest = serde_json::from_slice(bytes).map_err(|e| {
                        Error::failed(format!("{tag} is not a manifest with signatures: {e}"))
                            .help("find out what wrote it; remove the tag if nothing needs it")
                    })?;
                    manifest.layers
                }
            };
            let missing: Vec<_> = ours.iter().filter(|layer| !layers.contains(layer)).cloned().collect();
            if missing.is_empty() {
                return Ok(None);
            }
            for (bytes, _) in documents {
                self.push_bytes(to, form.media_type(), bytes)?;
            }
            layers.extend(missing);
            let diffs: Vec<&Digest> = layers.iter().map(|layer| &layer.digest).collect();
            let config = json!({
                "architecture": "", "os": "", "config": {},
                "rootfs": {"type": "layers", "diff_ids": diffs},
            });
            let config = xtask_oci::document::to_bytes(&config)?;
            let config = self.push_bytes(to, media_type::CONFIG, &config)?;
            xtask_oci::document::to_bytes(&Manifest::new(config, layers, BTreeMap::new())).map(Some)
        })
    }

    /// Pushes a small document.
    fn push_bytes(&self, to: &Reference, kind: &str, bytes: &[u8]) -> Result<Descriptor> {
        let blob = Descriptor::of(kind, bytes);
        // Another thread or another run may send an equal document at the same time.
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let file = self.documents.join(format!("{}-{number}", std::process::id()));
        xtask_files::write(&file, bytes)?;
        let out = OutgoingBlob { blob: &blob, file: &file, elsewhere: &[], sent: self.counting() };
        let pushed = self.client.push_blob(to, &out, &self.limits);
        let _ = std::fs::remove_file(&file);
        pushed.map(|_| blob)
    }
}
