//! The variables with which plain Cargo, an editor or a debugger builds as a job does. Pure.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::invocation::{CargoContext, ENCODED, flags, with_tools};
use crate::plan::Job;
use xtask_compilers::toolchain::stand_in::{HOST_CC, TARGET_DIR};
use xtask_config::cargo_config::FlagRoad;
use xtask_files::error::{Error, Result};
use xtask_process::exec::Cmd;

/// The tools for which [`variables`] sets every spelling that build scripts read.
const TOOLS: [&str; 4] = ["CC", "CXX", "AR", "RANLIB"];

/// The programs to which the variables refer and which the build of the job does not know.
#[derive(Debug, Clone, Default)]
pub struct ShellPrograms {
    /// The rustc that Cargo would start without a variable.
    pub rustc: PathBuf,
    /// Starts the runner of the job. A variable cannot hold a runner with white space in a path.
    pub runner: Option<PathBuf>,
}

/// Returns the variables of a job for a shell: those to set, and those to remove (none). `site` is the context
/// of the job's build.
///
/// # Errors
/// A value is not UTF-8.
pub fn variables(
    job: &Job,
    site: &CargoContext,
    programs: &ShellPrograms,
) -> Result<BTreeMap<String, Option<String>>> {
    let triple = &job.target.triple;
    let is_host = *triple == site.host.triple;
    let mut site = CargoContext { keeps_paths: true, ..site.clone() };
    // Where host and target are the same triple, they share the linker variable, and the stand-in tells them
    // apart by the folder of the output. Elsewhere it would have nothing to do.
    let linker = job.linker.as_ref().map(|linker| linker.program());
    let shared = is_host && linker.is_some() && linker != site.host_cc;
    site.links.retain(|_, _| shared);
    let mut cmd = Cmd::new(&site.cargo);
    for (name, value) in &job.target.env {
        cmd = cmd.env(name, value);
    }
    cmd = with_tools(cmd, job, false, None, &site);
    if shared {
        cmd = cmd.env(TARGET_DIR, site.target_directory);
        cmd = site.host_cc.iter().fold(cmd, |cmd, cc| cmd.env(HOST_CC, cc));
    }
    if let Some(std) = job.std.as_ref().filter(|std| std.rustc != programs.rustc) {
        cmd = cmd.env("RUSTC", &std.rustc);
    }
    let underscored = triple.underscored();
    for tool in TOOLS {
        let value = cmd.env.get(OsStr::new(&format!("{tool}_{underscored}"))).cloned().flatten();
        if let Some(value) = value {
            cmd = cmd.env(format!("{tool}_{triple}"), &value);
            cmd = if is_host { cmd } else { cmd.env(format!("TARGET_{tool}"), value) };
        }
    }
    let name = |key: &str| format!("CARGO_TARGET_{}_{key}", triple.shouted());
    let flags = flags(job, &site);
    let spaced = flags.iter().any(|flag| flag.contains(char::is_whitespace));
    cmd = match job.user.flags.road {
        FlagRoad::Config if !spaced => cmd.env(name("RUSTFLAGS"), flags.join(" ")),
        FlagRoad::Variable => cmd.env("CARGO_ENCODED_RUSTFLAGS", flags.join(ENCODED)),
        // Cargo splits the variable at white space. The other one replaces the flags of all files.
        FlagRoad::Config => {
            let handed = job.user.flags.handed.len();
            let all = job.user.flags.around(flags[handed..].iter().map(String::as_str));
            cmd.env("CARGO_ENCODED_RUSTFLAGS", all.join(ENCODED))
        }
    };
    if let Some(words) = job.runner.words().filter(|_| !job.user.runner) {
        let spaced = words.iter().any(|word| word.contains(char::is_whitespace));
        let script = programs.runner.as_deref().and_then(Path::to_str).map(str::to_owned);
        let runner = if spaced { script } else { Some(words.join(" ")) };
        // Cargo splits this variable at white space too.
        let runner = runner.filter(|runner| !spaced || !runner.contains(char::is_whitespace));
        cmd = runner.into_iter().fold(cmd, |cmd, runner| cmd.env(name("RUNNER"), runner));
    }
    let text = |value: &OsStr| value.to_str().map(str::to_owned);
    let mut variables = BTreeMap::new();
    for (key, value) in &cmd.env {
        let (Some(key), Some(value)) =
            (text(key), value.as_deref().map(text).map_or(Some(None), |v| v.map(Some)))
        else {
            let key = key.to_string_lossy();
            return Err(Error::failed(format!("the variable {key} would have a value that is not UTF-8")));
        };
        // What is not set need not be removed, and an empty list of flags says nothing.
        if value.as_ref().is_some_and(|value| !value.is_empty())
            || site.host.vars().any(|(known, _)| known == OsStr::new(&key))
        {
            variables.insert(key, value);
        }
    }
    Ok(variables)
}
