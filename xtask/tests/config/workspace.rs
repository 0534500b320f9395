//! What Cargo says about workspaces that are made here, and its words about broken ones.

use std::path::Path;

use xtask_config::workspace::{Version, Workspace};
use xtask_files::error::{Error, ExitKind};

/// Writes files below a fresh directory, whose path has no symlinks in it.
pub(crate) fn files(files: &[(&str, &str)]) -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    for (name, text) in files {
        let file = root.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    (dir, root)
}

fn load(root: &Path) -> Workspace {
    Workspace::load(Some(&root.join("Cargo.toml")), true).unwrap_or_else(|e| panic!("{e}"))
}

fn refused(manifest: &Path) -> Error {
    let error = Workspace::load(Some(manifest), true).unwrap_err();
    assert_eq!(error.kind, ExitKind::Usage, "{error}");
    error
}

#[test]
fn every_fact() {
    let (_dir, root) = files(&[
        (
            "Cargo.toml",
            "[workspace]\nresolver = '3'\nmembers = ['shop', 'engine']\ndefault-members = ['shop']\n\
             [profile.small]\ninherits = 'release'\n",
        ),
        (".cargo/config.toml", "[build]\ntarget-dir = 'out'\n[profile.huge]\ninherits = 'dev'\n"),
        ("LICENSE-MIT", "of the root"),
        ("NOTICE", "of the root"),
        ("shop/LICENSE-MIT", "of the package"),
        ("shop/terms.txt", "terms"),
        (
            "shop/Cargo.toml",
            "[package]\nname = 'shop'\nversion = '1.2.3-rc.1'\nedition = '2021'\nlicense = 'MIT'\n\
             license-file = 'terms.txt'\nrust-version = '1.70'\nrepository = 'https://example.org/shop'\n\
             description = 'Sells'\nauthors = ['A <a@example.org>']\ndefault-run = 'till'\n\
             [features]\nnative = ['dep:motor']\n\
             [dependencies]\nmotor = { package = 'engine', path = '../engine', optional = true }\n\
             [build-dependencies]\nengine = { path = '../engine' }\n",
        ),
        ("shop/src/main.rs", "fn main() {}"),
        ("shop/src/bin/till.rs", "fn main() {}"),
        ("engine/Cargo.toml", "[package]\nname = 'engine'\nversion = '0.1.0'\nedition = '2021'\n"),
        ("engine/src/lib.rs", ""),
    ]);
    // `--manifest-path` may name a member; Cargo finds the root.
    let workspace = Workspace::load(Some(&root.join("shop/Cargo.toml")), false).unwrap();
    assert_eq!(workspace.root, root);
    assert_eq!(workspace.lock_file, root.join("Cargo.lock"));
    assert!(!workspace.lock_file.exists(), "asking for facts writes nothing");
    for profile in ["dev", "release", "test", "bench", "small"] {
        assert!(workspace.profiles.contains(profile), "{profile}");
    }
    // Cargo reads configuration from the current directory upwards, but builds run at the root.
    assert!(workspace.profiles.contains("huge"));
    let names: Vec<_> = workspace.packages.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["engine", "shop"]);
    assert_eq!(
        workspace.package("engine").unwrap().license_files,
        [root.join("LICENSE-MIT"), root.join("NOTICE")]
    );
    assert!(workspace.package("nope").is_none());
    let shop = workspace.package("shop").unwrap();
    assert_eq!(shop.version, Version::parse("1.2.3-rc.1").unwrap());
    assert_eq!(shop.dir, root.join("shop"));
    assert_eq!(shop.bins, ["shop", "till"]);
    assert_eq!(shop.default_run.as_deref(), Some("till"));
    assert!(shop.default_member && !workspace.packages[0].default_member);
    assert_eq!(shop.features["native"], ["dep:motor"]);
    let texts = ["NOTICE", "shop/LICENSE-MIT", "shop/terms.txt"].map(|f| root.join(f));
    assert_eq!(shop.license_files, texts, "the package's own text comes before the root's of the same name");
    assert_eq!(shop.license.as_deref(), Some("MIT"));
    assert_eq!(shop.rust_version, Some(Version::new(1, 70, 0)));
    assert_eq!(shop.repository.as_deref(), Some("https://example.org/shop"));
    assert_eq!(shop.description.as_deref(), Some("Sells"));
    assert_eq!(shop.authors, ["A <a@example.org>"]);
    let motor = &shop.dependencies["motor"];
    assert_eq!(
        (motor.package.as_str(), motor.build, motor.normal, motor.optional),
        ("engine", false, true, true)
    );
    let engine = &shop.dependencies["engine"];
    assert_eq!((engine.build, engine.normal, engine.optional), (true, false, false));
    for (feature, takes) in [
        ("native", true),
        ("default", true),
        ("motor/x", true),
        ("motor?/x", true),
        ("motor", false),
        ("x/y", false),
    ] {
        assert_eq!(shop.takes_feature(feature), takes, "{feature}");
    }
}

#[test]
fn no_manifest_and_broken_ones() {
    let (_dir, root) = files(&[
        ("toml/Cargo.toml", "[package\n"),
        ("empty/Cargo.toml", ""),
        ("nolib/Cargo.toml", "[package]\nname = 'x'\nversion = '0.1.0'\nedition = '2021'\n"),
    ]);
    let missing = refused(&root.join("Cargo.toml"));
    assert!(
        missing.what.starts_with("manifest path `") && missing.what.ends_with("does not exist"),
        "{missing}"
    );
    let broken = refused(&root.join("toml/Cargo.toml"));
    assert!(broken.to_string().contains("[package"), "Cargo's own words, with the line: {broken}");
    assert!(refused(&root.join("empty/Cargo.toml")).what.contains("failed to parse manifest"));
    assert!(refused(&root.join("nolib/Cargo.toml")).to_string().contains("no targets specified"));
}

#[test]
fn output_that_is_no_metadata() {
    for bytes in [&b""[..], b"{}", b"[1, 2]", b"\xff\xfe", b"{\"packages\": 3}"] {
        assert_eq!(Workspace::from_json(bytes).unwrap_err().kind, ExitKind::Failed);
    }
}

#[test]
fn the_command_line() {
    let cmd = Workspace::command(Path::new("cargo"), Some(Path::new("a b/Cargo.toml")), true);
    let line = cmd.line();
    let arguments =
        "metadata --no-deps --format-version 1 --color never --offline --manifest-path 'a b/Cargo.toml'";
    assert!(line.ends_with(arguments), "{line}");
    assert!(!Workspace::command(Path::new("cargo"), None, false).line().contains("--offline"));
}

/// The promise is 60 ms; twice that leaves room for a machine that does something else as well. The best of ten counts.
#[test]
fn a_small_workspace_takes_no_time() {
    let (_dir, root) = files(&[
        ("Cargo.toml", "[package]\nname = 'x'\nversion = '0.1.0'\nedition = '2021'\n"),
        ("src/main.rs", "fn main() {}"),
    ]);
    let seconds = (0..10).map(|_| {
        let begun = std::time::Instant::now();
        load(&root);
        begun.elapsed().as_secs_f64()
    });
    let best = seconds.fold(f64::INFINITY, f64::min);
    assert!(best < 0.12, "{best} s");
    eprintln!("cargo metadata of a small workspace: {:.1} ms", best * 1000.0);
}
