//! The cache of compiled files that machines share: sccache, where Cargo's configuration names it as the wrapper
//! of rustc. Its keys contain the paths of the machine. [`stand_in`] keeps those out of them that an option of
//! the compiler replaces, so that the same sources in another folder find what was compiled.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use xtask_compilers::toolchain::Toolchain;
use xtask_compilers::toolchain::identity::Fingerprint;
use xtask_compilers::toolchain::wrapper::{executable, script_of};
use xtask_config::cargo_config::{CargoConfig, WrapperKind};
use xtask_process::exec::{Cmd, ProcessEnd};
use xtask_process::host::{Host, PathLookup};
use xtask_process::ui::Ui;
use xtask_triple::Triple;

pub mod stand_in;

use stand_in::{CACHED, COMPILERS, STALLED, THIS};

/// The name of the program. The crate `cc` puts a wrapper of this name in front of C compilers too.
pub const SCCACHE: &str = "sccache";

/// The time limit of a call that starts the server. sccache itself gives up after 10 s.
const START: Duration = Duration::from_secs(60);

/// When the server is thought to wait in vain.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// How long nothing was counted before a small compilation is tried.
    quiet: Duration,
    /// How long that may take. Its result is in the store, so that only a store that is away, or a machine with
    /// far too much to do, takes longer.
    trial: Duration,
}

const PATIENCE: Patience = Patience { quiet: Duration::from_secs(5), trial: Duration::from_secs(20) };

/// The crate that is compiled to see whether the store answers.
const TRIAL: &str = "xtask_trial";

/// The sccache of a run.
#[derive(Debug, Clone)]
pub struct CompileCache {
    named: String,
    origin: String,
    program: PathBuf,
    /// The folder for the scripts that Cargo and sccache start.
    folder: PathBuf,
    this: PathBuf,
    patience: Patience,
    /// The number of compilations that were tried.
    trials: Arc<AtomicU64>,
    /// The counts before the first build, or none where builds do without the cache. Unset until it is tried.
    begun: OnceLock<Option<CacheCounts>>,
}

/// Watches the server during a build. sccache waits 60 s for each answer of a store that went away, and a build of
/// many files would take hours. Once a small compilation does not end, the rest of the run does without the cache.
#[derive(Debug)]
pub struct CacheWatch(Arc<AtomicBool>);

impl Drop for CacheWatch {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The compilers of a cargo call.
#[derive(Debug, Clone, Copy)]
pub struct CachedCall<'a> {
    /// The rustc of the call.
    pub rustc: &'a Path,
    /// The C toolchains, each with its target.
    pub toolchains: &'a [(&'a Triple, &'a Toolchain)],
    /// Whether traps stand in the place of C compilers.
    pub trapped: bool,
}

/// The part of a plan about the cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedCache {
    /// The program as it is named.
    pub program: String,
    /// The place where it is named.
    pub from: String,
    /// The languages whose compilers it stands in front of.
    pub of: Vec<&'static str>,
}

/// What the server of sccache has counted since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct CacheCounts {
    hits: u64,
    misses: u64,
    faults: u64,
}

impl CompileCache {
    /// Returns the sccache that Cargo is configured to start, if it is on this machine. `work` is `target/xtask`,
    /// `this` the path of this program.
    pub fn configured(configuration: &CargoConfig, host: &Host, work: &Path, this: &Path) -> Option<Self> {
        let wrapper = configuration.wrapper(WrapperKind::All, host)?;
        if wrapper.program.file_stem().is_none_or(|stem| stem != SCCACHE) {
            return None;
        }
        let PathLookup::Program(program) = wrapper.find(host) else { return None };
        Some(Self {
            named: wrapper.named,
            origin: wrapper.origin,
            program,
            folder: work.join("compile-cache"),
            this: this.to_owned(),
            patience: PATIENCE,
            trials: Arc::default(),
            begun: OnceLock::new(),
        })
    }

    /// The program, which pure builds may not reach.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Returns what the plan says of it: whether a job is not pure, and whether one of these has a C toolchain.
    pub fn planned(&self, rust: bool, c: bool) -> PlannedCache {
        let of = rust.then_some("Rust").into_iter().chain(c.then_some("C")).collect();
        PlannedCache { program: self.named.clone(), from: self.origin.clone(), of }
    }

