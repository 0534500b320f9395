//! Cohorts: jobs that one cargo call builds together, so that they share host units and one jobserver.
//! Features, profile, environment and `RUSTC` apply to a whole call, so all jobs of a cohort must agree in
//! them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::plan::{Job, StdUse};
use xtask_compilers::toolchain::identity::Fingerprint;
use xtask_config::cargo_config::FlagRoad;
use xtask_triple::Triple;

/// The settings that all jobs of a cohort share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The mode's name. Two modes never share a build folder, so that timings and proofs belong to one mode.
    pub mode: String,
    /// The features that `--features` turns on.
    pub features: Vec<String>,
    /// Whether Cargo's default features are on.
    pub default_features: bool,
    /// Whether C compilers are forbidden.
    pub pure: bool,
    /// The Cargo profile that `--profile` names.
    pub profile: String,
    /// The environment variables that targets.toml sets for the build.
    pub env: BTreeMap<String, String>,
    /// The path of the rustc that compiles the cohort.
    pub rustc: PathBuf,
    /// The identity of this rustc, without a path of this machine.
    pub rustc_identity: String,
    /// The target whose flags are set by a variable. Such a variable applies to the whole call, so the cohort
    /// has no other target.
    pub alone: Option<Triple>,
}

/// A group of jobs that one cargo call builds.
#[derive(Debug, Clone)]
pub struct Cohort<'p> {
    /// The settings that all jobs of the cohort share.
    pub key: Key,
    /// The jobs, in the plan's order.
    pub jobs: Vec<&'p Job>,
}

impl Key {
    fn of(job: &Job, std: &StdUse) -> Self {
        Self {
            mode: job.mode.name.clone(),
            features: job.mode.features.clone(),
            default_features: job.mode.default_features,
            pure: job.pure(),
            profile: job.target.profile.clone(),
            env: job.target.env.clone(),
            rustc: std.rustc.clone(),
            rustc_identity: std.identity.clone(),
            alone: (job.user.flags.road == FlagRoad::Variable).then(|| job.target.triple.clone()),
        }
    }

    /// Returns the name of the cohort's build folder. It is the same on every machine, because it becomes
    /// part of paths in debug information.
    pub fn folder(&self) -> String {
        let print = Fingerprint::new("cohort 1")
            .with(self.features.join(","))
            .with([u8::from(self.default_features), u8::from(self.pure)])
            .with(&self.profile)
            .with(format!("{:?}", self.env))
            .with(&self.rustc_identity);
        format!("{}-{}", self.mode, &print.short()[..8])
    }
}

/// Groups the buildable jobs of a plan into cohorts, in the plan's order of modes.
pub fn cohorts<'p>(jobs: impl IntoIterator<Item = &'p Job>) -> Vec<Cohort<'p>> {
    let mut list: Vec<Cohort<'p>> = Vec::new();
    for job in jobs {
        let Some(std) = job.std.as_ref().filter(|_| job.buildable()) else { continue };
        let key = Key::of(job, std);
        match list.iter_mut().find(|cohort| cohort.key == key) {
            Some(cohort) => cohort.jobs.push(job),
            None => list.push(Cohort { key, jobs: vec![job] }),
        }
    }
    list
}
