//! Divides a release into shards, and balances them over machines. This is pure: the same targets.toml and timings give the
//! same shards on every machine.

use std::collections::BTreeMap;

use xtask_base::Base;
use xtask_config::Config;
use xtask_files::error::{Error, Result};
use xtask_oci::Digest;
use xtask_report::timing::{Scenario, Timings};
use xtask_triple::{Arch, Os, Triple, system};

mod json;

pub use json::{github, neutral};

/// The share of a target's time that it costs in a call with other targets. Measured: a call of two targets takes 0.80 of
/// the time of two calls, because it builds what runs on the host once.
const SHARED: f64 = 0.6;

/// The sign between the targets in the name of a shard. No triple contains it.
const AND: char = '+';

/// The most bytes that the name of a shard has as the name of a folder.
const LONGEST_FOLDER: usize = 120;

/// A division of a release.
#[derive(Debug, Clone, PartialEq)]
pub struct ReleaseMatrix {
    /// The name of the program.
    pub app: String,
    /// The version of the release.
    pub version: String,
    /// The number of machines that were asked for; none if each shard may have its own.
    pub machines: Option<usize>,
    /// The shards, in the order of their first targets in targets.toml. Each target is in exactly one of them.
    pub shards: Vec<PlannedShard>,
}

/// The part of a release that one machine makes.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedShard {
    /// The targets, in the order of targets.toml; at least one.
    pub targets: Vec<Triple>,
    /// The images with a program of the shard.
    pub images: Vec<String>,
    /// The architecture of the machine that starts most of the programs without emulation.
    pub runner: RunnerArch,
    /// The targets whose programs need emulation on such a machine.
    pub emulated: Vec<Triple>,
    /// The estimated seconds of its build, or none if nothing was timed.
    pub seconds: Option<f64>,
}

/// The architecture of a machine that makes a shard. The operating system is always Linux.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RunnerArch {
    /// 64-bit x86, which also makes everything that no machine starts natively.
    X86_64,
    /// 64-bit Arm.
    Aarch64,
}

/// Targets that must be in the same shard.
#[derive(Debug, Clone, PartialEq)]
struct ShardUnit {
    /// The targets, each with what it costs a machine: its estimated seconds, or else the same for all.
    targets: Vec<(Triple, f64)>,
}

impl RunnerArch {
    /// Returns the architecture on which the programs of a target start without emulation, as far as there is one.
    fn of(target: &Triple) -> Self {
        match (target.os(), target.arch()) {
            (Os::Linux, Arch::Aarch64) => Self::Aarch64,
            _ => Self::X86_64,
        }
    }

    /// Returns the name of the architecture.
    pub fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    /// Returns the label of GitHub's runners that are such machines.
    pub fn github(self) -> &'static str {
        match self {
            Self::X86_64 => "ubuntu-24.04",
            Self::Aarch64 => "ubuntu-24.04-arm",
        }
    }

    /// Whether the kernel of such a machine starts the programs of a target only with an emulator.
    fn emulates(self, target: &Triple) -> bool {
        let native = match self {
            Self::X86_64 => matches!(target.arch(), Arch::X86_64 | Arch::X86),
            Self::Aarch64 => target.arch() == Arch::Aarch64,
        };
        system::of(target).runs_on.contains(&Os::Linux) && !native
    }
}

impl PlannedShard {
    /// Returns the name of the shard: its targets, joined by `+`.
    pub fn id(&self) -> String {
        let targets: Vec<&str> = self.targets.iter().map(Triple::as_str).collect();
        targets.join(&AND.to_string())
    }

    /// Returns the name as the name of a folder. A long one is cut, and made unique by a digest.
    pub fn folder(&self) -> String {
        let id = self.id();
        if id.len() <= LONGEST_FOLDER {
            return id;
        }
        let digest = Digest::of(id.as_bytes());
        format!("{}-{}", &id[..LONGEST_FOLDER - 17], &digest.hex()[..16])
    }

    /// Returns the command that installs what a machine for it needs.
    pub fn setup(&self) -> Vec<&str> {
        let command = ["cargo", "xtask", "setup", "--yes"].into_iter();
        command.chain(self.targets.iter().map(Triple::as_str)).collect()
    }

