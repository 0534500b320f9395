//! Linux: ELF programs, glibc or musl, tar archives and images.

use super::{ArchiveFormat, ObjectFormat, System, Targets};
use crate::{Libc, Os};

pub(super) const LINUX: System = System {
    os: Os::Linux,
    name: "Linux",
    objects: ObjectFormat::Elf,
    targets: Some(Targets {
        name: "Linux with glibc or musl",
        include: |target| target.libc() != Libc::Other,
        refuse: |_| None,
    }),
    archive: ArchiveFormat::TarGz,
    program_suffix: "",
    images: true,
    runs_on: &[Os::Linux],
    emulator: None,
    links_statically: |target| target.libc() == Libc::Musl,
    std_links: false,
    without_cxx: None,
};
