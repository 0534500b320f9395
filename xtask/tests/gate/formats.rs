//! Programs for Windows and macOS.

use proptest::prelude::*;
use xtask_gate::{Finding, Limits, MachO, Pe, Severity, check_macho, check_pe, judge};
use xtask_test_support::process::run;
use xtask_test_support::skip::skipped;
use xtask_triple::Triple;

use crate::programs::{Bench, HELLO};
use crate::zig::zig;

const WINDOWS: &str = "x86_64-pc-windows-gnu";
pub(crate) const MAC: &str = "aarch64-apple-darwin";

pub(crate) fn fails(findings: &[Finding]) -> Vec<&str> {
    findings.iter().filter(|f| f.severity == Severity::Fail).map(|f| f.what.as_str()).collect()
}

/// A Windows program without a C library: zig would compile that first, which takes half a minute on a new machine.
const EXITS: &str = "__declspec(dllimport) void ExitProcess(unsigned);\n\
    __declspec(dllimport) int unwinds(void);\n\
    void start(void) { ExitProcess(CODE); }\n";
const BARE: [&str; 3] = ["-nostdlib", "-Wl,-e,start", "-lkernel32"];

/// A program for `target` by zig, and the bench that it lies on.
pub(crate) fn built(test: &str, target: &str, flags: &[&str]) -> Option<(Bench, Vec<u8>)> {
    let Some(zig) = zig() else {
        skipped(test, "zig");
        return None;
    };
    let bench = Bench::new();
    let source = if flags.contains(&BARE[0]) { EXITS.replace("CODE", "0") } else { HELLO.to_owned() };
    let path = bench.compile(&[&zig, "cc", "-target", target], flags, &source, "hello");
    let bytes = std::fs::read(&path).unwrap();
    Some((bench, bytes))
}

#[test]
fn windows_programs() {
    let test = "windows_programs";
    let Some((bench, bytes)) = built(test, "x86_64-windows-gnu", &BARE) else { return };
    let pe = Pe::parse("hello.exe", &bytes).unwrap();
    assert_eq!((pe.machine, pe.subsystem, pe.library), (0x8664, 3, false));
    assert!(pe.imports.iter().any(|name| name.eq_ignore_ascii_case("kernel32.dll")), "{:?}", pe.imports);
    assert_eq!(check_pe(&pe, &Triple::parse(WINDOWS)), []);
    assert_eq!(fails(&check_pe(&pe, &Triple::parse("aarch64-pc-windows-msvc"))).len(), 1);
    assert!(fails(&check_pe(&pe, &Triple::parse("x86_64-unknown-linux-gnu")))[0].contains("Windows program"));

    // A program that takes a function from the library that gcc brings.
    let zig = zig().unwrap();
    let dll = bench.path("libgcc_s_seh-1.dll");
    let source = bench.file(
        "dll.c",
        "int _DllMainCRTStartup(void *a, unsigned b, void *c) { return 1; }\n\
        __declspec(dllexport) int unwinds(void) { return 0; }\n",
    );
    let cc = [zig.as_str(), "cc", "-target", "x86_64-windows-gnu"];
    let implib = format!("-Wl,--out-implib,{}", bench.path("libgcc_s.lib").display());
    let cmd = xtask_process::exec::Cmd::new(cc[0])
        .args(&cc[1..])
        .args(["-nostdlib", "-shared", &implib, "-o"])
        .arg(&dll)
        .arg(&source);
    run(&cmd);
    assert!(Pe::parse("dll", &std::fs::read(&dll).unwrap()).unwrap().library);
    let source = bench.file("uses.c", EXITS.replace("CODE", "unwinds()"));
    let program = bench.path("uses.exe");
    let implib = bench.path("libgcc_s.lib");
    let cmd = xtask_process::exec::Cmd::new(cc[0]).args(&cc[1..]).args(BARE).arg("-o").arg(&program);
    run(&cmd.arg(&source).arg(&implib));
    let pe = Pe::parse("uses.exe", &std::fs::read(&program).unwrap()).unwrap();
    let findings = check_pe(&pe, &Triple::parse(WINDOWS));
    assert_eq!(
        fails(&findings),
        ["the program imports libgcc_s_seh-1.dll, which comes with a compiler and not with Windows"]
    );
    assert!(findings[0].fix.contains("-static"));
}

