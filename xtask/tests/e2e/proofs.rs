//! What counts as a proof of purity: a build folder that never saw a compiler, and no other.

use xtask_test_support::need;

use crate::machine::{self, HOST_MUSL};
use crate::purity::with_script;
use crate::run::job;
use crate::space::Space;

const PURE: [&str; 4] = ["build", "--mode", "pure", "--json"];

/// The only build folder of the pure mode.
fn folder(space: &Space) -> std::path::PathBuf {
    let build = std::fs::read_dir(space.path("target/xtask/build")).unwrap();
    let names = build.map(|entry| entry.unwrap().path());
    let pure: Vec<_> =
        names.filter(|p| p.file_name().unwrap().to_string_lossy().starts_with("pure-")).collect();
    assert_eq!(pure.len(), 1, "{pure:?}");
    pure.into_iter().next().unwrap()
}

#[test]
fn a_folder_that_was_built_in_without_traps_is_not_taken_as_proof() {
    need!("proofs::untrapped", machine::std_for(&[HOST_MUSL]), machine::programs(&["gcc"]));
    // It compiles C where it can, and does without where it cannot.
    let space = with_script(
        "println!(\"cargo::rerun-if-changed=build.rs\");
         let out = format!(\"{}/sly.o\", std::env::var(\"OUT_DIR\").unwrap());
         let _ = Command::new(\"gcc\").args([\"-c\", \"sly.c\", \"-o\", &out]).status();",
    );
    space.run(&PURE).ended(0);
    let dir = folder(&space);
    // As Cargo alone would: everything is fresh afterwards, C is in it, and no trap has seen anything.
    std::fs::remove_dir_all(&dir).unwrap();
    let args = ["build", "--package", "app", "--bin", "app", "--profile", "quick", "--target", HOST_MUSL];
    let args = args.into_iter().chain(["--no-default-features", "--features", "pure", "--target-dir"]);
    Space::finish(&space.cmd("cargo").args(args).arg(&dir)).ended(0);
    let compiled = || crate::interrupted::files(&dir).iter().filter(|file| file.ends_with("sly.o")).count();
    assert_eq!(compiled(), 1);
    let report = space.run(&PURE).ended(0).json();
    let job = job(&report, HOST_MUSL);
    assert_eq!(job["purity"], "proven");
    assert!(job["notes"].to_string().contains("sly 0.7.1 called a C compiler once, was refused"), "{job:#}");
    assert_eq!(compiled(), 0, "the folder was emptied, and everything built behind traps");
}

#[test]
fn a_run_that_was_killed_after_a_hit_forgets_no_call() {
    need!("proofs::killed", machine::std_for(&[HOST_MUSL]), machine::programs(&["gcc"]));
    let space = with_script(
        "println!(\"cargo::rerun-if-changed=build.rs\");
         let _ = Command::new(\"gcc\").args([\"-c\", \"sly.c\", \"-o\", \"/dev/null\"]).status();",
    );
    // The application takes long enough to be killed in: by then the script has run and is fresh.
    space.replace("app/Cargo.toml", "edition = \"2024\"", "edition = \"2024\"\nbuild = \"build.rs\"");
    space.write(
        "app/build.rs",
        "fn main() {
             println!(\"cargo::rerun-if-env-changed=SLOW\");
             if std::env::var_os(\"SLOW\").is_some() { std::thread::sleep(std::time::Duration::from_secs(60)); }
         }",
    );
    let script = format!(
        "SLOW=1 \"$@\" & pid=$!\n\
         for n in $(seq 300); do grep -q sly {root}/target/xtask/build/pure-*/traps.log 2>/dev/null && break; sleep 0.1; done\n\
         sleep 0.5; kill -KILL $pid; wait $pid; exit 0",
        root = space.root().display()
    );
    let cmd = space.cmd("sh").arg("-c").arg(script).args(["sh", crate::space::XTASK]).args(PURE);
    Space::finish(&cmd).ended(0);
    assert!(folder(&space).join("traps.log").exists());
    let report = space.run(&PURE).ended(0).json();
    let calls = job(&report, HOST_MUSL)["refused"].to_string();
    assert!(calls.contains("sly 0.7.1 ran: gcc"), "{calls}");
}

#[test]
fn a_target_that_hits_a_trap_takes_no_other_with_it() {
    need!("proofs::others", machine::std_for(&[HOST_MUSL, machine::ARM_MUSL]), machine::programs(&["gcc"]));
    let space = with_script(
        "if std::env::var(\"CARGO_CFG_TARGET_ARCH\").unwrap() == \"x86_64\" {
             let gcc = Command::new(\"gcc\").args([\"-c\", \"sly.c\", \"-o\", \"/dev/null\"]).status();
             assert!(gcc.unwrap().success());
         }",
    );
    space.targets(&[(HOST_MUSL, ""), (machine::ARM_MUSL, "")]);
    for _ in 0..2 {
        let report = space.run(&PURE).ended(1).json();
        assert_eq!(job(&report, HOST_MUSL)["status"], "failed");
        assert_eq!(job(&report, machine::ARM_MUSL)["status"], "ok");
        assert_eq!(job(&report, machine::ARM_MUSL)["purity"], "proven");
    }
}
