//! Signs the files of a release. The signatures are files beside them: `SHA256SUMS.sigstore.json`, and bundles for each
//! archive.

use std::path::Path;

use crate::provenance;
use serde::Serialize;
use xtask_attest::{BundleContent, Envelope, PublicKey, SigningKey, SigstoreBundle, Statement, names};
use xtask_files::dist::{self, ARCHIVES, BUNDLE_SUFFIX, SUMS};
use xtask_files::error::{Error, Result};
use xtask_oci::Digest;

/// The help for files that a release did not write.
const HELP: &str = "make the release again: cargo xtask release";

/// A file of a release with a bundle beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignedFile {
    /// The file, below `target/dist`.
    pub file: String,
    /// `signature` or `attestation`.
    pub kind: &'static str,
    /// The bundle, below `target/dist`.
    pub bundle: String,
}

/// Signs `SHA256SUMS` and every archive that it lists. With `attest`, the statements about each archive are signed too. A
/// bundle that verifies with the key is kept as it is. Without `SHA256SUMS` there is nothing to sign.
///
/// # Errors
/// An archive is not what `SHA256SUMS` says, a statement is none, or a file cannot be read or written. No bundle is
/// written unless every archive is as listed.
pub fn sign_files(dist: &Path, key: &dyn SigningKey, attest: bool) -> Result<Vec<SignedFile>> {
    let sums = dist.join(SUMS);
    let list = match xtask_files::read(&sums) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        list => list.map_err(|e| Error::io("cannot read", &sums, &e))?,
    };
    let archives = listed(&list, &sums)?;
    for (name, digest) in &archives {
        intact(&dist::archives(dist).join(name), digest)?;
    }
    let mut signed = vec![sign_file(dist, SUMS, &list, key)?];
    for (name, digest) in &archives {
        // The archive is read a second time, so that only one archive is in memory.
        let bytes = intact(&dist::archives(dist).join(name), digest)?;
        let file = format!("{ARCHIVES}/{name}");
        signed.push(sign_file(dist, &file, &bytes, key)?);
        if attest {
            for (kind, statement) in statements_about(dist, name, digest)? {
                signed.push(sign_statement(dist, &file, &kind, &statement, key)?);
            }
        }
    }
    Ok(signed)
}

/// Returns the names and digests of the archives that `SHA256SUMS` lists.
fn listed(list: &[u8], sums: &Path) -> Result<Vec<(String, Digest)>> {
    let unreadable = || Error::failed(format!("{} is not as a release writes it", sums.display())).help(HELP);
    let text = std::str::from_utf8(list).map_err(|_| unreadable())?;
    let lines = text.lines().map(|line| {
        let (hex, path) = line.split_once("  ")?;
        let name = path.strip_prefix(ARCHIVES)?.strip_prefix('/').filter(|name| !name.contains('/'))?;
        Some((name.to_owned(), Digest::parse(&format!("sha256:{hex}"))?))
    });
    lines.collect::<Option<_>>().ok_or_else(unreadable)
}

/// Reads an archive, if it has the listed digest.
fn intact(archive: &Path, digest: &Digest) -> Result<Vec<u8>> {
    let bytes = xtask_files::read(archive).map_err(|e| Error::io("cannot read", archive, &e).help(HELP))?;
    match Digest::of(&bytes) == *digest {
        true => Ok(bytes),
        false => Err(Error::failed(format!("{} cannot be signed", archive.display()))
            .found(format!("its digest is not the one in {SUMS}"))
            .help(HELP)),
    }
}

/// The statements of a release about an archive, in the order of their kinds. A statement that is about other bytes is left out.
fn statements_about(dist: &Path, name: &str, digest: &Digest) -> Result<Vec<(String, Statement)>> {
    let folder = dist::provenance(dist).join(ARCHIVES);
    let unreadable = |e: std::io::Error| Error::io("cannot read", &folder, &e);
    let entries = match std::fs::read_dir(&folder) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(unreadable)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(unreadable)?.path();
        let Some(kind) = kind_of(&path, name) else { continue };
        let statement = provenance::write::read(&path)?;
        if statement.is_about(digest) {
            found.push((kind, statement));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}

/// Returns the kind in the name of a statement's file: `slsa` in `app-1.0.0-….tar.gz.slsa.json`.
fn kind_of(path: &Path, archive: &str) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    name.strip_prefix(archive)?.strip_prefix('.')?.strip_suffix(".json").map(str::to_owned)
}

