//! The tree of a base against its packages, as dpkg-deb and tar unpack them.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use proptest::prelude::*;
use xtask_base::deb::Deb;
use xtask_base::{BaseLock, DebianArch};
use xtask_oci::{FileKind, RootFs};
use xtask_process::exec::Cmd;
use xtask_test_support::process::run;
use xtask_test_support::skip::have;

use crate::support::{ARCHS, base, cache, deb, fresh_lock, had, load_here, locks, unpacked, write};

/// Kind, mode, owner, content or target.
type Entry = (char, u32, u32, Vec<u8>);

/// What lies in a folder, as the system sees it.
fn on_disk(root: &Path) -> BTreeMap<String, Entry> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let meta = path.symlink_metadata().unwrap();
            let (kind, mode, bytes) = if meta.is_symlink() {
                ('l', 0o777, std::fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes())
            } else if meta.is_dir() {
                folders.push(path.clone());
                ('d', meta.mode() & 0o7777, Vec::new())
            } else {
                ('f', meta.mode() & 0o7777, std::fs::read(&path).unwrap())
            };
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            found.insert(name, (kind, mode, meta.uid(), bytes));
        }
    }
    found
}

fn in_tree(tree: &RootFs) -> BTreeMap<String, Entry> {
    let entry = |kind: &FileKind| match kind {
        FileKind::Dir => ('d', Vec::new()),
        FileKind::File(content) => ('f', content.read().unwrap().into_owned()),
        FileKind::Symlink(target) => ('l', target.clone().into_bytes()),
    };
    tree.iter()
        .map(|(path, node)| {
            let (kind, bytes) = entry(&node.kind);
            (path.to_owned(), (kind, node.mode, node.uid, bytes))
        })
        .collect()
}

/// What no package brings.
const MADE: [&str; 10] = [
    "etc/group",
    "etc/nsswitch.conf",
    "etc/passwd",
    "etc/ssl",
    "etc/ssl/certs",
    "etc/ssl/certs/ca-certificates.crt",
    "home/nonroot",
    "usr/share/doc/ca-certificates",
    "usr/share/doc/ca-certificates/copyright",
    "var/lib/dpkg/status.d",
];

/// Every entry of every package is in the base as dpkg-deb unpacks it, and nothing else is but what is known.
fn compare(name: &str, lock: &BaseLock, locks: &Path, arch: DebianArch) -> Option<()> {
    let what = base(name);
    let assembled = had(name, load_here(locks, what, arch))?;
    let mut seen = in_tree(&assembled.base.rootfs);
    let mut expected = BTreeMap::new();
    for package in assembled.base.packages.iter().filter(|p| p.name != "ca-certificates") {
        let dir = tempfile::tempdir().unwrap();
        let file = deb(&cache(), lock, arch, &package.name);
        run(&Cmd::new("dpkg-deb").arg("-x").arg(file).arg(dir.path()));
        expected.extend(on_disk(dir.path()));
    }
    for package in &assembled.base.packages {
        let file = deb(&cache(), lock, arch, &package.name);
        let place = format!("var/lib/dpkg/status.d/{}", package.name);
        let control = run(&Cmd::new("dpkg-deb").arg("-f").arg(&file)).stdout;
        assert_eq!(String::from_utf8(seen.remove(&place).unwrap().3), String::from_utf8(control), "{place}");
        let sums = run(&Cmd::new("dpkg-deb").arg("-I").arg(&file).arg("md5sums")).stdout;
        let seen = seen.remove(&format!("{place}.md5sums")).unwrap();
        assert_eq!((seen.0, seen.1, seen.3 == sums), ('f', 0o644, true), "{place}.md5sums");
    }
    for path in MADE {
        assert!(seen.remove(path).is_some(), "{path} is missing");
    }
    let os_release = seen.remove("usr/lib/os-release").unwrap();
    assert_eq!(os_release.1, 0o555);
    let text = String::from_utf8(os_release.3).unwrap();
    assert!(
        text.starts_with("PRETTY_NAME=\"Distroless\"\nNAME=\"Debian GNU/Linux\"\nID=\"debian\"\n"),
        "{text}"
    );
    expected.remove("usr/lib/os-release");
    let (seen_paths, expected_paths): (BTreeSet<_>, BTreeSet<_>) =
        (seen.keys().collect(), expected.keys().collect());
    let odd: Vec<_> = seen_paths.symmetric_difference(&expected_paths).collect();
    assert!(odd.is_empty(), "{name} {arch}: {odd:?}");
    for (path, entry) in &expected {
        // dpkg-deb gives files to whoever unpacks them.
        let (kind, mode, _, bytes) = &seen[path];
        assert_eq!((*kind, *mode), (entry.0, entry.1), "{name} {arch}: {path}");
        assert!(*bytes == entry.3, "{name} {arch}: the content of {path}");
    }
    Some(())
}

