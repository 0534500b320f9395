//! Builds a plan's jobs, cohort by cohort, and says for each what came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::cargo::aside;
use crate::cargo::builder::Builder;
use crate::cargo::cohort::{Cohort, cohorts};
use crate::cargo::inherited::clean;
use crate::cargo::invocation::{build_dir, flags, invocation};
use crate::cargo::leaks;
use crate::cargo::link_flags::{absent_linker, origin, refused};
use crate::cargo::messages::{Message, parse};
use crate::cargo::path_maps::{PathMaps, UnmappedFolder};
use crate::cargo::running;
use crate::cargo::units;
use crate::cargo::written::{WrittenSources, written_since};
use crate::causes::{BuildSetting, Cause, ToolUse, diagnose};
use crate::contents::records::{self, FoundRecord};
use crate::contents::{BuildNames, SeenContents, by_others, of_other_machines};
use crate::failure::Failure;
use crate::plan::{Job, Plan};
use crate::record::{BuildRecord, BuiltProgram, Purity, UnbuiltJob};
use crate::tool_needs::ToolFinder;
use crate::trap::{self, BrokenPromise, Hit, Leftover, Masks, Script, Traps};
use xtask_compilers::toolchain::Provider;
use xtask_compilers::toolchain::arguments::left_out::{LeftOutArgument, read_notes};
use xtask_compilers::toolchain::mapped_link;
use xtask_compilers::toolchain::stand_in::LEFT_OUT;
use xtask_files as files;
use xtask_files::counted;
use xtask_files::error::{Error, Result};
use xtask_files::escape::plain;
use xtask_process::exec::fault::{MachineFault, NeededFolder};
use xtask_process::exec::{Cmd, KeptText, ProcessEnd, Stream};
use xtask_process::ui::far;
use xtask_triple::flags::codegen_options;

/// The result of a job: its program, or the reason why there is none.
pub type Built = Result<BuiltProgram, Box<UnbuiltJob>>;

/// How long fetching may take before a build that would do it itself.
const FETCH: Duration = Duration::from_secs(600);

/// Marks a build folder that has had traps in front of it since it was made.
const TRAPPED: &str = ".trapped-since-it-was-made";

