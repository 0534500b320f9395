//! The same lock gives the same bytes: in another cache, in another folder, under another umask, without the network.

use std::path::Path;

use xtask_base::DebianArch;
use xtask_process::exec::{Cmd, Output};
use xtask_test_support::process::run;

use crate::support::{ARCHS, base, cache, had, load_from, load_here, locks, write};

/// A workspace with these locks.
pub(crate) fn workspace(dir: &Path, lock: &xtask_base::BaseLock) {
    std::fs::create_dir_all(dir.join("src")).unwrap();
    std::fs::write(dir.join("Cargo.toml"), "[package]\nname = \"w\"\nedition = \"2024\"\n").unwrap();
    std::fs::write(dir.join("src/main.rs"), "fn main() {}\n").unwrap();
    write(&dir.join("docker/bases"), lock);
}

/// `cargo xtask` in a workspace, under a umask.
pub(crate) fn xtask(dir: &Path, cache: &Path, umask: &str, args: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_cargo-xtask");
    let script = format!("umask {umask}; exec \"$@\"");
    let cmd = Cmd::new("sh").args(["-c", &script, "sh", program]).args(args).cwd(dir);
    cmd.env("XTASK_CACHE_DIR", cache)
        .env("LC_ALL", "C")
        .env("TZ", "Asia/Kathmandu")
        .capture(crate::support::LIMIT)
        .unwrap()
}

#[test]
fn equal_locks_are_equal_layers() {
    let test = "equal_locks_are_equal_layers";
    let Some((folder, lock)) = locks(test) else { return };
    let dir = tempfile::tempdir().unwrap();
    workspace(&dir.path().join("w"), &lock);
    let name = "distroless:cc:debug";
    for (arch, umask) in ARCHS.into_iter().zip(["077", "000"]) {
        let Some(one) = had(test, load_here(&folder, base(name), arch)) else { return };
        let other = dir.path().join(format!("cache {umask}"));
        std::fs::create_dir_all(other.join("bases")).unwrap();
        run(&Cmd::new("cp").arg("-r").arg(cache().join("bases/debs")).arg(other.join("bases")));
        let args = ["base", "show", name, "--arch", arch.as_str(), "--files", "--json", "--offline"];
        let output = xtask(&dir.path().join("w"), &other, umask, &args);
        assert!(output.ok(), "{}", output.errors());
        let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let layer = &one.base.layers[0].layer;
        assert_eq!(shown["layer"]["digest"], layer.descriptor.digest.as_str());
        assert_eq!(shown["layer"]["diff_id"], layer.diff_id.as_str());
        assert_eq!(shown["digest"], one.base.digest.as_str());
        assert_eq!(shown["files"].as_array().unwrap().len(), one.base.rootfs.iter().count());
        assert_eq!(shown["packages"].as_array().unwrap().len(), 15);
        // The tree may be read by others wherever it was made.
        let made = std::fs::read_dir(other.join("bases/layers")).unwrap().count();
        assert_eq!(made, 2, "one layer and its lock");
    }
}

/// Two threads that want the same base make it once.
#[test]
fn a_layer_is_made_once() {
    let test = "a_layer_is_made_once";
    let Some((folder, _)) = locks(test) else { return };
    let what = base("distroless:static");
    if had(test, load_here(&folder, what, DebianArch::Amd64)).is_none() {
        return;
    }
    let other = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(other.path().join("bases")).unwrap();
    run(&Cmd::new("cp").arg("-r").arg(cache().join("bases/debs")).arg(other.path().join("bases")));
    let load =
        || load_from(&folder, other.path(), what, DebianArch::Amd64, |site| site.offline = true).unwrap();
    let (one, two) = std::thread::scope(|scope| {
        let other = scope.spawn(load);
        (load(), other.join().unwrap())
    });
    assert_eq!(one, two);
    let time = || std::fs::metadata(&one.base.layers[0].blob).unwrap().modified().unwrap();
    let before = time();
    assert_eq!((load(), time()), (two, before), "what is there is not made again");
    assert_eq!(
        one.base.digest,
        load_here(&folder, base("distroless:static:root"), DebianArch::Amd64).unwrap().base.digest
    );
}
