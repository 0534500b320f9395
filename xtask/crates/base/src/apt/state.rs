//! A private state of apt, with its own sources, indexes and status. Its release and architectures may differ
//! from the host's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::DebianArch;
use crate::contents::codename;
use crate::deb::Paragraph;
use crate::lock::{ALL, DebPackage, Release};
use xtask_files::FileLock;
use xtask_files::error::{Error, Result};
use xtask_oci::Digest;
use xtask_process::cache;
use xtask_process::exec::Cmd;

use super::{Apt, release, run};

/// apt drops its privileges for downloads if it can. The folder here belongs to the user, and `_apt` cannot
/// enter it.
pub(super) const SANDBOX: &str = "APT::Sandbox::User=root";

/// The state, which this process has locked.
#[derive(Debug)]
pub struct AptState<'a> {
    apt: &'a Apt,
    dir: PathBuf,
    debian: u8,
    archs: Vec<DebianArch>,
    _lock: FileLock,
}

impl<'a> AptState<'a> {
    /// Opens the state for a release and some architectures under `parent`. Files that were fetched before
    /// are kept.
    ///
    /// # Errors
    /// The folder cannot be made or locked.
    pub fn open(apt: &'a Apt, parent: &Path, debian: u8, archs: &[DebianArch]) -> Result<Self> {
        let mut archs = archs.to_vec();
        archs.sort();
        archs.dedup();
        let names: Vec<&str> = archs.iter().map(|arch| arch.as_str()).collect();
        let dir = parent.join(format!("debian{debian}-{}", names.join("-")));
        let waiting = || apt.ui.step("Waiting", "for another process that uses apt's private state");
        let lock = cache::lock(&dir.with_extension("lock"), waiting)?;
        for folder in ["lists/partial", "cache/archives/partial", "state"] {
            cache::create_dir(&dir.join(folder))?;
        }
        let state = Self { apt, dir, debian, archs, _lock: lock };
        xtask_files::write(&state.dir.join("status"), b"").map_err(cache::needed)?;
        let list = state.dir.join("sources.list");
        write_private(&list, state.sources().as_bytes())
            .map_err(|e| cache::needed(Error::io("cannot write", &list, &e)))?;
        Ok(state)
    }

    /// Returns the suites of the release as lines of a `sources.list` (sources.list(5)). Only the indexes of
    /// packages are fetched, and only Debian's keys are accepted, whatever the host's sources say.
    fn sources(&self) -> String {
        let archs: Vec<&str> = self.archs.iter().map(|arch| arch.as_str()).collect();
        let keyring = self.apt.keyring.display();
        let options = format!("arch={} target=Packages signed-by={keyring}", archs.join(","));
        let suites = self.apt.sources.suites(codename(self.debian));
        suites.iter().map(|(suite, uri)| format!("deb [{options}] {uri} {suite} main\n")).collect()
    }

    /// Returns a command on this state. The host's other settings still apply: proxies, passwords, time
    /// limits.
    fn cmd(&self, program: &Path, archs: &[DebianArch]) -> Cmd {
        let dir = self.dir.display();
        let options = [
            format!("Dir::State={dir}/state"),
            format!("Dir::State::lists={dir}/lists"),
            format!("Dir::State::status={dir}/status"),
            format!("Dir::Cache={dir}/cache"),
            // It takes 50 MB for an architecture, and making it again is faster than keeping it.
            "Dir::Cache::pkgcache=".to_owned(),
            "Dir::Cache::srcpkgcache=".to_owned(),
            format!("Dir::Etc::SourceList={dir}/sources.list"),
            "Dir::Etc::SourceParts=/dev/null".to_owned(),
            "Dir::Etc::Preferences=/dev/null".to_owned(),
            "Dir::Etc::PreferencesParts=/dev/null".to_owned(),
            SANDBOX.to_owned(),
            "Acquire::AllowInsecureRepositories=false".to_owned(),
            "Acquire::AllowDowngradeToInsecureRepositories=false".to_owned(),
            "Acquire::AllowWeakRepositories=false".to_owned(),
            "Acquire::GzipIndexes=true".to_owned(),
            "APT::Get::AllowUnauthenticated=false".to_owned(),
            // If an index cannot be fetched, it is an error: an old index must not be used instead.
            "APT::Update::Error-Mode=any".to_owned(),
        ];
        let archs = archs.iter().map(|arch| format!("APT::Architectures::={arch}"));
        let first = self.archs.first().map(|arch| format!("APT::Architecture={arch}"));
        let all = options.into_iter().chain(first).chain(archs);
        all.fold(Cmd::new(program), |cmd, option| cmd.arg("-o").arg(option))
    }

    /// Returns a command for one architecture only.
    fn cmd_for(&self, program: &Path, arch: DebianArch) -> Cmd {
        self.cmd(program, &[arch]).arg("-o").arg(format!("APT::Architecture={arch}"))
    }

