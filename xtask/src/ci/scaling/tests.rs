use proptest::prelude::*;

use super::{JobCost, MachineCosts, ScaledRelease, SharedCache};

/// One core, and nothing but builds costs anything.
const ONLY_BUILDS: MachineCosts = MachineCosts {
    cores: 1.0,
    start: 0.0,
    setup: 0.0,
    host_cpu: 0.0,
    rate: f64::INFINITY,
    join: 0.0,
    publish: 0.0,
};

fn job(compile_cpu: f64) -> JobCost {
    JobCost { compile_cpu, chain: 0.0, link: 0.0, pack: 0.0, bytes: 0.0 }
}

fn release(machine: MachineCosts, times: &[f64]) -> ScaledRelease {
    ScaledRelease { machine, targets: times.iter().map(|time| vec![job(*time)]).collect(), cache: None }
}

#[test]
fn one_machine_takes_the_sum() {
    let run = release(ONLY_BUILDS, &[3.0, 4.0, 5.0]).on(1);
    assert_eq!((run.machines, run.wall, run.machine_time), (1, 12.0, 12.0));
    assert_eq!((run.preparation, run.builds, run.joining), (0.0, 12.0, 0.0));
}

#[test]
fn a_machine_for_each_target_takes_the_longest_and_more_take_no_less() {
    let release = release(ONLY_BUILDS, &[3.0, 4.0, 5.0]);
    assert_eq!(release.on(3).wall, 5.0);
    assert_eq!(release.on(100), release.on(3));
}

#[test]
fn two_machines_are_balanced() {
    assert_eq!(release(ONLY_BUILDS, &[1.0, 4.0, 2.0, 3.0]).on(2).wall, 5.0);
}

#[test]
fn cores_shorten_a_build_down_to_its_chain() {
    let cores = |cores| {
        let job = JobCost { compile_cpu: 100.0, chain: 40.0, link: 7.0, pack: 3.0, bytes: 0.0 };
        let machine = MachineCosts { cores, ..ONLY_BUILDS };
        ScaledRelease { machine, targets: vec![vec![job]], cache: None }.on(1).wall
    };
    assert_eq!([cores(1.0), cores(2.0), cores(4.0), cores(64.0)], [110.0, 60.0, 50.0, 50.0]);
}

#[test]
fn every_machine_prepares_itself_and_the_last_one_starts_too() {
    let machine = MachineCosts { cores: 2.0, start: 10.0, setup: 5.0, host_cpu: 8.0, ..ONLY_BUILDS };
    let release = release(machine, &[20.0, 20.0]);
    // 10 to start, 5 for each target, 8 / 2 for the host units, 20 / 2 for each build, and 10 for the machine that joins.
    assert_eq!(release.on(1).wall, 10.0 + 10.0 + 4.0 + 20.0 + 10.0);
    assert_eq!(release.on(2).wall, 10.0 + 5.0 + 4.0 + 10.0 + 10.0);
    assert_eq!(release.on(2).machine_time, 2.0 * (10.0 + 5.0 + 4.0 + 10.0) + 10.0);
    assert_eq!((release.on(2).preparation, release.on(2).builds), (29.0, 10.0));
}

#[test]
fn what_is_sent_is_uploaded_downloaded_and_published() {
    let machine = MachineCosts { rate: 10.0, join: 0.01, publish: 0.1, ..ONLY_BUILDS };
    let mut release = release(machine, &[1.0, 1.0]);
    for job in release.targets.iter_mut().flatten() {
        job.bytes = 100.0;
    }
    let run = release.on(2);
    assert_eq!(run.bytes, 3.0 * 200.0);
    // One shard uploads 100 bytes, then 200 bytes are downloaded, joined and published.
    assert_eq!(run.wall, 1.0 + 10.0 + 20.0 + 2.0 + 20.0);
    assert_eq!((run.builds, run.joining), (1.0, 52.0));
}

#[test]
fn a_cache_saves_what_it_holds_and_never_the_link() {
    let mut release = release(ONLY_BUILDS, &[]);
    release.targets = vec![vec![JobCost { link: 10.0, ..job(100.0) }]];
    let mut wall = |hits, cost| {
        release.cache = Some(SharedCache { hits, cost });
        release.on(1).wall
    };
    assert_eq!([wall(0.0, 0.1), wall(1.0, 0.0), wall(1.0, 0.1), wall(0.5, 0.0)], [110.0, 10.0, 20.0, 60.0]);
}

#[test]
fn the_slowest_machine_decides() {
    let release = release(ONLY_BUILDS, &[10.0, 10.0]);
    assert_eq!(release.run(2, &mut [1.0, 1.5].into_iter()).wall, 15.0);
    assert_eq!(release.run(2, &mut [1.0].into_iter()).wall, 10.0);
}

#[test]
fn a_release_of_nothing_ends() {
    let run = release(ONLY_BUILDS, &[]).on(0);
    assert_eq!((run.machines, run.wall, run.bytes), (0, 0.0, 0.0));
}

proptest! {
    /// No schedule is faster than its longest target or the mean load, and this one takes at most the sum of both
    /// (Graham 1966).
    #[test]
    fn balance_is_within_its_bounds(times in prop::collection::vec(0.1..100.0_f64, 1..40), machines in 1..50_usize) {
        let run = release(ONLY_BUILDS, &times).on(machines);
        let longest = times.iter().copied().fold(0.0, f64::max);
        let mean = times.iter().sum::<f64>() / run.machines as f64;
        prop_assert!(run.wall >= longest.max(mean) - 1e-9, "{} of {longest} and {mean}", run.wall);
        prop_assert!(run.wall <= longest + mean + 1e-9, "{} of {longest} and {mean}", run.wall);
    }

    /// Machines that cost nothing to start never cost machine time.
    #[test]
    fn work_stays_the_same(times in prop::collection::vec(0.1..100.0_f64, 1..40), machines in 1..50_usize) {
        let release = release(ONLY_BUILDS, &times);
        let (one, many) = (release.on(1).machine_time, release.on(machines).machine_time);
        prop_assert!((one - many).abs() < 1e-6);
    }
}
