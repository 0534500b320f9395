//! WASI: WebAssembly programs and tar archives. No target can be built yet, and the gate has no reader for them.

use super::{ArchiveFormat, ObjectFormat, System};
use crate::Os;

pub(super) const WASI: System = System {
    os: Os::Wasi,
    name: "WASI",
    objects: ObjectFormat::Wasm,
    targets: None,
    archive: ArchiveFormat::TarGz,
    program_suffix: ".wasm",
    images: false,
    runs_on: &[],
    emulator: None,
    links_statically: |_| false,
};
