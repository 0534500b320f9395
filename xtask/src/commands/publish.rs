//! `cargo xtask publish`: pushes the images of the last release, and signs its files.

use std::sync::Arc;

use crate::cli::Common;
use crate::cosign::{Cosign, CosignSigner};
use crate::publish::{self, Attestor, KeylessSigner, PublishRequest, Published, Publisher, files, json};
use crate::session::Session;
use xtask_attest::{PrivateKey, SigningKey, Statement};
use xtask_config::{PublishSection, SigningSource, TagValues};
use xtask_files::error::{Error, Result};
use xtask_files::{FileLock, Memo};
use xtask_process::exec;
use xtask_registry::http::Http;
use xtask_registry::push::PushLimits;

pub(super) fn run(common: &Common, request: &PublishRequest, dry: bool, as_json: bool) -> Result<()> {
    let session = Session::open(common, as_json)?;
    let config = session.config()?;
    let (dist, ui) = (session.dist(), &session.ui);
    let values = TagValues {
        version: session.package(&config)?.version.clone(),
        git: &|| exec::first_line(&session.workspace.root, "git", &["rev-parse", "HEAD"]),
    };
    // A run that packs would remove blobs that are being sent. Two runs that publish do not disturb each other.
    let waiting = || ui.step("Waiting", "for another run in this workspace");
    let _turn = FileLock::shared(&session.work().join("lock"), waiting)?;
    let memo = Memo::new(session.work().join("packed"));
    let several = config.images.len() > 1;
    let publications = publish::plan(&dist, &config.publish, several, request, &values, &memo)?;
    let source = source(&config.publish, request)?;
    let key = source.as_ref().map_or(Ok(None), |source| key(&session, source))?;
    let statements = match config.publish.attest && source.is_some() {
        true => publish::statements(&xtask_files::dist::provenance(&dist))?,
        false => Vec::new(),
    };
    if dry {
        let signing = source.as_ref().map(|source| (source, statements.as_slice()));
        ui.data(&publish::requests(&publications, signing));
        return Ok(());
    }
    if session.offline {
        return Err(Error::usage("images cannot be published with --offline")
            .help("to see every request without sending one: cargo xtask publish --dry-run"));
    }
    let key = match (&source, key) {
        (Some(source), None) => service(&session, source)?,
        (_, key) => key,
    };
    let (attestor, keyless) = match (&source, key) {
        (_, Some(key)) => (Some(Attestor { key, signs: true, statements }), None),
        (Some(SigningSource::Keyless), None) => (None, Some(Arc::new(identity(&session, statements)?))),
        _ => (None, None),
    };
    let (http, limits) = (Http::new(&session.host, ui)?, PushLimits::read(&session.host)?);
    let mut all: Vec<Published<'_>> = Vec::new();
    let signed_files = match &attestor {
        Some(attestor) => files::sign_files(&dist, attestor.key.as_ref(), config.publish.attest)?,
        None => Vec::new(),
    };
    if !signed_files.is_empty() {
        let bundles = xtask_files::counted(signed_files.len() as u64, "bundle");
        ui.step("Signed", format!("files of the release: {bundles} → {}", dist.display()));
    }
    let attestor = attestor.map(Arc::new);
    for publications in publish::by_registry(&publications).into_values() {
        let publisher = Publisher {
            attestor: attestor.clone(),
            keyless: keyless.clone(),
            force: request.force,
            ..Publisher::new(&publications[0].to, &http, limits, &session)
        };
        for publication in publications {
            let published = publisher.publish(publication)?;
            let verb = if published.unchanged() { "Unchanged" } else { "Published" };
            ui.step(verb, format!("{}: {}", publication.pinned(), publish::summary(&published)));
            all.push(published);
        }
    }
    let document = json::document(&all, &signed_files);
    xtask_files::write(&dist.join("publish.json"), document.as_bytes())?;
    xtask_files::write(&dist.join("digests.txt"), json::digests(&all).as_bytes())?;
    let names = all.iter().map(|published| published.publication.pinned());
    ui.data(&if as_json { document } else { names.collect::<Vec<_>>().join("\n") });
    Ok(())
}

/// Returns what `--key` or the file names as signer, or none.
fn source(config: &PublishSection, request: &PublishRequest) -> Result<Option<SigningSource>> {
    match &request.key {
        Some(text) => SigningSource::of_flag(text).map(Some),
        None => Ok(config.sign.clone()),
    }
}

/// Reads the key in PEM. Returns none if cosign signs.
pub(super) fn key(session: &Session, source: &SigningSource) -> Result<Option<Box<dyn SigningKey>>> {
    let SigningSource::Pem(source) = source else { return Ok(None) };
    let key = PrivateKey::from_pem(&source.read(&session.host)?, &source.to_string())?;
    Ok(Some(Box::new(key)))
}

/// Prepares a key in a service, before anything is sent. Returns none for keyless signatures.
pub(super) fn service(session: &Session, source: &SigningSource) -> Result<Option<Box<dyn SigningKey>>> {
    let SigningSource::Service(key) = source else { return Ok(None) };
    let cosign = Cosign::find(&session.host, &session.work().join("publish").join("cosign"))?;
    let signer = CosignSigner::new(cosign, key, &session.host)?;
    session.ui.step("Signing", format!("with {key}, by cosign"));
    Ok(Some(Box::new(signer)))
}

/// Prepares keyless signatures, with the statements of the release.
fn identity(session: &Session, statements: Vec<Statement>) -> Result<KeylessSigner> {
    let folder = session.work().join("publish");
    let cosign = Cosign::find(&session.host, &folder.join("cosign"))?;
    if xtask_files::dist::archives(&session.dist()).is_dir() {
        session.ui.warn("keyless signatures are for images: the files of the release are not signed");
    }
    Ok(KeylessSigner { cosign, statements, folder })
}