    /// Returns the same cache for builds that do without it.
    pub fn unused(&self) -> Self {
        Self { begun: OnceLock::from(None), ..self.clone() }
    }

    /// Starts the server unless it runs. Where it does not answer, the builds do without it, with a warning. The
    /// server is started here and not by a build: one that a build starts would keep its view of the file system,
    /// in which C compilers may be traps. The build keeps what is returned until it ends.
    pub fn start(&self, rustc: &Path, ui: &Ui) -> Option<CacheWatch> {
        let begun = self.begun.get_or_init(|| {
            let ask = || {
                let _task = ui.late_task("Starting", self.named.as_str());
                let asked = Cmd::new(&self.program).arg(rustc).arg("-vV").capture(START);
                asked.map_err(|error| error.to_string()).and_then(|output| match output.ok() {
                    true => Ok(()),
                    false => Err(output.errors()),
                })
            };
            let answer = ask().and_then(|()| self.scripts().map_err(|error| error.to_string()));
            match answer {
                Ok(()) => Some(self.counts().unwrap_or_default()),
                Err(said) => {
                    let said = said.trim().replace('\n', "\n  ");
                    ui.warn(format!(
                        "{} ({}) does not answer, so this build uses no compile cache\n  {said}\n  help: start what it \
                         stores into, or turn it off: {}=",
                        self.named,
                        self.origin,
                        WrapperKind::All.variable()
                    ));
                    None
                }
            }
        });
        begun.map(|_| self.watched(rustc))
    }

    fn watched(&self, rustc: &Path) -> CacheWatch {
        let over = Arc::new(AtomicBool::new(false));
        let (cache, rustc, ended) = (self.clone(), rustc.to_owned(), Arc::clone(&over));
        // Where no thread can be started, nothing is watched: the build takes longer.
        let _ = std::thread::Builder::new().spawn(move || {
            let mut last = cache.counts();
            while !ended.load(Ordering::Relaxed) {
                std::thread::sleep(cache.patience.quiet);
                let now = cache.counts();
                let over = || ended.load(Ordering::Relaxed);
                // The build may end during the trial; the next one must not find the file.
                if now == last && !over() && cache.hangs(&rustc) && !over() {
                    let _ = xtask_files::write(&cache.stalled(), b"");
                    return;
                }
                last = now;
            }
        });
        CacheWatch(over)
    }

    /// Whether a small compilation that the store has does not end in time.
    fn hangs(&self, rustc: &Path) -> bool {
        let folder = self.folder.join("trial");
        let source = folder.join("trial.rs");
        if xtask_files::write(&source, b"").is_err() {
            return false;
        }
        let cmd = Cmd::new(&self.program).arg(rustc).args(["--crate-name", TRIAL, "--crate-type", "rlib"]);
        let cmd = cmd.args(["--emit", "metadata", "--out-dir"]).arg(&folder).arg(&source).cwd(&folder);
        let ended = cmd.capture(self.patience.trial).map(|output| output.end);
        match ended {
            Ok(ProcessEnd::TimedOut(_)) => true,
            _ => {
                self.trials.fetch_add(1, Ordering::Relaxed);
                false
            }
        }
    }

    /// Returns the file that tells calls of compilers to do without the cache.
    fn stalled(&self) -> PathBuf {
        self.folder.join("stalled")
    }

    /// Prints what the builds of this run took from the cache, and warns where it failed.
    pub fn end(&self, ui: &Ui) {
        let Some(Some(before)) = self.begun.get() else { return };
        let Some(now) = self.counts() else { return };
        let CacheCounts { hits, misses, faults } = now.since(*before);
        let hits = hits.saturating_sub(self.trials.load(Ordering::Relaxed));
        let of = hits + misses;
        if of > 0 {
            ui.step("Cache", format!("{} had {hits} of {of} compilations", self.named));
        }
        let stalled = self.stalled().exists();
        if stalled || faults > 0 {
            let what = match stalled {
                true => "waited for its store in vain; the rest of the build did without it".to_owned(),
                false => {
                    format!("failed to read or write its store {faults} times; the compilers ran instead")
                }
            };
            ui.warn(format!(
                "{} {what}\n  help: look at the store; what sccache counted: {} --show-stats",
                self.named,
                self.program.display()
            ));
        }
    }

