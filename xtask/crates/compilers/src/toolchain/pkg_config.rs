//! Runs in place of `pkg-config` for another target, so that it finds no library of this machine.

use xtask_process::exec::Cmd;

/// The first argument of such a call: `__pkg-config <triple> <real program> <folders> <arguments…>`.
pub const PKG_CONFIG: &str = "__pkg-config";

/// The names of the program, the usual one first.
pub const PROGRAMS: [&str; 2] = ["pkg-config", "pkgconf"];

/// Runs the real program with the folders of the target, and returns its exit code.
pub(super) fn run(args: &[String]) -> u8 {
    let [_triple, real, folders, rest @ ..] = args else { return super::stand_in::usage(PKG_CONFIG) };
    // PKG_CONFIG_PATH names folders of this machine, which would be searched first.
    Cmd::new(real).args(rest).env("PKG_CONFIG_LIBDIR", folders).env_remove("PKG_CONFIG_PATH").replace()
}
