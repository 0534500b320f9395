//! Programs for macOS by zig: built and judged on a machine that cannot run them.

use serde_json::json;
use xtask_test_support::need;

use crate::linked::calls;
use crate::machine;
use crate::purity::add_sly;
use crate::run::job;
use crate::space::Space;
use crate::windows::in_cplusplus;

const ARM: &str = "aarch64-apple-darwin";
const INTEL: &str = "x86_64-apple-darwin";

/// The usual workspace for these targets, with zig.
fn space(targets: &[&str]) -> Space {
    let mut space = Space::with_targets(targets);
    space.with_zig();
    space
}

/// A library of macOS with the function that `sly` calls, in Apple's text format.
fn library(space: &Space, file: &str, installed: &str) {
    let text = format!(
        "--- !tapi-tbd\ntbd-version: 4\ntargets: [ x86_64-macos, arm64-macos ]\ninstall-name: '{installed}'\n\
         exports:\n  - targets: [ x86_64-macos, arm64-macos ]\n    symbols: [ _odd ]\n...\n"
    );
    space.write(file, &text);
}

#[test]
fn both_modes_pass_the_gate_and_are_not_run() {
    need!("macos::modes", machine::std_for(&[ARM, INTEL]), machine::zig());
    let space = space(&[ARM, INTEL]);
    let run = space.run(&["verify", "--mode", "all", "--json"]).ended(0);
    let report = run.json();
    for entry in report["jobs"].as_array().unwrap() {
        assert_eq!(
            (&entry["status"], &entry["smoke"]["status"]),
            (&json!("ok"), &json!("skipped")),
            "{entry:#}"
        );
        let proof = if entry["mode"] == "pure" { "proven" } else { "n/a" };
        assert_eq!(entry["purity"], proof, "{entry:#}\n{run}");
        let folder =
            format!("bin/{}/{}/app", entry["target"].as_str().unwrap(), entry["mode"].as_str().unwrap());
        let program = std::fs::read(space.dist(&folder)).unwrap();
        let root = space.root().to_string_lossy().into_owned();
        assert!(
            !program.windows(root.len()).any(|window| window == root.as_bytes()),
            "{folder} names a folder"
        );
    }
    assert_eq!(report["jobs"].as_array().unwrap().len(), 4, "{run}");
    let text = run.stderr();
    assert!(text.contains("gate passed; not run: "), "{run}");
    assert!(text.contains("of C, from native 0.1.0"), "{run}");
}

#[test]
fn cplusplus_of_zig_passes_the_gate() {
    need!("macos::cplusplus", machine::std_for(&[ARM]), machine::zig());
    let space = space(&[ARM]);
    in_cplusplus(&space);
    let run = space.run(&["verify", "--mode", "native", "--json"]).ended(0);
    let report = run.json();
    let job = job(&report, ARM);
    assert_eq!((&job["status"], &job["gate"]), (&json!("ok"), &json!("pass")), "{job:#}");
    assert_eq!(job["contents"]["foreign"][0]["package"], json!("native 0.1.0"), "{job:#}");
}

#[test]
fn two_clones_make_the_same_archive() {
    need!("macos::clones", machine::std_for(&[ARM]), machine::zig(), machine::programs(&["git"]));
    let sums = |name: &str| {
        let mut space = Space::at(name);
        space.targets(&[(ARM, "")]);
        space.with_zig();
        space.run(&["release", "--mode", "pure"]).ended(0);
        let archive =
            std::fs::read_dir(space.dist("archives")).unwrap().map(|entry| entry.unwrap().file_name());
        let archive: Vec<_> = archive.map(|name| name.to_string_lossy().into_owned()).collect();
        assert!(archive.iter().any(|name| name.ends_with("-aarch64-apple-darwin.tar.gz")), "{archive:?}");
        space.read("target/dist/SHA256SUMS")
    };
    assert_eq!(sums("one"), sums("another place"));
}

