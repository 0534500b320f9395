//! The operating systems of targets. Each system has its own file and one row in `SYSTEMS` for everything
//! that differs. Features that a system does not have yet are refused here, so that the messages are the same
//! everywhere.

use crate::{Arch, Os, Platform, Triple};

mod linux;
mod listed;
mod macos;
mod wasi;
mod windows;

pub use listed::LISTED;
pub use macos::oldest_macos;

/// The operating systems, one row each.
static SYSTEMS: &[&System] = &[&linux::LINUX, &windows::WINDOWS, &macos::MACOS, &wasi::WASI];

/// The properties of an operating system for the programs that are built for it.
#[derive(Debug)]
pub struct System {
    /// The system, as triples name it.
    pub os: Os,
    /// The name that messages use.
    pub name: &'static str,
    /// The format of its programs, which decides how the gate reads them.
    pub objects: ObjectFormat,
    /// The targets that can be built; none if no target of the system can be built yet.
    pub targets: Option<Targets>,
    /// The format of archives with its programs.
    pub archive: ArchiveFormat,
    /// The extension of its programs, with the dot: `.exe`. Empty if they have none.
    pub program_suffix: &'static str,
    /// Whether images can be packed for it.
    pub images: bool,
    /// The operating systems of hosts whose kernel starts its programs, with qemu's user mode for other
    /// architectures.
    pub runs_on: &'static [Os],
    /// The program that starts its programs on other systems; none if no such program is supported.
    pub emulator: Option<SystemEmulator>,
    /// Whether rustc links the programs of this target statically. Then the std contains the C library, so
    /// that `rust-lld` links a pure program without a C toolchain.
    pub links_statically: fn(&Triple) -> bool,
    /// Whether `rust-lld` links every program with the C library of the std. A C toolchain then only compiles,
    /// so that its C library is never linked beside the one of the std.
    pub std_links: bool,
    /// The reason why its programs cannot contain C++; none if they can.
    pub without_cxx: Option<&'static str>,
}

/// The targets of a system that can be built.
#[derive(Debug)]
pub struct Targets {
    /// The name of these targets in messages.
    pub name: &'static str,
    /// Whether a target of the system belongs to them.
    pub include: fn(&Triple) -> bool,
    /// Returns why a target of the system does not belong to them, and the way out. None if the list of the
    /// supported targets says enough.
    pub refuse: fn(&Triple) -> Option<&'static str>,
}

/// A program that starts programs of another operating system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemEmulator {
    /// wine, which starts Windows programs for the processor of the host.
    Wine,
    /// A host of WASI, which starts WebAssembly programs: node or wasmtime.
    WasiHost,
}

/// The format of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArchiveFormat {
    /// A tar that is compressed with gzip.
    TarGz,
    /// A zip file.
    Zip,
}

/// The format of programs, libraries and objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectFormat {
    /// ELF, the format of Linux and most other Unix systems.
    Elf,
    /// PE, the format of Windows.
    Pe,
    /// Mach-O, the format of macOS.
    MachO,
    /// WebAssembly modules and components.
    Wasm,
}

/// The row for all systems that are not in `SYSTEMS`. Nothing can be built for them.
static OTHER: System = System {
    os: Os::Other,
    name: "another system",
    targets: Some(Targets {
        name: "none",
        include: |_| false,
        refuse: |target| {
            (target.arch() == Arch::Wasm32).then_some(
                "its modules take their functions from the page or program that loads them, so nothing here can check or start them; use wasm32-wasip1",
            )
        },
    }),
    ..linux::LINUX
};

impl ObjectFormat {
    /// Returns whether programs of the format can carry their dependency list, which is a section that is added
    /// after the link.
    pub fn takes_list(self) -> bool {
        matches!(self, ObjectFormat::Elf | ObjectFormat::Wasm)
    }
}

/// Returns the row of a target's operating system.
pub fn of(target: &Triple) -> &'static System {
    named(target.os())
}

/// Returns the row of an operating system.
pub fn named(os: Os) -> &'static System {
    SYSTEMS.iter().copied().find(|system| system.os == os).unwrap_or(&OTHER)
}

/// Returns the reason why a target can be built on no machine, or none if it can be built.
pub fn refusal(target: &Triple) -> Option<String> {
    let targets = of(target).targets.as_ref();
    if targets.is_some_and(|targets| (targets.include)(target)) {
        return None;
    }
    if let Some(why) = targets.and_then(|targets| (targets.refuse)(target)) {
        return Some(format!("{target} is not supported: {why}"));
    }
    let supported: Vec<&str> = SYSTEMS.iter().filter_map(|s| s.targets.as_ref().map(|t| t.name)).collect();
    Some(format!("{target} is not supported yet; the supported targets are {}", supported.join(", ")))
}

/// Returns the platform of the image that holds a target's program.
///
/// # Errors
/// The message says why no image can hold it.
pub fn image_platform(target: &Triple) -> Result<Platform, String> {
    let system = of(target);
    if !system.images {
        return Err(format!("images contain Linux programs, and {target} is a target for {}", system.name));
    }
    target.platform().ok_or_else(|| format!("\"{target}\" has no platform that container images know"))
}

/// Returns the file name of a target's program.
pub fn program_name(bin: &str, target: &Triple) -> String {
    format!("{bin}{}", of(target).program_suffix)
}

impl ArchiveFormat {
    /// All formats of archives.
    pub const ALL: [ArchiveFormat; 2] = [ArchiveFormat::TarGz, ArchiveFormat::Zip];

    /// Returns the extension of an archive's name: `.tar.gz`.
    pub fn suffix(self) -> &'static str {
        match self {
            ArchiveFormat::TarGz => ".tar.gz",
            ArchiveFormat::Zip => ".zip",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_system_has_one_row() {
        for (triple, os) in [
            ("x86_64-unknown-linux-gnu", "Linux"),
            ("x86_64-pc-windows-gnu", "Windows"),
            ("aarch64-apple-darwin", "macOS"),
            ("wasm32-wasip1", "WASI"),
            ("x86_64-unknown-none", "another system"),
        ] {
            let target = Triple::parse(triple);
            assert_eq!(of(&target).name, os);
            assert_eq!(refusal(&target).is_none(), of(&target).targets.is_some() && os != "another system");
        }
        let said = refusal(&Triple::parse("x86_64-linux-android")).unwrap();
        let expected =
            "x86_64-linux-android is not supported yet; the supported targets are Linux with glibc or musl, ";
        assert!(said.starts_with(expected), "{said}");
        for (triple, reason) in [
            ("wasm32-wasip2", "components"),
            ("wasm32-wasip1-threads", "threads"),
            ("wasm32-wasi", "wasm32-wasip1"),
            ("wasm32-unknown-unknown", "use wasm32-wasip1"),
        ] {
            let said = refusal(&Triple::parse(triple)).unwrap();
            assert!(
                said.starts_with(&format!("{triple} is not supported: ")) && said.contains(reason),
                "{said}"
            );
        }
        let said = refusal(&Triple::parse("x86_64-pc-windows-msvc")).unwrap();
        assert!(said.contains("Windows SDK") && said.contains("x86_64-pc-windows-gnullvm"), "{said}");
    }
}
