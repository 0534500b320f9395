use std::path::Path;

use serde_json::{Value, json};
use xtask_triple::system::{LISTED, refusal};

use super::page::HEAD;
use super::*;
use crate::conformance::ToolVersion;

fn of(mode: &'static str, changes: &Value) -> ModeResult {
    let mut job = json!({
        "target": "t", "mode": mode, "requested": mode, "fallback": null,
        "toolchain": { "provider": "zig", "cc": "zig cc", "version": "zig 0.15.2", "id": "0" },
        "artifact": {
            "path": "bin/p", "sha256": "", "size": 5, "kind": null, "machine": null, "interpreter": null,
            "needed": [], "glibc_max": null,
        },
        "gate": "pass", "purity": "n/a", "smoke": { "status": "pass", "runner": "qemu" },
        "status": "ok", "error": null, "seconds": 1.0,
    });
    job.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    let report = json!({ "schema": 1, "version": "1", "jobs": [job], "images": [], "skipped": [] });
    ModeResult::of(mode, &serde_json::from_value(report).unwrap())
}

fn result(modes: Vec<ModeResult>) -> TargetResult {
    TargetResult {
        target: "t".into(),
        provider: Some("zig".into()),
        toolchain: Some("zig 0.15.2".into()),
        modes,
        untried: None,
    }
}

fn row(result: TargetResult) -> String {
    targets_table(&[result], "2026-01-31").lines().nth(2).unwrap().to_owned()
}

#[test]
fn each_cell_was_tried_or_says_why_not() {
    let proven = json!({ "purity": "proven" });
    let all = vec![of("c", &json!({})), of("cxx", &json!({})), of("pure", &proven)];
    assert!(!result(all.clone()).is_wrong());
    assert_eq!(row(result(all)), "| t | zig | yes | yes | yes | pass | qemu | zig 0.15.2 | 2026-01-31 |");
    let skipped = json!({ "smoke": { "status": "skipped", "runner": null, "reason": "no qemu" } });
    let some = vec![of("c", &skipped), ModeResult::missing("cxx", "no C++ | compiler\nmore")];
    assert!(!result(some.clone()).is_wrong());
    let notes = "zig 0.15.2; c: no qemu; cxx: no C++ \\| compiler";
    assert_eq!(
        row(result(some)),
        format!("| t | zig | yes | – | – | pass | not run | {notes} | 2026-01-31 |")
    );
    let nothing = TargetResult::untried(&Triple::parse("a-b"), None, "a-b is not supported yet");
    assert_eq!(row(nothing), "| a-b | – | – | – | – | – | – | a-b is not supported yet | 2026-01-31 |");
}

#[test]
fn what_is_wrong_is_marked() {
    let failed = json!({ "artifact": null, "gate": null, "status": "failed", "error": "x.c:1: error" });
    let unproven = of("pure", &json!({ "purity": "not-seen" }));
    let refused = of("c", &json!({ "gate": "fail", "status": "failed", "error": "gate: no" }));
    let crashed =
        json!({ "smoke": { "status": "fail", "runner": "qemu" }, "status": "failed", "error": "killed" });
    for (mode, shown) in [
        (of("c", &failed), "| **no** | – | – | – | – | zig 0.15.2; x.c:1: error |"),
        (unproven, "| – | – | **no** | pass | qemu | zig 0.15.2; not proven to contain no C |"),
        (refused, "| yes | – | – | **fail** | – | zig 0.15.2; gate: no |"),
        (of("c", &crashed), "| yes | – | – | pass | **failed** | zig 0.15.2; killed |"),
    ] {
        let result = result(vec![mode]);
        assert!(result.is_wrong());
        assert!(row(result.clone()).contains(shown), "{}", row(result));
    }
}

#[test]
fn a_page_keeps_the_rows_of_targets_that_were_not_tried() {
    let untried = |target: &str| TargetResult::untried(&Triple::parse(target), None, "no");
    let tools = [ToolVersion { name: "clang", version: None }];
    let old = targets_page(&[untried("a"), untried("b")], &["a", "b"], &tools, "2026-01-31", "");
    let new = targets_page(&[untried("b")], &["a", "b"], &tools, "2026-02-01", &old);
    assert!(new.contains("| a | – | – | – | – | – | – | no | 2026-01-31 |\n| b |"), "{new}");
    let more = targets_page(&[], &["c"], &tools, "2026-02-01", &new);
    assert!(more.contains("| c | – | – | – | – | – | – | not tried yet | 2026-02-01 |"), "{more}");
    assert!(new.contains("no | 2026-02-01 |") && new.contains("- clang: not on the machine"), "{new}");
}

#[test]
fn the_program_has_a_targets_toml() {
    let targets = [Triple::parse("aarch64-unknown-linux-gnu")];
    let table: toml::Table = fixture_targets_toml(&targets).parse().unwrap();
    let modes = table["mode"].as_array().unwrap();
    let names: Vec<&str> = modes.iter().filter_map(|mode| mode["name"].as_str()).collect();
    assert_eq!(names, FIXTURE_MODES);
    assert_eq!(table["target"].as_array().unwrap().len(), 1);
}

/// Every listed target has a row in the documentation, and every row says what was tried.
#[test]
fn the_page_has_a_row_for_each_target() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/reference/targets.md");
    let page = std::fs::read_to_string(file).unwrap();
    let (_, table) = page.split_once(HEAD).expect("the page has the table");
    let rows: Vec<Vec<&str>> = table
        .lines()
        .take_while(|line| line.starts_with("| "))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    for row in &rows {
        assert_eq!(row.len(), HEAD.lines().next().unwrap().matches('|').count() - 1, "{row:?}");
        assert!(row.iter().all(|cell| !cell.is_empty()), "{row:?}");
        assert!(LISTED.contains(&row[0]), "{row:?}");
        assert!(
            row[2..7].contains(&"yes") || row[7] != "–",
            "a row without results gives no reason: {row:?}"
        );
    }
    for target in LISTED {
        let own: Vec<_> = rows.iter().filter(|row| row[0] == *target).collect();
        assert!(!own.is_empty(), "{target} has no row: cargo xtask conformance --targets {target} --page …");
        if refusal(&Triple::parse(target)).is_some() {
            assert_eq!(own.len(), 1, "{target} is refused");
        }
    }
}