#[test]
fn c_in_a_pure_program_is_named_without_a_map() {
    need!("macos::impure", machine::std_for(&[ARM]), machine::zig());
    let space = space(&[ARM]);
    add_sly(
        &space,
        "println!(\"cargo::rustc-link-search=native={}\", std::env::var(\"PREBUILT\").unwrap());",
    );
    calls(&space, "#[link(name = \"hid\", kind = \"static\")]", "odd");
    space.write("prebuilt/hid.c", "int odd(int n) { return n + 1; }\n");
    let zig = machine::zig().unwrap().display().to_string();
    let script =
        format!("cd prebuilt && {zig} cc -target aarch64-macos.11.0 -c hid.c && {zig} ar crs libhid.a hid.o");
    Space::finish(&space.cmd("sh").args(["-c", &script])).ended(0);
    let build = space.xtask(&["build", "--mode", "pure", "--json"]).env("PREBUILT", space.path("prebuilt"));
    let run = Space::finish(&build).ended(1);
    let report = run.json();
    let error = job(&report, ARM)["error"].as_str().unwrap();
    for words in
        ["must contain no C, but sly 0.7.1 has machine code linked", "hid.o", "#[link] in src/lib.rs"]
    {
        assert!(error.contains(words), "{words}\n{run}");
    }
}

/// The linker finds this library by itself, so that no argument names its file.
#[test]
fn the_cplusplus_library_of_zig_in_a_pure_program_is_named() {
    need!("macos::added_cplusplus", machine::std_for(&[ARM]), machine::zig());
    let space = space(&[ARM]);
    add_sly(&space, "");
    calls(&space, "#[link(name = \"c++\")]", "__cxa_uncaught_exceptions");
    let run = space.run(&["build", "--mode", "pure", "--json"]).ended(1);
    let report = run.json();
    let error = job(&report, ARM)["error"].as_str().unwrap();
    for words in
        ["must contain no C, but sly 0.7.1 has machine code linked", "libc++.a", "#[link] in src/lib.rs"]
    {
        assert!(error.contains(words), "{words}\n{run}");
    }
}

#[test]
fn a_framework_needs_the_folder_of_an_sdk() {
    need!("macos::framework", machine::std_for(&[ARM]), machine::zig());
    let mut space = space(&[ARM]);
    add_sly(&space, "");
    calls(&space, "#[link(name = \"Odd\", kind = \"framework\")]", "odd");
    let run = space.run(&["build", "--mode", "pure"]).ended(1);
    for words in [
        "the framework Odd belongs to Apple's SDK",
        "sly 0.7.1 asked for it with #[link] in src/lib.rs",
        "set SDKROOT",
    ] {
        assert!(run.stderr().contains(words), "{words}\n{run}");
    }
    // A folder that is no SDK.
    space.set("SDKROOT", space.path("app"));
    let run = space.run(&["explain", ARM]);
    assert!(
        run.stdout().contains("app is not the folder of a macOS SDK: it has neither SDKSettings.json"),
        "{run}"
    );
    space.run(&["build", "--mode", "pure"]).ended(3);
    // The parts of an SDK that count here.
    space.write("sdk/SDKSettings.json", "{}");
    let installed = "/System/Library/Frameworks/Odd.framework/Versions/A/Odd";
    library(&space, "sdk/System/Library/Frameworks/Odd.framework/Odd.tbd", installed);
    space.set("SDKROOT", space.path("sdk"));
    let report = space.run(&["verify", "--mode", "pure", "--json"]).ended(0).json();
    assert_eq!(job(&report, ARM)["purity"], "proven", "{report:#}");
}

#[test]
fn a_library_that_macos_lacks_is_refused() {
    need!("macos::library", machine::std_for(&[ARM]), machine::zig());
    let space = space(&[ARM]);
    let folder = space.path("prebuilt").display().to_string();
    add_sly(&space, &format!("println!(\"cargo::rustc-link-search=native={folder}\");"));
    calls(&space, "#[link(name = \"odd\")]", "odd");
    library(&space, "prebuilt/libodd.tbd", "/opt/homebrew/lib/libodd.1.dylib");
    let run = space.run(&["verify", "--mode", "native"]).ended(1);
    let words = "the program loads /opt/homebrew/lib/libodd.1.dylib, which macOS does not have";
    assert!(run.stderr().contains(words), "{run}");
}
