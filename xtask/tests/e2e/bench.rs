//! `bench`: what it times, and timings.json.

use serde_json::Value;

use crate::documents;
use crate::machine::{self, HOST, HOST_MUSL};
use crate::skip::need;
use crate::space::Space;

fn written(space: &Space) -> Value {
    serde_json::from_str(&space.read("target/dist/timings.json")).unwrap()
}

fn cases(timings: &Value) -> Vec<String> {
    let cases = timings["cases"].as_array().unwrap().iter();
    cases.map(|c| format!("{} {} {}", c["target"], c["case"], c["mode"]).replace('"', "")).collect()
}

#[test]
fn one_sample_writes_timings_that_keep_the_contract() {
    need!("bench::one", machine::std_for(&[HOST_MUSL]), machine::programs(&["cc"]));
    let space = Space::with_targets(&[HOST]);
    let args = ["bench", "--samples", "1", "--json", "--providers", "host"];
    let printed = space.run(&args).ended(0).json();
    let timings = written(&space);
    assert_eq!(printed, timings);
    documents::timings(&timings);
    let mut found = cases(&timings);
    found.sort();
    let expected = ["cold native", "cold pure", "warm native", "warm pure"].map(|c| format!("{HOST} {c}"));
    assert_eq!(found, expected);
    for case in timings["cases"].as_array().unwrap() {
        assert_eq!(case["samples_s"].as_array().unwrap().len(), 1);
        let median = case["median_s"].as_f64().unwrap();
        assert!(median > 0.0 && case["binary_bytes"].as_u64().unwrap() > 10_000);
        if cfg!(target_os = "linux") {
            let part = |name: &str| case["parts"][name].as_f64().unwrap();
            let all: f64 = ["c_s", "rustc_s", "link_s", "other_s"].map(part).iter().sum();
            assert!((all - median).abs() < 0.001, "{case}");
            let cold = case["case"] == "cold";
            assert_eq!(part("rustc_s") > 0.0, cold, "rustc works in cold builds alone: {case}");
            assert_eq!(
                part("c_s") > 0.0,
                cold && case["mode"] == "native",
                "C is compiled there alone: {case}"
            );
        }
    }
    // Neither build folders nor a program that nobody verified stay.
    assert!(!space.path("target/xtask/bench").exists());
    assert!(!space.dist("bin").exists());
}

#[test]
fn three_samples_give_the_ratio_of_native_to_pure() {
    need!("bench::three", machine::std_for(&[HOST_MUSL]), machine::programs(&["cc"]));
    let space = Space::with_targets(&[HOST]);
    let run = space.run(&["bench", "--samples", "3", "--providers", "host"]).ended(0);
    assert!(run.stdout().contains("cold") && run.stdout().contains("native"), "{run}");
    let timings = written(&space);
    documents::timings(&timings);
    let cold = timings["ratios"].as_array().unwrap().iter().find(|r| r["case"] == "cold");
    let cold = cold.unwrap_or_else(|| panic!("no ratio: {timings:#}"));
    assert_eq!((&cold["of"], &cold["to"], &cold["target"]), (&"native".into(), &"pure".into(), &HOST.into()));
    let [low, ratio, high] = ["low", "ratio", "high"].map(|key| cold[key].as_f64().unwrap());
    assert!(low <= ratio && ratio <= high && low > 0.0, "{cold}");
    // Compiling C in addition to the same Rust takes longer, by whatever this machine needs for it.
    let median = |mode: &str, case: &str| {
        let cases = timings["cases"].as_array().unwrap();
        cases.iter().find(|c| c["mode"] == mode && c["case"] == case).unwrap()["median_s"].as_f64().unwrap()
    };
    assert!(median("native", "warm") < median("native", "cold"));
}

#[test]
fn a_mode_that_compiles_c_on_the_sly_is_not_timed_as_pure() {
    need!("bench::trapped", machine::std_for(&[HOST_MUSL]), machine::programs(&["gcc"]));
    let space = crate::purity::with_script(
        "let _ = Command::new(\"gcc\").args([\"-c\", \"sly.c\", \"-o\", \"/dev/null\"]).status();",
    );
    let run = space.run(&["bench", "--samples", "1", "--mode", "pure"]).ended(1);
    assert!(run.stderr().contains("sly 0.7.1 ran: gcc"), "{run}");
    assert!(!space.path("target/xtask/bench").exists());
}
