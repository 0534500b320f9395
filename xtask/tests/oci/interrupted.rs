//! What killed runs, full disks and other hands leave behind.

use std::fs;

use xtask_oci::{Codec, ImageSpec, Packer};
use xtask_test_support::folder::files;

use crate::support::{fixed_image, pack_with, threads};

#[test]
fn leftovers_do_no_harm_and_go() {
    let dir = tempfile::tempdir().unwrap();
    let image = fixed_image(dir.path());
    let packed = pack_with(std::slice::from_ref(&image), dir.path(), 2);
    let expected = files(&dir.path().join("dist"));
    for folder in ["dist/oci/blobs/sha256", "dist/oci", "dist/images"] {
        fs::write(dir.path().join(folder).join(".staging-1-0"), "half").unwrap();
    }
    assert_eq!(pack_with(&[image], dir.path(), 2), packed);
    assert!(files(&dir.path().join("dist")) == expected);
}

#[test]
fn a_cache_of_rubbish_is_ignored_and_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let image = fixed_image(dir.path());
    let packed = pack_with(std::slice::from_ref(&image), dir.path(), 2);
    let cache = dir.path().join("cache");
    let names: Vec<String> = files(&cache).into_keys().collect();
    assert!(names.iter().any(|name| name.starts_with("images/")), "{names:?}");
    for name in &names {
        let whole = fs::read(cache.join(name)).unwrap();
        fs::write(cache.join(name), &whole[..whole.len() / 2]).unwrap();
    }
    assert_eq!(pack_with(&[image], dir.path(), 2), packed);
    for (name, json) in files(&cache) {
        serde_json::from_slice::<serde_json::Value>(&json).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
}

#[test]
fn what_is_missing_or_cut_short_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let image = fixed_image(dir.path());
    pack_with(std::slice::from_ref(&image), dir.path(), 2);
    let dist = dir.path().join("dist");
    let expected = files(&dist);
    for (name, bytes) in &expected {
        if name == ".oci.lock" {
            continue;
        }
        fs::remove_file(dist.join(name)).unwrap();
        pack_with(std::slice::from_ref(&image), dir.path(), 2);
        assert!(files(&dist) == expected, "{name} was removed");
        if !name.ends_with("index.json") {
            fs::write(dist.join(name), &bytes[..bytes.len() / 2]).unwrap();
            pack_with(std::slice::from_ref(&image), dir.path(), 2);
            assert!(files(&dist) == expected, "{name} was cut");
        }
    }
}

/// A disk, or somebody, changed one byte and set the time back.
#[test]
fn what_was_changed_at_equal_size_is_made_again() {
    for codec in [Codec::Gzip, Codec::Zstd] {
        let dir = tempfile::tempdir().unwrap();
        let image = ImageSpec { codec, ..fixed_image(dir.path()) };
        let pack = || pack_with(std::slice::from_ref(&image), dir.path(), 2);
        pack();
        let expected = files(&dir.path().join("dist"));
        let gzip = files(&dir.path().join("cache")).into_keys().filter(|name| name.starts_with("gzip/blobs"));
        let gzip: Vec<String> = gzip.map(|name| format!("cache/{name}")).collect();
        assert_eq!(gzip.is_empty(), codec == Codec::Gzip);
        let names = expected.keys().filter(|name| !name.ends_with("index.json") && *name != ".oci.lock");
        for name in names.map(|name| format!("dist/{name}")).chain(gzip) {
            let path = dir.path().join(&name);
            let (mut bytes, time) =
                (fs::read(&path).unwrap(), fs::metadata(&path).unwrap().modified().unwrap());
            let whole = bytes.clone();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            // Two writes within one tick of the clock of a file system look alike.
            std::thread::sleep(std::time::Duration::from_millis(10));
            fs::write(&path, bytes).unwrap();
            fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
            pack();
            assert!(fs::read(&path).unwrap() == whole, "{codec:?}: {name}");
        }
        assert!(files(&dir.path().join("dist")) == expected, "{codec:?}");
    }
}

/// What a copy holds is read once; it is as good as what was packed here.
#[test]
fn a_copy_of_the_output_folder_is_no_reason_to_pack_again() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let image = fixed_image(dir.path());
    pack_with(std::slice::from_ref(&image), dir.path(), 2);
    pack_with(std::slice::from_ref(&image), dir.path(), 2);
    for folder in ["dist", "cache"] {
        for (name, bytes) in files(&dir.path().join(folder)) {
            let path = other.path().join(folder).join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }
    let blobs = || {
        let entries = fs::read_dir(other.path().join("dist/oci/blobs/sha256")).unwrap().map(Result::unwrap);
        let written = |e: fs::DirEntry| (e.file_name(), e.metadata().unwrap().modified().unwrap());
        entries.map(written).collect::<std::collections::BTreeMap<_, _>>()
    };
    let (before, facts) = (blobs(), other.path().join("cache/blobs"));
    let known = || fs::read_dir(&facts).unwrap().count();
    let copied = known();
    pack_with(std::slice::from_ref(&image), other.path(), 2);
    assert!(blobs() == before && known() > copied, "no blob was written, and what was read is known");
}

#[test]
fn a_program_that_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let image = fixed_image(dir.path());
    fs::remove_file(dir.path().join("program")).unwrap();
    let (dist, cache) = (dir.path().join("dist"), dir.path().join("cache"));
    let error = Packer { dist: &dist, cache: &cache, threads: threads(1) }.pack(&[image]).unwrap_err();
    assert!(error.what.starts_with("cannot read") && error.what.contains("program"), "{error}");
    assert!(!dir.path().join("dist/oci/index.json").exists());
}

#[test]
fn names_are_checked_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let image = fixed_image(dir.path());
    let (dist, cache) = (dir.path().join("dist"), dir.path().join("cache"));
    let packer = Packer { dist: &dist, cache: &cache, threads: threads(1) };
    let mut bad = vec![vec![image.clone(), image.clone()]];
    for name in ["../x", "App", ""] {
        bad.push(vec![xtask_oci::ImageSpec { name: name.into(), ..image.clone() }]);
    }
    let twice = vec![image.platforms[0].clone(), image.platforms[0].clone()];
    bad.push(vec![xtask_oci::ImageSpec { platforms: twice, ..image.clone() }]);
    bad.push(vec![xtask_oci::ImageSpec { platforms: vec![], ..image.clone() }]);
    bad.push(vec![xtask_oci::ImageSpec { version: "a b".into(), ..image }]);
    for images in bad {
        assert_eq!(packer.pack(&images).unwrap_err().kind, xtask_files::error::ExitKind::Usage);
    }
    assert!(!dist.exists());
}

#[test]
fn runs_side_by_side_leave_a_whole_layout() {
    let dir = tempfile::tempdir().unwrap();
    let images: Vec<_> = (0..6)
        .map(|at| {
            let mut image = fixed_image(dir.path());
            image.name = format!("image{at}");
            image.created = at;
            image
        })
        .collect();
    std::thread::scope(|scope| {
        for image in &images {
            scope.spawn(|| pack_with(std::slice::from_ref(image), dir.path(), 1));
        }
    });
    let side_by_side = files(&dir.path().join("dist"));
    fs::remove_dir_all(dir.path().join("dist")).unwrap();
    pack_with(&images, dir.path(), 2);
    assert!(files(&dir.path().join("dist")) == side_by_side);
}
