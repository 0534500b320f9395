//! Checks a published image from outside: its digests, the signatures and attestations of a key, the files against the bill
//! of materials, and the gate.

use std::path::Path;

use serde_json::Value;
use xtask_attest::{PublicKey, names};
use xtask_files::error::{Error, Result};
use xtask_gate::{Severity, Start, Tree};
use xtask_oci::document::{Descriptor, Index, PlatformJson, media_type};
use xtask_oci::{Digest, RootFs};
use xtask_process::host::Host;
use xtask_process::ui::Ui;
use xtask_registry::client::Client;
use xtask_registry::manifest::{self, FetchedDocument};
use xtask_registry::{PullContext, PulledImage, Reference};
use xtask_triple::{Platform, Triple};

use crate::attached::{self, AttachedDocument, AttachedForm, KeySaid};
use crate::provenance::types;

mod verdict;

pub use verdict::{ImageCheck, ImageCheckStatus, ImageVerdict, SignedStatement, VerifiedSubject};

/// The targets whose platforms can be checked, with the usual C library of each platform.
const TARGETS: [&str; 8] = [
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "armv7-unknown-linux-gnueabihf",
    "i686-unknown-linux-gnu",
    "riscv64gc-unknown-linux-gnu",
    "powerpc64le-unknown-linux-gnu",
    "s390x-unknown-linux-gnu",
    "loongarch64-unknown-linux-gnu",
];

/// The maximum size of a configuration that is read for its platform, in bytes.
const CONFIG_MAX: u64 = 8 << 20;

/// The statements that every manifest may have: the name of the check and the predicate type.
const STATEMENTS: [(&str, &str); 5] = [
    ("provenance", types::SLSA),
    ("bill of materials", types::CYCLONEDX),
    ("gate statement", types::GATE),
    ("purity statement", types::PURITY),
    ("smoke statement", types::SMOKE),
];

/// The surroundings of a verification.
pub struct VerifyContext<'a> {
    /// The client of the registry.
    pub client: &'a Client<'a>,
    /// An empty folder in place of the user's cache, which could hide the content of the registry.
    pub scratch: &'a Path,
    /// The key whose signatures count, or none if signatures are not checked.
    pub key: Option<&'a PublicKey>,
    /// The variables of the environment.
    pub host: &'a Host,
    /// The printer of the run.
    pub ui: &'a Ui,
}

/// Checks the image at a reference.
///
/// # Errors
/// The registry does not answer, or has nothing under this reference. Faults of the image are in the verdict.
pub fn verify(reference: &Reference, context: &VerifyContext<'_>) -> Result<ImageVerdict> {
    let found = context.client.document(reference)?.ok_or_else(|| {
        Error::failed(format!("there is no image {reference}"))
            .help("check the name, and that you may read it")
    })?;
    let digest = Digest::of(&found.bytes);
    let name = reference.to_string();
    let mut checks =
        ImageVerdict { reference: name, digest, ok: true, checks: Vec::new(), subjects: Vec::new() };
    match manifest::read(&found.bytes) {
        Ok(FetchedDocument::Index(index)) => {
            checks.pass("index", "digest", checks.digest.to_string());
            let stated = Descriptor::of(media_type::INDEX, &found.bytes);
            let subject = checks.signed("index", &stated, reference, context);
            checks.purity(&subject);
            checks.subjects.push(subject);
            platforms(&mut checks, &index, reference, context);
        }
        Ok(FetchedDocument::Manifest(_)) => {
            checks.not("image", "index", "the reference names the manifest of one platform".to_owned());
            let stated = Descriptor::of(media_type::MANIFEST, &found.bytes);
            checks.platform("image", &stated, reference, context);
        }
        Err(error) => checks.fail("index", "document", words(&error)),
    }
    Ok(checks)
}

/// Reads the program that a platform of a published image starts. Returns none if the image has no such program.
///
/// # Errors
/// The image cannot be fetched, or does not have its digests.
pub fn program(
    repository: &Reference,
    digest: &Digest,
    platform: &Platform,
    context: &VerifyContext<'_>,
) -> Result<Option<Vec<u8>>> {
    let image = pulled(&repository.at(digest.clone()), platform, context)?;
    let file = image.runtime.entrypoint.first().and_then(|entry| image.rootfs.file(entry));
    Ok(file.and_then(|(_, content)| content.read().ok()).map(std::borrow::Cow::into_owned))
}