    /// Puts the cache around a cargo call, or lets the call do without it. Before [`CompileCache::start`], the
    /// call stays as it is. A call behind traps does without it: the server runs outside of them, so a procedural macro
    /// in a rustc of the server would reach the compilers, and where the server has the crate, no macro runs at all.
    pub fn around(&self, cmd: Cmd, call: CachedCall<'_>) -> Cmd {
        let variable = WrapperKind::All.variable();
        match self.begun.get() {
            _ if call.trapped => cmd.env(variable, ""),
            None => cmd,
            Some(None) => cmd.env(variable, ""),
            Some(Some(_)) => {
                let compilers = serde_json::to_string(&self.compilers(call)).unwrap_or_default();
                let cmd = cmd.env(variable, self.script()).env(COMPILERS, compilers);
                cmd.env(THIS, &self.this).env(STALLED, self.stalled())
            }
        }
    }

    /// Returns the scripts through which sccache starts the compilers of a call, each by the path of its
    /// compiler. A script that cannot be written is left out: then sccache starts the compiler itself.
    fn compilers(&self, call: CachedCall<'_>) -> BTreeMap<String, String> {
        let rustc = call.rustc;
        let print = Fingerprint::new("rustc").with(rustc.as_os_str().as_encoded_bytes()).short();
        let mut all = vec![(rustc, self.folder.join(print).join("rustc"), String::new())];
        for (triple, Toolchain { version, id, cc, cxx, .. }) in call.toolchains {
            let folder = self.folder.join(format!("{triple}-{id}"));
            // sccache knows a C compiler by the contents of the file that it starts.
            let about = format!("# {version} {id} for {triple}\n");
            let cxx = cxx.iter().map(|cxx| (cxx.as_path(), folder.join("c++"), about.clone()));
            all.extend(cxx.chain([(cc.as_path(), folder.join("cc"), about.clone())]));
        }
        let written = all.into_iter().filter_map(|(compiler, script, about)| {
            executable(&script, &stand_in::compiler_script(&about)).ok()?;
            Some((compiler.to_str()?.to_owned(), script.to_str()?.to_owned()))
        });
        written.collect()
    }

    fn script(&self) -> PathBuf {
        // The crate `cc` knows the cache by the name of the file.
        self.folder.join("any").join(SCCACHE)
    }

    fn scripts(&self) -> xtask_files::error::Result<()> {
        let _ = std::fs::remove_file(self.stalled());
        executable(&self.script(), &front_script(&self.this, &self.program, false))
    }

    fn counts(&self) -> Option<CacheCounts> {
        let ask = Cmd::new(&self.program).args(["--show-stats", "--stats-format", "json"]);
        let answer = ask.capture_whole(START).ok().filter(xtask_process::exec::Output::ok)?;
        CacheCounts::read(&answer.stdout)
    }
}

/// Returns the script that stands in front of sccache. In a pure build it starts compilers without sccache,
/// whose server lives outside of the build and would reach the compilers behind the traps.
pub fn front_script(this: &Path, sccache: &Path, pure: bool) -> String {
    let way = if pure { stand_in::PURE } else { stand_in::FRONT };
    let words = [this.as_os_str(), CACHED.as_ref(), way.as_ref(), sccache.as_os_str()];
    script_of(&words.map(|word| word.to_string_lossy().into_owned()))
}

impl CacheCounts {
    /// Reads the statistics of sccache.
    fn read(json: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct CountsByLanguage {
            counts: BTreeMap<String, u64>,
        }
        #[derive(Deserialize)]
        struct SccacheStats {
            cache_hits: CountsByLanguage,
            cache_misses: CountsByLanguage,
            cache_errors: CountsByLanguage,
            cache_timeouts: u64,
            cache_read_errors: u64,
            cache_write_errors: u64,
        }
        #[derive(Deserialize)]
        struct SccacheDocument {
            stats: SccacheStats,
        }
        let SccacheDocument { stats } = serde_json::from_slice(json).ok()?;
        let sum = |counted: &CountsByLanguage| counted.counts.values().sum::<u64>();
        let faults = stats.cache_timeouts + stats.cache_read_errors + stats.cache_write_errors;
        let faults = faults + sum(&stats.cache_errors);
        Some(Self { hits: sum(&stats.cache_hits), misses: sum(&stats.cache_misses), faults })
    }

