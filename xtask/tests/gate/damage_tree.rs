//! Trees whose libraries were cut off, altered or made up: findings, but never a panic, and never slow.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use xtask_base as base;
use xtask_gate::{Level, Limits, Object, Program, Severity, Tree, check_in};
use xtask_oci::{Node, RootFs};
use xtask_triple::Triple;

use crate::programs::{Bench, THREADS};
use crate::roots::{GNU, LIB, Root, ready};

/// A library with all tables: versions that it defines and requires, symbols of each kind, notes.
fn library(bench: &Bench) -> Vec<u8> {
    let script = bench.file("versions", "V1 { global: one; data; local: *; };\nV2 { global: two; } V1;\n");
    let source = "#include <stdio.h>\n__thread int local; int data = 7; int absent(void) __attribute__((weak));\n\
        int one(void) { return puts(\"\") + local; } int two(void) { return data + (absent ? absent() : 0); }\n";
    let script = format!("-Wl,--version-script={}", script.display());
    let flags = [
        "-shared",
        "-fPIC",
        "-Wl,-soname,libv.so",
        "-Wl,--hash-style=both",
        "-Wl,-rpath,/a:$ORIGIN/b",
        &script,
    ];
    std::fs::read(bench.compile(&["gcc"], &flags, source, "libv.so")).unwrap()
}

/// Judges a program that needs `libv.so`, which has these bytes, and looks at all there is to look at.
fn judge(program: &Program, base: &RootFs, library: &[u8]) -> bool {
    let mut files = base.clone();
    files.insert("opt/libv.so", Node::bytes(0o755, library.to_vec())).unwrap();
    let tree = Tree::new("test", &files);
    let findings = check_in(program, &Triple::parse(GNU), &tree, Limits::default());
    let fails = findings.iter().any(|f| f.severity == Severity::Fail);
    let _ = base::closure(&tree, program, Level::V1, &[]);
    fails
}

fn setting(root: &Root) -> (Program, RootFs, Vec<u8>) {
    let bytes = library(&root.bench);
    root.write("opt/libv.so", &bytes);
    let at = root.path("opt/libv.so");
    let main = "int one(void); int two(void); int main(void) { return one() + two(); }";
    root.program("gcc", "app", main, &["-Wl,-rpath,/opt", at.to_str().unwrap()]);
    root.remove("opt/libv.so");
    (Program::read(&root.path("app"), "/app").unwrap(), root.tree(), bytes)
}

#[test]
fn a_library_cut_off_anywhere_is_a_failure() {
    if !ready("a_library_cut_off_anywhere_is_a_failure") {
        return;
    }
    let root = Root::glibc("test", &[]);
    let (program, base, bytes) = setting(&root);
    assert!(!judge(&program, &base, &bytes));
    for len in (0..bytes.len()).step_by(13) {
        assert!(judge(&program, &base, &bytes[..len]), "cut to {len} of {}", bytes.len());
        assert!(Object::parse("cut", &bytes[..len]).is_err());
    }
}

#[test]
fn single_and_many_bytes_of_a_library_may_be_anything() {
    if !ready("single_and_many_bytes_of_a_library_may_be_anything") {
        return;
    }
    let root = Root::glibc("test", &[]);
    let (program, base, mut bytes) = setting(&root);
    let begun = Instant::now();
    for at in 0..bytes.len() {
        let was = bytes[at];
        for now in [!was, was ^ 1, was ^ 0x80, 0] {
            bytes[at] = now;
            if let Ok(object) = Object::parse("altered", &bytes) {
                assert!(object.imports().count() < bytes.len());
            }
        }
        bytes[at] = was;
    }
    let near = (0..0x1000usize, any::<u8>());
    let config = ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    runner
        .run(&proptest::collection::vec(near, 1..12), |changes| {
            let mut altered = bytes.clone();
            for (at, value) in changes {
                if let Some(byte) = altered.get_mut(at) {
                    *byte = value;
                }
            }
            let _ = judge(&program, &base, &altered);
            Ok(())
        })
        .unwrap();
    assert!(begun.elapsed() < Duration::from_secs(240), "{:?}", begun.elapsed());
}

#[test]
fn names_that_overlap_are_bounded() {
    if !ready("names_that_overlap_are_bounded") {
        return;
    }
    // A string table of a megabyte that ten thousand symbols share, each with a name as long as the table: 10 GB.
    let bench = Bench::new();
    let long = "x".repeat(1 << 20);
    let mut source = format!("int {long}(void) {{ return 0; }}\n");
    for i in 0..10_000 {
        source.push_str(&format!("int f{i}(void) {{ return {i}; }}\n"));
    }
    let flags = ["-shared", "-fPIC", "-nostdlib", "-O0", "-Wl,--hash-style=sysv"];
    let mut bytes = std::fs::read(bench.compile(&["gcc"], &flags, &source, "long.so")).unwrap();
    let word = |bytes: &[u8], at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
    let (sections, count) =
        (word(&bytes, 0x28), usize::from(u16::from_le_bytes(bytes[0x3c..0x3e].try_into().unwrap())));
    let section = |bytes: &[u8], kind: u8| {
        let at = (0..count).map(|i| sections + 64 * i).find(|at| bytes[at + 4] == kind).unwrap();
        (word(bytes, at + 24), word(bytes, at + 32))
    };
    // 11 is the dynamic symbol table, 24 bytes each, with the name first; the table of names is the first of kind 3.
    let ((symbols, size), (names, _)) = (section(&bytes, 11), section(&bytes, 3));
    let at = bytes[names..].windows(64).position(|w| w.iter().all(|b| *b == b'x')).unwrap();
    for symbol in (symbols + 24..symbols + size).step_by(24) {
        bytes[symbol..symbol + 4].copy_from_slice(&u32::try_from(at).unwrap().to_le_bytes());
    }
    let begun = Instant::now();
    let error = Object::parse("long.so", &bytes).unwrap_err();
    assert!(error.what.contains("names are too long"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn caches_and_loaders_of_junk() {
    if !ready("caches_and_loaders_of_junk") {
        return;
    }
    let root = Root::glibc("test", &[]);
    root.program("gcc", "app", THREADS, &[]);
    let program = Program::read(&root.path("app"), "/app").unwrap();
    let base = root.tree();
    let loader = std::fs::read(format!("{LIB}/ld-linux-x86-64.so.2")).unwrap();
    let config = ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let junk = proptest::collection::vec(prop_oneof![Just(0u8), Just(b'/'), any::<u8>()], 0..600);
    runner
        .run(&(junk, any::<bool>(), 0..loader.len()), |(junk, old, cut)| {
            let mut files = base.clone();
            let mut cache = if old { b"ld.so-1.7.0\0".to_vec() } else { b"glibc-ld.so.cache1.1".to_vec() };
            cache.extend(&junk);
            files.insert("etc/ld.so.cache", Node::bytes(0o644, cache)).unwrap();
            let place = "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2";
            files.remove(place);
            let mut altered = loader.clone();
            let end = (cut + junk.len()).min(altered.len());
            altered[cut..end].copy_from_slice(&junk[..end - cut]);
            files.insert(place, Node::bytes(0o755, altered)).unwrap();
            let tree = Tree::new("test", &files);
            let _ = check_in(&program, &Triple::parse(GNU), &tree, Limits::default());
            Ok(())
        })
        .unwrap();
}
