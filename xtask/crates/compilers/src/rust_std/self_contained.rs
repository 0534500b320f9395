//! The start files and the C library with which `rust-lld` links a static musl program without a C toolchain.
//! They lie in the folder `self-contained`, as in rustup's musl stds. For a std that was built here, they are
//! taken once from zig or from a musl gcc.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::marker;
use crate::rustc::libraries;
use xtask_files::error::{Error, Result};
use xtask_process::cache::{self, create_dir};
use xtask_process::exec::Cmd;
use xtask_triple::{Libc, Os, Triple};

/// The time limit of one command. zig's first link compiles all of musl: 20 s on two cores.
const LIMIT: Duration = Duration::from_secs(600);

/// The files that rustc links around a static program (`pre-link-objects-fallback` in its target specs), and
/// the C library. `rcrt1.o` starts a position-independent program (the default of x86_64), `crt1.o` one with
/// a fixed address (the others).
const NEEDED: [&str; 10] = [
    "crt1.o",
    "rcrt1.o",
    "crti.o",
    "crtn.o",
    "crtbegin.o",
    "crtbeginS.o",
    "crtend.o",
    "crtendS.o",
    "libc.a",
    "libunwind.a",
];

/// The files that rustc links around a WASI program. The unwinder is missing: a panic ends such a program.
const NEEDED_FOR_WASI: [&str; 2] = ["crt1-command.o", "libc.a"];

/// The compiler that provides the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SelfContainedSource {
    /// A zig that compiles for the target.
    Zig {
        /// The path of the program `zig`.
        program: PathBuf,
        /// The arguments that make `zig cc` compile for the target.
        flags: Vec<String>,
    },
    /// A gcc that compiles for the musl target.
    Gcc(PathBuf),
}

/// Returns the `self-contained` folder of a target in a sysroot.
pub fn folder(sysroot: &Path, target: &Triple) -> PathBuf {
    libraries(sysroot, target).join("self-contained")
}

/// Whether a sysroot has all files that `rust-lld` needs to link for `target` alone.
pub fn complete(sysroot: &Path, target: &Triple) -> bool {
    let dir = folder(sysroot, target);
    let needed: &[&str] = match (target.libc(), target.os()) {
        (Libc::Musl, _) => &NEEDED,
        (_, Os::Wasi) => &NEEDED_FOR_WASI,
        _ => return false,
    };
    needed.iter().all(|name| dir.join(name).is_file())
}

/// Fills the `self-contained` folder of a std that was built here. It does nothing if the folder is complete.
///
/// # Errors
/// The compiler fails or names other files than expected. The error holds the end of its output.
pub fn fill(
    sysroot: &Path,
    target: &Triple,
    from: &SelfContainedSource,
    progress: &mut dyn FnMut(&str),
) -> Result<()> {
    if complete(sysroot, target) {
        return Ok(());
    }
    let _lock = cache::lock(&super::build::lock_of(sysroot), || {
        progress("waiting for another process that completes the same std");
    })?;
    if complete(sysroot, target) {
        return Ok(());
    }
    let place = folder(sysroot, target);
    let staging = cache::stage(&place)?;
    let made = staging.path().join("made");
    create_dir(&made)?;
    match from {
        SelfContainedSource::Zig { program, flags } => {
            progress("Compiling musl with zig");
            from_zig(program, flags, target, staging.path(), &made)?;
        }
        SelfContainedSource::Gcc(gcc) => from_gcc(gcc, target, staging.path(), &made)?,
    }
    marker::write(&made)?;
    cache::publish(staging, "made", &place)
}

fn from_zig(zig: &Path, flags: &[String], target: &Triple, work: &Path, made: &Path) -> Result<()> {
    xtask_files::write(&work.join("main.c"), b"int main(void) { return 0; }\n")?;
    xtask_files::write(&work.join("empty.c"), b"")?;
    let driver = |command: &str| {
        // A separate cache makes the paths that zig prints short and free of blanks. It also keeps the
        // archive's bytes independent of the location of zig's usual cache.
        Cmd::new(zig)
            .arg(command)
            .cwd(work)
            .env("ZIG_LOCAL_CACHE_DIR", "zig")
            .env("ZIG_GLOBAL_CACHE_DIR", "zig")
    };
    // `-s` omits debug information, which would contain the path of zig's folder.
    let cc = |args: &[&str]| run(&driver("cc").args(flags).args(["-O2", "-s"]).args(args));
    // Position-independent objects link into both kinds of program. `-fPIC` without `-pie` makes zig use the
    // same library and the other start file.
    let pie = cc(&["--verbose", "-static", "-pie", "main.c", "-lunwind", "-o", "pie"])?;
    let fixed = cc(&["--verbose", "-static", "-fPIC", "main.c", "-o", "fixed"])?;
    let part =
        |log: &str, name: &str| linked(log, name).map(|dir| work.join("zig").join("o").join(dir).join(name));
    let part = |log: &str, name: &str| {
        part(log, name).filter(|p| p.is_file()).ok_or_else(|| {
            Error::failed(format!("zig links no {name} for {target}")).found(last_lines(log, 5))
        })
    };
    for (log, name) in [(&pie, "rcrt1.o"), (&pie, "libunwind.a"), (&fixed, "crt1.o")] {
        copy(&part(log, name)?, &made.join(name))?;
    }
    // rustc links `-lc` only, so everything goes into one archive: also zig's own parts of C and the
    // compiler's helpers.
    let mut merge = driver("ar").args(["qLcsD"]).arg(made.join("libc.a"));
    for name in ["libc.a", "libzigc.a", "libcompiler_rt.a"] {
        merge = merge.arg(part(&pie, name)?);
    }
    run(&merge)?;
    // zig's musl needs none of these files, but rustc names them on every link.
    cc(&["-c", "empty.c", "-o", "empty.o"])?;
    for name in NEEDED {
        if !made.join(name).exists() {
            copy(&work.join("empty.o"), &made.join(name))?;
        }
    }
    Ok(())
}

