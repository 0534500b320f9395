//! Programs of the host's gcc and rustc.

use xtask_gate::{Endian, Finding, Glibc, Limits, Linkage, Root, Severity, Stack, StartSetting, check};
use xtask_process::exec::Cmd;
use xtask_test_support::process::{run, starts};
use xtask_test_support::skip::skipped;
use xtask_triple::Triple;

use crate::programs::{Bench, HELLO, THREADS, facts};

const SCRATCH: StartSetting = StartSetting::Image(Root::Scratch);

/// gcc for x86-64 Linux: what the expectations below are about.
fn gcc(test: &str) -> Option<Bench> {
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) && starts("gcc") {
        return Some(Bench::new());
    }
    skipped(test, "gcc on x86-64 Linux");
    None
}

fn musl() -> Triple {
    Triple::parse("x86_64-unknown-linux-musl")
}

fn gnu() -> Triple {
    Triple::parse("x86_64-unknown-linux-gnu")
}

fn fails(findings: &[Finding]) -> Vec<&str> {
    findings.iter().filter(|f| f.severity == Severity::Fail).map(|f| f.what.as_str()).collect()
}

#[test]
fn static_programs_pass_everywhere() {
    let Some(bench) = gcc("static_programs_pass_everywhere") else { return };
    for (flag, kind) in [("-static", Linkage::Static), ("-static-pie", Linkage::StaticPie)] {
        let facts = facts(&bench.compile(&["gcc"], &[flag], HELLO, kind.word()));
        assert_eq!((facts.kind, facts.bits, facts.endian), (kind, 64, Endian::Little));
        assert_eq!(facts.machine_name(), "x86_64");
        assert_eq!((facts.interpreter.as_deref(), facts.needed.len()), (None, 0));
        assert_eq!((facts.stack, facts.glibc_max()), (Stack::Plain, None));
        assert_eq!(check(&facts, &musl(), SCRATCH, Limits::default()), []);
        assert_eq!(
            check(
                &facts,
                &gnu(),
                StartSetting::Standalone,
                Limits { glibc: Glibc::parse("2.17"), ..Limits::default() }
            ),
            []
        );
    }
}

#[test]
fn a_pie_with_an_interpreter_is_dynamic() {
    let Some(bench) = gcc("a_pie_with_an_interpreter_is_dynamic") else { return };
    for flag in ["-pie", "-no-pie"] {
        // A program that exports nothing: GNU's hash table is empty and does not tell how many symbols there are.
        let flags = ["-fPIE", flag, "-Wl,--hash-style=gnu"];
        let facts = facts(&bench.compile(&["gcc"], &flags, HELLO, "dynamic"));
        assert!(facts.versions.iter().any(|n| n.symbols.iter().any(|s| s == "puts")), "{:?}", facts.versions);
        assert_eq!(facts.kind, Linkage::Dynamic, "{flag}");
        assert_eq!(facts.interpreter.as_deref(), Some("/lib64/ld-linux-x86-64.so.2"));
        assert_eq!(facts.needed, ["libc.so.6"]);
        assert_eq!(check(&facts, &gnu(), StartSetting::Standalone, Limits::default()), []);
        let image = check(&facts, &gnu(), SCRATCH, Limits::default());
        assert_eq!(
            fails(&image),
            [
                "a scratch image has no interpreter /lib64/ld-linux-x86-64.so.2 and libc.so.6, so the program cannot start"
            ]
        );
        assert!(image[0].fix.contains("musl target") && image[0].fix.contains("+crt-static"));
        let secretly = check(&facts, &musl(), StartSetting::Standalone, Limits::default());
        assert!(fails(&secretly)[0].starts_with("a program for x86_64-unknown-linux-musl must be static"));
        assert!(secretly[0].what.contains("libc.so.6") && secretly[0].fix.contains("linked against glibc"));
    }
}

