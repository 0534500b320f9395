//! The traps of a pure build: who calls a C compiler for the target is named, and the job fails.

use std::time::Duration;

use serde_json::json;
use xtask_process::exec::Cmd;
use xtask_test_support::need;
use xtask_test_support::process::Finished;

use crate::machine::{self, ARM_MUSL, HOST_MUSL};
use crate::run::job;
use crate::space::Space;

/// A workspace whose pure mode has a dependency `sly` with this build script.
pub(crate) fn with_script(body: &str) -> Space {
    let space = Space::with_targets(&[HOST_MUSL]);
    add_sly(&space, body);
    space
}

pub(crate) fn add_sly(space: &Space, body: &str) {
    space.write("sly/Cargo.toml", "[package]\nname = \"sly\"\nversion = \"0.7.1\"\nedition = \"2024\"\n");
    space.write("sly/src/lib.rs", "");
    space.write("sly/sly.c", "int sly(void) { return 1; }\n");
    space.write("sly/build.rs", &format!("use std::process::Command;\nfn main() {{\n{body}\n}}\n"));
    space.replace("app/Cargo.toml", "[dependencies]\n", "[dependencies]\nsly = { path = \"../sly\" }\n");
}

/// The traps saw a call of this program and refused it, and the build got on without: the program is pure, and the call is
/// noted.
pub(crate) fn survived(run: &Finished, program: &str) {
    let report: serde_json::Value = run.json();
    let job = job(&report, HOST_MUSL);
    assert_eq!((&job["status"], &job["purity"]), (&json!("ok"), &json!("proven")), "{run}");
    let noted = job["notes"].to_string();
    assert!(noted.contains("sly 0.7.1 called a C compiler"), "{run}");
    assert!(noted.contains("was refused, and built without"), "{run}");
    assert!(run.stderr().contains("Note pure for x86_64-unknown-linux-musl: sly 0.7.1"), "{run}");
    let calls = job["refused"].to_string();
    assert!(calls.contains(&format!("sly 0.7.1 ran: {program}")), "{run}");
    assert!(calls.contains("sly.c"), "the command line is named\n{run}");
}

/// The build died of what the traps saw of this program, and no program ships.
pub(crate) fn trapped(space: &Space, run: &Finished, program: &str) {
    let report: serde_json::Value = run.json();
    let job = job(&report, HOST_MUSL);
    assert_eq!((&job["status"], &job["purity"]), (&json!("failed"), &json!("n/a")), "{run}");
    let error = job["error"].as_str().unwrap();
    let first = format!("mode pure must contain no C, but sly 0.7.1 called a C compiler for {HOST_MUSL}");
    assert_eq!(error.lines().next(), Some(first.as_str()), "{run}");
    assert!(error.lines().last().unwrap().contains("[[mode]] in targets.toml: needs = [\"c\""), "{run}");
    assert!(run.stderr().contains(&format!("note: pure for {HOST_MUSL}: {first}")), "{run}");
    assert!(error.contains(&format!("sly 0.7.1 ran: {program}")), "{run}");
    assert!(error.contains("sly.c"), "the command line is named\n{run}");
    assert!(!space.dist(&format!("bin/{HOST_MUSL}/pure/app")).exists(), "{run}");
}

pub(crate) const PURE: [&str; 5] = ["build", "--mode", "pure", "--json", "--verbose"];

#[test]
fn a_crate_that_uses_the_crate_cc_is_named() {
    need!("purity::cc_crate", machine::std_for(&[HOST_MUSL]));
    let space = with_script("cc::Build::new().file(\"sly.c\").compile(\"sly\");");
    let manifest = space.read("sly/Cargo.toml") + "\n[build-dependencies]\ncc = \"1\"\n";
    space.write("sly/Cargo.toml", &manifest);
    space.replace("sly/build.rs", "use std::process::Command;", "");
    let run = space.run(&PURE).ended(1);
    trapped(&space, &run, "cc ");
}

#[test]
fn a_crate_that_calls_a_compiler_by_its_name_and_swallows_the_error_is_noted() {
    need!("purity::by_name", machine::std_for(&[HOST_MUSL]), machine::programs(&["gcc"]));
    let space = with_script(
        "let _ = Command::new(\"gcc\").args([\"-c\", \"sly.c\", \"-o\", \"/dev/null\"]).status();",
    );
    survived(&space.run(&PURE).ended(0), "gcc ");
    // Also where the script was found fresh.
    survived(&space.run(&PURE).ended(0), "gcc ");
    // Once the call is gone, nothing is to be noted.
    space.write("sly/build.rs", "fn main() {}\n");
    let report = space.run(&PURE).ended(0).json();
    let job = job(&report, HOST_MUSL);
    assert_eq!((&job["purity"], &job["notes"]), (&json!("proven"), &json!(null)), "{job:#}");
}