    /// Returns what was counted after `before`. A server that was started again has counted less.
    fn since(self, before: Self) -> Self {
        let after = |now: u64, before: u64| now.checked_sub(before).unwrap_or(now);
        Self {
            hits: after(self.hits, before.hits),
            misses: after(self.misses, before.misses),
            faults: after(self.faults, before.faults),
        }
    }
}

impl PlannedCache {
    /// Returns the line of the plan.
    pub fn line(&self) -> String {
        let of = if self.of.is_empty() { "nothing".to_owned() } else { self.of.join(" and ") };
        format!("compile cache: {} ({}), for {of}; pure modes do without it", self.program, self.from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_and_compared() {
        let json = |hits: u64, errors: u64| {
            serde_json::json!({ "stats": {
                "cache_hits": { "counts": { "Rust": hits, "C/C++": 2 }, "adv_counts": {} },
                "cache_misses": { "counts": { "Rust": 1 } }, "cache_errors": { "counts": {} },
                "cache_timeouts": 0, "cache_read_errors": errors, "cache_write_errors": 1, "other": [],
            } })
            .to_string()
        };
        let read = |hits, errors| CacheCounts::read(json(hits, errors).as_bytes()).unwrap();
        assert_eq!(read(3, 4), CacheCounts { hits: 5, misses: 1, faults: 5 });
        assert_eq!(read(7, 4).since(read(3, 1)), CacheCounts { hits: 4, misses: 0, faults: 3 });
        // The server was started again.
        assert_eq!(read(1, 0).since(read(7, 4)), CacheCounts { hits: 3, misses: 0, faults: 1 });
        assert_eq!(CacheCounts::read(b"{}"), None);
    }

    /// sccache 0.16 behind which Redis ended: a compilation waits for 60 s, and nothing is counted. `away` is there where
    /// Redis ended, `tried` once a compilation waits.
    #[cfg(unix)]
    fn in_front_of_a_store(dir: &Path) -> CompileCache {
        let sccache = dir.join(SCCACHE);
        let stats = r#"{"stats": {"cache_hits": {"counts": {}}, "cache_misses": {"counts": {}}, "cache_errors":
            {"counts": {}}, "cache_timeouts": 0, "cache_read_errors": 0, "cache_write_errors": 0}}"#;
        let text = format!(
            "#!/bin/sh\ncd {}\ncase \"$*\" in\n*show-stats*) echo '{stats}';;\n\
             *{TRIAL}*) [ ! -e away ] || {{ : >tried; sleep 60; }};;\nesac\n",
            dir.display()
        );
        executable(&sccache, &text).unwrap();
        CompileCache {
            named: SCCACHE.into(),
            origin: "RUSTC_WRAPPER".into(),
            program: sccache,
            folder: dir.join("work"),
            this: "/this".into(),
            patience: Patience { quiet: Duration::from_millis(20), trial: Duration::from_millis(1500) },
            trials: Arc::default(),
            begun: OnceLock::new(),
        }
    }

    /// Waits for at most a minute.
    #[cfg(unix)]
    fn wait_until(what: &str, is_so: impl Fn() -> bool) {
        let begun = std::time::Instant::now();
        while !is_so() {
            assert!(begun.elapsed() < Duration::from_secs(60), "not within a minute: {what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_store_that_went_away_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let cache = in_front_of_a_store(dir.path());
        let watch = cache.start(Path::new("rustc"), &Ui::silent());
        wait_until("two trials", || {
            assert!(!cache.stalled().exists());
            cache.trials.load(Ordering::Relaxed) >= 2
        });
        std::fs::write(dir.path().join("away"), "").unwrap();
        wait_until("the mark of a store that is away", || cache.stalled().exists());
        drop(watch);
    }

    #[cfg(unix)]
    #[test]
    fn a_build_that_ends_during_a_trial_leaves_no_mark() {
        let dir = tempfile::tempdir().unwrap();
        let cache = in_front_of_a_store(dir.path());
        std::fs::write(dir.path().join("away"), "").unwrap();
        let watch = cache.start(Path::new("rustc"), &Ui::silent()).unwrap();
        let thread = Arc::downgrade(&watch.0);
        wait_until("a trial", || dir.path().join("tried").exists());
        drop(watch);
        wait_until("the end of the watch", || thread.strong_count() == 0);
        assert!(!cache.stalled().exists());
    }
}
