//! The runner of a target's programs on this machine: the machine itself, qemu's user mode emulation, or a
//! program that starts programs of another system. The row of the target's system names the latter.

use std::path::{Path, PathBuf};

use super::names::gnu_prefixes;
use xtask_files::error::Result;
use xtask_process::exec::Cmd;
use xtask_process::host::Host;
use xtask_process::ui::Ui;
use xtask_triple::system::SystemEmulator;
use xtask_triple::{Arch, Env, Libc, Triple, system};

mod wasi_host;
mod wine;

pub use wasi_host::WasiHost;

/// The ways to run a target's programs on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Runner {
    /// The machine runs the programs itself.
    Native,
    /// qemu's user mode emulation.
    Qemu {
        /// The path of the emulator's program.
        program: PathBuf,
        /// The folder of the target's dynamic loader and libraries (`-L`); none if programs are static.
        sysroot: Option<PathBuf>,
    },
    /// wine, which starts Windows programs.
    Wine {
        /// The path of wine.
        program: PathBuf,
        /// The folder of wine's files. [`Runner::prepare`] makes it.
        prefix: PathBuf,
    },
    /// A host of WASI, which starts WebAssembly programs.
    Wasi(WasiHost),
    /// The programs cannot be run on this machine.
    None {
        /// The missing part, as text for the user.
        reason: String,
    },
}

impl Runner {
    /// Returns the name that the JSON documents use.
    pub fn name(&self) -> Option<&'static str> {
        match self {
            Runner::Native => Some("native"),
            Runner::Qemu { .. } => Some("qemu"),
            Runner::Wine { .. } => Some("wine"),
            Runner::Wasi(host) => Some(host.name()),
            Runner::None { .. } => None,
        }
    }

    /// Returns the command that runs `program`.
    pub fn command(&self, program: &Path) -> Option<Cmd> {
        match self {
            Runner::Native => Some(Cmd::new(program)),
            Runner::Qemu { program: qemu, sysroot } => {
                let cmd = Cmd::new(qemu);
                let cmd = sysroot.iter().fold(cmd, |cmd, dir| cmd.arg("-L").arg(dir));
                Some(cmd.arg(program))
            }
            Runner::Wine { program: wine, prefix } => Some(wine::command(wine, prefix).arg(program)),
            Runner::Wasi(host) => Some(host.command().arg(program)),
            Runner::None { .. } => None,
        }
    }

    /// Returns the path of the program that starts other programs, if there is one.
    pub fn program(&self) -> Option<&Path> {
        match self {
            Runner::Qemu { program, .. } | Runner::Wine { program, .. } => Some(program),
            Runner::Wasi(host) => Some(host.program()),
            Runner::Native | Runner::None { .. } => None,
        }
    }

    /// Makes what the runner needs before its first start. This takes time once; the result is kept.
    ///
    /// # Errors
    /// It cannot be made, so that the runner starts nothing.
    pub fn prepare(&self, ui: &Ui) -> Result<()> {
        match self {
            Runner::Wine { program, prefix } => wine::prepare(program, prefix, ui),
            Runner::Wasi(host) => host.prepare(),
            Runner::Native | Runner::Qemu { .. } | Runner::None { .. } => Ok(()),
        }
    }

    /// Returns the words for `CARGO_TARGET_<T>_RUNNER`, or none if the machine runs the programs itself.
    /// Variables are set by `env`, because Cargo's runner has none of its own.
    pub fn words(&self) -> Option<Vec<String>> {
        let cmd = self.command(Path::new("")).filter(|_| self.program().is_some())?;
        let text = |word: &std::ffi::OsStr| word.to_string_lossy().into_owned();
        let mut words = Vec::new();
        for (name, value) in &cmd.env {
            match value {
                Some(value) => words.push(format!("{}={}", text(name), text(value))),
                // `env` reads options before assignments.
                None => drop(words.splice(0..0, ["-u".to_owned(), text(name)])),
            }
        }
        if !words.is_empty() {
            words.insert(0, "env".to_owned());
        }
        words.push(text(&cmd.program));
        words.extend(cmd.args.iter().map(|arg| text(arg)).filter(|arg| !arg.is_empty()));
        Some(words)
    }
}

