//! `cargo xtask base prune`: what nothing has used goes, what something uses stays.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use xtask_base::prune::{Pruned, days_ago, hold, prune};
use xtask_base::{BaseLock, DebianArch};
use xtask_oci::Digest;
use xtask_process::exec::ProcessEnd;
use xtask_registry::store::{RegistryStore, StoreFolder};

use crate::same::{workspace, xtask};
use crate::support::{base, cache, had, load_from, load_here, locks};

/// Makes the time of everything below a folder one of that many days ago.
fn age(path: &Path, days: u32) {
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| age(&entry.unwrap().path(), days));
    }
    File::open(path).unwrap().set_modified(days_ago(days)).unwrap();
}

fn put(cache: &Path, name: &str, days: u32) {
    let path = cache.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "four").unwrap();
    age(&path, days);
}

fn of(pruned: &[Pruned], kind: &str) -> (u64, u64, u64, u64) {
    let found = pruned.iter().find(|p| p.kind == kind).unwrap();
    (found.removed, found.removed_bytes, found.kept, found.kept_bytes)
}

#[test]
fn what_nothing_has_used_for_long_goes() {
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path();
    for (name, days) in [
        ("bases/debs/old.deb", 40),
        ("bases/debs/new.deb", 20),
        ("bases/debs/inbox.lock", 90),
        ("bases/layers/old/layer.tar", 40),
        ("bases/layers/old.lock", 90),
        ("bases/layers/used/layer.tar", 90),
        ("bases/layers/used/used", 2),
        ("bases/layers/.half.1/layer.tar", 90),
        ("bases/refreshed/old.lock", 31),
        ("bases/apt/debian12-amd64/status", 40),
        ("bases/apt/debian12-amd64/lists/x", 40),
        ("bases/apt/debian13-amd64/status", 1),
        ("registry/blobs/sha256/aa", 40),
        ("registry/seen/blobs/aa.json", 40),
        ("registry/used/blobs/aa", 35),
        ("registry/blobs/sha256/bb", 40),
        ("registry/used/blobs/bb", 3),
        ("registry/tars/sha256/aa", 40),
        ("stds/old", 90),
    ] {
        put(cache, name, days);
    }
    for folder in
        ["bases/layers/old", "bases/layers/used", "bases/apt/debian12-amd64", "bases/apt/debian13-amd64"]
    {
        File::open(cache.join(folder)).unwrap().set_modified(days_ago(90)).unwrap();
    }
    let looked = prune(cache, days_ago(30), true, || {}).unwrap();
    assert!(cache.join("bases/debs/old.deb").exists());
    let pruned = prune(cache, days_ago(30), false, || {}).unwrap();
    assert_eq!(looked, pruned);
    assert_eq!(of(&pruned, "packages"), (1, 4, 1, 4));
    assert_eq!(of(&pruned, "layers of distroless bases"), (1, 4, 1, 8));
    assert_eq!(of(&pruned, "refreshed locks"), (1, 4, 0, 0));
    assert_eq!(of(&pruned, "states of apt"), (1, 8, 1, 4));
    assert_eq!(of(&pruned, "blobs of registries"), (1, 4, 1, 4));
    assert_eq!(of(&pruned, "unpacked layers of registries"), (1, 4, 0, 0));
    for gone in
        ["bases/debs/old.deb", "bases/layers/old", "bases/apt/debian12-amd64", "registry/seen/blobs/aa.json"]
    {
        assert!(!cache.join(gone).exists(), "{gone}");
    }
    for stays in ["bases/layers/old.lock", "bases/debs/inbox.lock", "registry/blobs/sha256/bb", "stds/old"] {
        assert!(cache.join(stays).exists(), "{stays}");
    }
    let again = prune(cache, days_ago(30), false, || {}).unwrap();
    assert!(again.iter().all(|p| p.removed == 0), "{again:?}");
}

