//! What the command line of a process says of its work.

use std::path::Path;

use crate::kind::WorkKind;
use xtask_compilers::toolchain::compilers::{KEPT_BY_KERNEL, compiles_c, is_compiler};

/// The languages that C compilers compile, with the endings of their source files.
const LANGUAGES: [(&str, &[&str]); 3] = [
    ("C", &["c", "i", "m"]),
    ("C++", &["cc", "cp", "cpp", "cxx", "c++", "C", "ii", "mm"]),
    ("assembler", &["s", "S", "asm"]),
];

/// Options of C compilers whose value is the next argument. That value may look like a source file.
const WITH_FILE: [&str; 6] = ["-o", "-MF", "-MT", "-MQ", "-include", "-main-file-name"];

/// Returns the crate that a rustc or a wrapper around it compiles. The crates of build scripts all have the
/// same name, so they are shown by their packages.
pub fn crate_name(words: &[String]) -> Option<String> {
    // Cargo asks rustc for its settings with this crate name; there is no such crate.
    let name = value(words, "--crate-name").filter(|name| *name != "___")?;
    let package = value(words, "--out-dir").map(Path::new).and_then(package);
    Some(match package.filter(|_| name.starts_with("build_script_")) {
        Some(package) => format!("build script of {package}"),
        None => name.to_owned(),
    })
}

/// Returns whether a process that rustc started is a linker: its arguments name object files, or a file that
/// lists them.
pub fn links(words: &[String]) -> bool {
    words.iter().skip(1).any(|word| word.ends_with(".o") || word.ends_with("linker-arguments"))
}

/// Returns the package whose build script this process is, judging by its path:
/// `…/build/ring-0123456789abcdef/build-script-build`.
pub fn build_script(words: &[String]) -> Option<&str> {
    let program = Path::new(words.first()?);
    let name = program.file_name()?.to_str()?;
    if name.starts_with("build-script-") { package(program.parent()?) } else { None }
}

/// Returns the package of one of Cargo's folders for build scripts: its name without the hash.
fn package(folder: &Path) -> Option<&str> {
    let (name, hash) = folder.file_name()?.to_str()?.rsplit_once('-')?;
    (hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(name)
}

/// Returns the language and the name of the file that a C compiler compiles.
pub fn source(words: &[String]) -> Option<(&'static str, &str)> {
    let (program, arguments) = words.split_first()?;
    // A wrapper is a script: the command is a shell, followed by the script's path.
    let names = [Some(program), arguments.first()].into_iter().flatten();
    if !names.filter_map(|word| Path::new(word).file_name()?.to_str()).any(compiles_c) {
        return None;
    }
    file(program, arguments)
}

fn file<'w>(program: &'w str, arguments: &'w [String]) -> Option<(&'static str, &'w str)> {
    let mut before = program;
    for word in arguments {
        let is_value = WITH_FILE.contains(&std::mem::replace(&mut before, word));
        let file = Path::new(word);
        let ending = file.extension().and_then(|ending| ending.to_str());
        let language = ending.and_then(|e| LANGUAGES.iter().find(|(_, endings)| endings.contains(&e)));
        if let (Some((language, _)), false) = (language, is_value || word.starts_with('-')) {
            return file.file_name()?.to_str().map(|file| (*language, file));
        }
    }
    None
}

/// Returns the argument after `option`.
pub(crate) fn value<'w>(words: &'w [String], option: &str) -> Option<&'w str> {
    let at = words.iter().position(|word| word == option)?;
    words.get(at + 1).map(String::as_str)
}

/// Returns the name of a process for people, which contains no argument except names of crates and C files: other
/// arguments may contain secrets. `name` is the name of its program in the kernel.
pub(crate) fn label(name: &str, words: &[String]) -> String {
    if let Some(krate) = crate_name(words) {
        return format!("rustc: {krate}");
    }
    if let Some(package) = build_script(words) {
        return format!("build script of {package}");
    }
    let inner = matches!(last_part(name), "cc1" | "cc1plus" | "as" | "clang");
    let inside = || words.split_first().filter(|_| inner).and_then(|(program, rest)| file(program, rest));
    match source(words).or_else(inside) {
        Some((language, file)) => format!("{language}: {file}"),
        None => name.to_owned(),
    }
}

