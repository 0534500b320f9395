//! Builds a plan's jobs, cohort by cohort, and returns a result for each job.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::cargo::aside;
use crate::cargo::builder::Builder;
use crate::cargo::cohort::{Cohort, cohorts};
use crate::cargo::inherited::clean;
use crate::cargo::invocation::{build_dir, invocation};
use crate::cargo::leaks;
use crate::cargo::link_flags::{absent_linker, origin, refused};
use crate::cargo::path_maps::{PathMaps, UnmappedFolder};
use crate::cargo::units;
use crate::cargo::written::{WrittenSources, written_since};
use crate::causes::ToolUse;
use crate::compile_cache::CompileCache;
use crate::failure::Failure;
use crate::plan::{Job, Plan};
use crate::record::{BuildRecord, BuiltProgram, Purity, UnbuiltJob};
use crate::tool_needs::ToolFinder;
use crate::trap::{self, Masks, Script, Traps, pkg_config};
use xtask_compilers::toolchain::arguments::left_out::{LeftOutArgument, read_notes};
use xtask_compilers::toolchain::stand_in::LEFT_OUT;
use xtask_files as files;
use xtask_files::counted;
use xtask_files::error::{Error, Result};
use xtask_process::exec::Cmd;
use xtask_process::exec::fault::{MachineFault, NeededFolder};

mod call;
mod proof;
mod traced;

use call::PREPARING;
pub use call::{CargoCall, Shown};
use proof::UnprovenBuild;
pub use traced::trace;

/// The result of a job: its program, or the reason why there is none.
pub type Built = Result<BuiltProgram, Box<UnbuiltJob>>;

/// The file in a build folder with the libraries that pkg-config did not find.
const NOT_FOUND: &str = "pkg-config.log";

/// The file that marks a build folder in which nothing was ever built without traps.
const TRAPPED: &str = ".trapped-since-it-was-made";

