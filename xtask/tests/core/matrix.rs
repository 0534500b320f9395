//! The shards of a release: which targets are together, on which machine, and that the load is balanced.

use proptest::prelude::*;
use serde_json::Value;
use xtask::ci::matrix::{self, ReleaseMatrix, RunnerArch};
use xtask_base::Base;
use xtask_config::{Config, Target};
use xtask_report::timing::{Case, CaseRecord, HostFacts, Sample, SampledBy, Scenario, Timings};
use xtask_test_support::golden;
use xtask_triple::Triple;

use crate::support::{ARM_GNU, ARM_MUSL, GNU, MUSL, config, triple};

/// Targets that no machine with an Arm processor starts natively.
const X86: [&str; 7] = [
    GNU,
    MUSL,
    "i686-unknown-linux-gnu",
    "x86_64-pc-windows-gnu",
    "wasm32-wasip1",
    "riscv64gc-unknown-linux-gnu",
    "aarch64-apple-darwin",
];

fn targets(config: &Config) -> Vec<Triple> {
    config.targets.iter().map(|target| target.triple.clone()).collect()
}

fn with_targets(names: &[&str]) -> Config {
    let targets = names.iter().map(|name| Target::with_defaults(triple(name))).collect();
    Config { targets, images: Vec::new(), ..config() }
}

/// Timings of cold builds in the first mode, each of a call with so many targets.
fn timings(seconds: &[(&str, f64)], in_call: usize) -> Timings {
    let record = |(target, seconds): &(&str, f64)| {
        let case = Case::new(*target, Scenario::Cold, "native");
        let sample = Sample { seconds: *seconds, ..Sample::default() };
        let mut record = CaseRecord::of(&case, &[sample], SampledBy::Release).unwrap();
        record.targets_in_call = in_call;
        record
    };
    let host = HostFacts { cores: 2, cpu: None, memory_bytes: None, os: "Linux".into(), rustc: None };
    Timings::merge(None, host, seconds.iter().map(record).collect(), "native", "pure")
}

fn ids(matrix: &ReleaseMatrix) -> Vec<String> {
    matrix.shards.iter().map(|shard| shard.id()).collect()
}

#[test]
fn without_a_number_of_machines_each_target_is_a_shard() {
    let config = config();
    let matrix = ReleaseMatrix::new(&config, &targets(&config), "1.2.3", None, None);
    assert_eq!(ids(&matrix), [GNU, MUSL, ARM_GNU, ARM_MUSL]);
    assert_eq!(matrix.seconds(), None, "nothing was timed");
    let arm = &matrix.shards[3];
    assert_eq!(
        (arm.runner, &arm.emulated[..], &arm.images[..]),
        (RunnerArch::Aarch64, &[][..], &["app".into()][..])
    );
}

#[test]
fn machines_are_of_one_architecture_where_there_are_enough() {
    let config = config();
    let all = targets(&config);
    let two = ReleaseMatrix::new(&config, &all, "1.2.3", Some(2), None);
    assert_eq!(ids(&two), [format!("{GNU}+{MUSL}"), format!("{ARM_GNU}+{ARM_MUSL}")]);
    assert!(two.shards.iter().all(|shard| shard.emulated.is_empty()));
    let one = ReleaseMatrix::new(&config, &all, "1.2.3", Some(1), None);
    assert_eq!((one.shards.len(), one.shards[0].emulated.len()), (1, 2));
    let many = ReleaseMatrix::new(&config, &all, "1.2.3", Some(99), None);
    assert_eq!(many.shards.len(), 4, "a machine without a target is no shard");
    // The third machine goes to the architecture that has more to do.
    let slow = timings(&[(GNU, 10.0), (MUSL, 10.0), (ARM_GNU, 30.0), (ARM_MUSL, 30.0)], 1);
    let three = ReleaseMatrix::new(&config, &all, "1.2.3", Some(3), Some(&slow));
    assert_eq!(ids(&three), [format!("{GNU}+{MUSL}"), ARM_GNU.into(), ARM_MUSL.into()]);
    assert_eq!((three.shards[0].seconds, three.seconds()), (Some(16.0), Some(30.0)));
}

#[test]
fn the_targets_of_an_image_that_chooses_its_base_stay_together() {
    let mut config = config();
    config.images[0].base = Base::Auto;
    let all = targets(&config);
    let matrix = ReleaseMatrix::new(&config, &all, "1.2.3", None, None);
    let both = format!("{MUSL}+{ARM_MUSL}");
    assert_eq!(ids(&matrix), [GNU, &both, ARM_GNU]);
    assert_eq!(matrix.shards[1].emulated, [triple(ARM_MUSL)]);
    let error = matrix::named(MUSL, &config, &all, "1.2.3").unwrap_err();
    assert_eq!(error.kind.code(), 2);
    assert!(error.to_string().contains(&format!("ci shard {both}")), "{error}");
    assert_eq!(matrix::named(&both, &config, &all, "1.2.3").unwrap().id(), both);
}