    /// Fetches the indexes; apt checks the signatures.
    ///
    /// # Errors
    /// apt failed; the error has its messages.
    pub fn update(&self) -> Result<()> {
        run(&self.cmd(&self.apt.get, &self.archs).arg("update"), self.apt.ui).map(|_| ()).map_err(|error| {
            let said = |words: &str| error.found.iter().any(|line| line.contains(words));
            let help = if said("NO_PUBKEY") || said("not signed") {
                Some("get the archive's newer keys: apt-get install --only-upgrade debian-archive-keyring")
            } else if said("Mirror sync") || said("Hash Sum mismatch") {
                Some("the mirror is being updated: try again later, or name fewer architectures with --arch")
            } else {
                None
            };
            let error =
                Error { what: format!("apt could not fetch the indexes of Debian {}", self.debian), ..error };
            help.into_iter().fold(error, Error::help)
        })
    }

    /// Returns the packages that the archive has now for an architecture, by name.
    ///
    /// # Errors
    /// apt failed, or its output is not a package.
    pub fn lookup(&self, arch: DebianArch, names: &[&str]) -> Result<BTreeMap<String, DebPackage>> {
        let cmd = self.cmd_for(&self.apt.cache, arch);
        let output = super::run_any(&cmd.args(["--no-all-versions", "show"]).args(names), self.apt.ui)?;
        let bad = |why: String| Error::failed("the output of apt-cache show is not valid").found(why);
        let mut found = BTreeMap::new();
        for paragraph in Paragraph::all(&output.text()).map_err(bad)? {
            let package = package(&paragraph).map_err(bad)?;
            if [ALL, arch.as_str()].contains(&package.architecture.as_str()) {
                found.insert(package.name.clone(), package);
            }
        }
        Ok(found)
    }

    /// Returns the signed Release files, by suite.
    ///
    /// # Errors
    /// A file does not exist, is invalid, or has no good signature.
    pub fn releases(&self) -> Result<BTreeMap<String, Release>> {
        let suites = self.apt.sources.suites(codename(self.debian));
        suites.into_iter().map(|(suite, _)| self.release(&suite).map(|release| (suite, release))).collect()
    }

    fn release(&self, suite: &str) -> Result<Release> {
        let lists = self.dir.join("lists");
        let end = format!("_dists_{suite}_InRelease");
        let entries = std::fs::read_dir(&lists).map_err(|e| Error::io("cannot read", &lists, &e))?;
        let mut files = entries.flatten().map(|entry| entry.path());
        let file = files.find(|path| path.to_string_lossy().ends_with(&end));
        let file = file.ok_or_else(|| Error::failed(format!("apt fetched no InRelease of {suite}")))?;
        let signers = self.apt.signers(&file, &self.dir)?;
        let bytes = std::fs::read(&file).map_err(|e| Error::io("cannot read", &file, &e))?;
        let date = release::date(&bytes, suite)
            .map_err(|why| Error::failed(format!("the InRelease of {suite} is not valid")).found(why))?;
        Ok(Release { date, digest: Digest::of(&bytes), signers })
    }

    /// Fetches packages into a folder, under names that apt chooses.
    ///
    /// # Errors
    /// apt failed; the error has its messages.
    pub fn download(&self, arch: DebianArch, packages: &[&DebPackage], into: &Path) -> Result<()> {
        let cmd = self.cmd_for(&self.apt.get, arch).arg("download").cwd(into);
        run(&cmd.args(packages.iter().map(|p| format!("{}={}", p.name, p.version))), self.apt.ui).map(|_| ())
    }
}

/// Reads a paragraph of an index of packages.
fn package(paragraph: &Paragraph) -> Result<DebPackage, String> {
    let need = |field: &str| paragraph.need(field).map(str::to_owned);
    let (size, sha256) = (need("Size")?, need("SHA256")?);
    let digest = Digest::parse(&format!("sha256:{sha256}"));
    Ok(DebPackage {
        name: need("Package")?,
        version: need("Version")?,
        architecture: need("Architecture")?,
        size: size.parse().map_err(|_| format!("{size:?} is not a size"))?,
        digest: digest.ok_or_else(|| format!("{sha256:?} is not a SHA-256"))?,
        pool: need("Filename")?,
    })
}

/// Writes a file that only its owner may read, because an address may contain a password.
fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    let _ = std::fs::remove_file(path);
    let mut options = std::fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_of_an_index() {
        let text = format!(
            "Package: libc6\nVersion: 2\nArchitecture: arm64\nSize: 7\nSHA256: {}\nFilename: pool/main/x.deb\n",
            "0".repeat(64)
        );
        let read = |text: &str| package(&Paragraph::one(text).unwrap());
        assert_eq!(read(&text).unwrap().pool, "pool/main/x.deb");
        assert_eq!(read(&text.replace("Size: 7", "Size: x")).unwrap_err(), "\"x\" is not a size");
        assert_eq!(read(&text.replace("Filename", "File")).unwrap_err(), "there is no field Filename");
    }
}
