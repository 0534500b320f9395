//! The rules of the gate. Each function takes facts and returns findings.

use super::check::{Finding, Root, Severity, StartSetting};
use super::dso::{Object, Pages};
use super::expect;
use super::facts::{Facts, Linkage, Stack};
use super::glibc::{self, Glibc};
use super::level::Level;
use xtask_triple::system::ObjectFormat;
use xtask_triple::{Libc, Os, Triple};

pub(super) fn fail(what: String, fix: impl Into<String>) -> Finding {
    Finding { severity: Severity::Fail, what, fix: fix.into(), symbols: Vec::new() }
}

pub(super) fn warn(what: String, fix: impl Into<String>) -> Finding {
    Finding { severity: Severity::Warn, what, fix: fix.into(), symbols: Vec::new() }
}

pub(super) fn system(facts: &Facts, triple: &Triple) -> Option<Finding> {
    if xtask_triple::system::of(triple).objects != ObjectFormat::Elf {
        return Some(fail(
            format!("this is an ELF program, which {triple} cannot start"),
            format!("build it with `--target {triple}`"),
        ));
    }
    let linux_abi = matches!(facts.os_abi, 0 | 3);
    (triple.os() == Os::Linux && !linux_abi).then(|| {
        fail(
            format!("the program is for another operating system (ELF OS/ABI {})", facts.os_abi),
            format!("look at the linker of {triple}: it links for another system"),
        )
    })
}

pub(super) fn machine(facts: &Facts, triple: &Triple) -> Option<Finding> {
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
            format!("build it with `--target {triple}`, and check the step that copied this file"),
        )
    })
}

pub(super) fn float(facts: &Facts, triple: &Triple) -> Option<Finding> {
    let (wanted, found) = (expect::float(triple)?, facts.float?);
    // The flags of another machine have another meaning. The rule `machine` already reports it.
    let comparable = expect::machine(triple).is_some_and(|(m, ..)| m == facts.machine);
    (comparable && wanted != found).then(|| {
        fail(
            format!("the program passes floating-point values by {found}, but {triple} requires {wanted}"),
            "the C compiler or linker of this target was made for another ABI: `cargo xtask explain` names it",
        )
    })
}

