//! zig as a C toolchain: where to find it, which flags name a target, and which of rustc's linker arguments it takes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Definition, Finds, Search, Supply};
use crate::toolchain::candidates::Zig;
use crate::toolchain::link::{Filter, Preparation, Rules};
use crate::toolchain::names::llvm_target;
use crate::toolchain::{Candidate, Link};
use xtask_process::host::Host;
use xtask_triple::{Arch, Env, Libc, Triple};

pub(super) const ZIG: Definition = Definition {
    name: "zig",
    only: None,
    find: Some(candidates),
    compilers: &["zig"],
    supply: |target| target_flags(target, None).map(|_| Supply::Zig),
};

/// How rustc links with it.
pub(in crate::toolchain) const LINK: Rules = Rules {
    name: "zig",
    // zig links its own musl; the std's copy would define everything twice.
    rustflag: |target| (target.libc() == Libc::Musl).then_some("-Clink-self-contained=no"),
    filter: Some(Filter {
        word: "__zig",
        compile: filter_compiler_args,
        link: |args, target| filter_linker_args(args, LinkTarget::from(target)),
    }),
    versioned: Some("zig"),
    // Its C library, its start files and its compiler runtime: about 20 s on two idle cores, several times that on a busy
    // machine. It keeps them, so that the link that is judged afterwards takes a second.
    preparation: Some(Preparation { limit: Duration::from_secs(900), note: ", with its C library" }),
    // LLVM's.
    cxx_library: Some("c++"),
};

fn candidates(search: &Search) -> Finds {
    let Some(flags) = target_flags(search.target, search.glibc) else { return Finds::default() };
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
            link: Link::Zig,
            absent: None,
        }
    };
    Finds {
        candidates: search.zigs.iter().map(candidate).collect(),
        looked_for: Some("zig on PATH, python3 -m ziglang, the zig that `cargo xtask setup` installs".into()),
    }
}

/// Finds every zig on this machine: `zig` on PATH, the Python package `ziglang`, and the one in `private` (the folder
/// that setup installs it into), in this order. Looks at files only.
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

