//! The calls in which this program runs instead of a compiler or linker. It filters the arguments of some
//! drivers. It also stands before the linker if host and target are the same triple. The scripts of
//! [`super::wrapper`] make these calls.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use xtask_process::exec::{Cmd, Output, ProcessEnd};
use xtask_triple::Triple;

use super::arguments::left_out::{LeftOutArgument, write_notes};
use super::link::Filter;
use super::mapped_link::{self, MapRequest, MappedLink};
use super::{Link, arguments};

mod response;

pub(super) use response::LongLine;

/// The word for a call of a [`Filter`] as a C compiler. A wrapper passes after the filter's word:
/// `<link|compile> <triple> <folder> <n> <n driver words…> <arguments…>`.
pub const COMPILE: &str = "compile";
/// The word for a call of a [`Filter`] as a linker.
pub const LINK: &str = "link";

/// The folder in which Cargo puts the outputs for targets, one folder for each triple. Every build sets it. A
/// link with its output elsewhere is for the host.
pub const TARGET_DIR: &str = "XTASK_TARGET_DIR";
/// The host's own compiler, which links the host's programs. Every build sets it.
pub const HOST_CC: &str = "XTASK_HOST_CC";

/// Options for every compilation for a target, one per line. They do not fit into the variables for flags.
pub const PATH_MAPS: &str = "XTASK_PATH_MAPS";

/// The first argument of a target's linker: `__link <triple> <arguments…>`. Programs for the target are
/// linked with the program in [`mapped_link::linker_variable`]. If target and host are the same triple, they
/// share one variable, and programs for the host are linked with [`HOST_CC`].
pub const HOST_OR_TARGET: &str = "__link";
/// The first argument of a call instead of `rust-lld`, which gets a linker's arguments: `__lld <arguments…>`.
pub const RUST_LLD: &str = "__lld";
/// The variable with the path of the `rust-lld` of a build.
pub const RUST_LLD_PROGRAM: &str = "XTASK_RUST_LLD";
/// The variable with the file in which linkers record the arguments that they leave out, one JSON document
/// per line. Nobody reads the output of a linker inside a build.
pub const LEFT_OUT: &str = "XTASK_LEFT_OUT";

/// Whether one of these environment variables has a value.
pub(super) fn any_set(names: &[&str]) -> bool {
    names.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// Returns the options in a variable of a linker, which are kept in front of those that are added.
pub(super) fn given_options(variable: &str) -> std::ffi::OsString {
    std::env::var_os(variable).unwrap_or_default()
}

/// Runs instead of a compiler or linker, if the arguments ask for it. Returns the exit code, or none if they
/// do not.
pub fn take_over(args: &[String]) -> Option<u8> {
    let (word, args) = args.split_first()?;
    match word.as_str() {
        HOST_OR_TARGET => return Some(host_or_target(args)),
        RUST_LLD => return Some(rust_lld(args)),
        _ => {}
    }
    let mut filters = Link::ALL.into_iter().filter_map(|link| link.rules().filter.as_ref());
    filters.find(|filter| filter.word == word).map(|filter| filtered(filter, args))
}

/// A call of a compiler or linker that this program handles.
#[derive(Debug, Clone)]
pub struct DriverCall<'a> {
    /// The program with its fixed arguments.
    pub driver: &'a [String],
    /// The target of the call.
    pub target: &'a Triple,
    /// The folder of the wrapper. Answers of the driver are kept there.
    pub folder: &'a Path,
    /// The arguments of the caller. For a linker, response files are expanded.
    pub args: Vec<String>,
}

fn filtered(filter: &Filter, args: &[String]) -> u8 {
    let usage = || usage(filter.word);
    let [way, triple, folder, count, rest @ ..] = args else { return usage() };
    let parts = count.parse().ok().and_then(|n| rest.split_at_checked(n));
    let Some((driver, rest)) = parts.filter(|(driver, _)| !driver.is_empty()) else { return usage() };
    let target = &Triple::parse(triple);
    let call = |args: Vec<String>| DriverCall { driver, target, folder: Path::new(folder), args };
    if way == COMPILE {
        if let Some(cc) = built_for_host(target, std::env::var_os("OUT_DIR").as_deref().map(Path::new)) {
            return Cmd::new(cc).args(rest).replace();
        }
        return match response::expand_compilers(rest) {
            Ok(mut rest) => {
                let maps = std::env::var(PATH_MAPS).unwrap_or_default();
                rest.extend(maps.lines().map(str::to_owned));
                (filter.compile)(&call(rest))
            }
            Err(error) => unreadable(&error),
        };
    }
    let expanded = match response::expand(rest) {
        Ok(expanded) => expanded,
        Err(error) => return unreadable(&error),
    };
    if let Some(cc) = built_for_host(target, output(&expanded).as_deref()) {
        // The original arguments: the content of a response file may not fit on a command line.
        return Cmd::new(cc).args(rest).replace();
    }
    (filter.link)(&call(expanded))
}

