//! zig as a C toolchain: where it is found, its flags for a target, and the linker arguments of rustc that it
//! accepts.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Definition, Finds, Search, Supply};
use crate::toolchain::candidates::Zig;
use crate::toolchain::link::{Filter, Preparation, Rules};
use crate::toolchain::mapped_link::MapRequest;
use crate::toolchain::names::{llvm_target, zig_windows};
use crate::toolchain::{Candidate, Link};
use xtask_process::host::Host;
use xtask_triple::{Arch, Libc, Os, Triple};

mod apple;
mod compiling;
mod linking;
mod starting;

pub use apple::{NO_SDK, SDKROOT, sdk_stand_in};
pub use linking::{LinkTarget, ZigLinkLine, filter_linker_args, link_line};

pub(super) const ZIG: Definition = Definition {
    name: "zig",
    only: None,
    find: Some(candidates),
    compilers: &["zig"],
    supply: |target| target_flags(target, None).map(|_| Supply::Zig),
};

/// The rules for linking with zig.
pub(in crate::toolchain) const LINK: Rules = Rules {
    name: "zig",
    // zig links its own musl. Rust's copy of musl would define every symbol a second time.
    rustflag: |target| (target.libc() == Libc::Musl).then_some("-Clink-self-contained=no"),
    filter: Some(Filter { word: "__zig", compile: starting::compile, link: starting::link }),
    versioned: Some("zig"),
    // zig rejects `-Map`, but passes `--print-map` to its built-in LLD.
    map: MapRequest::Printed,
    // zig first makes its C library, its start files and its compiler runtime. That takes about 20 s on two
    // idle cores, several times that on a busy machine. The result is kept, so a later link takes a second.
    preparation: Some(Preparation { limit: Duration::from_secs(900), note: ", with its C library" }),
    // The C++ library of LLVM.
    cxx_library: Some("c++"),
};

fn candidates(search: &Search) -> Finds {
    let Some(mut flags) = target_flags(search.target, search.glibc) else { return Finds::default() };
    let mut absent = None;
    if search.target.os() == Os::Darwin
        && let Some(root) = search.host.var_os(SDKROOT)
    {
        match apple::sdk_flags(Path::new(root)) {
            Ok(sdk) => flags.extend(sdk),
            Err(why) => absent = Some(why),
        }
    }
    let candidate = |zig: &Zig| {
        let driver = |tool: &str| {
            let mut words = vec![zig.program.clone(), tool.to_owned()];
            if matches!(tool, "cc" | "c++") {
                words.extend(flags.iter().cloned());
            }
            words
        };
        Candidate {
            provider: search.provider,
            origin: format!("zig cc {}, {}", flags.join(" "), zig.origin),
            cc: driver("cc"),
            cxx: Some(driver("c++")),
            ar: Some(driver("ar")),
            ranlib: Some(driver("ranlib")),
            linker: None,
            workers: Vec::new(),
            link: Link::Zig,
            absent: absent.clone(),
        }
    };
    Finds {
        candidates: search.zigs.iter().map(candidate).collect(),
        looked_for: Some("zig on PATH, python3 -m ziglang, the zig that `cargo xtask setup` installs".into()),
    }
}

/// Finds every zig on this machine by looking at files: `zig` on PATH, the Python package `ziglang`, and the
/// one in `private`, the folder of setup. They are returned in this order.
pub fn find(host: &Host, private: Option<&Path>) -> Vec<Zig> {
    let mut found = Vec::new();
    if let Some(path) = host.program("zig") {
        found.push(Zig { program: path.to_string_lossy().into_owned(), origin: "zig on PATH".into() });
    }
    if let Some(path) = python_package(host) {
        found.push(Zig {
            program: path.to_string_lossy().into_owned(),
            origin: "the Python package ziglang (python3 -m ziglang)".into(),
        });
    }
    if let Some(path) = private.filter(|p| p.is_file()) {
        found.push(Zig {
            program: path.to_string_lossy().into_owned(),
            origin: "zig installed by `cargo xtask setup`".into(),
        });
    }
    found
}

