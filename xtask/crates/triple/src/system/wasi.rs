//! WASI preview 1: WebAssembly programs and tar archives. `rust-lld` links them with the wasi-libc of Rust's std.

use super::{ArchiveFormat, ObjectFormat, System, SystemEmulator, Targets};
use crate::Os;

pub(super) const WASI: System = System {
    os: Os::Wasi,
    name: "WASI",
    objects: ObjectFormat::Wasm,
    targets: Some(Targets {
        name: "WASI preview 1 (wasm32-wasip1)",
        include: |target| target.as_str() == "wasm32-wasip1",
        refuse: |target| {
            Some(match target.as_str() {
                "wasm32-wasi" => "newer releases of rustc call it wasm32-wasip1; use that name",
                "wasm32-wasip1-threads" => {
                    "its programs import their memory and ask the host for threads, which WASI preview 1 does not have; use wasm32-wasip1"
                }
                _ => {
                    "its programs are components, which need another host than those of WASI preview 1; use wasm32-wasip1"
                }
            })
        },
    }),
    archive: ArchiveFormat::TarGz,
    program_suffix: ".wasm",
    images: false,
    runs_on: &[],
    emulator: Some(SystemEmulator::WasiHost),
    links_statically: |_| true,
    std_links: true,
    without_cxx: Some(
        "the C++ libraries for it are built without exceptions, and Rust's std for it contains none",
    ),
};
