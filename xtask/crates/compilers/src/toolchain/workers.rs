//! The programs that the driver of a compiler starts, such as its archiver and the compiler proper. Drivers of
//! gcc and clang name them.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::identity::Fingerprint;
use super::{Candidate, Link};
use xtask_files::Memo;
use xtask_process::exec::{Cmd, ProcessEnd};
use xtask_process::host::Host;
use xtask_triple::Triple;

/// The programs that make the output of a driver. A driver can be a script or a small program that does not
/// change when its compiler does.
pub const WORKERS: [&str; 3] = ["cc1", "as", "ld"];

/// The time limit for a compiler that prints the path of a program.
const LIMIT: Duration = Duration::from_secs(60);

/// The kind under which the answers of drivers are remembered.
const KIND: &str = "workers";

/// Asks drivers for the programs that they start. An answer is kept until the driver, or a folder of PATH where
/// it may search, changes. A script is always asked: it stays the same while the compiler behind it is replaced.
#[derive(Debug, Clone)]
pub struct WorkerQuery<'a> {
    host: &'a Host,
    memo: Memo,
}

impl<'a> WorkerQuery<'a> {
    /// Makes a query that keeps answers below the user's cache folder.
    pub fn new(host: &'a Host, cache: &Path) -> Self {
        Self { host, memo: Memo::new(cache.join("drivers")) }
    }

    /// Returns the path of a program that a driver would start, or only its name if the driver searches it on
    /// PATH later. None if it is no driver of gcc or clang.
    pub fn ask(&self, driver: &[String], name: &str) -> Option<String> {
        let (program, args) = driver.split_first()?;
        let cmd = Cmd::new(program).args(args).arg(format!("-print-prog-name={name}"));
        let key = (!is_script(Path::new(program))).then(|| {
            let print = Fingerprint::new("worker 1").with_stat(Path::new(program)).with(cmd.line());
            self.host.path().iter().fold(print, |print, dir| print.with_stat(dir)).short()
        });
        let kept = key.as_ref().and_then(|key| self.memo.get::<Option<String>>(KIND, key));
        let there = |said: &String| !Path::new(said).is_absolute() || Path::new(said).is_file();
        if let Some(kept) = kept.filter(|kept| kept.as_ref().is_none_or(there)) {
            return kept;
        }
        let output = cmd.capture(LIMIT).ok()?;
        let said = output.ok().then(|| output.text()).filter(|said| !said.is_empty());
        // Whoever was killed has not answered.
        if let (Some(key), ProcessEnd::Code(_)) = (&key, &output.end) {
            self.memo.put(KIND, key, &said);
        }
        said
    }

    /// Returns the absolute path of a program that a driver would start, if it names one.
    fn path(&self, driver: &[String], name: &str) -> Option<PathBuf> {
        let path = PathBuf::from(self.ask(driver, name)?);
        (path.is_absolute() && path.is_file()).then_some(path)
    }
}

fn is_script(program: &Path) -> bool {
    let mut head = [0; 2];
    let read = std::fs::File::open(program).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && head == *b"#!"
}

/// Completes a toolchain of targets.toml by what its driver names: the programs behind the driver, and an
/// archiver if none lies beside the driver.
pub(super) fn complete(candidate: &mut Candidate, target: &Triple, host: &Host, cache: &Path) {
    if candidate.absent.is_some() || candidate.link == Link::Zig {
        return;
    }
    let (driver, query) = (&candidate.cc, WorkerQuery::new(host, cache));
    let folder = Path::new(&driver[0]).parent().map(Path::to_owned);
    for (name, slot) in [("ar", &mut candidate.ar), ("ranlib", &mut candidate.ranlib)] {
        let beside = slot.as_ref().is_some_and(|tool| Path::new(&tool[0]).parent() == folder.as_deref());
        // The archiver of this machine knows only its own objects.
        let hosts =
            |path: &PathBuf| target.arch() != host.triple.arch() && host.program(name).as_ref() == Some(path);
        let said = if beside { None } else { query.path(driver, name) };
        if let Some(path) = said.filter(|path| !hosts(path)) {
            *slot = Some(vec![path.to_string_lossy().into_owned()]);
        }
    }
    candidate.workers = WORKERS.iter().filter_map(|name| query.path(driver, name)).collect();
}
