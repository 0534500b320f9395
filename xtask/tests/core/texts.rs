//! Which texts go into archives.

use std::fs;
use std::os::unix::fs::symlink;

use xtask::image_spec::texts;
use xtask_config::workspace::Workspace;

#[test]
fn texts_that_are_missing_or_lie_elsewhere_are_left_out_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let top = dir.path().canonicalize().unwrap().join("top");
    let app = top.join("app");
    fs::create_dir_all(app.join("src")).unwrap();
    fs::create_dir_all(top.join("docs")).unwrap();
    fs::write(top.join("Cargo.toml"), "[workspace]\nmembers = [\"app\"]\nresolver = \"2\"\n").unwrap();
    let manifest = |license: &str| {
        let text = format!(
            "[package]\nname = \"app\"\nversion = \"1.0.0\"\nedition = \"2021\"\nlicense-file = \"{license}\"\n"
        );
        fs::write(app.join("Cargo.toml"), text).unwrap();
    };
    fs::write(app.join("src/main.rs"), "fn main() {}\n").unwrap();
    fs::write(dir.path().join("secret"), "secret").unwrap();
    fs::write(top.join("docs/terms"), "terms").unwrap();
    fs::write(top.join("docs/README"), "another").unwrap();
    fs::write(app.join("README"), "read").unwrap();
    symlink("../docs/terms", app.join("LICENSE")).unwrap();
    symlink(dir.path().join("secret"), app.join("COPYING")).unwrap();
    symlink("../secret", top.join("NOTICE")).unwrap();
    symlink("nowhere", app.join("LICENSE-MIT")).unwrap();
    let found = |license: &str| {
        manifest(license);
        let workspace = Workspace::load(Some(&top.join("Cargo.toml")), true).unwrap();
        texts(workspace.package("app").unwrap(), &top).unwrap()
    };

    let (files, left_out) = found("GONE");
    assert_eq!(files, [app.join("LICENSE"), app.join("README")]);
    let said = |file: &str, words: &str| {
        let head = format!("archives lack {}: ", top.join(file).display());
        let there = |line: &&String| line.starts_with(&head) && line.contains(words);
        assert_eq!(left_out.iter().filter(there).count(), 1, "{file}: {left_out:#?}");
    };
    said("app/GONE", "No such file");
    said("app/LICENSE-MIT", "No such file");
    said("app/COPYING", "secret, which is outside of ");
    said("NOTICE", "secret, which is outside of ");
    assert_eq!(left_out.len(), 4, "{left_out:#?}");

    let (files, left_out) = found("../docs/README");
    assert_eq!(files.len(), 2);
    assert!(left_out.iter().any(|line| line.ends_with("app/README has the same name")), "{left_out:#?}");
    assert!(found("../../secret").1.iter().any(|line| line.contains("app/../../secret: it leads to")));
}
