//! A Rust target triple, parsed once into types. No other module examines the text of a triple.

pub mod flags;
pub mod system;

use std::fmt;

/// A Rust target triple, with its text and its parsed parts.
///
/// This type does not decide whether rustc knows the triple (`rustc --print target-list` shows that). A part
/// without a name in these types becomes `Other`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Triple {
    text: Box<str>,
    arch: Arch,
    os: Os,
    env: Env,
}

/// The processor architecture. Only architectures that make a difference to this program have a variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Arch {
    /// 64-bit x86 (Rust's `x86_64`).
    X86_64,
    /// 32-bit x86: i586, i686.
    X86,
    /// 64-bit Arm, little endian.
    Aarch64,
    /// 32-bit Arm, version 7 (armv7, thumbv7neon).
    ArmV7,
    /// 32-bit Arm, version 6 (Rust's `arm-*`).
    ArmV6,
    /// 32-bit Arm, version 5TE.
    ArmV5,
    /// 64-bit RISC-V (`riscv64gc`, `riscv64a23`).
    Riscv64,
    /// 64-bit PowerPC, little endian.
    Powerpc64le,
    /// 64-bit IBM Z (`s390x`).
    S390x,
    /// 64-bit LoongArch (Rust's `loongarch64`).
    Loongarch64,
    /// 32-bit WebAssembly (Rust's `wasm32`).
    Wasm32,
    /// An architecture without a variant here.
    Other,
}

/// The operating system of a target. Only systems that make a difference to this program have a variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Os {
    /// Linux. Triples of Android contain it too, but have [`Env::Other`].
    Linux,
    /// Microsoft Windows, with any C runtime.
    Windows,
    /// macOS, which triples call `darwin`.
    Darwin,
    /// WASI, the system interface of WebAssembly, in any preview.
    Wasi,
    /// An operating system without a variant here, or none.
    Other,
}

/// The C library and ABI of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Env {
    /// GNU libc on Linux.
    Gnu,
    /// GNU libc, 32-bit Arm hard float.
    GnuEabihf,
    /// GNU libc, 32-bit Arm soft float.
    GnuEabi,
    /// GNU libc with 32-bit pointers on a 64-bit processor (`gnux32`, `gnu_ilp32`).
    GnuIlp32,
    /// musl on Linux, for a triple without a float convention.
    Musl,
    /// musl, 32-bit Arm hard float.
    MuslEabihf,
    /// musl, 32-bit Arm soft float.
    MuslEabi,
    /// MinGW with GCC's runtime (`windows-gnu`).
    MingwGnu,
    /// MinGW with LLVM's runtime (`windows-gnullvm`).
    MingwLlvm,
    /// Microsoft's C runtime (`windows-msvc`).
    Msvc,
    /// A C library or ABI without a variant here, or none.
    Other,
}

/// The C library family of a target, as images and the gate distinguish it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Libc {
    /// The GNU C library, with any ABI.
    Glibc,
    /// The C library musl, with any ABI.
    Musl,
    /// Any other C library, or none.
    Other,
}

/// An OCI platform: <https://github.com/opencontainers/image-spec/blob/v1.1.0/image-index.md>, "platform".
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform {
    /// The operating system in Go's spelling (GOOS): `linux`, `windows`.
    pub os: &'static str,
    /// The processor architecture in Go's spelling (GOARCH): `amd64`, `arm64`, …
    pub architecture: &'static str,
    /// `v7` for arm, `v8` for arm64; none for other architectures.
    pub variant: Option<&'static str>,
}

impl Triple {
    /// Parses a triple by its fields. It never fails, because only rustc decides which triples exist.
    pub fn parse(text: &str) -> Self {
        let mut fields = text.split('-');
        let arch = fields.next().map_or(Arch::Other, arch);
        let rest: Vec<&str> = fields.collect();
        let os = rest.iter().find_map(|f| os(f)).unwrap_or(Os::Other);
        let env = rest.last().map_or(Env::Other, |f| env(f, os));
        Self { text: text.into(), arch, os, env }
    }

    /// Returns the triple in rustc's spelling.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the processor architecture of the target.
    pub fn arch(&self) -> Arch {
        self.arch
    }

    /// Returns the architecture in rustc's spelling: `armv7`, `riscv64gc`.
    pub fn arch_field(&self) -> &str {
        self.text.split('-').next().unwrap_or_default()
    }

    /// Returns the operating system of the target.
    pub fn os(&self) -> Os {
        self.os
    }

    /// Returns the C library and the ABI of the target.
    pub fn env(&self) -> Env {
        self.env
    }

    /// Returns the C library family of the target.
    pub fn libc(&self) -> Libc {
        match self.env {
            Env::Gnu | Env::GnuEabihf | Env::GnuEabi | Env::GnuIlp32 => Libc::Glibc,
            Env::Musl | Env::MuslEabihf | Env::MuslEabi => Libc::Musl,
            _ => Libc::Other,
        }
    }

