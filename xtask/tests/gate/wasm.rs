//! WebAssembly programs for WASI preview 1.

use object::read::archive::ArchiveFile;
use proptest::prelude::*;
use xtask_gate::{
    Culprit, Finding, HostImport, HostItem, Limits, WasiProgram, blame, check_wasm, culprit, judge,
};
use xtask_test_support::process::run;
use xtask_test_support::skip::skipped;
use xtask_triple::Triple;

use crate::programs::Bench;

const WASI: &str = "wasm32-wasip1";

fn check(wasm: &WasiProgram) -> Vec<Finding> {
    check_wasm(wasm, &Triple::parse(WASI))
}

/// A program that has everything that hosts need and imports this.
fn importing(module: &str, name: &str, kind: HostItem) -> WasiProgram {
    let imports = vec![HostImport { module: module.into(), name: name.into(), kind }];
    WasiProgram { imports, starts: true, initializes: false, memory: true }
}

/// The folder with the C library of Rust's std for WASI; none if the std is not installed.
fn self_contained() -> Option<std::path::PathBuf> {
    let sysroot = run(&xtask_process::exec::Cmd::new("rustc").args(["--print", "sysroot"]));
    let folder =
        std::path::Path::new(sysroot.text().trim()).join("lib/rustlib").join(WASI).join("lib/self-contained");
    folder.is_dir().then_some(folder)
}

#[test]
fn what_hosts_provide() {
    let function = |signature: &str| HostItem::Function(signature.into());
    let whats = |wasm: &WasiProgram| check(wasm).into_iter().map(|it| it.what).collect::<Vec<_>>();
    let preview_1 = "wasi_snapshot_preview1";
    assert_eq!(check(&importing(preview_1, "fd_write", function("iiii:i"))), []);
    for (module, name, kind, said) in [
        (preview_1, "fd_write", function("iiI:i"), "with the type (iiI:i), and hosts provide (iiii:i)"),
        (preview_1, "fd_fly", function(":"), "which WASI preview 1 does not have"),
        ("wasi_unstable", "fd_write", function("iiii:i"), "an older WASI"),
        ("env", "foo", function(":"), "no linked object defines the function foo, and no host provides it"),
        ("__wbindgen_placeholder__", "f", function(":"), "hosts of WASI preview 1 provide only"),
        ("env", "memory", HostItem::Memory, "linked for threads"),
        ("env", "__table_base", HostItem::Other, "no host of WASI preview 1 provides"),
    ] {
        let found = whats(&importing(module, name, kind));
        assert!(found.len() == 1 && found[0].contains(said), "{module}.{name}: {found:?}");
    }
    let library = WasiProgram {
        starts: false,
        initializes: true,
        ..importing(preview_1, "args_get", function("ii:i"))
    };
    assert!(whats(&library)[0].contains("it is a library (a reactor)"));
    let hidden = WasiProgram { starts: false, initializes: false, memory: false, ..library };
    assert_eq!(check(&hidden).len(), 2);
    let elsewhere = check_wasm(
        &importing(preview_1, "args_get", function("ii:i")),
        &Triple::parse("x86_64-unknown-linux-gnu"),
    );
    assert!(elsewhere[0].what.contains("WebAssembly module, which x86_64-unknown-linux-gnu cannot start"));
}

/// wasi-libc imports every function of WASI preview 1 but `proc_raise`, so its types prove those of the gate.
#[test]
fn the_c_library_agrees_about_the_functions() {
    let Some(folder) = self_contained() else { return skipped("wasm::c_library", "std for wasm32-wasip1") };
    let bytes = std::fs::read(folder.join("libc.a")).unwrap();
    let archive = ArchiveFile::parse(&*bytes).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for member in archive.members().map(Result::unwrap) {
        let name = String::from_utf8_lossy(member.name()).into_owned();
        let Ok(wasm) = WasiProgram::parse(&name, member.data(&*bytes).unwrap()) else { continue };
        let (host, _): (Vec<_>, Vec<_>) =
            wasm.imports.into_iter().partition(|it| it.module.starts_with("wasi"));
        seen.extend(host.iter().map(|it| it.name.clone()));
        let wasm = WasiProgram { imports: host, starts: true, initializes: false, memory: true };
        assert_eq!(check(&wasm), [], "{name}");
    }
    assert!(seen.len() == 45 && !seen.contains("proc_raise"), "{seen:?}");
}

