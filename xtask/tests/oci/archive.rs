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

/// Prints each entry of a zip as other programs read it, and checks its bytes against its checksum.
const READ_ZIP: &str = "import sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
assert archive.testzip() is None
for entry in archive.infolist():
    print(entry.filename, oct(entry.external_attr >> 16), entry.date_time, entry.file_size)
sys.stdout.flush()
sys.stdout.buffer.write(archive.read('app-1.2.3-x86_64-pc-windows-gnu/LICENSE-MIT'))
";

#[test]
fn windows_gets_a_zip_that_others_read() {
    let test = "windows_gets_a_zip_that_others_read";
    let (Some(unzip), Some(python)) = (have(test, "unzip"), have(test, "python3")) else { return };
    let dir = tempfile::tempdir().unwrap();
    let spec = ArchiveSpec {
        triple: Triple::parse("x86_64-pc-windows-gnu"),
        created: 1_709_251_198,
        ..package(&dir.path().join("package"))
    };
    fs::write(dir.path().join("package/NOTICE"), "").unwrap();
    let spec = ArchiveSpec { files: companions(&dir.path().join("package")).unwrap(), ..spec };
    let archives = write(&[spec], &dir.path().join("dist"), &dir.path().join("cache"), threads(2)).unwrap();
    let zip = &archives[0].path;
    assert!(zip.ends_with("app-1.2.3-x86_64-pc-windows-gnu.zip"), "{}", zip.display());
    let checked = run(&Cmd::new(&unzip).arg("-tq").arg(zip)).text();
    assert!(checked.starts_with("No errors detected"), "{checked}");
    let read = run(&Cmd::new(python).args(["-c", READ_ZIP]).arg(zip)).text();
    let folder = "app-1.2.3-x86_64-pc-windows-gnu/";
    let time = "(2024, 2, 29, 23, 59, 58)";
    let size = program_bytes().len();
    let expected = [
        format!("{folder} 0o40755 {time} 0"),
        format!("{folder}LICENSE-APACHE 0o100644 {time} 6"),
        format!("{folder}LICENSE-MIT 0o100644 {time} 3"),
        format!("{folder}NOTICE 0o100644 {time} 0"),
        format!("{folder}README.md 0o100644 {time} 4"),
        format!("{folder}app.exe 0o100755 {time} {size}"),
        "MIT".to_owned(),
    ];
    assert_eq!(read.lines().collect::<Vec<_>>(), expected);
    run(&Cmd::new(unzip).arg("-q").arg(zip).arg("-d").arg(dir.path()));
    let program = dir.path().join(folder).join("app.exe");
    assert_eq!(fs::read(&program).unwrap(), program_bytes());
    let time = fs::metadata(program).unwrap().modified().unwrap();
    let seconds = time.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert_eq!(seconds, 1_709_251_198, "the exact time, wherever it is unpacked");
}

#[test]
fn the_same_bytes_from_everywhere() {
    let dir = tempfile::tempdir().unwrap();
    let mut results = Vec::new();
    for (name, count) in [("a", 1), ("some/where/else", 3)] {
        let root = dir.path().join(name);
        let spec = package(&root.join("package"));
        let windows = ArchiveSpec { triple: Triple::parse("x86_64-pc-windows-gnu"), ..spec.clone() };
        write(&[spec, windows], &root.join("dist"), &root.join("cache"), threads(count)).unwrap();
        results.push(files(&root.join("dist")));
    }
    assert_eq!(results[0].len(), 3);
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
    let clash = ArchiveSpec { files: vec![PathBuf::from("app")], ..spec.clone() };
    assert!(write(clash).is_err());
    let gone = ArchiveSpec { program: dir.path().join("gone"), ..spec };
    assert!(write(gone).unwrap_err().what.contains("gone"));
}
