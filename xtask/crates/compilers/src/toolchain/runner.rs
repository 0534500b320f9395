//! The runner of a target's programs on this machine: the machine itself, or qemu's user mode emulation.

use std::path::{Path, PathBuf};

use super::names::gnu_prefixes;
use xtask_process::exec::Cmd;
use xtask_process::host::Host;
use xtask_triple::{Arch, Env, Libc, Triple, system};

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
            Runner::None { .. } => None,
        }
    }

    /// Returns the words for `CARGO_TARGET_<T>_RUNNER`, or none if the machine runs the programs itself.
    pub fn words(&self) -> Option<Vec<String>> {
        let cmd = self.command(Path::new("")).filter(|_| matches!(self, Runner::Qemu { .. }))?;
        let mut words = vec![cmd.program.to_string_lossy().into_owned()];
        words.extend(cmd.args.iter().map(|a| a.to_string_lossy().into_owned()).filter(|a| !a.is_empty()));
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
    if !system::of(target).runs_on.contains(&host.triple.os()) {
        return missing(format!("no runner for {target} on {}", host.triple));
    }
    let emulated = target.arch() != host.triple.arch();
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
