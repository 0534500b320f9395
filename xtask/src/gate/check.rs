//! Judges [`Facts`]: may this program ship for this target, in this place?

use super::expect;
use super::facts::{Facts, Kind, Stack};
use super::glibc::{self, Glibc};
use crate::error::Error;
use crate::triple::{Libc, Os, Triple};

/// Where the program is to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// On a machine of the target's kind: what an archive is for.
    Standalone,
    /// In a container image, on this root file system.
    Image(Root),
}

/// The root file system of an image, as far as programs depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    /// No interpreter and no library at all.
    Scratch,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It ships, and somebody should know.
    Warn,
    /// It does not ship.
    Fail,
}

/// Something that the gate found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Whether it keeps the program from shipping.
    pub severity: Severity,
    /// What is wrong, one line, with the names that it is about.
    pub what: String,
    /// What would fix it, one line.
    pub fix: String,
}

fn fail(what: String, fix: impl Into<String>) -> Finding {
    Finding { severity: Severity::Fail, what, fix: fix.into() }
}

fn warn(what: String, fix: impl Into<String>) -> Finding {
    Finding { severity: Severity::Warn, what, fix: fix.into() }
}

/// Holds a program's facts against its target and its place. `floor` is the newest glibc that it may require
/// (targets.toml's `glibc`). The findings come in a fixed order; no finding with [`Severity::Fail`] means it may ship.
pub fn check(facts: &Facts, triple: &Triple, setting: Setting, floor: Option<Glibc>) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(system(facts, triple));
    findings.extend(machine(facts, triple));
    findings.extend(float(facts, triple));
    findings.extend(linkage(facts, triple, setting));
    findings.extend(interpreter_path(facts, triple));
    findings.extend(glibc_floor(facts, triple, floor));
    findings.extend(glibc_private(facts));
    findings.extend(search_paths(facts));
    findings.extend(stack(facts));
    findings
}

/// The findings that keep a program from shipping as one error; none if there are none. `name` is the program's file.
pub fn as_error(name: &str, findings: &[Finding]) -> Option<Error> {
    let mut failed = findings.iter().filter(|f| f.severity == Severity::Fail).peekable();
    failed.peek()?;
    let error = Error::failed(format!("{name} did not pass the gate"));
    Some(failed.fold(error, |error, f| error.found(f.what.as_str()).help(f.fix.as_str())))
}

fn system(facts: &Facts, triple: &Triple) -> Option<Finding> {
    let linux_abi = matches!(facts.os_abi, 0 | 3);
    match triple.os() {
        Os::Windows | Os::Darwin | Os::Wasi => Some(fail(
            format!("this is an ELF program, which {triple} cannot start"),
            format!("build it with `--target {triple}`"),
        )),
        Os::Linux if !linux_abi => Some(fail(
            format!("the program is for another operating system (ELF OS/ABI {})", facts.os_abi),
            format!("look at the linker of {triple}: it links for another system"),
        )),
        _ => None,
    }
}

fn machine(facts: &Facts, triple: &Triple) -> Option<Finding> {
    let Some((machine, bits, endian)) = expect::machine(triple) else {
        return Some(warn(
            format!("the machine was not checked: the gate has no rule for {triple}"),
            "start the program once on such a machine before it ships",
        ));
    };
    let same = (facts.machine, facts.bits, facts.endian) == (machine, bits, endian);
    (!same).then(|| {
        fail(
            format!(
                "the program is for {} ({}-bit), but {triple} is {} ({bits}-bit)",
                facts.machine_name(),
                facts.bits,
                machine.name(bits, endian)
            ),
            format!("build it with `--target {triple}`, and look at what copied this file here"),
        )
    })
}

fn float(facts: &Facts, triple: &Triple) -> Option<Finding> {
    let (wanted, found) = (expect::float(triple)?, facts.float?);
    // Of another machine the flags mean nothing here, and `machine` has said so.
    let comparable = expect::machine(triple).is_some_and(|(m, ..)| m == facts.machine);
    (comparable && wanted != found).then(|| {
        fail(
            format!("the program passes floating-point values by {found}, but {triple} wants {wanted}"),
            "the C compiler or linker of this target was made for another ABI: `cargo xtask explain` names it",
        )
    })
}