#[test]
fn macos_programs() {
    let test = "macos_programs";
    let Some((bench, bytes)) = built(test, "aarch64-macos.11.0", &[]) else { return };
    let slices = MachO::parse("hello", &bytes).unwrap();
    assert_eq!((slices.len(), slices[0].cpu, slices[0].kind), (1, 0x0100_000c, 2));
    assert_eq!(slices[0].oldest, Some((11, 0)));
    assert_eq!(slices[0].libraries, ["/usr/lib/libSystem.B.dylib"]);
    assert_eq!(check_macho(&slices, &Triple::parse(MAC), None), []);
    assert_eq!(fails(&check_macho(&slices, &Triple::parse("x86_64-apple-darwin"), None)).len(), 1);
    assert!(
        fails(&check_macho(&slices, &Triple::parse("aarch64-unknown-linux-gnu"), None))[0]
            .contains("macOS program")
    );

    // For two processors: the mark, a count, then for each its processor, place and length, all big-endian.
    let mut fat = [0xcafe_babe_u32, 1, 0x0100_000c, 0, 64, u32::try_from(bytes.len()).unwrap(), 6]
        .iter()
        .flat_map(|word| word.to_be_bytes())
        .collect::<Vec<u8>>();
    fat.resize(64, 0);
    fat.extend(&bytes);
    assert_eq!(MachO::parse("fat", &fat).unwrap(), slices);

    // A library of a package manager, and one beside the program.
    let zig = zig().unwrap();
    for (name, words) in [
        ("/opt/homebrew/lib/libz.1.dylib", "/opt/homebrew/lib/libz.1.dylib, which macOS does not have"),
        ("@rpath/libz.1.dylib", "@rpath/libz.1.dylib, which macOS searches beside the program"),
    ] {
        let dylib = bench.path("libz.dylib");
        let source = bench.file("z.c", "int z(void) { return 0; }\n");
        let cc = [zig.as_str(), "cc", "-target", "aarch64-macos.11.0"];
        let name = format!("-Wl,-install_name,{name}");
        let cmd = xtask_process::exec::Cmd::new(cc[0])
            .args(&cc[1..])
            .args(["-dynamiclib", &name, "-o"])
            .arg(&dylib)
            .arg(&source);
        run(&cmd);
        let source = bench.file("uses.c", "int z(void); int main(void) { return z(); }\n");
        let program = bench.path("uses");
        run(&xtask_process::exec::Cmd::new(cc[0])
            .args(&cc[1..])
            .arg("-o")
            .arg(&program)
            .arg(&source)
            .arg(&dylib));
        let slices = MachO::parse("uses", &std::fs::read(&program).unwrap()).unwrap();
        let findings = check_macho(&slices, &Triple::parse(MAC), None);
        assert!(fails(&findings)[0].contains(words), "{findings:?}");
    }
}

#[test]
fn other_files_have_their_words() {
    let error = Pe::parse("x", b"\x7fELF").unwrap_err();
    assert!(error.what.starts_with("x is") && error.what.contains("not a Windows program (PE)"), "{error}");
    let error = MachO::parse("x", b"hello\n").unwrap_err();
    assert_eq!(error.what, "x is a text file, not a macOS program (Mach-O)");
    assert!(Pe::parse("x", b"MZ").unwrap_err().what.contains("damaged or cut off"));
}

#[test]
fn damaged_programs_are_errors_or_other_facts() {
    let test = "damaged_programs_are_errors_or_other_facts";
    let Some((_, windows)) = built(test, "x86_64-windows-gnu", &[&BARE[..], &["-s"]].concat()) else {
        return;
    };
    let Some((_, mac)) = built(test, "aarch64-macos.11.0", &[]) else { return };
    for len in (0..windows.len()).step_by(61) {
        assert!(Pe::parse("cut", &windows[..len]).is_err(), "{len} of {}", windows.len());
    }
    for len in (0..mac.len()).step_by(61) {
        assert!(MachO::parse("cut", &mac[..len]).is_err(), "{len} of {}", mac.len());
    }
    let near = (0..0x600usize, any::<u8>());
    let config = ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    runner
        .run(&proptest::collection::vec(near, 1..12), |changes| {
            for bytes in [&windows, &mac] {
                let mut altered = bytes.clone();
                for (at, value) in &changes {
                    if let Some(byte) = altered.get_mut(*at) {
                        *byte = *value;
                    }
                }
                let _ = Pe::parse("altered", &altered).map(|pe| check_pe(&pe, &Triple::parse(WINDOWS)));
                let _ = MachO::parse("altered", &altered).map(|m| check_macho(&m, &Triple::parse(MAC), None));
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn the_object_format_of_the_system_decides_the_reader() {
    let bench = Bench::new();
    let file = bench.file("app", "#!/bin/sh\n");
    let said = |triple: &str| judge(&file, &Triple::parse(triple), Limits::default()).unwrap_err().what;
    assert!(said(WINDOWS).contains("not a Windows program (PE)"));
    assert!(said(MAC).contains("not a macOS program (Mach-O)"));
    assert!(said("x86_64-unknown-linux-gnu").contains("not a Linux program (ELF)"));
    assert!(said("wasm32-wasip1").contains("not a WebAssembly module"));
}
