//! Wrappers: one absolute path for a driver that is a program with arguments. Build systems split such a command line
//! each in its own way, and CMake keeps only its first word; a wrapper has no words to split.

use std::path::{Path, PathBuf};

use super::identity::Fingerprint;
use super::stand_in::{COMPILE, LINK};
use super::{Candidate, Driver};
use xtask_files as files;
use xtask_files::error::Result;
use xtask_triple::Triple;

/// The tools of a candidate as single paths, wrapped where need be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedTools {
    /// The path of the C compiler.
    pub cc: PathBuf,
    /// The path of the C++ compiler, where there is one.
    pub cxx: Option<PathBuf>,
    /// The path of the archiver (`ar`), where there is one.
    pub ar: Option<PathBuf>,
    /// The path of the archive indexer (`ranlib`), where there is one.
    pub ranlib: Option<PathBuf>,
    /// The path of the linker that rustc starts.
    pub linker: PathBuf,
}

/// Names a wrapper's contents; raised when what a wrapper does changes.
const RECIPE: &str = "wrapper 5";

/// Makes the wrappers that `candidate` needs under `dir` and returns its tools. `this` is the path of this program,
/// which filters what rustc gives to zig. The folder's name is made of what the wrappers hold, so that they never
/// change once they are there.
///
/// # Errors
/// Where a wrapper cannot be written.
pub fn tools(candidate: &Candidate, target: &Triple, dir: &Path, this: &Path) -> Result<WrappedTools> {
    let all = [Some(&candidate.cc), candidate.cxx.as_ref(), candidate.ar.as_ref(), candidate.ranlib.as_ref()];
    let print = all.iter().flatten().fold(Fingerprint::new(RECIPE), |f, words| f.with(words.join("\0")));
    let print = print.with(target.as_str()).with(this.as_os_str().as_encoded_bytes());
    // What is learned of a driver lies beside its wrappers.
    let print = if candidate.link.rules().filter.is_some() {
        print.with_stat(Path::new(&candidate.cc[0]))
    } else {
        print
    };
    let dir = dir.join(format!("{target}-{}-{}", candidate.provider, print.short()));
    let rules = candidate.link.rules();
    // Some drivers are reached through this program, which takes out what they do not understand.
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
    let linker = match &rules.filter {
        None => cc.clone(),
        // rustc reads the flavour of its arguments off the name: `ld` and `link` would get other ones.
        Some(filter) => tool(&format!("{}-cc", rules.name), &filtered(filter.word, LINK, &candidate.cc))?,
    };
    Ok(WrappedTools {
        cc,
        cxx: candidate.cxx.as_ref().map(|d| compiler("c++", d)).transpose()?,
        ar: candidate.ar.as_ref().map(|d| tool("ar", d)).transpose()?,
        ranlib: candidate.ranlib.as_ref().map(|d| tool("ranlib", d)).transpose()?,
        linker,
    })
}

/// A single path for `driver`: its program where it has no arguments, else a script that adds them.
fn wrap(script: &Path, driver: &Driver) -> Result<PathBuf> {
    if driver.len() == 1 {
        return Ok(PathBuf::from(&driver[0]));
    }
    executable(script, &script_of(driver))?;
    Ok(script.to_owned())
}

/// A script that replaces itself by `words` and its own arguments.
pub fn script_of(words: &[String]) -> String {
    let mut cmd = xtask_process::exec::Cmd::new(&words[0]);
    cmd.args.extend(words[1..].iter().map(Into::into));
    format!("#!/bin/sh\nexec {} \"$@\"\n", cmd.line())
}

/// Writes an executable file, by staging and rename, unless it is there with these contents.
///
/// # Errors
/// Where the file or its folder cannot be written.
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
