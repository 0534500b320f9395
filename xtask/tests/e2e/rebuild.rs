//! `verify --rebuild`: the same program a second time from a copy of its sources, or where it differs and why.

use std::time::Duration;

use xtask_process::exec::Cmd;
use xtask_test_support::need;
use xtask_test_support::process::Finished;

use crate::machine::{self, HOST, HOST_MUSL};
use crate::run::job;
use crate::space::Space;

const VERIFY: [&str; 5] = ["verify", "--mode", "pure", "--rebuild", "--json"];

fn space() -> Space {
    Space::with_targets(&[HOST, HOST_MUSL])
}

fn failed(space: &Space) -> (Finished, String) {
    let run = space.run(&VERIFY).ended(1);
    let report = run.json();
    let error = job(&report, HOST_MUSL)["error"].as_str().unwrap_or_default().to_owned();
    assert!(!space.path("target/xtask/rebuild").exists(), "{run}");
    (run, error)
}

#[test]
fn a_program_that_comes_out_the_same_passes() {
    need!("rebuild::same", machine::std_for(&[HOST, HOST_MUSL]));
    let space = space();
    let run = space.run(&VERIFY).ended(0);
    run.says(&[
        "Reproduced pure for x86_64-unknown-linux-gnu",
        "Reproduced pure for x86_64-unknown-linux-musl",
    ]);
    assert!(!space.path("target/xtask/rebuild").exists());
}

