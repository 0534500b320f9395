//! A profile in which a profiler sees Rust and C in one stack: the workspace's `profiling`.
//!
//! A small program is built with that profile, calls C, which calls it back, and looks at its own stack there. Building
//! the whole of `app` that way would compile SQLite once more, with optimisation.
#![cfg(all(feature = "native", any(target_os = "linux", target_os = "macos")))]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use xtask_test_support::skip::skipped;

const PROGRAM: &str = r#"
use native::Backend;
use std::ops::ControlFlow;

#[inline(never)]
fn called_by_c(value: i32, seconds: u64) -> ControlFlow<()> {
    if seconds == 0 {
        println!("{}", std::backtrace::Backtrace::force_capture());
    } else {
        let begin = std::time::Instant::now();
        while begin.elapsed().as_secs() < seconds {
            std::hint::black_box(spin_in_rust(value));
        }
    }
    ControlFlow::Break(())
}

#[inline(never)]
fn spin_in_rust(value: i32) -> i32 {
    (0..10_000).fold(value, |sum, n| std::hint::black_box(sum).wrapping_mul(31) ^ n)
}

#[inline(never)]
fn calls_c(seconds: u64) -> usize {
    native::c::C.for_each(&[1, 2, 3], &mut |value| called_by_c(value, seconds))
}

fn main() {
    let seconds = std::env::args().nth(1).map_or(0, |arg| arg.parse().unwrap());
    std::process::exit(i32::from(std::hint::black_box(calls_c(seconds)) != 1));
}
"#;

#[expect(clippy::disallowed_methods, reason = "the test builds and looks at a program")]
fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    command
}

/// The lines of a profile in the workspace's Cargo.toml.
fn profile(manifest: &str, name: &str) -> String {
    let head = format!("[profile.{name}]\n");
    let begin = manifest.find(&head).unwrap_or_else(|| panic!("Cargo.toml has no {head}"));
    let rest = &manifest[begin + head.len()..];
    format!("{head}{}\n", &rest[..rest.find("\n[").map_or(rest.len(), |end| end + 1)])
}

/// The small program, built once with the profile and the flag that README.md names.
fn program() -> &'static Path {
    static PROGRAM_FILE: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM_FILE.get_or_init(|| {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let workspace = package.parent().unwrap();
        let manifest = std::fs::read_to_string(workspace.join("Cargo.toml")).unwrap();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("profiling");
        std::fs::create_dir_all(folder.join("src")).unwrap();
        let text = format!(
            "[package]\nname = \"stack\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n\
             [dependencies]\nnative = {{ path = {:?}, default-features = false, features = [\"native\"] }}\n\n{}{}",
            workspace.join("native"),
            profile(&manifest, "release"),
            profile(&manifest, "profiling"),
        );
        std::fs::write(folder.join("Cargo.toml"), text).unwrap();
        std::fs::write(folder.join("src/main.rs"), PROGRAM).unwrap();
        // The versions that are here already: nothing is fetched.
        std::fs::copy(workspace.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
        let mut cargo = command(env!("CARGO"));
        cargo.args(["build", "--offline", "--quiet", "--profile", "profiling"]).current_dir(&folder);
        cargo.env("CARGO_TARGET_DIR", folder.join("target"));
        // What the tests run under is not what a profile is about: no other flags, no other target.
        for name in ["CARGO_BUILD_TARGET", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER"] {
            cargo.env_remove(name);
        }
        // Of C neither: a sanitizer in it would want its library from a linker that is not told of it.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.contains("CFLAGS") || text.contains("CXXFLAGS") {
                cargo.env_remove(&name);
            }
        }
        cargo.env("RUSTFLAGS", "-C force-frame-pointers=yes");
        let output = cargo.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        folder.join("target/profiling/stack")
    })
}

/// The places of these names, each behind the one before: callers stand behind what they call.
fn in_order(text: &str, names: &[&str]) -> bool {
    let mut rest = text;
    names.iter().all(|name| {
        let at = rest.find(name);
        rest = at.map_or("", |at| &rest[at + name.len()..]);
        at.is_some()
    })
}

const STACK: [&str; 4] = ["called_by_c", "native_each", "calls_c", "stack::main"];

#[test]
fn one_stack_has_rust_and_c_in_it() {
    let output = command(program()).output().unwrap();
    assert!(output.status.success());
    let stack = String::from_utf8(output.stdout).unwrap();
    assert!(in_order(&stack, &STACK), "{stack}");
    // Debug information of the C: its file, by a path that names no machine.
    assert!(stack.contains("native/c/boundary.c:"), "{stack}");
}

/// Every function begins with the frame that `perf record --call-graph fp` follows.
#[test]
fn rust_and_c_keep_frame_pointers() {
    const NAME: &str = "rust_and_c_keep_frame_pointers";
    let disassembly = command("objdump").args(["-d", "--no-show-raw-insn", "-C"]).arg(program()).output();
    let Ok(disassembly) = disassembly else { return skipped(NAME, "objdump") };
    let text = String::from_utf8_lossy(&disassembly.stdout).into_owned();
    let frame = match std::env::consts::ARCH {
        "x86_64" => "mov    %rsp,%rbp",
        "aarch64" => "x29, sp",
        other => return skipped(NAME, &format!("knowledge of frames on {other}")),
    };
    for name in ["native_each", "called_by_c", "calls_c"] {
        let body = text
            .split("\n\n")
            .find(|body| body.lines().next().is_some_and(|line| line.contains(&format!("{name}>:"))));
        let body = body.unwrap_or_else(|| panic!("there is no {name}"));
        assert!(body.lines().take(24).any(|line| line.contains(frame)), "{body}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn perf_sees_both() {
    const NAME: &str = "perf_sees_both";
    let data = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("perf-{}.data", std::process::id()));
    let mut record = command("perf");
    record
        .args(["record", "--quiet", "--call-graph", "fp", "-o"])
        .arg(&data)
        .arg("--")
        .arg(program())
        .arg("1");
    match record.output() {
        Ok(output) if output.status.success() => {}
        Ok(_) => return skipped(NAME, "the right to use perf"),
        Err(_) => return skipped(NAME, "perf"),
    }
    let output = command("perf").args(["script", "-F", "ip,sym", "-i"]).arg(&data).output().unwrap();
    let _ = std::fs::remove_file(&data);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.split("\n\n").any(|stack| in_order(stack, &STACK)), "no stack has all of {STACK:?}");
}
