//! Divides the arguments of a link with zig: those that the front end of `zig cc` accepts, and those that
//! only its lld accepts.

use std::path::{Path, PathBuf};

use crate::toolchain::arguments::left_out::{LeftOutArgument, LeftOutReason};
use crate::toolchain::arguments::lld::{driver_reason, folders};
use crate::toolchain::arguments::state::without_stack;
use crate::toolchain::arguments::table::{self, Meaning};
use crate::toolchain::arguments::{LinkArgument, LinkArgumentKind, read};
use xtask_triple::{Env, Libc, Triple};

/// The name of this linker in the notes about left-out arguments.
const NAME: &str = "zig";

/// The properties of a target that the linker filter reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkTarget {
    libc: Libc,
    env: Env,
}

impl From<&Triple> for LinkTarget {
    fn from(target: &Triple) -> Self {
        Self { libc: target.libc(), env: target.env() }
    }
}

/// The arguments of a link, divided by their receiver.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ZigLinkLine {
    /// The arguments that `zig cc` accepts.
    pub front: Vec<String>,
    /// The arguments that its front end rejects and its lld accepts, in lld's syntax.
    pub lld: Vec<String>,
    /// The arguments that are left out.
    pub left_out: Vec<LeftOutArgument>,
}

/// Turns rustc's arguments for a gcc-like linker into arguments for `zig cc`. An argument is dropped if zig
/// provides its effect itself or rejects it. This function has no side effects.
pub fn filter_linker_args(args: impl IntoIterator<Item = String>, target: LinkTarget) -> Vec<String> {
    link_line(args, target, &|_| false).front
}

/// Divides the arguments of a link. `exists` says whether a file exists.
pub fn link_line(
    args: impl IntoIterator<Item = String>,
    target: LinkTarget,
    exists: &dyn Fn(&Path) -> bool,
) -> ZigLinkLine {
    let args = without_stack(read(args));
    let folders = folders(&args);
    let found = |name: String| folders.iter().map(|f| f.join(&name)).find(|file| exists(file));
    let mut line = ZigLinkLine::default();
    // Options that came in one `-Wl,` stay in one.
    let mut joined: Option<(usize, Vec<String>)> = None;
    for argument in args.into_iter().filter(|argument| !dropped(argument, target)) {
        let reason = reason(&argument, target, &found);
        if let Some(reason) = reason {
            line.left_out.push(LeftOutArgument::new(&argument, reason, NAME));
            continue;
        }
        match (argument.kind, taken(&argument)) {
            (LinkArgumentKind::Linker, Some(words)) => match &mut joined {
                Some((from, all)) if *from == argument.from => all.extend(words),
                _ => {
                    line.front.extend(joined.replace((argument.from, words)).into_iter().flat_map(handed_on));
                }
            },
            (LinkArgumentKind::Linker, None) => line.lld.extend(argument.words),
            _ => {
                line.front.extend(joined.take().into_iter().flat_map(handed_on));
                line.front.extend(spelled(argument, &found));
            }
        }
    }
    line.front.extend(joined.into_iter().flat_map(handed_on));
    line
}

/// Writes linker options in the form in which a driver passes them on.
fn handed_on((_, words): (usize, Vec<String>)) -> Vec<String> {
    match words.iter().any(|word| word.contains(',')) {
        true => words.into_iter().flat_map(|word| ["-Xlinker".to_owned(), word]).collect(),
        false => vec![format!("-Wl,{}", words.join(","))],
    }
}

fn spelled(argument: LinkArgument, found: &dyn Fn(String) -> Option<PathBuf>) -> Vec<String> {
    let LinkArgument { kind, words, .. } = argument;
    match kind {
        LinkArgumentKind::Library => match words.first().map_or("", String::as_str) {
            // zig has no libgcc. Its libunwind has the same functions.
            "gcc_s" | "gcc_eh" => vec!["-lunwind".into()],
            name => {
                // zig does not search for libraries by their full file names.
                let file = name.strip_prefix(':').and_then(|file| found(file.to_owned()));
                vec![file.map_or_else(|| format!("-l{name}"), |file| file.to_string_lossy().into_owned())]
            }
        },
        // zig ignores `-static-pie`, and would link position-independent objects as position-dependent ones.
        LinkArgumentKind::Driver(Meaning::StaticPie) => vec!["-static".into(), "-pie".into()],
        LinkArgumentKind::Driver(Meaning::ExportDynamic) => vec!["-rdynamic".into()],
        LinkArgumentKind::Driver(Meaning::NoPie) => vec!["-no-pie".into()],
        _ => words,
    }
}