/// Finds the runner for a target. It looks at files only.
pub fn find(target: &Triple, host: &Host) -> Runner {
    let missing = |reason: String| Runner::None { reason };
    // No loader is needed as proof: this program runs on the same target.
    if *target == host.triple {
        return Runner::Native;
    }
    let system = system::of(target);
    let emulated = target.arch() != host.triple.arch();
    if !system.runs_on.contains(&host.triple.os()) {
        return match system.emulator {
            Some(SystemEmulator::Wine) if emulated => {
                missing("wine starts only programs for the processor of this machine".to_owned())
            }
            Some(SystemEmulator::Wine) => match wine::find(host) {
                Some((program, prefix)) => Runner::Wine { program, prefix },
                None => missing(wine::MISSING.to_owned()),
            },
            Some(SystemEmulator::WasiHost) => match WasiHost::find(host) {
                Some(found) => Runner::Wasi(found),
                None => missing(wasi_host::MISSING.to_owned()),
            },
            None => missing(format!("nothing on {} starts {} programs", host.triple, system.name)),
        };
    }
    if !emulated && system.emulator.is_some() {
        // The loader of such a system is not a file that can be looked for.
        return Runner::Native;
    }
    let Some(loader) = loader(target) else { return missing(format!("no runner is known for {target}")) };
    let sysroot = sysroot(target, loader);
    let dynamic = target.libc() == Libc::Glibc;
    if dynamic && sysroot.is_none() {
        let of = gnu_prefixes(target).into_iter().next().unwrap_or_default();
        return missing(format!("no {loader} of {of} on this machine, which dynamic programs need"));
    }
    if !emulated {
        return Runner::Native;
    }
    let Some(qemu) = qemu_arch(target.arch()) else {
        return missing(format!("qemu has no name for {target}"));
    };
    let names = [format!("qemu-{qemu}"), format!("qemu-{qemu}-static")];
    match names.iter().find_map(|name| host.program(name)) {
        Some(program) => Runner::Qemu { program, sysroot: sysroot.filter(|_| dynamic) },
        None => missing(format!("{} not on PATH", names.join(" or "))),
    }
}

/// Whether this machine has the loader for the dynamic programs of a target.
pub fn has_loader(target: &Triple) -> bool {
    loader(target).is_some_and(|loader| sysroot(target, loader).is_some())
}

/// Returns the root folder in which the target's loader lies. `loader` is the path inside of it.
fn sysroot(target: &Triple, loader: &str) -> Option<PathBuf> {
    sysroots(target).into_iter().find(|root| root.join(loader).exists())
}

/// Returns the folders in which Linux distributions keep the libraries of another architecture.
fn sysroots(target: &Triple) -> Vec<PathBuf> {
    let mut roots = vec![PathBuf::from("/")];
    roots.extend(gnu_prefixes(target).iter().map(|p| Path::new("/usr").join(p)));
    roots
}

/// Returns qemu's name of an architecture (`qemu-<name>`).
pub fn qemu_arch(arch: Arch) -> Option<&'static str> {
    Some(match arch {
        Arch::X86_64 => "x86_64",
        Arch::X86 => "i386",
        Arch::Aarch64 => "aarch64",
        Arch::ArmV7 | Arch::ArmV6 | Arch::ArmV5 => "arm",
        Arch::Riscv64 => "riscv64",
        Arch::Powerpc64le => "ppc64le",
        Arch::S390x => "s390x",
        Arch::Loongarch64 => "loongarch64",
        Arch::Wasm32 | Arch::Other => return None,
    })
}

/// Returns the dynamic loader of glibc (<https://sourceware.org/glibc/wiki/ABIList>), relative to its root.
/// For musl it is empty, because its programs are static.
fn loader(target: &Triple) -> Option<&'static str> {
    Some(match (target.env(), target.arch()) {
        (Env::Musl | Env::MuslEabi | Env::MuslEabihf, _) => "",
        (_, Arch::X86_64) => "lib64/ld-linux-x86-64.so.2",
        (_, Arch::X86) => "lib/ld-linux.so.2",
        (_, Arch::Aarch64) => "lib/ld-linux-aarch64.so.1",
        (Env::GnuEabihf, _) => "lib/ld-linux-armhf.so.3",
        (Env::GnuEabi, _) => "lib/ld-linux.so.3",
        (_, Arch::Riscv64) => "lib/ld-linux-riscv64-lp64d.so.1",
        (_, Arch::Powerpc64le) => "lib64/ld64.so.2",
        (_, Arch::S390x) => "lib/ld64.so.1",
        (_, Arch::Loongarch64) => "lib64/ld-linux-loongarch-lp64d.so.1",
        _ => return None,
    })
}
