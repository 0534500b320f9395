//! What this program does when it stands in for another one: in front of zig, and in place of every
//! C compiler in a pure build. Called by scripts that [`crate::toolchain::wrapper`] and [`crate::trap`] write.

use std::path::{Path, PathBuf};

use crate::exec::Cmd;
use crate::toolchain::zig::{LinkTarget, filter_compiler_args, filter_linker_args};
use crate::triple::Triple;

/// First argument in front of zig: `__zig <link|compile> <triple> <n> <n driver words…> <arguments…>`.
pub const ZIG: &str = "__zig";
/// The way through [`ZIG`] of a C compiler.
pub const COMPILE: &str = "compile";
/// The way through [`ZIG`] of a linker.
pub const LINK: &str = "link";
/// First argument of a trap: see [`crate::trap`].
pub const TRAP: &str = "__trap";

/// The folder under which Cargo puts the outputs for targets, one folder a triple, set for every build. What is linked
/// elsewhere is for the host.
pub const TARGET_DIR: &str = "XTASK_TARGET_DIR";
/// The host's own compiler, as the linker of host units, set for every build.
pub const HOST_CC: &str = "XTASK_HOST_CC";

/// Takes over if the arguments ask for it; returns the exit code.
pub fn take_over(args: &[String]) -> Option<u8> {
    match args.first()?.as_str() {
        ZIG => Some(zig(&args[1..])),
        TRAP => Some(crate::trap::spring(&args[1..])),
        _ => None,
    }
}

fn zig(args: &[String]) -> u8 {
    let [way, triple, count, rest @ ..] = args else { return usage() };
    let Some((driver, rest)) = count.parse().ok().and_then(|n| rest.split_at_checked(n)) else {
        return usage();
    };
    let triple = Triple::parse(triple);
    if way == COMPILE {
        return match built_for_host(&triple, std::env::var_os("OUT_DIR").as_deref().map(Path::new)) {
            Some(cc) => Cmd::new(cc).args(rest).replace(),
            None => {
                Cmd::new(&driver[0]).args(&driver[1..]).args(filter_compiler_args(rest.to_vec())).replace()
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
    let args = filter_linker_args(expanded, LinkTarget::from(&triple));
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

fn usage() -> u8 {
    eprintln!("{ZIG} is called by wrappers only");
    2
}
