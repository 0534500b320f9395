//! What this program does when it stands in front of a compiler or linker: in front of drivers whose arguments it filters, and
//! in front of the linker where host and target are one triple. Called by the scripts that [`super::wrapper`] writes.

use std::path::{Path, PathBuf};

use xtask_process::exec::Cmd;
use xtask_triple::Triple;

use super::Link;
use super::link::Filter;

/// The way through a [`Filter`] of a C compiler. Behind the filter's word a wrapper gives `<link|compile> <triple> <n> <n
/// driver words…> <arguments…>`.
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

/// First argument of the linker where target and host are one triple, which have one variable for it: `__link <triple>
/// <arguments…>`. Programs for the target are linked by what [`LINKER`] names, those for the host by [`HOST_CC`].
pub const HOST_OR_TARGET: &str = "__link";
/// The linker of the target that is the host's triple.
pub const LINKER: &str = "XTASK_LINKER";

/// Takes over if the arguments ask for it; returns the exit code.
pub fn take_over(args: &[String]) -> Option<u8> {
    let (word, args) = args.split_first()?;
    if word == HOST_OR_TARGET {
        return Some(host_or_target(args));
    }
    let mut filters = Link::ALL.into_iter().filter_map(|link| link.rules().filter.as_ref());
    filters.find(|filter| filter.word == word).map(|filter| filtered(filter, args))
}

fn filtered(filter: &Filter, args: &[String]) -> u8 {
    let usage = || usage(filter.word);
    let [way, triple, count, rest @ ..] = args else { return usage() };
    let parts = count.parse().ok().and_then(|n| rest.split_at_checked(n));
    let Some((driver, rest)) = parts.filter(|(driver, _)| !driver.is_empty()) else { return usage() };
    let triple = Triple::parse(triple);
    if way == COMPILE {
        return match built_for_host(&triple, std::env::var_os("OUT_DIR").as_deref().map(Path::new)) {
            Some(cc) => Cmd::new(cc).args(rest).replace(),
            None => {
                let maps = std::env::var(PATH_MAPS).unwrap_or_default();
                let cmd = Cmd::new(&driver[0]).args(&driver[1..]).args((filter.compile)(rest.to_vec()));
                cmd.args(maps.lines()).replace()
            }
        };
    }
    let expanded = match expand(rest) {
        Ok(expanded) => expanded,
        Err(error) => {
            eprintln!("cannot read a response file: {error}");
            return 1;
        }
    };
    let output = expanded.iter().position(|a| a == "-o").and_then(|i| expanded.get(i + 1)).map(Path::new);
    if let Some(cc) = built_for_host(&triple, output) {
        // As they came: what filled a file may not fit a command line.
        return Cmd::new(cc).args(rest).replace();
    }
    let args = (filter.link)(expanded, &triple);
    let length: usize = args.iter().map(|a| a.len() + 1).sum();
    let cmd = Cmd::new(&driver[0]).args(&driver[1..]);
    // Linux takes 2 MB in all and 128 kB in one argument; rustc itself goes over to a file only when it must.
    if length < 100_000 {
        return cmd.args(args).replace();
    }
    let file = std::env::temp_dir().join(format!("xtask-zig-link-{}.rsp", std::process::id()));
    let text: String =
        args.iter().map(|a| format!("\"{}\"\n", a.replace('\\', "\\\\").replace('"', "\\\""))).collect();
    if let Err(error) = std::fs::write(&file, text) {
        eprintln!("cannot write {}: {error}", file.display());
        return 1;
    }
    let code = cmd.arg(format!("@{}", file.display())).pass_through();
    let _ = std::fs::remove_file(&file);
    code
}

fn host_or_target(args: &[String]) -> u8 {
    let [triple, rest @ ..] = args else { return usage(HOST_OR_TARGET) };
    let linker = match (output(rest), std::env::var_os(LINKER)) {
        (Ok(output), Some(linker)) => {
            built_for_host(&Triple::parse(triple), output.as_deref()).unwrap_or_else(|| linker.into())
        }
        (Err(error), _) => {
            eprintln!("cannot read a response file: {error}");
            return 1;
        }
        (_, None) => return usage(HOST_OR_TARGET),
    };
    Cmd::new(linker).args(rest).replace()
}

/// The file that a linker is to make.
fn output(args: &[String]) -> std::io::Result<Option<PathBuf>> {
    let args = expand(args)?;
    Ok(args.iter().position(|a| a == "-o").and_then(|i| args.get(i + 1)).map(PathBuf::from))
}

/// zig never builds for the host: where what is made does not lie under the target's own folder, the host's compiler is
/// named. It matters where the target is the host, since both then have the same variables.
fn built_for_host(triple: &Triple, made: Option<&Path>) -> Option<PathBuf> {
    let dir = PathBuf::from(std::env::var_os(TARGET_DIR)?).join(triple.as_str());
    let cc = std::env::var_os(HOST_CC)?;
    (!made?.starts_with(dir)).then(|| PathBuf::from(cc))
}

/// Replaces `@file` by the file's arguments, as rustc writes them for gcc: one a line, `\` before a space or a `\`.
fn expand(args: &[String]) -> std::io::Result<Vec<String>> {
    let mut all = Vec::new();
    for arg in args {
        match arg.strip_prefix('@') {
            Some(file) => {
                let text = std::fs::read_to_string(file)?;
                all.extend(text.lines().map(unescape));
            }
            None => all.push(arg.clone()),
        }
    }
    Ok(all)
}

fn unescape(line: &str) -> String {
    let mut out = String::new();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        out.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    out
}

fn usage(word: &str) -> u8 {
    eprintln!("{word} is called by wrappers only");
    2
}