/// Returns the name of the folder (32 hexadecimal digits) from which zig's last linker command took `name`.
fn linked<'l>(log: &'l str, name: &str) -> Option<&'l str> {
    let command = log.lines().rfind(|l| l.starts_with("ld.lld ") && !l.starts_with("ld.lld -r "))?;
    command.split([' ', '"']).find_map(|word| {
        let (before, file) = word.rsplit_once(['/', '\\'])?;
        let (_, dir) = before.rsplit_once(['/', '\\'])?;
        (file == name && dir.len() == 32 && dir.bytes().all(|b| b.is_ascii_hexdigit())).then_some(dir)
    })
}

fn from_gcc(gcc: &Path, target: &Triple, work: &Path, made: &Path) -> Result<()> {
    // `musl-gcc` wraps the host's gcc. Asked for the path of a file, it would name files of the host.
    let machine = run(&Cmd::new(gcc).arg("-dumpmachine"))?;
    let machine = Triple::parse(machine.lines().next().unwrap_or_default().trim());
    if machine.libc() != Libc::Musl {
        return Err(Error::missing(format!("{} compiles for {machine}, not for musl", gcc.display()))
            .found(format!("looked for a C library for {target}")));
    }
    let ask = |what: &str, name: &str| -> Result<PathBuf> {
        let said = run(&Cmd::new(gcc).arg(format!("-print-{what}-name={name}")))?;
        Ok(PathBuf::from(said.lines().next().unwrap_or_default().trim()))
    };
    let file = |name: &str| -> Result<PathBuf> {
        let path = ask("file", name)?;
        if path.is_absolute() && path.is_file() {
            Ok(path)
        } else {
            Err(Error::failed(format!("{} has no {name}", gcc.display())))
        }
    };
    for name in NEEDED {
        match name {
            // gcc keeps its unwinder in `libgcc_eh.a`.
            "libunwind.a" => copy(&file("libgcc_eh.a")?, &made.join(name))?,
            "libc.a" => {
                let (libc, libgcc) = (file("libc.a")?, file("libgcc.a")?);
                let script = format!(
                    "create libc.a\naddlib {}\naddlib {}\nsave\nend\n",
                    libc.display(),
                    libgcc.display()
                );
                xtask_files::write(&work.join("merge.mri"), script.as_bytes())?;
                let shell = Cmd::new("sh").args(["-c", "\"$0\" -M < merge.mri"]).arg(ask("prog", "ar")?);
                run(&shell.cwd(work))?;
                copy(&work.join("libc.a"), &made.join(name))?;
            }
            _ => copy(&file(name)?, &made.join(name))?,
        }
    }
    Ok(())
}

/// Runs a command and returns its standard output and standard error.
fn run(cmd: &Cmd) -> Result<String> {
    let output = cmd.capture_whole(LIMIT)?;
    let said = format!("{}\n{}", output.text(), output.errors());
    if output.ok() {
        Ok(said)
    } else {
        Err(Error::failed(format!("{} failed ({})", Path::new(&cmd.program).display(), output.end))
            .found(format!("the command was: {}", cmd.line()))
            .found(last_lines(said.trim_end(), 10)))
    }
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::copy(from, to).map(|_| ()).map_err(|e| Error::io("cannot copy", from, &e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_link_names_the_parts() {
        let hash = |c: &str| c.repeat(32);
        let log = format!(
            "noise\nld.lld -r -o z/o/{a}/crt1.o z/o/{b}/crt1.o\nld.lld --entry _start /with blank/z/o/{a}/crt1.o z/o/{c}/libc.a\nafter",
            a = hash("a"),
            b = hash("b"),
            c = hash("c")
        );
        assert_eq!(linked(&log, "crt1.o"), Some(hash("a").as_str()));
        assert_eq!(linked(&log, "libc.a"), Some(hash("c").as_str()));
        assert_eq!(linked(&log, "rcrt1.o"), None);
        assert_eq!(linked("", "crt1.o"), None);
    }
}
