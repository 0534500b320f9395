//! Static programs with glibc's name service in them: it loads shared libraries at run time.

use xtask_gate::{Finding, Limits, Severity, StartSetting, check};
use xtask_process::exec::Cmd;
use xtask_test_support::process::{run, starts};
use xtask_test_support::skip::skipped;
use xtask_triple::Triple;

use crate::programs::{Bench, HELLO, THREADS, facts};
use crate::roots::GNU;

const RESOLVES: &str =
    "#include <netdb.h>\nint main(void) { struct addrinfo *a; return getaddrinfo(\"x\", \"80\", 0, &a); }\n";
const ACCOUNTS: &str = "#include <pwd.h>\nint main(void) { return getpwnam(\"root\") == 0; }\n";
const LOADS: &str = "#include <dlfcn.h>\nint main(int c, char **v) { return dlopen(v[c - 1], 2) == 0; }\n";

fn gcc(test: &str) -> Option<Bench> {
    if cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) && starts("gcc") {
        return Some(Bench::new());
    }
    skipped(test, "gcc on x86-64 Linux with glibc");
    None
}

fn judge(path: &std::path::Path) -> Vec<Finding> {
    check(&facts(path), &Triple::parse(GNU), StartSetting::Standalone, Limits::default())
}

#[test]
fn c_programs_that_look_names_up() {
    let Some(bench) = gcc("c_programs_that_look_names_up") else { return };
    for (flag, strip) in [("-static", false), ("-static-pie", false), ("-static", true)] {
        let flags = if strip { vec![flag, "-s"] } else { vec![flag] };
        for (source, function) in [(RESOLVES, "getaddrinfo"), (ACCOUNTS, "getpwnam")] {
            let findings = judge(&bench.compile(&["gcc"], &flags, source, "names"));
            assert_eq!((findings.len(), findings[0].severity), (1, Severity::Warn), "{findings:?}");
            let names = findings[0].what.contains(function);
            assert_eq!(names, !strip, "a stripped program has no names: {findings:?}");
            for words in ["static", "name service", "nsswitch.conf", "the same glibc"] {
                assert!(findings[0].what.contains(words), "{words}: {findings:?}");
            }
        }
        for source in [HELLO, THREADS, LOADS] {
            assert_eq!(judge(&bench.compile(&["gcc"], &flags, source, "plain")), [], "{source}");
        }
    }
    // The same in a dynamic program is how it should be.
    assert_eq!(judge(&bench.compile(&["gcc"], &[], RESOLVES, "dynamic")), []);
}

#[test]
fn rust_programs_that_look_names_up() {
    let test = "rust_programs_that_look_names_up";
    if !cfg!(all(target_os = "linux", target_env = "gnu")) || !starts("rustc") {
        return skipped(test, "rustc for a Linux host with glibc");
    }
    let bench = Bench::new();
    let build = |name: &str, source: &str, strip: &str| {
        let (input, output) = (bench.file(&format!("{name}.rs"), source), bench.path(name));
        let flags = ["-Copt-level=s", "-Ctarget-feature=+crt-static", strip, "-o"];
        run(&Cmd::new("rustc").args(flags).arg(&output).arg(&input));
        facts(&output).name_service
    };
    let resolves = "use std::net::ToSocketAddrs;\nfn main() { println!(\"{:?}\", \"x:80\".to_socket_addrs().is_ok()) }\n";
    let names = build("resolves", resolves, "-Cstrip=none").unwrap();
    assert!(names.iter().any(|name| name == "getaddrinfo"), "{names:?}");
    assert_eq!(build("resolves", resolves, "-Cstrip=symbols"), Some(Vec::new()));
    let prints = "fn main() { std::thread::spawn(|| println!(\"/etc/nsswitch.conf libnss_files\")).join().unwrap() }\n";
    assert_eq!(build("prints", prints, "-Cstrip=none"), None, "its own strings are not the service");
}