#[test]
fn a_name_says_the_targets_and_an_unknown_one_lists_the_known() {
    let config = config();
    let all = targets(&config);
    let named = |id: &str| matrix::named(id, &config, &all, "1.2.3");
    // The order of the name does not matter.
    assert_eq!(named(&format!("{ARM_GNU}+{GNU}")).unwrap().id(), format!("{GNU}+{ARM_GNU}"));
    for id in ["", "x", "+", &format!("{GNU}+"), &format!("{GNU}+{GNU}"), "riscv64gc-unknown-linux-gnu"] {
        let error = named(id).unwrap_err();
        assert_eq!(error.kind.code(), 2, "{id}");
        assert!(error.to_string().contains(&format!("the shards are {GNU}, {MUSL}, ")), "{error}");
    }
}

#[test]
fn a_long_name_is_a_short_folder() {
    let config = with_targets(&X86);
    let one = ReleaseMatrix::new(&config, &targets(&config), "1.2.3", Some(1), None);
    let shard = &one.shards[0];
    assert!(shard.id().len() > 120 && shard.folder().len() == 120, "{}", shard.folder());
    let config = self::config();
    let short = ReleaseMatrix::new(&config, &targets(&config), "1.2.3", None, None);
    assert_eq!(short.shards[0].folder(), GNU);
}

#[test]
fn what_schedulers_read() {
    let config = config();
    let known = timings(&[(GNU, 16.0), (MUSL, 16.0), (ARM_GNU, 8.0)], 2);
    let matrix = ReleaseMatrix::new(&config, &targets(&config), "1.2.3", Some(3), Some(&known));
    golden!("core/matrix.json", &matrix::neutral(&matrix));
    let github = matrix::github(&matrix);
    assert_eq!(github.lines().count(), 1, "a step writes it to its outputs");
    let parsed: Value = serde_json::from_str(&github).unwrap();
    golden!("core/matrix-github.json", &xtask_report::json::pretty(&parsed));
}

/// The least possible makespan, by trying everything.
fn best(loads: &[f64], machines: usize) -> f64 {
    fn put(loads: &[f64], bins: &mut Vec<f64>, best: &mut f64) {
        let Some((first, rest)) = loads.split_first() else {
            *best = best.min(bins.iter().copied().fold(0.0, f64::max));
            return;
        };
        for at in 0..bins.len() {
            bins[at] += first;
            put(rest, bins, best);
            bins[at] -= first;
        }
    }
    let mut found = f64::INFINITY;
    put(loads, &mut vec![0.0; machines], &mut found);
    found
}

proptest! {
    #[test]
    fn each_target_is_in_exactly_one_shard(
        machines in proptest::option::of(prop_oneof![1usize..9, Just(usize::MAX)]),
        seconds in proptest::collection::vec(0.0f64..1000.0, 0..6),
        auto in any::<bool>(),
    ) {
        let names = [X86.as_slice(), &[ARM_GNU, ARM_MUSL]].concat();
        let mut config = Config { images: config().images, ..with_targets(&names) };
        if auto {
            config.images[0].base = Base::Auto;
        }
        let all = targets(&config);
        let known: Vec<(&str, f64)> = names.iter().copied().zip(seconds).collect();
        let matrix = ReleaseMatrix::new(&config, &all, "1.2.3", machines, Some(&timings(&known, 1)));
        let mut found: Vec<Triple> = matrix.shards.iter().flat_map(|shard| shard.targets.clone()).collect();
        prop_assert!(matrix.shards.iter().all(|shard| !shard.targets.is_empty()));
        prop_assert!(machines.is_none_or(|machines| matrix.shards.len() <= machines));
        let mut whole = all.clone();
        found.sort();
        whole.sort();
        prop_assert_eq!(found, whole);
        // Every machine finds the shard by its name alone, without the timings.
        for shard in &matrix.shards {
            let named = matrix::named(&shard.id(), &config, &all, "1.2.3").unwrap();
            prop_assert_eq!(&named.targets, &shard.targets);
        }
    }

    #[test]
    fn the_slowest_machine_is_at_most_a_third_above_the_best(
        machines in 1usize..4,
        seconds in proptest::collection::vec(1.0f64..100.0, 7),
    ) {
        let config = with_targets(&X86);
        let known: Vec<(&str, f64)> = X86.iter().copied().zip(seconds.iter().copied()).collect();
        let matrix =
            ReleaseMatrix::new(&config, &targets(&config), "1.2.3", Some(machines), Some(&timings(&known, 1)));
        let load = |shard: &matrix::PlannedShard| -> f64 {
            shard.targets.iter().map(|t| known.iter().find(|(name, _)| *name == t.as_str()).unwrap().1).sum()
        };
        let slowest = matrix.shards.iter().map(load).fold(0.0, f64::max);
        let m = machines as f64;
        prop_assert!(slowest <= best(&seconds, machines) * (4.0 / 3.0 - 1.0 / (3.0 * m)) + 1e-6);
    }
}
