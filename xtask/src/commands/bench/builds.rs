//! The builds that a run times: each job in each tree of sources, in a build folder of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::sources::SourceTree;
use super::touch::{OwnC, TouchedFile, rust_file};
use super::traces::TracedSample;
use crate::build::{CargoCall, Shown, trace};
use crate::cargo::builder::Builder;
use crate::cargo::cohort::{Cohort, cohorts};
use crate::cargo::invocation::invocation;
use crate::cargo::units;
use crate::plan::Job;
use xtask_files::error::{Error, Result};
use xtask_process::exec::ProcessEnd;
use xtask_report::timing::{BuildSeconds, Case, ConditionsWatch, Sample, Scenario};
use xtask_trace::KindSeconds;

/// A job in a tree of sources.
pub(super) struct TimedBuild<'a> {
    tree: &'a SourceTree,
    builder: &'a Builder<'a>,
    job: &'a Job,
    cohort: Cohort<'a>,
    dir: PathBuf,
    /// The error of the first build, if it failed.
    error: Option<Error>,
    /// The file to touch for each scenario, or the reason why there is none.
    touched: BTreeMap<Scenario, std::result::Result<TouchedFile, &'static str>>,
}

impl<'a> TimedBuild<'a> {
    /// Makes the build of a job.
    ///
    /// # Errors
    /// The job cannot be built on this machine.
    pub(super) fn new(tree: &'a SourceTree, builder: &'a Builder<'a>, job: &'a Job) -> Result<Self> {
        let cohort = cohorts([job]).pop();
        let cohort = cohort.ok_or_else(|| Error::failed(format!("{} cannot be built", job.title())))?;
        let dir = tree.folder.join(format!("{}-{}", job.mode.name, job.target.triple));
        Ok(Self { tree, builder, job, cohort, dir, error: None, touched: BTreeMap::new() })
    }

    /// Returns the case of this build for a scenario.
    pub(super) fn case(&self, scenario: Scenario) -> Case {
        let case = Case::new(self.job.target.triple.to_string(), scenario, self.job.mode.name.clone());
        Case { revision: self.tree.revision.clone(), ..case }
    }

    /// Returns why a case cannot be timed, or none if it can.
    pub(super) fn lacks(&self, scenario: Scenario) -> Option<&'static str> {
        match scenario {
            Scenario::Cold | Scenario::Warm => None,
            // Its samples report the error.
            _ if self.error.is_some() => None,
            _ => match self.touched.get(&scenario) {
                Some(Ok(_)) => None,
                Some(Err(why)) => Some(why),
                None => Some("the workspace cannot be copied"),
            },
        }
    }

    /// Builds once, so that the first sample finds the same caches of the system as the others, and finds the files to
    /// touch. An error is that of every sample.
    pub(super) fn prepare(&mut self, scenarios: &[Scenario]) -> Result<()> {
        let revision =
            self.tree.revision.iter().map(|revision| format!(", at {revision}")).collect::<String>();
        let title = format!("{}{revision}, before the first sample", self.job.title());
        let call = match self.run(Some(&title)) {
            Ok((_, call)) => call,
            Err(error) => {
                self.error = Some(error);
                return Ok(());
            }
        };
        let Some(root) = &self.tree.copy else { return Ok(()) };
        let own = OwnC::find(&call.scripts, &self.dir.join(self.job.target.triple.as_str()), root);
        for scenario in scenarios {
            let file = match scenario {
                Scenario::Cold | Scenario::Warm => continue,
                Scenario::RustTouched => rust_file(self.source()?.as_deref(), root),
                Scenario::CTouched | Scenario::HeaderTouched => own.file(*scenario),
            };
            self.touched.insert(*scenario, file);
        }
        Ok(())
    }

    /// Returns the root source file of the program, or none if Cargo does not tell it.
    fn source(&self) -> Result<Option<PathBuf>> {
        let Some(kept) = units::of_job(self.job, self.builder)? else { return Ok(None) };
        let root = kept.graph.roots.first().and_then(|root| kept.graph.units.get(*root));
        Ok(root.map(|unit| unit.target.src_path.clone()))
    }

    /// Takes a sample. What is not timed is built under `title` too.
    ///
    /// # Errors
    /// The build fails, or a touched file caused no work.
    pub(super) fn sample(&self, scenario: Scenario, title: &str) -> Result<TracedSample> {
        if let Some(error) = &self.error {
            return Err(error.clone());
        }
        if scenario == Scenario::Cold {
            if self.dir.exists() {
                std::fs::remove_dir_all(&self.dir).map_err(|e| Error::io("cannot remove", &self.dir, &e))?;
            }
            return Ok(self.run(Some(title))?.0);
        }
        // Everything is built before. Samples of other cases may have touched files.
        self.run(Some(title))?;
        let Some(Ok(file)) = self.touched.get(&scenario) else { return Ok(self.run(None)?.0) };
        file.touch()?;
        let name = file.name(self.tree.copy.as_deref().unwrap_or(Path::new("")));
        let (TracedSample { sample, trace }, call) = self.run(None)?;
        match call.worked {
            true => Ok(TracedSample { sample: Sample { touched: Some(name), ..sample }, trace }),
            false => Err(Error::failed(format!("a change of {name} causes no build"))
                .found("Cargo finds everything fresh: no build script names the file by rerun-if-changed")),
        }
    }

    /// Runs Cargo once.
    fn run(&self, title: Option<&str>) -> Result<(TracedSample, CargoCall)> {
        let Self { builder, cohort, dir, .. } = self;
        let traps = builder.traps(cohort, dir)?;
        let cmd = invocation(cohort, &builder.what(), dir, traps.as_ref(), &builder.site);
        let shown = title.map(|title| Shown { title, units: units::count(cohort, builder) });
        let watch = ConditionsWatch::start();
        let call = builder.call(&cmd, None, shown)?;
        let conditions = watch.finish();
        let Some(program) = call.programs.first().filter(|_| call.end == ProcessEnd::Code(0)) else {
            if let Some(traps) = traps {
                traps.judge(&cohort.key.mode, &self.job.target.triple)?;
            }
            return Err(Error::failed("the build failed").found(call.errors));
        };
        let binary_bytes = std::fs::metadata(program).ok().map(|m| m.len());
        let trace = trace(&call, cohort, builder);
        let parts = trace.as_ref().map(|trace| parts(&trace.shares));
        let sample = Sample { seconds: call.seconds, parts, binary_bytes, conditions, ..Sample::default() };
        Ok((TracedSample { sample, trace }, call))
    }
}

/// Returns the parts of a build's time, which add up to it.
fn parts(shares: &KindSeconds) -> BuildSeconds {
    let KindSeconds { c_s, rust_s, link_s, script_s, cargo_s } = *shares;
    BuildSeconds { c_s, rustc_s: rust_s, link_s, other_s: script_s + cargo_s }
}