/// Signs a file of a folder, which has these bytes. The bundle is a file beside it. A bundle that verifies with the key is
/// kept as it is.
///
/// # Errors
/// The key does not sign, or the bundle cannot be written.
pub fn sign_file(dist: &Path, file: &str, bytes: &[u8], key: &dyn SigningKey) -> Result<SignedFile> {
    let bundle = format!("{file}{BUNDLE_SUFFIX}");
    write_unless(
        &dist.join(&bundle),
        |there| there.verifies_file(bytes, key.public()),
        || SigstoreBundle::of_file(bytes, key),
    )?;
    Ok(SignedFile { file: file.to_owned(), kind: "signature", bundle })
}

fn sign_statement(
    dist: &Path,
    file: &str,
    kind: &str,
    statement: &Statement,
    key: &dyn SigningKey,
) -> Result<SignedFile> {
    let bundle = format!("{file}.{kind}{BUNDLE_SUFFIX}");
    let payload = statement.to_json();
    write_unless(
        &dist.join(&bundle),
        |there| holds(there, &payload, key.public()),
        || {
            let envelope = Envelope::sign(names::IN_TOTO, &payload, key)?;
            Ok(SigstoreBundle::of_envelope(envelope, key.public()))
        },
    )?;
    Ok(SignedFile { file: file.to_owned(), kind: "attestation", bundle })
}

/// Whether a bundle contains this key's signature of a statement.
fn holds(bundle: &SigstoreBundle, statement: &[u8], key: &PublicKey) -> bool {
    match bundle.content() {
        BundleContent::DsseEnvelope(envelope) => {
            envelope.payload_type() == names::IN_TOTO
                && envelope.verified(key).is_some_and(|payload| payload == statement)
        }
        BundleContent::MessageSignature(_) => false,
    }
}

/// Writes a bundle, unless a valid one is there. A new signature would change the file, because signatures are randomised.
fn write_unless(
    file: &Path,
    will_do: impl Fn(&SigstoreBundle) -> bool,
    make: impl FnOnce() -> Result<SigstoreBundle>,
) -> Result<()> {
    let there = xtask_files::read(file).ok().and_then(|bytes| SigstoreBundle::parse(&bytes));
    match there.is_some_and(|bundle| will_do(&bundle)) {
        true => Ok(()),
        false => xtask_files::write(file, &make()?.to_json()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_archives_of_the_folder_are_listed() {
        let hex = "0".repeat(64);
        let read = |text: &str| listed(text.as_bytes(), Path::new(SUMS));
        let one = read(&format!("{hex}  archives/a.tar.gz\n")).unwrap();
        assert_eq!(one, [("a.tar.gz".to_owned(), Digest::parse(&format!("sha256:{hex}")).unwrap())]);
        assert_eq!(read("").unwrap(), []);
        for line in [
            format!("{hex}  archives/../../key.pem"),
            format!("{hex}  archives.tar.gz"),
            format!("{hex} archives/a.tar.gz"),
            "00  archives/a.tar.gz".to_owned(),
        ] {
            assert!(read(&line).is_err(), "{line}");
        }
    }

    #[test]
    fn kinds_of_statements_about_an_archive() {
        let kind = |name: &str| kind_of(Path::new(name), "app-1.0.0-a.tar.gz");
        assert_eq!(kind("p/app-1.0.0-a.tar.gz.slsa.json").as_deref(), Some("slsa"));
        assert_eq!(kind("p/app-1.0.0-b.tar.gz.slsa.json"), None);
        assert_eq!(kind("p/app-1.0.0-a.tar.gz.slsa.txt"), None);
    }
}