#[test]
fn another_machine_is_refused() {
    let Some(bench) = gcc("another_machine_is_refused") else { return };
    let facts = facts(&bench.compile(&["gcc"], &["-static"], HELLO, "program"));
    for triple in ["aarch64-unknown-linux-musl", "i686-unknown-linux-gnu", "x86_64-unknown-linux-gnux32"] {
        let triple = Triple::parse(triple);
        let findings = check(&facts, &triple, StartSetting::Standalone, Limits::default());
        assert_eq!(fails(&findings).len(), 1, "{triple}: {findings:?}");
        assert!(findings[0].what.starts_with("the program is for x86_64 (64-bit), but"));
    }
    let unknown =
        check(&facts, &Triple::parse("mips-unknown-linux-gnu"), StartSetting::Standalone, Limits::default());
    assert_eq!((unknown.len(), unknown[0].severity), (1, Severity::Warn));
    let windows =
        check(&facts, &Triple::parse("x86_64-pc-windows-gnu"), StartSetting::Standalone, Limits::default());
    assert!(fails(&windows)[0].contains("ELF program"));
}

#[test]
fn the_glibc_floor_names_symbol_version_and_library() {
    let name = "the_glibc_floor_names_symbol_version_and_library";
    let Some(bench) = gcc(name) else { return };
    let facts = facts(&bench.compile(&["gcc"], &["-pthread", "-fno-pie", "-no-pie"], THREADS, "threads"));
    let (max, need) = facts.glibc_max().unwrap();
    if max < Glibc::parse("2.34").unwrap() {
        return skipped(name, "glibc 2.34 or later");
    }
    assert_eq!((max.to_string().as_str(), need.library.as_str()), ("2.34", "libc.so.6"));
    assert!(need.symbols.iter().any(|s| s == "pthread_create"), "{need:?}");
    // Copied into the program, so defined there: the version counts all the same.
    assert!(facts.versions.iter().any(|n| n.symbols.iter().any(|s| s == "stdout")), "{:?}", facts.versions);
    let findings = check(
        &facts,
        &gnu(),
        StartSetting::Standalone,
        Limits { glibc: Glibc::parse("2.31"), ..Limits::default() },
    );
    assert_eq!(fails(&findings).len(), 1, "{findings:?}");
    for part in ["pthread_create", "GLIBC_2.34", "libc.so.6", "glibc 2.31 at most"] {
        assert!(findings[0].what.contains(part), "{part}: {}", findings[0].what);
    }
    assert_eq!(
        check(
            &facts,
            &gnu(),
            StartSetting::Standalone,
            Limits { glibc: Glibc::parse("2.34"), ..Limits::default() }
        ),
        []
    );
}

#[test]
fn symbols_are_found_without_section_headers() {
    let Some(bench) = gcc("symbols_are_found_without_section_headers") else { return };
    // A program that exports something, since GNU's hash table tells its length only then.
    let flags = ["-pthread", "-rdynamic"];
    for style in ["sysv", "gnu", "both"] {
        let style = format!("-Wl,--hash-style={style}");
        let path = bench.compile(&["gcc"], &[flags[0], flags[1], &style], THREADS, "exports");
        let whole = std::fs::read(&path).unwrap();
        let mut bare = whole.clone();
        bare[0x28..0x30].fill(0);
        bare[0x3c..0x40].fill(0);
        let before = xtask_gate::Facts::parse("whole", &whole).unwrap();
        assert!(before.versions.iter().any(|n| !n.symbols.is_empty()));
        assert_eq!(before, xtask_gate::Facts::parse("bare", &bare).unwrap(), "{style}");
    }
}

