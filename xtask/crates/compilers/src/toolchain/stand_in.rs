//! What this program does when it stands in front of a compiler or linker: in front of drivers whose arguments it filters, and
//! in front of the linker where host and target are one triple. Called by the scripts that [`super::wrapper`] writes.

use std::path::{Path, PathBuf};

use xtask_process::exec::Cmd;
use xtask_triple::Triple;

use super::arguments::left_out::{LeftOutArgument, write_notes};
use super::link::Filter;
use super::mapped_link::{self, MapRequest, MappedLink};
use super::{Link, arguments};

mod response;

pub(super) use response::LongLine;

/// The way through a [`Filter`] of a C compiler. Behind the filter's word a wrapper gives `<link|compile> <triple> <folder> <n>
/// <n driver words…> <arguments…>`.
pub const COMPILE: &str = "compile";
/// The way through a [`Filter`] of a linker.
pub const LINK: &str = "link";

/// The folder under which Cargo puts the outputs for targets, one folder a triple, set for every build. What is linked
/// elsewhere is for the host.
pub const TARGET_DIR: &str = "XTASK_TARGET_DIR";
/// The host's own compiler, as the linker of host units, set for every build.
pub const HOST_CC: &str = "XTASK_HOST_CC";

/// Options for every compilation for a target that no variable of flags can hold, a line each.
pub const PATH_MAPS: &str = "XTASK_PATH_MAPS";

/// First argument of the linker of a target: `__link <triple> <arguments…>`. Programs for the target are linked by what
/// [`mapped_link::linker_variable`] names. Where target and host are one triple, which has one variable for both, those for
/// the host are linked by [`HOST_CC`].
pub const HOST_OR_TARGET: &str = "__link";
/// First argument in front of `rust-lld`, which gets what a linker takes: `__lld <arguments…>`.
pub const RUST_LLD: &str = "__lld";
/// The `rust-lld` of a build.
pub const RUST_LLD_PROGRAM: &str = "XTASK_RUST_LLD";
/// The file in which the linkers of a build write down what they leave out, one JSON document a line. A linker runs deep inside
/// a build, where nobody reads what it prints.
pub const LEFT_OUT: &str = "XTASK_LEFT_OUT";

/// Whether one of these variables of the build has a value.
pub(super) fn any_set(names: &[&str]) -> bool {
    names.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// Takes over if the arguments ask for it; returns the exit code.
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

/// A call of a compiler or linker in whose place this program runs.
#[derive(Debug, Clone)]
pub struct DriverCall<'a> {
    /// The program with the arguments that make it what it is.
    pub driver: &'a [String],
    /// The target that it works for.
    pub target: &'a Triple,
    /// The folder of the wrapper, for what is learned of the driver.
    pub folder: &'a Path,
    /// The arguments of the caller. Those of a linker are read from the files that hold them.
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
        // As they came: what filled a file may not fit a command line.
        return Cmd::new(cc).args(rest).replace();
    }
    (filter.link)(&call(expanded))
}

/// Runs `rust-lld` with what it takes of the arguments.
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

/// Writes down what a linker was not given.
pub(super) fn note(left_out: &[LeftOutArgument]) {
    if let Some(file) = std::env::var_os(LEFT_OUT) {
        write_notes(Path::new(&file), left_out);
    }
}

/// Says what failed, and returns the exit code for it.
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

/// The file that a linker is to make.
fn output(args: &[String]) -> Option<PathBuf> {
    args.iter().position(|a| a == "-o").and_then(|i| args.get(i + 1)).map(PathBuf::from)
}

/// zig never builds for the host: where what is made does not lie under the target's own folder, the host's compiler is
/// named. It matters where the target is the host, since both then have the same variables.
fn built_for_host(triple: &Triple, made: Option<&Path>) -> Option<PathBuf> {
    let dir = PathBuf::from(std::env::var_os(TARGET_DIR)?).join(triple.as_str());
    let cc = std::env::var_os(HOST_CC)?;
    (!made?.starts_with(dir)).then(|| PathBuf::from(cc))
}

fn usage(word: &str) -> u8 {
    eprintln!("{word} is called by wrappers only");
    2
}
