//! The package whose build produces a std, and its Cargo commands. This module runs nothing.
//!
//! Cargo's `-Zbuild-std` builds the std, as Cargo documents it
//! (<https://doc.rust-lang.org/cargo/reference/unstable.html#build-std>). It is unstable and therefore needs
//! `RUSTC_BOOTSTRAP=1`. The crate rustc-build-sysroot was considered and rejected, for three reasons. It
//! starts processes itself and keeps Cargo's output until the end, so there is no progress. It also links std
//! as a dynamic library, which needs a C toolchain for gnu, Windows and Apple targets. Its panic_abort does
//! not link into programs built with `panic = "abort"`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::rustc::Rustc;
use xtask_process::exec::Cmd;
use xtask_process::host::Host;
use xtask_triple::Triple;

/// The name of the generated package. Its crate has the same name with an underscore.
pub(super) const NAME: &str = "xtask-std";
const PROFILE: &str = "std";

/// Returns the manifest of the generated package. The profile sets every key that a Cargo config file could
/// set for `release`, so no config file changes the std.
///
/// The settings are those of rustc's own build of the libraries that it distributes (`library/Cargo.toml`,
/// profile `dist`): one codegen unit, and every intrinsic of compiler_builtins in its own object. panic_abort
/// is compiled to abort, because programs with `panic = "abort"` link no other. Debug information is left
/// out: it would double the size.
pub(super) fn manifest() -> String {
    format!(
        r#"cargo-features = ["profile-rustflags"]
[package]
name = "{NAME}"
version = "0.0.0"
edition = "2024"
[workspace]
[profile.{PROFILE}]
inherits = "release"
opt-level = 3
debug = false
strip = "none"
debug-assertions = false
overflow-checks = false
lto = false
panic = "unwind"
incremental = false
codegen-units = 1
rpath = false
[profile.{PROFILE}.package.panic_abort]
rustflags = ["-Cpanic=abort"]
[profile.{PROFILE}.package.compiler_builtins]
codegen-units = 10000
"#
    )
}

/// A build of a std: the values that its two commands share.
pub(super) struct StdBuild<'a> {
    pub(super) rustc: &'a Rustc,
    pub(super) target: &'a Triple,
    /// The folder that holds the manifest.
    pub(super) dir: &'a Path,
    pub(super) offline: bool,
    pub(super) host: &'a Host,
}

