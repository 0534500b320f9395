//! Removes what a build must not inherit from the cargo that started this program. Such variables make Cargo
//! rebuild units, or pass one package's values to another package. Also removes what only this program may use: the files by
//! which a step of GitHub Actions speaks to the steps after it, and the password of a registry. This is no wall between
//! users of one machine; [CI](../../../docs/guide/ci.md) says what is.

use std::path::Path;

use xtask_process::exec::Cmd;
use xtask_process::host::Host;

/// Variables that `cargo run` sets for the program it starts
/// (<https://doc.rust-lang.org/cargo/reference/environment-variables.html>), variables with flags that
/// xtask passes in another way, and those that no build script needs.
const EXACT: [&str; 23] = [
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_PATH",
    "CARGO_MANIFEST_LINKS",
    "CARGO_BIN_NAME",
    "CARGO_CRATE_NAME",
    "CARGO_PRIMARY_PACKAGE",
    "CARGO_TARGET_TMPDIR",
    "CARGO_RUSTC_CURRENT_DIR",
    "OUT_DIR",
    // gcc writes it into its output as another name of a folder. Without it, gcc asks the system.
    "PWD",
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "RUSTC",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "ACTIONS_ID_TOKEN_REQUEST_URL",
    "GITHUB_ENV",
    "GITHUB_OUTPUT",
    "GITHUB_PATH",
    "GITHUB_STATE",
    "GITHUB_STEP_SUMMARY",
    "XTASK_REGISTRY_PASSWORD",
];
const PREFIXES: [&str; 2] = ["CARGO_PKG_", "CARGO_BIN_EXE_"];

/// Returns whether [`clean`] removes a variable.
pub fn is_removed(name: &str) -> bool {
    EXACT.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Removes those variables from a command's environment. Also removes the library path entries that
/// `cargo run` puts in front: they lie in `target_dir` or in a Rust toolchain.
pub fn clean(mut cmd: Cmd, host: &Host, target_dir: &Path) -> Cmd {
    for (key, _) in host.vars() {
        if is_removed(&key.to_string_lossy()) {
            cmd = cmd.env_remove(key);
        }
    }
    let Some(path) = host.var_os("LD_LIBRARY_PATH") else { return cmd };
    let ours =
        |dir: &Path| dir.starts_with(target_dir) || dir.components().any(|c| c.as_os_str() == "rustlib");
    let toolchain = |dir: &Path| dir.join("rustlib").is_dir();
    let rest: Vec<_> = std::env::split_paths(path)
        .filter(|dir| !dir.as_os_str().is_empty() && !ours(dir) && !toolchain(dir))
        .collect();
    match std::env::join_paths(&rest) {
        Ok(path) if !rest.is_empty() => cmd.env("LD_LIBRARY_PATH", path),
        _ => cmd.env_remove("LD_LIBRARY_PATH"),
    }
}
