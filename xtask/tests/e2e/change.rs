//! A change of compiler is seen and rebuilds what it touches; no change rebuilds nothing.

use std::path::{Path, PathBuf};

use serde_json::Value;
use xtask_test_support::need;

use crate::machine::{self, HOST, HOST_MUSL};
use crate::run::job;
use crate::space::Space;

const KEY: &str = "CC_x86_64_unknown_linux_gnu";

/// The machine's compiler under another version, which says in what it compiles which one it is and logs that it did.
fn compiler(space: &Space, number: u32) -> PathBuf {
    let real = machine::find("cc").unwrap();
    let text = format!(
        "case \" $* \" in\n\
         *' --version '*) echo 'cc (made up) {number}.0.0'; echo 'Free Software Foundation';;\n\
         *' -c '*) echo c >> {log}; exec {real} -DCOMPILER={number} \"$@\";;\n\
         *) exec {real} \"$@\";;\nesac",
        real = real.display(),
        log = space.path("../ran.log").display()
    );
    space.script(&format!("../cc-{number}"), &text)
}

/// Logs every rustc that compiles.
fn log_rustc(space: &mut Space) {
    let log = space.path("../ran.log");
    let text =
        format!("case \" $* \" in *' --out-dir '*) echo rustc >> {};; esac\nexec \"$@\"", log.display());
    let wrapper = space.script("../rustc-wrapper", &text);
    space.set("RUSTC_WRAPPER", wrapper);
}

/// What ran since the last look: the numbers of C compilations and of rustc's.
fn ran(space: &Space) -> (usize, usize) {
    let log = space.path("../ran.log");
    let text = std::fs::read_to_string(&log).unwrap_or_default();
    let _ = std::fs::remove_file(&log);
    (text.matches("c\n").count() - text.matches("rustc\n").count(), text.matches("rustc\n").count())
}

/// A workspace whose program says which compiler compiled its C.
fn talkative() -> Space {
    let space = Space::with_targets(&[HOST]);
    space.write(
        "native/c/answer.c",
        "int native_answer(void) { return 42; }\nint native_compiler(void) { return COMPILER; }\n",
    );
    let face = space
        .read("native/src/lib.rs")
        .replace("fn native_answer", "fn native_compiler() -> i32;\n    fn native_answer")
        + "\npub fn compiler() -> i32 {\n    unsafe { native_compiler() }\n}\n";
    space.write("native/src/lib.rs", &face);
    let say =
        "fn main() {\n    #[cfg(feature = \"native\")]\n    println!(\"compiler={}\", native::compiler());\n";
    space.replace("app/src/main.rs", "fn main() {\n", say);
    space
}

#[test]
fn another_compiler_compiles_anew_and_the_first_is_fresh_when_it_comes_back() {
    need!("change::compiler", machine::std_for(&[]), machine::programs(&["cc"]));
    let mut space = talkative();
    log_rustc(&mut space);
    let build = |space: &Space| space.run(&["build", "--json", "--mode", "native"]).ended(0).json();
    let mut ids = Vec::new();
    for (number, fresh) in [(1, false), (2, false), (1, true), (2, true)] {
        let cc = compiler(&space, number);
        space.set(KEY, &cc);
        // The probe compiles too.
        space.run(&["plan"]).ended(0);
        ran(&space);
        let report = build(&space);
        let (c, rustc) = ran(&space);
        let toolchain = &job(&report, HOST)["toolchain"];
        assert_eq!(toolchain["version"], format!("gcc {number}.0.0"));
        ids.push(toolchain["id"].clone());
        assert!(space.says(HOST, "native").contains(&format!("compiler={number}")));
        assert_eq!((c, rustc > 0), (usize::from(!fresh), !fresh), "compiler {number}, run {}", ids.len());
    }
    assert!(ids[0] == ids[2] && ids[1] == ids[3] && ids[0] != ids[1], "{ids:?}");
}

#[test]
fn a_compiler_that_changes_in_place_is_seen() {
    need!("change::in_place", machine::std_for(&[]), machine::programs(&["cc"]));
    let mut space = talkative();
    let first = compiler(&space, 1);
    let here = space.path("../my-cc");
    space.set(KEY, &here);
    for cc in [first, compiler(&space, 2)] {
        // As a package manager does: the same name, another file.
        std::fs::rename(&cc, &here).unwrap();
        space.run(&["build", "--mode", "native"]).ended(0);
        let number = cc.to_string_lossy().chars().last().unwrap();
        assert!(space.says(HOST, "native").contains(&format!("compiler={number}")), "{}", cc.display());
    }
}

#[test]
fn a_change_of_one_targets_compiler_leaves_the_others_fresh() {
    let targets = [HOST, machine::ARM];
    need!("change::others", machine::std_for(&targets), machine::programs(&["cc", "aarch64-linux-gnu-gcc"]));
    let mut space = Space::with_targets(&targets);
    let build = |space: &Space| space.run(&["build", "--mode", "native"]).ended(0);
    build(&space);
    let program = |target: &str| machine_time(&space.built(target));
    let before = targets.map(program);
    let cc = compiler(&space, 3);
    space.set(KEY, &cc);
    build(&space);
    let program = |target: &str| machine_time(&space.built(target));
    let after = targets.map(program);
    assert_ne!(before[0], after[0], "{HOST} was not built anew");
    assert_eq!(before[1], after[1], "{} was built anew", machine::ARM);
}

fn machine_time(path: &Path) -> std::time::SystemTime {
    std::fs::metadata(path).unwrap().modified().unwrap()
}

#[test]
fn a_second_release_builds_nothing_and_gives_the_same_digests() {
    need!("change::nothing", machine::std_for(&[HOST_MUSL]), machine::programs(&["cc"]));
    let mut space = Space::with_targets(&[HOST, HOST_MUSL]);
    space.image("app", &[HOST_MUSL]);
    log_rustc(&mut space);
    let release = |space: &Space| space.run(&["release", "--providers", "host", "--json"]).ended(0).json();
    let first = release(&space);
    assert!(ran(&space).1 > 0);
    let sums = space.read("target/dist/SHA256SUMS");
    let second = release(&space);
    assert_eq!(ran(&space), (0, 0), "a second release compiled something");
    assert_eq!(without_seconds(first), without_seconds(second));
    assert_eq!(sums, space.read("target/dist/SHA256SUMS"));
    let timings: Value = serde_json::from_str(&space.read("target/dist/timings.json")).unwrap();
    let cases: Vec<_> =
        timings["cases"].as_array().unwrap().iter().map(|c| (&c["target"], &c["case"])).collect();
    assert_eq!(cases.len(), 4, "cold and warm for both: {cases:?}");
}

fn without_seconds(mut report: Value) -> Value {
    for job in report["jobs"].as_array_mut().unwrap() {
        job.as_object_mut().unwrap().remove("seconds").unwrap();
    }
    report
}