/// Returns why an argument is left out, or none if it is kept.
fn reason(
    argument: &LinkArgument,
    target: LinkTarget,
    found: &dyn Fn(String) -> Option<PathBuf>,
) -> Option<LeftOutReason> {
    match argument.kind {
        LinkArgumentKind::Common => None,
        LinkArgumentKind::Library => {
            // zig provides the other library names of musl, glibc and gcc.
            let guard = matches!(argument.name(), "ssp" | "ssp_nonshared");
            let absent = || found(format!("lib{}.a", argument.name())).is_none();
            (guard && absent()).then_some(LeftOutReason::InLibc)
        }
        LinkArgumentKind::Linker => {
            let effect = taken(argument).is_some() || !table::has_no_effect(argument.name());
            (!effect).then_some(LeftOutReason::NoEffect)
        }
        // zig passes sanitizer options to clang, and has some of their runtimes.
        LinkArgumentKind::Driver(Meaning::Runtime | Meaning::StaticPie) => None,
        // For users with their own start files. It does not apply to musl, because zig always links its own
        // start files there.
        LinkArgumentKind::Driver(Meaning::Decided)
            if target.libc != Libc::Musl && matches!(argument.name(), "-nostartfiles" | "-nolibc") =>
        {
            None
        }
        LinkArgumentKind::Driver(meaning) => driver_reason(argument, meaning),
    }
}

/// Linker flags of rustc that zig's front end rejects, and that do not change a program that links.
const UNKNOWN_TO_ZIG: [&str; 4] =
    ["--no-undefined-version", "--undefined-version", "--fix-cortex-a53-843419", "--disable-auto-image-base"];

/// The arguments of rustc for the runtime of MinGW, which zig has under other names and always links.
const OF_MINGW: [&str; 7] =
    ["-nolibc", "--unwindlib=none", "--nxcompat", "msvcrt", "mingw32", "mingwex", "--dynamicbase"];

/// Whether it is an argument of rustc itself that zig does not need. These are dropped without a note.
fn dropped(argument: &LinkArgument, target: LinkTarget) -> bool {
    let name = argument.name();
    if target.env == Env::MingwLlvm && OF_MINGW.contains(&name) {
        return true;
    }
    match argument.kind {
        LinkArgumentKind::Library => name == "gcc" || (name == "c" && target.libc == Libc::Musl),
        LinkArgumentKind::Linker => {
            UNKNOWN_TO_ZIG.contains(&name) || (name == "-nostdlib" && target.libc == Libc::Musl)
        }
        // `-m64` and `-target` repeat the wrapper's arguments. rustc's own `-fuse-ld` and `-B` name a linker
        // that zig does not use.
        LinkArgumentKind::Driver(Meaning::OtherLinker) => {
            name == "-fuse-ld=lld" || argument.words.iter().any(|word| word.ends_with("gcc-ld"))
        }
        LinkArgumentKind::Driver(Meaning::Decided) => {
            name == "-nodefaultlibs"
                || name.starts_with("--target")
                || name == "-target"
                || (name == "-nostartfiles" && target.libc == Libc::Musl)
        }
        LinkArgumentKind::Driver(Meaning::Compiler) => matches!(name, "-m64" | "-m32"),
        LinkArgumentKind::Driver(_) => false,
        // zig builds musl and its start files itself.
        LinkArgumentKind::Common => target.libc == Libc::Musl && self_contained(name),
    }
}

/// Whether a file is a start file of Rust's musl std. zig links its own instead.
fn self_contained(arg: &str) -> bool {
    let path = Path::new(arg);
    let dir = path.parent().and_then(Path::file_name).is_some_and(|d| d == "self-contained");
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    dir && (name.ends_with(".o") || name == "libc.a")
}

/// The linker options that zig's front end accepts, without dashes and value. Each was tried with zig 0.15.2.
const TAKEN: [&str; 54] = [
    "as-needed",
    "no-as-needed",
    "build-id",
    "compress-debug-sections",
    "hash-style",
    "eh-frame-hdr",
    "no-eh-frame-hdr",
    "version-script",
    "T",
    "script",
    "O0",
    "O1",
    "O2",
    "O3",
    "s",
    "S",
    "x",
    "strip-all",
    "strip-debug",
    "discard-all",
    "gc-sections",
    "no-gc-sections",
    "print-gc-sections",
    "print-map",
    "export-dynamic",
    "E",
    "sort-section",
    "u",
    "e",
    "entry",
    "rpath",
    "soname",
    "h",
    "Bsymbolic",
    "Bstatic",
    "Bdynamic",
    "static",
    "dn",
    "dy",
    "start-group",
    "end-group",
    "whole-archive",
    "no-whole-archive",
    "no-undefined",
    "allow-shlib-undefined",
    "no-allow-shlib-undefined",
    "image-base",
    "dynamic-linker",
    "enable-new-dtags",
    "disable-new-dtags",
    "no-pie",
    "sort-common",
    "z",
    "v",
];

/// The keywords of `-z` that it accepts, up to the `=` if they take a value.
const KEYWORDS: [&str; 13] = [
    "now",
    "relro",
    "norelro",
    "lazy",
    "origin",
    "defs",
    "nodelete",
    "notext",
    "noexecstack",
    "nocopyreloc",
    "stack-size=",
    "max-page-size=",
    "common-page-size=",
];