impl Builder<'_> {
    /// Builds every buildable job of the plan, and says of each what came of it, in the plan's order. One that fails does
    /// not stop the others.
    ///
    /// # Errors
    /// Where Cargo cannot be started or a folder cannot be written.
    pub fn build(&self, plan: &Plan) -> Result<Vec<Built>> {
        let mut built = Vec::new();
        let mut spoiled = BTreeSet::new();
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
        // Only now: the parts of a cohort that was split share a folder, and what one part spoiled must not take away
        // what the others built. Until then the log keeps what was seen.
        for dir in spoiled {
            let marker = dir.join(TRAPPED);
            std::fs::remove_file(&marker).map_err(|e| Error::io("cannot remove", &marker, &e))?;
        }
        // In the plan's order, whatever the cohorts were.
        built.sort_by_key(|built| plan.jobs.iter().position(|job| job == self::job(built)));
        Ok(built)
    }

    /// Warns, before anything is built, of programs that build scripts start by what their packages use, and that are not
    /// here. A script may go on without, so that this ends nothing.
    fn missing_tools(&self, plan: &Plan) -> Result<()> {
        let finder = ToolFinder::new(self.site.host);
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

    /// Builds one cohort, which has so many units; adds its folder to `spoiled` where a trap was hit in it.
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
            Some(_) => Masks::set(&self.work.join("traps"), self.site.host, self.this)?,
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
            invocation(cohort, &self.what(), &dir, traps.as_ref(), &self.site).env(LEFT_OUT, &notes)
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
                contents: Err(String::new()),
            });
        }
        self.see(&mut drafts, &call, &dir, (traps.as_ref(), masks.as_ref()))?;
        let built: Vec<Built> = match traps {
            None => drafts.into_iter().map(|draft| draft.finish(Purity::NotPromised)).collect(),
            Some(traps) => {
                let proven = self.prove(drafts, &traps, &call, &dir, begun)?;
                // Cargo does not empty an OUT_DIR: what was left would be found again after its script was mended.
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

    /// Builds the jobs of a cohort one after the other, since their build scripts write the same sources.
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

    /// Makes Cargo run the scripts again that wrote sources, where these are not what they were for a job.
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
        let output = cmd.capture(FETCH)?;
        match output.ok() {
            true => Ok(()),
            false => {
                Err(Error::failed(format!("`{}` ended with {}", cmd.line(), output.end))
                    .found(output.errors()))
            }
        }
    }

    /// Says what linkers were not given: what a person has to know always, the rest with `-v`.
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

    /// Says which paths of this machine a program contains, since its C compiler could not map them.
    fn warn_of_paths(&self, job: &Job, program: &Path) -> Result<()> {
        let maps = |toolchain| PathMaps::of(&self.site).c(toolchain).unmapped;
        let unmapped = job.toolchain.as_ref().map(maps).unwrap_or_default();
        if unmapped.is_empty() {
            return Ok(());
        }
        let bytes = std::fs::read(program).map_err(|e| Error::io("cannot read", program, &e))?;
        let mut kept: Vec<&UnmappedFolder> =
            unmapped.iter().filter(|unmapped| unmapped.is_in(&bytes)).collect();
        // The shorter path comes first, and says it of those below.
        kept.dedup_by(|below, above| below.folder.starts_with(&above.folder));
        for UnmappedFolder { folder, why } in kept {
            let what = format!("{}: the program contains the path {}", job.title(), folder.display());
            self.ui.warn(format!("{what}: {why}"));
        }
        Ok(())
    }

    /// Makes the build folder and, for a pure cohort, the traps. A folder that was ever built in without traps proves
    /// nothing, so it is emptied.
    ///
    /// # Errors
    /// Where the folder or a trap cannot be written.
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
        trap::set(&self.work.join("traps"), &dir.join("traps.log"), self.site.host, self.this).map(Some)
    }

    /// Runs cargo, behind masks where there are some, and gathers what it says. Without `shown`, no progress is shown.
    ///
    /// # Errors
    /// Where Cargo cannot be started.
    pub fn call(&self, cmd: &Cmd, masks: Option<&Masks>, shown: Option<Shown<'_>>) -> Result<CargoCall> {
        self.ui.detail("Running", cmd.line());
        let task = shown.map(|shown| self.ui.watched_task("Building", shown.title, Box::new(running::look)));
        let mut call = CargoCall {
            end: ProcessEnd::Code(0),
            seconds: 0.0,
            worked: false,
            programs: Vec::new(),
            scripts: Vec::new(),
            libraries: BTreeMap::new(),
            manifests: BTreeMap::new(),
            errors: String::new(),
        };
        let mut units = 0_u64;
        let mut errors = KeptText::ends();
        let masked = masks.map(|masks| masks.around(cmd));
        // What is shown where the processes of the build cannot be seen.
        let note = |text: &str| task.iter().for_each(|task| task.note(text));
        let mut done = || {
            units += 1;
            let of = shown.and_then(|shown| shown.units);
            task.iter().for_each(|task| task.far(far(units, of, "unit")));
        };
        let (end, seconds) = masked.as_ref().unwrap_or(cmd).lines(|stream, line| match stream {
            Stream::Stdout => match parse(line) {
                Message::Unit { name, fresh, executable, files, package } => {
                    done();
                    note(&format!("last {name}"));
                    if let Some((package, manifest)) = package {
                        call.libraries.extend(files.into_iter().map(|file| (file, package.clone())));
                        call.manifests.insert(package, manifest);
                    }
                    call.worked |= !fresh;
                    call.programs.extend(executable);
                }
                Message::Script(script) => {
                    done();
                    call.scripts.push(script);
                }
                Message::Other => {}
            },
            Stream::Stderr => match progress(line) {
                Some(status) => note(&status),
                None => {
                    errors.push(plain(line).as_bytes());
                    errors.push(b"\n");
                }
            },
        })?;
        drop(task);
        if let Some(Shown { units: of, .. }) = shown {
            self.ui.detail("Finished", format!("{} in {seconds:.1} s", far(units, of, "unit")));
        }
        call.errors = String::from_utf8_lossy(&errors.bytes()).into_owned();
        for script in &mut call.scripts {
            let manifest = call.manifests.get(&script.package).and_then(|manifest| manifest.parent());
            script.folder = manifest.map(Path::to_owned);
        }
        (call.end, call.seconds) = (end, seconds);
        Ok(call)
    }

    /// Says whether compilers are masked, and fetches what is to be fetched by programs that need to know who owns files.
    /// What cannot be fetched the build says.
    fn before(&self, masks: Option<&Masks>) {
        let Some(masks) = masks else { return };
        self.ui.detail("Masking", format!("{} C compilers", masks.count()));
        if masks.hides_owners() && !self.site.offline {
            let cmd = Cmd::new(&self.site.cargo).args(["fetch", "--quiet", "--manifest-path"]);
            let cmd = clean(cmd.arg(&self.site.manifest), self.site.host, self.site.target_directory);
            let _task = self.ui.late_task("Fetching", "dependencies");
            let _ = self.site.host.settled(cmd, self.site.start).capture(FETCH);
        }
    }

    /// Finds out what each program consists of, by the record of its link. A program that was linked without one is linked
    /// again, behind the same traps and masks.
    fn see(
        &self,
        drafts: &mut [UnprovenBuild],
        call: &CargoCall,
        dir: &Path,
        (traps, masks): (Option<&Traps>, Option<&Masks>),
    ) -> Result<()> {
        let (mut libraries, mut manifests) = (call.libraries.clone(), call.manifests.clone());
        let find = |draft: &UnprovenBuild| {
            let program = draft.program.as_deref()?;
            let triple = &draft.job.target.triple;
            let other = codegen_options(flags(&draft.job, &self.site).iter().map(String::as_str))
                .into_iter()
                .find(|(_, name, _)| name == "linker")
                .map(|(_, _, linker)| format!("rustflags name the linker {linker}"));
            Some(match other {
                Some(other) => FoundRecord::Unseen(other),
                None if !self.site.links.contains_key(triple) => {
                    FoundRecord::Unseen("nothing can stand in front of the linker".to_owned())
                }
                None => records::find(&mapped_link::records(dir, triple), program),
            })
        };
        let mut found: Vec<Option<FoundRecord>> = drafts.iter().map(find).collect();
        let unknown = |(draft, found)| matches!(found, &Some(FoundRecord::None)).then_some(draft);
        let unknown: Vec<&UnprovenBuild> = drafts.iter().zip(&found).filter_map(unknown).collect();
        if !unknown.is_empty() {
            for draft in &unknown {
                self.ui.detail("Linking", format!("{} again, to see what it consists of", draft.job.title()));
                draft.program.iter().for_each(|program| records::forget(program));
            }
            let jobs = unknown.into_iter().map(|draft| &draft.job);
            for cohort in cohorts(jobs) {
                let cmd = invocation(&cohort, &self.what(), dir, traps, &self.site);
                let call = self.call(&cmd, masks, None)?;
                libraries.extend(call.libraries);
                manifests.extend(call.manifests);
            }
            found = drafts.iter().map(find).collect();
        }
        for (draft, found) in drafts.iter_mut().zip(found) {
            draft.contents = match found {
                Some(FoundRecord::Of(record)) => {
                    let flags = flags(&draft.job, &self.site);
                    let names = BuildNames {
                        scripts: &draft.scripts,
                        libraries: &libraries,
                        manifests: &manifests,
                        flags: &flags,
                    };
                    let std = draft.job.std.iter().map(|std| std.libraries.clone());
                    let std = std.flat_map(|dir| [std::fs::canonicalize(&dir).unwrap_or_default(), dir]);
                    Ok(names.contents(&record, &std.collect::<Vec<_>>()))
                }
                Some(FoundRecord::Unseen(why)) => Err(why),
                Some(FoundRecord::None) | None => Err("its link was not recorded".to_owned()),
            };
            if let (Ok(contents), Some(chosen)) = (&draft.contents, &draft.job.toolchain) {
                draft.build.other_compilers = by_others(&contents.parts, &draft.scripts, &chosen.version);
                for line in &draft.build.other_compilers {
                    self.ui.warn(format!("{}: {line}", draft.job.title()));
                }
            }
        }
        Ok(())
    }

    /// The features of a package, by its name and version, that may build it without C.
    fn switches(&self, krate: &str, call: &CargoCall) -> Vec<String> {
        let manifest = call.manifests.iter().find(|(package, _)| trap::package_name(package) == krate);
        let text = manifest.and_then(|(_, manifest)| std::fs::read_to_string(manifest).ok());
        text.map(|text| trap::switches(&text)).unwrap_or_default()
    }

    /// Holds what the traps saw, what build scripts left and what is in the program against the promise of a pure mode.
    fn prove(
        &self,
        drafts: Vec<UnprovenBuild>,
        traps: &Traps,
        call: &CargoCall,
        dir: &Path,
        begun: SystemTime,
    ) -> Result<Vec<Built>> {
        let (hits, scripts) = (traps.hits()?, &call.scripts);
        let prove = |mut draft: UnprovenBuild| {
            let triple = draft.job.target.triple.as_str();
            // Where all went well, Cargo names every build script: what another one once called is past.
            let is_here = |hit: &&Hit| match &hit.out_dir {
                Some(own) if draft.program.is_some() && own.starts_with(dir) => {
                    scripts.iter().any(|script| script.out_dir == *own)
                }
                _ => true,
            };
            let own: Vec<&Hit> =
                hits.iter().filter(|hit| hit.target.as_deref() == Some(triple)).filter(is_here).collect();
            draft.build.host_c =
                hits.iter().filter(|h| h.target.is_none()).filter(is_here).map(Hit::line).collect();
            draft.build.host_c.dedup();
            let folder = dir.join(triple);
            let mut left = Vec::new();
            for script in scripts.iter().filter(|s| s.is_for(&folder)) {
                let leftovers = script.leftovers(begun);
                let linked = leftovers.linked.into_iter().filter(|_| draft.contents.is_err());
                let leftover = |line| Leftover { package: script.name(), line };
                left.extend(leftovers.made.into_iter().chain(linked).map(leftover));
                draft.build.shipped.extend(leftovers.shipped);
            }
            for line in &draft.build.shipped {
                self.ui.warn(format!("{}: {line}", draft.job.title()));
            }
            let parts = draft.contents.iter().flat_map(|contents| &contents.parts);
            let linked: Vec<Leftover> =
                parts.map(|part| Leftover { package: part.asker.name(), line: part.line() }).collect();
            // A call that was refused and survived compiled nothing.
            let (refused, survived) =
                if draft.program.is_some() { (Vec::new(), own) } else { (own, Vec::new()) };
            let notes = trap::survived(&survived);
            draft.build.refused = survived.iter().map(|hit| hit.line()).collect();
            match BrokenPromise::new(&draft.job.mode.name, triple, &refused, &linked, &left) {
                None => {
                    for note in &notes {
                        self.ui.step("Note", format!("{}: {note}", draft.job.title()));
                    }
                    for call in &draft.build.refused {
                        self.ui.detail("Refused", call);
                    }
                    draft.build.notes = notes;
                    let purity = match &draft.contents {
                        Ok(_) => Purity::Proven,
                        Err(why) => {
                            // What was not built needs no proof, and says for itself what is wrong.
                            if draft.program.is_some() {
                                let title = draft.job.title();
                                self.ui.warn(format!("{title}: not proven to be pure, since {why}"));
                            }
                            Purity::NotSeen(why.clone())
                        }
                    };
                    draft.finish(purity)
                }
                Some(mut broken) => {
                    if let [hit, rest @ ..] = refused.as_slice()
                        && rest.iter().all(|other| other.krate == hit.krate)
                    {
                        broken = broken.with_switches(&hit.krate, &self.switches(&hit.krate, call));
                    }
                    let said = if draft.program.is_some() { String::new() } else { draft.said };
                    let failure = Failure::Impure { broken, said };
                    Err(Box::new(UnbuiltJob { job: draft.job, build: draft.build, failure }))
                }
            }
        };
        Ok(drafts.into_iter().map(prove).collect())
    }
}

