//! The copy that a second build is made of: what comes along, where links lead, and what git says in it.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use xtask::rebuild::repository::{around, commit};
use xtask::rebuild::sources::copy;
use xtask_process::exec::{Cmd, first_line};
use xtask_test_support::need;

use crate::machine;

/// A folder with these files, and the folder for its copy.
fn lab(files: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(dir.path()).unwrap();
    for (name, text) in files {
        let path = root.join("work").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    (dir, root.join("work"), root.join("away/copy"))
}

fn git(dir: &Path, args: &[&str]) -> bool {
    let name = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"];
    let output = Cmd::new("git").args(name).args(args).cwd(dir).capture(Duration::from_secs(60));
    output.is_ok_and(|output| output.ok())
}

/// Everything below a folder, by its path, but for what git keeps.
fn names(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut todo = vec![root.to_owned()];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap()) {
            match entry.file_type().unwrap().is_dir() && entry.file_name() != ".git" {
                true => todo.push(entry.path()),
                false => found.push(entry.path().strip_prefix(root).unwrap().display().to_string()),
            }
        }
    }
    found.sort();
    found
}

#[test]
fn all_of_a_workspace_comes_along_but_what_is_made_from_it() {
    let tag = "Signature: 8a477f597d28d172789f06886806bc55\n# made by a program";
    let files = [
        ("Cargo.toml", ""),
        (".gitignore", "made.rs"),
        ("app/made.rs", "ignored, and read"),
        ("out/target/big", ""),
        ("fuzz/target/CACHEDIR.TAG", tag),
        ("fuzz/target/big", ""),
        ("app/CACHEDIR.TAG", "no such folder"),
        ("app/run.sh", "#!/bin/sh"),
    ];
    let (_dir, root, into) = lab(&files);
    fs::set_permissions(root.join("app/run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    let copied = copy(&root, None, &[], &into, &[root.join("out/target")]).unwrap();
    let expected = [".gitignore", "Cargo.toml", "app/CACHEDIR.TAG", "app/made.rs", "app/run.sh"];
    assert_eq!((names(&into), copied.files), (expected.map(str::to_owned).to_vec(), 5));
    assert_eq!(copied.root, into);
    let mode = |name: &str| fs::metadata(into.join(name)).unwrap().mode() & 0o777;
    assert_eq!([mode("app/run.sh"), mode("Cargo.toml"), mode("app")], [0o700, 0o600, 0o700]);
}

#[test]
fn links_are_not_followed_and_lead_to_the_same() {
    let (dir, root, into) = lab(&[("a/file", "inside"), ("target/made", "made")]);
    let away = fs::canonicalize(dir.path()).unwrap().join("away.txt");
    fs::write(&away, "outside").unwrap();
    for (target, name) in [
        ("file", "a/near"),
        ("../../away.txt", "a/out"),
        (away.to_str().unwrap(), "a/whole"),
        (root.join("a/file").to_str().unwrap(), "a/back"),
        ("../target/made", "a/made"),
        ("nowhere", "a/dead"),
        ("..", "a/around"),
    ] {
        symlink(target, root.join(name)).unwrap();
    }
    copy(&root, None, &[], &into, &[root.join("target")]).unwrap();
    let led = |name: &str| fs::read_link(into.join("a").join(name)).unwrap();
    assert_eq!(led("near"), Path::new("file"));
    assert_eq!([led("out"), led("whole")], [away.clone(), away]);
    assert_eq!(led("back"), into.join("a/file"));
    assert_eq!(led("made"), root.join("target/made"));
    assert_eq!([led("dead"), led("around")], [PathBuf::from("nowhere"), PathBuf::from("..")]);
}

#[test]
fn git_knows_the_commit_in_a_copy_and_keeps_its_notes_there() {
    need!("copied::git", machine::programs(&["git"]));
    let (_dir, root, into) = lab(&[("Cargo.toml", "[workspace]"), ("other", "")]);
    assert!(git(&root, &["init", "--quiet"]) && git(&root, &["add", "."]));
    assert!(git(&root, &["commit", "--quiet", "--message", "one"]));
    let linked = root.with_file_name("linked");
    assert!(git(&root, &["worktree", "add", "--quiet", linked.to_str().unwrap()]));
    for (root, into) in [(&root, into.clone()), (&linked, into.with_file_name("second"))] {
        let copied = copy(root, around(root).unwrap().as_ref(), &[], &into, &[]).unwrap();
        let head = commit(root).unwrap();
        assert!(head.is_some());
        assert_eq!(commit(&copied.root).unwrap(), head);
        let index = |dir: &Path| {
            let file = first_line(dir, "git", &["rev-parse", "--git-path", "index"]).unwrap();
            fs::read(dir.join(file)).unwrap()
        };
        let before = index(root);
        assert!(git(&into, &["diff", "--quiet"]), "the copy is no change");
        assert!(git(&into, &["add", "."]) && git(&into, &["status"]));
        assert!(index(root) == before, "git wrote into the index of the original");
    }
}

#[test]
fn of_the_repository_around_a_workspace_comes_what_git_has() {
    need!("copied::around", machine::programs(&["git"]));
    let (_dir, root, into) =
        lab(&[("sub/ws/Cargo.toml", ""), ("README.md", "read by a build"), ("sub/x/y", "")]);
    assert!(git(&root, &["init", "--quiet"]) && git(&root, &["add", "."]));
    assert!(git(&root, &["commit", "--quiet", "--message", "one"]));
    fs::write(root.join("huge"), "not in git").unwrap();
    fs::write(root.join("sub/ws/mine"), "not in git, and in the workspace").unwrap();
    let workspace = root.join("sub/ws");
    let copied = copy(&workspace, around(&workspace).unwrap().as_ref(), &[], &into, &[]).unwrap();
    assert_eq!(copied.root, into.join("sub/ws"));
    let all: Vec<String> = names(&into).into_iter().filter(|name| !name.starts_with(".git")).collect();
    assert_eq!(all, ["README.md", "sub/ws/Cargo.toml", "sub/ws/mine", "sub/x/y"]);
    assert_eq!(commit(&copied.root), commit(&workspace));
    // A checkout that does not have the manifest is somebody else's.
    fs::create_dir(root.join("guest")).unwrap();
    fs::write(root.join("guest/Cargo.toml"), "").unwrap();
    assert_eq!(around(&root.join("guest")), Ok(None));
}

#[test]
fn what_git_has_is_a_source_also_in_a_folder_that_says_it_is_a_cache() {
    need!("copied::cache", machine::programs(&["git"]));
    let tag = "Signature: 8a477f597d28d172789f06886806bc55";
    let files = [
        ("Cargo.toml", ""),
        ("data/CACHEDIR.TAG", tag),
        ("data/deep/kept", "source"),
        ("data/deep/made", "made"),
        ("app/x", ""),
    ];
    let (_dir, root, into) = lab(&files);
    assert!(git(&root, &["init", "--quiet"]));
    assert!(git(&root, &["add", "Cargo.toml", "app", "data/CACHEDIR.TAG", "data/deep/kept"]));
    assert!(git(&root, &["commit", "--quiet", "--message", "one"]));
    copy(&root, around(&root).unwrap().as_ref(), &[], &into, &[]).unwrap();
    let expected = [".git", "Cargo.toml", "app/x", "data/CACHEDIR.TAG", "data/deep/kept"];
    assert_eq!(names(&into), expected.map(str::to_owned));
    assert!(git(&into, &["diff", "--quiet"]), "the copy is no change");
}

/// Inputs lie beside the copy as they lie beside the workspace, with and without a repository around it.
#[test]
fn what_was_read_elsewhere_lies_beside_the_copy() {
    need!("copied::inputs", machine::programs(&["git"]));
    let tag = "Signature: 8a477f597d28d172789f06886806bc55";
    let files = [
        ("top/ws/Cargo.toml", "[workspace]"),
        ("top/README.md", "tracked"),
        ("top/logo.bin", "ignored"),
        ("top/huge", "not read"),
        ("far/data/one", "1"),
        ("far/data/deep/two", "2"),
        ("top/ws/kept/CACHEDIR.TAG", tag),
        ("top/ws/kept/read", "read all the same"),
    ];
    let (_dir, root, into) = lab(&files);
    let workspace = root.join("top/ws");
    symlink("../logo.bin", workspace.join("logo")).unwrap();
    symlink("../huge", workspace.join("huge")).unwrap();
    let inputs = ["top/logo.bin", "far/data", "top/ws/kept/read"].map(|name| root.join(name));
    let inputs = inputs.into_iter().chain([root.join("gone")]).collect::<Vec<_>>();
    for repository in [false, true] {
        if repository {
            let top = root.join("top");
            fs::write(top.join(".gitignore"), "*.bin\nhuge\nkept\n").unwrap();
            assert!(git(&top, &["init", "--quiet"]) && git(&top, &["add", "."]));
            assert!(git(&top, &["commit", "--quiet", "--message", "one"]));
        }
        let into = into.with_file_name(format!("copy-{repository}"));
        let copied = copy(&workspace, around(&workspace).unwrap().as_ref(), &inputs, &into, &[]).unwrap();
        assert_eq!(copied.root, into.join("top/ws"));
        let mut expected = vec!["far/data/deep/two", "far/data/one", "top/logo.bin", "top/ws/Cargo.toml"];
        expected.extend(["top/ws/huge", "top/ws/kept/read", "top/ws/logo"]);
        if repository {
            expected.extend(["top/.gitignore", "top/README.md"]);
        }
        expected.sort_unstable();
        let found: Vec<String> = names(&into).into_iter().filter(|name| name != "top/.git").collect();
        assert_eq!(found, expected);
        // A link leads to the copy where there is one.
        assert_eq!(fs::read_to_string(copied.root.join("logo")).unwrap(), "ignored");
        assert_eq!(fs::read_link(copied.root.join("logo")).unwrap(), Path::new("../logo.bin"));
        assert_eq!(fs::read_link(copied.root.join("huge")).unwrap(), root.join("top/huge"));
        assert_eq!(commit(&copied.root), commit(&workspace));
    }
}
