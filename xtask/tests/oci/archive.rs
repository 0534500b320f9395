//! Archives and their checksums.

use std::fs;
use std::path::{Path, PathBuf};

use xtask::archive::{ArchiveSpec, companions, write};
use xtask_process::exec::Cmd;
use xtask_test_support::folder::files;
use xtask_test_support::process::run;
use xtask_test_support::skip::have;
use xtask_triple::Triple;

use crate::support::{program_bytes, threads};

fn package(dir: &Path) -> ArchiveSpec {
    fs::create_dir_all(dir).unwrap();
    fs::write(dir.join("program"), program_bytes()).unwrap();
    for (name, text) in
        [("LICENSE-MIT", "MIT"), ("LICENSE-APACHE", "Apache"), ("README.md", "Read"), ("notes", "no")]
    {
        fs::write(dir.join(name), text).unwrap();
    }
    ArchiveSpec {
        bin: "app".into(),
        version: "1.2.3".into(),
        triple: Triple::parse("x86_64-unknown-linux-musl"),
        program: dir.join("program"),
        files: companions(dir).unwrap(),
        created: 1_700_000_000,
    }
}

#[test]
fn unpacks_and_checks() {
    let test = "unpacks_and_checks";
    let (Some(tar), Some(sums)) = (have(test, "tar"), have(test, "sha256sum")) else { return };
    let dir = tempfile::tempdir().unwrap();
    let spec = package(&dir.path().join("package"));
    let (dist, cache) = (dir.path().join("dist"), dir.path().join("cache"));
    // What another run left is in the sums too.
    fs::create_dir_all(dist.join("archives")).unwrap();
    fs::write(dist.join("archives/app-1.2.2-x.tar.gz"), "old").unwrap();
    fs::write(dist.join("archives/.staging-1-1"), "half").unwrap();
    let two = ArchiveSpec { triple: Triple::parse("aarch64-unknown-linux-musl"), ..spec.clone() };
    let archives = write(&[spec, two], &dist, &cache, threads(2)).unwrap();

    let checked = run(&Cmd::new(sums).args(["-c", "--strict", "SHA256SUMS"]).cwd(&dist)).text();
    assert_eq!(
        checked,
        "archives/app-1.2.2-x.tar.gz: OK\narchives/app-1.2.3-aarch64-unknown-linux-musl.tar.gz: OK\n\
         archives/app-1.2.3-x86_64-unknown-linux-musl.tar.gz: OK"
    );
    assert_eq!(archives[0].size, fs::metadata(&archives[0].path).unwrap().len());
    let list =
        run(&Cmd::new(tar).args(["--numeric-owner", "-tvzf"]).arg(&archives[0].path).env("LC_ALL", "C"))
            .text();
    let told: Vec<(&str, &str)> = list
        .lines()
        .map(|line| (line.split(' ').next().unwrap(), line.rsplit('/').next().unwrap()))
        .collect();
    let expected = [
        ("drwxr-xr-x", ""),
        ("-rw-r--r--", "LICENSE-APACHE"),
        ("-rw-r--r--", "LICENSE-MIT"),
        ("-rw-r--r--", "README.md"),
        ("-rwxr-xr-x", "app"),
    ];
    assert_eq!(told, expected);
    assert!(
        list.lines()
            .all(|line| line.contains(" 0/0 ") && line.contains("app-1.2.3-x86_64-unknown-linux-musl/"))
    );
}

#[test]
fn the_same_bytes_from_everywhere() {
    let dir = tempfile::tempdir().unwrap();
    let mut results = Vec::new();
    for (name, count) in [("a", 1), ("some/where/else", 3)] {
        let root = dir.path().join(name);
        let spec = package(&root.join("package"));
        write(&[spec], &root.join("dist"), &root.join("cache"), threads(count)).unwrap();
        results.push(files(&root.join("dist")));
    }
    assert_eq!(results[0].len(), 2);
    assert!(results[0] == results[1]);
}

#[test]
fn a_changed_licence_makes_another_archive() {
    let dir = tempfile::tempdir().unwrap();
    let spec = package(&dir.path().join("package"));
    let (dist, cache) = (dir.path().join("dist"), dir.path().join("cache"));
    let one = write(std::slice::from_ref(&spec), &dist, &cache, threads(2)).unwrap();
    assert_eq!(write(std::slice::from_ref(&spec), &dist, &cache, threads(2)).unwrap(), one);
    fs::write(dir.path().join("package/LICENSE-MIT"), "mit").unwrap();
    let two = write(std::slice::from_ref(&spec), &dist, &cache, threads(2)).unwrap();
    assert_ne!(one[0].digest, two[0].digest);
    // An archive that somebody touched is made again.
    fs::write(&two[0].path, "touched").unwrap();
    assert_eq!(write(&[spec], &dist, &cache, threads(2)).unwrap(), two);
    assert_eq!(fs::metadata(&two[0].path).unwrap().len(), two[0].size);
}

#[test]
fn what_cannot_be_archived() {
    let dir = tempfile::tempdir().unwrap();
    let spec = package(&dir.path().join("package"));
    let write = |spec| write(&[spec], &dir.path().join("dist"), &dir.path().join("cache"), threads(1));
    let windows = ArchiveSpec { triple: Triple::parse("x86_64-pc-windows-gnu"), ..spec.clone() };
    assert!(write(windows).unwrap_err().what.contains("x86_64-pc-windows-gnu is not supported yet"));
    let clash = ArchiveSpec { files: vec![PathBuf::from("app")], ..spec.clone() };
    assert!(write(clash).is_err());
    let gone = ArchiveSpec { program: dir.path().join("gone"), ..spec };
    assert!(write(gone).unwrap_err().what.contains("gone"));
}