fn linkage(facts: &Facts, triple: &Triple, setting: Setting) -> Option<Finding> {
    if facts.kind != Kind::Dynamic {
        return None;
    }
    let wants = wants(facts);
    let libc = facts.interpreter.as_deref().and_then(expect::libc_of_interpreter);
    if triple.libc() == Libc::Musl {
        let place = match setting {
            Setting::Image(Root::Scratch) => "; a scratch image has none of that",
            Setting::Standalone => "",
        };
        let fix = if libc == Some(Libc::Glibc) {
            format!(
                "it was linked against glibc: give {triple} a toolchain of its own (`cargo xtask setup {triple}`)"
            )
        } else {
            "add `-Ctarget-feature=+crt-static` to this target's rustflags, and link C libraries as archives (.a)".into()
        };
        return Some(fail(
            format!("a program for {triple} must be static, but it asks for {wants}{place}"),
            fix,
        ));
    }
    if facts.interpreter.is_none() {
        return Some(fail(
            format!("the program asks for {wants} but names no interpreter that would load it"),
            "link it without `--no-dynamic-linker`, or statically",
        ));
    }
    if setting == Setting::Image(Root::Scratch) {
        let fix = "build this image for a musl target, or add `-Ctarget-feature=+crt-static` to the target's rustflags, \
                   or put the program on a base that has these (`distroless:cc`)";
        return Some(fail(format!("a scratch image has no {wants}, so the program cannot start"), fix));
    }
    (triple.libc() == Libc::Glibc && libc == Some(Libc::Musl)).then(|| {
        fail(
            format!("{triple} uses glibc, but the program was linked against musl: it asks for {wants}"),
            format!("look at the linker of {triple}: `cargo xtask explain {triple}`"),
        )
    })
}

/// What a dynamic program asks for, as a phrase.
fn wants(facts: &Facts) -> String {
    let interpreter = facts.interpreter.as_ref().map(|i| format!("interpreter {i}"));
    let needed = (!facts.needed.is_empty()).then(|| facts.needed.join(", "));
    interpreter.into_iter().chain(needed).collect::<Vec<_>>().join(" and ")
}

fn interpreter_path(facts: &Facts, triple: &Triple) -> Option<Finding> {
    let (usual, found) = (expect::glibc_interpreter(triple)?, facts.interpreter.as_deref()?);
    let odd = found != usual && expect::libc_of_interpreter(found) != Some(Libc::Musl);
    odd.then(|| {
        warn(
            format!("the program's interpreter is {found}, while other machines have {usual}"),
            format!("link with `-Clink-arg=-Wl,--dynamic-linker={usual}`"),
        )
    })
}

fn glibc_floor(facts: &Facts, triple: &Triple, floor: Option<Glibc>) -> Vec<Finding> {
    let Some(floor) = floor.filter(|_| triple.libc() == Libc::Glibc) else { return Vec::new() };
    let above = facts.versions.iter().filter(|n| !n.weak && Glibc::of_symbol(&n.version) > Some(floor));
    above
        .map(|need| {
            let who = match need.symbols.as_slice() {
                [] => "the file itself".to_owned(),
                [rest @ .., last] if rest.len() < 8 => {
                    let all: Vec<&str> = rest.iter().chain([last]).map(String::as_str).collect();
                    all.join(", ")
                }
                many => format!("{} and {} more", many[..8].join(", "), many.len() - 8),
            };
            fail(
                format!(
                    "the program may require glibc {floor} at most, but {who} asks for {} of {}",
                    need.version, need.library
                ),
                format!(
                    "link against glibc {floor} (zig can: `cc = \"zig\"`), or raise `glibc` in targets.toml"
                ),
            )
        })
        .collect()
}

