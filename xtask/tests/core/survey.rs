//! Verdicts: what fake compilers that fail in each of the ways are told apart by, and when a verdict counts again.

use std::collections::BTreeMap;

use xtask_compilers::toolchain::candidates::Wish;
use xtask_compilers::toolchain::probe::{ProbeSetting, Verdict};
use xtask_compilers::toolchain::runner::Runner;
use xtask_compilers::toolchain::survey::{Depth, Survey, SurveyInput, SurveyPaths, survey};
use xtask_process::ui::Ui;

use crate::support::{GNU, MUSL, Machine, triple};

/// A compiler that says its name, compiles and links a program that runs, and writes down each call; `instead` goes
/// before that.
fn compiler(machine: &Machine, name: &str, instead: &str) -> String {
    let log = machine.path().join("calls").display().to_string();
    let body = format!(
        r#"echo "$*" >> '{log}'
{instead}
case "$*" in
--version) echo 'fake-cc (Some 9.9) 12.2.0'; echo 'Free Software Foundation' ;;
*PROBE_MAIN*) printf '#!/bin/sh\necho probe 42\n' > probe-c; chmod +x probe-c ;;
*probe.cc*) : ;;
*) : > probe.o ;;
esac"#
    );
    // No compiler is of use without an archiver: build scripts hand C over in archives.
    machine.program("ar", ":");
    machine.program(name, &body).display().to_string()
}

fn calls(machine: &Machine) -> usize {
    std::fs::read_to_string(machine.path().join("calls")).unwrap_or_default().lines().count()
}

fn look(machine: &Machine, target: &str, cxx: bool) -> Survey {
    let (target, cache) = (triple(target), machine.path().join("cache"));
    let setting = ProbeSetting {
        target: &target,
        std: None,
        rust_lld: None,
        runner: &Runner::Native,
        cxx,
        glibc: None,
    };
    let questions = BTreeMap::from([(target.clone(), SurveyInput { setting, wish: Wish::default() })]);
    let this = machine.path().join("this");
    let places =
        SurveyPaths { cache: &cache, wrappers: machine.path().join("wrappers"), this: &this, zigs: &[] };
    survey(&questions, &machine.host(), &places, Depth::First, &Ui::silent()).remove(&target).unwrap()
}

fn verdict(instead: &str) -> Verdict {
    let machine = Machine::new();
    let cc = compiler(&machine, "mine", instead);
    look(&machine.set("TARGET_CC", cc), GNU, false).tried.remove(0).1
}

#[test]
fn one_that_works() {
    let Verdict::Works(works) = verdict("") else { panic!() };
    assert_eq!(works.version, "gcc 12.2.0", "not the distribution's number in parentheses");
    assert_eq!(works.id.len(), 16);
    assert_eq!(works.steps.len(), 3, "{:?}", works.steps);
    assert!(!works.cxx, "nobody asked for C++");
}

#[test]
fn each_way_to_fail_has_its_step_and_its_words() {
    let cases = [
        ("case \"$*\" in *-c*) echo 'no stdio.h' >&2; exit 1;; esac", "compile", "no stdio.h\n(exit code 1)"),
        ("exit 1", "compile", "nothing\n(exit code 1)"),
        ("case \"$*\" in *-c*) kill -SEGV $$;; esac", "compile", "nothing\n(signal 11)"),
        (
            "case \"$*\" in *PROBE_MAIN*) echo 'no crt1.o' >&2; exit 4;; esac",
            "link",
            "no crt1.o\n(exit code 4)",
        ),
        (
            "case \"$*\" in *PROBE_MAIN*) printf '#!/bin/sh\\nexit 3\\n' > probe-c; chmod +x probe-c; exit;; esac",
            "run",
            "nothing\n(exit code 3)",
        ),
        (
            "case \"$*\" in *PROBE_MAIN*) printf '#!/bin/sh\\necho probe 41\\n' > probe-c; chmod +x probe-c; exit;; esac",
            "run",
            "the program printed \"probe 41\" instead of \"probe 42\"",
        ),
    ];
    for (instead, expected, words) in cases {
        match verdict(instead) {
            Verdict::Broken { step, said, .. } => {
                assert_eq!((&*step, &*said), (expected, words), "{instead}")
            }
            other => panic!("{instead}: {other:?}"),
        }
    }
    // A linker that makes nothing, or nothing that can be run.
    for instead in [
        "case \"$*\" in *PROBE_MAIN*) exit 0;; esac",
        "case \"$*\" in *PROBE_MAIN*) : > probe-c; exit;; esac",
    ] {
        assert!(matches!(verdict(instead), Verdict::Broken { step, .. } if step == "run"), "{instead}");
    }
}

