//! One project for every kind of target: Linux with both C libraries, Windows, macOS and WASI.

use std::collections::BTreeMap;

use serde_json::json;
use xtask_test_support::folder;
use xtask_test_support::need;

use crate::machine::{self, HOST, HOST_MUSL};
use crate::run::job;
use crate::space::{Space, XTASK, cache};

const WINDOWS: &str = "x86_64-pc-windows-gnu";
const MACOS: &str = "aarch64-apple-darwin";
const WASI: &str = "wasm32-wasip1";

/// Each target with the program that starts its programs; none for the one that nothing starts here.
const TARGETS: [(&str, Option<&str>); 5] = [
    (HOST, Some("native")),
    (HOST_MUSL, Some("native")),
    (WINDOWS, Some("wine")),
    (MACOS, None),
    (WASI, Some("node")),
];

/// A project with its lock of toolchains, in git.
fn committed() -> Space {
    let mut space = Space::with_targets(&TARGETS.map(|(target, _)| target));
    space.image("app", &[HOST_MUSL]);
    // Only zig makes programs for macOS, and it keeps the parts that it builds.
    space.with_zig();
    space.write(".gitignore", "/target\n");
    space.run(&["lock"]).ended(0).says(&["the toolchains of 5 targets"]);
    space.git(&["init", "--quiet"]);
    space.commit();
    space
}

/// What ships: all but the files that say when and how fast it was made.
fn shipped(space: &Space) -> BTreeMap<String, Vec<u8>> {
    let mut files = folder::files(&space.dist(""));
    files.retain(|name, _| !name.starts_with("report.") && !name.starts_with("timings."));
    files
}

#[test]
fn a_release_for_all_systems_has_the_same_bytes_in_two_clones() {
    need!(
        "systems::release",
        machine::std_for(&TARGETS.map(|(target, _)| target)),
        machine::programs(&["git", "x86_64-w64-mingw32-gcc", "node", "unzip"]),
        machine::runner(WINDOWS),
        machine::zig()
    );
    let project = committed();
    let mut clones = [project.cloned("one"), project.cloned("a folder/elsewhere")];
    let zigs = std::env::var("ZIG_GLOBAL_CACHE_DIR")
        .unwrap_or_else(|_| format!("{}/.cache/zig", std::env::home_dir().unwrap_or_default().display()));
    for (space, umask) in clones.iter_mut().zip(["022", "077"]) {
        space.with_zig();
        // The C libraries that zig builds, and the verdicts of probes, take minutes and are no part of this.
        space.set("ZIG_GLOBAL_CACHE_DIR", &zigs);
        space.set("XTASK_CACHE_DIR", cache());
        let script = format!("umask {umask}; exec \"$@\"");
        let release = space.cmd("sh").args(["-c", &script, "sh", XTASK, "release", "--locked"]);
        Space::finish(&release).ended(0);
    }
    let [one, two] = &clones;
    let (files, others) = (shipped(one), shipped(two));
    assert_eq!(files.keys().collect::<Vec<_>>(), others.keys().collect::<Vec<_>>());
    let differing: Vec<&String> =
        files.iter().filter(|(name, bytes)| others[*name] != **bytes).map(|it| it.0).collect();
    assert!(differing.is_empty(), "{differing:#?}");

    let report = one.report();
    let sums = one.read("target/dist/SHA256SUMS");
    for (target, runner) in TARGETS {
        let job = job(&report, target);
        assert_eq!((&job["status"], &job["mode"]), (&json!("ok"), &json!("native")), "{job:#}");
        let smoke = if runner.is_some() { "pass" } else { "skipped" };
        assert_eq!(
            (&job["smoke"]["status"], &job["smoke"]["runner"]),
            (&json!(smoke), &json!(runner)),
            "{job:#}"
        );
        assert_eq!(job["contents"]["foreign"][0]["package"], json!("native 0.1.0"), "{job:#}");
        let ending = if target == WINDOWS { "zip" } else { "tar.gz" };
        assert!(sums.contains(&format!("  archives/app-1.2.3-{target}.{ending}\n")), "{sums}");
        let bill = String::from_utf8_lossy(&files[&format!("sbom/app-1.2.3-{target}.cdx.json")]);
        assert!(bill.contains("C in native"), "{bill}");
    }
    assert_eq!(sums.lines().count(), TARGETS.len(), "{sums}");
    assert_eq!(report["images"][0]["manifests"].as_array().unwrap().len(), 1);
    let check = Space::finish(&one.cmd("sh").args(["-c", "cd target/dist && sha256sum --check SHA256SUMS"]));
    check.ended(0);
    let archive = one.dist(&format!("archives/app-1.2.3-{WINDOWS}.zip"));
    let listed = Space::finish(&one.cmd("unzip").arg("-Z1").arg(archive)).ended(0).stdout();
    assert!(listed.lines().any(|line| line.ends_with("/app.exe")), "{listed}");
}
