//! The arguments of `rust-lld` when rustc starts it without a driver. rustc itself then writes arguments for
//! a linker. But build scripts, `rustflags` and attributes write arguments for a driver, because a driver
//! links most other Rust programs.

use std::path::{Path, PathBuf};

use super::left_out::{LeftOutArgument, LeftOutReason};
use super::table::{self, Meaning};
use super::{LinkArgument, LinkArgumentKind};

/// The name of this linker in the notes about left-out arguments.
const NAME: &str = "rust-lld";

/// The arguments of a linker, and those that it does not get.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkLine {
    /// The arguments, in the linker's own grammar.
    pub args: Vec<String>,
    /// The arguments that were given but are left out.
    pub left_out: Vec<LeftOutArgument>,
}

/// Turns the arguments of a link into those of `rust-lld`. `exists` says whether a file exists. A library
/// whose content is in musl or std is left out; some of these names are kept if a library folder has such a
/// file.
pub fn arguments(args: Vec<LinkArgument>, exists: &dyn Fn(&Path) -> bool) -> LinkLine {
    let folders = folders(&args);
    let found = |name: &str| folders.iter().any(|folder| exists(&folder.join(format!("lib{name}.a"))));
    let fixed = is_fixed(&args);
    let mut line = LinkLine::default();
    for argument in args {
        match reason(&argument, &found) {
            Some(reason) => line.left_out.push(LeftOutArgument::new(&argument, reason, NAME)),
            None => line.args.extend(spelled(argument, fixed)),
        }
    }
    line
}

/// Returns why an argument is left out, or none if it is kept.
fn reason(argument: &LinkArgument, found: &dyn Fn(&str) -> bool) -> Option<LeftOutReason> {
    match argument.kind {
        LinkArgumentKind::Common => None,
        LinkArgumentKind::Library => {
            let name = argument.name();
            let in_std = table::IN_STD.contains(&name) && !found(name);
            (in_std || table::IN_MUSL.contains(&name)).then_some(LeftOutReason::InLibc)
        }
        LinkArgumentKind::Linker => {
            let name = table::bare(argument.name());
            // `rust-lld` accepts `--threads=4`, and no `--threads` without a number.
            let refused = !TAKEN.contains(&name) && !argument.name().starts_with("--threads=");
            (table::has_no_effect(argument.name()) && refused).then_some(LeftOutReason::NoEffect)
        }
        LinkArgumentKind::Driver(meaning) => driver_reason(argument, meaning),
    }
}

/// Returns why an option for a driver is left out when a linker is started instead of a driver.
pub(in crate::toolchain) fn driver_reason(
    argument: &LinkArgument,
    meaning: Meaning,
) -> Option<LeftOutReason> {
    match meaning {
        // `rust-lld` is lld.
        Meaning::OtherLinker if argument.name() == "-fuse-ld=lld" => Some(LeftOutReason::Decided),
        // rustc writes `-B` with the folder of its own linker before `-fuse-ld=lld`.
        Meaning::OtherLinker if argument.name().ends_with("gcc-ld") => Some(LeftOutReason::Decided),
        Meaning::OtherLinker => Some(LeftOutReason::OtherLinker),
        Meaning::Runtime => Some(LeftOutReason::Runtime),
        Meaning::Decided | Meaning::StaticPie => Some(LeftOutReason::Decided),
        Meaning::Compiler => Some(LeftOutReason::Compiler),
        Meaning::ExportDynamic | Meaning::NoPie => None,
    }
}

/// Options that do not change the program and that `rust-lld` accepts.
const TAKEN: [&str; 20] = [
    "stats",
    "no-keep-memory",
    "print-memory-usage",
    "print-map",
    "print-gc-sections",
    "cref",
    "trace",
    "verbose",
    "demangle",
    "no-demangle",
    "color-diagnostics",
    "no-color-diagnostics",
    "fatal-warnings",
    "no-fatal-warnings",
    "check-sections",
    "no-check-sections",
    "no-copy-dt-needed-entries",
    "no-add-needed",
    "undefined-version",
    "time-trace",
];

fn spelled(argument: LinkArgument, fixed: bool) -> Vec<String> {
    let LinkArgument { kind, mut words, .. } = argument;
    match kind {
        LinkArgumentKind::Driver(Meaning::ExportDynamic) => vec!["--export-dynamic".into()],
        LinkArgumentKind::Driver(_) => vec!["--no-pie".into()],
        LinkArgumentKind::Library => vec![format!("-l{}", words.join(" "))],
        LinkArgumentKind::Common if fixed => {
            words.into_iter().filter(|word| word != "-pie").map(fixed_start_file).collect()
        }
        LinkArgumentKind::Linker if fixed && is_of_pie(&words) => Vec::new(),
        LinkArgumentKind::Linker => {
            // Options that GNU ld accepts under a second name.
            if let [option] = &mut words[..]
                && option == "--compress-debug-sections=zlib-gabi"
            {
                "--compress-debug-sections=zlib".clone_into(option);
            } else if let [option] = &mut words[..]
                && option.starts_with("--demangle=")
            {
                "--demangle".clone_into(option);
            }
            words
        }
        LinkArgumentKind::Common => words,
    }
}

/// Whether the last option about it makes the program position-dependent, that is, linked for a fixed
/// address.
fn is_fixed(args: &[LinkArgument]) -> bool {
    let pie = |argument: &LinkArgument| match argument.kind {
        LinkArgumentKind::Driver(Meaning::NoPie) => Some(true),
        LinkArgumentKind::Common if argument.name() == "-pie" => Some(false),
        _ => None,
    };
    args.iter().rev().find_map(pie).unwrap_or(false)
}

/// Replaces a start file of position-independent programs by the one of position-dependent programs.
fn fixed_start_file(word: String) -> String {
    let path = Path::new(&word);
    let fixed = match path.file_name().and_then(|name| name.to_str()) {
        Some("rcrt1.o" | "Scrt1.o") => "crt1.o",
        Some("crtbeginS.o") => "crtbegin.o",
        Some("crtendS.o") => "crtend.o",
        _ => return word,
    };
    path.with_file_name(fixed).to_string_lossy().into_owned()
}

/// Whether this is an option that rustc adds beside `-pie` for a static position-independent program.
fn is_of_pie(words: &[String]) -> bool {
    match words {
        [option] => matches!(option.as_str(), "--no-dynamic-linker" | "-no-dynamic-linker"),
        [option, value] => option == "-z" && value == "text",
        _ => false,
    }
}

/// Returns the folders in which the linker searches libraries.
pub(in crate::toolchain) fn folders(args: &[LinkArgument]) -> Vec<PathBuf> {
    let folder = |argument: &LinkArgument| match &argument.words[..] {
        [option, folder] if matches!(option.as_str(), "-L" | "--library-path") => Some(PathBuf::from(folder)),
        [option] => {
            option.strip_prefix("-L").or_else(|| option.strip_prefix("--library-path=")).map(PathBuf::from)
        }
        _ => None,
    };
    args.iter().filter_map(folder).collect()
}
