//! The built program, as a script sees it.

use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

#[expect(clippy::disallowed_methods, reason = "the program under test is what this test is about")]
fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_app"));
    command.args(args);
    command
}

/// Exit code, standard output, standard error.
fn app(args: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command(args).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// The backends that the program has and can use.
fn backends() -> Vec<String> {
    let info: Value = serde_json::from_str(&app(&["info", "--json"]).1).unwrap();
    info["backends"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

const NATIVE: bool = cfg!(feature = "native");
const ENGINES: &[&str] = &[
    #[cfg(feature = "native")]
    "sqlite",
    #[cfg(feature = "pure")]
    "redb",
];
/// How much of an engine `selftest` checks.
const ENGINE_CHECKS: usize = 3;

#[test]
fn info_as_json() {
    let (code, out, err) = app(&["info", "--json"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert_eq!(out.lines().count(), 1);
    let info: Value = serde_json::from_str(&out).unwrap();
    let keys: Vec<_> = info.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = [
        "schema",
        "name",
        "version",
        "commit",
        "target",
        "mode",
        "libc",
        "c_compiler",
        "backends",
        "unavailable",
        "engines",
    ]
    .to_vec();
    expected.sort_unstable();
    assert_eq!(keys, expected);
    assert_eq!(info["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(info["mode"], if NATIVE { "native" } else { "pure" });
    let engines: Vec<_> = info["engines"].as_array().unwrap().iter().map(|e| e.as_str().unwrap()).collect();
    let names: Vec<_> = engines.iter().map(|e| e.split(' ').next().unwrap()).collect();
    assert_eq!(names, ENGINES);
    // The library of `dlopen` may lie beside the program, or not.
    let found = backends().contains(&"dlopen".to_owned());
    let compiled = [
        ("c", NATIVE),
        ("dlopen", cfg!(feature = "dlopen") && found),
        ("wasm", cfg!(feature = "wasm")),
        ("pure", true),
    ];
    let compiled: Vec<_> = compiled.iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect();
    assert_eq!(info["backends"], json!(compiled));

    let target = info["target"].as_str().unwrap();
    assert!(target.starts_with(std::env::consts::ARCH), "{target}");
    let commit = info["commit"].as_str().unwrap();
    assert!(!commit.is_empty() && commit.len() <= 100, "{commit}");
    let compiler = info["c_compiler"].as_str();
    assert_eq!(compiler.is_some(), NATIVE);
    let known =
        |name: &str| ["gcc ", "clang ", "Apple clang ", "zig cc "].iter().any(|n| name.starts_with(n));
    assert!(compiler.is_none_or(|name| known(name) || name == "unknown"), "{compiler:?}");
    assert!(compiler.is_none_or(|name| !name.contains('/')), "{compiler:?}");
}

/// What the program says of its C library is what its file shows: a program that asks for no interpreter is static.
#[cfg(target_os = "linux")]
#[test]
fn info_agrees_with_the_file() {
    let (_, out, _) = app(&["info", "--json"]);
    let info: Value = serde_json::from_str(&out).unwrap();
    let file = std::fs::read(env!("CARGO_BIN_EXE_app")).unwrap();
    let has = |needle: &[u8]| file.windows(needle.len()).any(|window| window == needle);
    match info["libc"].as_str().unwrap() {
        "glibc" => assert!(has(b"libc.so.6\0") && has(b"/ld-linux")),
        "dynamic musl" => assert!(has(b"/ld-musl-")),
        name => assert!(name.starts_with("static ") && !has(b"/ld-linux-") && !has(b"/ld-musl-"), "{name}"),
    }
}

#[test]
fn info_as_text_says_the_same() {
    let (code, text, _) = app(&["info"]);
    assert_eq!(code, Some(0));
    let (_, json, _) = app(&["info", "--json"]);
    let info: Value = serde_json::from_str(&json).unwrap();
    let said = |label: &str| text.lines().find_map(|l| l.strip_prefix(label)).map(str::trim);
    for (label, key) in [
        ("app ", "version"),
        ("commit ", "commit"),
        ("target ", "target"),
        ("mode ", "mode"),
        ("libc ", "libc"),
    ] {
        assert_eq!(said(label), info[key].as_str(), "{key}");
    }
    assert_eq!(said("c compiler "), info["c_compiler"].as_str().or(Some("none")));
    assert_eq!(said("backends "), Some(backends().join(", ").as_str()));
}

#[test]
fn selftest_passes_in_every_backend() {
    let (code, out, err) = app(&["selftest"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let count = native::vectors::ALL.len() * backends().len() + ENGINE_CHECKS * ENGINES.len();
    assert_eq!(out.lines().last(), Some(format!("selftest: {count} passed, 0 failed").as_str()));
    for backend in backends() {
        for function in ["dot_product", "reverse_string", "double_array", "sum_array"] {
            let line = format!("ok      {:<6} {function}: ", backend);
            assert!(out.lines().any(|l| l.starts_with(&line)), "{line}");
        }
    }
    for engine in ENGINES {
        let line = format!("ok      {engine:<6} store: ");
        assert_eq!(out.lines().filter(|l| l.starts_with(&line)).count(), ENGINE_CHECKS);
    }
}

/// A short run measures everything; what the figures are is for a build with optimisation to say.
#[test]
fn bench_measures_every_case_and_draws_it() {
    let chart =
        std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-{}.svg", std::process::id()));
    let (code, out, err) = app(&["bench", "--quick", "--json", "--svg", chart.to_str().unwrap()]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let report: Value = serde_json::from_str(&out).unwrap();
    let figures = report["figures"].as_array().unwrap();
    let mut subjects = vec!["rust".to_owned()];
    subjects.extend(backends().into_iter().filter(|name| name != "pure"));
    for case in [
        "no-op",
        "dot, 4",
        "dot, 64",
        "dot, 4096",
        "dot, 1 M",
        "string round trip",
        "1,000 strings, one by one",
        "1,000 strings, one batch",
        "callback",
        "row of a block",
        "row of a store, scan",
        "row of a store, get",
    ] {
        let figures: Vec<_> = figures.iter().filter(|figure| figure["case"] == case).collect();
        let names: Vec<_> = figures.iter().map(|figure| figure["subject"].as_str().unwrap()).collect();
        if case.contains("store") {
            assert_eq!(names, ENGINES, "{case}");
        } else {
            assert_eq!(names, subjects, "{case}");
        }
        for figure in figures {
            let number = |key: &str| figure[key].as_f64().unwrap();
            assert!(
                number("min_ns") <= number("median_ns") && number("median_ns") <= number("max_ns"),
                "{figure}"
            );
            assert!(number("max_ns") > 0.0 && number("mad_ns") >= 0.0, "{figure}");
        }
    }
    let svg = std::fs::read_to_string(&chart).unwrap();
    std::fs::remove_file(&chart).unwrap();
    assert_eq!(svg.matches("<title>").count(), figures.len());
    assert_eq!(app(&["bench", "--fast"]).0, Some(2));
}

#[test]
fn version_and_help_are_answers() {
    let version = format!("app {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(app(&["--version"]), (Some(0), version, String::new()));
    let (code, out, err) = app(&["--help"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    for word in ["info", "selftest", "--json", "--version", "Exit codes"] {
        assert!(out.contains(word), "{word}");
    }
    assert_eq!(app(&["info", "--help"]).1, out);
}

#[test]
fn bad_usage_ends_with_2_and_the_usage_on_stderr() {
    for (args, message) in [
        (&[][..], "error: a command is missing\n\nUsage: "),
        (&["frobnicate"], "error: there is no command \"frobnicate\"\n\nUsage: "),
        (&["info", "--yaml"], "error: `info` does not take the argument \"--yaml\"\n\nUsage: "),
    ] {
        let (code, out, err) = app(args);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{args:?}");
        assert!(err.starts_with(message), "{err}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_and_a_closed_pipe_is_not() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = command(&["info"]).stdout(full).stderr(Stdio::piped()).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(err.starts_with("error: cannot write to standard output: "), "{err}");

    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command(&["selftest"]).stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}
