//! The flags that rustc needs for a target, and where the user's own flags go. Pure.

use std::path::{Path, PathBuf};

use xtask_triple::flags::codegen_options;

use crate::toolchain::Link;
use xtask_triple::{Libc, Triple, system};

/// What links a target's programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Linker {
    /// A C toolchain's driver.
    Driver {
        /// The program.
        program: PathBuf,
        /// What kind of driver it is.
        link: Link,
    },
    /// `rust-lld`, with the start files and the C library that lie in the std's `self-contained` folder: no C
    /// toolchain takes part.
    RustLld {
        /// The program.
        program: PathBuf,
    },
}

impl Linker {
    /// The program that rustc starts.
    pub fn program(&self) -> &Path {
        match self {
            Linker::Driver { program, .. } | Linker::RustLld { program } => program,
        }
    }

    /// The name that the JSON documents use.
    pub fn name(&self) -> &'static str {
        match self {
            Linker::Driver { link: Link::Driver | Link::MuslSpecs, .. } => "driver",
            Linker::Driver { link: Link::Zig, .. } => "zig",
            Linker::RustLld { .. } => "rust-lld",
        }
    }
}

/// What makes programs static.
const STATIC: &str = "-Ctarget-feature=+crt-static";

/// Whether programs of a target are static, and so cannot load shared libraries when they run: by the user's own flags,
/// ours, and those of targets.toml, in the order in which rustc gets them. The last one that says so decides.
pub fn is_static(target: &Triple, user: &[String], own: &[String]) -> bool {
    let ours = (system::of(target).links_statically)(target).then(|| STATIC.to_owned());
    let mut is_static = false;
    for (_, name, value) in codegen_options(user.iter().chain(&ours).chain(own).map(String::as_str)) {
        for feature in value.split(',').filter(|_| name == "target-feature") {
            match feature {
                "+crt-static" => is_static = true,
                "-crt-static" => is_static = false,
                _ => {}
            }
        }
    }
    is_static
}

/// The flags that a target needs because of its std and its linker, the linker itself excepted: Cargo takes that from
/// `CARGO_TARGET_<T>_LINKER`.
pub fn base(target: &Triple, sysroot: Option<&Path>, linker: &Linker) -> Vec<String> {
    let mut flags = Vec::new();
    if let Some(dir) = sysroot {
        flags.push(format!("--sysroot={}", dir.display()));
    }
    let musl = target.libc() == Libc::Musl;
    if musl {
        // Said for every musl target: riscv64gc's default is dynamic, and others may follow (rust#144513 and kin).
        flags.push(STATIC.into());
    }
    match linker {
        // zig links its own musl; the std's copy would define everything twice.
        Linker::Driver { link: Link::Zig, .. } if musl => flags.push("-Clink-self-contained=no".into()),
        Linker::Driver { link: Link::MuslSpecs, .. } => flags.push("-Crelocation-model=static".into()),
        Linker::Driver { .. } => {}
        Linker::RustLld { .. } => {
            flags.extend(["-Clinker-flavor=ld.lld".into(), "-Clink-self-contained=yes".into()]);
        }
    }
    flags
}
