//! `cargo xtask init`: writes a commented targets.toml for the current workspace.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::cargo::compilers::BuildQuery;
use crate::cargo::units::UnitGraph;
use xtask_config::quote::{names, quoted};
use xtask_config::workspace::{Package, Workspace};
use xtask_config::{Config, FILE_NAME};
use xtask_files::error::{Error, Result};

mod modes;
mod text;

/// The targets of a new file: static programs for the two usual platforms. Targets that rustc does not know
/// are left out.
const TARGETS: [&str; 2] = ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"];

/// A way to find out what a program is made of.
pub trait Examination {
    /// Returns Cargo's unit graph of the program.
    ///
    /// # Errors
    /// The message of Cargo.
    fn graph(&self, query: &BuildQuery<'_>) -> Result<UnitGraph>;

    /// Tries to build the program without any C compiler. Returns the packages whose calls of a compiler were
    /// refused. Returns none if the build failed or could not be tried.
    fn refused(&self, query: &BuildQuery<'_>) -> Option<BTreeSet<String>>;
}

/// A new file, and an error if Cargo did not tell which compilers its modes need.
pub type New<T> = (T, Option<Error>);

/// Returns the text of a targets.toml for `package`, or for the only package that has a program. The text is
/// valid for the workspace.
///
/// # Errors
/// [`ExitKind::Usage`](xtask_files::error::ExitKind::Usage) if it is not clear which package is meant.
pub fn text(
    workspace: &Workspace,
    known_triples: &BTreeSet<String>,
    package: Option<&str>,
    look: &dyn Examination,
) -> Result<New<String>> {
    let package = choose(workspace, package)?;
    let bin = bin(package);
    let targets: Vec<&str> = TARGETS.into_iter().filter(|t| known_triples.contains(*t)).collect();
    let Some(target) = targets.first() else {
        return Err(Error::failed(format!("rustc knows neither {} nor {}", TARGETS[0], TARGETS[1])));
    };
    let (modes, untold) = modes::of(package, bin, target, look);
    let text = text::file(package, bin, &modes, &targets);
    // A written file must be readable by xtask itself.
    Config::from_bytes(text.as_bytes(), Path::new(FILE_NAME), workspace, known_triples)?;
    Ok((text, untold))
}

/// Writes [`text()`] into `dir` under the name targets.toml and returns the path. An existing file is kept,
/// and an interrupted run leaves no partial file.
///
/// # Errors
/// As [`text()`], or the file exists or cannot be written.
pub fn write(
    dir: &Path,
    workspace: &Workspace,
    known_triples: &BTreeSet<String>,
    package: Option<&str>,
    look: &dyn Examination,
) -> Result<New<PathBuf>> {
    let file = dir.join(FILE_NAME);
    if file.symlink_metadata().is_ok() {
        return Err(exists(&file));
    }
    let (text, untold) = text(workspace, known_triples, package, look)?;
    let staged = dir.join(format!(".{}.{}", FILE_NAME, std::process::id()));
    let written = stage(&staged, &text).and_then(|()| publish(&staged, &file));
    if written.is_err() {
        // The first error is reported, not one of the removal.
        let _ = std::fs::remove_file(&staged);
    }
    match written {
        Ok(()) => Ok((file, untold)),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Err(exists(&file)),
        Err(e) => Err(Error::io("cannot write", &file, &e)),
    }
}

fn stage(staged: &Path, text: &str) -> std::io::Result<()> {
    let mut file = File::create(staged)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Gives the staged file its name. A hard link fails if the name is taken, but a rename would replace the
/// file. File systems without hard links get the rename.
fn publish(staged: &Path, file: &Path) -> std::io::Result<()> {
    match std::fs::hard_link(staged, file) {
        Ok(()) => std::fs::remove_file(staged),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Err(e),
        Err(_) => std::fs::rename(staged, file),
    }
}

fn exists(file: &Path) -> Error {
    Error::usage(format!("{} exists already", file.display()))
        .help("it is left as it is; remove it to get a new one")
}

/// Returns the named package, or the only one with a program. If several have one, `default-members` decide,
/// and a package `xtask` is the tool and not the app: <https://github.com/matklad/cargo-xtask>.
fn choose<'w>(workspace: &'w Workspace, named: Option<&str>) -> Result<&'w Package> {
    let with_bins: Vec<&Package> = workspace.packages.iter().filter(|p| !p.bins.is_empty()).collect();
    let list = |packages: &[&Package]| names(packages.iter().map(|p| p.name.as_str()));
    if let Some(name) = named {
        let found = with_bins.iter().find(|p| p.is_meant(name));
        return found.copied().ok_or_else(|| {
            Error::usage(format!("no package {} with a program is in this workspace", quoted(name)))
                .help(format!("packages with a program: {}", list(&with_bins)))
        });
    }
    let mut apps: Vec<&Package> = with_bins.iter().copied().filter(|p| p.name != "xtask").collect();
    if apps.len() > 1 && apps.iter().any(|p| p.default_member) {
        apps.retain(|p| p.default_member);
    }
    match (apps.as_slice(), with_bins.as_slice()) {
        ([one], _) | ([], [one]) => Ok(one),
        ([], _) => Err(Error::usage("no package of this workspace has a program")
            .help("targets.toml is about a program: add a src/main.rs to a package")),
        _ => Err(Error::usage("several packages of this workspace have a program")
            .found(list(&apps))
            .help("name one with `--package`")),
    }
}

/// Returns the program that the package's manifest prefers: `default-run`, or the one with the package's
/// name, or the first.
fn bin(package: &Package) -> &str {
    let preferred = package.default_run.as_ref().unwrap_or(&package.name);
    package.bins.iter().find(|b| *b == preferred).or(package.bins.first()).map_or("", String::as_str)
}
