//! The JSON documents against the contract: exactly one on stdout, with the keys that scripts rely on.

use std::collections::BTreeSet;

use serde_json::Value;
use xtask_test_support::need;

use crate::machine::{self, HOST, HOST_MUSL};
use crate::run::job;
use crate::space::Space;

/// Asserts that an object has these keys, of these kinds: `s`tring, `n`umber, `b`ool, `a`rray, `o`bject; `?` or null.
#[track_caller]
pub(crate) fn shape(value: &Value, keys: &[(&str, &str)]) {
    let object = value.as_object().unwrap_or_else(|| panic!("no object: {value:#}"));
    for (key, kinds) in keys {
        let found = object.get(*key).unwrap_or_else(|| panic!("no key {key} in {value:#}"));
        let kind = match found {
            Value::Null => '?',
            Value::Bool(_) => 'b',
            Value::Number(_) => 'n',
            Value::String(_) => 's',
            Value::Array(_) => 'a',
            Value::Object(_) => 'o',
        };
        assert!(kinds.contains(kind), "{key} is {found}, not {kinds}, in {value:#}");
    }
}

fn one_of(value: &Value, words: &[&str]) {
    assert!(words.iter().any(|w| value == w), "{value} is none of {words:?}");
}

pub(crate) fn plan(document: &Value) {
    shape(document, &[("schema", "n"), ("jobs", "a"), ("skipped", "a")]);
    for job in document["jobs"].as_array().unwrap() {
        let texts =
            [("target", "s"), ("platform", "s?"), ("mode", "s"), ("requested", "s"), ("buildable", "b")];
        shape(job, &texts);
        shape(
            job,
            &[
                ("fallback", "o?"),
                ("toolchain", "o?"),
                ("linker", "s?"),
                ("std", "o?"),
                ("runner", "s?"),
                ("image", "a"),
            ],
        );
        if job["fallback"].is_object() {
            shape(&job["fallback"], &[("from", "s"), ("reason", "s")]);
        }
        if job["toolchain"].is_object() {
            shape(&job["toolchain"], &[("provider", "s"), ("cc", "s"), ("version", "s"), ("id", "s")]);
        }
        if job["std"].is_object() {
            shape(&job["std"], &[("provider", "s"), ("rustc", "s")]);
        }
    }
    for skipped in document["skipped"].as_array().unwrap() {
        shape(skipped, &[("target", "s"), ("reason", "s")]);
    }
}

pub(crate) fn report(document: &Value) {
    shape(document, &[("schema", "n"), ("version", "s"), ("jobs", "a"), ("images", "a"), ("skipped", "a")]);
    for job in document["jobs"].as_array().unwrap() {
        shape(
            job,
            &[("target", "s"), ("mode", "s"), ("requested", "s"), ("fallback", "o?"), ("toolchain", "o?")],
        );
        shape(job, &[("artifact", "o?"), ("smoke", "o"), ("status", "s"), ("error", "s?"), ("seconds", "n")]);
        one_of(&job["purity"], &["proven", "n/a"]);
        one_of(&job["status"], &["ok", "failed"]);
        shape(&job["smoke"], &[("runner", "s?"), ("status", "s")]);
        one_of(&job["smoke"]["status"], &["pass", "fail", "skipped"]);
        if let Some(artifact) = job["artifact"].as_object() {
            let artifact = Value::from(artifact.clone());
            shape(
                &artifact,
                &[("path", "s"), ("sha256", "s"), ("size", "n"), ("kind", "s?"), ("machine", "s?")],
            );
            shape(&artifact, &[("interpreter", "s?"), ("needed", "a"), ("glibc_max", "s?")]);
            // `build` puts programs in their place and looks into none.
            if !job["gate"].is_null() {
                one_of(&artifact["kind"], &["static", "static-pie", "dynamic"]);
                one_of(&job["gate"], &["pass", "fail"]);
            }
        }
        if job["toolchain"].is_object() {
            shape(&job["toolchain"], &[("provider", "s"), ("cc", "s"), ("version", "s"), ("id", "s")]);
        }
    }
    for image in document["images"].as_array().unwrap() {
        shape(image, &[("name", "s"), ("base", "s"), ("index_digest", "s"), ("manifests", "a")]);
        for manifest in image["manifests"].as_array().unwrap() {
            shape(manifest, &[("platform", "s"), ("digest", "s"), ("size", "n")]);
        }
    }
}