/// Returns the kind of work of a process, judging by its program and its arguments, or none if these do not tell it. Then
/// it does the work of the process that started it. `linked` says whether rustc started it.
pub(crate) fn kind(name: &str, words: &[String], linked: bool) -> Option<WorkKind> {
    if crate_name(words).is_some() {
        return Some(WorkKind::Rust);
    }
    if build_script(words).is_some() {
        return Some(WorkKind::Script);
    }
    Some(match last_part(name) {
        "cargo" => WorkKind::Cargo,
        "rustc" => WorkKind::Rust,
        "cc1" | "cc1plus" | "as" | "ar" | "ranlib" => WorkKind::C,
        "ld" | "ld.bfd" | "ld.gold" | "ld.lld" | "lld" | "mold" | "collect2" => WorkKind::Link,
        // Drivers do both, and their arguments show which.
        _ if is_compiler(name) || is_wrapper(words) => driver(words),
        // A driver with a truncated name: `x86_64-linux-gnu-gcc-12` is `x86_64-linux-gn`.
        _ if name.len() == KEPT_BY_KERNEL && name.contains("-linux-") => driver(words),
        _ if linked && links(words) => WorkKind::Link,
        _ => return None,
    })
}

/// Returns the last part of a name that is not a version: `x86_64-linux-gnu-gcc-12` is a `gcc`.
fn last_part(name: &str) -> &str {
    let is_version = |part: &str| part.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    name.rsplit('-').find(|part| !is_version(part)).unwrap_or(name)
}

/// Whether the command is a script that stands for a compiler: an interpreter, followed by the script's path.
fn is_wrapper(words: &[String]) -> bool {
    let script = words.get(1).and_then(|word| Path::new(word).file_name()?.to_str());
    script.is_some_and(|name| name.starts_with(|c: char| c != '-') && compiles_c(name))
}

fn driver(words: &[String]) -> WorkKind {
    let compiles = |word: &String| {
        ["-c", "-S", "-E", "-cc1", "-cc1as", "ar", "ranlib", "--version", "-v"].contains(&word.as_str())
    };
    if words.iter().any(compiles) { WorkKind::C } else { WorkKind::Link }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }

    #[test]
    fn names_and_arguments_tell_the_work() {
        use WorkKind::{C, Cargo, Link, Rust, Script};
        for (name, line, expected) in [
            ("cargo", "cargo build", Some(Cargo)),
            ("rustc", "rustc --crate-name x -o y", Some(Rust)),
            ("sccache", "sccache rustc --crate-name x", Some(Rust)),
            ("cc1", "", Some(C)),
            ("gcc", "gcc -c x.c", Some(C)),
            ("gcc", "gcc x.o -o x", Some(Link)),
            ("gcc-12", "gcc-12 -O2 -c x.c", Some(C)),
            ("aarch64-linux-g", "aarch64-linux-gnu-gcc -c x.c", Some(C)),
            ("x86_64-linux-gn", "x86_64-linux-gnu-ld x.o", Some(Link)),
            ("rust-lld", "", Some(Link)),
            ("ld.lld", "", Some(Link)),
            ("zig", "zig clang -cc1 x.c", Some(C)),
            ("zig", "zig cc x.o -o x", Some(Link)),
            ("cc", "/bin/sh /w/wrappers/a-1/cc -c x.c", Some(C)),
            ("cc", "/bin/sh /w/wrappers/a-1/cc x.o -o x", Some(Link)),
            // A shell with a script of its own compiles nothing itself.
            ("sh", "sh -c true", None),
            ("perl", "perl Configure", None),
            ("build-script-bu", "/t/build/x-0123456789abcdef/build-script-build", Some(Script)),
        ] {
            assert_eq!(kind(name, &words(line), false), expected, "{name} {line}");
        }
        // What rustc starts with object files is its linker, whatever its name is.
        assert_eq!(kind("cargo-xtask", &words("cargo-xtask link x.o"), true), Some(Link));
        assert_eq!(kind("git", &words("git rev-parse"), true), None);
    }

    #[test]
    fn a_label_has_no_argument_but_names() {
        for (name, line, expected) in [
            ("rustc", "rustc --crate-name tokio --cfg secret", "rustc: tokio"),
            ("gcc", "gcc -DTOKEN=secret -c sqlite3/sqlite3.c -o x.o", "C: sqlite3.c"),
            ("cc1", "/usr/libexec/cc1 -quiet -DTOKEN=secret a/sqlite3.c -o /tmp/x.s", "C: sqlite3.c"),
            ("as", "as -o x.o /tmp/cc1.s", "assembler: cc1.s"),
            ("curl", "curl --header secret", "curl"),
            ("build-script-bu", "/t/build/ring-0123456789abcdef/build-script-build", "build script of ring"),
        ] {
            assert_eq!(label(name, &words(line)), expected);
        }
    }
}
