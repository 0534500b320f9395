//! Fetches Debian's packages with the host's own apt: its mirrors, its proxies and passwords, its keyring.
//! apt's data about installed packages is replaced by a private state folder, so that nothing of the host
//! changes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use xtask_files::error::{Error, Result};
use xtask_oci::Digest;
use xtask_process::exec::{Cmd, Output};
use xtask_process::host::Host;
use xtask_process::ui::Ui;

use super::deb::Paragraph;
use super::lock::DebPackage;

mod release;
mod signers;
mod sources;
mod state;

pub use sources::AptSources;
pub use state::AptState;

/// A time limit that no download of indexes or packages reaches.
const LIMIT: Duration = Duration::from_secs(900);

/// The program of apt with which front ends fetch single files (apt-helper, `download-file`).
const HELPER: &str = "/usr/lib/apt/apt-helper";

/// The files with the keys by which Debian signs its archive (package debian-archive-keyring), under the
/// names of different releases.
const KEYRINGS: [&str; 2] =
    ["/usr/share/keyrings/debian-archive-keyring.pgp", "/usr/share/keyrings/debian-archive-keyring.gpg"];

/// The apt of the host, with the keyring and the sources that were found.
#[derive(Debug)]
pub struct Apt {
    get: PathBuf,
    cache: PathBuf,
    verifier: signers::Verifier,
    keyring: PathBuf,
    sources: AptSources,
    ui: Ui,
}

impl Apt {
    /// Finds apt and asks it for the sources of its packages. `needed` is what the message says the packages
    /// are for.
    ///
    /// # Errors
    /// There is no apt, or it has no Debian archive or not its keys.
    pub fn find(host: &Host, ui: Ui, needed: &str) -> Result<Self> {
        let absent = |what: &str, help: &str| {
            Error::missing(format!("{needed} are fetched from Debian's archive with apt, and {what}"))
                .help(help)
                .help("or run this once on a machine that has it, and copy the folder `bases` of its cache")
        };
        let program = |name: &str| {
            host.program(name).ok_or_else(|| {
                absent(&format!("there is no {name} on this machine"), "use Debian, or a Debian container")
            })
        };
        let (get, cache) = (program("apt-get")?, program("apt-cache")?);
        let keyring = KEYRINGS.iter().map(Path::new).find(|path| path.exists());
        let keyring = keyring.ok_or_else(|| {
            absent(
                "the keys of that archive are not on this machine",
                "apt-get install debian-archive-keyring",
            )
        })?;
        let verifier = signers::Verifier::find(host)
            .ok_or_else(|| absent("no program on this machine checks signatures", "apt-get install gpgv"))?;
        let asked = run(&Cmd::new(&get).args(["indextargets", "Created-By: Packages"]), ui)?;
        let targets = Paragraph::all(&asked.text())
            .map_err(|why| Error::failed("the output of apt-get indextargets is not valid").found(why))?;
        let sources = AptSources::choose(&targets).ok_or_else(|| {
            absent(
                "apt's sources on this machine do not include that archive",
                "add it to apt's sources, then run: apt-get update",
            )
        })?;
        Ok(Self { get, cache, verifier, keyring: keyring.to_owned(), sources, ui })
    }

    /// Returns whether the host's sources lack security updates.
    pub fn has_no_security(&self) -> bool {
        self.sources.security.is_none()
    }

    /// Returns the fingerprints of the keys of Debian's archive with a good signature under a clear-signed
    /// file, in ascending order. `scratch` is a folder that may be written to.
    ///
    /// # Errors
    /// There is no good signature, or one is bad.
    pub fn signers(&self, file: &Path, scratch: &Path) -> Result<Vec<String>> {
        self.verifier.signers(file, &self.keyring, scratch, self.ui)
    }

    /// Fetches the files of packages directly from their places in the archive. The file of a package that
    /// could not be fetched does not exist afterwards. The caller checks the files against their digests.
    ///
    /// # Errors
    /// The helper cannot be started.
    pub fn fetch(&self, wanted: &[(&DebPackage, PathBuf)]) -> Result<()> {
        let file = |(package, file): &(&DebPackage, PathBuf)| Download {
            from: format!("{}{}", self.sources.of(&package.pool), package.pool),
            to: file.clone(),
            digest: Some(package.digest.clone()),
        };
        let files: Vec<Download> = wanted.iter().map(file).collect();
        if can_download() { download(&files, self.ui).map(drop) } else { Ok(()) }
    }
}

/// A file to fetch.
pub(super) struct Download {
    pub(super) from: String,
    pub(super) to: PathBuf,
    /// The expected digest. Without it, any file is accepted.
    pub(super) digest: Option<Digest>,
}

/// Returns whether this machine has the program that [`download`] needs. It needs neither sources nor keys.
pub(super) fn can_download() -> bool {
    Path::new(HELPER).exists()
}

/// Fetches files through the host's proxies and with its passwords, all in one run of the helper. A file that
/// could not be fetched does not exist afterwards. Returns apt's error messages.
///
/// # Errors
/// The helper cannot be started.
pub(super) fn download(files: &[Download], ui: Ui) -> Result<Vec<String>> {
    let mut cmd = Cmd::new(HELPER).args(["-o", state::SANDBOX, "download-file"]);
    for Download { from, to, digest } in files {
        // The helper takes its arguments in groups of three. An empty digest means none.
        let digest = digest.as_ref().map(|digest| format!("SHA256:{}", digest.hex())).unwrap_or_default();
        cmd = cmd.arg(from).arg(to).arg(digest);
    }
    let output = run_any(&cmd, ui)?;
    let errors = output.errors();
    let errors = errors.lines().filter(|line| line.starts_with("E:"));
    Ok(errors.map(|line| without_password(&xtask_files::escape::plain(line))).collect())
}

/// Runs a command. The caller decides whether it succeeded.
fn run_any(cmd: &Cmd, ui: Ui) -> Result<Output> {
    ui.detail("Running", without_password(&cmd.line()));
    cmd.clone().env("LC_ALL", "C").capture_whole(LIMIT)
}

/// Runs a command of apt.
///
/// # Errors
/// The command failed; the error has its last output.
fn run(cmd: &Cmd, ui: Ui) -> Result<Output> {
    let output = run_any(cmd, ui)?;
    if output.ok() {
        return Ok(output);
    }
    let words = output.errors();
    let words = words.lines().filter(|line| line.starts_with("E:") || line.starts_with("W:"));
    let name = Path::new(&cmd.program).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let failed = Error::missing(format!("{name} failed ({})", output.end));
    Err(words
        .take(5)
        .fold(failed, |error, line| error.found(without_password(&xtask_files::escape::plain(line)))))
}

/// Returns a line of apt without the text that may be between `//` and `@` in an address.
fn without_password(line: &str) -> String {
    let mut parts = line.split("//");
    let mut safe = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(['/', ' ']).unwrap_or(part.len());
        let part = part[..end].rfind('@').map_or(part, |at| &part[at + 1..]);
        safe = format!("{safe}//{part}");
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_repeated() {
        for (line, safe) in [
            ("E: Failed to fetch https://me:pa@ss@mirror/x  403", "E: Failed to fetch https://mirror/x  403"),
            ("W: http://mirror/a@b//c", "W: http://mirror/a@b//c"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(without_password(line), safe);
        }
    }
}
