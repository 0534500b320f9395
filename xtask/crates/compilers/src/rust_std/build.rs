//! Builds a std from the source that is installed with a rustc, and stores it in the cache.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use super::package::{self, StdBuild};
use super::{find, marker, place};
use crate::rustc::{Rustc, libraries};
use xtask_files::error::{Error, Result};
use xtask_process::cache::{self, create_dir};
use xtask_process::exec::{Cmd, ProcessEnd, Stream};
use xtask_process::host::Host;
use xtask_triple::Triple;

/// The std to build, and the settings of its build.
#[derive(Debug, Clone)]
pub struct Build<'a> {
    /// The compiler that the std is for, and whose library source is compiled.
    pub rustc: &'a Rustc,
    /// The target that the std is for.
    pub target: &'a Triple,
    /// The cache folder that receives the std.
    pub cache: &'a Path,
    /// The environment, and the triple of the host.
    pub host: &'a Host,
    /// How many compilers run at once; with none, Cargo decides.
    pub jobs: Option<usize>,
    /// Whether Cargo must not use the network.
    pub offline: bool,
}

/// Builds the std and returns the folder for `--sysroot`. If another process builds the same std, it waits
/// for that process. A std that is already complete is returned at once. For a musl target the caller
/// continues with [`super::self_contained::fill`].
///
/// `progress` gets a line for every crate that is compiled, for instance `Compiling core v0.0.0`.
///
/// # Errors
/// The rustc has no library source, or Cargo fails. The error then holds Cargo's last lines.
pub fn build(build: &Build<'_>, progress: &mut dyn FnMut(&str)) -> Result<PathBuf> {
    let Build { rustc, target, cache, .. } = *build;
    let place = place(rustc, target, cache);
    let done = || marker::whole(&libraries(&place, target));
    if done() {
        return Ok(place);
    }
    if rustc.source().is_none() {
        return Err(Error::missing(format!("{} has no source of its library", rustc.describe())));
    }
    let lock = lock_of(&place);
    let _lock = cache::lock(&lock, || progress("waiting for another process that builds the same std"))?;
    if done() {
        return Ok(place);
    }
    let staging = cache::stage(&place)?;
    let (work, made) = (staging.path().join("work"), staging.path().join("made"));
    let files = compile(build, &work, progress)?;
    let into = libraries(&made, target);
    create_dir(&into)?;
    for file in files {
        let to = into.join(file.file_name().unwrap_or_default());
        std::fs::rename(&file, &to).map_err(|e| Error::io("cannot move", &file, &e))?;
    }
    marker::write(&into)?;
    cache::publish(staging, "made", &place)?;
    match find::made(rustc, target, cache) {
        Some(_) => Ok(place),
        None => Err(Error::failed(format!("the std that was built for {target} is not complete"))
            .found(place.display().to_string())),
    }
}

/// The lock file that guards a std and its `self-contained` folder.
pub(super) fn lock_of(place: &Path) -> PathBuf {
    let name = format!("{}.lock", place.file_name().unwrap_or_default().display());
    place.with_file_name(name)
}

/// Runs Cargo in `work` and returns the libraries that it built.
fn compile(build: &Build<'_>, work: &Path, progress: &mut dyn FnMut(&str)) -> Result<Vec<PathBuf>> {
    create_dir(&work.join("src"))?;
    xtask_files::write(&work.join("Cargo.toml"), package::manifest().as_bytes())?;
    xtask_files::write(&work.join("src").join("lib.rs"), b"#![no_std]\n")?;
    let package = StdBuild {
        rustc: build.rustc,
        target: build.target,
        dir: work,
        offline: build.offline,
        host: build.host,
    };
    run(&package.fetch(), build, &mut |_| (), progress)?;
    let mut libraries = Vec::new();
    let cmd = package.build(&registry(build.host), build.jobs);
    let target_dir = package.target_dir().join(build.target.as_str());
    let mut message = |line: &str| libraries.extend(rlibs(line, &target_dir));
    run(&cmd, build, &mut message, progress)?;
    libraries.sort();
    Ok(libraries)
}

