//! Debian's packages by way of the host's own apt: its mirrors, its proxies and passwords, its keyring. Where it comes to
//! what is installed on this machine, a private state folder stands in, so that nothing of the host changes.

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

/// Longer than any download of indexes or packages takes.
const LIMIT: Duration = Duration::from_secs(900);

/// What apt has for front ends that fetch single files (apt-helper, `download-file`).
const HELPER: &str = "/usr/lib/apt/apt-helper";

/// Where Debian has the keys that its archive is signed with (package debian-archive-keyring), by the names of
/// different releases.
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
    /// Looks for apt and asks it where its packages come from. `needed` is what a message says they are for.
    ///
    /// # Errors
    /// There is no apt here, or none that has an archive of Debian and its keys.
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

    /// Whether the host's sources have no security updates.
    pub fn has_no_security(&self) -> bool {
        self.sources.security.is_none()
    }

    /// The fingerprints of the keys of Debian's archive with a good signature under a file that is signed in the open,
    /// in ascending order. `scratch` is a folder that may be written to.
    ///
    /// # Errors
    /// There is none, or one is bad.
    pub fn signers(&self, file: &Path, scratch: &Path) -> Result<Vec<String>> {
        self.verifier.signers(file, &self.keyring, scratch, self.ui)
    }

    /// Fetches the files of packages straight from their places in the archive. What could not be had is not at its
    /// place then; the caller holds what is against its digest.
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
    /// Without it, any file is taken.
    pub(super) digest: Option<Digest>,
}

/// Whether this machine has what [`download`] needs. It needs neither sources nor keys.
pub(super) fn can_download() -> bool {
    Path::new(HELPER).exists()
}

/// Fetches files by way of the host's proxies and passwords, all in one run of the helper. What could not be had is not at
/// its place then. Returns apt's own words of what went wrong.
///
/// # Errors
/// The helper cannot be started.
pub(super) fn download(files: &[Download], ui: Ui) -> Result<Vec<String>> {
    let mut cmd = Cmd::new(HELPER).args(["-o", state::SANDBOX, "download-file"]);
    for Download { from, to, digest } in files {
        // Its arguments are read in threes; an empty digest stands for none.
        let digest = digest.as_ref().map(|digest| format!("SHA256:{}", digest.hex())).unwrap_or_default();
        cmd = cmd.arg(from).arg(to).arg(digest);
    }
    let output = run_any(&cmd, ui)?;
    let errors = output.errors();
    let errors = errors.lines().filter(|line| line.starts_with("E:"));
    Ok(errors.map(|line| without_password(&xtask_files::escape::plain(line))).collect())
}

/// Runs a command whose end its caller judges.
fn run_any(cmd: &Cmd, ui: Ui) -> Result<Output> {
    ui.detail("Running", without_password(&cmd.line()));
    cmd.clone().env("LC_ALL", "C").capture_whole(LIMIT)
}

/// Runs a command of apt.
///
/// # Errors
/// It failed, with its own last words.
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

/// A line of apt without what may stand between `//` and `@` in an address.
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