    fn of(units: Vec<ShardUnit>, timed: bool, config: &Config, targets: &[Triple]) -> Self {
        let wanted = |runner| units.iter().filter(move |unit| unit.runner() == runner);
        let load = |runner| -> f64 { wanted(runner).map(ShardUnit::load).sum() };
        let (x86, arm) = (load(RunnerArch::X86_64), load(RunnerArch::Aarch64));
        let runner = if arm > x86 { RunnerArch::Aarch64 } else { RunnerArch::X86_64 };
        let loads: BTreeMap<&Triple, f64> =
            units.iter().flat_map(|unit| &unit.targets).map(|(target, load)| (target, *load)).collect();
        let own: Vec<Triple> = targets.iter().filter(|target| loads.contains_key(target)).cloned().collect();
        let holds = |image: &&xtask_config::Image| image.targets.iter().any(|of| own.contains(&of.triple));
        Self {
            images: config.images.iter().filter(holds).map(|image| image.name.clone()).collect(),
            emulated: own.iter().filter(|target| runner.emulates(target)).cloned().collect(),
            runner,
            seconds: timed.then(|| together(loads.values())),
            targets: own,
        }
    }
}

impl ShardUnit {
    /// Returns the architecture that most of its targets want.
    fn runner(&self) -> RunnerArch {
        let arm = self.targets.iter().filter(|(target, _)| RunnerArch::of(target) == RunnerArch::Aarch64);
        match 2 * arm.count() > self.targets.len() {
            true => RunnerArch::Aarch64,
            false => RunnerArch::X86_64,
        }
    }

    fn load(&self) -> f64 {
        self.targets.iter().map(|(_, load)| load).sum()
    }
}

impl ReleaseMatrix {
    /// Divides a release of these targets. With `machines`, there are at most so many shards, balanced by the timings.
    /// Without it, each target is a shard of its own. The targets of an image with `base = "auto"` stay together, because
    /// the base depends on all of its programs.
    pub fn new(
        config: &Config,
        targets: &[Triple],
        version: &str,
        machines: Option<usize>,
        timings: Option<&Timings>,
    ) -> Self {
        let times: Vec<Option<f64>> = targets.iter().map(|target| alone(config, target, timings)).collect();
        let mean = mean(times.iter().flatten());
        let loads: Vec<f64> = times.into_iter().map(|time| time.or(mean).unwrap_or(1.0)).collect();
        let units = units(config, targets, &loads);
        let groups = match machines {
            None => units.into_iter().map(|unit| vec![unit]).collect(),
            Some(machines) => balance(units, machines),
        };
        let mut shards: Vec<PlannedShard> = groups
            .into_iter()
            .map(|units| PlannedShard::of(units, mean.is_some(), config, targets))
            .collect();
        shards.sort_by_key(|shard| targets.iter().position(|target| Some(target) == shard.targets.first()));
        Self { app: config.app.bin.clone(), version: version.to_owned(), machines, shards }
    }

    /// Returns the estimated seconds of the slowest shard, or none if one is not known.
    pub fn seconds(&self) -> Option<f64> {
        let all: Option<Vec<f64>> = self.shards.iter().map(|shard| shard.seconds).collect();
        all?.into_iter().reduce(f64::max)
    }
}

/// Returns the shard of a name. The name alone says which targets the shard has, so that every machine makes the same shard,
/// whatever it knows of timings.
///
/// # Errors
/// The name contains a text that is not one of `targets`, or parts an image whose base depends on all of its programs.
pub fn named(id: &str, config: &Config, targets: &[Triple], version: &str) -> Result<PlannedShard> {
    let whole = || ReleaseMatrix::new(config, targets, version, None, None);
    let unknown = || {
        let known: Vec<String> = whole().shards.iter().map(PlannedShard::id).collect();
        Error::usage(format!("there is no shard `{id}`"))
            .found(format!("the shards are {}", known.join(", ")))
            .found(format!("several of them, joined by `{AND}`, are a shard too"))
            .help("see those for a number of machines: cargo xtask ci plan --machines N")
    };
    let mut wanted = Vec::new();
    for name in id.split(AND) {
        let target = targets.iter().find(|target| target.as_str() == name).ok_or_else(unknown)?;
        if wanted.contains(target) {
            return Err(unknown());
        }
        wanted.push(target.clone());
    }
    let mut taken = Vec::new();
    for unit in units(config, targets, &vec![1.0; targets.len()]) {
        let has = |(target, _): &(Triple, f64)| wanted.contains(target);
        match (unit.targets.iter().any(has), unit.targets.iter().all(has)) {
            (true, true) => taken.push(unit),
            (true, false) => {
                let together: Vec<&str> = unit.targets.iter().map(|(target, _)| target.as_str()).collect();
                return Err(Error::usage(format!("the shard `{id}` lacks targets"))
                    .found(format!(
                        "an image with `base = \"auto\"` has these targets, and its base depends on all of them: {}",
                        together.join(", ")
                    ))
                    .help(format!("make one shard of them: cargo xtask ci shard {}", together.join(&AND.to_string()))));
            }
            (false, _) => {}
        }
    }
    Ok(PlannedShard::of(taken, false, config, targets))
}

