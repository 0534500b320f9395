//! What judging a program against a root file system costs: `cargo bench -p xtask --bench gate --profile dev`, which is
//! the profile that `cargo xtask` runs in.
//!
//! The tree has what a distroless base for C and C++ has of glibc and libstdc++, from this machine; the program is this
//! machine's own, in C++. The limit is 100 ms for the first program, for which all libraries are read.

use std::path::Path;
use std::time::{Duration, Instant};

use xtask_gate::{Limits, Program, Tree, check_in};
use xtask_oci::{Node, RootFs};
use xtask_process::exec::Cmd;
use xtask_process::ui::Ui;
use xtask_report::timing::median;
use xtask_triple::Triple;

const FOLDER: &str = "usr/lib/x86_64-linux-gnu";
const SOURCE: &str = "#include <iostream>\n#include <cmath>\n\
    int main(int c, char **v) { try { std::cout << std::tgamma(c) << v[0]; throw c; } catch (int) { return 0; } }\n";

fn main() {
    let rounds = if std::env::args().any(|arg| arg == "--test") { 1 } else { 30 };
    let ui = Ui::new(false, false, false);
    let dir = tempfile::tempdir().expect("a folder for the benchmark");
    let Some(program) = program(dir.path()) else {
        return ui.data("g++ for x86-64 Linux with glibc is needed for this");
    };
    let mut files = RootFs::new();
    for name in ["libc.so.6", "libm.so.6", "libgcc_s.so.1", "libstdc++.so.6", "ld-linux-x86-64.so.2"] {
        let node = Node::disk(0o755, Path::new("/").join(FOLDER).join(name));
        files.insert(&format!("{FOLDER}/{name}"), node).expect("a plain path");
    }
    files.insert("lib", Node::symlink("usr/lib")).expect("a plain path");
    let loader = format!("/{FOLDER}/ld-linux-x86-64.so.2");
    files.insert("lib64/ld-linux-x86-64.so.2", Node::symlink(loader)).expect("a plain path");

    let triple = Triple::parse("x86_64-unknown-linux-gnu");
    let (mut first, mut more) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let tree = Tree::new("distroless:cc", &files);
        for times in [&mut first, &mut more] {
            let begun = Instant::now();
            let findings = check_in(&program, &triple, &tree, Limits::default());
            times.push(begun.elapsed().as_secs_f64());
            assert_eq!(findings, []);
        }
    }
    for (what, times) in [("first program on a tree", first), ("each further program", more)] {
        ui.data(&format!("{what:<26} {:7.2} ms   limit  100 ms", median(&times) * 1e3));
    }
}

fn program(dir: &Path) -> Option<Program> {
    let (source, output) = (dir.join("program.cc"), dir.join("program"));
    std::fs::write(&source, SOURCE).ok()?;
    let cmd = Cmd::new("g++").arg("-o").arg(&output).arg(&source);
    let built = cmd.capture(Duration::from_secs(60)).is_ok_and(|output| output.ok());
    if !built || !Path::new("/").join(FOLDER).join("ld-linux-x86-64.so.2").exists() {
        return None;
    }
    Program::read(&output, "/program").ok()
}
