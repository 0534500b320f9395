//! `bench`: what it times, and timings.json.

use std::path::PathBuf;
use std::time::SystemTime;

use serde_json::Value;
use xtask_test_support::need;

use crate::documents;
use crate::interrupted::{files, interrupt};
use crate::machine::{self, ARM, ARM_MUSL, HOST, HOST_MUSL};
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
    let args = ["bench", "--samples", "1", "--json", "--providers", "host", "--cases", "cold,warm"];
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

/// The file that `init` writes does not list the host's own triple; and what is not timed is said.
#[test]
fn without_target_one_of_this_machine_and_a_foreign_one_are_timed() {
    need!("bench::narrow", machine::std_for(&[HOST_MUSL, ARM_MUSL]), machine::programs(&["cc"]));
    let space = Space::with_targets(&[ARM, HOST_MUSL, ARM_MUSL]);
    let args = ["bench", "--samples", "1", "--mode", "pure", "--providers", "none", "--cases", "cold,warm"];
    let run = space.run(&args).ended(0);
    let run = run.says(&[&format!("Leaving out {ARM}; "), &format!("cargo xtask bench --target {ARM}")]);
    let mut found = cases(&written(&space));
    found.sort();
    let expected = [
        format!("{ARM_MUSL} cold pure"),
        format!("{ARM_MUSL} warm pure"),
        format!("{HOST_MUSL} cold pure"),
        format!("{HOST_MUSL} warm pure"),
    ];
    assert_eq!(found, expected);
    for at in 1..=4 {
        assert_eq!(run.stderr().matches(&format!("Building {at} of 4: ")).count(), 1, "{run}");
    }
    let run = space.run(&[&args[..], &["--target", HOST_MUSL]].concat()).ended(0);
    run.never_says(&["Leaving out"]);
    for command in ["bench", "test"] {
        let help = space.run(&[command, "--help"]).ended(0).stdout();
        assert!(!help.contains("every target of targets.toml"), "{help}");
    }
}