fn glibc_private(facts: &Facts) -> Option<Finding> {
    let need = facts.versions.iter().find(|n| n.version == glibc::PRIVATE)?;
    let symbols = need.symbols.join(", ");
    Some(warn(
        format!(
            "the program uses glibc's internals ({symbols} of {}), which fit one release only",
            need.library
        ),
        "find the object that uses them: no portable program does",
    ))
}

fn search_paths(facts: &Facts) -> Option<Finding> {
    let of_this_machine: Vec<&str> = facts
        .rpath
        .iter()
        .chain(&facts.runpath)
        .map(String::as_str)
        .filter(|p| !p.starts_with("$ORIGIN") && !p.starts_with("${ORIGIN}"))
        .collect();
    (facts.kind == Kind::Dynamic && !of_this_machine.is_empty()).then(|| {
        warn(
            format!(
                "the program looks for libraries in {}, as on the machine that built it",
                of_this_machine.join(", ")
            ),
            "remove the rpath, or make it relative to the program (`$ORIGIN/…`)",
        )
    })
}

fn stack(facts: &Facts) -> Option<Finding> {
    let fix = "find the assembly source without a `.note.GNU-stack` section, or link with `-Clink-arg=-Wl,-z,noexecstack`";
    match facts.stack {
        Stack::Plain => None,
        Stack::Executable => Some(warn("the program makes its stack executable".into(), fix)),
        Stack::Unsaid => Some(warn(
            "the program does not say whether its stack is executable, so some kernels make it so".into(),
            fix,
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::{Endian, Float, Machine, VersionNeed};
    use super::*;

    fn program() -> Facts {
        Facts {
            kind: Kind::Dynamic,
            bits: 64,
            endian: Endian::Little,
            machine: Machine(object::elf::EM_X86_64.0),
            os_abi: 0,
            float: None,
            interpreter: Some("/lib64/ld-linux-x86-64.so.2".into()),
            needed: vec!["libc.so.6".into()],
            rpath: vec![],
            runpath: vec![],
            versions: vec![],
            stack: Stack::Plain,
        }
    }

    fn need(version: &str, weak: bool, symbols: &[&str]) -> VersionNeed {
        let symbols = symbols.iter().map(|s| (*s).to_owned()).collect();
        VersionNeed { library: "libc.so.6".into(), version: version.into(), weak, symbols }
    }

    fn judge(facts: &Facts, floor: &str) -> Vec<(Severity, String)> {
        let triple = Triple::parse("x86_64-unknown-linux-gnu");
        let findings = check(facts, &triple, Setting::Standalone, Glibc::parse(floor));
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
            found[0].1.contains("f0, f1, f2, f3, f4, f5, f6, f7 and 3 more asks for GLIBC_2.34"),
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
            Facts { machine: Machine(object::elf::EM_RISCV.0), float: Some(Float::Soft), ..program() };
        let triple = Triple::parse("riscv64gc-unknown-linux-gnu");
        let found = check(&riscv, &triple, Setting::Standalone, None);
        assert!(
            found[0].what.contains("by soft float, but riscv64gc-unknown-linux-gnu wants hard float"),
            "{found:?}"
        );
        let found = judge(&riscv, "2.31");
        assert!(found.len() == 1 && found[0].1.starts_with("the program is for riscv64"), "{found:?}");
    }

    #[test]
    fn failures_become_one_error() {
        let triple = Triple::parse("x86_64-unknown-linux-musl");
        let findings = check(&program(), &triple, Setting::Image(Root::Scratch), None);
        let error = as_error("bin/app", &findings).unwrap();
        assert_eq!(error.what, "bin/app did not pass the gate");
        assert_eq!((error.found.len(), error.help.len()), (1, 1));
        let only_warnings = check(
            &Facts { stack: Stack::Unsaid, ..program() },
            &Triple::parse("x86_64-unknown-linux-gnu"),
            Setting::Standalone,
            None,
        );
        assert_eq!(as_error("bin/app", &only_warnings), None);
    }
}
