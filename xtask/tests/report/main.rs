//! Reports and timings as files and tables: golden texts, and what comes back when they are read.

mod predicates;
mod sample;

use sample::{report, timings};
use xtask_report::report::{Report, html, markdown, terminal};
use xtask_report::timing::Timings;
use xtask_test_support::golden;

#[test]
fn report_json() {
    golden!("report/report.json", &report().json());
    let back: Report = serde_json::from_str(&report().json()).unwrap();
    assert_eq!(back, report());
}

#[test]
fn timings_json() {
    golden!("report/timings.json", &timings().json());
    let back: Timings = serde_json::from_str(&timings().json()).unwrap();
    assert_eq!(back, timings());
}

#[test]
fn the_contract_has_these_keys() {
    let report: serde_json::Value = serde_json::from_str(&report().json()).unwrap();
    let has = |value: &serde_json::Value, keys: &[&str]| {
        for key in keys {
            assert!(value.get(key).is_some(), "{key} is not in {value}");
        }
    };
    has(&report, &["schema", "version", "jobs", "images", "skipped"]);
    let job = &report["jobs"][1];
    has(
        job,
        &["target", "mode", "requested", "fallback", "toolchain", "artifact", "gate", "purity", "smoke"],
    );
    has(job, &["status", "error", "seconds"]);
    has(&job["fallback"], &["from", "reason"]);
    has(&report["jobs"][0]["toolchain"], &["provider", "cc", "version", "id"]);
    has(
        &job["artifact"],
        &["path", "sha256", "size", "kind", "machine", "interpreter", "needed", "glibc_max", "sbom"],
    );
    has(&job["smoke"], &["runner", "status"]);
    has(&report["images"][0], &["name", "base", "index_digest", "manifests"]);
    has(&report["images"][0]["manifests"][0], &["platform", "digest", "size", "sbom"]);
    has(&job["artifact"]["sbom"], &["path", "sha256"]);
    has(&report["skipped"][0], &["target", "reason"]);
    let timings: serde_json::Value = serde_json::from_str(&timings().json()).unwrap();
    has(&timings, &["schema", "host", "cases", "ratios"]);
    has(&timings["cases"][0], &["target", "mode", "case", "samples_s", "median_s", "mad_s", "parts"]);
    has(&timings["cases"][0], &["binary_bytes", "image_bytes"]);
    has(&timings["cases"][0]["parts"], &["c_s", "rustc_s", "link_s", "other_s"]);
    has(&timings["ratios"][0], &["target", "case", "of", "to", "ratio", "low", "high"]);
}

#[test]
fn a_file_with_the_keys_of_the_contract_alone_can_be_read() {
    let mut value = serde_json::to_value(report()).unwrap();
    value.as_object_mut().unwrap().remove("app");
    for job in value["jobs"].as_array_mut().unwrap() {
        job.as_object_mut().unwrap().remove("warnings");
    }
    assert_eq!(serde_json::from_value::<Report>(value).unwrap().jobs.len(), report().jobs.len());
    let mut value = serde_json::to_value(timings()).unwrap();
    for (list, key) in [("cases", "by"), ("ratios", "confidence")] {
        for row in value[list].as_array_mut().unwrap() {
            row.as_object_mut().unwrap().remove(key);
        }
    }
    assert_eq!(serde_json::from_value::<Timings>(value).unwrap().cases.len(), timings().cases.len());
}

#[test]
fn words_of_the_contract() {
    let text = report().json();
    for pair in [
        "\"gate\": \"pass\"",
        "\"gate\": \"fail\"",
        "\"gate\": null",
        "\"purity\": \"proven\"",
        "\"purity\": \"n/a\"",
        "\"kind\": \"static-pie\"",
        "\"kind\": \"dynamic\"",
        "\"status\": \"skipped\"",
        "\"status\": \"failed\"",
        "\"status\": \"ok\"",
    ] {
        assert!(text.contains(pair), "{pair}");
    }
    assert!(timings().json().contains("\"case\": \"cold\""));
}

#[test]
fn report_md() {
    golden!("report/report.md", &markdown(&report(), Some(&timings())));
}

#[test]
fn report_html() {
    let text = html(&report(), Some(&timings()));
    golden!("report/report.html", &text);
    // The report holds a job whose error tries to be markup.
    assert!(!text.contains("<script") && text.contains("&lt;script&gt;"));
    assert!(!text.contains("http://") && !text.contains("https://"), "it needs nothing from elsewhere");
    for tag in ["table", "tr", "td", "th", "dl", "dt", "dd", "div", "span"] {
        let (open, close) = (format!("<{tag}"), format!("</{tag}>"));
        let opened = text
            .match_indices(&open)
            .filter(|(i, _)| !text[i + open.len()..].starts_with(char::is_alphabetic));
        assert_eq!(opened.count(), text.matches(&close).count(), "{tag}");
    }
}

#[test]
fn report_for_a_terminal() {
    golden!("report/terminal.txt", &terminal(&report(), Some(&timings()), false));
    golden!("report/terminal-color.txt", &terminal(&report(), None, true));
    let stripped = strip_colors(&terminal(&report(), Some(&timings()), true));
    assert_eq!(stripped, terminal(&report(), Some(&timings()), false));
}

#[test]
fn an_empty_report_is_still_a_report() {
    let empty = Report { jobs: vec![], images: vec![], skipped: vec![], unmade: vec![], ..report() };
    assert_eq!(terminal(&empty, None, true), "");
    assert_eq!(markdown(&empty, None), "# grün 1.2.0\n");
    assert!(html(&empty, None).ends_with("</body>\n</html>\n"));
}

#[test]
fn all_files_are_written_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let dist = dir.path().join("target/dist");
    report().write(&dist, Some(&timings())).unwrap();
    report().write(&dist, None).unwrap();
    let mut names: Vec<String> =
        std::fs::read_dir(&dist).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["report.html", "report.json", "report.md"]);
    assert_eq!(std::fs::read_to_string(dist.join("report.json")).unwrap(), report().json());
    assert!(!std::fs::read_to_string(dist.join("report.md")).unwrap().contains("## Times"));
}

#[test]
fn report_json_is_not_written_where_another_file_fails() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("report.html/in the way")).unwrap();
    assert!(report().write(dir.path(), None).is_err());
    assert!(!dir.path().join("report.json").exists());
}

fn strip_colors(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| all + part.split_once('m').map_or("", |(_, rest)| rest))
}
