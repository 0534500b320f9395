//! The meaning of the options of a link. An option of a linker that is in no list here is passed to the
//! linker.

/// The purpose of a driver's option, for a link that starts the linker without a driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// It chooses the linker that the driver starts.
    OtherLinker,
    /// It asks the driver for a runtime, such as a sanitizer's, and its library.
    Runtime,
    /// It sets something that rustc and the toolchain have already decided: the target, start files, the C
    /// library.
    Decided,
    /// It is for the compiler.
    Compiler,
    /// It exports the program's symbols to the libraries that it loads, like `--export-dynamic` of linkers.
    ExportDynamic,
    /// It makes the program position-dependent: linked for a fixed address.
    NoPie,
    /// It makes the program static and position-independent.
    StaticPie,
}

/// A row of the driver table that fits a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DriverOption {
    pub(super) meaning: Meaning,
    /// Whether the next word is its value.
    pub(super) takes_word: bool,
}

/// The words that a row of the table covers.
enum Spelling {
    /// Exactly this word.
    Word(&'static str),
    /// Every word with this prefix.
    Start(&'static str),
    /// This word; the next word is its value.
    WithNext(&'static str),
}

use Meaning::{Compiler, Decided, ExportDynamic, NoPie, OtherLinker, Runtime, StaticPie};
use Spelling::{Start, WithNext, Word};

/// The options of drivers. The first row that fits decides.
const DRIVER: &[(Spelling, Meaning)] = &[
    // Linkers also have options that begin with these letters.
    (Start("-fuse-ld="), OtherLinker),
    (Start("--ld-path="), OtherLinker),
    (WithNext("-B"), OtherLinker),
    (Start("-fsanitize"), Runtime),
    (Start("-static-libasan"), Runtime),
    (Start("-static-libubsan"), Runtime),
    (Start("-static-libtsan"), Runtime),
    (Start("-static-liblsan"), Runtime),
    (Start("-shared-libasan"), Runtime),
    (Start("-shared-libsan"), Runtime),
    (Start("-static-libsan"), Runtime),
    (Start("-fprofile-"), Runtime),
    (Word("-fopenmp"), Runtime),
    (Word("-pg"), Runtime),
    (Word("--coverage"), Runtime),
    (Word("-coverage"), Runtime),
    (Word("-rdynamic"), ExportDynamic),
    (Word("-no-pie"), NoPie),
    (Word("--no-pie"), NoPie),
    (Word("-nopie"), NoPie),
    (Word("-static-pie"), StaticPie),
    (Word("-pthread"), Decided),
    (Word("-pthreads"), Decided),
    (Word("-nostartfiles"), Decided),
    (Word("-nodefaultlibs"), Decided),
    (Word("-nolibc"), Decided),
    (Word("-static-libgcc"), Decided),
    (Word("-static-libstdc++"), Decided),
    (Word("-shared-libgcc"), Decided),
    (Start("-stdlib="), Decided),
    (Start("--stdlib="), Decided),
    (Start("-rtlib="), Decided),
    (Start("--rtlib="), Decided),
    (Start("-unwindlib="), Decided),
    (Start("--unwindlib="), Decided),
    (WithNext("-target"), Decided),
    (WithNext("--target"), Decided),
    (Start("--target="), Decided),
    (Start("-specs="), Decided),
    (Start("--specs="), Decided),
    (WithNext("-specs"), Decided),
    (Start("--gcc-toolchain="), Decided),
    (WithNext("-gcc-toolchain"), Decided),
    (Start("--gcc-install-dir="), Decided),
    (WithNext("-arch"), Decided),
    (Start("-Wa,"), Compiler),
    (Start("-Wp,"), Compiler),
    (WithNext("-Xclang"), Compiler),
    (WithNext("-Xassembler"), Compiler),
    (WithNext("-Xpreprocessor"), Compiler),
    (WithNext("--param"), Compiler),
    (Start("--param="), Compiler),
    (WithNext("-include"), Compiler),
    (WithNext("-isystem"), Compiler),
    (WithNext("-idirafter"), Compiler),
    (WithNext("-iquote"), Compiler),
    (WithNext("-isysroot"), Compiler),
    (Word("-pipe"), Compiler),
    (Start("-pedantic"), Compiler),
    (Word("-ansi"), Compiler),
    (Start("-std="), Compiler),
    (Start("--std="), Compiler),
    (Start("-Q"), Compiler),
    (Start("-W"), Compiler),
    (Word("-Os"), Compiler),
    (Word("-Oz"), Compiler),
    (Word("-Og"), Compiler),
    (Word("-Ofast"), Compiler),
    (Start("-gdwarf"), Compiler),
    (Start("-ggdb"), Compiler),
    (Start("-gline"), Compiler),
    (Start("-gsplit-dwarf"), Compiler),
    (Start("-gz"), Compiler),
    (Start("-nostdinc"), Compiler),
    (Start("-save-temps"), Compiler),
    (WithNext("-D"), Compiler),
    (Start("-D"), Compiler),
];

/// Returns the meaning of a driver's option, or none if the word is not one.
pub(super) fn driver(word: &str) -> Option<DriverOption> {
    let fits = |spelling: &Spelling| match spelling {
        Word(name) | WithNext(name) => word == *name,
        Start(start) => word.starts_with(start),
    };
    let row = DRIVER.iter().find(|(spelling, _)| fits(spelling));
    let meaning = row.map(|(_, meaning)| *meaning).or_else(|| by_letter(word))?;
    Some(DriverOption { meaning, takes_word: matches!(row, Some((WithNext(_), _))) })
}

/// Decides option families whose first letter drivers and linkers share.
fn by_letter(word: &str) -> Option<Meaning> {
    let rest = |start| word.strip_prefix(start);
    if let Some(rest) = rest("-f") {
        // A linker's `-f` names auxiliary filters of libraries. In practice its value is a word of its own.
        let linkers = rest.is_empty()
            || ["lavor", "ini", "ilter", "atal-warnings", "ormat"].iter().any(|l| rest.starts_with(l));
        return (!linkers).then_some(Compiler);
    }
    if let Some(rest) = rest("-m") {
        // `-m elf_x86_64` (an emulation) and `-mllvm` are options of linkers.
        let linkers = rest.is_empty()
            || rest == "llvm"
            || rest.starts_with("llvm=")
            || ["elf", "linux"].iter().any(|part| rest.contains(part));
        return (!linkers).then_some(Compiler);
    }
    if let Some(rest) = rest("-B") {
        let linkers = ["static", "dynamic", "symbolic", "no-symbolic", "group", "shareable"];
        return (!linkers.iter().any(|l| rest.starts_with(l))).then_some(OtherLinker);
    }
    let level = |rest: &str| rest.len() == 1 && rest.chars().all(|c| c.is_ascii_digit());
    (word == "-g" || rest("-g").is_some_and(level)).then_some(Compiler)
}

/// Options of linkers whose value may be the next word.
const WITH_WORD: [&str; 46] = [
    "-o",
    "-L",
    "-z",
    "-m",
    "-T",
    "-e",
    "-u",
    "-h",
    "-y",
    "-I",
    "-R",
    "-a",
    "-A",
    "-c",
    "-Map",
    "--Map",
    "--output",
    "--entry",
    "--undefined",
    "--require-defined",
    "--script",
    "--default-script",
    "--soname",
    "-soname",
    "--rpath",
    "-rpath",
    "--rpath-link",
    "-rpath-link",
    "--dynamic-linker",
    "-dynamic-linker",
    "--library-path",
    "--version-script",
    "-version-script",
    "--dynamic-list",
    "--export-dynamic-symbol",
    "--export-dynamic-symbol-list",
    "--defsym",
    "-defsym",
    "--wrap",
    "-wrap",
    "--exclude-libs",
    "--trace-symbol",
    "-mllvm",
    "-plugin",
    "-flavor",
    "--thread-count",
];

/// Whether the word is a linker's option whose value is the next word.
pub(super) fn takes_word(word: &str) -> bool {
    WITH_WORD.contains(&word)
}

/// Whether drivers, too, take this option with its value in the next word.
pub(super) fn is_common(word: &str) -> bool {
    matches!(word, "-o" | "-L")
}

/// Returns the spelling that drivers and linkers share for an option about the kind of output. A `-static`
/// that is passed on to a linker is excluded: there it says how the linker searches libraries.
pub(super) fn common(word: &str, handed_on: bool) -> Option<&str> {
    match word {
        "-static" | "--static" if !handed_on => Some("-static"),
        "-shared" | "--shared" | "-Bshareable" => Some("-shared"),
        "-pie" | "--pie" | "--pic-executable" => Some("-pie"),
        _ if word.starts_with("-L") => Some(word),
        _ => None,
    }
}

/// Options without a value. In one `-Wl,` a file may follow them.
const ALONE: [&str; 24] = [
    "--start-group",
    "--end-group",
    "-(",
    "-)",
    "--start-lib",
    "--end-lib",
    "--whole-archive",
    "--no-whole-archive",
    "-whole-archive",
    "-no-whole-archive",
    "--as-needed",
    "--no-as-needed",
    "-as-needed",
    "-no-as-needed",
    "--push-state",
    "--pop-state",
    "-Bstatic",
    "-Bdynamic",
    "-dn",
    "-dy",
    "-static",
    "--gc-sections",
    "-s",
    "-S",
];

/// Whether the word after such an option is not its value.
pub(super) fn stands_alone(option: &str) -> bool {
    ALONE.contains(&option) || option.contains('=')
}

/// Libraries that musl provides for compatibility only. Their content is in its libc.
pub(super) const IN_MUSL: [&str; 7] = ["m", "dl", "pthread", "rt", "util", "resolv", "xnet"];

/// Libraries that a C toolchain may provide. Without one, std, its compiler-builtins or musl's libc replace
/// them.
pub(super) const IN_STD: [&str; 6] = ["crypt", "gcc", "gcc_s", "gcc_eh", "ssp", "ssp_nonshared"];

/// Options that change how a linker works or what it prints, but not the program. Names without dashes.
const NO_EFFECT: [&str; 44] = [
    "threads",
    "no-threads",
    "thread-count",
    "fork",
    "no-fork",
    "quick-exit",
    "no-quick-exit",
    "stats",
    "no-keep-memory",
    "reduce-memory-overheads",
    "hash-size",
    "map-whole-files",
    "no-map-whole-files",
    "no-mmap-output-file",
    "mmap-output-file",
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
    "copy-dt-needed-entries",
    "no-copy-dt-needed-entries",
    "add-needed",
    "no-add-needed",
    "accept-unknown-input-arch",
    "no-accept-unknown-input-arch",
    "detect-odr-violations",
    "no-detect-odr-violations",
    "check-sections",
    "no-check-sections",
    "spare-dynamic-tags",
    "disable-auto-image-base",
    "enable-auto-image-base",
    "force-exe-suffix",
    "traditional-format",
    "stub-group-size",
    "undefined-version",
];

/// Whether a linker's option leaves the linked program unchanged.
pub(in crate::toolchain) fn has_no_effect(option: &str) -> bool {
    let name = bare(option);
    let warns = ["warn-", "no-warn-", "time-trace"].iter().any(|start| name.starts_with(start));
    (warns && name != "warn-unresolved-symbols") || NO_EFFECT.contains(&name)
}

/// Returns the name of an option without dashes and value. The name is empty if the word is not an option.
pub(in crate::toolchain) fn bare(option: &str) -> &str {
    let name = option.strip_prefix("--").or_else(|| option.strip_prefix('-')).unwrap_or_default();
    name.split('=').next().unwrap_or(name)
}