/// What came of a job's cargo call, before its promise is looked at.
struct UnprovenBuild {
    job: Job,
    program: Option<PathBuf>,
    /// Cargo's words, as far as they are no progress.
    said: String,
    build: BuildRecord,
    scripts: Vec<Script>,
    contents: SeenContents,
}

impl UnprovenBuild {
    fn finish(self, purity: Purity) -> Built {
        let Self { job, program, said, build, scripts, contents } = self;
        match program {
            Some(program) => Ok(BuiltProgram { job, program, build, purity, contents, scripts }),
            None => {
                let musl_gcc = job.toolchain.as_ref().is_some_and(|chosen| chosen.provider == Provider::Musl);
                let target = &job.target.triple;
                let mut diagnosis = diagnose(&said, &BuildSetting { target, musl_gcc });
                // Linkers name an object, or only what it would have defined.
                if said.contains(LINK_FAILED)
                    && let Some(other) = of_other_machines(&scripts, target).first()
                {
                    diagnosis.package = Some(other.package.clone());
                    diagnosis.cause = Some(Cause { why: other.why(target), help: other.help(target) });
                }
                Err(Box::new(UnbuiltJob { job, build, failure: Failure::Cargo { said, diagnosis } }))
            }
        }
    }
}

/// How rustc begins the error of a link that failed.
const LINK_FAILED: &str = "error: linking with `";

