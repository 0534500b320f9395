//! The recipe of the WebAssembly module: one compiler of one version, one command line.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The version of zig that makes the module that is committed. Another one makes other bytes.
pub(crate) const ZIG: &str = "0.15.2";

/// What the module shows besides what `wasm/glue.c` exports by itself.
const EXPORTS: [&str; 31] = [
    "native_abi_version",
    "native_batch_bytes",
    "native_batch_ends",
    "native_batch_free",
    "native_block_count",
    "native_block_free",
    "native_buffer_bytes",
    "native_buffer_create",
    "native_buffer_free",
    "native_cursor_create",
    "native_cursor_free",
    "native_cursor_next",
    "native_dot_product",
    "native_double_array",
    "native_echo",
    "native_keeper_count",
    "native_keeper_free",
    "native_keeper_hash",
    "native_keeper_keep",
    "native_keeper_newest",
    "native_keeper_release",
    "native_keeper_take",
    "native_people_create",
    "native_person_age",
    "native_person_free",
    "native_person_name",
    "native_person_salary",
    "native_reverse_batch",
    "native_reverse_string",
    "native_sum_array",
    "native_text_free",
];

/// The ways to call zig, the first that works: the variable `ZIG`, which leaves no other; `zig`; `python3 -m ziglang`; what
/// `cargo xtask setup` has installed.
///
/// # Errors
/// What is missing, or which version was found instead.
pub(crate) fn zig() -> Result<Vec<String>, String> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let installed = installed(variable).map(|path| path.to_string_lossy().into_owned());
    let ways = match variable("ZIG") {
        Some(zig) => vec![vec![zig]],
        None => {
            let python = ["python3", "-m", "ziglang"].map(String::from).to_vec();
            let private = installed.clone().map(|zig| vec![zig]);
            [vec!["zig".into()], python].into_iter().chain(private).collect()
        }
    };
    let mut found = Vec::new();
    for way in ways {
        let Ok(output) = command(&way).arg("version").output() else { continue };
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if output.status.success() && version == ZIG {
            return Ok(way);
        }
        if output.status.success() {
            found.push(format!("{} is {version}", way.join(" ")));
        }
    }
    let found = if found.is_empty() { String::new() } else { format!(" ({})", found.join(", ")) };
    let place =
        installed.map_or_else(String::new, |zig| format!(", or as {zig} (cargo xtask setup --tests)"));
    Err(format!("zig {ZIG}, by the variable ZIG, as zig, as python3 -m ziglang{place}{found}"))
}

/// Where `cargo xtask setup --tests` installs zig, whether it is there or not. This package does not know that one; a test of it
/// holds the two together (`xtask/tests/setup.rs`).
pub(crate) fn installed(variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let folder = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let user = || folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")));
    let cache = folder("XTASK_CACHE_DIR").or_else(|| Some(user()?.join("cargo-xtask")))?;
    Some(cache.join("zig").join(ZIG).join("ziglang/zig"))
}

#[expect(clippy::disallowed_methods, reason = "this package has no exec.rs to spawn through")]
fn command(way: &[String]) -> Command {
    let mut command = Command::new(&way[0]);
    command.args(&way[1..]);
    command
}

/// Compiles the component, whose `sources` are relative to the folder `package`, into the module `file`.
///
/// # Errors
/// What zig said.
pub(crate) fn build(zig: &[String], package: &Path, sources: &[&str], file: &Path) -> Result<(), String> {
    let file: PathBuf = std::path::absolute(file).map_err(|error| error.to_string())?;
    let mut command = command(zig);
    // Relative paths, so that none of the machine gets in.
    command.current_dir(package).args(["cc", "-target", "wasm32-wasi", "-mexec-model=reactor"]);
    command.args(["-std=c11", "-O2", "-ffp-contract=off", "-Ic", "-s", "-Wl,--strip-all"]);
    // Two lanes in one instruction, and all lanes of a sum stay: the same bits with half the instructions.
    command.arg("-msimd128");
    // zig reserves 16 MiB of stack, which each instance would have to allocate and clear.
    command.arg("-Wl,-z,stack-size=65536");
    command.args(EXPORTS.map(|name| format!("-Wl,--export={name}")));
    command.args(sources).args(["wasm/glue.c", "-o"]).arg(file);
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}