/// Returns the targets in groups that must not be parted, in the order of the targets. `loads` is what each target costs.
fn units(config: &Config, targets: &[Triple], loads: &[f64]) -> Vec<ShardUnit> {
    let mut groups: Vec<Vec<&Triple>> = targets.iter().map(|target| vec![target]).collect();
    for image in config.images.iter().filter(|image| image.base == Base::Auto) {
        let joined = |group: &Vec<&Triple>| {
            group.iter().any(|target| image.targets.iter().any(|of| of.triple == **target))
        };
        let (same, others): (Vec<_>, Vec<_>) = groups.into_iter().partition(joined);
        groups = others;
        let mut same: Vec<&Triple> = same.into_iter().flatten().collect();
        same.sort_by_key(|target| targets.iter().position(|known| known == *target));
        if !same.is_empty() {
            groups.push(same);
        }
    }
    groups.sort_by_key(|group| targets.iter().position(|target| Some(&target) == group.first()));
    let loads: BTreeMap<&Triple, f64> = targets.iter().zip(loads.iter().copied()).collect();
    let unit = |group: Vec<&Triple>| ShardUnit {
        targets: group.into_iter().map(|target| (target.clone(), loads[target])).collect(),
    };
    groups.into_iter().map(unit).collect()
}

/// Returns the seconds of a cold build of a target alone, from the first mode that was timed.
fn alone(config: &Config, target: &Triple, timings: Option<&Timings>) -> Option<f64> {
    let cold = |mode: &xtask_config::Mode| {
        timings?.cases.iter().find(|case| {
            case.scenario == Scenario::Cold && case.target == target.as_str() && case.mode == mode.name
        })
    };
    let case = config.modes.iter().find_map(cold)?;
    let others = case.targets_in_call.saturating_sub(1) as f64;
    Some(case.median_s / (1.0 + SHARED * others)).filter(|seconds| seconds.is_finite() && *seconds >= 0.0)
}

/// Returns the seconds of targets that one call builds.
fn together<'t>(loads: impl Iterator<Item = &'t f64> + Clone) -> f64 {
    let longest = loads.clone().copied().fold(0.0, f64::max);
    longest + SHARED * (loads.sum::<f64>() - longest)
}

fn mean<'t>(times: impl Iterator<Item = &'t f64> + Clone) -> Option<f64> {
    let count = times.clone().count();
    (count > 0).then(|| times.sum::<f64>() / count as f64)
}

/// Divides units over machines. If there are enough machines, each has one architecture; then each architecture gets machines
/// by its load. Within an architecture, the longest unit goes first, to the machine with the least load.
fn balance(units: Vec<ShardUnit>, machines: usize) -> Vec<Vec<ShardUnit>> {
    // More would have nothing to do.
    let machines = machines.min(units.len());
    let mut classes: BTreeMap<RunnerArch, Vec<ShardUnit>> = BTreeMap::new();
    for unit in units {
        classes.entry(unit.runner()).or_default().push(unit);
    }
    if machines < classes.len() {
        let all = classes.into_values().flatten().collect();
        return longest_first(all, ShardUnit::load, machines);
    }
    // Each has one; every further machine goes to the class in which a machine has most to do.
    let mut counts: BTreeMap<RunnerArch, usize> = classes.keys().map(|class| (*class, 1)).collect();
    for _ in counts.len()..machines {
        let share = |class: &RunnerArch, count: usize| {
            let units = &classes[class];
            let load: f64 = units.iter().map(ShardUnit::load).sum();
            if units.len() > count { load / count as f64 } else { 0.0 }
        };
        let most = counts.iter().max_by(|(a, n), (b, m)| share(a, **n).total_cmp(&share(b, **m)));
        let Some(most) = most.map(|(class, _)| *class) else { break };
        *counts.entry(most).or_default() += 1;
    }
    let divided =
        classes.into_iter().map(|(class, units)| longest_first(units, ShardUnit::load, counts[&class]));
    divided.flatten().collect()
}

/// Gives each item, the longest first, to the machine with the least load. The result is at most 4/3 of the best possible one
/// (Graham 1969). Machines without an item are left out.
pub(super) fn longest_first<T>(mut items: Vec<T>, load: impl Fn(&T) -> f64, machines: usize) -> Vec<Vec<T>> {
    items.sort_by(|a, b| load(b).total_cmp(&load(a)));
    // No machine beyond the number of items would get one.
    let count = machines.min(items.len()).max(1);
    let mut bins: Vec<(f64, Vec<T>)> = (0..count).map(|_| (0.0, Vec::new())).collect();
    for item in items {
        if let Some((sum, taken)) = bins.iter_mut().min_by(|a, b| a.0.total_cmp(&b.0)) {
            *sum += load(&item);
            taken.push(item);
        }
    }
    bins.into_iter().map(|(_, taken)| taken).filter(|taken| !taken.is_empty()).collect()
}
