//! Runs programs of another architecture inside an image. Either the kernel uses an emulator that it keeps
//! open, or an emulator is passed in. Such an emulator must not need libraries, because the image does not
//! have them.

use std::path::{Path, PathBuf};

use xtask_compilers::toolchain::runner::qemu_arch;
use xtask_gate::Facts;
use xtask_process::host::Host;
use xtask_triple::{Arch, Triple};

/// How programs of another architecture are run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emulator {
    /// The emulator to pass in; none if the kernel keeps one open (binfmt_misc with flag `F`).
    pub program: Option<PathBuf>,
}

/// The folder in which the kernel lists the formats that it runs with an emulator.
const BINFMT: &str = "/proc/sys/fs/binfmt_misc";

/// Finds the emulator for programs of this target, or none if the machine can run them itself.
///
/// # Errors
/// The reason why they cannot be run.
pub(super) fn find(target: &Triple, host: &Host) -> Result<Option<Emulator>, String> {
    let own = host.triple.arch();
    if target.arch() == own || (target.arch() == Arch::X86 && own == Arch::X86_64) {
        return Ok(None);
    }
    let Some(arch) = qemu_arch(target.arch()) else { return Err(format!("qemu has no name for {target}")) };
    if held_open(&Path::new(BINFMT).join(format!("qemu-{arch}"))) {
        return Ok(Some(Emulator { program: None }));
    }
    let names = [format!("qemu-{arch}-static"), format!("qemu-{arch}")];
    let found: Vec<PathBuf> = names.iter().filter_map(|name| host.program(name)).collect();
    let alone = found.iter().find(|path| Facts::read(path).is_ok_and(|facts| facts.interpreter.is_none()));
    match (alone, found.first()) {
        (Some(path), _) => Ok(Some(Emulator { program: Some(path.clone()) })),
        (None, Some(path)) => Err(format!("{} needs libraries that an image does not have", path.display())),
        (None, None) => Err(format!("{} is not on PATH", names[0])),
    }
}

/// Returns whether an entry of binfmt_misc is enabled and keeps its interpreter open (the kernel's
/// binfmt-misc.rst, flag `F`).
fn held_open(entry: &Path) -> bool {
    let Ok(text) = std::fs::read_to_string(entry) else { return false };
    let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
    text.lines().any(|line| line == "enabled") && flags.is_some_and(|flags| flags.contains('F'))
}
