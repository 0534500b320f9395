//! A `pkg-config` in front of this machine's. It finds only the libraries of the caller's target, and logs what it does
//! not find, so that a run can say which package asked for what.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::hit::{self, Hit};
use super::{TARGET_DIR, append, krate_of_caller, out_dir_of_caller, read_log, say};
use xtask_compilers::toolchain::wrapper::{executable, script_of};
use xtask_files::error::Result;
use xtask_process::exec::Cmd;
use xtask_triple::Triple;

/// The names of the program, the usual one first.
pub const PROGRAMS: [&str; 2] = ["pkg-config", "pkgconf"];

/// The variable with the file in which calls are logged that found nothing.
pub const LOG: &str = "XTASK_PKG_CONFIG_LOG";

/// The first argument of a call for a target: `<triple> <real program> <folders> <sysroot or empty> <arguments…>`.
const OF_TARGET: &str = "__pkg-config";
/// The first argument of a call by a name on PATH, which may be for any target: `<real program> <arguments…>`.
const ON_PATH: &str = "__pkg-config-on-path";

/// What a `pkg-config` for a target needs to know.
#[derive(Debug, Clone, Copy)]
pub struct PkgConfig<'a> {
    /// The folder for the scripts.
    pub folder: &'a Path,
    /// The path of this program.
    pub this: &'a Path,
    /// The program of this machine.
    pub real: &'a Path,
}

impl PkgConfig<'_> {
    /// Writes the program that finds the libraries of one target, in these folders, and returns its path. None
    /// if it cannot be written.
    pub fn of_target(&self, triple: &Triple, folders: &Path, sysroot: Option<&Path>) -> Option<PathBuf> {
        let program = self.folder.join(triple.as_str()).join(PROGRAMS[0]);
        let sysroot = sysroot.unwrap_or(Path::new(""));
        let words = [Path::new(OF_TARGET), Path::new(triple.as_str()), self.real, folders, sysroot];
        self.script(&program, &words).then_some(program)
    }

    /// Writes the programs that build scripts find on PATH, and returns their folder. None if they cannot be
    /// written.
    pub fn on_path(&self) -> Option<PathBuf> {
        let folder = self.folder.join("path");
        let written = |name: &&str| self.script(&folder.join(name), &[Path::new(ON_PATH), self.real]);
        PROGRAMS.iter().all(written).then_some(folder)
    }

    fn script(&self, file: &Path, words: &[&Path]) -> bool {
        let words = std::iter::once(&self.this).chain(words);
        let words: Vec<String> = words.map(|word| word.to_string_lossy().into_owned()).collect();
        executable(file, &script_of(&words)).is_ok()
    }
}

/// Runs in place of `pkg-config` if the arguments ask for it, and returns the exit code.
pub(super) fn take_over(args: &[String]) -> Option<u8> {
    match args {
        [word, triple, real, folders, sysroot, args @ ..] if word == OF_TARGET => {
            Some(of_target(triple, real, folders, sysroot, args))
        }
        [word, real, args @ ..] if word == ON_PATH => Some(on_path(real, args)),
        _ => None,
    }
}

fn of_target(triple: &str, real: &str, folders: &str, sysroot: &str, args: &[String]) -> u8 {
    let spelled = [triple.to_owned(), Triple::parse(triple).underscored()];
    let own = spelled.iter().find_map(|name| std::env::var_os(format!("PKG_CONFIG_PATH_{name}")));
    let mut cmd = Cmd::new(real).args(args).env("PKG_CONFIG_LIBDIR", folders);
    // Without the target in its name, it names folders of this machine, which would be searched first.
    cmd.env.insert("PKG_CONFIG_PATH".into(), own);
    if !sysroot.is_empty() {
        cmd = cmd.env("PKG_CONFIG_SYSROOT_DIR", sysroot);
    }
    let asked: Vec<String> = args.iter().filter(|arg| !arg.starts_with('-')).cloned().collect();
    let Some(log) = std::env::var_os(LOG).filter(|_| !asked.is_empty()) else { return cmd.replace() };
    let code = cmd.pass_through();
    if code != 0 {
        say(&format!(
            "xtask: pkg-config searched for libraries of {triple} in {folders}, and not among those of this machine"
        ));
        let hit = Hit {
            krate: krate_of_caller(),
            program: PROGRAMS[0].to_owned(),
            args: asked,
            target: Some(triple.to_owned()),
            asked: true,
            out_dir: std::env::var_os("OUT_DIR").map(PathBuf::from),
            at: hit::now(),
        };
        // A line that cannot be written costs only a note.
        let _ = append(&log, &hit);
    }
    code
}

/// Calls the program of the target to which the caller belongs, or else the real one.
fn on_path(real: &str, args: &[String]) -> u8 {
    Cmd::new(of_caller().unwrap_or_else(|| real.into())).args(args).replace()
}

/// Returns the program of the caller's target. Build scripts for a target have their `OUT_DIR` in the folder of
/// the target's name.
fn of_caller() -> Option<OsString> {
    let target_dir = PathBuf::from(std::env::var_os(TARGET_DIR)?);
    let out_dir = out_dir_of_caller()?;
    let triple = out_dir.strip_prefix(target_dir).ok()?.iter().next()?.to_str()?;
    std::env::var_os(format!("PKG_CONFIG_{}", Triple::parse(triple).underscored()))
}

/// Returns one note for each package and library that was asked for and not found for a target. Calls of
/// scripts that are not among these `OUT_DIR`s are from earlier builds; with none, every call counts.
///
/// # Errors
/// The log exists and cannot be read.
pub fn notes(log: &Path, target: &Triple, out_dirs: Option<&BTreeSet<&Path>>) -> Result<Vec<String>> {
    let hits = read_log(log)?;
    let own = hits.iter().filter(|hit| hit.target.as_deref() == Some(target.as_str()));
    let own = own.filter(|hit| match (&hit.out_dir, out_dirs) {
        (Some(own), Some(known)) => known.contains(own.as_path()),
        _ => true,
    });
    let line = |hit: &Hit| {
        let asked = hit.args.join(" ");
        format!(
            "{} asked pkg-config for {asked}: there is none for {target}, and that of this machine is not used",
            hit.krate
        )
    };
    let lines: BTreeSet<String> = own.map(line).collect();
    Ok(lines.into_iter().collect())
}
