//! The facts that a rustc reports about itself. They are kept by the program's path, size and modification
//! time, so that a plan starts no compiler.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::{Rustc, Version};
use xtask_files::error::{Error, Result};
use xtask_files::threads;
use xtask_process::exec::Cmd;
use xtask_triple::Triple;

/// The time limit of one question. A rustc answers in a tenth of a second. A rustup proxy that first has to
/// download a toolchain is not waited for any longer.
const LIMIT: Duration = Duration::from_secs(60);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct RustcFacts {
    program: PathBuf,
    size: u64,
    changed_ns: u128,
    verbose: String,
    sysroot: PathBuf,
    targets: BTreeSet<String>,
}

/// Returns the facts about `program`: from `cache` if the program has not changed, otherwise from the program
/// itself.
pub(super) fn read(program: &Path, cache: &Path) -> Result<Rustc> {
    let meta = std::fs::metadata(program).map_err(|e| Error::io("cannot read", program, &e))?;
    let changed = meta.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let name = xtask_process::cache::short_hash(&program.to_string_lossy(), 16);
    let file = cache.join("rustc").join(format!("{name}.json"));
    let kept: Option<RustcFacts> = std::fs::read(&file).ok().and_then(|b| serde_json::from_slice(&b).ok());
    let kept = kept.filter(|f| {
        f.program == program
            && f.size == meta.len()
            && f.changed_ns == changed.as_nanos()
            && f.sysroot.is_dir()
    });
    let facts = match kept {
        Some(facts) => facts,
        None => {
            let (verbose, sysroot, targets) = ask(program)?;
            let program = program.to_owned();
            let facts = RustcFacts {
                program,
                size: meta.len(),
                changed_ns: changed.as_nanos(),
                verbose,
                sysroot,
                targets,
            };
            // If the cache cannot be written, the next run asks rustc again.
            let _ = serde_json::to_vec(&facts).map(|bytes| xtask_files::write(&file, &bytes));
            facts
        }
    };
    parse(facts)
}

fn ask(program: &Path) -> Result<(String, PathBuf, BTreeSet<String>)> {
    let verbose = || answer(&Cmd::new(program).arg("-vV"));
    let printed = || answer(&Cmd::new(program).args(["--print", "sysroot", "--print", "target-list"]));
    let (verbose, printed) = threads::both(verbose, printed);
    let printed = printed?;
    let mut lines = printed.lines();
    let sysroot = PathBuf::from(lines.next().unwrap_or_default());
    Ok((verbose?, sysroot, lines.map(str::to_owned).collect()))
}

/// Runs a command that must succeed, and returns its standard output.
pub(super) fn answer(cmd: &Cmd) -> Result<String> {
    let output = cmd.capture_whole(LIMIT)?;
    if output.ok() {
        Ok(output.text())
    } else {
        Err(Error::missing(format!("{} does not work ({})", cmd.line(), output.end)).found(output.errors()))
    }
}

fn parse(facts: RustcFacts) -> Result<Rustc> {
    let field = |key: &str| {
        facts.verbose.lines().find_map(|l| l.strip_prefix(key)?.strip_prefix(": ")).map(str::to_owned)
    };
    let version = field("release").as_deref().and_then(Version::parse);
    let (Some(version), Some(host)) = (version, field("host")) else {
        return Err(Error::missing(format!(
            "{} is not a rustc: -vV prints no release or no host",
            facts.program.display()
        ))
        .found(facts.verbose));
    };
    Ok(Rustc {
        version,
        commit: field("commit-hash").filter(|c| c != "unknown"),
        host: Triple::parse(&host),
        sysroot: facts.sysroot,
        program: facts.program,
        identity: facts.verbose,
        targets: Arc::new(facts.targets),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)\nbinary: rustc\n\
        commit-hash: ac68faa20c58cbccd01ee7208bf3b6e93a7d7f96\ncommit-date: 2026-05-25\n\
        host: x86_64-unknown-linux-gnu\nrelease: 1.96.0\nLLVM version: 22.1.8";

    fn facts(verbose: &str) -> RustcFacts {
        RustcFacts {
            program: "/usr/bin/rustc".into(),
            size: 1,
            changed_ns: 2,
            verbose: verbose.into(),
            sysroot: "/usr".into(),
            targets: BTreeSet::from(["x86_64-unknown-linux-gnu".to_owned()]),
        }
    }

    #[test]
    fn the_answer_is_read_and_kept_as_it_was() {
        let rustc = parse(facts(ANSWER)).unwrap();
        assert_eq!(rustc.version.to_string(), "1.96.0");
        assert_eq!(rustc.commit.as_deref(), Some("ac68faa20c58cbccd01ee7208bf3b6e93a7d7f96"));
        assert_eq!(rustc.host.as_str(), "x86_64-unknown-linux-gnu");
        let json = serde_json::to_vec(&facts(ANSWER)).unwrap();
        assert_eq!(serde_json::from_slice::<RustcFacts>(&json).unwrap(), facts(ANSWER));
    }

    #[test]
    fn what_is_no_rustc_is_an_error_with_its_words() {
        let error = parse(facts("hello")).unwrap_err();
        assert!(error.what.contains("/usr/bin/rustc") && error.found == ["hello"], "{error}");
        assert_eq!(parse(facts("release: 1.96.0\nhost: x\ncommit-hash: unknown")).unwrap().commit, None);
    }
}
