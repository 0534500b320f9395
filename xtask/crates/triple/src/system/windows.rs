//! Windows: PE programs and zip archives, with MinGW's headers and libraries.

use super::{ArchiveFormat, ObjectFormat, System, SystemEmulator, Targets};
use crate::{Arch, Env, Os};

pub(super) const WINDOWS: System = System {
    os: Os::Windows,
    name: "Windows",
    objects: ObjectFormat::Pe,
    targets: Some(Targets {
        name: "Windows with MinGW (x86_64-pc-windows-gnu, x86_64-pc-windows-gnullvm, aarch64-pc-windows-gnullvm)",
        include: |target| match target.env() {
            Env::MingwGnu => target.arch() == Arch::X86_64,
            Env::MingwLlvm => matches!(target.arch(), Arch::X86_64 | Arch::Aarch64),
            _ => false,
        },
        refuse: |target| match (target.env(), target.arch()) {
            (Env::Msvc, Arch::X86_64) => Some(
                "it needs Microsoft's libraries from the Windows SDK, which may not be redistributed; use x86_64-pc-windows-gnullvm or x86_64-pc-windows-gnu",
            ),
            (Env::Msvc, Arch::Aarch64) => Some(
                "it needs Microsoft's libraries from the Windows SDK, which may not be redistributed; use aarch64-pc-windows-gnullvm",
            ),
            _ => None,
        },
    }),
    archive: ArchiveFormat::Zip,
    program_suffix: ".exe",
    images: false,
    runs_on: &[Os::Windows],
    emulator: Some(SystemEmulator::Wine),
    links_statically: |_| false,
    std_links: false,
    without_cxx: None,
};
