//! What is packed has no name before it is committed, and what is not committed leaves what was there.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use xtask_oci::{Codec, ImageSpec, Packer, StagedImages, lies_in};
use xtask_test_support::folder::files;

use crate::support::{fixed_image, pack_with, threads};

fn stage(images: &[ImageSpec], root: &Path) -> StagedImages {
    let (dist, cache) = (root.join("dist"), root.join("cache"));
    Packer { dist: &dist, cache: &cache, threads: threads(2) }.stage(images).unwrap()
}

/// What has a name: the tars and the index of the layout.
fn named(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let all = files(&root.join("dist")).into_iter();
    all.filter(|(name, _)| name.ends_with(".tar") || name == "oci/index.json").collect()
}

/// Inode and times of every file: what is not touched keeps them.
fn traces(root: &Path) -> Vec<(String, u64, i64, i64)> {
    let dist = root.join("dist");
    let trace = |name: String| {
        let meta = fs::metadata(dist.join(&name)).unwrap();
        (name, meta.ino(), meta.mtime_nsec(), meta.ctime_nsec())
    };
    files(&dist).into_keys().map(trace).collect()
}

#[test]
fn nothing_has_a_name_before_it_is_committed() {
    for codec in [Codec::Gzip, Codec::Zstd] {
        let dir = tempfile::tempdir().unwrap();
        let first = ImageSpec { codec, ..fixed_image(dir.path()) };
        let staged = stage(std::slice::from_ref(&first), dir.path());
        let image = staged.images().remove(0);
        assert!(named(dir.path()).is_empty() && image.tar.is_file(), "{codec:?}");
        let packed = staged.commit().unwrap();
        let before = named(dir.path());
        assert_eq!(before.keys().collect::<Vec<_>>(), ["images/fixed.tar", "oci/index.json"]);
        assert_eq!(packed[0].tar, dir.path().join("dist/images/fixed.tar"));
        assert_eq!(packed, pack_with(std::slice::from_ref(&first), dir.path(), 2));

        // As an error, or the end of the process.
        let second = ImageSpec { created: 1, ..first.clone() };
        let staged = stage(std::slice::from_ref(&second), dir.path());
        let digest = staged.images().remove(0).index_digest;
        assert!(named(dir.path()) == before && digest != packed[0].index_digest, "{codec:?}");
        drop(staged);
        assert!(named(dir.path()) == before);
        assert_eq!(fs::read_dir(dir.path().join("dist/images")).unwrap().count(), 1);

        assert_eq!(pack_with(&[second], dir.path(), 2)[0].index_digest, digest);
        assert_eq!(lies_in(&dir.path().join("dist"), "fixed").unwrap(), Some(digest));
        // What the first one needed is gone, and what the second one needs is there.
        pack_with(std::slice::from_ref(&first), dir.path(), 2);
        let alone = tempfile::tempdir().unwrap();
        pack_with(&[ImageSpec { codec, ..fixed_image(alone.path()) }], alone.path(), 1);
        assert!(files(&dir.path().join("dist")) == files(&alone.path().join("dist")), "{codec:?}");
    }
}

#[test]
fn what_is_refused_leaves_the_one_before_and_its_blobs_for_the_next_try() {
    let dir = tempfile::tempdir().unwrap();
    let first = fixed_image(dir.path());
    let other = ImageSpec { name: "other".into(), ..first.clone() };
    let packed = pack_with(std::slice::from_ref(&first), dir.path(), 2);
    let before = named(dir.path());

    let second = ImageSpec { created: 1, ..first.clone() };
    let mut staged = stage(&[second.clone(), other.clone()], dir.path());
    let refused = staged.images().remove(0);
    let aside = dir.path().join("failed/fixed.tar");
    staged.refuse("fixed", &aside).unwrap();
    assert!(staged.refuse("fixed", &aside).is_err() && staged.refuse("nobody", &aside).is_err());
    assert_eq!(staged.images().len(), 1);
    assert_eq!(staged.commit().unwrap()[0].name, "other");
    let after = named(dir.path());
    assert!(aside.is_file() && after["images/fixed.tar"] == before["images/fixed.tar"]);
    assert!(after.contains_key("images/other.tar"));
    let dist = dir.path().join("dist");
    assert_eq!(lies_in(&dist, "fixed").unwrap().as_ref(), Some(&packed[0].index_digest));
    assert!(lies_in(&dist, "other").unwrap().is_some());

    // Nothing of it is made again but the tar.
    let blobs = |traces: Vec<(String, u64, i64, i64)>| {
        traces.into_iter().filter(|(name, ..)| name.contains("blobs")).collect::<Vec<_>>()
    };
    let traced = blobs(traces(dir.path()));
    assert!(traced.iter().any(|(name, ..)| name.ends_with(refused.index_digest.hex())));
    stage(&[second, other], dir.path());
    assert_eq!(blobs(traces(dir.path())), traced);
    // Another packing finds that nothing needs it.
    pack_with(&[first], dir.path(), 2);
    assert!(!traces(dir.path()).iter().any(|(name, ..)| name.ends_with(refused.index_digest.hex())));
}

#[test]
fn where_nothing_changed_nothing_is_written() {
    for codec in [Codec::Gzip, Codec::Zstd] {
        let dir = tempfile::tempdir().unwrap();
        let image = ImageSpec { codec, ..fixed_image(dir.path()) };
        // Twice: a program that was written within the same tick as it was packed is not remembered.
        pack_with(std::slice::from_ref(&image), dir.path(), 2);
        pack_with(std::slice::from_ref(&image), dir.path(), 2);
        let before = traces(dir.path());
        let staged = stage(&[image], dir.path());
        assert_eq!(staged.images()[0].tar, dir.path().join("dist/images/fixed.tar"));
        staged.commit().unwrap();
        assert_eq!(traces(dir.path()), before, "{codec:?}");
    }
}

#[test]
fn a_tar_alone_says_whose_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let packed = pack_with(&[fixed_image(dir.path())], dir.path(), 2);
    let dist = dir.path().join("dist");
    fs::remove_dir_all(dist.join("oci")).unwrap();
    assert_eq!(lies_in(&dist, "fixed").unwrap(), Some(packed[0].tar_index_digest.clone()));
    fs::write(dist.join("images/fixed.tar"), "no tar").unwrap();
    assert!(lies_in(&dist, "fixed").is_err());
    assert_eq!(lies_in(&dist, "absent").unwrap(), None);
}
