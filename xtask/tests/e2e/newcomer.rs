//! Other people's workspaces: the program as an installed subcommand, in a workspace that knows nothing of it.

use xtask_test_support::need;

use crate::machine::{self, HOST, HOST_MUSL};
use crate::run::job;
use crate::space::Space;

/// One package with one program, no features and no targets.toml; not even a `[workspace]`.
fn plain() -> Space {
    let space = Space::bare();
    for name in ["app", "native"] {
        std::fs::remove_dir_all(space.path(name)).unwrap();
    }
    std::fs::remove_file(space.path("Cargo.lock")).unwrap();
    space.write("Cargo.toml", "[package]\nname = \"hello\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
    space.write("src/main.rs", "fn main() {\n    println!(\"hello {}\", env!(\"CARGO_PKG_VERSION\"));\n}\n");
    space
}

#[test]
fn init_plan_and_build_work_in_a_fresh_workspace() {
    need!("newcomer::init", machine::std_for(&[HOST_MUSL]));
    let space = plain();
    // As Cargo starts an installed `cargo-xtask`.
    space.run(&["xtask", "init"]).ended(0).says(&["targets.toml", "cargo xtask plan"]);
    let plan = space.run(&["xtask", "plan", "--json", "--target", HOST_MUSL]).ended(0).json();
    assert_eq!(job(&plan, HOST_MUSL)["buildable"], true);
    let report = space.run(&["xtask", "build", "--target", HOST, "--json"]).ended(0).json();
    assert_eq!((&job(&report, HOST)["status"], &report["app"]), (&"ok".into(), &"hello".into()));
    let mode = job(&report, HOST)["mode"].as_str().unwrap();
    let program = space.dist(&format!("bin/{HOST}/{mode}/hello"));
    let output = Space::finish(&space.cmd(&program.to_string_lossy())).ended(0);
    assert_eq!(output.stdout(), "hello 0.1.0");
    // What is there is left alone.
    let text = space.read("targets.toml");
    space.run(&["init"]).ended(2).says(&["exists already"]);
    assert_eq!(space.read("targets.toml"), text);
}

/// The component's C stands behind a default feature of the application.
#[test]
fn init_sees_what_a_package_needs() {
    need!("newcomer::needs", machine::std_for(&[HOST_MUSL]), machine::programs(&["cc"]));
    let space = Space::bare();
    space.use_cc_crate();
    space.replace(
        "app/Cargo.toml",
        "native = [\"dep:native\"]",
        "default = [\"native\"]\nnative = [\"dep:native\"]",
    );
    space.replace("app/Cargo.toml", "pure = []\n", "");
    space.run(&["init"]).ended(0).never_says(&["warning"]);
    let text = space.read("targets.toml");
    assert!(
        text.contains("# C is compiled by native (cc), judging by") && text.contains("\nneeds = [\"c\"]"),
        "{text}"
    );
    let report = space.run(&["verify", "--target", HOST, "--json"]).ended(0).json();
    assert_eq!(job(&report, HOST)["mode"], "default");
    // On a machine without a compiler the rest is built.
    let none = ["verify", "--target", HOST_MUSL, "--providers", "none", "--json"];
    let report = space.run(&none).ended(0).json();
    let pure = job(&report, HOST_MUSL);
    assert_eq!((&pure["mode"], &pure["purity"]), (&"pure".into(), &"proven".into()), "{report:#}");
    // A file that does not say so is told of it.
    space.write("targets.toml", &text.replace("\nneeds = [\"c\"]", "\n#"));
    let run = space.run(&["build", "--target", HOST_MUSL]).ended(1);
    let said =
        format!("mode default must contain no C, but native 0.1.0 called a C compiler for {HOST_MUSL}");
    let line = format!("failed: {HOST_MUSL} default: {said}");
    assert!(run.stdout().lines().any(|said| said == line), "{run}");
    run.says(&["help: if mode default may compile C, add to its [[mode]] in targets.toml: needs = [\"c\"]"]);
}

/// A component that asks the compiler what it knows, whatever its features are, and compiles without the feature `pure`.
#[test]
fn init_tries_what_is_called_pure() {
    need!("newcomer::tried", machine::std_for(&[HOST_MUSL]), machine::programs(&["cc"]));
    let space = plain();
    space.write(
        "Cargo.toml",
        "[workspace]\nmembers = [\"sum\", \"cc\"]\n[package]\nname = \"hello\"\nedition = \"2024\"\n\
         [features]\npure = [\"sum/pure\"]\n[dependencies]\nsum = { path = \"sum\" }\n",
    );
    space.write(
        "sum/Cargo.toml",
        "[package]\nname = \"sum\"\nedition = \"2024\"\n[features]\npure = []\n\
         [build-dependencies]\ncc = { path = \"../cc\" }\n",
    );
    space.write("sum/src/lib.rs", "");
    space.write("sum/x.c", "int x;\n");
    let script = "fn main() {\n    let _ = cc::run(&[\"-E\", \"x.c\"]);\n    if IMPURE {\n        \
                  assert!(cc::run(&[\"-c\", \"x.c\", \"-o\", \"/dev/null\"]));\n    }\n}\n";
    let asks = script.replace("IMPURE", "std::env::var_os(\"CARGO_FEATURE_PURE\").is_none()");
    space.write("sum/build.rs", &asks);
    space.write("cc/Cargo.toml", "[package]\nname = \"cc\"\nedition = \"2024\"\n");
    space.write(
        "cc/src/lib.rs",
        "pub fn run(args: &[&str]) -> bool {\n    \
         std::process::Command::new(\"cc\").args(args).status().is_ok_and(|status| status.success())\n}\n",
    );
    space.run(&["init"]).ended(0).says(&["Trying", "hello with the feature pure"]);
    let text = space.read("targets.toml");
    let words = "features = [\"pure\"]\ndefault-features = false\n\
                 # sum asked for a C compiler, and built without one, in a trial build with traps in place of all C compilers.\n\n";
    assert!(text.contains("\nneeds = [\"c\"]") && text.contains(words), "{text}");
    assert!(!space.path("target/xtask/trial").exists());
    // One that compiles all the same breaks its promise.
    space.write("sum/build.rs", &script.replace("IMPURE", "true"));
    std::fs::remove_file(space.path("targets.toml")).unwrap();
    space.run(&["init"]).ended(0);
    let text = space.read("targets.toml");
    assert!(text.contains("name = \"default\"") && !text.contains("name = \"pure\""), "{text}");
}

#[test]
fn init_says_where_cargo_does_not_tell() {
    need!("newcomer::untold", machine::std_for(&[]));
    let space = plain();
    space.write("Cargo.toml", &(space.read("Cargo.toml") + "[dependencies]\nnobody-has-this = \"99\"\n"));
    let run = space.run(&["init", "--offline"]).ended(0);
    run.says(&[
        "warning: Cargo did not list the packages of the program",
        "nobody-has-this",
        "needs = [\"c\"]",
        "Wrote",
    ]);
}

#[test]
fn it_works_from_a_folder_inside_and_from_outside() {
    need!("newcomer::folders", machine::std_for(&[]), machine::programs(&["cc"]));
    let space = Space::with_targets(&[HOST]);
    let inside = space.xtask(&["plan", "--json"]).cwd(space.path("app/src"));
    let inside = Space::finish(&inside).ended(0).json();
    let manifest = space.path("app/Cargo.toml");
    let outside = space.xtask(&["plan", "--json", "--manifest-path", &manifest.to_string_lossy()]).cwd("/");
    assert_eq!(Space::finish(&outside).ended(0).json(), inside);
    std::fs::rename(space.path("targets.toml"), space.path("other.toml")).unwrap();
    let other = space.run(&["plan", "--json", "--config", "other.toml"]).ended(0).json();
    assert_eq!(other, inside);
}

#[test]
fn offline_builds_need_no_network() {
    need!("newcomer::offline", machine::std_for(&[HOST_MUSL]));
    let mut space = Space::with_targets(&[HOST_MUSL]);
    // Whoever tried would get nowhere.
    for key in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "CARGO_HTTP_PROXY"] {
        space.set(key, "http://127.0.0.1:9");
    }
    space.run(&["release", "--offline", "--mode", "pure", "--verbose"]).ended(0).says(&["--offline"]);
}
