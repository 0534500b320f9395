//! Programs that cannot start where they are to ship, each refused in its own words: tests/golden/gate/broken.txt.
//!
//! The libraries are made up, so that the words do not depend on this machine's.

use std::fmt::Write;
use std::path::Path;

use xtask_gate::{Limits, Program, Severity, Tree, as_error, check_in};
use xtask_oci::{Node, RootFs};
use xtask_test_support::golden;
use xtask_test_support::process::{run, starts};
use xtask_test_support::skip::skipped;
use xtask_triple::Triple;

use crate::programs::Bench;
use crate::roots::GNU;

const LOADER: &str = "/lib64/ld-linux-x86-64.so.2";

/// A libc with versions up to `newest`, and functions bound to the last one.
fn libc(bench: &Bench, name: &str, newest: &str, functions: &[&str]) -> std::path::PathBuf {
    let list: String = functions.iter().map(|f| format!("{f}; ")).collect();
    let script = bench.file(
        "versions",
        format!("GLIBC_2.2.5 {{ global: puts; local: *; }};\n{newest} {{ global: {list} }} GLIBC_2.2.5;\n"),
    );
    let source: String =
        functions.iter().chain(&["puts"]).map(|f| format!("int {f}(void) {{ return 0; }}\n")).collect();
    let script = format!("-Wl,--version-script={}", script.display());
    bench.compile(
        &["gcc"],
        &["-shared", "-fPIC", "-nostdlib", "-fno-builtin", "-Wl,-soname,libc.so.6", &script],
        &source,
        name,
    )
}

fn program(bench: &Bench, name: &str, calls: &str, loader: &str, libraries: &[&Path]) -> std::path::PathBuf {
    let source = format!("int {calls}(void); void _start(void) {{ {calls}(); }}\n");
    let loader = format!("-Wl,--dynamic-linker={loader}");
    let input = bench.file(&format!("{name}.c"), source);
    let output = bench.path(name);
    let cmd = xtask_process::exec::Cmd::new("gcc").args([
        "-nostdlib",
        "-fno-builtin",
        "-fPIE",
        "-pie",
        &loader,
        "-Wl,--no-as-needed",
    ]);
    run(&cmd.arg("-o").arg(&output).arg(&input).args(libraries));
    output
}

fn put(tree: &mut RootFs, at: &str, file: &Path) {
    tree.insert(at.trim_start_matches('/'), Node::disk(0o755, file)).unwrap();
}

#[test]
fn each_has_its_words() {
    let test = "each_has_its_words";
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) || !starts("gcc") {
        return skipped(test, "gcc on x86-64 Linux");
    }
    let bench = Bench::new();
    let old = libc(&bench, "old", "GLIBC_2.36", &["early"]);
    let new = libc(&bench, "new", "GLIBC_2.38", &["__isoc23_strtol"]);
    let flags = ["-shared", "-fPIC", "-nostdlib", "-Wl,-soname,libstdc++.so.6"];
    let cxx = bench.compile(&["gcc"], &flags, "int terminate(void) { return 0; }\n", "libstdc++.so.6");
    let flags = ["-shared", "-fPIC", "-nostdlib", "-Wl,-soname,ld-linux-x86-64.so.2"];
    let loader = bench.compile(&["gcc"], &flags, "int _rtld_global;\n", "ld.so");

    let mut base = RootFs::new();
    put(&mut base, LOADER, &loader);
    put(&mut base, "/usr/lib/libc.so.6", &old);
    let control = "Package: libc6\nVersion: 2.36-9+deb12u10\n";
    base.insert("var/lib/dpkg/status.d/libc6", Node::bytes(0o644, control.as_bytes())).unwrap();
    let sums = "00000000000000000000000000000000  usr/lib/libc.so.6\n";
    base.insert("var/lib/dpkg/status.d/libc6.md5sums", Node::bytes(0o644, sums.as_bytes())).unwrap();
    let mut alpine = RootFs::new();
    put(&mut alpine, "/lib/ld-musl-x86_64.so.1", &loader);
    let mut damaged = base.clone();
    let half = std::fs::read(&old).unwrap();
    damaged.remove("usr/lib/libc.so.6");
    damaged.insert("usr/lib/libc.so.6", Node::bytes(0o644, half[..half.len() / 2].to_vec())).unwrap();
    let mut foreign = base.clone();
    let mut arm = std::fs::read(&loader).unwrap();
    arm[18] = 183;
    foreign.remove("lib64/ld-linux-x86-64.so.2");
    foreign.insert("lib64/ld-linux-x86-64.so.2", Node::bytes(0o755, arm)).unwrap();
    let mut folder = base.clone();
    folder.remove("lib64/ld-linux-x86-64.so.2");
    folder.insert("lib64/ld-linux-x86-64.so.2", Node::dir(0o755)).unwrap();
    let mut circle = base.clone();
    circle.remove("usr/lib/libc.so.6");
    circle.insert("usr/lib/libc.so.6", Node::symlink("libc.so.6")).unwrap();
    let mut away = base.clone();
    put(&mut away, "/opt/lib/libstdc++.so.6", &cxx);
    let empty = RootFs::new();
    let mut bare = RootFs::new();
    bare.insert("etc/passwd", Node::bytes(0o644, &b""[..])).unwrap();

    let puts = program(&bench, "app", "puts", LOADER, &[&old]);
    let strtol = program(&bench, "late", "__isoc23_strtol", LOADER, &[&new]);
    let throws = program(&bench, "cxx", "terminate", LOADER, &[&old, &cxx]);
    let musl = program(&bench, "hello", "puts", "/lib/ld-musl-x86_64.so.1", &[&old]);
    let odd = program(&bench, "odd", "puts", "/nix/store/x/lib/ld-linux-x86-64.so.2", &[&old]);
    let cases: [(&str, &Path, &str, &str, &RootFs); 15] = [
        ("a program on what it needs", &puts, GNU, "distroless:base", &base),
        ("a gnu program on scratch", &puts, GNU, "scratch", &empty),
        ("a gnu program on a base without libc", &puts, GNU, "distroless:static", &bare),
        ("a gnu program on a musl base", &puts, GNU, "alpine", &alpine),
        ("a musl program on a glibc base", &musl, "x86_64-unknown-linux-musl", "distroless:base", &base),
        ("a musl program under a gnu target", &musl, GNU, "distroless:base", &base),
        (
            "an amd64 program under an arm64 manifest",
            &puts,
            "aarch64-unknown-linux-gnu",
            "distroless:base",
            &base,
        ),
        ("a base of another platform", &puts, GNU, "distroless:base", &foreign),
        ("a glibc that is too old", &strtol, GNU, "distroless:base", &base),
        ("no libstdc++", &throws, GNU, "distroless:base", &base),
        ("libstdc++ where the loader does not search", &throws, GNU, "distroless:base", &away),
        ("a libc that was cut off", &puts, GNU, "distroless:base", &damaged),
        ("a folder in the interpreter's place", &puts, GNU, "distroless:base", &folder),
        ("a link in a circle", &puts, GNU, "distroless:base", &circle),
        ("an interpreter of another distribution", &odd, GNU, "distroless:base", &base),
    ];
    let mut text = String::new();
    for (what, path, triple, name, files) in cases {
        let tree = Tree::new(name, files);
        let program = Program::read(path, "/app").unwrap();
        let mut findings = check_in(&program, &Triple::parse(triple), &tree, Limits::default());
        findings.retain(|f| f.severity == Severity::Fail);
        writeln!(text, "# {what}").unwrap();
        match as_error("bin/app", &findings) {
            Some(error) => writeln!(text, "{error}\n").unwrap(),
            None => writeln!(text, "passes\n").unwrap(),
        }
    }
    golden!("gate/broken.txt", &text);
}

