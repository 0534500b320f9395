//! What is kept, and what is not believed.

use std::fs;

use xtask_files::error::ExitKind;
use xtask_oci::Digest;
use xtask_oci::document::{ImageConfig, Manifest};
use xtask_test_support::registry::RegistryServer;

use crate::image::{Made, layout, packed, tar};
use crate::support::{AMD64, ARM64, Machine};

#[test]
fn what_was_pulled_once_needs_no_registry() {
    let Some(mut server) = RegistryServer::start("what_was_pulled_once_needs_no_registry") else { return };
    server.push(&packed(server.dir(), "one"), "made:1", &[]);
    let mut machine = Machine::new();
    let name = server.name("made:1");
    let first = machine.base(&name, AMD64).unwrap();
    server.stop();
    assert_eq!(machine.base(&name, AMD64).unwrap(), first, "nothing is asked where nothing is missing");
    machine.offline = true;
    assert_eq!(machine.base(&name, AMD64).unwrap(), first);

    let error = machine.base(&name, ARM64).unwrap_err();
    assert_eq!(error.kind, ExitKind::Missing);
    assert!(
        error.to_string().contains("is not in the cache, and cannot be fetched with --offline"),
        "{error}"
    );
    let error = machine.base(&server.name("made:2"), AMD64).unwrap_err();
    assert_eq!(error.kind, ExitKind::Missing);
    assert!(error.to_string().contains("is not locked yet"), "{error}");
}

#[test]
fn a_damaged_cache_is_noticed_and_mended() {
    let Some(server) = RegistryServer::start("a_damaged_cache_is_noticed_and_mended") else { return };
    server.push(&packed(server.dir(), "one"), "made:1", &[]);
    let mut machine = Machine::new();
    let name = server.name("made:1");
    let first = machine.base(&name, AMD64).unwrap();
    let files = machine.cached();
    assert!(files.len() >= 5, "index, manifest, configuration, layer and tar: {files:?}");
    for file in files {
        for damage in ["changed", "cut off", "gone"] {
            let mut bytes = fs::read(&file).unwrap();
            match damage {
                "changed" => *bytes.last_mut().unwrap() ^= 1,
                _ => bytes.truncate(bytes.len() / 2),
            }
            if damage == "gone" {
                fs::remove_file(&file).unwrap()
            } else {
                fs::write(&file, bytes).unwrap()
            }
            assert_eq!(machine.base(&name, AMD64).unwrap(), first, "{damage}: {}", file.display());
            let hex = file.file_name().unwrap().to_str().unwrap();
            assert_eq!(Digest::of(&fs::read(&file).unwrap()).hex(), hex);
        }
    }
    // Offline a damaged file is as good as none; but a tar is made again of its blob.
    machine.offline = true;
    let tar = machine.cached().into_iter().find(|file| file.to_string_lossy().contains("/tars/")).unwrap();
    fs::write(&tar, "x").unwrap();
    assert_eq!(machine.base(&name, AMD64).unwrap(), first);
    fs::write(&first.layers[0].blob, "x").unwrap();
    assert_eq!(machine.base(&name, AMD64).unwrap_err().kind, ExitKind::Missing);
}

#[test]
fn a_registry_that_lies_is_not_believed() {
    let Some(server) = RegistryServer::start("a_registry_that_lies_is_not_believed") else { return };
    server.push(&packed(server.dir(), "one"), "made:1", &[]);
    let machine = Machine::new();
    let name = server.name("made:1");
    let base = machine.base(&name, AMD64).unwrap();
    let (layer, locked) = (base.layers[0].layer.descriptor.clone(), machine.lock_file());

    let fresh = || {
        let fresh = Machine::new();
        fs::create_dir_all(fresh.locks()).unwrap();
        fs::write(fresh.locks().join("registry.lock"), &locked).unwrap();
        fresh
    };
    let stored = server.stored(layer.digest.hex());
    let good = fs::read(&stored).unwrap();
    let mut other = good.clone();
    other[good.len() / 2] ^= 1;
    let longer = [&good[..], b"more"].concat();
    for (bad, words) in [
        (&other[..], "its digest is sha256:"),
        (&good[..good.len() - 9], "it ends after"),
        (&longer[..], "it has more bytes than"),
    ] {
        fs::write(&stored, bad).unwrap();
        let fresh = fresh();
        let error = fresh.refused(&name);
        assert!(error.contains(words) && error.contains(layer.digest.as_str()), "{error}");
        assert!(!fresh.cache().join("registry/blobs/sha256").join(layer.digest.hex()).exists(), "{words}");
    }
    fs::write(&stored, &good).unwrap();

    // docker-registry reads a manifest by its digest and does not look at it again.
    let stored = server.stored(base.digest.hex());
    let text = fs::read_to_string(&stored).unwrap();
    fs::write(&stored, text.replacen("65", "66", 1) + " ").unwrap();
    let error = fresh().refused(&name);
    assert!(error.contains("does not have that digest"), "{error}");
}

#[test]
fn a_layer_that_is_not_what_its_configuration_says_is_refused() {
    let test = "a_layer_that_is_not_what_its_configuration_says_is_refused";
    let Some(server) = RegistryServer::start(test) else { return };
    let layer = || [Made::plain(tar(&[("a", b"b")]))];
    type Change = fn(&mut ImageConfig, &mut Manifest);
    let cases: [(&str, Change, &str); 3] = [
        ("diff", |config, _| config.rootfs.diff_ids[0] = Digest::of(b"another"), "does not match its config"),
        ("count", |config, _| config.rootfs.diff_ids.clear(), "1 layers and 0 diff_ids"),
        ("size", |_, manifest| manifest.layers[0].size += 1, "it ends after"),
    ];
    for (name, change, words) in cases {
        let dir = server.dir().join(name);
        fs::create_dir(&dir).unwrap();
        // skopeo would not copy some of these: they go into the storage as documents of their own.
        let from = layout(&dir, &layer(), change);
        crate::network::put(&server, &from, &format!("{name}:1"));
        let error = Machine::new().refused(&server.name(&format!("{name}:1")));
        assert!(error.contains(words), "{name}: {error}");
    }
}

#[test]
fn two_at_once_share_one_cache() {
    let Some(server) = RegistryServer::start("two_at_once_share_one_cache") else { return };
    server.push(&packed(server.dir(), "one"), "made:1", &[]);
    let machine = Machine::new();
    let name = server.name("made:1");
    let bases: Vec<_> = std::thread::scope(|scope| {
        let pulls: Vec<_> = (0..6)
            .map(|at| {
                let (machine, name) = (&machine, &name);
                scope.spawn(move || machine.base(name, if at % 2 == 0 { AMD64 } else { ARM64 }).unwrap())
            })
            .collect();
        pulls.into_iter().map(|pull| pull.join().unwrap()).collect()
    });
    assert!(bases.iter().step_by(2).all(|base| *base == bases[0]));
    assert!(bases.iter().skip(1).step_by(2).all(|base| *base == bases[1]));
    let left = machine.cached().into_iter().filter(|file| file.to_string_lossy().contains(".staging-"));
    assert_eq!(left.count(), 0);
}
