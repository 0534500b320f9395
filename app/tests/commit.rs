//! The commit that the build script records, in real repositories.

#[path = "../build/commit.rs"]
mod commit;

use std::path::{Path, PathBuf};
use std::process::Command;

use commit::{UNKNOWN, find};
use xtask_test_support::skip::skipped;

/// An empty folder in the target folder, for one test. What an earlier run left there goes now, not at the end, so that
/// a failure can be looked at.
fn folder(test: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("commit-{test}"));
    if dir.exists() {
        std::fs::remove_dir_all(&dir).unwrap();
    }
    std::fs::create_dir_all(&dir).unwrap();
    dir.canonicalize().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "git makes the repositories that this test is about")]
fn command(program: &str) -> Command {
    Command::new(program)
}

/// Runs git with an identity and no configuration of the machine; returns what it printed.
fn git(dir: &Path, args: &[&str]) -> String {
    let output = command("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.invalid", "-c", "commit.gpgsign=false"])
        .args(args)
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .output()
        .unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A repository on branch `main` with the package `app` in a folder and one commit.
fn repository(test: &str) -> (PathBuf, PathBuf) {
    let root = folder(test);
    let package = root.join("app");
    let build = package.join("build");
    std::fs::create_dir_all(&build).unwrap();
    std::fs::write(package.join("Cargo.toml"), "[package]\n").unwrap();
    for name in [".gitattributes", "archived-commit"] {
        std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("build").join(name), build.join(name))
            .unwrap();
    }
    git(&root, &["init", "-q", "-b", "main"]);
    git(&root, &["add", "."]);
    git(&root, &["commit", "-q", "-m", "one"]);
    (root, package)
}

/// Whether the tools are there; says which one is not, for the runner to count.
fn has(tools: &[&str], test: &str) -> bool {
    let works = |tool: &&&str| command(tool).arg("--version").output().is_ok_and(|o| o.status.success());
    let Some(missing) = tools.iter().find(|tool| !works(tool)) else { return true };
    skipped(test, missing);
    false
}

/// Every path that Cargo is told to watch exists, or each build would run the script again.
fn found(package: &Path) -> commit::Commit {
    let commit = find(package, None).unwrap();
    assert!(commit.watch.iter().all(|path| path.exists()), "{:?}", commit.watch);
    commit
}

fn watches(commit: &commit::Commit, path: impl AsRef<Path>) -> bool {
    let path = path.as_ref().canonicalize().unwrap();
    commit.watch.iter().any(|watched| watched.canonicalize().unwrap() == path)
}

#[test]
fn a_checkout_knows_its_commit_and_what_moves_it() {
    if !has(&["git"], "a_checkout_knows_its_commit_and_what_moves_it") {
        return;
    }
    let (root, package) = repository("checkout");
    let one = found(&package);
    assert_eq!(one.id, git(&root, &["rev-parse", "HEAD"]));
    assert!(watches(&one, root.join(".git/HEAD")));
    assert!(watches(&one, root.join(".git/refs/heads/main")));

    git(&root, &["commit", "-q", "--allow-empty", "-m", "two"]);
    let two = found(&package);
    assert_ne!(two.id, one.id);
    assert_eq!(two.watch, one.watch);

    git(&root, &["checkout", "-q", "--detach", "HEAD~1"]);
    let detached = found(&package);
    assert_eq!(detached.id, one.id);
    assert!(watches(&detached, root.join(".git/HEAD")));

    // A branch with a slash, whose ref lies in the pack: a commit makes it loose, in a folder that was not there.
    git(&root, &["checkout", "-q", "-b", "feature/x"]);
    git(&root, &["pack-refs", "--all"]);
    assert!(!root.join(".git/refs/heads/feature/x").exists());
    let packed = found(&package);
    assert_eq!(packed.id, one.id);
    assert!(watches(&packed, root.join(".git/packed-refs")));
    let folders: Vec<_> = packed.watch.iter().filter(|watched| watched.is_dir()).collect();
    assert_eq!(folders.len(), 1, "{:?}", packed.watch);
    assert!(root.join(".git/refs/heads/feature/x").starts_with(folders[0].canonicalize().unwrap()));
}

#[test]
fn a_linked_worktree_has_its_own_head() {
    if !has(&["git"], "a_linked_worktree_has_its_own_head") {
        return;
    }
    let (root, _) = repository("worktree");
    git(&root, &["worktree", "add", "-q", "-b", "other", "linked"]);
    let linked = root.join("linked");
    git(&linked, &["commit", "-q", "--allow-empty", "-m", "two"]);
    let commit = found(&linked.join("app"));
    assert_eq!(commit.id, git(&linked, &["rev-parse", "HEAD"]));
    assert_ne!(commit.id, git(&root, &["rev-parse", "HEAD"]));
    assert!(watches(&commit, root.join(".git/worktrees/linked/HEAD")));
    assert!(watches(&commit, root.join(".git/refs/heads/other")));
}

#[test]
fn an_archive_carries_its_commit_even_inside_of_another_checkout() {
    let name = "an_archive_carries_its_commit_even_inside_of_another_checkout";
    if !has(&["git", "tar"], name) {
        return;
    }
    let (root, _) = repository("archive");
    let id = git(&root, &["rev-parse", "HEAD"]);
    // `git archive` writes tar; a second repository takes over the role of the folder it is unpacked in.
    let outer = folder("archive-outer");
    git(&outer, &["init", "-q", "-b", "main"]);
    git(&outer, &["commit", "-q", "--allow-empty", "-m", "not ours"]);
    let tar = outer.join("source.tar");
    git(&root, &["archive", "-o", tar.to_str().unwrap(), "HEAD"]);
    assert!(command("tar").arg("-xf").arg(&tar).current_dir(&outer).status().unwrap().success());
    assert_eq!(found(&outer.join("app")).id, id);

    // A copy of the files without git's help knows nothing, and says so.
    std::fs::remove_file(outer.join("app/build/archived-commit")).unwrap();
    let copy = found(&outer.join("app"));
    assert_eq!((copy.id.as_str(), copy.watch.len()), (UNKNOWN, 0));
}

#[test]
fn a_repository_without_a_commit_is_unknown() {
    if !has(&["git"], "a_repository_without_a_commit_is_unknown") {
        return;
    }
    let root = folder("unborn");
    std::fs::write(root.join("Cargo.toml"), "[package]\n").unwrap();
    git(&root, &["init", "-q", "-b", "main"]);
    git(&root, &["add", "."]);
    let commit = found(&root);
    assert_eq!(commit.id, UNKNOWN);
    assert!(watches(&commit, root.join(".git/HEAD")));
}

#[test]
fn the_environment_wins_and_must_be_one_plain_word() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert_eq!(find(package, Some("v1.2-dirty+3")).unwrap().id, "v1.2-dirty+3");
    assert_eq!(find(package, Some("")).unwrap().id, find(package, None).unwrap().id);
    for bad in ["a b", "a\ncargo::rustc-env=X=1", "ü", "\"", &"a".repeat(101)] {
        assert!(find(package, Some(bad)).unwrap_err().contains("APP_GIT_COMMIT"), "{bad}");
    }
}