/// Finds zig in the package `ziglang` of the `python3` on PATH. The package's folder is derived from Python's
/// prefix, so that no Python has to start (30 ms of every plan).
fn python_package(host: &Host) -> Option<PathBuf> {
    let python = std::fs::canonicalize(host.program("python3")?).ok()?;
    let prefixes =
        [host.program("python3")?.parent()?.parent()?.to_owned(), python.parent()?.parent()?.to_owned()];
    for prefix in prefixes {
        // With the prefix `/usr`, pip installs into `/usr/local/lib`, and Debian's packages into
        // `/usr/lib/python3`.
        for lib in [prefix.join("lib"), prefix.join("local/lib")] {
            let Ok(dirs) = std::fs::read_dir(&lib) else { continue };
            let mut dirs: Vec<_> = dirs.flatten().map(|d| d.path()).collect();
            dirs.sort();
            for dir in dirs.into_iter().rev() {
                let python = dir.file_name().is_some_and(|n| n.to_string_lossy().starts_with("python3"));
                for packages in ["site-packages", "dist-packages"] {
                    let zig = dir
                        .join(packages)
                        .join("ziglang")
                        .join(format!("zig{}", std::env::consts::EXE_SUFFIX));
                    if python && zig.is_file() {
                        return Some(zig);
                    }
                }
            }
        }
    }
    None
}

/// Returns the arguments with which `zig cc` compiles for a target, or none if zig does not know the target.
/// `glibc` is the highest glibc version that programs may require, as `2.31`.
///
/// The CPU is named if zig's default differs from rustc's. rustc's `armv7-*` targets have VFPv3-D16 and no
/// NEON (<https://doc.rust-lang.org/rustc/platform-support.html>). zig's `arm` is an older CPU.
pub fn target_flags(target: &Triple, glibc: Option<&str>) -> Option<Vec<String>> {
    if let Some(flags) = apple::target_flags(target) {
        return Some(flags);
    }
    let mut name = llvm_target(target).or_else(|| zig_windows(target))?;
    if target.arch() == Arch::X86
        && let Some(rest) = name.strip_prefix("i686")
    {
        name = format!("x86{rest}");
    }
    if target.libc() == Libc::Glibc
        && let Some(version) = glibc
    {
        name = format!("{name}.{version}");
    }
    let mut flags = vec!["-target".to_owned(), name];
    match target.arch() {
        Arch::ArmV7 => flags.push("-mcpu=generic+v7a+vfp3d16+thumb2".into()),
        Arch::ArmV6 => flags.push("-mcpu=generic+v6+vfp2".into()),
        _ => {}
    }
    Some(flags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_name_the_target_and_its_floor() {
        let flags = |t: &str, glibc| target_flags(&Triple::parse(t), glibc).map(|f| f.join(" "));
        assert_eq!(
            flags("aarch64-unknown-linux-gnu", Some("2.31")).as_deref(),
            Some("-target aarch64-linux-gnu.2.31")
        );
        assert_eq!(flags("x86_64-unknown-linux-musl", None).as_deref(), Some("-target x86_64-linux-musl"));
        assert_eq!(flags("i686-unknown-linux-musl", None).as_deref(), Some("-target x86-linux-musl"));
        assert_eq!(
            flags("armv7-unknown-linux-musleabihf", None).as_deref(),
            Some("-target arm-linux-musleabihf -mcpu=generic+v7a+vfp3d16+thumb2")
        );
        let windows = "-target aarch64-windows-gnu";
        assert_eq!(flags("aarch64-pc-windows-gnullvm", None).as_deref(), Some(windows));
        for other in ["x86_64-pc-windows-gnu", "x86_64-unknown-freebsd"] {
            assert_eq!(flags(other, None), None);
        }
        assert_eq!(flags("aarch64-apple-darwin", None).as_deref(), Some("-target aarch64-macos.11.0"));
        assert_eq!(flags("x86_64-apple-darwin", None).as_deref(), Some("-target x86_64-macos.10.12"));
    }
}