fn platforms(checks: &mut ImageVerdict, index: &Index, reference: &Reference, context: &VerifyContext<'_>) {
    // Some builders list attestations beside the images, as platform `unknown/unknown`.
    let (other, images): (Vec<_>, Vec<_>) = index
        .manifests
        .iter()
        .partition(|entry| entry.platform.as_ref().is_some_and(|platform| platform.os == "unknown"));
    if images.is_empty() {
        checks.fail("index", "platforms", "it lists no image".to_owned());
    }
    for entry in other {
        checks.not("index", "platforms", format!("{} is for no platform, and was not read", entry.digest));
    }
    for entry in images {
        let name = entry.platform.as_ref().map_or_else(
            || entry.digest.to_string(),
            |platform| xtask_files::escape::plain(&platform.to_string()),
        );
        checks.platform(&name, entry, reference, context);
    }
}

/// The facts about an attached document that checks need. The document is parsed once, because it can be large.
struct JudgedDocument {
    form: AttachedForm,
    /// The type of the predicate, whoever signed it. None for a payload, or if the document cannot be read.
    kind: Option<String>,
    /// The statement of the key, or none if the key did not sign the document for this image.
    said: Option<KeySaid>,
    /// The digest of the document.
    digest: Digest,
}

impl JudgedDocument {
    fn of(document: &AttachedDocument, key: &PublicKey, subject: &Digest) -> Self {
        let kind = document.statement().map(|statement| statement.predicate_type);
        let said = document.said_by(key, subject);
        Self { form: document.form, kind, said, digest: Digest::of(&document.bytes) }
    }

    /// Returns the statement in the document, if the key signed it for this image.
    fn stated(&self) -> Option<SignedStatement> {
        match &self.said {
            Some(KeySaid::Stated(statement)) => Some(SignedStatement {
                predicate_type: statement.predicate_type.clone(),
                predicate: statement.predicate.clone(),
                document: self.digest.clone(),
            }),
            Some(KeySaid::Signed) | None => None,
        }
    }
}

impl ImageVerdict {
    /// Checks a platform: its bytes, the statements of the key, and the gate.
    fn platform(
        &mut self,
        name: &str,
        entry: &Descriptor,
        reference: &Reference,
        context: &VerifyContext<'_>,
    ) {
        let pinned = reference.at(entry.digest.clone());
        let subject = self.signed(name, entry, reference, context);
        self.purity(&subject);
        self.subjects.push(subject.clone());
        let platform = match described(&pinned, entry, context) {
            Ok(platform) => platform,
            Err(error) => return self.fail(name, "manifest", words(&error)),
        };
        self.pass(name, "manifest", format!("{} bytes, {}", entry.size, entry.digest));
        let target = TARGETS.map(Triple::parse).into_iter().find_map(|triple| {
            let known = triple.platform()?;
            manifest::is(&known, &platform.os, &platform.architecture, platform.variant.as_deref())
                .then_some((triple, known))
        });
        let Some((triple, known)) = target else {
            return self.not(name, "layers", "this program does not know the platform".to_owned());
        };
        let image = match pulled(&pinned, &known, context) {
            Ok(image) => image,
            Err(error) => return self.fail(name, "layers", words(&error)),
        };
        let layers = xtask_files::counted(image.layers.len() as u64, "layer");
        self.pass(name, "layers", format!("{layers}, each with its digest and that of its tar"));
        self.contents(&subject, &image, context);
        self.gate(name, &triple, &image);
    }

