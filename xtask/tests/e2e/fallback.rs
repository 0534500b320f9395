//! Where no C toolchain works, the pure mode is built, and every place says so and why.

use serde_json::{Value, json};
use xtask_test_support::need;
use xtask_test_support::process::Finished;

use crate::machine::{self, ARM_MUSL};
use crate::run::job;
use crate::space::Space;

/// What must be known of a release that fell back, wherever a person or a script looks.
fn shown(space: &Space, run: &Finished) {
    let said = run.stderr();
    assert!(said.contains("mode pure instead of native (no-c-toolchain)"), "{run}");

    let report = space.report();
    let job = job(&report, ARM_MUSL);
    assert_eq!(job["fallback"]["from"], "native");
    assert!(job["fallback"]["reason"].as_str().unwrap().starts_with("no-c-toolchain"), "{job:#}");
    assert_eq!(
        (&job["mode"], &job["requested"], &job["toolchain"]),
        (&json!("pure"), &json!("auto"), &Value::Null)
    );
    assert_eq!(
        (&job["purity"], &job["gate"], &job["status"]),
        (&json!("proven"), &json!("pass"), &json!("ok"))
    );
    assert!(job["artifact"]["kind"].as_str().unwrap().starts_with("static"), "{job:#}");

    let labels = &config_of(space, &report)["config"]["Labels"];
    assert_eq!(labels["xtask.mode"], "pure");
    assert_eq!(labels["xtask.fallback.from"], "native");
    assert_eq!(labels["xtask.fallback.reason"], "no-c-toolchain");
}

/// The configuration of the image's only platform, found as a registry's client finds it.
fn config_of(space: &Space, report: &Value) -> Value {
    let blob = |digest: &Value| -> Value {
        let hex = digest.as_str().unwrap().strip_prefix("sha256:").unwrap();
        serde_json::from_str(&space.read(&format!("target/dist/oci/blobs/sha256/{hex}"))).unwrap()
    };
    let index = blob(&report["images"][0]["index_digest"]);
    assert_eq!(index["manifests"].as_array().unwrap().len(), 1);
    let manifest = blob(&index["manifests"][0]["digest"]);
    blob(&manifest["config"]["digest"])
}

fn space() -> Space {
    let space = Space::with_targets(&[ARM_MUSL]);
    space.image("app", &[ARM_MUSL]);
    space
}

#[test]
fn without_providers_the_pure_mode_is_released_and_everything_says_why() {
    need!("fallback::without_providers", machine::std_for(&[ARM_MUSL]));
    let space = space();
    let plan = space.run(&["plan", "--json", "--providers", "none"]).ended(0).json();
    let planned = job(&plan, ARM_MUSL);
    assert_eq!((&planned["mode"], &planned["linker"]), (&json!("pure"), &json!("rust-lld")));
    assert_eq!(planned["fallback"]["reason"], "no-c-toolchain");
    assert_eq!(planned["fallback"]["from"], "native");
    assert_eq!(planned["buildable"], true);

    let run = space.run(&["release", "--providers", "none"]).ended(0);
    shown(&space, &run);
    if machine::programs(&["qemu-aarch64"]).is_ok() {
        let report = space.report();
        let smoke = &job(&report, ARM_MUSL)["smoke"];
        assert_eq!((&smoke["runner"], &smoke["status"]), (&json!("qemu"), &json!("pass")));
        assert!(space.says(ARM_MUSL, "pure").contains("answer=42 native=false"));
    }
}

/// PATH with what rustc and Cargo need and no C compiler; the host's `cc` links and refuses to compile.
fn machine_without_c(space: &mut Space) {
    let cc = machine::find("cc").unwrap();
    let bin = space.only(&["sh", "ld", "as"]);
    for tool in ["cargo", "rustc"] {
        std::os::unix::fs::symlink(machine::sysroot().join("bin").join(tool), bin.join(tool)).unwrap();
    }
    if let Some(qemu) = machine::find("qemu-aarch64") {
        std::os::unix::fs::symlink(qemu, bin.join("qemu-aarch64")).unwrap();
    }
    let refuse = "echo 'this compiler only links' >&2; exit 1";
    let text = format!(
        "for a in \"$@\"; do case \"$a\" in -c|-S|-E|-x*|*.c|*.cc|*.cpp|*.s|*.S) {refuse};; esac; done\nexec {} \"$@\"",
        cc.display()
    );
    space.script("../bin/cc", &text);
}

#[test]
fn on_a_machine_whose_cc_only_links_the_pure_mode_is_released() {
    need!("fallback::cc_only_links", machine::std_for(&[ARM_MUSL]), machine::programs(&["cc", "ld", "as"]));
    let mut space = space();
    machine_without_c(&mut space);
    let run = space.run(&["release"]).ended(0);
    shown(&space, &run);
    let said = run.stderr();
    for missing in ["musl: missing:", "clang: missing:", "zig: missing:"] {
        assert!(said.contains(missing), "{run}");
    }
}

#[test]
fn a_host_compiler_that_only_links_is_broken_and_still_links_the_pure_program() {
    need!("fallback::host_cc_only_links", machine::std_for(&[]), machine::programs(&["cc", "ld", "as"]));
    let mut space = Space::with_targets(&[machine::HOST]);
    machine_without_c(&mut space);
    let run = space.run(&["build"]).ended(0).says(&["broken at compile: this compiler only links"]);
    let report = space.run(&["build", "--json"]).ended(0).json();
    let job = job(&report, machine::HOST);
    assert_eq!((&job["mode"], &job["purity"]), (&json!("pure"), &json!("proven")), "{run}");
}