#[test]
fn stack_and_search_path_are_warnings() {
    let Some(bench) = gcc("stack_and_search_path_are_warnings") else { return };
    let flags = ["-Wl,-z,execstack", "-Wl,-rpath,/opt/lib:$ORIGIN/../lib", "-Wl,--dynamic-linker=/opt/ld.so"];
    let facts = facts(&bench.compile(&["gcc"], &flags, HELLO, "odd"));
    assert_eq!(facts.stack, Stack::Executable);
    let findings = check(&facts, &gnu(), StartSetting::Standalone, Limits::default());
    let whats: Vec<&str> = findings.iter().map(|f| f.what.as_str()).collect();
    assert_eq!(
        whats,
        [
            "the program's interpreter is /opt/ld.so, while other machines have /lib64/ld-linux-x86-64.so.2",
            "the program searches for libraries in folders of the build machine: /opt/lib",
            "the program makes its stack executable",
        ]
    );
    assert!(findings.iter().all(|f| f.severity == Severity::Warn));
}

#[test]
fn long_search_paths_are_read_from_a_file_too() {
    let Some(bench) = gcc("long_search_paths_are_read_from_a_file_too") else { return };
    let long = format!("/{}", "x".repeat(9000));
    let rpath = format!("-Wl,-rpath,{long}");
    let facts = facts(&bench.compile(&["gcc"], &[&rpath], HELLO, "long"));
    assert_eq!([facts.rpath, facts.runpath].concat(), [long]);
}

#[test]
fn libraries_and_objects_are_no_programs() {
    let Some(bench) = gcc("libraries_and_objects_are_no_programs") else { return };
    let source = "int answer(void) { return 42; }\n";
    let flags: [(&[&str], &str); 4] = [
        (&["-shared", "-fPIC"], "is a shared library, not a program"),
        (&["-shared", "-fPIC", "-nostdlib", "-Wl,-soname,libx.so"], "is a shared library, not a program"),
        (&["-shared", "-fPIC", "-nostdlib"], "is a shared library, not a program"),
        (&["-c"], "is an object file, not a program"),
    ];
    for (flags, words) in flags {
        let path = bench.compile(&["gcc"], flags, source, "thing");
        let error = xtask_gate::Facts::read(&path).unwrap_err();
        assert!(error.what.ends_with(words), "{flags:?}: {error}");
        assert!(!error.help.is_empty());
    }
}

#[test]
fn needs_without_an_interpreter_cannot_start() {
    let Some(bench) = gcc("needs_without_an_interpreter_cannot_start") else { return };
    let facts = facts(&bench.compile(&["gcc"], &["-pie", "-Wl,--no-dynamic-linker"], HELLO, "lost"));
    assert_eq!((facts.kind, facts.interpreter.as_deref()), (Linkage::Dynamic, None));
    let findings = check(&facts, &gnu(), StartSetting::Standalone, Limits::default());
    assert!(fails(&findings)[0].contains("names no interpreter"), "{findings:?}");
}

#[test]
fn a_rust_program_of_the_host() {
    let name = "a_rust_program_of_the_host";
    if !cfg!(all(target_os = "linux", target_env = "gnu")) || !starts("rustc") {
        return skipped(name, "rustc for a Linux host with glibc");
    }
    let bench = Bench::new();
    let source = bench.file("main.rs", "fn main() { println!(\"hello\") }\n");
    let output = bench.path("program");
    run(&Cmd::new("rustc").args(["-Copt-level=s", "-o"]).arg(&output).arg(&source));
    let facts = facts(&output);
    assert_eq!(facts.kind, Linkage::Dynamic);
    assert!(facts.needed.iter().any(|n| n == "libc.so.6"));
    assert!(facts.glibc_max().is_some());
}

#[test]
fn a_symbolic_link_stands_for_its_target() {
    let Some(bench) = gcc("a_symbolic_link_stands_for_its_target") else { return };
    let program = bench.compile(&["gcc"], &["-static"], HELLO, "program");
    let link = bench.path("link");
    #[cfg(unix)]
    std::os::unix::fs::symlink(&program, &link).unwrap();
    assert_eq!(facts(&link), facts(&program));
    std::fs::remove_file(&program).unwrap();
    let error = xtask_gate::Facts::read(&link).unwrap_err();
    assert!(error.found[0].starts_with("it is a symbolic link to "), "{error}");
}