impl Builder<'_> {
    /// Builds every buildable job of the plan, and returns the results in the plan's order. A job that fails does not stop
    /// the others.
    ///
    /// # Errors
    /// Cargo cannot be started, or a folder cannot be written.
    pub fn build(&self, plan: &Plan) -> Result<Vec<Built>> {
        let mut built = Vec::new();
        let mut spoiled = BTreeSet::new();
        let std =
            plan.jobs.iter().filter(|job| job.buildable() && !job.pure()).find_map(|job| job.std.as_ref());
        let cache = self.site.compile_cache.zip(std);
        let _watch = cache.and_then(|(cache, std)| cache.start(&std.rustc, self.ui));
        self.missing_tools(plan)?;
        for cohort in cohorts(&plan.jobs) {
            for (cohort, units) in leaks::split(cohort, self)? {
                let targets: Vec<&str> = cohort.jobs.iter().map(|job| job.target.triple.as_str()).collect();
                if WrittenSources::recall(&self.dir(&cohort)).differ(&targets) {
                    built.extend(self.apart(&cohort, &mut spoiled)?);
                } else {
                    built.extend(self.cohort(&cohort, units, &mut spoiled)?);
                }
            }
        }
        if let Some(cache) = self.site.compile_cache {
            cache.end(self.ui);
        }
        // The parts of a split cohort share a folder. If the marker of one part were removed earlier, the next part would
        // empty the folder, with the programs of the others.
        for dir in spoiled {
            let marker = dir.join(TRAPPED);
            std::fs::remove_file(&marker).map_err(|e| Error::io("cannot remove", &marker, &e))?;
        }
        built.sort_by_key(|built| plan.jobs.iter().position(|job| job == self::job(built)));
        Ok(built)
    }

    /// Warns before the build of missing programs that build scripts start, as far as the packages that they use tell. This
    /// is no error, because a script may work without the program.
    fn missing_tools(&self, plan: &Plan) -> Result<()> {
        let finder = ToolFinder::new(self.site.host);
        // In a pure build, traps stand in the place of these programs.
        for job in plan.jobs.iter().filter(|job| job.buildable() && !job.pure()) {
            let Some(kept) = units::of_job(job, self)? else { continue };
            for ToolUse { tool, by, help } in finder.missing(job, &kept.graph.script_needs()) {
                let by = by.join(", ");
                self.ui.warn_once(format!(
                    "{tool} is not on this machine, and build scripts use it: {by}\n  help: {help}"
                ));
            }
        }
        Ok(())
    }

    /// Builds one cohort of `units` units. Adds its folder to `spoiled` if it broke the promise of a pure mode.
    fn cohort<'p>(
        &self,
        cohort: &Cohort<'p>,
        units: Option<u64>,
        spoiled: &mut BTreeSet<PathBuf>,
    ) -> Result<Vec<Built>> {
        let dir = self.dir(cohort);
        let traps = self.traps(cohort, &dir)?;
        for job in &cohort.jobs {
            if let Some(toolchain) = &job.toolchain {
                aside::make_room(&dir, job.target.triple.as_str(), &toolchain.id)?;
            }
        }
        let new = |job: &&'p Job| (*job, is_new(&dir.join(job.target.triple.as_str())));
        let jobs: Vec<(&Job, bool)> = cohort.jobs.iter().map(new).collect();
        let masks = match &traps {
            Some(_) => {
                let cache = self.site.compile_cache.map(CompileCache::program);
                Masks::set(&self.work.join("traps"), self.site.host, &self.compilers, cache, self.this)?
            }
            None => None,
        };
        let mut written = WrittenSources::recall(&dir);
        if let [job] = cohort.jobs[..] {
            self.run_again(&written, cohort, job, &dir)?;
        }
        self.before(masks.as_ref());
        let notes = dir.join("left-out.log");
        let _ = std::fs::remove_file(&notes);
        let invoke = |cohort: &Cohort| {
            invocation(cohort, &self.what(), &dir, traps.as_ref(), &self.site)
                .env(LEFT_OUT, &notes)
                .env(pkg_config::LOG, dir.join(NOT_FOUND))
        };
        let cmd = invoke(cohort);
        let begun = SystemTime::now();
        let title = match &cohort.jobs[..] {
            [job] => job.title(),
            jobs => format!("{} for {}", cohort.key.mode, counted(jobs.len() as u64, "target")),
        };
        let shown = Shown { title: &title, units };
        let call = self.call(&cmd, masks.as_ref(), Some(shown))?;
        self.say_left_out(cohort, &title, &notes, &call.scripts);
        let spare = [self.site.target_directory, dir.as_path(), self.work.as_path()];
        let changed = match call.worked {
            true => written_since(begun, &call.scripts, &call.programs, &spare),
            false => BTreeSet::new(),
        };
        let triple = |job: &&'p Job| job.target.triple.as_str();
        let as_known = || {
            let again = |job: &&'p Job| written.to_run_again(triple(job)).is_some();
            changed.iter().all(|file| written.has(file)) && !cohort.jobs.iter().any(again)
        };
        if let [job] = &cohort.jobs[..] {
            written.add(changed, &call.scripts);
            written.note(triple(job));
            written.keep(&dir)?;
        } else if !changed.is_empty() && !as_known() {
            for file in &changed {
                self.ui.detail("Changed", file.display().to_string());
            }
            written.add(changed, &call.scripts);
            written.keep(&dir)?;
            return self.apart(cohort, spoiled);
        }
        let shares = match call.worked && cohort.jobs.len() > 1 {
            true => trace(&call, cohort, self).map(|trace| trace.targets).unwrap_or_default(),
            false => BTreeMap::new(),
        };
        let mut drafts = Vec::new();
        for (job, from_nothing) in jobs {
            let mut program = call.program(&dir, job, &self.app.bin);
            let mut said = &call;
            let alone;
            if program.is_none() && cohort.jobs.len() > 1 {
                let single = Cohort { key: cohort.key.clone(), jobs: vec![job] };
                let shown = Shown { title: &job.title(), units: units::count(&single, self) };
                alone = self.call(&invoke(&single), masks.as_ref(), Some(shown))?;
                program = alone.program(&dir, job, &self.app.bin);
                said = &alone;
            }
            let folder = dir.join(job.target.triple.as_str());
            let scripts = said.scripts.iter().filter(|script| script.is_for(&folder));
            let build = BuildRecord {
                seconds: call.seconds,
                worked: call.worked,
                from_nothing,
                company: cohort.jobs.len(),
                share_s: shares.get(triple(&job)).copied(),
                ..BuildRecord::default()
            };
            let (scripts, mut said): (Vec<Script>, _) = (scripts.cloned().collect(), said.errors.clone());
            match &program {
                Some(program) => self.warn_of_paths(job, program)?,
                None => {
                    let linker = absent_linker(job, &scripts).map(|error| format!("error: {error}\n"));
                    said.insert_str(0, &(fault(&dir) + &linker.unwrap_or_default()));
                }
            }
            drafts.push(UnprovenBuild {
                job: job.clone(),
                program,
                said,
                build,
                scripts,
                manifests: call.manifests.clone(),
                contents: Err(String::new()),
            });
        }
        self.see(&mut drafts, &call, &dir, (traps.as_ref(), masks.as_ref()))?;
        self.say_not_found(&mut drafts, &dir.join(NOT_FOUND))?;
        let built: Vec<Built> = match traps {
            None => drafts.into_iter().map(|draft| draft.finish(Purity::NotPromised)).collect(),
            Some(traps) => {
                let proven = self.prove(drafts, &traps, &call, &dir, begun)?;
                // Cargo does not empty an OUT_DIR. The files there would count again after the build script was mended.
                if proven.iter().any(is_impure) {
                    spoiled.insert(dir);
                }
                proven
            }
        };
        for built in &built {
            match built {
                Ok(program) => {
                    self.ui
                        .step("Built", format!("{} in {:.1} s", program.job.title(), program.build.seconds));
                }
                Err(unbuilt) => {
                    self.ui.raw(&unbuilt.failure.to_string());
                    self.ui.step("Failed", unbuilt.job.title());
                }
            }
        }
        Ok(built)
    }

    /// Builds the jobs of a cohort one after the other, because their build scripts write the same sources.
    fn apart<'p>(&self, cohort: &Cohort<'p>, spoiled: &mut BTreeSet<PathBuf>) -> Result<Vec<Built>> {
        let mut built = Vec::new();
        for job in &cohort.jobs {
            self.ui.step(
                "Splitting",
                format!(
                    "{}: build scripts write into the sources, which other targets would share",
                    job.title()
                ),
            );
            let single = Cohort { key: cohort.key.clone(), jobs: vec![job] };
            let units = units::count(&single, self);
            built.extend(self.cohort(&single, units, spoiled)?);
        }
        Ok(built)
    }

    /// Makes Cargo run the build scripts again that wrote sources, if the sources have changed since the job was built.
    fn run_again(&self, written: &WrittenSources, cohort: &Cohort, job: &Job, dir: &Path) -> Result<()> {
        let triple = job.target.triple.as_str();
        let Some(packages) = written.to_run_again(triple).filter(|packages| !packages.is_empty()) else {
            return Ok(());
        };
        let site = &self.site;
        let cmd = Cmd::new(&site.cargo).args(["clean", "--quiet", "--manifest-path"]).arg(&site.manifest);
        let cmd = cmd.arg("--target-dir").arg(dir).arg("--config").arg(build_dir(dir));
        let cmd = cmd.args(["--target", triple, "--profile", &cohort.key.profile]);
        let cmd = packages.iter().fold(cmd, |cmd, package| cmd.args(["--package", package]));
        let cmd = if site.offline { cmd.arg("--offline") } else { cmd };
        let cmd = clean(cmd, site.host, site.target_directory).env("RUSTC", &cohort.key.rustc);
        let cmd = cmd.cwd(site.start);
        let output = cmd.capture(PREPARING)?;
        match output.ok() {
            true => Ok(()),
            false => {
                Err(Error::failed(format!("`{}` ended with {}", cmd.line(), output.end))
                    .found(output.errors()))
            }
        }
    }

    /// Prints the arguments that linkers did not get: those that matter as warnings, the others with `-v`.
    fn say_left_out(&self, cohort: &Cohort, title: &str, notes: &Path, scripts: &[Script]) {
        let by_flags =
            cohort.jobs.iter().flat_map(|job| refused(job).into_iter().map(|it| (it, job.title())));
        let mut said: BTreeMap<LeftOutArgument, String> = by_flags.collect();
        for left_out in read_notes(notes) {
            said.entry(left_out).or_insert_with(|| title.to_owned());
        }
        for (left_out, title) in said {
            let origin = origin(&left_out.argument, &cohort.jobs, scripts);
            let origin = origin.map(|origin| format!(" ({origin})")).unwrap_or_default();
            match left_out.reason.matters() {
                true => self.ui.warn(format!("{title}: {left_out}{origin}")),
                false => self.ui.detail("Left out", format!("{title}: {left_out}{origin}")),
            }
        }
    }

    /// Warns of the paths of this machine that a program contains because its C compiler could not map them.
    fn warn_of_paths(&self, job: &Job, program: &Path) -> Result<()> {
        let maps = |toolchain| PathMaps::of(&self.site).c(toolchain).unmapped;
        let unmapped = job.toolchain.as_ref().map(maps).unwrap_or_default();
        if unmapped.is_empty() {
            return Ok(());
        }
        let bytes = std::fs::read(program).map_err(|e| Error::io("cannot read", program, &e))?;
        let mut kept: Vec<&UnmappedFolder> =
            unmapped.iter().filter(|unmapped| unmapped.is_in(&bytes)).collect();
        // The shorter path comes first. The paths below it need no warning of their own.
        kept.dedup_by(|below, above| below.folder.starts_with(&above.folder));
        for UnmappedFolder { folder, why } in kept {
            let what = format!("{}: the program contains the path {}", job.title(), folder.display());
            self.ui.warn(format!("{what}: {why}"));
        }
        Ok(())
    }

    /// Makes the build folder and, for a pure cohort, the traps. If anything was ever built in the folder without traps, it
    /// is emptied, because its files prove nothing.
    ///
    /// # Errors
    /// The folder or a trap cannot be written.
    pub fn traps(&self, cohort: &Cohort, dir: &Path) -> Result<Option<Traps>> {
        let io = |e: std::io::Error| Error::io("cannot prepare the build folder", dir, &e);
        let marker = dir.join(TRAPPED);
        if cohort.key.pure && !marker.is_file() {
            if dir.is_dir() {
                std::fs::remove_dir_all(dir).map_err(io)?;
            }
            files::folder(dir)?;
            std::fs::write(&marker, "").map_err(io)?;
        }
        files::folder(dir)?;
        if !cohort.key.pure {
            return Ok(None);
        }
        let (folder, log) = (self.work.join("traps"), dir.join("traps.log"));
        trap::set(&folder, &log, self.site.host, &self.compilers, self.this).map(Some)
    }
}

/// If a file system has less space than this, in bytes, a build probably failed because of it.
const SPACE: u64 = 16_000_000;

/// Returns the fault of the machine in the folder of a failed build, as the text of an error, or an empty text.
fn fault(dir: &Path) -> String {
    let fault = MachineFault::in_folders(&[NeededFolder { path: dir, space: SPACE, starts: true }]);
    fault.map(|fault| format!("error: {fault}\n  help: {}\n", fault.help())).unwrap_or_default()
}

fn is_impure(built: &Built) -> bool {
    matches!(built, Err(unbuilt) if matches!(unbuilt.failure, Failure::Impure { .. }))
}

fn job(built: &Built) -> &Job {
    match built {
        Ok(program) => &program.job,
        Err(unbuilt) => &unbuilt.job,
    }
}

/// Whether nothing was built in a target's folder yet. Cargo makes a folder in it for each profile.
fn is_new(dir: &Path) -> bool {
    !std::fs::read_dir(dir).into_iter().flatten().flatten().any(|entry| entry.path().is_dir())
}
