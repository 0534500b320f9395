//! Compiles native/c with the crate `cc`. It compiles or it fails: choosing another backend is not decided here.

#[path = "identity.rs"]
mod identity;
#[path = "sources.rs"]
mod sources;

use std::path::{Path, PathBuf};
use std::process::Stdio;

/// Turns the warnings of the C compiler into errors: for this project's own CI, not for users, whose compiler may be
/// newer than any that was tried.
const WERROR: &str = "NATIVE_WERROR";

pub(crate) fn run() {
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=c");
    println!("cargo::rerun-if-env-changed={WERROR}");

    let mut build = cc::Build::new();
    // Relative paths: an absolute one would end up in debug information and in `__FILE__`.
    build.files(sources::SOURCES).include("c").std("c11");
    let compiler = build.get_compiler();
    let gnu_style = compiler.is_like_gnu() || compiler.is_like_clang();
    let about = ask(&compiler);

    if gnu_style {
        // A fused multiply-add rounds once where the other backends round twice.
        build.flag("-ffp-contract=off");
        if let Some(dir) = std::env::var_os("CARGO_MANIFEST_DIR") {
            build.flag_if_supported(remap(Path::new(&dir), "native"));
        }
    }
    if compiler.is_like_clang() {
        // zig turns this sanitizer on where there is no optimisation, and leaves the call of its runtime to whoever
        // links. CFLAGS come later on the command line, so a sanitizer that somebody asks for still wins.
        build.flag("-fno-sanitize=undefined");
        if let (true, Some(dir)) = (identity::is_zig(&about.text), identity::installed_dir(&about.text)) {
            build.flag_if_supported(remap(dir, "zig"));
        }
    }
    if !gnu_style {
        // MSVC has C11's atomics behind a flag.
        build.flag_if_supported("/experimental:c11atomics");
    }
    // 32-bit x86: rustc computes doubles with SSE2 where the target has it; GCC would take the x87 unit.
    let is_x86 = std::env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "x86");
    let has_sse2 = std::env::var("CARGO_CFG_TARGET_FEATURE")
        .is_ok_and(|f| f.split(',').any(|feature| feature == "sse2"));
    if gnu_style && is_x86 && has_sse2 {
        build.flag("-msse2").flag("-mfpmath=sse");
    }
    let strict = std::env::var(WERROR).is_ok_and(|v| !v.is_empty() && v != "0");
    build.warnings(strict).extra_warnings(strict).warnings_into_errors(strict);
    if strict && gnu_style {
        for flag in ["-Wpedantic", "-Wconversion", "-Wshadow", "-Wstrict-prototypes", "-Wcast-qual"] {
            build.flag(flag);
        }
    }
    build.compile("native_c");
    println!("cargo::rustc-env=NATIVE_C_COMPILER={}", identity::identify(&about.text, about.zig.as_deref()));
}

/// The flag that replaces a folder's path in debug information and macros, so that none of the machine gets out.
fn remap(from: &Path, to: &str) -> String {
    format!("-ffile-prefix-map={}={to}", from.display())
}

struct About {
    /// What `--version` printed; empty where it could not be asked.
    text: String,
    /// What `zig version` printed, where the compiler is zig's.
    zig: Option<String>,
}

fn ask(compiler: &cc::Tool) -> About {
    let text = said(compiler.to_command().arg("--version")).unwrap_or_default();
    let zig = || -> Option<PathBuf> {
        let dir = identity::installed_dir(&text)?;
        ["zig", "zig.exe"].map(|name| dir.join(name)).into_iter().find(|path| path.is_file())
    };
    let zig = if identity::is_zig(&text) { zig() } else { None };
    #[expect(clippy::disallowed_methods, reason = "a build script has no exec.rs to spawn through")]
    let zig = zig.and_then(|program| said(std::process::Command::new(program).arg("version")));
    About { text, zig }
}

/// Standard output of a command that ended with 0. A compiler that cannot be asked is no reason to fail: compiling is.
fn said(command: &mut std::process::Command) -> Option<String> {
    let output = command.env("LC_ALL", "C").stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
