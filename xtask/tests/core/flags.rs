//! The user's own flags, and what is not inherited from the cargo that started this program.

use std::path::{Path, PathBuf};

use xtask::cargo::inherited::clean;
use xtask::cargo::userflags::{UserSettings, forced_tools, user_settings};
use xtask_process::exec::Cmd;

use crate::support::{GNU, Machine, triple};

fn flags(set: &[(&str, &str)], files: &[(&str, &str)]) -> String {
    settings(set, files).flags.join(" ")
}

/// A workspace below a folder, with Cargo's home beside it. `set` are variables, `files` config files.
fn settings(set: &[(&str, &str)], files: &[(&str, &str)]) -> UserSettings {
    let mut machine = Machine::new();
    let home = machine.path().join("home").display().to_string();
    machine = set.iter().fold(machine.set("CARGO_HOME", home), |m, (key, value)| m.set(key, *value));
    for (name, text) in files {
        machine.file(name, text);
    }
    user_settings(&triple(GNU), &machine.host(), &machine.path().join("above/ws"))
}

const NEAR: &str = "above/ws/.cargo/config.toml";
const ABOVE: &str = "above/.cargo/config.toml";
const HOME: &str = "home/config.toml";

#[test]
fn of_the_variables_the_strongest_alone() {
    let all = [
        ("CARGO_ENCODED_RUSTFLAGS", "--cfg\u{1f}a b\u{1f}-O"),
        ("RUSTFLAGS", " -Crustflags  -Ctwo "),
        ("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS", "-Ctarget"),
        ("CARGO_BUILD_RUSTFLAGS", "-Cbuild"),
    ];
    for (first, expected) in
        ["--cfg a b -O", "-Crustflags -Ctwo", "-Ctarget", "-Cbuild"].into_iter().enumerate()
    {
        assert_eq!(flags(&all[first..], &[]), expected);
    }
    assert_eq!(flags(&[("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS", "-Cother")], &[]), "");
    assert_eq!(flags(&[], &[]), "");
}

#[test]
fn lists_of_all_files_are_joined_the_nearest_last() {
    let files = [
        (HOME, "[build]\nrustflags = [\"-Chome\"]"),
        (ABOVE, "[build]\nrustflags = \"-Cabove -Ctwo\""),
        (NEAR, "build.rustflags = [\"-Cnear x\"]"),
    ];
    assert_eq!(flags(&[], &files), "-Chome -Cabove -Ctwo -Cnear x");
    // As Cargo does it (tried with 1.95): the variable is one more, the strongest, list.
    assert_eq!(flags(&[("CARGO_BUILD_RUSTFLAGS", "-Cenv")], &files[2..]), "-Cnear x -Cenv");
    assert_eq!(flags(&[("RUSTFLAGS", "-Call")], &files), "-Call");
}

#[test]
fn flags_of_a_target_in_a_file_are_left_to_cargo() {
    // Cargo adds them to ours by itself, and leaves those of [build] out.
    let build = "[build]\nrustflags = [\"-Cbuild\"]\n";
    for table in ["x86_64-unknown-linux-gnu", "'cfg(unix)'"] {
        let text = format!("{build}[target.{table}]\nrustflags = [\"-Ct\"]");
        assert_eq!(flags(&[], &[(NEAR, &text)]), "", "{table}");
        assert_eq!(flags(&[], &[(HOME, &text), (NEAR, build)]), "", "{table} elsewhere");
    }
    for table in
        ["aarch64-unknown-linux-gnu]\nrustflags = [\"-Ct\"]", "x86_64-unknown-linux-gnu]\nlinker = \"l\""]
    {
        assert_eq!(flags(&[], &[(NEAR, &format!("{build}[target.{table}"))]), "-Cbuild");
    }
}

#[test]
fn the_old_file_name_wins_as_in_cargo() {
    let old = ("above/ws/.cargo/config", "build.rustflags = [\"-Cold\"]");
    assert_eq!(flags(&[], &[old, (NEAR, "build.rustflags = [\"-Cnew\"]")]), "-Cold");
}

#[test]
fn a_broken_file_is_cargos_to_complain_about() {
    for text in ["[build", "build = 3", "build.rustflags = 3", "[target]\nx86_64-unknown-linux-gnu = 1"] {
        assert_eq!(flags(&[], &[(NEAR, text)]), "", "{text}");
    }
}

