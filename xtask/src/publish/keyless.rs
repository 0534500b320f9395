//! Keyless signatures. For each signature, Sigstore certifies an identity, for example that of a CI job. cosign
//! requests the certificates, signs, and attaches; what it attached is read back here.

use std::path::{Path, PathBuf};

use xtask_attest::Statement;
use xtask_files::error::{Error, Result};
use xtask_files::threads::side_by_side;
use xtask_oci::Digest;
use xtask_oci::document::Descriptor;
use xtask_process::exec::Undo;
use xtask_registry::Reference;

use super::Publication;
use super::attach::{AttachedRecord, statements_about};
use super::push::Publisher;
use crate::attached::{self, AttachedDocument, KeySaid};
use crate::cosign::Cosign;

/// The beginning of the name of a private folder. The process id follows.
const PREFIX: &str = "keyless-";
/// The number of manifests that are signed in parallel.
const AT_A_TIME: usize = 3;

/// The data for keyless signatures and attestations of images.
#[derive(Debug)]
pub struct KeylessSigner {
    /// The program that signs.
    pub cosign: Cosign,
    /// Statements about images.
    pub statements: Vec<Statement>,
    /// The folder for files that cosign reads.
    pub folder: PathBuf,
}

/// A folder that only this user can read. It contains a login, and is removed when this is dropped.
struct PrivateFolder {
    path: PathBuf,
    _gone: Undo,
}

impl PrivateFolder {
    fn new(parent: &Path) -> Result<Self> {
        let path = parent.join(format!("{PREFIX}{}", std::process::id()));
        // They contain logins.
        xtask_files::sweep_killed(parent, PREFIX);
        let gone = Undo::removing(&path);
        xtask_files::folder(parent)?;
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        match builder.create(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => {
                Err(Error::io("cannot make", &path, &e))
            }
            _ => Ok(Self { path, _gone: gone }),
        }
    }
}

impl KeylessSigner {
    /// Returns the key under which the journal remembers what was attached to an image. It does not depend on the
    /// identity, which only cosign and Sigstore know.
    pub fn name(&self, publication: &Publication) -> String {
        publication.attachments("keyless", &self.statements)
    }
}

impl Publisher<'_> {
    /// Signs the index and every platform of an image by an identity, and attaches the statements about them. What
    /// cosign attached is read back; its certificates are not verified.
    ///
    /// # Errors
    /// cosign fails, or the registry does not have what cosign attached.
    pub(super) fn attach_keyless(
        &self,
        publication: &Publication,
        signer: &KeylessSigner,
    ) -> Result<Vec<AttachedRecord>> {
        let subjects = publication.subjects();
        let what = format!("{} in {}, keyless, by cosign", publication.name, publication.to.repository());
        let task = self.ui.task("Signing", what);
        task.parts(subjects.len(), "manifest");
        // cosign gets the login for this repository only.
        let folder = PrivateFolder::new(&signer.folder)?;
        let login = self.client.docker_config(publication.to.repository())?;
        xtask_files::write(&folder.path.join("config.json"), &login)?;
        let attached = side_by_side(subjects, AT_A_TIME, |subject: &Descriptor| {
            let _doing = task.doing(subject.digest.to_string());
            self.attach_to(&publication.to, &subject.digest, signer, &folder.path)
        });
        Ok(attached.into_iter().collect::<Result<Vec<_>>>()?.concat())
    }

    /// Signs one manifest, and returns the records of what was attached to it by that.
    fn attach_to(
        &self,
        to: &Reference,
        subject: &Digest,
        signer: &KeylessSigner,
        folder: &Path,
    ) -> Result<Vec<AttachedRecord>> {
        let before = attached::read(&self.client, to, subject)?;
        let plain = self.client.url("").starts_with("http://");
        let name = format!("{}@{subject}", to.name());
        signer.cosign.keyless(&["sign"], &name, folder, plain)?;
        let mut wanted = vec![KeySaid::Signed];
        for (number, statement) in statements_about(&signer.statements, subject).enumerate() {
            let file = folder.join(format!("{}-{number}.json", subject.hex()));
            xtask_files::write(&file, &serde_json::to_vec(&statement.predicate).unwrap_or_default())?;
            let file = file.to_string_lossy();
            let args = ["attest", "--type", &statement.predicate_type, "--predicate", &file];
            signer.cosign.keyless(&args, &name, folder, plain)?;
            wanted.push(KeySaid::Stated(statement.clone()));
        }
        let after = attached::read(&self.client, to, subject)?;
        let new: Vec<(&AttachedDocument, KeySaid)> = after
            .iter()
            .filter(|document| !before.contains(document))
            .filter_map(|document| Some((document, document.claims(subject)?)))
            .collect();
        let kind = |said: &KeySaid| match said {
            KeySaid::Signed => None,
            KeySaid::Stated(statement) => Some(statement.predicate_type.clone()),
        };
        if let Some(lost) =
            wanted.iter().find(|wanted| !new.iter().any(|(_, said)| kind(said) == kind(wanted)))
        {
            let what = kind(lost).unwrap_or_else(|| "a signature".to_owned());
            return Err(Error::failed(format!("the registry does not have what cosign attached to {name}"))
                .found(format!("cosign ended well, and nothing new is there for: {what}"))
                .help("publish again: everything is signed again"));
        }
        let mut records: Vec<_> =
            new.into_iter().map(|(document, said)| AttachedRecord::new(subject, document, said)).collect();
        records.sort();
        Ok(records)
    }
}