/// Returns the libraries that a JSON message of Cargo names. It skips libraries for the host, and the empty
/// library of the generated package.
fn rlibs(message: &str, target_dir: &Path) -> Vec<PathBuf> {
    let Ok(message) = serde_json::from_str::<serde_json::Value>(message) else { return Vec::new() };
    if message["reason"] != "compiler-artifact"
        || message["target"]["name"] == package::NAME.replace('-', "_")
    {
        return Vec::new();
    }
    let files = message["filenames"].as_array().cloned().unwrap_or_default();
    let files = files.iter().filter_map(|f| f.as_str()).map(PathBuf::from);
    files.filter(|f| f.starts_with(target_dir) && f.extension().is_some_and(|e| e == "rlib")).collect()
}

/// Returns the folders into which Cargo unpacks the packages of registries.
fn registry(host: &Host) -> Vec<PathBuf> {
    let Some(home) = host.cargo_home() else { return Vec::new() };
    let Ok(dirs) = std::fs::read_dir(home.join("registry").join("src")) else { return Vec::new() };
    let mut dirs: Vec<PathBuf> = dirs.flatten().map(|d| d.path()).collect();
    dirs.sort();
    dirs
}

/// Returns the part of a line of Cargo's output that is shown as progress. Warnings are left out: Cargo warns
/// that the profile names packages of std, which the workspace does not contain. Paths are cut off
/// (`Compiling std v0.0.0 (/path)`).
fn shown(line: &str) -> Option<&str> {
    let line = line.trim().split(" (").next()?;
    let verb = line.split(' ').next()?;
    ["Updating", "Downloading", "Downloaded", "Blocking", "Compiling"].contains(&verb).then_some(line)
}

fn run(
    cmd: &Cmd,
    build: &Build<'_>,
    out: &mut dyn FnMut(&str),
    progress: &mut dyn FnMut(&str),
) -> Result<()> {
    const KEPT: usize = 20;
    let mut last = VecDeque::new();
    let (end, _) = cmd.lines(|stream, line| match stream {
        Stream::Stdout => out(line),
        Stream::Stderr => {
            if last.len() == KEPT {
                last.pop_front();
            }
            last.push_back(line.to_owned());
            shown(line).into_iter().for_each(&mut *progress);
        }
    })?;
    if end == ProcessEnd::Code(0) {
        return Ok(());
    }
    let lines: Vec<String> = last.into();
    Err(Error::failed(format!(
        "cannot build the std of {} for {}: {end}",
        build.rustc.describe(),
        build.target
    ))
    .found(format!("the command was: {}", cmd.line()))
    .found(lines.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_taken_from_messages() {
        let message = |name: &str, file: &str| {
            format!(r#"{{"reason":"compiler-artifact","target":{{"name":"{name}"}},"filenames":["{file}"]}}"#)
        };
        let rlibs = |m: &str| rlibs(m, Path::new("/w/target/t"));
        let file = "/w/target/t/std/deps/libstd-1.rlib";
        assert_eq!(rlibs(&message("std", file)), [Path::new(file)]);
        assert!(rlibs(&message("std", "/w/target/t/std/deps/libstd-1.rmeta")).is_empty());
        assert!(
            rlibs(&message("build-script-build", "/w/target/std/build/std-1/build-script-build")).is_empty()
        );
        assert!(rlibs(&message("xtask_std", "/w/target/t/std/libxtask_std.rlib")).is_empty());
        assert!(rlibs("not JSON").is_empty() && rlibs("{}").is_empty() && rlibs("[]").is_empty());
    }

    #[test]
    fn progress_shows_crates_without_paths() {
        assert_eq!(shown("   Compiling std v0.0.0 (/usr/lib/x)"), Some("Compiling std v0.0.0"));
        assert_eq!(shown("warning: profile package spec"), None);
        assert_eq!(shown(""), None);
    }
}