#[test]
fn what_came_from_a_registry_and_is_used_stays() {
    let dir = tempfile::tempdir().unwrap();
    let store = RegistryStore::new(dir.path());
    let [one, two] = [b"one", b"two"].map(|bytes| {
        let digest = Digest::of(bytes);
        let fill = |out: &mut dyn std::io::Write| {
            out.write_all(bytes).unwrap();
            Ok(())
        };
        store.make(StoreFolder::Blobs, &digest, fill).unwrap();
        digest
    });
    age(&dir.path().join("registry"), 40);
    assert!(store.find(StoreFolder::Blobs, &one).is_some());
    let pruned = prune(dir.path(), days_ago(30), false, || {}).unwrap();
    assert_eq!(of(&pruned, "blobs of registries"), (1, 3, 1, 3));
    assert!(store.find(StoreFolder::Blobs, &one).is_some() && store.find(StoreFolder::Blobs, &two).is_none());
}

#[test]
fn a_base_that_is_used_stays_with_all_that_it_is_made_of() {
    let test = "a_base_that_is_used_stays_with_all_that_it_is_made_of";
    let Some((folder, _)) = locks(test) else { return };
    let what = base("distroless:static");
    if had(test, load_here(&folder, what, DebianArch::Amd64)).is_none() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let own = dir.path().join("bases/debs");
    fs::create_dir_all(&own).unwrap();
    for deb in fs::read_dir(cache().join("bases/debs")).unwrap().map(|entry| entry.unwrap().path()) {
        if deb.extension().is_some_and(|e| e == "deb") {
            fs::copy(&deb, own.join(deb.file_name().unwrap())).unwrap();
        }
    }
    fs::write(own.join("unused.deb"), "").unwrap();
    let load = || load_from(&folder, dir.path(), what, DebianArch::Amd64, |site| site.offline = true);
    let made = load().unwrap();
    age(&dir.path().join("bases"), 40);
    assert_eq!(load().unwrap(), made);
    let pruned = prune(dir.path(), days_ago(30), false, || {}).unwrap();
    assert!(!own.join("unused.deb").exists());
    let (removed, _, kept, _) = of(&pruned, "packages");
    assert!(removed > 0 && kept == made.base.packages.len() as u64, "{pruned:?}");
    assert_eq!(load().unwrap(), made);
    // And can be made once more, by what is left.
    fs::remove_dir_all(dir.path().join("bases/layers")).unwrap();
    assert_eq!(load().unwrap().base.digest, made.base.digest);
}

#[test]
fn a_run_that_uses_a_base_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "bases/debs/old.deb", 40);
    let (first, second) = (hold(dir.path()).unwrap(), hold(dir.path()).unwrap());
    let (tx, rx) = std::sync::mpsc::channel();
    let place = dir.path().to_owned();
    let other =
        std::thread::spawn(move || prune(&place, SystemTime::now(), false, || tx.send(()).unwrap()).unwrap());
    rx.recv_timeout(Duration::from_secs(20)).unwrap();
    drop(first);
    assert!(!other.is_finished() && dir.path().join("bases/debs/old.deb").exists());
    drop(second);
    assert_eq!(of(&other.join().unwrap(), "packages"), (1, 4, 0, 0));
}

#[test]
fn the_command_says_what_went_in_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let empty = BaseLock { debian: 13, releases: Default::default(), packages: Default::default() };
    workspace(dir.path(), &empty);
    let cache = dir.path().join("cache");
    put(&cache, "bases/debs/old.deb", 40);
    let call = |args: &[&str]| {
        let output = xtask(dir.path(), &cache, "022", args);
        assert_eq!(output.end, ProcessEnd::Code(0), "{}", output.errors());
        output.text()
    };
    let text = call(&["base", "prune", "--dry-run"]);
    assert!(text.contains("4 B would be removed (unused for 30 days), 0 B kept in"), "{text}");
    let json: serde_json::Value =
        serde_json::from_str(&call(&["base", "prune", "--older-than", "50", "--json"])).unwrap();
    assert_eq!((&json["removed_bytes"], &json["kept_bytes"]), (&0.into(), &4.into()), "{json}");
    let text = call(&["base", "prune", "--older-than", "39"]);
    assert!(text.contains("4 B removed (unused for 39 days)"), "{text}");
    assert!(!cache.join("bases/debs/old.deb").exists());
}