pub(super) fn linkage(facts: &Facts, triple: &Triple, setting: StartSetting) -> Option<Finding> {
    if facts.kind != Linkage::Dynamic {
        return None;
    }
    let wants = wants_of(facts);
    let libc = facts.interpreter.as_deref().and_then(expect::libc_of_interpreter);
    if triple.libc() == Libc::Musl {
        let place = match setting {
            StartSetting::Image(Root::Scratch) => "; a scratch image does not contain it",
            StartSetting::Standalone => "",
        };
        let fix = if libc == Some(Libc::Glibc) {
            format!(
                "it was linked against glibc: give {triple} a toolchain of its own (see `cargo xtask explain {triple}`)"
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
        return Some(nobody_loads(facts));
    }
    if setting == StartSetting::Image(Root::Scratch) {
        return Some(not_on_scratch(&wants));
    }
    (triple.libc() == Libc::Glibc && libc == Some(Libc::Musl)).then(|| {
        fail(
            format!("{triple} uses glibc, but the program was linked against musl: it asks for {wants}"),
            format!("look at the linker of {triple}: `cargo xtask explain {triple}`"),
        )
    })
}

pub(super) fn nobody_loads(facts: &Facts) -> Finding {
    fail(
        format!("the program asks for {} but names no interpreter that would load it", wants_of(facts)),
        "link it without `--no-dynamic-linker`, or statically",
    )
}

pub(super) fn not_on_scratch(wants: &str) -> Finding {
    let fix = "build this image for a musl target, or add `-Ctarget-feature=+crt-static` to the target's rustflags, \
               or put the program on a base that has these (`distroless:cc`)";
    fail(format!("a scratch image has no {wants}, so the program cannot start"), fix)
}

/// Returns why no kernel can map this file, or none if it can be mapped.
pub(super) fn unmappable(object: &Object) -> Option<String> {
    let Pages { align, fits } = object.pages;
    let smallest = expect::pages(object.machine).0;
    if !align.is_power_of_two() {
        Some(format!("a segment has an alignment of {align} bytes, which is not a power of two"))
    } else if fits < smallest {
        Some(format!("its segments are less than a page of {smallest} bytes apart"))
    } else {
        None
    }
}

pub(super) fn pages(object: &Object, triple: &Triple) -> Option<Finding> {
    if let Some(how) = unmappable(object) {
        return Some(fail(
            format!("the program cannot be mapped: {how}"),
            "check the linker script, or the step that post-processed the file",
        ));
    }
    let (_, largest) = expect::pages(object.machine);
    (object.pages.align.min(object.pages.fits) < largest).then(|| {
        warn(
            format!(
                "the program is laid out for pages of {} KiB; it cannot start on machines of {triple} with pages of {} KiB",
                object.pages.align.min(object.pages.fits) >> 10,
                largest >> 10
            ),
            format!("link with `-Clink-arg=-Wl,-z,max-page-size={largest}`"),
        )
    })
}

pub(super) fn level(needed: Option<Level>, limit: Option<Level>) -> Option<Finding> {
    let needed = needed.filter(|level| *level > limit.unwrap_or(Level::V1))?;
    let what = |where_: &str| format!("the program is marked for processors of level {needed}{where_}");
    let flags = "remove `-Ctarget-cpu` and `-march` from this target's flags, or find the object that was compiled with them";
    Some(match limit {
        Some(limit) => {
            let what = what(&format!(", but `cpu` in targets.toml is {limit}"));
            fail(what, format!("{flags}; or set cpu = \"{needed}\" if all machines have such a processor"))
        }
        None => warn(
            what(": it does not start on an older one"),
            format!("{flags}; if it is intended, set cpu = \"{needed}\" in targets.toml"),
        ),
    })
}

fn wants_of(facts: &Facts) -> String {
    wants(facts.interpreter.as_deref(), &facts.needed)
}

/// Returns the interpreter and the libraries that a dynamic program needs, as a phrase.
pub(super) fn wants(interpreter: Option<&str>, needed: &[String]) -> String {
    let interpreter = interpreter.map(|path| format!("interpreter {path}"));
    let needed = (!needed.is_empty()).then(|| needed.join(", "));
    interpreter.into_iter().chain(needed).collect::<Vec<_>>().join(" and ")
}

pub(super) fn interpreter_path(facts: &Facts, triple: &Triple) -> Option<Finding> {
    let (usual, found) = (expect::glibc_interpreter(triple)?, facts.interpreter.as_deref()?);
    let odd = found != usual && expect::libc_of_interpreter(found) != Some(Libc::Musl);
    odd.then(|| {
        warn(
            format!("the program's interpreter is {found}, while other machines have {usual}"),
            format!("link with `-Clink-arg=-Wl,--dynamic-linker={usual}`"),
        )
    })
}

/// The maximum number of symbols that a finding about a version names.
const SYMBOLS_NAMED: usize = 8;

pub(super) fn glibc_floor(facts: &Facts, triple: &Triple, floor: Option<Glibc>) -> Vec<Finding> {
    let Some(floor) = floor.filter(|_| triple.libc() == Libc::Glibc) else { return Vec::new() };
    let above = facts.versions.iter().filter(|n| !n.weak && Glibc::of_symbol(&n.version) > Some(floor));
    above
        .map(|need| {
            let name = |symbol: &String| format!("{symbol}@{}", need.version);
            let who = match need.symbols.as_slice() {
                [] => format!("the file itself asks for {}", need.version),
                all if all.len() <= SYMBOLS_NAMED => {
                    format!("it uses {}", all.iter().map(name).collect::<Vec<_>>().join(", "))
                }
                many => {
                    let first: Vec<String> = many[..SYMBOLS_NAMED].iter().map(name).collect();
                    format!("it uses {} and {} more", first.join(", "), many.len() - SYMBOLS_NAMED)
                }
            };
            let finding = fail(
                format!("the program may require glibc {floor} at most, but {who} of {}", need.library),
                format!(
                    "link against glibc {floor} (zig can: `cc = \"zig\"`), or raise `glibc` in targets.toml"
                ),
            );
            Finding { symbols: need.symbols.clone(), ..finding }
        })
        .collect()
}

pub(super) fn glibc_private(facts: &Facts) -> Option<Finding> {
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

pub(super) fn search_paths(facts: &Facts) -> Option<Finding> {
    let of_this_machine: Vec<&str> = facts
        .rpath
        .iter()
        .chain(&facts.runpath)
        .map(String::as_str)
        .filter(|p| !p.starts_with("$ORIGIN") && !p.starts_with("${ORIGIN}"))
        .collect();
    (facts.kind == Linkage::Dynamic && !of_this_machine.is_empty()).then(|| {
        warn(
            format!(
                "the program searches for libraries in folders of the build machine: {}",
                of_this_machine.join(", ")
            ),
            "remove the rpath, or make it relative to the program (`$ORIGIN/…`)",
        )
    })
}

pub(super) fn stack(facts: &Facts) -> Option<Finding> {
    let fix = "find the assembly source without a `.note.GNU-stack` section, or link with `-Clink-arg=-Wl,-z,noexecstack`";
    match facts.stack {
        Stack::Plain => None,
        Stack::Executable => Some(warn("the program makes its stack executable".into(), fix)),
        Stack::Unsaid => Some(warn(
            "the program does not state whether its stack is executable, so some kernels make it executable"
                .into(),
            fix,
        )),
    }
}

pub(super) fn name_service(facts: &Facts, triple: &Triple) -> Option<Finding> {
    let functions = facts.name_service.as_ref().filter(|_| triple.libc() == Libc::Glibc)?;
    let who = if functions.is_empty() { String::new() } else { format!(" ({})", functions.join(", ")) };
    Some(warn(
        format!(
            "the program is static and contains glibc's name service{who}; it loads libnss libraries at run time if \
             /etc/nsswitch.conf names more than `files` and `dns`, and always with glibc before 2.34; these libraries must \
             be of the same glibc as the program"
        ),
        "build it for a musl target, or link it dynamically; in an image, ship an /etc/nsswitch.conf that names `files dns`",
    ))
}
