//! Which compiler is taken: the spellings of an explicit choice in their order, `cc` in targets.toml, `--providers`.

use std::path::PathBuf;

use serde_json::Value;
use xtask_test_support::need;

use crate::machine::{self, ARM, HOST};
use crate::run::job;
use crate::space::Space;

fn toolchain(space: &Space, target: &str, args: &[&str]) -> Value {
    let args: Vec<&str> = ["plan", "--json", "--target", target].iter().chain(args).copied().collect();
    job(&space.run(&args).ended(0).json(), target)["toolchain"].clone()
}

/// Nothing works, and the explicit choice is named as the reason; a dynamic program cannot even be linked.
fn nothing_but(space: &Space, target: &str, origin: &str) {
    let run =
        space.run(&["plan", "--json", "--target", target]).ended(3).says(&[origin, "cargo xtask explain"]);
    assert_eq!(run.json()["jobs"].as_array().unwrap().len(), 0, "{run}");
}

/// A compiler of this name that is the machine's own.
fn wrapper(space: &Space, name: &str, real: &str) -> PathBuf {
    let real = machine::find(real).unwrap();
    space.script(name, &format!("exec {} \"$@\"", real.display()))
}

#[test]
fn the_first_spelling_wins_down_to_the_hosts_own_names() {
    need!("candidates::spellings", machine::std_for(&[]), machine::programs(&["cc"]));
    let mut space = Space::with_targets(&[HOST]);
    let keys = ["CC_x86_64-unknown-linux-gnu", "CC_x86_64_unknown_linux_gnu", "TARGET_CC", "HOST_CC", "CC"];
    for key in keys {
        let cc = wrapper(&space, &format!("for-{}", key.to_lowercase()), "cc");
        space.set(key, cc);
    }
    for key in keys {
        let taken = toolchain(&space, HOST, &[]);
        assert_eq!(taken["provider"], "env", "{key}");
        let cc = taken["cc"].as_str().unwrap();
        assert!(cc.ends_with(&format!("for-{}", key.to_lowercase())), "{key}: {cc}");
        space.unset(key);
    }
    assert_eq!(toolchain(&space, HOST, &[])["provider"], "host");
}

#[test]
fn bare_names_mean_the_host_alone() {
    need!("candidates::bare", machine::std_for(&[ARM]), machine::programs(&["cc", "aarch64-linux-gnu-gcc"]));
    let mut space = Space::with_targets(&[ARM]);
    space.set("CC", "/bin/false");
    space.set("HOST_CC", "/bin/false");
    assert_eq!(toolchain(&space, ARM, &[])["provider"], "gnu");
    space.set("TARGET_CC", "/bin/false");
    nothing_but(&space, ARM, "TARGET_CC=/bin/false");
}

#[test]
fn targets_toml_names_a_provider_or_a_program_and_the_environment_goes_first() {
    need!("candidates::config", machine::std_for(&[ARM]), machine::programs(&["aarch64-linux-gnu-gcc"]));
    let mut space = Space::bare();
    space.targets(&[(ARM, "cc = \"gnu\"")]);
    assert_eq!(toolchain(&space, ARM, &[])["provider"], "gnu");
    let explained = space.run(&["explain", ARM, "--json"]).ended(0).json();
    let providers = |list: &Value| -> Vec<Value> {
        list.as_array().unwrap().iter().map(|c| c["provider"].clone()).collect()
    };
    assert_eq!(providers(&explained["candidates"]), ["gnu"]);
    assert!(providers(&explained["nothing"]).is_empty(), "{explained:#}");

    // A path beside the file, and a name on PATH.
    wrapper(&space, "tools/my-gcc", "aarch64-linux-gnu-gcc");
    for cc in ["tools/my-gcc", "aarch64-linux-gnu-gcc"] {
        space.targets(&[(ARM, &format!("cc = \"{cc}\""))]);
        let taken = toolchain(&space, ARM, &[]);
        assert_eq!(taken["provider"], "config");
        assert!(taken["cc"].as_str().unwrap().ends_with(cc), "{taken:#}");
    }
    // A program that does not work is not replaced by another.
    space.targets(&[(ARM, "cc = \"/bin/false\"")]);
    nothing_but(&space, ARM, "/bin/false");
    let good = machine::find("aarch64-linux-gnu-gcc").unwrap();
    space.set("CC_aarch64_unknown_linux_gnu", good);
    assert_eq!(toolchain(&space, ARM, &[])["provider"], "env");
}

#[test]
fn a_provider_in_targets_toml_that_has_nothing_is_not_replaced() {
    need!("candidates::limited", machine::std_for(&[ARM]), machine::programs(&["aarch64-linux-gnu-gcc"]));
    let space = Space::bare();
    space.targets(&[(ARM, "cc = \"mingw\"")]);
    // No C, and no linker for a dynamic program either.
    space.run(&["plan"]).ended(3).says(&[ARM]);
}

#[test]
fn providers_limit_the_search() {
    need!("candidates::providers", machine::std_for(&[ARM]), machine::programs(&["aarch64-linux-gnu-gcc"]));
    let mut space = Space::with_targets(&[ARM]);
    assert_eq!(toolchain(&space, ARM, &["--providers", "zig,gnu"])["provider"], "gnu");
    space.run(&["plan", "--providers", "musl"]).ended(3);
    // A choice in the environment is a provider too.
    space.set("CC_aarch64_unknown_linux_gnu", "/bin/false");
    assert_eq!(toolchain(&space, ARM, &["--providers", "gnu"])["provider"], "gnu");
}

#[test]
fn the_plan_names_one_absolute_path_for_a_compiler_with_arguments() {
    need!("candidates::arguments", machine::std_for(&[ARM]), machine::programs(&["aarch64-linux-gnu-gcc"]));
    let mut space = Space::with_targets(&[ARM]);
    space.set("CC_aarch64_unknown_linux_gnu", "aarch64-linux-gnu-gcc -O1 -DX=1");
    let taken = toolchain(&space, ARM, &[]);
    let cc = PathBuf::from(taken["cc"].as_str().unwrap());
    assert!(cc.is_absolute() && cc.is_file(), "{taken:#}");
    let bare = {
        space.set("CC_aarch64_unknown_linux_gnu", "aarch64-linux-gnu-gcc");
        toolchain(&space, ARM, &[])
    };
    assert_ne!(taken["id"], bare["id"], "arguments are part of a toolchain's identity");
}
