//! Finds the tools of a plan on this machine, in the terms of the lock.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{LockedTarget, LockedTool, ToolchainLock};
use crate::plan::{Findings, Job, StdUse};
use xtask_compilers::toolchain::identity::{Fingerprint, digest};
use xtask_compilers::toolchain::probe::version_of;
use xtask_compilers::toolchain::survey::Survey;
use xtask_compilers::toolchain::workers::{WORKERS, WorkerQuery};
use xtask_compilers::toolchain::{Linker, Toolchain};
use xtask_files::error::{Error, Result};
use xtask_files::{Memo, Stat, sha256_hex};
use xtask_process::exec::Cmd;
use xtask_process::host::Host;
use xtask_triple::Triple;

/// The time limit for a compiler that prints the paths of its programs.
const LIMIT: Duration = Duration::from_secs(60);

/// The kind under which digests of files are remembered.
const KIND: &str = "tool-digest";

/// Finds the tools of plans and computes their digests. An unchanged file is read only once.
#[derive(Debug)]
pub struct Observer<'a> {
    host: &'a Host,
    surveys: &'a BTreeMap<Triple, Survey>,
    workers: WorkerQuery<'a>,
    memo: Memo,
}

impl<'a> Observer<'a> {
    /// Makes an observer that remembers digests below the user's cache folder.
    pub fn new(host: &'a Host, findings: &'a Findings, cache: &Path) -> Self {
        Self {
            host,
            surveys: &findings.surveys,
            workers: WorkerQuery::new(host, cache),
            memo: Memo::new(cache.join("digests")),
        }
    }

    /// Returns the tools that build these jobs. A job without its std is left out, because it cannot be
    /// built.
    ///
    /// # Errors
    /// A tool or a file of std cannot be read.
    pub fn plan<'j>(&self, jobs: impl IntoIterator<Item = &'j Job>) -> Result<ToolchainLock> {
        let mut targets: BTreeMap<Triple, LockedTarget> = BTreeMap::new();
        for job in jobs {
            let Some(std) = &job.std else { continue };
            let target = &job.target.triple;
            let entry = match targets.entry(target.clone()) {
                std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::btree_map::Entry::Vacant(entry) => entry.insert(LockedTarget {
                    rustc: std.version.clone(),
                    std: self.std(std)?,
                    c: None,
                    linker: None,
                }),
            };
            match (&job.toolchain, &job.linker) {
                (Some(toolchain), _) if entry.c.is_none() => entry.c = Some(self.toolchain(toolchain)?),
                (None, Some(linker)) if entry.linker.is_none() => {
                    entry.linker = Some(self.linker(target, linker, std)?);
                }
                _ => {}
            }
        }
        Ok(ToolchainLock { targets })
    }

    fn toolchain(&self, toolchain: &Toolchain) -> Result<LockedTool> {
        Ok(LockedTool {
            provider: toolchain.provider.name().to_owned(),
            version: toolchain.version.clone(),
            digest: self.driver(&toolchain.driver)?,
        })
    }

    fn linker(&self, target: &Triple, linker: &Linker, std: &StdUse) -> Result<LockedTool> {
        let program = match linker {
            Linker::RustLld { program } => {
                let (version, digest) = (std.version.clone(), format!("sha256:{}", self.file(program)?));
                return Ok(LockedTool { provider: linker.name().to_owned(), version, digest });
            }
            Linker::Driver { program, .. } => program,
        };
        let chosen = self.surveys.get(target).and_then(|survey| survey.chosen.as_ref());
        if let Some(toolchain) = chosen.filter(|toolchain| toolchain.linker == *program) {
            return self.toolchain(toolchain);
        }
        let said = Cmd::new(program).arg("--version").capture(LIMIT)?.text();
        let (version, digest) = (version_of(&said), self.driver(program)?);
        Ok(LockedTool { provider: linker.name().to_owned(), version, digest })
    }

    /// Returns the digest of a driver and of the programs that it starts, in this order. A driver can be a
    /// script or a small program that does not change when its compiler does.
    fn driver(&self, driver: &Path) -> Result<String> {
        let mut lines = format!("driver {}\n", self.file(driver)?);
        for name in WORKERS {
            if let Some(program) = self.worker(driver, name) {
                lines += &format!("{name} {}\n", self.file(&program)?);
            }
        }
        Ok(format!("sha256:{}", sha256_hex(lines.as_bytes())))
    }

    /// Returns the path of a program that a driver would start, or none if the driver is a single program.
    fn worker(&self, driver: &Path, name: &str) -> Option<PathBuf> {
        let said = self.workers.ask(&[driver.to_str()?.to_owned()], name)?;
        // A driver that does not find the program repeats its name, and searches PATH later.
        let program =
            if Path::new(&said).is_absolute() { PathBuf::from(said) } else { self.host.program(&said)? };
        program.is_file().then_some(program)
    }

    /// Returns the digest of the std of a target: of the names and contents of its libraries and objects.
    fn std(&self, std: &StdUse) -> Result<String> {
        let dir = &std.libraries;
        let mut files = Vec::new();
        for dir in [dir.clone(), dir.join("self-contained")] {
            for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_file() && path.extension().is_none_or(|e| e != "json") {
                    files.push(path);
                }
            }
        }
        files.sort();
        // The folder is read only once, until one of its files changes.
        let stats = files.iter().fold(Fingerprint::new("std 1"), |print, file| print.with_stat(file)).short();
        if let Some(known) = self.memo.get::<String>(KIND, &stats) {
            return Ok(known);
        }
        let mut lines = String::new();
        for file in &files {
            let name = file.strip_prefix(dir).unwrap_or(file).to_string_lossy();
            lines += &format!("{name} {}\n", read(file)?);
        }
        let digest = format!("sha256:{}", sha256_hex(lines.as_bytes()));
        self.memo.put(KIND, &stats, &digest);
        Ok(digest)
    }

    /// Returns the digest of a tool's file. An unchanged file is read only once.
    fn file(&self, file: &Path) -> Result<String> {
        let real = std::fs::canonicalize(file).map_err(|e| Error::io("cannot read", file, &e))?;
        let stat = Stat::of(&real).map_err(|e| Error::io("cannot read", &real, &e))?;
        let key = Fingerprint::new("tool 1").with(real.as_os_str().as_encoded_bytes()).short();
        if let Some((known, digest)) = self.memo.get::<(Stat, String)>(KIND, &key)
            && known == stat
        {
            return Ok(digest);
        }
        let digest = read(&real)?;
        self.memo.put(KIND, &key, &(stat, digest.clone()));
        Ok(digest)
    }
}

fn read(file: &Path) -> Result<String> {
    digest(file).map_err(|e| Error::io("cannot read", file, &e))
}
