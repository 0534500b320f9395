//! The sources of the workspaces: an application, and a component in C that one of its features brings.

/// Says what it is made of; `selftest` ends with 0 where the component answers right.
pub(crate) const MAIN: &str = r#"#![allow(unexpected_cfgs)]

#[cfg(feature = "native")]
use native::answer;

#[cfg(not(feature = "native"))]
fn answer() -> i32 {
    42
}

fn main() {
    let word = std::env::args().nth(1).unwrap_or_default();
    if word == "panic" {
        // So that a panic's path and line are in the program.
        panic!("as asked: {}", std::env::args().count());
    }
    println!("answer={} native={}", answer(), cfg!(feature = "native"));
    println!("flag_a={} flag_b={}", cfg!(flag_a), cfg!(flag_b));
    if word == "selftest" && answer() != 42 {
        std::process::exit(1);
    }
}
"#;

/// The component's safe face.
pub(crate) const NATIVE: &str = "unsafe extern \"C\" {
    fn native_answer() -> i32;
}

pub fn answer() -> i32 {
    unsafe { native_answer() }
}
";

/// The component.
pub(crate) const C: &str = "#include <stdint.h>

int32_t native_answer(void) { return 42; }
const char *native_file(void) { return __FILE__; }
";

/// Compiles it with the crate `cc`.
pub(crate) const BUILD_CC: &str = r#"fn main() {
    cc::Build::new().file("c/answer.c").compile("answer");
}
"#;

/// Compiles it by hand, with the variables that -sys crates read, and says nothing to Cargo of what it read: that a
/// compiler changed must be seen all the same. Much faster to build than the crate `cc`.
pub(crate) const BUILD_BY_HAND: &str = r#"use std::process::Command;

fn main() {
    let target = std::env::var("TARGET").unwrap().replace('-', "_");
    let out = std::env::var("OUT_DIR").unwrap();
    let tool = |name: &str| std::env::var(format!("{name}_{target}")).unwrap();
    let kind = if std::env::var("HOST") == std::env::var("TARGET") { "HOST" } else { "TARGET" };
    let run = |tool: String, args: &[&str]| {
        let plain = ["CFLAGS".to_owned(), format!("{kind}_CFLAGS")].map(|name| std::env::var(name).unwrap_or_default());
        let own = std::env::var(format!("CFLAGS_{target}")).unwrap_or_default();
        let flags = plain.iter().chain([&own]).flat_map(|flags| flags.split_whitespace());
        let flags = flags.filter(|_| args[0] == "-c");
        let status = Command::new(&tool).args(args).args(flags).status();
        assert!(status.unwrap_or_else(|e| panic!("{tool}: {e}")).success(), "{tool} failed");
    };
    let object = format!("{out}/answer.o");
    run(tool("CC"), &["-c", "-O1", "-fPIC", "c/answer.c", "-o", &object]);
    run(tool("AR"), &["crs", &format!("{out}/libanswer.a"), &object]);
    println!("cargo::rerun-if-changed=c/answer.c");
    println!("cargo::rustc-link-search=native={out}");
    println!("cargo::rustc-link-lib=static=answer");
}
"#;

pub(crate) const WORKSPACE: &str = r#"[workspace]
members = ["app", "native"]
resolver = "3"

# As fast to build as can be: what is compiled is the same.
[profile.quick]
inherits = "dev"
debug = false
incremental = false
strip = "debuginfo"
"#;

pub(crate) const APP: &str = r#"[package]
name = "app"
version = "1.2.3"
edition = "2024"
license = "MIT"
description = "A small program"

[features]
native = ["dep:native"]
pure = []

[dependencies]
native = { path = "../native", optional = true }
"#;

pub(crate) const NATIVE_MANIFEST: &str = r#"[package]
name = "native"
version = "0.1.0"
edition = "2024"
"#;

/// To be added to the component's manifest with [`BUILD_CC`].
pub(crate) const NEEDS_CC: &str = "\n[build-dependencies]\ncc = \"1\"\n";

/// The head of targets.toml: the application and its two modes.
pub(crate) const MODES: &str = r#"schema = 1

[app]
package = "app"
bin = "app"
smoke = ["selftest"]

[[mode]]
name = "native"
features = ["native"]
default-features = false
needs = ["c"]

[[mode]]
name = "pure"
features = ["pure"]
default-features = false
"#;
