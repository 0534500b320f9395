//! A key in a key management service as a [`SigningKey`].

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, PoisonError};

use super::Cosign;
use xtask_attest::{BundleContent, PublicKey, SigningKey, SigstoreBundle};
use xtask_config::KmsKey;
use xtask_files::error::{Error, Result};
use xtask_files::threads::lock;
use xtask_oci::Digest;
use xtask_process::host::Host;

/// The number of parallel calls. Services limit the rate of requests.
const AT_A_TIME: usize = 4;
/// A signing configuration without services: no log, no time stamp. cosign 3 takes it instead of
/// `--tlog-upload=false`.
const NO_SERVICES: &str = r#"{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json","rekorTlogConfig":{},"tsaConfig":{}}"#;
/// An empty root of trust. Without one, cosign 3 downloads Sigstore's, which is not needed for a key.
const NO_ROOT: &str = r#"{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}"#;
/// Variables that cosign takes for flags, and that contradict a signature without services.
const CONTRADICTING: [&str; 8] = [
    "COSIGN_CERTIFICATE",
    "COSIGN_CERTIFICATE_CHAIN",
    "COSIGN_FULCIO_URL",
    "COSIGN_ISSUE_CERTIFICATE",
    "COSIGN_OIDC_ISSUER",
    "COSIGN_REKOR_URL",
    "COSIGN_TIMESTAMP_SERVER_URL",
    "COSIGN_USE_SIGNING_CONFIG",
];

/// Signs with a key in a service. A message that is signed again gets the signature of the first time.
#[derive(Debug)]
pub struct CosignSigner {
    cosign: Cosign,
    key: KmsKey,
    public: PublicKey,
    /// The flags of the installed cosign for a signature without services.
    flags: Vec<String>,
    said: Mutex<BTreeMap<Digest, Vec<u8>>>,
    turns: Turns,
}

impl CosignSigner {
    /// Reads the public key from the service, and the flags of the installed cosign from its help.
    ///
    /// # Errors
    /// As for [`Cosign::public_key`], or a file cannot be written.
    pub fn new(cosign: Cosign, key: &KmsKey, host: &Host) -> Result<Self> {
        let public = cosign.public_key(key, host)?;
        let help = cosign.call(cosign.cmd(["sign-blob", "--help"]), None)?;
        let help = help.text() + &help.errors();
        let has = |flag: &str| help.split(|c: char| c.is_whitespace() || c == '=').any(|word| word == flag);
        let mut flags = Vec::new();
        xtask_files::folder(&cosign.folder)?;
        if has("--new-bundle-format") {
            flags.push("--new-bundle-format".to_owned());
        }
        // Both files or none: with only the first one, cosign 3 downloads Sigstore's root of trust.
        match has("--signing-config") && has("--trusted-root") {
            true => {
                for (flag, name, text) in [
                    ("--signing-config", "signing-config.json", NO_SERVICES),
                    ("--trusted-root", "trusted-root.json", NO_ROOT),
                ] {
                    let file = cosign.folder.join(name);
                    xtask_files::write(&file, text.as_bytes())?;
                    flags.extend([flag.to_owned(), file.to_string_lossy().into_owned()]);
                }
            }
            false => flags.push("--tlog-upload=false".to_owned()),
        }
        let key = key.clone();
        Ok(Self { cosign, key, public, flags, said: Mutex::default(), turns: Turns::new(AT_A_TIME) })
    }

    /// Runs cosign on a message, reads the signature from the bundle that cosign writes, and verifies it.
    fn signed(&self, message: &[u8], digest: &Digest) -> Result<Vec<u8>> {
        let _turn = self.turns.take();
        let bundle =
            self.cosign.folder.join(format!("{}-{}.sigstore.json", std::process::id(), digest.hex()));
        let cmd =
            self.cosign.cmd(["sign-blob", "--yes", "--key", self.key.address()]).arg("--bundle").arg(&bundle);
        let cmd = CONTRADICTING.iter().fold(cmd, |cmd, name| cmd.env_remove(name));
        let called = self.cosign.call(cmd.args(&self.flags).arg("-"), Some(message));
        let bytes = xtask_files::read(&bundle);
        let _ = std::fs::remove_file(&bundle);
        called.map_err(|error| Error {
            what: format!("{} does not sign: {}", self.key, error.what),
            ..error
        })?;
        let bytes = bytes.map_err(|e| Error::io("cannot read what cosign wrote,", &bundle, &e))?;
        signature(&bytes).filter(|signature| self.public.verifies(&[message], signature)).ok_or_else(|| {
            Error::failed(format!(
                "the signature that cosign made with {} is not valid for that key",
                self.key
            ))
            .found(format!("the public key that cosign names has the hint {}", self.public.hint()))
            .help("name one version of the key: another one may have signed")
        })
    }
}

/// Returns the signature in the bundle of a file, in DER.
fn signature(bundle: &[u8]) -> Option<Vec<u8>> {
    match SigstoreBundle::parse(bundle)?.content() {
        BundleContent::MessageSignature(message) => message.der(),
        BundleContent::DsseEnvelope(_) => None,
    }
}

impl SigningKey for CosignSigner {
    fn sign(&self, message: &[&[u8]]) -> Result<Vec<u8>> {
        let message = message.concat();
        let digest = Digest::of(&message);
        if let Some(signature) = lock(&self.said).get(&digest) {
            return Ok(signature.clone());
        }
        let signature = self.signed(&message, &digest)?;
        lock(&self.said).insert(digest, signature.clone());
        Ok(signature)
    }

    fn public(&self) -> &PublicKey {
        &self.public
    }
}

/// A counting semaphore.
#[derive(Debug)]
struct Turns {
    free: Mutex<usize>,
    changed: Condvar,
}

/// A permit of the semaphore. It is returned when this is dropped.
struct Turn<'a>(&'a Turns);

impl Turns {
    fn new(count: usize) -> Self {
        Self { free: Mutex::new(count), changed: Condvar::new() }
    }

    fn take(&self) -> Turn<'_> {
        let free = self.changed.wait_while(lock(&self.free), |free| *free == 0);
        *free.unwrap_or_else(PoisonError::into_inner) -= 1;
        Turn(self)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *lock(&self.0.free) += 1;
        self.0.changed.notify_one();
    }
}