#[test]
fn a_question_to_a_compiler_is_told_from_a_call() {
    need!("purity::asked", machine::std_for(&[HOST_MUSL]), machine::programs(&["gcc"]));
    let space = with_script(
        "let test = std::env::var(\"OUT_DIR\").unwrap() + \"/flag_check.c\";
         std::fs::write(&test, \"int main(void) { return 0; }\").unwrap();
         let knows = |args: &[&str]| Command::new(\"gcc\").args(args).status().unwrap().success();
         assert!(!knows(&[\"--version\"]) && !knows(&[\"-E\", \"sly.c\"]));
         assert!(!knows(&[\"-mavx2\", \"-c\", &test, \"-o\", \"/dev/null\"]));",
    );
    let report = space.run(&PURE).ended(0).json();
    let job = job(&report, HOST_MUSL);
    assert_eq!(job["purity"], "proven", "{job:#}");
    assert_eq!(job["notes"], json!(["sly 0.7.1 asked for a C compiler 3 times and built without"]));
    assert!(job["refused"].to_string().contains("sly 0.7.1 asked: gcc --version"), "{job:#}");
    // One that needs the answer fails, and what it asked is named.
    let text = space.read("sly/build.rs").replace("!knows(&[\"--version\"])", "knows(&[\"--version\"])");
    space.write("sly/build.rs", &text);
    let run = space.run(&PURE).ended(1);
    let words = ["sly 0.7.1 queries a C compiler and does not build without it", "asked: gcc --version"];
    words.iter().for_each(|words| assert!(run.stdout().contains(words), "{words}\n{run}"));
}

#[test]
fn a_crate_that_reads_a_variable_is_named() {
    need!("purity::by_variable", machine::std_for(&[HOST_MUSL]));
    let spellings =
        ["CC", "TARGET_CC", "CC_x86_64_unknown_linux_musl", "CC_x86_64-unknown-linux-musl", "CXX"];
    let list = format!("{spellings:?}");
    let space = with_script(&format!(
        "for key in {list} {{
            let cc = std::env::var(key).unwrap_or_else(|_| panic!(\"{{key}} is not set\"));
            let _ = Command::new(cc).args([\"-c\", \"sly.c\", &format!(\"-D{{}}\", key.replace('-', \".\"))]).status();
        }}"
    ));
    let run = space.run(&PURE).ended(0);
    survived(&run, "cc ");
    for key in spellings {
        assert!(
            run.stdout().contains(&format!("-D{}", key.replace('-', "."))),
            "{key} reached no trap\n{run}"
        );
    }
}

#[test]
fn a_crate_that_runs_cmake_is_named() {
    need!("purity::cmake", machine::std_for(&[HOST_MUSL]));
    // By name and by variable; this machine need not have it.
    let space = with_script(
        "let by_name = Command::new(\"cmake\").args([\"sly.c\"]).status();
         assert!(!by_name.expect(\"a trap stands for cmake\").success());
         let by_variable = Command::new(std::env::var(\"CMAKE\").unwrap()).arg(\"--build\").status();
         assert!(!by_variable.unwrap().success());",
    );
    let run = space.run(&PURE).ended(0);
    survived(&run, "cmake ");
    assert!(run.stdout().contains("cmake --build"), "{run}");
}

#[test]
fn a_crate_that_takes_away_the_traps_variables_compiles_no_c() {
    need!("purity::clean_environment", machine::std_for(&[HOST_MUSL]), machine::programs(&["gcc"]));
    // Neither with an empty environment nor without OUT_DIR does a compiler run unseen.
    let space = with_script(
        "let path = std::env::var(\"PATH\").unwrap();
         for n in 0..2 {
             let mut gcc = Command::new(\"gcc\");
             if n == 0 { gcc.env_clear().env(\"PATH\", &path); } else { gcc.env_remove(\"OUT_DIR\"); }
             let out = format!(\"{}/sly{n}.o\", std::env::var(\"OUT_DIR\").unwrap());
             let _ = gcc.args([\"-c\", \"sly.c\", \"-o\", &out]).status();
             assert!(!std::path::Path::new(&out).exists(), \"C was compiled behind the traps: {n}\");
         }",
    );
    let run = space.run(&PURE).ended(0);
    survived(&run, "gcc ");
}

#[test]
fn c_for_the_host_is_reported_and_does_not_fail() {
    need!("purity::host_c", machine::std_for(&[ARM_MUSL, HOST_MUSL]), machine::programs(&["cc", "ar"]));
    let space = Space::with_targets(&[HOST_MUSL, ARM_MUSL]);
    // A build dependency whose own build script compiles C, for the machine that builds.
    space.write(
        "helper/Cargo.toml",
        "[package]\nname = \"helper\"\nversion = \"0.3.0\"\nedition = \"2024\"\n",
    );
    space.write("helper/helper.c", "int helper_answer(void) { return 7; }\n");
    space.write(
        "helper/src/lib.rs",
        "unsafe extern \"C\" { fn helper_answer() -> i32; }\npub fn answer() -> i32 { unsafe { helper_answer() } }\n",
    );
    space.write(
        "helper/build.rs",
        "use std::process::Command;
         fn main() {
             let out = std::env::var(\"OUT_DIR\").unwrap();
             let object = format!(\"{out}/helper.o\");
             let cc = std::env::var(\"HOST_CC\").unwrap_or_else(|_| \"cc\".into());
             assert!(Command::new(cc).args([\"-c\", \"-fPIC\", \"helper.c\", \"-o\", &object]).status().unwrap().success());
             let ar = [\"crs\", &format!(\"{out}/libhelper.a\"), &object];
             assert!(Command::new(\"ar\").args(ar).status().unwrap().success());
             println!(\"cargo::rustc-link-search=native={out}\");
             println!(\"cargo::rustc-link-lib=static=helper\");
         }",
    );
    space.write("app/build.rs", "fn main() { assert_eq!(helper::answer(), 7); }\n");
    let manifest =
        space.read("app/Cargo.toml") + "\n[build-dependencies]\nhelper = { path = \"../helper\" }\n";
    space.write("app/Cargo.toml", &manifest);
    for _ in 0..2 {
        let report = space.run(&PURE).ended(0).json();
        for target in [HOST_MUSL, ARM_MUSL] {
            let job = job(&report, target);
            assert_eq!((&job["status"], &job["purity"]), (&json!("ok"), &json!("proven")), "{job:#}");
            let warnings = job["warnings"].to_string();
            assert!(warnings.contains("helper 0.3.0 ran: cc"), "also of a warm folder: {job:#}");
        }
    }
}

#[test]
fn a_build_folder_of_the_users_own_hides_nothing() {
    need!("purity::build_dir", machine::std_for(&[HOST_MUSL]), machine::programs(&["gcc"]));
    let space = with_script(
        "let _ = Command::new(\"gcc\").args([\"-c\", \"sly.c\", \"-o\", \"/dev/null\"]).status();",
    );
    let elsewhere = space.path("elsewhere");
    space.write(".cargo/config.toml", &format!("[build]\nbuild-dir = {elsewhere:?}\n"));
    let run = space.run(&PURE).ended(0);
    survived(&run, "gcc ");
    assert!(!elsewhere.exists(), "{run}");
}

/// What compiles C where no trap knows of it: gcc's own parts, which have no names of compilers. `object(to)` makes one.
fn by_parts() -> String {
    let gcc = Cmd::new(machine::find("gcc").unwrap()).arg("-print-prog-name=cc1");
    let cc1 = gcc.capture(Duration::from_secs(20)).unwrap().text();
    format!(
        "let run = |program: &str, args: &[&str]| {{
             assert!(Command::new(program).args(args).status().unwrap().success());
         }};
         let out = std::env::var(\"OUT_DIR\").unwrap();
         let text = |to: &str| run({cc1:?}, &[\"-quiet\", \"-fPIC\", \"sly.c\", \"-o\", to]);
         let object = |to: &str| {{
             let between = format!(\"{{out}}/../sly.s\");
             text(&between);
             run(\"as\", &[&between, \"-o\", to]);
         }};"
    )
}

#[test]
fn a_compiler_that_no_trap_knows_is_seen_by_what_it_left() {
    need!("purity::by_path", machine::std_for(&[HOST_MUSL]), machine::programs(&["gcc", "as"]));
    let space = with_script(&format!(
        "{parts}
         std::fs::create_dir_all(format!(\"{{out}}/sub\")).unwrap();
         object(&format!(\"{{out}}/sub/sly.o\"));
         println!(\"cargo::rustc-link-arg={{out}}/sub/sly.o\");",
        parts = by_parts()
    ));
    for _ in 0..2 {
        let run = space.run(&PURE).ended(1);
        let report = run.json();
        let job = job(&report, HOST_MUSL);
        assert_eq!((&job["status"], &job["purity"]), (&json!("failed"), &json!("n/a")), "{run}");
        let error = job["error"].as_str().unwrap();
        assert!(error.contains("sly 0.7.1 left the ELF object sub/sly.o in its OUT_DIR"), "{run}");
    }
    // A static library that nothing of is linked is not in the program.
    space.write("sly/build.rs", "fn main() { println!(\"cargo::rustc-link-lib=static:-bundle=c\"); }\n");
    let report = space.run(&PURE).ended(0).json();
    assert_eq!(job(&report, HOST_MUSL)["purity"], "proven");
    space.write("sly/build.rs", "fn main() {}\n");
    let report = space.run(&PURE).ended(0).json();
    assert_eq!(job(&report, HOST_MUSL)["purity"], "proven");
}

#[test]
fn an_object_of_rustc_is_no_c() {
    need!("purity::rustc_object", machine::std_for(&[HOST_MUSL]));
    let space = with_script(
        "let out = std::env::var(\"OUT_DIR\").unwrap();
         let source = format!(\"{out}/probe.rs\");
         std::fs::write(&source, \"pub fn probe() {}\").unwrap();
         let rustc = std::env::var(\"RUSTC\").unwrap();
         let target = std::env::var(\"TARGET\").unwrap();
         let args = [\"--crate-type=lib\", \"--emit=obj,metadata,link\", \"--target\", &target, \"--out-dir\", &out, &source];
         assert!(Command::new(rustc).args(args).status().unwrap().success());
         assert!(std::path::Path::new(&format!(\"{out}/probe.o\")).exists());",
    );
    let report = space.run(&PURE).ended(0).json();
    assert_eq!(job(&report, HOST_MUSL)["purity"], "proven");
}

/// As data, in a file of any name, it is in the program all the same.
#[test]
fn c_that_is_taken_in_as_data_is_seen_by_what_it_is() {
    need!("purity::data", machine::std_for(&[HOST_MUSL]), machine::programs(&["gcc", "as", "ld"]));
    let shared = "object(&format!(\"{out}/../sly.o\"));
                  run(\"ld\", &[\"-shared\", &format!(\"{out}/../sly.o\"), \"-o\", &x]);";
    for (make, kind) in
        [(shared, "ELF program or library"), ("let _ = &object; text(&x);", "assembly of a C compiler")]
    {
        let space = with_script(&format!("{}\nlet x = format!(\"{{out}}/x.bin\");\n{make}", by_parts()));
        space.write(
            "sly/src/lib.rs",
            "pub const X: &[u8] = include_bytes!(concat!(env!(\"OUT_DIR\"), \"/x.bin\"));",
        );
        let run = space.run(&PURE).ended(1);
        let report = run.json();
        let job = job(&report, HOST_MUSL);
        assert_eq!((&job["status"], &job["purity"]), (&json!("failed"), &json!("n/a")), "{run}");
        let error = job["error"].as_str().unwrap();
        assert!(error.contains(&format!("sly 0.7.1 left the {kind} x.bin in its OUT_DIR")), "{run}");
    }
}

#[test]
fn machine_code_that_a_package_ships_is_told_and_let_through() {
    need!("purity::shipped", machine::std_for(&[HOST_MUSL]));
    let space = with_script(
        "let out = std::env::var(\"OUT_DIR\").unwrap() + \"/x.bin\";
         std::fs::copy(\"data/blob\", out).unwrap();",
    );
    space.write("sly/data/blob", "\0asm\x01\0\0\0");
    let run = space.run(&PURE).ended(0);
    let report = run.json();
    let job = job(&report, HOST_MUSL);
    assert_eq!(job["purity"], "proven", "{run}");
    let words = "sly 0.7.1 ships the WebAssembly module data/blob";
    assert!(job["warnings"].to_string().contains(words), "{run}");
    run.says(&[words]);
}
