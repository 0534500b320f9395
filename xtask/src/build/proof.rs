//! What a program consists of, and whether the promise of a pure mode was kept.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::Built;
use super::call::CargoCall;
use crate::cargo::builder::Builder;
use crate::cargo::cohort::cohorts;
use crate::cargo::invocation::{flags, invocation};
use crate::causes::{BuildSetting, Cause, diagnose, missing_framework};
use crate::contents::records::{self, FoundRecord};
use crate::contents::{BuildNames, SeenContents, by_others, of_other_machines};
use crate::failure::Failure;
use crate::plan::Job;
use crate::record::{BuildRecord, BuiltProgram, Purity, UnbuiltJob};
use crate::trap::{self, BrokenPromise, Hit, Leftover, Masks, Script, Traps, pkg_config};
use xtask_compilers::toolchain::Provider;
use xtask_compilers::toolchain::mapped_link;
use xtask_files::error::Result;
use xtask_triple::flags::codegen_options;

/// The result of a job's cargo call, before the promise of its mode is checked.
pub(super) struct UnprovenBuild {
    pub(super) job: Job,
    pub(super) program: Option<PathBuf>,
    /// Cargo's standard error without progress lines.
    pub(super) said: String,
    pub(super) build: BuildRecord,
    pub(super) scripts: Vec<Script>,
    /// The manifest of each package.
    pub(super) manifests: BTreeMap<String, PathBuf>,
    pub(super) contents: SeenContents,
}

impl UnprovenBuild {
    pub(super) fn finish(self, purity: Purity) -> Built {
        let Self { job, program, said, build, scripts, manifests, contents } = self;
        match program {
            Some(program) => Ok(BuiltProgram { job, program, build, purity, contents, scripts }),
            None => {
                let musl_gcc = job.toolchain.as_ref().is_some_and(|chosen| chosen.provider == Provider::Musl);
                let target = &job.target.triple;
                let mut diagnosis =
                    diagnose(&said, &BuildSetting { target, musl_gcc, glibc: job.target.glibc });
                if let Some(framework) = missing_framework(&said)
                    && let Some(cause) = &mut diagnosis.cause
                {
                    let (libraries, flags) = (BTreeMap::new(), job.target.rustflags.as_slice());
                    let names =
                        BuildNames { scripts: &scripts, libraries: &libraries, manifests: &manifests, flags };
                    let asker = names.asker_of(framework);
                    diagnosis.package = asker.package.as_deref().map(trap::package_name);
                    cause.why = format!("{}; {asker}", cause.why);
                }
                // Some linkers name the object of another machine, others only the symbols that it would have defined.
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

/// The beginning of rustc's error for a link that failed.
const LINK_FAILED: &str = "error: linking with `";

impl Builder<'_> {
    /// Reads the contents of each program from the record of its link. A program without a record is linked again, behind the
    /// same traps and masks.
    pub(super) fn see(
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
                None if !self.site.links.contains_key(triple) => FoundRecord::Unseen(
                    "the script that asks the linker for its map could not be written".to_owned(),
                ),
                None => records::find(&mapped_link::records(dir, triple), program),
            })
        };
        let mut found: Vec<Option<FoundRecord>> = drafts.iter().map(find).collect();
        let unknown = |(draft, found)| matches!(found, &Some(FoundRecord::None)).then_some(draft);
        let unknown: Vec<&UnprovenBuild> = drafts.iter().zip(&found).filter_map(unknown).collect();
        if !unknown.is_empty() {
            for draft in &unknown {
                self.ui.detail("Linking", format!("{} again, to read its contents", draft.job.title()));
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

    /// Notes the libraries that pkg-config did not find for each job, with the packages that asked for them.
    pub(super) fn say_not_found(&self, drafts: &mut [UnprovenBuild], log: &Path) -> Result<()> {
        for draft in drafts {
            // After a successful build, Cargo has named every build script.
            let out_dirs = draft.scripts.iter().map(|script| script.out_dir.as_path()).collect();
            let known = draft.program.as_ref().map(|_| &out_dirs);
            draft.build.notes = pkg_config::notes(log, &draft.job.target.triple, known)?;
            for note in &draft.build.notes {
                self.ui.step("Note", format!("{}: {note}", draft.job.title()));
            }
        }
        Ok(())
    }

    /// Returns the features of a package that may build it without C. `krate` is its name and version.
    fn switches(&self, krate: &str, call: &CargoCall) -> Vec<String> {
        let manifest = call.manifests.iter().find(|(package, _)| trap::package_name(package) == krate);
        let text = manifest.and_then(|(_, manifest)| std::fs::read_to_string(manifest).ok());
        text.map(|text| trap::switches(&text)).unwrap_or_default()
    }

    /// Checks the promise of a pure mode against the calls that the traps saw, the files that build scripts left, and the
    /// contents of the programs.
    pub(super) fn prove(
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
            // After a successful build, Cargo has named every build script. Calls by other scripts are from earlier builds.
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
            // If the program was built although a call was refused, that call compiled nothing.
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
                    draft.build.notes.extend(notes);
                    let purity = match &draft.contents {
                        Ok(_) => Purity::Proven,
                        Err(why) => {
                            // A job without a program needs no proof, and has an error of its own.
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