    /// Checks signatures and attestations of a manifest. Returns the manifest with the statements that the key signed.
    fn signed(
        &mut self,
        name: &str,
        descriptor: &Descriptor,
        reference: &Reference,
        context: &VerifyContext<'_>,
    ) -> VerifiedSubject {
        let mut subject =
            VerifiedSubject { name: name.to_owned(), descriptor: descriptor.clone(), statements: Vec::new() };
        let Some(key) = context.key else {
            self.not(name, "signature", "no key was given".to_owned());
            return subject;
        };
        let digest = &descriptor.digest;
        let there = match attached::read(context.client, reference, digest) {
            Ok(there) => there,
            Err(error) => {
                self.fail(name, "signature", words(&error));
                return subject;
            }
        };
        let there: Vec<_> = there.iter().map(|document| JudgedDocument::of(document, key, digest)).collect();
        self.signatures(name, &there);
        for (title, kind) in STATEMENTS {
            let documents: Vec<&JudgedDocument> =
                there.iter().filter(|document| document.kind.as_deref() == Some(kind)).collect();
            match documents.iter().find_map(|document| document.stated()) {
                Some(statement) => {
                    self.pass(name, title, format!("signed by this key, {kind}"));
                    subject.statements.push(statement);
                }
                None if documents.is_empty() => self.not(name, title, "there is none".to_owned()),
                None => {
                    let count = xtask_files::counted(documents.len() as u64, "statement");
                    self.fail(
                        name,
                        title,
                        format!("{count} of {kind}, and none that this key signed for this image"),
                    );
                }
            }
        }
        // A verifier signs with a key of its own, so a summary by another key is no fault of the image.
        let mut summaries =
            there.iter().filter(|document| document.kind.as_deref() == Some(types::VSA)).peekable();
        if summaries.peek().is_some() {
            match summaries.find_map(JudgedDocument::stated) {
                Some(statement) => {
                    let result = statement.predicate["verificationResult"].as_str().unwrap_or("no result");
                    let result = xtask_files::escape::plain(result);
                    self.pass(name, "verification summary", format!("signed by this key: {result}"));
                }
                None => self.not(name, "verification summary", "signed by another key".to_owned()),
            }
        }
        subject
    }

    /// Checks the signatures. An image is signed if the key signed it in one form, and no form has only signatures of others.
    fn signatures(&mut self, name: &str, there: &[JudgedDocument]) {
        let mut genuine = 0;
        for (form, title) in
            [(AttachedForm::Payload, "signature (tag)"), (AttachedForm::Bundle, "signature (bundle)")]
        {
            let signs = |document: &&JudgedDocument| {
                document.form == form
                    && document.kind.as_deref().is_none_or(|kind| kind == names::COSIGN_SIGN)
            };
            let of_form: Vec<&JudgedDocument> = there.iter().filter(signs).collect();
            let signed = of_form.iter().any(|document| document.said == Some(KeySaid::Signed));
            match (signed, of_form.len()) {
                (true, _) => {
                    genuine += 1;
                    self.pass(name, title, "signed by this key".to_owned());
                }
                (false, 0) => self.not(name, title, "there is none".to_owned()),
                (false, others) => {
                    let count = xtask_files::counted(others as u64, "signature");
                    self.fail(name, title, format!("{count}, and none that this key made for this image"));
                }
            }
        }
        if genuine == 0 {
            self.fail(name, "signature", "this key has not signed it".to_owned());
        }
    }

    /// Adds the purity that the key stated.
    fn purity(&mut self, subject: &VerifiedSubject) {
        let Some(purity) = subject.predicate(types::PURITY) else { return };
        let proven = purity["purity"] == "proven";
        let contains_c = if proven { Some(false) } else { purity["containsC"].as_bool() };
        let detail = match contains_c {
            _ if proven => "proven to contain no C",
            Some(false) => "no C by the link map",
            Some(true) => "contains C",
            None => "it is not known whether it contains C",
        };
        self.pass(&subject.name, "C", detail.to_owned());
        if let Some(check) = self.checks.last_mut() {
            check.contains_c = contains_c;
        }
    }

    /// Compares the files of an image with the digests in its bill and its statements.
    fn contents(&mut self, subject: &VerifiedSubject, image: &PulledImage, context: &VerifyContext<'_>) {
        let name = subject.name.as_str();
        let Some(bill) = subject.predicate(types::CYCLONEDX) else {
            let why =
                if context.key.is_none() { "no key was given" } else { "there is no bill of materials" };
            return self.not(name, "contents", why.to_owned());
        };
        let mut files = Vec::new();
        listed(bill, &mut files);
        let wrong: Vec<String> = files
            .iter()
            .filter_map(|(path, hash)| match digest_at(&image.rootfs, path) {
                Some(found) if found.hex() == hash => None,
                Some(_) => Some(format!("{path} is not the file of the bill")),
                None => Some(format!("{path} is in the bill and not in the image")),
            })
            .collect();
        match (wrong.is_empty(), files.len() as u64) {
            (true, 0) => self.not(name, "contents", "the bill names no file with a digest".to_owned()),
            (true, count) => {
                let count = xtask_files::counted(count, "file");
                self.pass(name, "contents", format!("{count} of the bill, byte by byte"));
            }
            (false, _) => self.fail(name, "contents", wrong.join("; ")),
        }
        let program =
            subject.predicate(types::GATE).and_then(|gate| gate["program"]["digest"]["sha256"].as_str());
        let entry = image.runtime.entrypoint.first();
        if let (Some(program), Some(entry)) = (program, entry) {
            match digest_at(&image.rootfs, entry) {
                Some(found) if found.hex() == program => {
                    self.pass(name, "program", format!("{entry} is the program of the gate statement"));
                }
                _ => self.fail(name, "program", format!("{entry} is not the program of the gate statement")),
            }
        }
    }