impl StdBuild<'_> {
    /// Returns the command that downloads the dependencies of std. Their folders must be known before paths
    /// are remapped.
    pub(super) fn fetch(&self) -> Cmd {
        self.cargo("fetch").args(["--target", self.target.as_str()])
    }

    /// Returns the build command. It prints Cargo's JSON messages on standard output. `jobs` limits the
    /// number of compilers that run at once.
    pub(super) fn build(&self, registry: &[PathBuf], jobs: Option<usize>) -> Cmd {
        let flags = self.rustflags(registry).join("\u{1f}");
        let cmd = self
            .cargo("build")
            .args(["--profile", PROFILE, "--target", self.target.as_str()])
            .args(["-Zbuild-std-features=panic-unwind,backtrace", "--message-format=json-render-diagnostics"])
            .env("CARGO_ENCODED_RUSTFLAGS", flags)
            // Cargo mixes this into symbol names, so that they differ from those of a user's copy of the same
            // crate.
            .env("__CARGO_DEFAULT_LIB_METADATA", NAME);
        match jobs {
            Some(jobs) => cmd.arg(format!("-j{jobs}")),
            None => cmd,
        }
    }

    /// Returns Cargo's target folder for this build.
    pub(super) fn target_dir(&self) -> PathBuf {
        self.dir.join("target")
    }

    fn cargo(&self, command: &str) -> Cmd {
        let mut cmd = Cmd::new(self.rustc.cargo(self.host))
            .args([command, "-Zbuild-std=std,sysroot", "--manifest-path"])
            .arg(self.dir.join("Cargo.toml"))
            .env("RUSTC", &self.rustc.program)
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_TARGET_DIR", self.target_dir())
            .env("CARGO_BUILD_BUILD_DIR", self.target_dir())
            .env("CARGO_TERM_COLOR", "never")
            // Disables wrappers, even if a config file names one: every workspace shares this cache, and
            // another workspace may not have the wrapper.
            .env("RUSTC_WRAPPER", "")
            .env("RUSTC_WORKSPACE_WRAPPER", "");
        for key in foreign(self.host) {
            cmd.env.entry(key).or_insert(None);
        }
        let cmd = self.host.settled(cmd, self.dir);
        if self.offline { cmd.arg("--offline") } else { cmd }
    }

    /// Returns the flags of rustc: `embed-bitcode`, which programs with `lto` need, and remapped paths. No
    /// path of this machine remains, whether of the registry, the source or the build folder. The source gets
    /// the name that rustc itself gives it, so that diagnostics can still show it.
    fn rustflags(&self, registry: &[PathBuf]) -> Vec<String> {
        let mut flags = vec!["-Cembed-bitcode=yes".to_owned()];
        let mut remap = |from: &Path, to: &str| {
            flags.push(format!("--remap-path-prefix={}={to}", from.display()));
        };
        remap(self.dir, "/std");
        for dir in registry {
            remap(dir, "/rust/deps");
        }
        let id = self.rustc.commit.clone().unwrap_or_else(|| self.rustc.version.to_string());
        let source = self.rustc.sysroot.join("lib").join("rustlib").join("src").join("rust");
        let real = std::fs::canonicalize(&source).unwrap_or_else(|_| source.clone());
        remap(&source, &format!("/rustc/{id}"));
        if real != source {
            remap(&real, &format!("/rustc/{id}"));
        }
        flags
    }
}

/// Returns the variables to remove from the build, because they would change it: those that Cargo set for
/// this process, and those of the user's own builds. Variables that configure the registry or the linker of
/// the host stay.
fn foreign(host: &Host) -> Vec<OsString> {
    let host_linker = format!("CARGO_TARGET_{}_LINKER", host.triple.shouted());
    let prefixes = [
        "CARGO_BUILD_",
        "CARGO_TARGET_",
        "CARGO_PROFILE_",
        "CARGO_UNSTABLE_",
        "CARGO_PKG_",
        "CARGO_MANIFEST_",
        "CARGO_ENCODED_",
        "CARGO_ALIAS_",
    ];
    let names = [
        "RUSTFLAGS",
        "CARGO_INCREMENTAL",
        "CARGO_MAKEFLAGS",
        "MAKEFLAGS",
        "CARGO_PRIMARY_PACKAGE",
        "CARGO_BIN_NAME",
        "CARGO_CRATE_NAME",
    ];
    let foreign = |key: &str| {
        key != host_linker && (names.contains(&key) || prefixes.iter().any(|p| key.starts_with(p)))
    };
    host.vars().filter(|(key, _)| key.to_str().is_some_and(foreign)).map(|(key, _)| key.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_set_does_not_reach_the_build() {
        let vars = [
            ("RUSTFLAGS", "-Ctarget-cpu=native"),
            ("CARGO_PROFILE_RELEASE_LTO", "fat"),
            ("CARGO_TARGET_DIR", "/elsewhere"),
            ("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER", "mold"),
            ("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER", "zig"),
            ("CARGO_HOME", "/c"),
            ("CARGO_HTTP_PROXY", "p"),
            ("PATH", "/bin"),
        ];
        let host = Host::new(
            Triple::parse("x86_64-unknown-linux-gnu"),
            vars.map(|(key, value)| (key.into(), value.into())),
        );
        let removed: Vec<_> = foreign(&host).into_iter().map(|k| k.into_string().unwrap()).collect();
        assert_eq!(
            removed,
            [
                "CARGO_PROFILE_RELEASE_LTO",
                "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER",
                "CARGO_TARGET_DIR",
                "RUSTFLAGS"
            ]
        );
    }
}
