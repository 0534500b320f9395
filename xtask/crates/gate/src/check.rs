//! Judges [`Facts`]: decides whether a program may ship for a target, for the place where it is to start.

use super::{Facts, Glibc, Level, rules};
use xtask_files::error::Error;
use xtask_triple::Triple;

/// The place where the program is to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartSetting {
    /// A machine of the target's kind, with the system's own libraries. Archives are for such machines.
    Standalone,
    /// A container image with this root file system.
    Image(Root),
}

/// The parts of an image's root file system on which programs depend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    /// No interpreter and no libraries.
    Scratch,
}

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The program ships, and the user is told.
    Warn,
    /// The program does not ship.
    Fail,
}

/// A problem that the gate found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Whether the finding prevents the program from shipping.
    pub severity: Severity,
    /// The problem in one line, with the names of what is concerned.
    pub what: String,
    /// The fix in one line.
    pub fix: String,
    /// The symbols of the finding, by their names in objects. [`blame`](super::blame()) finds the objects
    /// that import them.
    pub symbols: Vec<String>,
}

/// The requirements that a program may have of the machines on which it runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// The newest glibc that a program may require (`glibc` in targets.toml).
    pub glibc: Option<Glibc>,
    /// The level of x86-64 that all these machines have (`cpu` in targets.toml). If it is not set, a program
    /// that needs more than the lowest level gets a warning, and libraries for higher levels are not
    /// considered.
    pub level: Option<Level>,
    /// The oldest macOS on which a program must start (`MACOSX_DEPLOYMENT_TARGET`), as major and minor version.
    /// None stands for the target's default.
    pub macos: Option<(u16, u8)>,
}

/// Compares a program's facts with its target and its place. The findings come in a fixed order. The program
/// may ship if no finding is a [`Severity::Fail`].
pub fn check(facts: &Facts, triple: &Triple, setting: StartSetting, limits: Limits) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(rules::system(facts, triple));
    findings.extend(rules::machine(facts, triple));
    findings.extend(rules::float(facts, triple));
    findings.extend(rules::level(facts.level, limits.level));
    findings.extend(rules::linkage(facts, triple, setting));
    findings.extend(rules::interpreter_path(facts, triple));
    findings.extend(everywhere(facts, triple, limits));
    findings
}

/// Returns the findings that are the same for every place where the program may start.
pub(super) fn everywhere(facts: &Facts, triple: &Triple, limits: Limits) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(rules::glibc_floor(facts, triple, limits.glibc));
    findings.extend(rules::glibc_private(facts));
    findings.extend(rules::search_paths(facts));
    findings.extend(rules::stack(facts));
    findings.extend(rules::name_service(facts, triple));
    findings
}