    /// Checks whether the program of the image can start in the image's root file system.
    fn gate(&mut self, name: &str, triple: &Triple, image: &PulledImage) {
        let Some(entry) = image.runtime.entrypoint.first() else {
            return self.not(name, "gate", "the image names no program".to_owned());
        };
        let tree = Tree::new(format!("the image for {name}"), &image.rootfs)
            .starting_with(&image.runtime.env, &image.runtime.working_dir);
        let musl = image.rootfs.below("lib/ld-musl-").next().is_some();
        let triple = match musl {
            true => {
                Triple::parse(&triple.as_str().replace("-gnueabihf", "-musleabihf").replace("-gnu", "-musl"))
            }
            false => triple.clone(),
        };
        let findings = Start::of(entry, &tree).check(entry, &triple, &tree, None);
        let fails: Vec<String> =
            findings.into_iter().filter(|f| f.severity == Severity::Fail).map(|f| f.what).collect();
        match fails.is_empty() {
            true => self.pass(name, "gate", format!("{entry} starts in the image's own root file system")),
            false => self.fail(name, "gate", fails.join("; ")),
        }
    }
}

/// Returns the platform of a manifest by its index, or by its configuration if the index does not name it. Checks the size of
/// the manifest.
fn described(pinned: &Reference, entry: &Descriptor, context: &VerifyContext<'_>) -> Result<PlatformJson> {
    let found = context
        .client
        .document(pinned)?
        .ok_or_else(|| Error::failed(format!("the registry does not have {}", entry.digest)))?;
    if found.bytes.len() as u64 != entry.size {
        return Err(Error::failed(format!("{} does not have the size that its index states", entry.digest))
            .found(format!("{} bytes instead of {}", found.bytes.len(), entry.size)));
    }
    let FetchedDocument::Manifest(manifest) = manifest::read(&found.bytes)? else {
        return Err(Error::failed("it is not an image").found("its index leads to another index"));
    };
    if let Some(platform) = &entry.platform {
        return Ok(platform.clone());
    }
    let mut bytes = Vec::new();
    if manifest.config.size > CONFIG_MAX {
        return Err(Error::failed(format!("its configuration has {} bytes", manifest.config.size)));
    }
    context.client.blob(pinned, &manifest.config, &mut bytes, &|_| {})?;
    serde_json::from_slice(&bytes).map_err(|e| {
        Error::failed("its configuration names no platform").found(xtask_files::escape::plain(&e.to_string()))
    })
}

/// Fetches the whole image for a platform, and checks its digests.
fn pulled(pinned: &Reference, platform: &Platform, context: &VerifyContext<'_>) -> Result<PulledImage> {
    let site = PullContext {
        cache: context.scratch,
        locks: context.scratch,
        offline: false,
        ui: context.ui,
        host: context.host,
    };
    xtask_registry::image(pinned, platform, context.client, &site)
}

/// Collects the files in a bill that have a digest, with their paths. The path of the program is its name.
fn listed(bill: &Value, files: &mut Vec<(String, String)>) {
    for component in bill["components"].as_array().into_iter().flatten() {
        let hashes = component["hashes"].as_array();
        let hash = hashes.into_iter().flatten().find(|hash| hash["alg"] == "SHA-256");
        let hash = hash.and_then(|hash| hash["content"].as_str());
        if let (Some(name), Some(hash)) = (component["name"].as_str(), hash) {
            match component["type"].as_str() {
                Some("file") => files.push((name.to_owned(), hash.to_owned())),
                Some("application") => files.push((format!("/{name}"), hash.to_owned())),
                _ => {}
            }
        }
        listed(component, files);
    }
}

/// Returns the digest of a file in a tree. Links are followed.
fn digest_at(tree: &RootFs, path: &str) -> Option<Digest> {
    let (_, content) = tree.file(path)?;
    content.read().ok().map(|bytes| Digest::of(&bytes))
}

/// Returns an error as one line.
fn words(error: &Error) -> String {
    std::iter::once(&error.what).chain(&error.found).map(String::as_str).collect::<Vec<_>>().join("; ")
}
