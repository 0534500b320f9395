//! Installs cosign in two major versions from Debian's packages. Tests check with both the signatures that
//! `publish` makes. Nothing that ships needs cosign. The packages are unpacked into the cache folder, because
//! only one version can be installed in the system.

use std::path::{Path, PathBuf};

use super::pip::run;
use xtask_files::error::{Error, Result};
use xtask_files::write;
use xtask_process::cache::{self, create_dir};
use xtask_process::exec::Cmd;

/// The keys of Debian's archive (from the package debian-archive-keyring).
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// A major version of cosign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CosignVersion {
    /// Version 2, which stores signatures under tags: `sha256-….sig`.
    Two,
    /// Version 3, which stores signatures as referrers.
    Three,
}

impl CosignVersion {
    /// The major versions that setup installs.
    pub const ALL: [Self; 2] = [Self::Two, Self::Three];

    /// Returns the Debian suite that contains this version.
    fn suite(self) -> &'static str {
        match self {
            Self::Two => "trixie",
            Self::Three => "testing",
        }
    }

    /// Returns the folder for the package in the cache. The folder need not exist.
    fn place(self, cache: &Path) -> PathBuf {
        cache.join("cosign").join(self.suite())
    }

    /// Returns the program that setup unpacked, or none if it is missing or does not start.
    pub fn program(self, cache: &Path) -> Option<PathBuf> {
        Some(self.place(cache).join("usr/bin/cosign")).filter(|program| starts(program).is_ok())
    }
}

/// Returns the line that the user reads before [`install`] runs.
pub(super) fn line() -> String {
    let suites = CosignVersion::ALL.map(CosignVersion::suite).join(" and ");
    format!(
        "apt-get download cosign of {suites}, with separate package lists (into the cache, 65 MB to fetch)"
    )
}

/// Unpacks both versions into the cache folder.
///
/// # Errors
/// apt has no archive of Debian, a package cannot be downloaded, or the program does not start on this
/// machine.
pub fn install(apt: &Path, cache: &Path, say: &mut dyn FnMut(&str)) -> Result<()> {
    let asked =
        run(&Cmd::new(apt).args(["indextargets", "--format", "$(SITE)", "Origin: Debian", "Label: Debian"]))?;
    let site = asked.lines().next().filter(|site| !site.is_empty());
    let site = site.ok_or_else(|| Error::missing("apt on this machine has no archive of Debian"))?;
    for version in CosignVersion::ALL {
        one(version, apt, site, cache, say)?;
    }
    Ok(())
}

fn one(
    version: CosignVersion,
    apt: &Path,
    site: &str,
    cache: &Path,
    say: &mut dyn FnMut(&str),
) -> Result<()> {
    let place = version.place(cache);
    let _lock = cache::lock(&place.with_extension("lock"), || {
        say("waiting for another process that installs cosign");
    })?;
    if version.program(cache).is_some() {
        return Ok(());
    }
    let staging = cache::stage(&place)?;
    let [lists, archives, made] =
        ["lists/partial", "cache/archives/partial", "made"].map(|name| staging.path().join(name));
    for folder in [&lists, &archives, &made] {
        create_dir(folder)?;
    }
    let sources = staging.path().join("sources.list");
    write(&sources, format!("deb [signed-by={KEYRING}] {site} {} main\n", version.suite()).as_bytes())?;
    let options = [
        format!("Dir::State::Lists={}", staging.path().join("lists").display()),
        format!("Dir::Cache={}", staging.path().join("cache").display()),
        format!("Dir::Etc::SourceList={}", sources.display()),
        "Dir::Etc::SourceParts=/dev/null".to_owned(),
        "Dir::State::status=/dev/null".to_owned(),
        // The folder belongs to this user only, so apt's own user `_apt` could not use it.
        "APT::Sandbox::User=root".to_owned(),
    ];
    let apt = options.iter().fold(Cmd::new(apt), |cmd, option| cmd.arg("-o").arg(option)).cwd(staging.path());
    for step in [apt.clone().args(["-q", "update"]), apt.args(["-q", "download", "cosign"])] {
        say(&step.line());
        run(&step)?;
    }
    let mut files =
        std::fs::read_dir(staging.path()).into_iter().flatten().flatten().map(|entry| entry.path());
    let package = files.find(|path| path.extension().is_some_and(|ext| ext == "deb"));
    let package = package.ok_or_else(|| Error::failed("apt-get download wrote no package of cosign"))?;
    run(&Cmd::new("dpkg-deb").arg("-x").arg(&package).arg(&made))?;
    starts(&made.join("usr/bin/cosign"))?;
    cache::publish(staging, "made", &place)
}

fn starts(program: &Path) -> Result<()> {
    run(&Cmd::new(program).arg("version")).map(drop)
}