#[test]
fn a_string_for_the_target_is_taken_over_since_ours_replaces_it() {
    let text = "[target.x86_64-unknown-linux-gnu]\nrustflags = \"-Ctext -Ctwo\"\n";
    let found = settings(&[], &[(NEAR, text)]);
    assert!(found.as_text);
    assert_eq!(found.flags, ["-Ctext", "-Ctwo"]);
    // The nearest file decides which of the two it is.
    let list = "[target.x86_64-unknown-linux-gnu]\nrustflags = [\"-Clist\"]\n";
    assert!(!settings(&[], &[(ABOVE, text), (NEAR, list)]).as_text);
}

#[test]
fn a_runner_of_the_users_own_is_seen() {
    let file = "[target.x86_64-unknown-linux-gnu]\nrunner = \"sudo\"\n";
    assert!(settings(&[], &[(HOME, file)]).runner);
    assert!(settings(&[("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER", "sudo")], &[]).runner);
    assert!(!settings(&[("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", "sudo")], &[]).runner);
}

/// What `clean` does to these variables: removed, or set to something.
fn cleaned(vars: &[(&str, &str)], target_dir: &str) -> Vec<String> {
    let machine = vars.iter().fold(Machine::new(), |m, (key, value)| m.set(key, *value));
    let cmd = clean(Cmd::new("cargo"), &machine.host(), Path::new(target_dir));
    let said = |(key, value): (&std::ffi::OsString, &Option<std::ffi::OsString>)| {
        let value = value.as_ref().map_or("removed".into(), |v| v.to_string_lossy().into_owned());
        format!("{} {value}", key.to_string_lossy())
    };
    cmd.env.iter().map(said).collect()
}

#[test]
fn what_cargo_run_sets_goes_and_what_the_user_set_stays() {
    let gone = [
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_PATH",
        "CARGO_PKG_VERSION_MAJOR",
        "CARGO_BIN_EXE_cargo-xtask",
        "CARGO_PRIMARY_PACKAGE",
        "OUT_DIR",
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTC",
    ];
    for key in gone {
        assert_eq!(cleaned(&[(key, "x")], "/t"), [format!("{key} removed")]);
    }
    let stays =
        ["CARGO_HOME", "CARGO", "CARGO_NET_OFFLINE", "RUSTUP_TOOLCHAIN", "RUSTC_WRAPPER", "CC", "OUT_DIRS"];
    for key in stays {
        assert!(cleaned(&[(key, "x")], "/t").is_empty(), "{key}");
    }
}

#[test]
fn library_paths_lose_what_cargo_put_in_front() {
    let machine = Machine::new();
    let sysroot: PathBuf = machine.path().join("toolchain/lib");
    machine.file("toolchain/lib/rustlib/components", "");
    let sysroot = sysroot.display();
    let cargo = format!("/t/debug/deps:/t/debug:{sysroot}/rustlib/x86_64-unknown-linux-gnu/lib:{sysroot}");
    assert_eq!(cleaned(&[("LD_LIBRARY_PATH", &cargo)], "/t"), ["LD_LIBRARY_PATH removed"]);
    let both = format!("{cargo}:/opt/mine/lib::/t2/lib");
    assert_eq!(cleaned(&[("LD_LIBRARY_PATH", &both)], "/t"), ["LD_LIBRARY_PATH /opt/mine/lib:/t2/lib"]);
    assert_eq!(cleaned(&[("LD_LIBRARY_PATH", "/opt/mine/lib")], "/t"), ["LD_LIBRARY_PATH /opt/mine/lib"]);
}

#[test]
fn forced_c_tools_are_seen() {
    let machine = Machine::new();
    machine.file(
        NEAR,
        "[env]\nCC = { value = \"gcc\", force = true }\nCC_x86_64-unknown-linux-gnu = { value = \"a\", force = true }\n\
         HOST_CXX = { value = \"g++\", force = true }\nAR = \"ar\"\nCCACHE_DIR = { value = \"x\", force = true }\n",
    );
    let found = forced_tools(&machine.host(), &machine.path().join("above/ws"));
    let names: Vec<&str> = found.iter().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(names, ["CC", "CC_x86_64-unknown-linux-gnu", "HOST_CXX"]);
}