/// Words of drivers whose compilers or linkers met a fault of the machine, and how they end.
#[test]
fn a_fault_of_the_machine_is_no_verdict_about_the_compiler() {
    let on = |args: &str, what: &str| format!("case \"$*\" in {args}) {what};; esac");
    let cases = [
        (on("*-c*", "echo 'cc1: error: x.s: No space left on device' >&2; exit 1"), "no space left"),
        (
            on("*-c*", "echo 'cc: fatal error: Killed signal terminated program cc1' >&2; exit 1"),
            "was killed",
        ),
        (on("*-c*", "echo 'cc: vfork: Resource temporarily unavailable' >&2; exit 1"), "no more processes"),
        (on("*-c*", "echo 'error: ProcessFdQuotaExceeded' >&2; exit 1"), "may not open more files"),
        (on("*-c*", "kill -KILL $$"), "was killed"),
        (on("*PROBE_MAIN*", "echo 'ld: final link failed: Disk quota exceeded' >&2; exit 1"), "disk quota"),
        (on("*PROBE_MAIN*", "kill -XCPU $$"), "processor time"),
        // Its version is part of what is built from.
        (on("--version", "echo 'cannot execute: Cannot allocate memory' >&2; exit 1"), "memory ran out"),
    ];
    for (instead, expected) in cases {
        let machine = Machine::new();
        // It comes first, and another one would work.
        compiler(&machine, "cc", &instead);
        compiler(&machine, "x86_64-linux-gnu-gcc", "");
        for _ in 0..2 {
            let survey = look(&machine, GNU, false);
            let [(_, Verdict::Unprobed { fault, help, .. })] = &survey.tried[..] else {
                panic!("{instead}: {:?}", survey.tried)
            };
            assert!(fault.contains(expected) && !help.is_empty(), "{instead}: {fault}");
            assert!(survey.chosen.is_none(), "{instead}: another one was taken");
            assert!(survey.lines()[0].contains("could not be probed"), "{:?}", survey.lines());
        }
        let kept = std::fs::read_dir(machine.path().join("cache/probes")).unwrap().count();
        assert_eq!(kept, 0, "{instead}: a verdict was kept");
    }
}

/// What is short for a moment fails once.
#[test]
fn a_step_that_succeeds_the_second_time_did_not_fail() {
    let machine = Machine::new();
    let been = machine.path().join("been").display().to_string();
    let once = format!("case \"$*\" in *-c*) [ -e '{been}' ] || {{ : > '{been}'; exit 1; }};; esac");
    let cc = compiler(&machine, "mine", &once);
    assert!(look(&machine.set("TARGET_CC", cc), GNU, false).chosen.is_some());
}

#[test]
fn a_version_that_is_garbage_is_no_reason_to_fail() {
    for said in ["printf '\\377\\376(((\\n\\n'", ":", "exit 1", "yes | head -c 3000000"] {
        let Verdict::Works(works) = verdict(&format!("case \"$*\" in --version) {said}; exit;; esac")) else {
            panic!("{said}")
        };
        assert_eq!(works.version, "cc of unknown version", "{said}");
    }
}

#[test]
fn a_verdict_is_made_once_and_again_when_the_compiler_changes() {
    let machine = Machine::new();
    let cc = compiler(&machine, "mine", "");
    let machine = machine.set("TARGET_CC", cc);
    let id = |s: Survey| s.chosen.unwrap().id;
    let first = id(look(&machine, GNU, false));
    let made = calls(&machine);
    assert_eq!((id(look(&machine, GNU, false)), calls(&machine)), (first.clone(), made), "nothing was run");
    // C++ is another question.
    look(&machine, GNU, true);
    assert!(calls(&machine) > made);
    let made = calls(&machine);
    compiler(&machine, "mine", "# another build of it");
    assert_ne!(id(look(&machine, GNU, false)), first, "another compiler is another identity");
    assert!(calls(&machine) > made);
    // No folder of a probe stays behind.
    let left = std::fs::read_dir(machine.path().join("cache/probes")).unwrap().flatten();
    assert!(left.map(|f| f.path()).all(|f| f.extension().is_some_and(|e| e == "json")));
}