/// Runs `rust-lld` with the arguments that it accepts.
fn rust_lld(args: &[String]) -> u8 {
    let Some(program) = std::env::var_os(RUST_LLD_PROGRAM) else { return usage(RUST_LLD) };
    let args = match response::expand(args) {
        Ok(args) => args,
        Err(error) => return unreadable(&error),
    };
    let line = arguments::lld::arguments(arguments::read(args), &|file| file.is_file());
    note(&line.left_out);
    LongLine::new(Cmd::new(program), line.args).map_or_else(failed, LongLine::replace)
}

fn unreadable(error: &std::io::Error) -> u8 {
    eprintln!("cannot read a response file: {error}");
    1
}

/// Records the arguments that a linker did not get.
pub(super) fn note(left_out: &[LeftOutArgument]) {
    if let Some(file) = std::env::var_os(LEFT_OUT) {
        write_notes(Path::new(&file), left_out);
    }
}

/// Prints the output of a command on the same streams, and returns its exit code, or 1 if a signal ended it. A linker prints
/// its map on standard output.
pub(super) fn relayed(output: &Output) -> u8 {
    let printed = std::io::stdout().write_all(&output.stdout).and_then(|()| std::io::stdout().flush());
    let printed = printed.and_then(|()| std::io::stderr().write_all(&output.stderr));
    match (output.end, printed) {
        (_, Err(error)) => failed(format!("cannot pass on the output of a linker: {error}")),
        (ProcessEnd::Code(code), Ok(())) => u8::try_from(code).unwrap_or(1),
        (_, Ok(())) => 1,
    }
}

/// Prints an error, and returns the exit code for it.
pub(super) fn failed(error: impl std::fmt::Display) -> u8 {
    eprintln!("xtask: {error}");
    1
}

fn host_or_target(args: &[String]) -> u8 {
    let [triple, rest @ ..] = args else { return usage(HOST_OR_TARGET) };
    let triple = Triple::parse(triple);
    let expanded = match response::expand(rest) {
        Ok(expanded) => expanded,
        Err(error) => return unreadable(&error),
    };
    let Some(linker) = std::env::var_os(mapped_link::linker_variable(&triple)) else {
        return usage(HOST_OR_TARGET);
    };
    if let Some(cc) = built_for_host(&triple, output(&expanded).as_deref()) {
        return Cmd::new(cc).args(rest).replace();
    }
    let request = std::env::var(mapped_link::map_variable(&triple)).ok();
    let request = request.as_deref().and_then(MapRequest::of).zip(std::env::var_os(TARGET_DIR));
    let Some((request, dir)) = request else { return Cmd::new(linker).args(rest).replace() };
    let records = mapped_link::records(Path::new(&dir), &triple);
    let linker = Path::new(&linker);
    MappedLink { request, linker, args: rest, expanded: &expanded, records: &records }.run()
}

/// Returns the path of the linker's output.
fn output(args: &[String]) -> Option<PathBuf> {
    args.iter().position(|a| a == "-o").and_then(|i| args.get(i + 1)).map(PathBuf::from)
}

/// Returns the host's compiler if an output does not lie in the target's own folder. Such an output is for
/// the host, and zig never builds for the host. This happens if the target is the host: both then read the
/// same variables.
fn built_for_host(triple: &Triple, made: Option<&Path>) -> Option<PathBuf> {
    let dir = PathBuf::from(std::env::var_os(TARGET_DIR)?).join(triple.as_str());
    let cc = std::env::var_os(HOST_CC)?;
    (!made?.starts_with(dir)).then(|| PathBuf::from(cc))
}

fn usage(word: &str) -> u8 {
    eprintln!("{word} is called by wrappers only");
    2
}

/// Splits a line without quotes into words. A path with spaces is recognized by the file that exists under
/// it.
pub(super) fn words(line: &str, exists: &dyn Fn(&Path) -> bool) -> Vec<String> {
    /// The maximum number of parts that are joined to one path.
    const SPACES: usize = 12;
    let parts: Vec<&str> = line.split(' ').filter(|part| !part.is_empty()).collect();
    let (mut words, mut at) = (Vec::new(), 0);
    while let Some(part) = parts.get(at) {
        let whole = |n: &usize| exists(Path::new(&parts[at..at + n].join(" ")));
        let is_path = part.contains('/') && !part.starts_with('-') && !exists(Path::new(part));
        let longest = SPACES.min(parts.len() - at);
        let count = is_path.then(|| (2..=longest).find(whole)).flatten().unwrap_or(1);
        words.push(parts[at..at + count].join(" "));
        at += count;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_quotes_is_read_by_the_files_that_are_there() {
        let exists =
            |path: &Path| ["/z/a b/libc.a", "m n.o", "/z/x.o", "./c d e/f.a"].map(Path::new).contains(&path);
        let line = "-o out /z/a b/libc.a /z/x.o -znow --as-needed ./c d e/f.a /gone/x y.o";
        let expected =
            ["-o", "out", "/z/a b/libc.a", "/z/x.o", "-znow", "--as-needed", "./c d e/f.a", "/gone/x", "y.o"];
        assert_eq!(words(line, &exists), expected);
    }
}