#[test]
fn a_time_in_a_program_is_found_and_named() {
    need!("rebuild::time", machine::std_for(&[HOST, HOST_MUSL]));
    let space = space();
    space.write(
        "app/build.rs",
        "fn main() {
             let out = std::env::var(\"OUT_DIR\").unwrap();
             let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
             let code = format!(\"const BUILT: &str = \\\"built at 12:34:56.{:09} by hand\\\";\", now.subsec_nanos());
             std::fs::write(format!(\"{out}/built.rs\"), code).unwrap();
         }",
    );
    let source = space.read("app/src/main.rs").replace(
        "fn main() {\n",
        "include!(concat!(env!(\"OUT_DIR\"), \"/built.rs\"));\n\nfn main() {\n    println!(\"{BUILT}\");\n",
    );
    space.write("app/src/main.rs", &source);
    let (run, error) = failed(&space);
    for words in ["the two builds differ, first in section .rodata", "built at 12:34:56.", "`__TIME__`"] {
        assert!(error.contains(words), "{words}: {run}");
    }
}

#[test]
fn a_folder_of_this_machine_in_a_program_is_found() {
    need!("rebuild::path", machine::std_for(&[HOST, HOST_MUSL]));
    let space = space();
    let source = space
        .read("app/src/main.rs")
        .replace("fn main() {\n", "fn main() {\n    println!(\"{}\", env!(\"CARGO_MANIFEST_DIR\"));\n");
    space.write("app/src/main.rs", &source);
    let (run, error) = failed(&space);
    let root = space.root().display().to_string();
    assert!(error.contains(&format!("the program contains the path {root}:")), "{run}");
    assert!(error.contains(&format!("it is in: {root}/app")), "{run}");
}

/// A build script that writes `$text` into a file which the program takes in.
fn with_text(space: &Space, text: &str) {
    space.write(
        "app/build.rs",
        &format!(
            "fn main() {{
                 let out = std::env::var(\"OUT_DIR\").unwrap();
                 let text: String = {text};
                 std::fs::write(format!(\"{{out}}/place.txt\"), text).unwrap();
             }}"
        ),
    );
    let print = "println!(\"{}\", include_str!(concat!(env!(\"OUT_DIR\"), \"/place.txt\")));";
    let source =
        space.read("app/src/main.rs").replace("fn main() {\n", &format!("fn main() {{\n    {print}\n"));
    space.write("app/src/main.rs", &source);
}

#[test]
fn a_program_that_depends_on_the_folder_of_its_sources_is_found() {
    need!("rebuild::folder", machine::std_for(&[HOST, HOST_MUSL]));
    let place = space();
    with_text(&place, "std::env::var(\"CARGO_MANIFEST_DIR\").unwrap()");
    let (run, error) = failed(&place);
    let root = place.root().display();
    for words in [
        "the two builds differ".to_owned(),
        format!("the program contains the path {root}:"),
        format!("it is in: {root}/app"),
    ] {
        assert!(error.contains(&words), "{words}: {run}");
    }
    // No path of this machine is in the program, and yet it is another one in every folder.
    let letters = space();
    with_text(&letters, "std::env::var(\"CARGO_MANIFEST_DIR\").unwrap().chars().rev().collect()");
    let (run, error) = failed(&letters);
    assert!(error.contains("the two builds differ, first in section .rodata"), "{run}");
    assert!(!error.contains("contains the path"), "{run}");
    let reversed = |name: &str| letters.path(name).display().to_string().chars().rev().collect::<String>();
    assert!(error.contains(&format!("first build:  {}", reversed("app"))), "{run}");
}

#[test]
fn what_else_the_second_build_finds_otherwise_is_found() {
    need!("rebuild::otherwise", machine::std_for(&[HOST, HOST_MUSL]));
    for text in [
        // The umask of the build, the mode and the time of a source, the number of jobs.
        "{ use std::os::unix::fs::MetadataExt; std::fs::write(format!(\"{out}/x\"), \"\").unwrap();
           format!(\"mode {:o}\", std::fs::metadata(format!(\"{out}/x\")).unwrap().mode()) }",
        "{ use std::os::unix::fs::MetadataExt; format!(\"mode {:o}\", std::fs::metadata(\"Cargo.toml\").unwrap().mode()) }",
        "format!(\"{:?}\", std::fs::metadata(\"Cargo.toml\").unwrap().modified().unwrap())",
        "format!(\"{} jobs\", std::env::var(\"NUM_JOBS\").unwrap())",
    ] {
        let space = space();
        with_text(&space, text);
        let (run, error) = failed(&space);
        assert!(error.contains("the two builds differ"), "{text}: {run}");
    }
}

#[test]
fn configuration_above_the_workspace_holds_for_the_copy() {
    need!("rebuild::configuration", machine::std_for(&[HOST, HOST_MUSL]));
    let space = space();
    let words = "[env]\nGREETING = \"hello\"\n[build]\nrustflags = [\"--cfg\", \"flag_a\"]\n";
    space.write("../.cargo/config.toml", words);
    space.write(".cargo/config.toml", "[env]\nFILE = { value = \"text\", relative = true }\n");
    space.write("text", "a text");
    with_text(
        &space,
        "std::env::var(\"GREETING\").unwrap() + &std::fs::read_to_string(std::env::var(\"FILE\").unwrap()).unwrap()",
    );
    let run = space.run(&VERIFY).ended(0).says(&["Reproduced", "Copied the workspace ("]);
    assert!(space.says(HOST_MUSL, "pure").contains("hello"), "{run}");
    assert!(space.says(HOST_MUSL, "pure").contains("flag_a=true"), "{run}");
}

#[test]
fn c_that_names_its_file_and_generated_code_are_the_same_in_another_folder() {
    need!("rebuild::file", machine::std_for(&[HOST]), machine::programs(&["cc", "ar"]));
    let space = Space::with_targets(&[HOST]);
    space.replace(
        "native/build.rs",
        "\"c/answer.c\", \"-o\"",
        "&format!(\"{}/c/answer.c\", env!(\"CARGO_MANIFEST_DIR\")), \"-o\"",
    );
    space.write(
        "native/src/lib.rs",
        "include!(concat!(env!(\"OUT_DIR\"), \"/generated.rs\"));
         unsafe extern \"C\" {
             fn native_answer() -> i32;
             fn native_file() -> *const std::ffi::c_char;
         }
         pub fn answer() -> i32 {
             println!(\"{:?} {}\", unsafe { std::ffi::CStr::from_ptr(native_file()) }, generated(std::env::args().count()));
             unsafe { native_answer() }
         }",
    );
    space.replace(
        "native/build.rs",
        "fn main() {\n",
        "fn main() {
             let code = \"pub fn generated(n: usize) -> usize { [1, 2, 3, 4][n] }\";
             std::fs::write(std::env::var(\"OUT_DIR\").unwrap() + \"/generated.rs\", code).unwrap();\n",
    );
    space.run(&["verify", "--mode", "native", "--rebuild"]).ended(0).says(&["Reproduced native"]);
    let says = space.says(HOST, "native");
    assert!(says.contains("\"/src/native/c/answer.c\""), "{says}");
    let program = std::fs::read(space.dist(&format!("bin/{HOST}/native/app"))).unwrap();
    let generated = b"/out/generated.rs";
    assert!(program.windows(generated.len()).any(|w| w == generated), "no path of generated code");
}

#[test]
fn a_package_outside_the_workspace_works_and_is_named() {
    need!("rebuild::outside", machine::std_for(&[HOST, HOST_MUSL]));
    let space = space();
    let manifest = "[package]\nname = \"outer\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
    space.write("../outer/Cargo.toml", manifest);
    space.write("../outer/src/lib.rs", "pub fn word(n: usize) -> &'static str { [\"outer\"; 9][n] }\n");
    space.replace(
        "app/Cargo.toml",
        "[dependencies]\n",
        "[dependencies]\nouter = { path = \"../../outer\" }\n",
    );
    let source = space.read("app/src/main.rs").replace(
        "fn main() {\n",
        "fn main() {\n    println!(\"{}\", outer::word(std::env::args().count()));\n",
    );
    space.write("app/src/main.rs", &source);
    let outer = space.root().with_file_name("outer").display().to_string();
    let run =
        space.run(&VERIFY).ended(0).says(&["Reproduced pure for", "in the folder of the first", &outer]);
    run.never_says(&["Copied"]);
    let program = std::fs::read(space.dist(&format!("bin/{HOST_MUSL}/pure/app"))).unwrap();
    let holds = |text: &str| program.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("/outside/outer/src/lib.rs") && !holds(&outer), "a path of this machine");
}

/// Texts that no dependency names: beside the workspace, by both ways in which sources lead there, and by a build script.
#[test]
fn what_a_build_read_outside_of_the_workspace_comes_along() {
    need!("rebuild::inputs", machine::std_for(&[HOST, HOST_MUSL]));
    let space = space();
    space.write("../README.md", "read me");
    space.write("../assets/logo.bin", "a logo");
    space.write("../texts/one.txt", "one text");
    space.write("../unread/huge", "not read by the build");
    with_text(
        &space,
        "{ println!(\"cargo::rerun-if-changed=../../texts\");
           std::fs::read_to_string(\"../../texts/one.txt\").unwrap() }",
    );
    let source = space.read("app/src/main.rs").replace(
        "fn main() {\n",
        "fn main() {
             println!(\"{}\", include_str!(\"../../../README.md\"));
             println!(\"{}\", include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/../../assets/logo.bin\")));\n",
    );
    space.write("app/src/main.rs", &source);
    let run = space.run(&VERIFY).ended(0).says(&["Reproduced", "Copied the workspace ("]);
    run.never_says(&["in the folder of the first"]);
    let said = space.says(HOST_MUSL, "pure");
    assert!(["read me", "a logo", "one text"].iter().all(|text| said.contains(text)), "{said}");
}

/// What nothing names cannot come along: the file is named, and not the programs blamed.
#[test]
fn a_file_that_only_a_build_script_knows_is_named() {
    need!("rebuild::unknown", machine::std_for(&[HOST, HOST_MUSL]));
    let space = space();
    space.write("../secret.txt", "text");
    with_text(
        &space,
        "{ println!(\"cargo::rerun-if-changed=build.rs\"); let file = \"../../secret.txt\";
           std::fs::read_to_string(file).unwrap_or_else(|e| panic!(\"cannot read '{}/{file}': {e}\", env!(\"CARGO_MANIFEST_DIR\"))) }",
    );
    let (run, error) = failed(&space);
    let file = space.root().with_file_name("secret.txt");
    let words =
        format!("the second build failed: it reads {}, which is not among its known inputs", file.display());
    assert!(error.contains(&words) && error.contains("rerun-if-changed="), "{run}");
}

/// A package that the configuration patches in, a member's own dependency, and one that only tests need, from outside.
#[test]
fn packages_by_paths_are_those_of_the_copy() {
    need!("rebuild::patch", machine::std_for(&[HOST, HOST_MUSL]));
    let space = space();
    let lock = space.read("Cargo.lock");
    let version = lock.split_once("name = \"itoa\"\nversion = \"").unwrap().1.split('"').next().unwrap();
    let manifest =
        |name: &str| format!("[package]\nname = \"{name}\"\nversion = \"{version}\"\nedition = \"2024\"\n");
    let library = "pub fn word(n: usize) -> &'static str { [\"patched\"; 9][n] }\n";
    space.write("vendor/itoa/Cargo.toml", &manifest("itoa"));
    space.write("vendor/itoa/src/lib.rs", library);
    space.write("../testkit/Cargo.toml", &manifest("testkit"));
    space.write("../testkit/src/lib.rs", "");
    space.write(".cargo/config.toml", "[patch.crates-io]\nitoa = { path = \"vendor/itoa\" }\n");
    let workspace = space.read("Cargo.toml").replace("resolver", "exclude = [\"vendor\"]\nresolver");
    space.write("Cargo.toml", &workspace);
    space.replace(
        "app/Cargo.toml",
        "[dependencies]\n",
        "[dev-dependencies]\ntestkit = { path = \"../../testkit\" }\n[dependencies]\nitoa = \"1\"\n",
    );
    let source = space.read("app/src/main.rs").replace(
        "fn main() {\n",
        "fn main() {\n    println!(\"{}\", itoa::word(std::env::args().count()));\n",
    );
    space.write("app/src/main.rs", &source);
    let run = space.run(&VERIFY).ended(0).says(&["Reproduced", "Copied the workspace ("]);
    run.never_says(&["in the folder of the first"]);
    assert!(space.says(HOST_MUSL, "pure").contains("patched"));
}

/// Where git refuses, what lies beside the workspace is not known: that is said, and said again where it matters.
#[test]
fn words_of_git_that_refuses_are_handed_on() {
    need!("rebuild::refused", machine::std_for(&[HOST, HOST_MUSL]), machine::programs(&["git"]));
    let space = space();
    let git = |args: &[&str]| {
        let name = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"];
        let cmd = Cmd::new("git").args(name).args(args).cwd(space.root().parent().unwrap());
        assert!(cmd.capture(Duration::from_secs(60)).unwrap().ok(), "{args:?}");
    };
    space.write("../beside.txt", "beside");
    git(&["init", "--quiet"]);
    git(&["add", "beside.txt", "work/Cargo.toml", "work/app"]);
    git(&["commit", "--quiet", "--message", "one"]);
    with_text(&space, "std::fs::read_to_string(\"../../beside.txt\").unwrap()");
    space.run(&VERIFY).ended(0).says(&["Reproduced"]);
    space.write("../.git/config", "[broken");
    let (run, error) = failed(&space);
    let run =
        run.says(&["warning: git cannot tell which repository contains the workspace", "bad config line"]);
    assert!(error.contains("they were not copied, because git refused: fatal: bad config"), "{run}");
}

#[test]
fn a_copy_goes_also_where_the_run_is_interrupted() {
    need!("rebuild::interrupted", machine::std_for(&[HOST, HOST_MUSL]));
    let space = space();
    let copy = space.path("target/xtask/rebuild");
    // The second build sleeps.
    with_text(
        &space,
        "{ if std::env::var(\"TZ\").is_ok_and(|zone| zone == \"Asia/Kathmandu\") {
               std::fs::write(format!(\"{out}/asleep\"), \"\").unwrap();
               std::thread::sleep(std::time::Duration::from_secs(60));
           }
           \"text\".to_owned() }",
    );
    let script = format!(
        "\"$@\" & pid=$!\n\
         for n in $(seq 600); do find {copy} -name asleep 2>/dev/null | grep -q . && break; sleep 0.1; done\n\
         find {copy} -name asleep | grep -q . || echo no second build\n\
         kill -TERM $pid; wait $pid; echo ended with $?",
        copy = copy.display()
    );
    let cmd = space.cmd("sh").arg("-c").arg(script).args(["sh", crate::space::XTASK]).args(VERIFY);
    let run = Space::finish(&cmd).ended(0);
    assert!(run.stdout().contains("ended with 143") && !run.stdout().contains("no second build"), "{run}");
    assert!(!copy.exists(), "{run}");
}
