//! Programs for other machines, made by cross compilers.

use xtask_gate::{Facts, Float, Glibc, Limits, Linkage, Root, Severity, StartSetting, check};
use xtask_test_support::process::starts;
use xtask_test_support::skip::skipped;
use xtask_triple::Triple;

use crate::programs::{Bench, HELLO, THREADS, facts};
use crate::zig::zig;

fn ships(facts: &Facts, triple: &str, setting: StartSetting) -> bool {
    let findings = check(facts, &Triple::parse(triple), setting, Limits::default());
    findings.iter().all(|f| f.severity != Severity::Fail)
}

#[test]
fn aarch64_by_gnu_gcc() {
    let cc = "aarch64-linux-gnu-gcc";
    if !starts(cc) {
        return skipped("aarch64_by_gnu_gcc", cc);
    }
    let bench = Bench::new();
    let dynamic = facts(&bench.compile(&[cc], &[], HELLO, "dynamic"));
    assert_eq!((dynamic.kind, dynamic.machine_name().as_str()), (Linkage::Dynamic, "aarch64"));
    assert_eq!(dynamic.interpreter.as_deref(), Some("/lib/ld-linux-aarch64.so.1"));
    assert!(dynamic.glibc_max().is_some_and(|(v, _)| v >= Glibc::parse("2.17").unwrap()));
    assert!(ships(&dynamic, "aarch64-unknown-linux-gnu", StartSetting::Standalone));
    assert!(!ships(&dynamic, "aarch64-unknown-linux-gnu", StartSetting::Image(Root::Scratch)));
    assert!(!ships(&dynamic, "x86_64-unknown-linux-gnu", StartSetting::Standalone));
    let fixed = facts(&bench.compile(&[cc], &["-static"], HELLO, "static"));
    assert_eq!(fixed.kind, Linkage::Static);
    assert!(ships(&fixed, "aarch64-unknown-linux-gnu", StartSetting::Image(Root::Scratch)));
}

#[test]
fn float_conventions_by_zig() {
    let Some(zig) = zig() else {
        return skipped("float_conventions_by_zig", "zig");
    };
    let bench = Bench::new();
    let cases = [
        ("arm-linux-musleabihf", "armv7-unknown-linux-musleabihf", "arm", Float::Hard),
        ("arm-linux-musleabi", "armv7-unknown-linux-musleabi", "arm", Float::Soft),
        ("riscv64-linux-musl", "riscv64gc-unknown-linux-musl", "riscv64", Float::Hard),
    ];
    for (target, triple, machine, float) in cases {
        let cc = [zig.as_str(), "cc", "-target", target];
        let facts = facts(&bench.compile(&cc, &["-static"], HELLO, target));
        assert_eq!((facts.machine_name().as_str(), facts.float), (machine, Some(float)), "{target}");
        assert_ne!(facts.kind, Linkage::Dynamic);
        assert!(ships(&facts, triple, StartSetting::Image(Root::Scratch)), "{target}");
        if machine == "arm" {
            let other = if float == Float::Hard {
                "armv7-unknown-linux-musleabi"
            } else {
                "armv7-unknown-linux-musleabihf"
            };
            let findings = check(&facts, &Triple::parse(other), StartSetting::Standalone, Limits::default());
            assert!(findings[0].what.contains(&format!("by {float}, but {other}")), "{findings:?}");
        }
    }
}

#[test]
fn the_floor_that_zig_was_given_is_kept() {
    let name = "the_floor_that_zig_was_given_is_kept";
    let Some(zig) = zig() else { return skipped(name, "zig") };
    let bench = Bench::new();
    let cc = [zig.as_str(), "cc", "-target", "aarch64-linux-gnu.2.31"];
    let facts = facts(&bench.compile(&cc, &[], THREADS, "threads"));
    let floor = Glibc::parse("2.31");
    assert!(facts.glibc_max().is_some_and(|(max, _)| Some(max) <= floor), "{:?}", facts.glibc_max());
    let findings = check(
        &facts,
        &Triple::parse("aarch64-unknown-linux-gnu"),
        StartSetting::Standalone,
        Limits { glibc: floor, ..Limits::default() },
    );
    assert!(findings.iter().all(|f| f.severity != Severity::Fail), "{findings:?}");
}

#[test]
fn musl_output_that_is_secretly_dynamic() {
    let name = "musl_output_that_is_secretly_dynamic";
    let Some(zig) = zig() else { return skipped(name, "zig") };
    let bench = Bench::new();
    let cc = [zig.as_str(), "cc", "-target", "aarch64-linux-musl", "-dynamic"];
    let facts = facts(&bench.compile(&cc, &[], HELLO, "secret"));
    assert_eq!(facts.interpreter.as_deref(), Some("/lib/ld-musl-aarch64.so.1"));
    let musl = check(
        &facts,
        &Triple::parse("aarch64-unknown-linux-musl"),
        StartSetting::Image(Root::Scratch),
        Limits::default(),
    );
    assert_eq!(musl[0].severity, Severity::Fail);
    for part in ["must be static", "/lib/ld-musl-aarch64.so.1", "libc.so", "scratch image does not contain"] {
        assert!(musl[0].what.contains(part), "{part}: {}", musl[0].what);
    }
    assert!(musl[0].fix.contains("+crt-static"));
    let gnu = check(
        &facts,
        &Triple::parse("aarch64-unknown-linux-gnu"),
        StartSetting::Standalone,
        Limits::default(),
    );
    assert!(gnu[0].what.contains("linked against musl"), "{gnu:?}");
}
