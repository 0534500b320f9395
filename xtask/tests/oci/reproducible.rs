//! The same digests whatever the machine is like, and no work where nothing changed.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use xtask_process::exec::Cmd;
use xtask_test_support::folder::files;
use xtask_test_support::process::run;

use crate::support::{fixed_image, pack_with};

/// Set in the child that packs under another umask: the folder to pack in.
const CHILD: &str = "XTASK_TEST_PACK_IN";

#[test]
fn directory_times_and_threads_leave_no_trace() {
    let base = tempfile::tempdir().unwrap();
    let mut results = Vec::new();
    for (at, threads) in [1, 2, 3, 16].into_iter().enumerate() {
        let dir = base.path().join("d".repeat(at * 40 + 1));
        fs::create_dir_all(&dir).unwrap();
        let image = fixed_image(&dir);
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000 * at as u64);
        fs::File::options().write(true).open(dir.join("program")).unwrap().set_modified(time).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = [0o600, 0o755, 0o444, 0o6777][at];
            fs::set_permissions(dir.join("program"), fs::Permissions::from_mode(mode)).unwrap();
        }
        pack_with(&[image], &dir, threads);
        results.push(files(&dir.join("dist")));
    }
    assert!(results[0].len() >= 11, "{:?}", results[0].keys());
    assert!(results.iter().all(|result| *result == results[0]));
}

#[cfg(unix)]
#[test]
fn any_umask() {
    if let Some(dir) = std::env::var_os(CHILD) {
        let dir = Path::new(&dir);
        pack_with(&[fixed_image(dir)], dir, 2);
        return;
    }
    let base = tempfile::tempdir().unwrap();
    let mut results = Vec::new();
    for umask in ["0077", "0000", "0022"] {
        let dir = base.path().join(umask);
        fs::create_dir(&dir).unwrap();
        let test = std::env::current_exe().unwrap();
        let script = format!("umask {umask} && exec \"$0\" --exact reproducible::any_umask");
        run(&Cmd::new("/bin/sh").args(["-c", &script]).arg(test).env(CHILD, &dir));
        results.push(files(&dir.join("dist")));
    }
    assert!(results[0].contains_key("images/fixed.tar"), "the child packed");
    assert!(results.iter().all(|result| *result == results[0]));
}

/// Old processors take other paths through hashing and compressing, with the same result: qemu plays one without AVX
/// and without SHA instructions.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[test]
fn any_processor() {
    use xtask_test_support::skip::have;
    let Some(qemu) = have("any_processor", "qemu-x86_64-static") else { return };
    let test = std::env::current_exe().unwrap();
    let golden = ["--exact", "golden::digests_and_documents"];
    let told =
        run(&Cmd::new(qemu).args(["-cpu", "Nehalem"]).arg(test).args(golden).env_remove("XTASK_BLESS"))
            .text();
    assert!(told.contains("1 passed"), "{told}");
}

/// The inode and the time of every file: what is written again by rename has another inode.
#[cfg(unix)]
fn identities(dir: &Path) -> Vec<(String, u64, SystemTime)> {
    use std::os::unix::fs::MetadataExt;
    let identity = |name: String| {
        let meta = fs::metadata(dir.join(&name)).unwrap();
        (name, meta.ino(), meta.modified().unwrap())
    };
    files(dir).into_keys().map(identity).collect()
}

#[cfg(unix)]
#[test]
fn nothing_is_written_when_nothing_changed() {
    let dir = tempfile::tempdir().unwrap();
    let image = fixed_image(dir.path());
    wait_for_the_next_tick(dir.path());
    let first = pack_with(std::slice::from_ref(&image), dir.path(), 2);
    let before = identities(&dir.path().join("dist"));
    let second = pack_with(std::slice::from_ref(&image), dir.path(), 2);
    assert_eq!(first, second);
    assert_eq!(before, identities(&dir.path().join("dist")));

    // Same size, same modification time, other bytes: the change time tells.
    let program = dir.path().join("program");
    let time = fs::metadata(&program).unwrap().modified().unwrap();
    let mut bytes = fs::read(&program).unwrap();
    bytes[1000] ^= 1;
    fs::write(&program, bytes).unwrap();
    fs::File::options().write(true).open(&program).unwrap().set_modified(time).unwrap();
    let third = pack_with(&[image], dir.path(), 2);
    assert_ne!(first[0].index_digest, third[0].index_digest);
}

#[test]
fn the_last_run_of_an_image_counts_and_others_stay() {
    let dir = tempfile::tempdir().unwrap();
    let image = fixed_image(dir.path());
    let mut other = image.clone();
    other.name = "other".into();
    other.platforms.truncate(1);
    other.platforms[0].runtime.labels.insert("x".into(), "y".into());
    let both = pack_with(&[image.clone(), other.clone()], dir.path(), 2);
    let expected = files(&dir.path().join("dist"));

    // One after the other, and the first of them once with other content.
    let dir = tempfile::tempdir().unwrap();
    let mut older = fixed_image(dir.path());
    older.platforms.iter_mut().for_each(|spec| spec.layers.truncate(1));
    older.created = 5;
    pack_with(&[older], dir.path(), 2);
    pack_with(&[other], dir.path(), 2);
    let again = pack_with(&[fixed_image(dir.path())], dir.path(), 2);
    assert_eq!(again[0].index_digest, both[0].index_digest);
    assert!(
        files(&dir.path().join("dist")) == expected,
        "the same files, and nothing is left of the older image"
    );
}

/// What changed within the tick in which packing began is packed again, on purpose.
fn wait_for_the_next_tick(dir: &Path) {
    let modified = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
    let begun = modified(&dir.join("program"));
    let probe = dir.join("probe");
    loop {
        fs::write(&probe, "").unwrap();
        if modified(&probe) > begun {
            return;
        }
    }
}
