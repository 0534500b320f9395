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
    let manifest = |target: &str| {
        let platform = Triple::parse(target).platform().unwrap().to_string();
        let smoke = json!({ "status": "pass", "runner": "docker" });
        json!({ "platform": platform, "digest": "", "size": 5, "smoke": smoke })
    };
    let image =
        json!({ "name": "p", "base": "scratch", "index_digest": "", "manifests": TARGETS.map(manifest) });
    let report = json!({
        "schema": 1, "version": "1", "jobs": TARGETS.map(job), "images": [image], "skipped": [],
    });
    serde_json::from_value(report).unwrap()
}

fn mode(name: &'static str, expected: Expectation) -> ConformanceMode {
    ConformanceMode {
        name,
        features: &[],
        default_features: true,
        needs: &[],
        expected,
        elsewhere: &[("wasm32-wasip1", Expectation::Pure)],
    }
}

/// Returns the result for the first target if a mode of b3sum with this expectation has this report.
fn judged(expected: Expectation, changes: &Value, bill: &str) -> (bool, String) {
    let mode = mode("m", expected);
    let group = (TARGETS.to_vec(), expected);
    let results = judge(&PROGRAMS[0], &mode, &group, &report("m", changes), &|_| Some(bill.to_owned()));
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
    // The mode failed for another reason than the known one.
    assert!(!judged(Expectation::Claims("zstd-sys"), &failed, "").0);
    assert!(!judged(Expectation::Claims("zstd-sys"), &json!({ "purity": "proven" }), "").0);
    assert!(judged(Expectation::Contains(&[]), &json!({}), "").0);
    // A build that is known to be impossible: the reason is the known one, or the row is wrong.
    let impossible = judged(Expectation::Impossible("of libdeflate"), &failed, "");
    assert_eq!(impossible, (true, "cannot be built: C of libdeflate-sys".into()));
    assert!(!judged(Expectation::Impossible("C++"), &failed, "").0);
    assert!(!judged(Expectation::Impossible("of libdeflate"), &json!({}), "").0);
    let (first, group) = (&PROGRAMS[0].modes[0], (TARGETS.to_vec(), Expectation::Pure));
    let missing = judge(&PROGRAMS[0], first, &group, &report("other", &json!({})), &|_| None);
    assert!(missing.iter().all(|result| !result.right));
}

#[test]
fn an_image_that_did_not_start_is_wrong() {
    let mut changed = report("m", &json!({ "purity": "proven" }));
    changed.images[0].manifests[0].smoke = None;
    let (mode, group) = (mode("m", Expectation::Pure), (TARGETS.to_vec(), Expectation::Pure));
    let results = judge(&PROGRAMS[0], &mode, &group, &changed, &|_| None);
    assert!(!results[0].right && results[0].outcome.contains("image"), "{results:?}");
    assert!(results[1].right, "{results:?}");
    assert_eq!(results[1].started_by, ["native", "docker"]);
}

#[test]
fn a_program_for_another_system_needs_no_image() {
    let mut report = report("m", &json!({ "purity": "proven" }));
    report.images.clear();
    report.jobs[0].target = "wasm32-wasip1".to_owned();
    let mode = mode("m", Expectation::Pure);
    let groups = mode.groups();
    assert_eq!(groups.len(), 2, "{groups:?}");
    let results = judge(&PROGRAMS[0], &mode, &groups[1], &report, &|_| None);
    assert!(results.len() == 1 && results[0].right, "{results:?}");
}

#[test]
fn a_plan_that_refuses_the_target_is_held_against_what_is_known() {
    let error = "error: the plan has errors\nnote: m for wasm32-wasip1: it cannot contain C++ there";
    let group = |expected| (vec!["wasm32-wasip1"], expected);
    let of = |expected| unbuilt(&PROGRAMS[0], &mode("m", expected), &group(expected), error).remove(0);
    let known = of(Expectation::Impossible("cannot contain C++"));
    assert!(known.right && known.outcome.ends_with("it cannot contain C++ there"), "{known:?}");
    assert!(!of(Expectation::Impossible("no threads")).right);
    assert!(!of(Expectation::Pure).right);
}

fn result(program: &PublishedProgram, right: bool) -> ConformanceResult {
    ConformanceResult {
        program: format!("{} {}", program.name, program.version),
        mode: program.modes[0].name.into(),
        target: TARGETS[0].into(),
        right,
        outcome: "a | b\nmore".into(),
        toolchain: None,
        started_by: vec!["qemu".into(), "docker".into()],
        c_bytes: None,
        bytes: Some(1_500_000),
        seconds: 2.4,
    }
}

#[test]
fn the_table_says_what_is_wrong() {
    let program = &PROGRAMS[0];
    let text = markdown(&[result(program, true), result(program, false)], "2026-01-31");
    let rows: Vec<&str> = text.lines().skip(2).collect();
    let name =
        format!("| {} {} | {} | {} | –", program.name, program.version, program.modes[0].name, TARGETS[0]);
    let end = "a \\| b | – | 1.5 MB | qemu, docker | 2 s | 2026-01-31 |";
    assert_eq!(rows, [format!("{name} | {end}"), format!("{name} | **wrong**: {end}")]);
}

#[test]
fn a_page_keeps_the_rows_of_programs_that_were_not_built() {
    let [first, second] = [&PROGRAMS[0], &PROGRAMS[1]];
    let tools = [ToolVersion { name: "cmake", version: None }];
    let old = conformance_page(&[result(first, true), result(second, true)], &tools, "2026-01-31", "");
    let new = conformance_page(&[result(second, false)], &tools, "2026-02-01", &old);
    let rows: Vec<&str> = new.lines().filter(|line| line.contains(TARGETS[0])).collect();
    assert_eq!(rows.len(), 2, "{new}");
    assert!(rows[0].contains(first.name) && rows[0].contains("2026-01-31"), "{new}");
    assert!(rows[1].contains("**wrong**") && rows[1].contains("2026-02-01"), "{new}");
    assert!(new.contains("- cmake: not on the machine"), "{new}");
    // Another target of the same mode has its own row.
    let elsewhere = ConformanceResult { target: first.modes[0].elsewhere[0].0.into(), ..result(first, true) };
    let more = conformance_page(&[elsewhere], &tools, "2026-02-02", &new);
    let dates = ["2026-01-31", "2026-02-01", "2026-02-02"];
    assert!(dates.iter().all(|date| more.matches(&format!("| {date} |")).count() == 1), "{more}");
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
