//! Makes a shared library out of C sources, with the compiler that the crate `cc` finds.

use std::path::{Path, PathBuf};

/// The flags that every way to compile the component has in common, for a compiler that understands GCC's.
pub(crate) const FLAGS: [&str; 6] =
    ["-std=c11", "-Ic", "-O3", "-ffp-contract=off", "-fvisibility=hidden", "-DNATIVE_SHARED"];

/// Compiles `sources`, relative to the folder `package`, for `target` into the library `file`.
///
/// # Errors
/// What the compiler said, or why there is none.
pub(crate) fn build(package: &Path, sources: &[&str], target: &str, file: &Path) -> Result<(), String> {
    let name = file.file_name().and_then(|name| name.to_str()).ok_or("the library needs a name")?;
    let compiler = compiler(target)?;
    if compiler.is_like_msvc() {
        return Err("MSVC is not supported here: take clang or MinGW's gcc".into());
    }
    let mut command = compiler.to_command();
    command.current_dir(package).args(FLAGS).args(["-fPIC", "-shared"]);
    if has(target, "apple") {
        command.arg(format!("-Wl,-install_name,@rpath/{name}"));
    } else if !has(target, "windows") {
        command.arg(format!("-Wl,-soname,{name}"));
    }
    // Never half a library under that name, also if two of us run at the same time.
    let staged: PathBuf = file.with_file_name(format!(".{name}.{}", std::process::id()));
    command.arg("-o").arg(&staged).args(sources);
    let output = command.output().map_err(|error| format!("{}: {error}", compiler.path().display()))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    std::fs::rename(&staged, file).map_err(|error| error.to_string())
}

fn compiler(target: &str) -> Result<cc::Tool, String> {
    let mut build = cc::Build::new();
    build.target(target).host(env!("NATIVE_TARGET")).opt_level(2).debug(false).cargo_metadata(false);
    build.try_get_compiler().map_err(|error| error.to_string())
}

/// Whether there is a compiler for `target` that can be started.
#[allow(dead_code, reason = "the tests ask, the example just tries")]
pub(crate) fn has_compiler(target: &str) -> bool {
    let started = |tool: cc::Tool| tool.to_command().arg("--version").output().is_ok();
    compiler(target).is_ok_and(started)
}

/// Whether this is one of the parts of a target's triple.
pub(crate) fn has(target: &str, part: &str) -> bool {
    target.split('-').any(|found| found == part)
}
