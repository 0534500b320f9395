//! cosign as a signer. For keys in a key management service, it only requests signatures of bytes that are made
//! here; documents, order, pushes and verification are the same as for a key in a file. For identities, it also
//! attaches what it signed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use messages::{Secrets, last_lines};
use xtask_attest::PublicKey;
use xtask_config::KmsKey;
use xtask_files::error::{Error, ExitKind, Result};
use xtask_process::exec::{Capture, Cmd, Output};
use xtask_process::host::{Host, PathLookup};

mod messages;
mod signer;

pub use signer::CosignSigner;

/// The name of the program.
const COSIGN: &str = "cosign";
/// The beginning of the names of plugins on PATH. cosign uses them for services that it does not know itself.
const PLUGIN: &str = "sigstore-kms-";
/// The schemes that need no plugin if cosign was built with them.
const BUILT_IN: [&str; 7] = ["awskms", "azurekms", "gcpkms", "gitlab", "hashivault", "k8s", "pkcs11"];
/// The time limit of a call. cosign ends by itself after three minutes.
const LIMIT: Duration = Duration::from_secs(200);
/// The variables with the login of this program. cosign does not need them.
const LOGIN: [&str; 2] = ["XTASK_REGISTRY_PASSWORD", "XTASK_REGISTRY_USER"];

/// The installed program cosign.
#[derive(Debug)]
pub struct Cosign {
    program: PathBuf,
    /// The values that are never shown.
    secrets: Secrets,
    /// The folder for files that cosign reads and writes.
    folder: PathBuf,
}

impl Cosign {
    /// Finds cosign on PATH. `folder` is for files that cosign reads and writes; it need not exist.
    ///
    /// # Errors
    /// cosign is not installed.
    pub fn find(host: &Host, folder: &Path) -> Result<Self> {
        let missing = |what: String| {
            Error::missing(what)
                .found("keys in a key management service, and keyless signatures, need it")
                .help("install cosign 2.5 or newer and put it on PATH; on Debian 13: apt-get install cosign")
                .help("others: https://docs.sigstore.dev/cosign/system_config/installation/")
        };
        let program = match host.find(COSIGN) {
            PathLookup::Program(program) => program,
            PathLookup::NotExecutable(file) => {
                return Err(missing(format!("{} cannot be executed", file.display())));
            }
            PathLookup::Nothing => return Err(missing("the program cosign is not installed".to_owned())),
        };
        Ok(Self { program, secrets: Secrets::of(host), folder: folder.to_owned() })
    }

    /// Returns the public key of a key in a service.
    ///
    /// # Errors
    /// cosign cannot read it, a plugin is missing, or the key is not on the curve P-256.
    pub fn public_key(&self, key: &KmsKey, host: &Host) -> Result<PublicKey> {
        let (scheme, plugin) = (key.scheme(), format!("{PLUGIN}{}", key.scheme()));
        if !BUILT_IN.contains(&scheme) && host.program(&plugin).is_none() {
            return Err(Error::missing(format!("{key} cannot be used: {plugin} is not installed"))
                .found(format!("cosign reaches keys of {scheme}:// by a plugin of this name on PATH"))
                .help(format!("put {plugin} on PATH, or correct the address")));
        }
        let output = self.call(self.cmd(["public-key", "--key", key.address()]), None).map_err(|error| {
            let error = Error { what: format!("cannot read the public key of {key}"), ..error };
            error
                .help("give cosign access to the service, with the right to read the key and to sign with it")
        })?;
        PublicKey::from_pem(&output.text(), &key.to_string()).map_err(|error| match error.kind {
            ExitKind::Missing => error,
            _ => Error::usage(format!("{key} cannot sign: P-256 is wanted"))
                .found(error.what)
                .help("make a key of the kind ECDSA over P-256 with SHA-256 (AWS: ECC_NIST_P256)"),
        })
    }

    /// Runs a subcommand of cosign that signs an image by an identity. `args` are the subcommand and its flags, and
    /// `login` is the folder with the `config.json` of the registry. `plain` allows plain HTTP.
    ///
    /// # Errors
    /// cosign fails.
    pub fn keyless(&self, args: &[&str], image: &str, login: &Path, plain: bool) -> Result<()> {
        let cmd = self
            .cmd(args.iter().copied())
            .arg("--yes")
            .args(plain.then_some("--allow-http-registry"))
            .arg(image);
        // cosign takes variables for flags. These would select a key, or another place for signatures.
        let cmd = ["COSIGN_KEY", "COSIGN_REPOSITORY"].iter().fold(cmd, |cmd, name| cmd.env_remove(name));
        let called = self.call(cmd.env("DOCKER_CONFIG", login).env_remove("REGISTRY_AUTH_FILE"), None);
        let doing = args.first().copied().unwrap_or_default();
        let explained = |error: Error| {
            let what = format!("cosign {doing} did not sign {image}: {}", error.what);
            Error { what, ..error }.help("no tag has moved; publish again when cosign can sign")
        };
        called.map(drop).map_err(explained)
    }

    /// Makes a command that starts cosign without the login of this program.
    fn cmd<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Cmd {
        LOGIN.iter().fold(Cmd::new(&self.program).args(args), |cmd, name| cmd.env_remove(name))
    }

    /// Runs cosign, and fails with its last lines if it does not succeed.
    fn call(&self, cmd: Cmd, input: Option<&[u8]>) -> Result<Output> {
        let how = Capture::within(LIMIT).whole();
        let output = cmd.captured(&input.map_or(how, |input| how.fed(input)))?;
        if output.ok() {
            return Ok(output);
        }
        let error = Error::failed(format!("cosign failed: {}", output.end));
        let error = error.found(format!("the command was: {}", self.secrets.hidden(&cmd.line())));
        let lines = last_lines(&self.secrets.hidden(&output.errors()));
        Err(lines.into_iter().fold(error, |error, line| error.found(format!("cosign says: {line}"))))
    }
}
