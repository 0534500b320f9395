//! macOS: Mach-O programs and tar archives. No target can be built yet.

use super::{ArchiveFormat, ObjectFormat, System};
use crate::Os;

pub(super) const MACOS: System = System {
    os: Os::Darwin,
    name: "macOS",
    objects: ObjectFormat::MachO,
    targets: None,
    archive: ArchiveFormat::TarGz,
    program_suffix: "",
    images: false,
    runs_on: &[],
    emulator: None,
    links_statically: |_| false,
};