/// Below this space on a file system, in bytes, a build that failed has probably failed by that.
const SPACE: u64 = 16_000_000;

/// What is wrong with the folder that a failed build was made in, as an error before all others; nothing where it serves.
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

/// What a line of Cargo's says of how far it is, such as `Compiling app v0.1.0`; none for any other line. Cargo is asked for
/// colours ([`invocation`]): it gives them to the verb, which ends in the twelfth column, at the begin of the line. What
/// programs print stands further right in an error of Cargo's, or has no such colours.
fn progress(line: &str) -> Option<String> {
    let mut rest = line;
    while let Some((_, after)) = rest.strip_prefix("\x1b[").and_then(|style| style.split_once('m')) {
        rest = after;
    }
    let (verb, words) = rest.split_once("\x1b[0m ").filter(|_| rest.len() < line.len())?;
    let is_verb = verb.len() == 12 && verb.trim_start().bytes().all(|byte| byte.is_ascii_alphabetic());
    (is_verb && verb.trim_start().starts_with(|c: char| c.is_ascii_uppercase()))
        .then(|| plain(&format!("{} {words}", verb.trim_start())))
}

/// Whether nothing was built in a target's folder yet: Cargo makes a folder in it for each profile.
fn is_new(dir: &Path) -> bool {
    !std::fs::read_dir(dir).into_iter().flatten().flatten().any(|entry| entry.path().is_dir())
}