    /// Returns the spelling that the `cc` crate uses after `CC_`: `aarch64_unknown_linux_musl`.
    pub fn underscored(&self) -> String {
        self.text.replace(['-', '.'], "_")
    }

    /// Returns the spelling that Cargo uses after `CARGO_TARGET_`: `AARCH64_UNKNOWN_LINUX_MUSL`.
    pub fn shouted(&self) -> String {
        self.underscored().to_ascii_uppercase()
    }

    /// Returns the OCI platform of a program for this target, or none if container images have no such
    /// platform.
    pub fn platform(&self) -> Option<Platform> {
        let os = match self.os {
            Os::Linux => "linux",
            Os::Windows => "windows",
            _ => return None,
        };
        let (architecture, variant) = match self.arch {
            Arch::X86_64 => ("amd64", None),
            Arch::X86 => ("386", None),
            Arch::Aarch64 => ("arm64", Some("v8")),
            Arch::ArmV7 => ("arm", Some("v7")),
            Arch::ArmV6 => ("arm", Some("v6")),
            Arch::ArmV5 => ("arm", Some("v5")),
            Arch::Riscv64 => ("riscv64", None),
            Arch::Powerpc64le => ("ppc64le", None),
            Arch::S390x => ("s390x", None),
            Arch::Loongarch64 => ("loong64", None),
            Arch::Wasm32 | Arch::Other => return None,
        };
        Some(Platform { os, architecture, variant })
    }
}

impl fmt::Display for Triple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl serde::Serialize for Triple {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

/// Writes the spelling of `docker --platform`: `linux/arm64/v8`.
impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.map_or(Ok(()), |v| write!(f, "/{v}"))
    }
}

fn arch(field: &str) -> Arch {
    match field {
        "x86_64" | "x86_64h" => Arch::X86_64,
        "i386" | "i586" | "i686" => Arch::X86,
        "aarch64" | "arm64e" => Arch::Aarch64,
        "armv7" | "armv7a" | "thumbv7neon" => Arch::ArmV7,
        "arm" | "armv6" => Arch::ArmV6,
        "armv5te" | "armv4t" => Arch::ArmV5,
        "riscv64gc" | "riscv64a23" => Arch::Riscv64,
        "powerpc64le" => Arch::Powerpc64le,
        "s390x" => Arch::S390x,
        "loongarch64" => Arch::Loongarch64,
        "wasm32" => Arch::Wasm32,
        _ => Arch::Other,
    }
}

fn os(field: &str) -> Option<Os> {
    Some(match field {
        "linux" => Os::Linux,
        "windows" => Os::Windows,
        "darwin" => Os::Darwin,
        "wasip1" | "wasip2" | "wasip3" | "wasi" => Os::Wasi,
        _ => return None,
    })
}

fn env(field: &str, os: Os) -> Env {
    match (field, os) {
        ("gnu", Os::Windows) => Env::MingwGnu,
        ("gnullvm", Os::Windows) => Env::MingwLlvm,
        ("msvc", _) => Env::Msvc,
        ("gnu", _) => Env::Gnu,
        ("gnueabihf", _) => Env::GnuEabihf,
        ("gnueabi", _) => Env::GnuEabi,
        ("gnux32" | "gnu_ilp32", _) => Env::GnuIlp32,
        ("musl", _) => Env::Musl,
        ("musleabihf", _) => Env::MuslEabihf,
        ("musleabi", _) => Env::MuslEabi,
        _ => Env::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meaning_of_the_triples_people_ship() {
        let cases = [
            ("x86_64-unknown-linux-musl", Arch::X86_64, Libc::Musl, Some("linux/amd64")),
            ("aarch64-unknown-linux-gnu", Arch::Aarch64, Libc::Glibc, Some("linux/arm64/v8")),
            ("armv7-unknown-linux-musleabihf", Arch::ArmV7, Libc::Musl, Some("linux/arm/v7")),
            ("arm-unknown-linux-gnueabihf", Arch::ArmV6, Libc::Glibc, Some("linux/arm/v6")),
            ("riscv64gc-unknown-linux-musl", Arch::Riscv64, Libc::Musl, Some("linux/riscv64")),
            ("x86_64-pc-windows-gnullvm", Arch::X86_64, Libc::Other, Some("windows/amd64")),
            ("aarch64-apple-darwin", Arch::Aarch64, Libc::Other, None),
            ("wasm32-wasip1", Arch::Wasm32, Libc::Other, None),
        ];
        for (text, arch, libc, platform) in cases {
            let triple = Triple::parse(text);
            assert_eq!((triple.arch(), triple.libc()), (arch, libc), "{text}");
            assert_eq!(triple.platform().map(|p| p.to_string()).as_deref(), platform, "{text}");
        }
    }

    #[test]
    fn spellings_for_environment_variables() {
        let triple = Triple::parse("thumbv8m.main-none-eabi");
        assert_eq!(triple.underscored(), "thumbv8m_main_none_eabi");
        assert_eq!(triple.shouted(), "THUMBV8M_MAIN_NONE_EABI");
    }
}