pub(crate) fn timings(document: &Value) {
    shape(document, &[("schema", "n"), ("host", "o"), ("cases", "a"), ("ratios", "a")]);
    for case in document["cases"].as_array().unwrap() {
        shape(case, &[("target", "s"), ("mode", "s"), ("case", "s"), ("samples_s", "a"), ("median_s", "n")]);
        shape(case, &[("mad_s", "n"), ("parts", "o?"), ("binary_bytes", "n?"), ("image_bytes", "n?")]);
        one_of(&case["case"], &["cold", "warm", "c-touched", "rust-touched", "header-touched"]);
    }
    for ratio in document["ratios"].as_array().unwrap() {
        shape(ratio, &[("target", "s"), ("case", "s"), ("of", "s"), ("to", "s")]);
        shape(ratio, &[("ratio", "n"), ("low", "n"), ("high", "n")]);
    }
}

#[test]
fn every_document_is_the_only_thing_on_stdout_and_keeps_the_contract() {
    need!("documents::contract", machine::std_for(&[HOST_MUSL]), machine::programs(&["cc"]));
    let space = Space::with_targets(&[HOST, HOST_MUSL]);
    space.image("app", &[HOST_MUSL]);
    let limited = ["--json", "--providers", "host"];
    let document = |command: &str, more: &[&str]| {
        let args: Vec<&str> = [command].iter().chain(&limited).chain(more).copied().collect();
        space.run(&args).ended(0).json()
    };
    plan(&document("plan", &[]));
    shape(&document("doctor", &[]), &[("schema", "n"), ("targets", "a")]);
    let explained = space.run(&["explain", HOST, "--json", "--providers", "host"]).ended(0).json();
    shape(&explained, &[("schema", "n"), ("target", "s"), ("chosen", "s?"), ("candidates", "a")]);
    for command in ["build", "verify", "image", "release"] {
        report(&document(command, &[]));
    }
    let written = space.report();
    report(&written);
    assert_eq!(written["images"].as_array().unwrap().len(), 1);
    assert_eq!(job(&written, HOST)["toolchain"]["provider"], "host");
    // Paths are below target/dist, whatever the machine.
    let path = job(&written, HOST)["artifact"]["path"].as_str().unwrap();
    assert_eq!(path, format!("bin/{HOST}/native/app"));
    let times: Value = serde_json::from_str(&space.read("target/dist/timings.json")).unwrap();
    timings(&times);
    let stages: Vec<&str> =
        times["stages"].as_array().unwrap().iter().map(|stage| stage["stage"].as_str().unwrap()).collect();
    let order = "build gate smoke-run bases packing image-run bills archives statements";
    assert_eq!(stages.join(" "), order, "{times:#}");
    assert!(space.read("target/dist/report.md").contains("| packing |"));
    for file in
        ["report.md", "report.html", "SHA256SUMS", "oci/index.json", "oci/oci-layout", "images/app.tar"]
    {
        assert!(space.dist(file).is_file(), "no {file}");
    }
    sums(&space);
}

/// SHA256SUMS holds every archive, as `sha256sum -c` checks it.
fn sums(space: &Space) {
    let check = space.cmd("sha256sum").args(["-c", "SHA256SUMS"]).cwd(space.dist(""));
    let checked = Space::finish(&check).ended(0).stdout();
    let names: BTreeSet<&str> = checked.lines().filter_map(|l| l.strip_suffix(": OK")).collect();
    let expected = [HOST, HOST_MUSL].map(|t| format!("archives/app-1.2.3-{t}.tar.gz"));
    assert_eq!(names, expected.iter().map(String::as_str).collect());
}

#[test]
fn a_failed_build_prints_its_document_too() {
    need!("documents::failed", machine::std_for(&[HOST_MUSL]));
    let space = Space::with_targets(&[HOST_MUSL]);
    space.write("app/src/main.rs", "fn main() { nonsense }\n");
    let run = space.run(&["build", "--mode", "pure", "--json"]).ended(1);
    report(&run.json());
    assert_eq!(job(&run.json(), HOST_MUSL)["gate"], Value::Null);
    assert!(run.stderr().contains("nonsense"), "{run}");
}

#[test]
fn quiet_and_no_color_are_obeyed() {
    need!("documents::quiet", machine::std_for(&[HOST_MUSL]));
    let mut space = Space::with_targets(&[HOST_MUSL]);
    let run = space.run(&["build", "--mode", "pure"]).ended(0).says(&["Building", "Built"]);
    assert!(!run.stdout().contains("Built"), "progress is no data\n{run}");
    let run = space.run(&["build", "--mode", "pure", "--quiet", "--json"]).ended(0);
    assert_eq!(run.stderr(), "", "{run}");
    // What a person must know is said all the same.
    space.run(&["build", "--quiet", "--providers", "none"]).ended(0).says(&["warning: ", "no-c-toolchain"]);
    space.set("NO_COLOR", "1");
    space.set("CARGO_TERM_COLOR", "never");
    let run = space.run(&["plan", "--providers", "none"]).ended(0).never_says(&["\u{1b}["]);
    assert!(run.stdout().contains(HOST_MUSL));
}
