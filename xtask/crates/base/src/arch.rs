//! Debian's names for processor architectures.

use std::fmt;

use xtask_triple::Platform;

/// An architecture for which bases are assembled. The order is that of Debian's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DebianArch {
    /// 64-bit x86, which Debian calls `amd64`.
    Amd64,
    /// 64-bit Arm, which Debian calls `arm64`.
    Arm64,
    /// 32-bit Arm version 7 with hard float.
    Armhf,
    /// 64-bit PowerPC, little endian.
    Ppc64el,
    /// 64-bit RISC-V, which Debian supports since release 13.
    Riscv64,
    /// IBM Z, which Debian calls `s390x`.
    S390x,
}

impl DebianArch {
    /// All architectures, in the order of Debian's names.
    pub const ALL: [Self; 6] =
        [Self::Amd64, Self::Arm64, Self::Armhf, Self::Ppc64el, Self::Riscv64, Self::S390x];

    /// Returns the architectures of a release of Debian.
    pub fn of_release(debian: u8) -> Vec<Self> {
        Self::ALL.into_iter().filter(|arch| debian >= 13 || *arch != Self::Riscv64).collect()
    }

    /// Returns Debian's name, as in the names of packages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
            Self::Armhf => "armhf",
            Self::Ppc64el => "ppc64el",
            Self::Riscv64 => "riscv64",
            Self::S390x => "s390x",
        }
    }

    /// Returns the platform of its images.
    pub fn platform(self) -> Platform {
        let (architecture, variant) = match self {
            Self::Amd64 => ("amd64", None),
            Self::Arm64 => ("arm64", Some("v8")),
            Self::Armhf => ("arm", Some("v7")),
            Self::Ppc64el => ("ppc64le", None),
            Self::Riscv64 => ("riscv64", None),
            Self::S390x => ("s390x", None),
        };
        Platform { os: "linux", architecture, variant }
    }

    /// Returns the architecture of a platform, or none if Debian has no base for it.
    pub fn of(platform: &Platform) -> Option<Self> {
        Self::ALL.into_iter().find(|arch| arch.platform() == *platform)
    }

    /// Parses Debian's name, or the name in images: `armhf`, `arm`, `linux/arm/v7`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|arch| {
            let platform = arch.platform();
            [arch.as_str(), platform.architecture].contains(&text) || platform.to_string() == text
        })
    }
}

impl fmt::Display for DebianArch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xtask_triple::Triple;

    #[test]
    fn names() {
        for arch in DebianArch::ALL {
            assert_eq!(DebianArch::of(&arch.platform()), Some(arch));
            assert_eq!(DebianArch::parse(arch.as_str()), Some(arch));
            assert_eq!(DebianArch::parse(arch.platform().architecture), Some(arch));
        }
        assert_eq!(DebianArch::parse("linux/arm/v7"), Some(DebianArch::Armhf));
        assert_eq!(DebianArch::parse("sparc"), None);
        assert_eq!(DebianArch::of_release(12).len(), 5);
        for (triple, arch) in [
            ("armv7-unknown-linux-gnueabihf", Some(DebianArch::Armhf)),
            ("arm-unknown-linux-gnueabihf", None),
            ("powerpc64le-unknown-linux-gnu", Some(DebianArch::Ppc64el)),
            ("x86_64-pc-windows-gnu", None),
        ] {
            assert_eq!(Triple::parse(triple).platform().and_then(|p| DebianArch::of(&p)), arch, "{triple}");
        }
    }
}