#[test]
fn bases_are_their_packages_and_little_else() {
    let test = "bases_are_their_packages_and_little_else";
    if have(test, "dpkg-deb").is_none() {
        return;
    }
    let Some((folder, lock)) = locks(test) else { return };
    for arch in ARCHS {
        for name in ["distroless:static", "distroless:base", "distroless:cc"] {
            if compare(name, &lock, &folder, arch).is_none() {
                return;
            }
        }
    }
}

/// What scanners do: every file that status.d knows is there and is what it says.
#[test]
fn the_sums_of_status_d_hold() {
    let test = "the_sums_of_status_d_hold";
    let Some((folder, _)) = locks(test) else { return };
    for arch in ARCHS {
        let Some(assembled) = had(test, load_here(&folder, base("distroless:cc:debug"), arch)) else {
            return;
        };
        let root = unpacked(&assembled);
        let (mut right, mut wrong, mut absent) = (0, Vec::new(), BTreeSet::new());
        for entry in std::fs::read_dir(root.path().join("var/lib/dpkg/status.d")).unwrap() {
            let file = entry.unwrap().path();
            let name = file.file_name().unwrap().to_str().unwrap().to_owned();
            let Some(package) = name.strip_suffix(".md5sums") else { continue };
            let check = Cmd::new("md5sum").arg("--check").arg(&file).cwd(root.path()).env("LC_ALL", "C");
            for line in check.capture(crate::support::LIMIT).unwrap().text().lines() {
                match line.rsplit_once(": ").unwrap() {
                    (_, "OK") => right += 1,
                    (path, "FAILED") => wrong.push(path.to_owned()),
                    _ => drop(absent.insert(package.to_owned())),
                }
            }
        }
        assert!(right > 1000, "{right}");
        assert_eq!(wrong, ["usr/lib/os-release"], "it is generated");
        let partly: Vec<_> = absent.iter().map(String::as_str).collect();
        assert_eq!(partly, ["busybox-static", "ca-certificates"], "of these only a part ships");
    }
}

/// The layer, as tar unpacks it, is the tree that was promised; what is special about it is there.
#[test]
fn the_layer_unpacks_to_the_tree() {
    let test = "the_layer_unpacks_to_the_tree";
    let Some((folder, _)) = locks(test) else { return };
    let Some(assembled) = had(test, load_here(&folder, base("distroless:cc"), DebianArch::Arm64)) else {
        return;
    };
    let (seen, mut tree) = (on_disk(unpacked(&assembled).path()), in_tree(&assembled.base.rootfs));
    if seen["home/nonroot"].2 != 65532 {
        // Not root: tar gives all to the user.
        tree.values_mut().for_each(|entry| entry.2 = seen["etc"].2);
    }
    assert!(seen == tree);
    for (path, kind, mode) in [
        ("tmp", 'd', 0o1777),
        ("root", 'd', 0o700),
        ("home/nonroot", 'd', 0o700),
        ("etc/passwd", 'f', 0o644),
        ("etc/ssl/certs/ca-certificates.crt", 'f', 0o555),
        ("lib", 'l', 0o777),
        ("etc/mime.types", 'f', 0o644),
        ("usr/share/zoneinfo/Europe/Berlin", 'f', 0o644),
        ("usr/share/doc/libc6/copyright", 'f', 0o644),
    ] {
        assert_eq!((seen[path].0, seen[path].1), (kind, mode), "{path}");
    }
    let (_, loader) =
        assembled.base.rootfs.file("/lib/ld-linux-aarch64.so.1").map(|(p, c)| (p, c.size())).unwrap();
    assert!(loader.unwrap() > 100_000);
    let bundle = String::from_utf8(seen["etc/ssl/certs/ca-certificates.crt"].3.clone()).unwrap();
    let begins = bundle.lines().filter(|line| *line == "-----BEGIN CERTIFICATE-----").count();
    assert!(begins > 100 && begins == bundle.lines().filter(|l| *l == "-----END CERTIFICATE-----").count());
}