#[test]
fn programs_of_rustc() {
    if self_contained().is_none() {
        return skipped("wasm::programs", "std for wasm32-wasip1");
    }
    let bench = Bench::new();
    let compile = |name: &str, kind: &str, source: &str| {
        let (source, out) = (bench.file(&format!("{name}.rs"), source), bench.path(&format!("{name}.wasm")));
        let cmd = xtask_process::exec::Cmd::new("rustc").args([
            "--target",
            WASI,
            "-Copt-level=1",
            "-Cstrip=symbols",
        ]);
        run(&cmd.args(["--crate-type", kind]).arg(source).arg("-o").arg(&out));
        out
    };
    let judged =
        |path: &std::path::Path| judge(path, &Triple::parse(WASI), Limits::default()).unwrap().findings;
    let good = compile("good", "bin", "fn main() { println!(\"hello\"); }");
    assert_eq!(judged(&good), []);
    let lacking = compile(
        "lacking",
        "bin",
        "unsafe extern \"C\" { fn crc32_fast(x: i32) -> i32; }\nfn main() { println!(\"{}\", unsafe { crc32_fast(3) }); }",
    );
    let mut found = judged(&lacking);
    assert!(found.len() == 1 && found[0].what.starts_with("the program imports env.crc32_fast"), "{found:?}");
    let object = compile("object", "bin", "fn main() {}").with_file_name("culprit.o");
    let source = bench.path("lacking.rs");
    let cmd =
        xtask_process::exec::Cmd::new("rustc").args(["--target", WASI, "--emit=obj", "-Ccodegen-units=1"]);
    run(&cmd.arg(source).arg("-o").arg(&object));
    blame(&mut found, |symbol| {
        culprit(symbol, std::slice::from_ref(&object)).iter().map(Culprit::to_string).collect()
    });
    assert!(found[0].what.ends_with("; crc32_fast is imported by culprit.o"), "{found:?}");
    let library = compile("library", "cdylib", "#[unsafe(no_mangle)] pub extern \"C\" fn f() {}");
    assert!(
        judged(&library)[0].what.contains("no host can start it")
            || judged(&library)[0].what.contains("reactor")
    );

    // Any change of any byte is judged or refused.
    let bytes = std::fs::read(good).unwrap();
    let near = (0..0x400usize, any::<u8>());
    let config = ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    runner
        .run(&(proptest::collection::vec(near, 1..8), 0..bytes.len()), |(changes, end)| {
            let mut altered = bytes.clone();
            changes.iter().for_each(|(at, value)| altered[*at] = *value);
            let _ = WasiProgram::parse("altered", &altered).map(|wasm| check(&wasm));
            let _ = WasiProgram::parse("cut", &bytes[..end]).map(|wasm| check(&wasm));
            Ok(())
        })
        .unwrap();
}

#[test]
fn what_is_no_program_of_wasi() {
    let said = |bytes: &[u8]| WasiProgram::parse("app.wasm", bytes).unwrap_err();
    assert!(said(b"#!/bin/sh\n").what.ends_with("is a script, not a WebAssembly module"));
    let component = said(b"\0asm\x0d\0\x01\0");
    assert!(component.what.contains("component") && component.help[0].contains("wasm32-wasip1"));
    assert!(said(b"\0asm\x02\0\0\0").what.contains("version 2"));
    assert!(said(b"\0asm\x01\0\0\0\x01\x05\x01").what.contains("the length of a section"));
    assert!(said(b"\0asm\x01\0\0\0\x02\x06\x01\x01a\x01b\0").what.contains("imports"));
}