/// The zig inside the package `ziglang` of the `python3` on PATH. The package's folder is where its prefix says, so
/// that no Python has to start (30 ms of every plan).
fn python_package(host: &Host) -> Option<PathBuf> {
    let python = std::fs::canonicalize(host.program("python3")?).ok()?;
    let prefixes =
        [host.program("python3")?.parent()?.parent()?.to_owned(), python.parent()?.parent()?.to_owned()];
    for prefix in prefixes {
        // `/usr` keeps what pip installs in `/usr/local/lib`, Debian's own packages in `/usr/lib/python3`.
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

/// The arguments that make `zig cc` compile for a target; none where zig has no such target. `glibc` is the version
/// floor as `2.31`.
///
/// The CPU is said where zig's baseline differs from rustc's: rustc's `armv7-*` targets have VFPv3-D16 and no NEON
/// (<https://doc.rust-lang.org/rustc/platform-support.html>), zig's `arm` means something older.
pub fn target_flags(target: &Triple, glibc: Option<&str>) -> Option<Vec<String>> {
    let mut name = llvm_target(target)?;
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

/// What the linker filter must know of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkTarget {
    libc: Libc,
    env: Env,
}

impl From<&Triple> for LinkTarget {
    fn from(target: &Triple) -> Self {
        Self { libc: target.libc(), env: target.env() }
    }
}

/// Turns the arguments that rustc gives to a gcc-like linker into those that `zig cc` takes. Pure; what is dropped is
/// dropped because zig brings the thing itself or refuses the flag.
pub fn filter_linker_args(args: impl IntoIterator<Item = String>, target: LinkTarget) -> Vec<String> {
    let mut kept = Vec::new();
    let mut args = args.into_iter().peekable();
    while let Some(arg) = args.next() {
        // The wrapper says the target already; a second one is an error.
        if arg == "-target" {
            args.next();
            continue;
        }
        if let Some(linker_args) = arg.strip_prefix("-Wl,") {
            let parts: Vec<&str> = linker_args.split(',').filter(|p| !UNKNOWN_TO_ZIG.contains(p)).collect();
            if !parts.is_empty() {
                kept.push(format!("-Wl,{}", parts.join(",")));
            }
            continue;
        }
        if dropped(&arg, target) {
            continue;
        }
        // zig ignores -static-pie, and links the position-independent objects as if they were not.
        if arg == "-static-pie" {
            kept.extend(["-static".to_owned(), "-pie".to_owned()]);
            continue;
        }
        kept.push(match arg.as_str() {
            // zig has no libgcc; its libunwind offers the same functions.
            "-lgcc_s" | "-lgcc_eh" => "-lunwind".to_owned(),
            _ => arg,
        });
    }
    kept
}

/// Turns the arguments that build systems give to a C compiler for a target into those that `zig cc` takes: the target
/// and its processor are said already, in zig's own words, and said again in another's they are errors.
fn filter_compiler_args(args: Vec<String>) -> Vec<String> {
    const SAID: [&str; 8] =
        ["--target=", "-march=", "-mcpu=", "-mtune=", "-mfpu=", "-mfloat-abi=", "-mabi=", "-Wp,"];
    let mut kept = Vec::new();
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        if arg == "-target" || arg == "--target" {
            args.next();
        } else if !SAID.iter().any(|said| arg.starts_with(said)) && !matches!(arg.as_str(), "-m64" | "-m32") {
            kept.push(arg);
        }
    }
    kept
}

/// Linker flags that zig's linker front refuses and that change nothing for a program that links.
const UNKNOWN_TO_ZIG: [&str; 4] =
    ["--no-undefined-version", "--undefined-version", "--fix-cortex-a53-843419", "--disable-auto-image-base"];

fn dropped(arg: &str, target: LinkTarget) -> bool {
    // -m64 and friends repeat what the target says; -fuse-ld and -B point at a linker that zig does not use.
    let always = ["-m64", "-m32", "-lgcc", "-nodefaultlibs", "--no-undefined-version"];
    if always.contains(&arg) || ["--target=", "-fuse-ld=", "-B", "-Wp,"].iter().any(|p| arg.starts_with(p)) {
        return true;
    }
    // zig builds musl and its start files itself.
    target.libc == Libc::Musl && (matches!(arg, "-lc" | "-nostartfiles" | "-nostdlib") || self_contained(arg))
}

/// Start files of a Rust musl std; zig links its own.
fn self_contained(arg: &str) -> bool {
    let path = Path::new(arg);
    let dir = path.parent().and_then(Path::file_name).is_some_and(|d| d == "self-contained");
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    dir && (name.ends_with(".o") || name == "libc.a")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filtered(triple: &str, args: &[&str]) -> Vec<String> {
        let target = LinkTarget::from(&Triple::parse(triple));
        filter_linker_args(args.iter().map(|a| (*a).to_owned()), target)
    }

    #[test]
    fn what_zig_refuses_goes() {
        let cases: [(&str, &[&str], &[&str]); 8] = [
            ("x86_64-unknown-linux-musl", &["a.o", "-static-pie"], &["a.o", "-static", "-pie"]),
            ("aarch64-unknown-linux-gnu", &["-Wl,--fix-cortex-a53-843419", "a.o"], &["a.o"]),
            ("x86_64-unknown-linux-gnu", &["-m64", "-lgcc_s", "-lc"], &["-lunwind", "-lc"]),
            ("x86_64-unknown-linux-gnu", &["-fuse-ld=lld", "-B/x/gcc-ld", "a.o"], &["a.o"]),
            ("x86_64-unknown-linux-gnu", &["-Wl,--as-needed,--no-undefined-version"], &["-Wl,--as-needed"]),
            (
                "x86_64-unknown-linux-musl",
                &["-lc", "/s/lib/self-contained/crt1.o", "-nostartfiles", "b.o"],
                &["b.o"],
            ),
            ("x86_64-unknown-linux-musl", &["-target", "x86_64-linux", "--target=x86_64", "b.o"], &["b.o"]),
            ("x86_64-unknown-linux-gnu", &["-Wl,-z,relro,-z,now", "-pie"], &["-Wl,-z,relro,-z,now", "-pie"]),
        ];
        for (triple, args, expected) in cases {
            assert_eq!(filtered(triple, args), expected, "{triple} {args:?}");
        }
    }

    #[test]
    fn the_target_is_said_once() {
        let args = "-O3 --target=riscv64gc-unknown-linux-musl -march=rv64gc -mabi=lp64d -mcmodel=medany -c x.c -target x";
        let kept = filter_compiler_args(args.split(' ').map(str::to_owned).collect());
        assert_eq!(kept.join(" "), "-O3 -mcmodel=medany -c x.c");
    }

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
        assert_eq!(flags("x86_64-unknown-freebsd", None), None);
    }
}
