//! What killed runs, full disks and other hands leave behind.

use std::fs;

use xtask::oci::{Packer, pack};

use crate::support::{files, fixed_image, pack_with, threads};

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

#[test]
fn a_program_that_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let image = fixed_image(dir.path());
    fs::remove_file(dir.path().join("program")).unwrap();
    let error = pack(&[image], &dir.path().join("dist"), &dir.path().join("cache")).unwrap_err();
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
        bad.push(vec![xtask::oci::ImageSpec { name: name.into(), ..image.clone() }]);
    }
    let twice = vec![image.platforms[0].clone(), image.platforms[0].clone()];
    bad.push(vec![xtask::oci::ImageSpec { platforms: twice, ..image.clone() }]);
    bad.push(vec![xtask::oci::ImageSpec { platforms: vec![], ..image.clone() }]);
    bad.push(vec![xtask::oci::ImageSpec { version: "a b".into(), ..image }]);
    for images in bad {
        assert_eq!(packer.pack(&images).unwrap_err().kind, xtask::error::Kind::Usage);
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
