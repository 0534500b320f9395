//! Trees read from layers that other tools wrote: GNU tar in all its formats, and Docker.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use proptest::prelude::*;
use xtask_oci::{FileKind, RootFs, unpack};
use xtask_process::exec::Cmd;
use xtask_test_support::docker::{LoadedNames, daemon};
use xtask_test_support::process::{LIMIT, run};
use xtask_test_support::skip::have;

use crate::docker::saved_layer;

/// What a person sees of an entry: kind, mode and content or target.
type Seen = BTreeMap<String, (String, u32, Vec<u8>)>;

fn seen(tree: &RootFs) -> Seen {
    let entry = |(path, node): (&str, &xtask_oci::Node)| {
        let (kind, content) = match &node.kind {
            FileKind::Dir => ("folder", Vec::new()),
            FileKind::File(content) => ("file", content.read().unwrap().into_owned()),
            FileKind::Symlink(target) => ("link", target.clone().into_bytes()),
        };
        (path.to_owned(), (kind.to_owned(), node.mode, content))
    };
    tree.iter().map(entry).collect()
}

fn on_disk(root: &Path) -> Seen {
    let mut all = Seen::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let meta = fs::symlink_metadata(&path).unwrap();
            let (kind, content) = if meta.is_symlink() {
                ("link", fs::read_link(&path).unwrap().to_string_lossy().into_owned().into_bytes())
            } else if meta.is_dir() {
                folders.push(path.clone());
                ("folder", Vec::new())
            } else {
                ("file", fs::read(&path).unwrap())
            };
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            all.insert(name, (kind.to_owned(), meta.permissions().mode() & 0o7777, content));
        }
    }
    all
}