/// Returns the findings that prevent a program from shipping as one error, or none if there are none. `name`
/// is the program's file.
pub fn as_error(name: &str, findings: &[Finding]) -> Option<Error> {
    let mut failed = findings.iter().filter(|f| f.severity == Severity::Fail).peekable();
    failed.peek()?;
    let error = Error::failed(format!("{name} did not pass the gate"));
    Some(failed.fold(error, |error, f| error.found(f.what.as_str()).help(f.fix.as_str())))
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::facts::{ElfMachine, Endian, Float, Linkage, Stack, VersionNeed};
    use super::*;

    pub(in super::super) fn program() -> Facts {
        Facts {
            kind: Linkage::Dynamic,
            bits: 64,
            endian: Endian::Little,
            machine: ElfMachine(object::elf::EM_X86_64.0),
            os_abi: 0,
            float: None,
            interpreter: Some("/lib64/ld-linux-x86-64.so.2".into()),
            needed: vec!["libc.so.6".into()],
            rpath: vec![],
            runpath: vec![],
            versions: vec![],
            stack: Stack::Plain,
            stack_size: 0,
            level: None,
            name_service: None,
        }
    }

    fn need(version: &str, weak: bool, symbols: &[&str]) -> VersionNeed {
        let symbols = symbols.iter().map(|s| (*s).to_owned()).collect();
        VersionNeed { library: "libc.so.6".into(), version: version.into(), weak, symbols }
    }

    fn glibc(floor: &str) -> Limits {
        Limits { glibc: Glibc::parse(floor), ..Limits::default() }
    }

    fn judge(facts: &Facts, floor: &str) -> Vec<(Severity, String)> {
        let triple = Triple::parse("x86_64-unknown-linux-gnu");
        let findings = check(facts, &triple, StartSetting::Standalone, glibc(floor));
        findings.into_iter().map(|f| (f.severity, f.what)).collect()
    }

    #[test]
    fn a_weak_need_does_not_raise_the_floor() {
        let mut facts = program();
        facts.versions =
            vec![need("GLIBC_2.38", true, &["arc4random"]), need("GLIBC_2.17", false, &["puts"])];
        assert_eq!(facts.glibc_max().map(|(v, _)| v), Glibc::parse("2.17"));
        assert_eq!(judge(&facts, "2.31"), []);
    }

    #[test]
    fn many_symbols_are_counted_and_none_is_said() {
        let mut facts = program();
        let names: Vec<String> = (0..11).map(|i| format!("f{i}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        facts.versions = vec![need("GLIBC_2.34", false, &names), need("GLIBC_ABI_DT_RELR", false, &[])];
        let found = judge(&facts, "2.31");
        assert!(
            found[0].1.contains("f0@GLIBC_2.34, f1@GLIBC_2.34, f2@GLIBC_2.34, f3@GLIBC_2.34, f4@GLIBC_2.34, f5@GLIBC_2.34, f6@GLIBC_2.34, f7@GLIBC_2.34 and 3 more of libc.so.6"),
            "{found:?}"
        );
        assert!(found[1].1.contains("the file itself asks for GLIBC_ABI_DT_RELR"), "{found:?}");
    }

    #[test]
    fn internals_of_glibc_and_an_unsaid_stack_are_warnings() {
        let facts = Facts {
            versions: vec![need("GLIBC_PRIVATE", false, &["__libc_dlopen"])],
            stack: Stack::Unsaid,
            ..program()
        };
        let found = judge(&facts, "2.31");
        assert!(
            found.iter().all(|(severity, _)| *severity == Severity::Warn) && found.len() == 2,
            "{found:?}"
        );
        assert!(found[0].1.contains("__libc_dlopen of libc.so.6"));
    }

    #[test]
    fn a_program_of_another_system_fails() {
        let found = judge(&Facts { os_abi: 9, ..program() }, "2.31");
        assert_eq!(found[0].1, "the program is for another operating system (ELF OS/ABI 9)");
    }

    #[test]
    fn float_counts_only_between_programs_of_one_machine() {
        let riscv =
            Facts { machine: ElfMachine(object::elf::EM_RISCV.0), float: Some(Float::Soft), ..program() };
        let triple = Triple::parse("riscv64gc-unknown-linux-gnu");
        let found = check(&riscv, &triple, StartSetting::Standalone, Limits::default());
        assert!(
            found[0].what.contains("by soft float, but riscv64gc-unknown-linux-gnu requires hard float"),
            "{found:?}"
        );
        let found = judge(&riscv, "2.31");
        assert!(found.len() == 1 && found[0].1.starts_with("the program is for riscv64"), "{found:?}");
    }

    #[test]
    fn failures_become_one_error() {
        let triple = Triple::parse("x86_64-unknown-linux-musl");
        let findings = check(&program(), &triple, StartSetting::Image(Root::Scratch), Limits::default());
        let error = as_error("bin/app", &findings).unwrap();
        assert_eq!(error.what, "bin/app did not pass the gate");
        assert_eq!((error.found.len(), error.help.len()), (1, 1));
        let only_warnings = check(
            &Facts { stack: Stack::Unsaid, ..program() },
            &Triple::parse("x86_64-unknown-linux-gnu"),
            StartSetting::Standalone,
            Limits::default(),
        );
        assert_eq!(as_error("bin/app", &only_warnings), None);
    }
}
