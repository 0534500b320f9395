//! Other people's workspaces: the program as an installed subcommand, in a workspace that knows nothing of it.

use crate::machine::{self, HOST, HOST_MUSL};
use crate::run::job;
use crate::skip::need;
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

#[test]
fn init_sees_what_a_package_needs() {
    need!("newcomer::needs", machine::std_for(&[]));
    let space = Space::bare();
    space.use_cc_crate();
    space.replace("app/Cargo.toml", ", optional = true", "");
    space.replace("app/Cargo.toml", "native = [\"dep:native\"]", "");
    space.run(&["init"]).ended(0);
    let text = space.read("targets.toml");
    assert!(text.contains("needs = [\"c\"]"), "{text}");
    space.run(&["plan", "--target", HOST, "--json"]).ended(0);
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
