//! Wrappers: scripts that give one absolute path to a driver with arguments. Build systems split a command
//! line in different ways, and CMake keeps only its first word. A path needs no splitting.

use std::path::{Path, PathBuf};

use super::identity::Fingerprint;
use super::stand_in::{COMPILE, LINK};
use super::{Candidate, Driver};
use xtask_files as files;
use xtask_files::error::Result;
use xtask_triple::Triple;

/// The tools of a candidate as single paths. Drivers with arguments are wrapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedTools {
    /// The path of the C compiler.
    pub cc: PathBuf,
    /// The path of the C++ compiler, if there is one.
    pub cxx: Option<PathBuf>,
    /// The path of the archiver (`ar`), if there is one.
    pub ar: Option<PathBuf>,
    /// The path of the archive indexer (`ranlib`), if there is one.
    pub ranlib: Option<PathBuf>,
    /// The path of the linker that rustc starts.
    pub linker: PathBuf,
}

/// The version of the wrappers' contents. It is raised when they change.
const RECIPE: &str = "wrapper 5";

/// Makes the wrappers that `candidate` needs under `dir` and returns its tools. `this` is the path of this
/// program, which filters rustc's arguments for zig. The folder's name is derived from the contents of the
/// wrappers, so an existing wrapper never changes.
///
/// # Errors
/// A wrapper cannot be written.
pub fn tools(candidate: &Candidate, target: &Triple, dir: &Path, this: &Path) -> Result<WrappedTools> {
    let Candidate { cxx, ar, ranlib, linker, .. } = candidate;
    let all = [Some(&candidate.cc), cxx.as_ref(), ar.as_ref(), ranlib.as_ref(), linker.as_ref()];
    let print = all.iter().flatten().fold(Fingerprint::new(RECIPE), |f, words| f.with(words.join("\0")));
    let print = print.with(target.as_str()).with(this.as_os_str().as_encoded_bytes());
    // Answers of a filtered driver are kept beside its wrappers, so the driver's file is part of the folder's
    // name.
    let print = if candidate.link.rules().filter.is_some() {
        print.with_stat(Path::new(&candidate.cc[0]))
    } else {
        print
    };
    let dir = dir.join(format!("{target}-{}-{}", candidate.provider, print.short()));
    let rules = candidate.link.rules();
    // A filtered driver is called through this program, which removes the arguments that the driver does not
    // accept.
    let filtered = |word: &str, way: &str, driver: &Driver| {
        let me = this.to_string_lossy().into_owned();
        let folder = dir.to_string_lossy().into_owned();
        let mut words =
            vec![me, word.into(), way.into(), target.to_string(), folder, driver.len().to_string()];
        words.extend(driver.iter().cloned());
        words
    };
    let tool = |name: &str, driver: &Driver| wrap(&dir.join(name), driver);
    let compiler = |name: &str, driver: &Driver| match &rules.filter {
        None => tool(name, driver),
        Some(filter) => tool(name, &filtered(filter.word, COMPILE, driver)),
    };
    let cc = compiler("cc", &candidate.cc)?;
    // rustc derives the linker flavour from the file name. The names `ld` and `link` would get arguments of
    // other flavours.
    let linker = match (&rules.filter, linker) {
        (None, None) => cc.clone(),
        (None, Some(driver)) => {
            let script = dir.join("linker-cc");
            executable(&script, &script_of(driver))?;
            script
        }
        (Some(filter), _) => {
            tool(&format!("{}-cc", rules.name), &filtered(filter.word, LINK, &candidate.cc))?
        }
    };
    Ok(WrappedTools {
        cc,
        cxx: cxx.as_ref().map(|d| compiler("c++", d)).transpose()?,
        ar: ar.as_ref().map(|d| tool("ar", d)).transpose()?,
        ranlib: ranlib.as_ref().map(|d| tool("ranlib", d)).transpose()?,
        linker,
    })
}

/// Returns a single path for `driver`: its program if it has no arguments, otherwise a script that adds them.
fn wrap(script: &Path, driver: &Driver) -> Result<PathBuf> {
    if driver.len() == 1 {
        return Ok(PathBuf::from(&driver[0]));
    }
    executable(script, &script_of(driver))?;
    Ok(script.to_owned())
}

/// Returns a script that replaces itself by the program in `words`, with its own arguments appended.
pub fn script_of(words: &[String]) -> String {
    let mut cmd = xtask_process::exec::Cmd::new(&words[0]);
    cmd.args.extend(words[1..].iter().map(Into::into));
    format!("#!/bin/sh\nexec {} \"$@\"\n", cmd.line())
}

/// Writes an executable file, unless it exists with the same contents. It is written under a temporary name
/// and renamed.
///
/// # Errors
/// The file or its folder cannot be written.
pub fn executable(file: &Path, text: &str) -> Result<()> {
    if std::fs::read(file).is_ok_and(|old| old == text.as_bytes()) {
        return Ok(());
    }
    files::place(file, |staged| {
        std::fs::write(staged, text)?;
        #[cfg(unix)]
        std::fs::set_permissions(staged, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        Ok(())
    })
}
