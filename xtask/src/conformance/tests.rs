use super::*;
use serde_json::{Value, json};

fn report(mode: &str, changes: &Value) -> Report {
    let job = |target: &str| {
        let mut job = json!({
            "target": target, "mode": mode, "requested": mode, "fallback": null, "toolchain": null,
            "artifact": {
                "path": "bin/p", "sha256": "", "size": 5, "kind": null, "machine": null, "interpreter": null,
                "needed": [], "glibc_max": null, "sbom": { "path": "sbom/p.json", "sha256": "" },
            },
            "gate": "pass", "purity": "n/a", "smoke": { "status": "pass", "runner": "native" },
            "status": "ok", "error": null, "seconds": 1.0,
        });
        job.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        job
    };
    let report = json!({
        "schema": 1, "version": "1", "jobs": TARGETS.map(job), "images": [], "skipped": [],
    });
    serde_json::from_value(report).unwrap()
}

/// What is said of the first target when a mode of b3sum with this expectation comes out so.
fn judged(expected: Expectation, changes: &Value, bill: &str) -> (bool, String) {
    let mode = ConformanceMode { name: "m", features: &[], default_features: true, needs: &[], expected };
    let results = judge(&PROGRAMS[0], &mode, &report("m", changes), &|_| Some(bill.to_owned()));
    assert_eq!(results.len(), TARGETS.len());
    (results[0].right, results[0].outcome.clone())
}

#[test]
fn what_comes_of_a_mode_is_held_against_what_is_known() {
    let failed = json!({ "status": "failed", "error": "C of libdeflate-sys" });
    let bill = r#"{ "name": "blake3" }"#;
    assert_eq!(judged(Expectation::Contains(&["blake3"]), &json!({}), bill), (true, "C of blake3".into()));
    let (right, outcome) = judged(Expectation::Contains(&["blake3", "zstd-sys"]), &json!({}), bill);
    assert!(!right && outcome.contains("zstd-sys"), "{outcome}");
    assert!(!judged(Expectation::Contains(&["blake3"]), &failed, bill).0);
    assert!(judged(Expectation::Pure, &json!({ "purity": "proven" }), "").0);
    assert!(!judged(Expectation::Pure, &json!({}), "").0);
    assert!(!judged(Expectation::Pure, &json!({ "purity": "proven", "gate": "fail" }), "").0);
    assert!(judged(Expectation::Claims("libdeflate-sys"), &failed, "").0);
    // For another reason than the one that is known.
    assert!(!judged(Expectation::Claims("zstd-sys"), &failed, "").0);
    assert!(!judged(Expectation::Claims("zstd-sys"), &json!({ "purity": "proven" }), "").0);
    let missing = judge(&PROGRAMS[0], &PROGRAMS[0].modes[0], &report("other", &json!({})), &|_| None);
    assert!(missing.iter().all(|result| !result.right));
}

#[test]
fn the_table_says_what_is_wrong() {
    let result = |right| ConformanceResult {
        program: "p 1".into(),
        mode: "m".into(),
        target: "t".into(),
        right,
        outcome: "a | b\nmore".into(),
        bytes: Some(1_500_000),
        seconds: 2.4,
    };
    let table = markdown(&[result(true), result(false)]);
    let rows: Vec<&str> = table.lines().skip(2).collect();
    assert_eq!(
        rows,
        ["| p 1 | m | t | a \\| b | 1.5 MB | 2 s |", "| p 1 | m | t | **wrong**: a \\| b | 1.5 MB | 2 s |",]
    );
}

#[test]
fn every_program_has_a_targets_toml() {
    for program in PROGRAMS {
        let text = targets_toml(program);
        let table: toml::Table = text.parse().unwrap_or_else(|e| panic!("{}: {e}\n{text}", program.name));
        assert_eq!(table["mode"].as_array().unwrap().len(), program.modes.len());
        for (mode, table) in program.modes.iter().zip(table["mode"].as_array().unwrap()) {
            let pure = table["needs"].as_array().unwrap().is_empty();
            assert_eq!(pure, !matches!(mode.expected, Expectation::Contains(_)), "{}", program.name);
        }
    }
}
