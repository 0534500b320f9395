//! The programs that the driver of a compiler starts, such as its archiver and the compiler proper. Drivers of
//! gcc and clang name them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::identity::Fingerprint;
use super::{Candidate, Link};
use xtask_files::Memo;
use xtask_process::exec::Cmd;
use xtask_process::host::Host;
use xtask_triple::Triple;

/// The programs that make the output of a driver. A driver can be a script or a small program that does not
/// change when its compiler does.
pub const WORKERS: [&str; 3] = ["cc1", "as", "ld"];

/// The time limit for a compiler that prints the path of a program.
const LIMIT: Duration = Duration::from_secs(60);

/// The kind under which the answers of drivers are remembered.
const KIND: &str = "workers";

/// Returns the path of a program that a driver would start, or only its name if the driver searches it on
/// PATH. None if it is no driver of gcc or clang.
pub fn worker(driver: &[String], name: &str) -> Option<String> {
    let (program, args) = driver.split_first()?;
    let asked = Cmd::new(program).args(args).arg(format!("-print-prog-name={name}"));
    let output = asked.capture(LIMIT).ok()?;
    output.ok().then(|| output.text()).filter(|said| !said.is_empty())
}

/// The answers of a driver, as absolute paths.
#[derive(Debug, Default, Serialize, Deserialize)]
struct DriverWorkers {
    ar: Option<PathBuf>,
    ranlib: Option<PathBuf>,
    compilers: Vec<PathBuf>,
}

impl DriverWorkers {
    fn ask(driver: &[String]) -> Self {
        let path = |name: &str| {
            let path = PathBuf::from(worker(driver, name)?);
            (path.is_absolute() && path.is_file()).then_some(path)
        };
        let compilers = WORKERS.iter().filter_map(|name| path(name)).collect();
        Self { ar: path("ar"), ranlib: path("ranlib"), compilers }
    }

    fn still_there(&self) -> bool {
        [&self.ar, &self.ranlib].into_iter().flatten().chain(&self.compilers).all(|path| path.is_file())
    }
}

/// Completes a toolchain of targets.toml by what its driver names: the programs behind the driver, and an
/// archiver if none lies beside the driver. The answers are kept in `cache`, until the driver changes.
pub(super) fn complete(candidate: &mut Candidate, target: &Triple, host: &Host, cache: &Path) {
    if candidate.absent.is_some() || candidate.link == Link::Zig {
        return;
    }
    let driver = &candidate.cc;
    let print = Fingerprint::new("workers 1").with_stat(Path::new(&driver[0])).with(driver.join("\0"));
    let (memo, key) = (Memo::new(cache.join("drivers")), print.short());
    let known = memo.get::<DriverWorkers>(KIND, &key).filter(DriverWorkers::still_there);
    let workers = known.unwrap_or_else(|| {
        let workers = DriverWorkers::ask(driver);
        memo.put(KIND, &key, &workers);
        workers
    });
    let folder = Path::new(&driver[0]).parent().map(Path::to_owned);
    for (name, slot, said) in
        [("ar", &mut candidate.ar, workers.ar), ("ranlib", &mut candidate.ranlib, workers.ranlib)]
    {
        let beside = slot.as_ref().is_some_and(|tool| Path::new(&tool[0]).parent() == folder.as_deref());
        // The archiver of this machine knows only its own objects.
        let hosts =
            |path: &PathBuf| target.arch() != host.triple.arch() && host.program(name).as_ref() == Some(path);
        if let Some(path) = said.filter(|path| !beside && !hosts(path)) {
            *slot = Some(vec![path.to_string_lossy().into_owned()]);
        }
    }
    candidate.workers = workers.compilers;
}