/// What the progress of a cargo call shows.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// The title of the build, as the progress line shows it.
    pub title: &'a str,
    /// How many crates are compiled and build scripts run, as far as that is known.
    pub units: Option<u64>,
}

/// One cargo call and what it said.
#[derive(Debug, Clone)]
pub struct CargoCall {
    /// How the cargo process ended.
    pub end: ProcessEnd,
    /// Wall time, in seconds.
    pub seconds: f64,
    /// Whether the call had to build something.
    pub worked: bool,
    /// The programs that the call made or found fresh.
    pub programs: Vec<PathBuf>,
    /// The build scripts that the call ran or found fresh.
    pub scripts: Vec<Script>,
    /// The package of every file that rustc made or that was found fresh.
    pub libraries: BTreeMap<PathBuf, String>,
    /// The manifest of every package.
    pub manifests: BTreeMap<String, PathBuf>,
    /// What it printed on stderr: warnings, errors, the words of build scripts that failed.
    pub errors: String,
}

impl CargoCall {
    /// The program of a job. A message names no triple, but the folder does, since `--target` is always passed.
    fn program(&self, dir: &Path, job: &Job, bin: &str) -> Option<PathBuf> {
        let folder = dir.join(job.target.triple.as_str());
        let named = |p: &&PathBuf| p.starts_with(&folder) && p.file_stem().is_some_and(|s| s == bin);
        self.programs.iter().find(named).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::progress;

    #[test]
    fn only_what_cargo_says_of_how_far_it_is_is_progress() {
        let header = |verb: &str| format!("\x1b[1m\x1b[92m{verb:>12}\x1b[0m");
        let compiling = format!("{} tiny v0.1.0 (/x)", header("Compiling"));
        assert_eq!(progress(&compiling).as_deref(), Some("Compiling tiny v0.1.0 (/x)"));
        assert_eq!(
            progress(&format!("{} crates ...", header("Downloading"))).as_deref(),
            Some("Downloading crates ...")
        );
        for words in [
            // What programs print, at the same columns and in an error of Cargo's.
            "   Compiling tiny v0.1.0 (/x)",
            "  Generating x",
            "    Checking whether the compiler works",
            "  \x1b[1m\x1b[92m   Compiling\x1b[0m by a cargo of a build script",
            "\x1b[1m\x1b[91merror[E0425]\x1b[0m\x1b[1m: no `x`\x1b[0m",
            "\x1b[1m\x1b[33mwarning\x1b[0m\x1b[1m: odd",
            "\x1b[1m\x1b[94m   |\x1b[0m",
            "",
        ] {
            assert_eq!(progress(words), None, "{words:?}");
        }
    }
}