/// Returns an option of the linker in the form that zig's front end accepts, or none if it rejects the
/// option.
fn taken(argument: &LinkArgument) -> Option<Vec<String>> {
    let words = match &argument.words[..] {
        [option, name] if option == "--undefined" => vec!["-u".to_owned(), name.clone()],
        [option] if option.starts_with("--undefined=") => {
            vec!["-u".to_owned(), option.trim_start_matches("--undefined=").to_owned()]
        }
        // It accepts a keyword of `-z` only as a separate word.
        [option] if option.starts_with("-z") && option.len() > 2 => {
            vec!["-z".to_owned(), option[2..].to_owned()]
        }
        words => words.to_vec(),
    };
    let keyword = |keyword: &str| {
        KEYWORDS.iter().any(|known| match known.strip_suffix('=') {
            Some(name) => keyword.split_once('=').is_some_and(|(keyword, _)| keyword == name),
            None => keyword == *known,
        })
    };
    let takes = match &words[..] {
        [option, value] if option == "-z" => keyword(value),
        [option] if option == "--compress-debug-sections=zlib-gabi" => false,
        [option, ..] => TAKEN.contains(&table::bare(option)),
        [] => false,
    };
    takes.then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filtered(triple: &str, args: &[&str]) -> Vec<String> {
        let target = LinkTarget::from(&Triple::parse(triple));
        filter_linker_args(args.iter().map(|a| (*a).to_owned()), target)
    }

    #[test]
    fn what_zig_refuses_goes() {
        let cases: [(&str, &[&str], &[&str]); 9] = [
            ("x86_64-unknown-linux-musl", &["a.o", "-static-pie"], &["a.o", "-static", "-pie"]),
            ("aarch64-unknown-linux-gnu", &["-Wl,--fix-cortex-a53-843419", "a.o"], &["a.o"]),
            ("x86_64-unknown-linux-gnu", &["-m64", "-lgcc_s", "-lc"], &["-lunwind", "-lc"]),
            ("x86_64-unknown-linux-gnu", &["-fuse-ld=lld", "-B/x/gcc-ld", "a.o"], &["a.o"]),
            ("x86_64-unknown-linux-gnu", &["-Wl,--as-needed,--no-undefined-version"], &["-Wl,--as-needed"]),
            (
                "x86_64-unknown-linux-musl",
                &["-lc", "/s/lib/self-contained/crt1.o", "-nostartfiles", "b.o"],
                &["b.o"],
            ),
            ("x86_64-unknown-linux-musl", &["-target", "x86_64-linux", "--target=x86_64", "b.o"], &["b.o"]),
            (
                "x86_64-pc-windows-gnullvm",
                &[
                    "-nolibc",
                    "--unwindlib=none",
                    "a.o",
                    "-lws2_32",
                    "-lmsvcrt",
                    "-lmingwex",
                    "-Wl,--nxcompat",
                ],
                &["a.o", "-lws2_32"],
            ),
            ("x86_64-unknown-linux-gnu", &["-Wl,-z,relro,-z,now", "-pie"], &["-Wl,-z,relro,-z,now", "-pie"]),
        ];
        for (triple, args, expected) in cases {
            assert_eq!(filtered(triple, args), expected, "{triple} {args:?}");
        }
    }

    #[test]
    fn each_argument_goes_to_whoever_takes_it() {
        let cases: [(&str, &str, &str, &str); 8] = [
            ("-z now -Wl,-zstack-size=9 -u main", "-Wl,-z,now -Wl,-z,stack-size=9 -Wl,-u,main", "", ""),
            (
                "-Wl,--wrap=malloc,--as-needed -Wl,-z,muldefs",
                "-Wl,--as-needed",
                "--wrap=malloc -z muldefs",
                "",
            ),
            ("-Wl,-Map,x.map -Xlinker --defsym -Xlinker a=b", "", "-Map x.map --defsym a=b", ""),
            (
                "-Wl,--push-state,--whole-archive a.a -Wl,--pop-state b.a",
                "-Wl,--whole-archive a.a -Wl,--no-whole-archive b.a",
                "",
                "",
            ),
            (
                "-fuse-ld=mold -Wl,--threads=4 -Os -march=armv8-a+crc",
                "",
                "",
                "-fuse-ld=mold --threads=4 -Os -march=armv8-a+crc",
            ),
            ("-lm -lssp_nonshared -l:libx.a", "-lm -l:libx.a", "", "-lssp_nonshared"),
            ("-Xlinker -rpath -Xlinker /a,b", "-Xlinker -rpath -Xlinker /a,b", "", ""),
            ("-pthread -rdynamic -no-pie -s", "-rdynamic -no-pie -Wl,-s", "", "-pthread"),
        ];
        let target = LinkTarget::from(&Triple::parse("x86_64-unknown-linux-musl"));
        for (args, front, lld, left_out) in cases {
            let line = link_line(args.split(' ').map(str::to_owned), target, &|_| false);
            assert_eq!((line.front.join(" ").as_str(), line.lld.join(" ").as_str()), (front, lld), "{args}");
            let named: Vec<&str> = line.left_out.iter().map(|it| it.argument.as_str()).collect();
            assert_eq!(named.join(" "), left_out, "{args}");
        }
    }
}