#[test]
fn a_damaged_verdict_counts_as_none() {
    let machine = Machine::new();
    let cc = compiler(&machine, "mine", "");
    let machine = machine.set("TARGET_CC", cc);
    look(&machine, GNU, false);
    for text in ["", "{", "{\"verdict\":\"fine\"}", "null"] {
        let made = calls(&machine);
        for file in std::fs::read_dir(machine.path().join("cache/probes")).unwrap() {
            std::fs::write(file.unwrap().path(), text).unwrap();
        }
        assert!(look(&machine, GNU, false).chosen.is_some());
        assert!(calls(&machine) > made, "{text:?} was believed");
    }
}

#[test]
fn broken_holds_only_while_nothing_around_the_compiler_changed() {
    let machine = Machine::new();
    let flag = machine.path().join("libc-is-there").display().to_string();
    let cc = compiler(&machine, "mine", &format!("[ -e '{flag}' ] || case \"$*\" in *-c*) exit 1;; esac"));
    let machine = machine.set("TARGET_CC", cc);
    assert!(look(&machine, GNU, false).chosen.is_none());
    let made = calls(&machine);
    assert!(look(&machine, GNU, false).chosen.is_none());
    assert_eq!(calls(&machine), made, "remembered");
    // A package that mends it leaves the compiler alone, and puts something else on PATH or beside its libraries.
    machine.file("libc-is-there", "");
    machine.program("as", "");
    assert!(look(&machine, GNU, false).chosen.is_some());
}

#[test]
fn an_explicit_choice_that_is_broken_ends_the_search() {
    let machine = Machine::new();
    compiler(&machine, "cc", "");
    let bad = compiler(&machine, "bad", "exit 1");
    assert!(look(&machine, GNU, false).chosen.is_some());
    let survey = look(&machine.set("CC_x86_64_unknown_linux_gnu", bad), GNU, false);
    assert!(survey.chosen.is_none());
    assert_eq!(survey.tried.len(), 1);
    assert!(survey.lines()[0].contains("broken at compile"), "{:?}", survey.lines());
}

#[test]
fn a_broken_candidate_makes_room_for_the_next_and_cxx_decides_between_two() {
    let machine = Machine::new();
    compiler(&machine, "cc", "case \"$*\" in *-c*) exit 1;; esac");
    compiler(&machine, "x86_64-linux-gnu-gcc", "");
    let survey = look(&machine, GNU, false);
    assert_eq!((survey.tried.len(), survey.chosen.unwrap().provider.name()), (2, "gnu"));
    // The first works and has no C++; the second has.
    let machine = Machine::new();
    compiler(&machine, "cc", "");
    compiler(&machine, "x86_64-linux-gnu-gcc", "");
    compiler(&machine, "x86_64-linux-gnu-g++", "");
    assert_eq!(look(&machine, GNU, false).chosen.unwrap().provider.name(), "host");
    let chosen = look(&machine, GNU, true).chosen.unwrap();
    assert_eq!((chosen.provider.name(), chosen.cxx.is_some()), ("gnu", true));
}

/// glibc's headers compile for musl and even link; inline functions and macros of larger programs then do not.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn headers_of_another_c_library_are_found_out() {
    let real = xtask_process::host::Host::read(triple(GNU));
    let Some(cc) = real.program("gcc").filter(|_| xtask_test_support::process::starts("gcc")) else {
        return xtask_test_support::skip::skipped("headers_of_another_c_library_are_found_out", "gcc");
    };
    let machine = Machine::new().set("TARGET_CC", cc.display().to_string());
    match look(&machine, MUSL, false).tried.remove(0).1 {
        Verdict::Broken { step, said, .. } => {
            assert!(step == "compile" && said.contains("headers are glibc's"), "{said}")
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(look(&machine, GNU, false).tried.remove(0).1, Verdict::Works(_)));
}