#[test]
fn layout_and_level_are_judged() {
    let test = "layout_and_level_are_judged";
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) || !starts("gcc") {
        return skipped(test, "gcc on x86-64 Linux");
    }
    let (bench, empty) = (Bench::new(), RootFs::new());
    let tree = Tree::new("scratch", &empty);
    let start = "void _start(void) { }\n";
    let judge = |path: &Path, triple: &str, limits: Limits| {
        let program = Program::read(path, "/app").unwrap();
        check_in(&program, &Triple::parse(triple), &tree, limits)
    };
    let level = |level| Limits { level: Some(level), ..Limits::default() };
    let v3 = bench.compile(&["gcc"], &["-static", "-nostdlib", "-Wl,-z,x86-64-v3"], start, "v3");
    let findings = judge(&v3, GNU, Limits::default());
    assert!(findings[0].severity == Severity::Warn && findings[0].what.contains("x86-64-v3"), "{findings:?}");
    assert_eq!(judge(&v3, GNU, level(xtask_gate::Level::V3)), []);
    let findings = judge(&v3, GNU, level(xtask_gate::Level::V2));
    assert!(findings[0].severity == Severity::Fail && findings[0].what.contains("x86-64-v2"), "{findings:?}");
    assert!(findings[0].fix.contains("cpu = \"x86-64-v3\""), "{findings:?}");
    // The same where it stands in no image.
    let facts = xtask_gate::Facts::read(&v3).unwrap();
    let alone = |level| {
        let limits = Limits { level, ..Limits::default() };
        xtask_gate::check(&facts, &Triple::parse(GNU), xtask_gate::StartSetting::Standalone, limits)
    };
    assert_eq!(alone(Some(xtask_gate::Level::V2)), findings);
    assert_eq!(alone(Some(xtask_gate::Level::V4)), []);
    assert_eq!(alone(None)[0].severity, Severity::Warn);

    // A page of another size: the machine's number is at byte 18, p_align of the first segment at 64 + 48.
    let small =
        bench.compile(&["gcc"], &["-static", "-nostdlib", "-Wl,-z,max-page-size=4096"], start, "small");
    let mut arm = std::fs::read(&small).unwrap();
    arm[18] = 183;
    let arm = bench.file("arm", arm);
    let findings = judge(&arm, "aarch64-unknown-linux-gnu", Limits::default());
    assert!(
        findings[0].severity == Severity::Warn && findings[0].what.contains("pages of 4 KiB"),
        "{findings:?}"
    );
    let mut uneven = std::fs::read(&small).unwrap();
    uneven[64 + 48..64 + 56].copy_from_slice(&24u64.to_le_bytes());
    let findings = judge(&bench.file("uneven", &uneven), GNU, Limits::default());
    assert!(findings[0].what.contains("an alignment of 24 bytes"), "{findings:?}");
    // Its address moved by 16 bytes, its place in the file not.
    let mut apart = std::fs::read(&small).unwrap();
    apart[64 + 16] ^= 16;
    let findings = judge(&bench.file("apart", &apart), GNU, Limits::default());
    assert!(findings.iter().any(|f| f.what.contains("segments are less than a page")), "{findings:?}");
}