#[test]
fn debian_12_has_a_real_lib() {
    let test = "debian_12_has_a_real_lib";
    let Some(lock) = had(test, fresh_lock(12, &[DebianArch::Amd64], None)) else { return };
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &lock);
    let what = base("distroless:cc-debian12:root:debug");
    assert!(what.warning().unwrap().contains("no longer supported"));
    let Some(assembled) = had(test, load_here(dir.path(), what, DebianArch::Amd64)) else { return };
    let tree = &assembled.base.rootfs;
    assert_eq!(tree.get("lib").unwrap().kind, FileKind::Dir);
    assert!(tree.get("lib/x86_64-linux-gnu/libc.so.6").is_some());
    assert!(tree.get("busybox/sh").is_some());
    assert!(tree.file("/lib64/ld-linux-x86-64.so.2").is_some());
    let os_release = tree.file("etc/os-release").unwrap().1.read().unwrap().into_owned();
    assert!(String::from_utf8(os_release).unwrap().contains("VERSION=\"Debian GNU/Linux 12 (bookworm)\""));
    assert_eq!(
        (assembled.base.runtime.user.as_str(), assembled.base.runtime.working_dir.as_str()),
        ("0", "/")
    );
}

/// A real package with bytes changed and its end cut off is read or refused, and takes no more memory than it may.
#[test]
fn a_damaged_package_is_no_panic() {
    let test = "a_damaged_package_is_no_panic";
    let Some((folder, lock)) = locks(test) else { return };
    if had(test, load_here(&folder, base("distroless:static"), DebianArch::Amd64)).is_none() {
        return;
    }
    let real = std::fs::read(deb(&cache(), &lock, DebianArch::Amd64, "netbase")).unwrap();
    let read = |bytes: &[u8]| Deb::read("it", bytes).and_then(|deb| deb.unpack_data(&mut std::io::sink()));
    let whole = read(&real).unwrap();
    let refused = std::cell::Cell::new(0);
    let mut runner = proptest::test_runner::TestRunner::new(proptest::test_runner::Config {
        failure_persistence: None,
        ..Default::default()
    });
    let index = any::<proptest::sample::Index>();
    let changes = proptest::collection::vec((index.clone(), any::<u8>()), 1..6);
    runner
        .run(&(changes, index, any::<bool>()), |(changes, cut, cuts)| {
            let mut bytes = real.clone();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if cuts {
                bytes.truncate(cut.index(bytes.len()));
            }
            // What passes the checksums of xz is what was packed.
            match read(&bytes) {
                Ok(size) => prop_assert_eq!(size, whole),
                Err(_) => refused.set(refused.get() + 1),
            }
            Ok(())
        })
        .unwrap();
    assert!(refused.get() > 100, "{refused:?}");
}

/// The locks that are in the repository can be read, and are signed.
#[test]
fn the_locks_of_the_repository() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docker/bases");
    for debian in [12, 13] {
        let file = folder.join(BaseLock::file_name(debian));
        let lock = BaseLock::load(&file).unwrap().unwrap();
        assert_eq!(lock.text(), std::fs::read_to_string(&file).unwrap(), "it is as update writes it");
        assert!(
            ARCHS
                .iter()
                .all(|arch| lock.part(base(&format!("distroless:cc-debian{debian}:debug")), *arch).is_ok())
        );
        assert_eq!(lock.releases.len(), 3);
        assert!(lock.releases.values().all(|release| !release.signers.is_empty()));
    }
}
