//! `verify --rebuild`: the same program a second time, or where it differs and why.

use crate::machine::{self, HOST, HOST_MUSL};
use crate::run::{Run, job};
use crate::skip::need;
use crate::space::Space;

const VERIFY: [&str; 5] = ["verify", "--mode", "pure", "--rebuild", "--json"];

fn space() -> Space {
    Space::with_targets(&[HOST, HOST_MUSL])
}

fn failed(space: &Space) -> (Run, String) {
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
    assert!(error.contains(&format!("the program holds the path {root}")), "{run}");
}