#[test]
fn three_samples_give_the_ratio_of_native_to_pure() {
    need!("bench::three", machine::std_for(&[HOST_MUSL]), machine::programs(&["cc"]));
    let space = Space::with_targets(&[HOST]);
    let run = space.run(&["bench", "--samples", "3", "--providers", "host", "--cases", "warm,cold"]).ended(0);
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
fn a_killed_run_goes_on_where_it_was_and_a_changed_one_starts_anew() {
    need!("bench::killed", machine::std_for(&[HOST_MUSL]));
    let space = Space::with_targets(&[HOST_MUSL]);
    // So that the run does not end before it is killed.
    slow_down(&space, 1);
    let args = [
        "bench",
        "--samples",
        "2",
        "--mode",
        "pure",
        "--providers",
        "none",
        "--cases",
        "cold,warm",
        "--seed",
        "17",
    ];
    let journal = "target/xtask/timings/samples.jsonl";
    let samples = || space.read(journal).lines().filter(|line| line.contains("\"round\"")).count();
    // The header and one sample.
    let one = format!("[ \"$(wc -l < {journal} 2>/dev/null || echo 0)\" -ge 2 ]");
    let kill = || {
        let ended = interrupt(&space, &args, &one, "KILL", "true");
        assert_eq!(ended, "code=137");
    };
    kill();
    let before = samples();
    assert!((1..4).contains(&before), "{before}");
    let kept = space.read(journal);
    let run = space.run(&args[..9]).ended(0).says(&["Continuing an interrupted run", "seed 17"]);
    let left = 4 - before;
    assert_eq!(run.stderr().matches(" of 4: pure").count(), left, "{run}");
    assert!(space.read(journal).starts_with(&kept), "what was there stays");
    assert_eq!(samples(), 4);
    let timings = written(&space);
    assert_eq!(timings["method"]["seed"], 17);
    let first: Value = serde_json::from_str(kept.lines().nth(1).unwrap()).unwrap();
    let case = timings["cases"].as_array().unwrap().iter().find(|c| c["case"] == first["case"]).unwrap();
    assert_eq!(case["samples_s"][0], first["sample"]["seconds"], "the sample of the killed run counts");
    assert!(case["taken"][0]["conditions"]["load"].is_number() || !cfg!(target_os = "linux"), "{case:#}");
    // A finished run is not continued, and neither is one of other sources.
    std::fs::remove_file(space.path(journal)).unwrap();
    kill();
    let run = Space::finish(&space.xtask(&args).env("CFLAGS", "-g1")).ended(0);
    run.says(&[
        "Starting anew: an interrupted run cannot go on, since the toolchains or their settings have changed",
    ]);
    std::fs::remove_file(space.path(journal)).unwrap();
    kill();
    space.write("app/src/other.rs", "");
    let run = space.run(&args).ended(0).never_says(&["Continuing"]);
    run.says(&["Starting anew: an interrupted run cannot go on, since the sources have changed"]);
    space.run(&args).ended(0).never_says(&["Continuing", "anew"]);
}

#[test]
fn an_interrupted_run_leaves_no_build_folders() {
    need!("bench::interrupted", machine::std_for(&[HOST_MUSL]), machine::programs(&["git"]));
    let space = Space::with_targets(&[HOST_MUSL]);
    space.write(".gitignore", "target\n");
    space.git(&["init", "--quiet"]);
    space.commit();
    let args = [&PURE[..], &["cold", "--compare-rev", "HEAD"]].concat();
    // The clone is there, and Cargo runs.
    let when =
        "[ -d target/xtask/bench/revision/sources/app ] && ls target/xtask/bench/builds/* >/dev/null 2>&1";
    for (signal, code) in [("INT", "130"), ("TERM", "143")] {
        let ended = interrupt(&space, &args, when, signal, "ls -d target/xtask/bench 2>/dev/null; true");
        assert_eq!(ended, format!("code={code}"));
    }
}

/// Files, with their contents and times.
fn state(space: &Space) -> Vec<(PathBuf, Vec<u8>, SystemTime)> {
    let files = ["app", "native"].map(|folder| files(&space.path(folder))).concat();
    let time = |file: &PathBuf| std::fs::metadata(file).unwrap().modified().unwrap();
    files.into_iter().map(|file| (file.clone(), std::fs::read(&file).unwrap(), time(&file))).collect()
}

#[test]
fn touched_files_are_those_of_a_copy_and_rebuild_what_depends_on_them() {
    need!("bench::touched", machine::std_for(&[HOST_MUSL]), machine::programs(&["cc"]));
    let space = Space::with_targets(&[HOST]);
    space.write("native/c/answer.h", "#include <stdint.h>\nint32_t native_answer(void);\n");
    space.replace("native/c/answer.c", "#include <stdint.h>", "#include \"answer.h\"");
    space.replace("native/build.rs", "rerun-if-changed=c/answer.c", "rerun-if-changed=c");
    let before = state(&space);
    let args = ["bench", "--samples", "2", "--providers", "host", "--cases", "rust,c,header"];
    let run = space.run(&args).ended(0);
    assert_eq!(state(&space), before, "{run}");
    let timings = written(&space);
    documents::timings(&timings);
    let mut found = cases(&timings);
    found.sort();
    let expected = ["c-touched native", "header-touched native", "rust-touched native", "rust-touched pure"];
    assert_eq!(found, expected.map(|case| format!("{HOST} {case}")));
    for case in timings["cases"].as_array().unwrap() {
        let file = match case["case"].as_str().unwrap() {
            "c-touched" => "native/c/answer.c",
            "header-touched" => "native/c/answer.h",
            _ => "app/src/main.rs",
        };
        for sample in case["taken"].as_array().unwrap() {
            assert_eq!(sample["touched"], file);
            if cfg!(target_os = "linux") {
                let compiles = sample["parts"]["c_s"].as_f64().unwrap() > 0.0;
                assert_eq!(compiles, case["case"] != "rust-touched", "{sample:#}");
            }
        }
    }
    assert!(!space.path("target/xtask/bench").exists());
}

#[test]
fn a_case_that_is_not_there_is_said() {
    need!("bench::absent", machine::std_for(&[HOST_MUSL]), machine::programs(&["cc"]));
    let space = Space::with_targets(&[HOST]);
    let bench = |args: &[&str]| space.run(&[&["bench", "--samples", "1", "--cases"], args].concat());
    let run = bench(&["c,header,warm", "--mode", "pure", "--providers", "none"]).ended(0);
    let none = "the workspace has no C of its own in it";
    run.says(&[&format!("Leaving out c-touched: {none}"), &format!("Leaving out header-touched: {none}")]);
    bench(&["c", "--mode", "pure", "--providers", "none"])
        .ended(1)
        .says(&["there is no case to measure", "--cases"]);
    let run = bench(&["header,warm", "--mode", "native", "--providers", "host"]).ended(0);
    run.says(&[
        "Leaving out header-touched: no build script of the workspace names a header by rerun-if-changed",
    ]);
}

/// Makes the application of a workspace slower to build, by these seconds.
fn slow_down(space: &Space, by: u32) {
    let text = format!("fn main() {{ std::thread::sleep(std::time::Duration::from_secs({by})); }}");
    space.write("app/build.rs", &text);
}

const PURE: [&str; 8] = ["bench", "--mode", "pure", "--providers", "none", "--samples", "3", "--cases"];

#[test]
fn saved_timings_are_compared_with_and_a_slower_build_fails() {
    need!("bench::saved", machine::std_for(&[HOST_MUSL]));
    let space = Space::with_targets(&[HOST_MUSL]);
    slow_down(&space, 0);
    let bench = |args: &[&str]| space.run(&[&PURE[..], &["cold"], args].concat());
    bench(&["--compare", "before"]).ended(2).says(&["no saved timings `before`", "bench --save before"]);
    bench(&["--save", "../x"]).ended(2).says(&["not a name"]);
    bench(&["--save", "before"]).ended(0).says(&["Saved"]);
    slow_down(&space, 3);
    let run = bench(&["--compare", "before", "--markdown"]).ended(1);
    let run =
        run.says(&["1 case became slower by more than 5 % since saved timings before", "pure for", "cold: "]);
    assert!(run.stdout().contains("| slower |") && run.stdout().starts_with("Build times beside"), "{run}");
    let timings = written(&space);
    assert_eq!(timings["comparison"]["changes"][0]["verdict"], "slower", "{timings:#}");
    bench(&["--compare", "before", "--threshold", "1000%", "--history", "h/history.jsonl"]).ended(0);
    let lines = |file: &str| -> Vec<Value> {
        space.read(file).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    assert_eq!((lines("target/xtask/timings/history.jsonl").len(), lines("h/history.jsonl").len()), (2, 1));
    assert_eq!(lines("h/history.jsonl")[0]["cases"][0]["samples_s"].as_array().unwrap().len(), 3);
    let file = "target/xtask/timings/saved/before.json";
    let mut saved: Value = serde_json::from_str(&space.read(file)).unwrap();
    saved["host"]["cores"] = 999.into();
    space.write(file, &saved.to_string());
    bench(&["--compare", "before"]).ended(1).says(&["of another machine or compiler", "--compare-rev"]);
}

#[test]
fn a_history_that_cannot_be_written_loses_no_samples() {
    need!("bench::history", machine::std_for(&[HOST_MUSL]));
    let space = Space::with_targets(&[HOST_MUSL]);
    let args = ["bench", "--quick", "--mode", "pure", "--providers", "none", "--samples", "1", "--history"];
    let refused = space.run(&[&args[..], &["app"]].concat()).ended(1);
    refused.says(&["app is not a regular file"]).never_says(&["Sampling"]);
    // The file goes away while samples are taken.
    space.write(
        "app/build.rs",
        "fn main() {
            let file = \"../h/history.jsonl\";
            if std::fs::remove_file(file).is_ok() { std::fs::create_dir(file).unwrap(); }
        }",
    );
    let run = space.run(&[&args[..], &["h/history.jsonl", "--save", "kept"]].concat()).ended(1);
    let run = run.says(&["Wrote", "Saved", "is not a regular file"]);
    assert!(run.stdout().contains("pure"), "{run}");
    assert_eq!(cases(&written(&space)).len(), 1);
}

#[test]
fn a_revision_is_built_in_turn_with_the_workspace() {
    need!("bench::revision", machine::std_for(&[HOST_MUSL]), machine::programs(&["git"]));
    let space = Space::with_targets(&[HOST_MUSL]);
    let bench = |args: &[&str]| space.run(&[&PURE[..], args].concat());
    bench(&["cold", "--compare-rev", "HEAD"]).ended(2).says(&["in no git checkout"]);
    slow_down(&space, 0);
    space.write(".gitignore", "target\n");
    space.git(&["init", "--quiet"]);
    space.commit();
    slow_down(&space, 3);
    bench(&["cold", "--compare-rev", "nothing"]).ended(2).says(&["does not have the commit `nothing`"]);
    // git answers, but not with a commit.
    bench(&["cold", "--compare-rev", "^HEAD"]).ended(2).says(&["does not have the commit `^HEAD`"]);
    let before = files(&space.path(".git"));
    let run = bench(&["cold,rust", "--compare-rev", "HEAD", "--json"]).ended(1);
    assert_eq!(files(&space.path(".git")), before);
    let document = run.json();
    documents::timings(&document);
    // The cases of the revision are not those of the workspace.
    assert_eq!(document["cases"].as_array().unwrap().len(), 2, "{document:#}");
    let changes = document["comparison"]["changes"].as_array().unwrap();
    let verdict = |case: &str| &changes.iter().find(|change| change["case"] == case).unwrap()["verdict"];
    assert_eq!(*verdict("cold"), "slower", "{changes:#?}");
    assert_eq!((changes.len(), &document["comparison"]["against"]), (2, &"revision HEAD".into()));
    run.says(&["since revision HEAD"]);
    assert!(!space.path("target/xtask/bench").exists());
    // As a workflow checks a change out: with its parent, and nothing else.
    space.commit();
    let shallow = space.path("../shallow");
    let from = format!("file://{}", space.root().display());
    Space::finish(&space.cmd("git").args(["clone", "--quiet", "--depth", "2", &from]).arg(&shallow)).ended(0);
    let args = [
        "bench",
        "--quick",
        "--mode",
        "pure",
        "--providers",
        "none",
        "--limit",
        "1ms",
        "--compare-rev",
        "HEAD^1",
    ];
    let cmd = space.xtask(&args).arg("--manifest-path").arg(shallow.join("Cargo.toml")).arg("--markdown");
    let printed = Space::finish(&cmd).ended(0).stdout();
    assert!(printed.starts_with("Build times beside revision HEAD^1;"), "{printed}");
    // One sample of each, after which the time is over, tells nothing.
    assert!(printed.contains("too noisy to tell"), "{printed}");
}

/// A C compiler that takes a second longer for each file, and a rustc that does so for the application.
fn with_known_costs(c: bool, rust: bool) -> Space {
    let mut space = Space::with_targets(&[HOST]);
    if c {
        let cc = machine::find("cc").unwrap();
        let text =
            format!("case \" $* \" in *' -c '*answer.c*) sleep 1;; esac\nexec {} \"$@\"", cc.display());
        let cc = space.script("../slow-cc", &text);
        space.set("CC_x86_64_unknown_linux_gnu", cc);
    }
    if rust {
        let text = "case \" $* \" in *' --crate-name app '*) sleep 1;; esac\nexec \"$@\"";
        let wrapper = space.script("../slow-rustc", text);
        space.set("RUSTC_WRAPPER", wrapper);
    }
    space
}

#[test]
fn a_second_in_c_is_found_where_c_is_compiled_and_nowhere_else() {
    need!("bench::known", machine::std_for(&[HOST_MUSL]), machine::programs(&["cc"]));
    let space = with_known_costs(true, false);
    space.run(&["bench", "--samples", "2", "--cases", "cold,rust,c", "--mode", "native"]).ended(0);
    let slow = written(&space);
    let space = with_known_costs(false, false);
    space.run(&["bench", "--samples", "2", "--cases", "cold,rust,c", "--mode", "native"]).ended(0);
    let quick = written(&space);
    let least = |timings: &Value, case: &str| {
        let cases = timings["cases"].as_array().unwrap().iter();
        let samples = cases.filter(|c| c["case"] == case).flat_map(|c| c["samples_s"].as_array().unwrap());
        samples.map(|s| s.as_f64().unwrap()).fold(f64::INFINITY, f64::min)
    };
    for (case, expected) in [("cold", 1.0), ("c-touched", 1.0), ("rust-touched", 0.0)] {
        let added = least(&slow, case) - least(&quick, case);
        assert!((added - expected).abs() < 0.5, "{case}: {added}\n{slow:#}\n{quick:#}");
    }
}

/// hyperfine runs the same Cargo build of the same sources. A second of known cost makes the noise of the machine small
/// beside what is compared.
#[test]
fn cold_builds_take_what_hyperfine_says_of_plain_cargo() {
    need!("bench::hyperfine", machine::std_for(&[HOST_MUSL]), machine::programs(&["cc", "hyperfine"]));
    let space = with_known_costs(false, true);
    space.run(&["bench", "--samples", "3", "--cases", "cold", "--mode", "pure"]).ended(0);
    let ours = written(&space)["cases"][0]["median_s"].as_f64().unwrap();
    let build = format!(
        "cargo build --quiet --package app --no-default-features --features pure --profile quick --target {HOST} \
         --target-dir target/plain"
    );
    let args =
        ["--style", "none", "--runs", "3", "--warmup", "1", "--export-json", "plain.json", "--prepare"];
    let cmd = space.cmd("hyperfine").args(args).args(["rm -rf target/plain", &build]);
    Space::finish(&cmd).ended(0);
    let plain: Value = serde_json::from_str(&space.read("plain.json")).unwrap();
    let plain = plain["results"][0]["median"].as_f64().unwrap();
    let ratio = ours / plain;
    eprintln!("bench: {ours:.3} s; hyperfine around cargo: {plain:.3} s; ratio {ratio:.3}");
    assert!((0.7..1.4).contains(&ratio), "{ours} and {plain}");
}

#[test]
fn a_mode_that_does_not_build_without_c_is_not_timed_as_pure() {
    need!("bench::trapped", machine::std_for(&[HOST_MUSL]), machine::programs(&["gcc"]));
    let space = crate::purity::with_script(
        "let gcc = Command::new(\"gcc\").args([\"-c\", \"sly.c\", \"-o\", \"/dev/null\"]).status();
         assert!(gcc.unwrap().success());",
    );
    let run = space.run(&["bench", "--samples", "1", "--mode", "pure"]).ended(1);
    assert!(run.stderr().contains("sly 0.7.1 ran: gcc"), "{run}");
    assert!(!space.path("target/xtask/bench").exists());
}