/// Makes what a list says below a folder; what cannot be there is left out.
fn make(root: &Path, entries: &[(Vec<String>, u8, u32, usize)]) {
    for (parts, kind, mode, size) in entries {
        let path = root.join(parts.join("/"));
        let _ = fs::create_dir_all(path.parent().unwrap());
        match kind {
            0 => {
                let _ = fs::create_dir(&path);
            }
            1 => {
                let _ = std::os::unix::fs::symlink(format!("/{}", parts.concat()), &path);
            }
            2 => {
                let _ = fs::hard_link(root.join("first"), &path);
            }
            _ => {
                let bytes: Vec<u8> = (0..*size).map(|at| (at % 251) as u8).collect();
                let _ = fs::write(&path, bytes);
            }
        }
        if fs::symlink_metadata(&path).is_ok_and(|meta| !meta.is_symlink()) {
            // The owner can go on, or the test could not.
            fs::set_permissions(&path, fs::Permissions::from_mode(mode & 0o7777 | 0o700)).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_gnu_tar_packs_reads_back(
        entries in proptest::collection::vec(
            (proptest::collection::vec("[a-zA-Z0-9 é.-]{1,60}x", 1..5), 0u8..5, any::<u32>(), 0usize..3000), 1..20,
        ),
        format in prop::sample::select(vec!["gnu", "oldgnu", "pax", "ustar", "v7"]),
        blocking in 1usize..30,
    ) {
        let Some(tar) = have("what_gnu_tar_packs_reads_back", "tar") else { return Ok(()) };
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        fs::create_dir(&root).unwrap();
        fs::write(root.join("first"), "first").unwrap();
        make(&root, &entries);
        let file = dir.path().join("layer.tar");
        let pack = Cmd::new(&tar).arg(format!("--format={format}")).arg(format!("--blocking-factor={blocking}"));
        let packed = pack.arg("-cf").arg(&file).arg("-C").arg(&root).arg(".").capture(LIMIT).unwrap();
        // ustar and v7 have no room for long names, and say so.
        prop_assume!(packed.ok());
        let mut tree = RootFs::new();
        unpack::apply(&file, &mut tree).unwrap();
        prop_assert_eq!(seen(&tree), on_disk(&root), "{}", format);
    }
}

#[test]
fn files_with_holes_are_refused_in_every_format() {
    let test = "files_with_holes_are_refused_in_every_format";
    let Some(tar) = have(test, "tar") else { return };
    let dir = tempfile::tempdir().unwrap();
    let file = fs::File::create(dir.path().join("holes")).unwrap();
    file.set_len(10 << 20).unwrap();
    std::os::unix::fs::FileExt::write_at(&file, b"end", 5 << 20).unwrap();
    for format in [&["--format=gnu"][..], &["--format=pax"], &["--format=pax", "--sparse-version=0.0"]] {
        let layer = dir.path().join("layer.tar");
        let pack = Cmd::new(&tar).args(format).arg("--sparse").arg("-cf").arg(&layer);
        run(&pack.arg("-C").arg(dir.path()).arg("holes"));
        let error = unpack::apply(&layer, &mut RootFs::new()).unwrap_err().to_string();
        assert!(error.contains("it is a sparse file") && error.contains("--sparse"), "{format:?}: {error}");
    }
}

const DOCKERFILE: &str = "FROM scratch
ADD one.tar /
ADD two.tar /
";

/// Docker unpacks the same layers; what a container of them has is what our tree has.
#[test]
fn docker_sees_the_same_tree() {
    let test = "docker_sees_the_same_tree";
    if !daemon(test) {
        return;
    }
    let Some(tar) = have(test, "tar") else { return };
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| dir.path().join(path);
    let (one, two) = (at("one"), at("two"));
    for folder in
        [one.join("usr/lib/deep"), one.join("old/in"), one.join("opt"), two.join("lib"), two.join("opt")]
    {
        fs::create_dir_all(folder).unwrap();
    }
    fs::write(one.join("usr/lib/a"), "a").unwrap();
    fs::hard_link(one.join("usr/lib/a"), one.join("usr/lib/b")).unwrap();
    std::os::unix::fs::symlink("/usr/lib", one.join("lib")).unwrap();
    fs::write(one.join("old/in/x"), "x").unwrap();
    fs::write(one.join("opt/kept"), "kept").unwrap();
    fs::set_permissions(one.join("opt"), fs::Permissions::from_mode(0o1777)).unwrap();
    fs::write(two.join("opt/new"), "n".repeat(10_000)).unwrap();
    fs::write(two.join("lib/c"), "through the link").unwrap();
    let pack = |name: &str, from: &Path| {
        run(&Cmd::new(&tar)
            .args(["--numeric-owner", "--owner=7", "--group=8", "-cf"])
            .arg(at(name))
            .arg("-C")
            .arg(from)
            .arg("."))
    };
    pack("one.tar", &one);
    // The link stands where the second has a folder: its entries come without one.
    run(&Cmd::new(&tar).arg("-cf").arg(at("two.tar")).arg("-C").arg(&two).args(["lib/c", "opt"]));
    fs::write(at("Dockerfile"), DOCKERFILE).unwrap();
    let name = format!("xtask-test-unpack-{}:1", std::process::id());
    let _loaded = LoadedNames(vec![name.clone()]);
    run(&Cmd::new("docker").args(["build", "-q", "-t", &name]).arg(dir.path()));
    let saved = at("saved.tar");
    run(&Cmd::new("docker").args(["save", &name, "-o"]).arg(&saved));
    let image = at("image");
    fs::create_dir(&image).unwrap();
    run(&Cmd::new(&tar).arg("-xf").arg(&saved).arg("-C").arg(&image));
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(image.join("manifest.json")).unwrap()).unwrap();
    let mut tree = RootFs::new();
    for layer in manifest[0]["Layers"].as_array().unwrap() {
        let blob = image.join(layer.as_str().unwrap());
        let layer = blob.with_extension("tar");
        fs::write(&layer, saved_layer(&fs::read(&blob).unwrap())).unwrap();
        unpack::apply(&layer, &mut tree).unwrap();
    }
    assert_eq!(tree.file("lib/c").unwrap().0, "usr/lib/c");

    let container = run(&Cmd::new("docker").args(["create", &name, "/none"])).text();
    let exported = at("exported.tar");
    let export = Cmd::new("docker").args(["export", &container, "-o"]).arg(&exported).capture(LIMIT);
    run(&Cmd::new("docker").args(["rm", "--force", &container]));
    assert!(export.unwrap().ok());
    let mut exported_tree = RootFs::new();
    unpack::apply(&exported, &mut exported_tree).unwrap();
    let theirs = seen(&exported_tree);
    let ours = seen(&tree);
    assert!(ours.len() > 10, "{:?}", ours.keys());
    for (path, entry) in &ours {
        assert_eq!(theirs.get(path), Some(entry), "{path}");
    }
    // What the engine puts into every container.
    let added = ["dev", "etc", "proc", "sys", ".dockerenv"];
    let more: Vec<_> = theirs.keys().filter(|path| !ours.contains_key(*path)).collect();
    let engine = |path: &str| added.iter().any(|a| path == *a || path.starts_with(&format!("{a}/")));
    assert!(more.iter().all(|path| engine(path)), "{more:?}");
    for (path, node) in tree.iter() {
        let other = exported_tree.get(path).unwrap();
        assert_eq!((node.uid, node.gid), (other.uid, other.gid), "{path}");
    }
}
