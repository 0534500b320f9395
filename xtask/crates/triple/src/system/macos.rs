//! macOS: Mach-O programs and tar archives, for the processors of Apple's computers.

use super::{ArchiveFormat, ObjectFormat, System, Targets};
use crate::{Arch, Os, Triple};

pub(super) const MACOS: System = System {
    os: Os::Darwin,
    name: "macOS",
    objects: ObjectFormat::MachO,
    targets: Some(Targets {
        name: "macOS (aarch64-apple-darwin, x86_64-apple-darwin)",
        include: |target| matches!(target.as_str(), "aarch64-apple-darwin" | "x86_64-apple-darwin"),
        refuse: |_| None,
    }),
    archive: ArchiveFormat::TarGz,
    program_suffix: "",
    images: false,
    runs_on: &[],
    emulator: None,
    links_statically: |_| false,
    std_links: false,
    without_cxx: None,
};

/// Returns the oldest macOS on which programs of a target start, as major and minor version; none for another
/// system. It is rustc's default (`rustc --print deployment-target`).
pub fn oldest_macos(target: &Triple) -> Option<(u16, u8)> {
    match (target.os(), target.arch()) {
        (Os::Darwin, Arch::Aarch64) => Some((11, 0)),
        (Os::Darwin, _) => Some((10, 12)),
        _ => None,
    }
}
