//! The bytes of a fixed input. A change here is a change of every digest that users see: bless it on purpose
//! (`XTASK_BLESS=1 cargo test -p xtask --test oci golden`), never to make a test pass.

use std::fmt::Write;
use std::path::Path;

use xtask_oci::document::{Index, Manifest};
use xtask_oci::{Codec, Digest, ImageSpec, Layout};
use xtask_test_support::golden;

use crate::support::{fixed_image, pack_with, scratch_image};

#[test]
fn digests_and_documents() {
    let dir = tempfile::tempdir().unwrap();
    golden!("oci/fixed.txt", &told(fixed_image(dir.path()), dir.path()));
}

#[test]
fn digests_and_documents_of_zstd() {
    let dir = tempfile::tempdir().unwrap();
    let image = ImageSpec { codec: Codec::Zstd, ..fixed_image(dir.path()) };
    golden!("oci/fixed-zstd.txt", &told(image, dir.path()));
}

/// All that a scratch image ships beside the program, certificates and time zones among it: `cargo update` of their
/// crates changes it, and should be seen.
#[test]
fn digests_and_documents_of_scratch() {
    let dir = tempfile::tempdir().unwrap();
    golden!("oci/scratch.txt", &told(scratch_image(dir.path(), true), dir.path()));
}

/// Packs an image and says all of it but the bytes of its layers, which stand in it by their digests.
fn told(image: ImageSpec, dir: &Path) -> String {
    let packed = pack_with(&[image], dir, 2).remove(0);
    let layout = Layout::new(dir.join("dist/oci"));
    let text = |digest: &Digest| String::from_utf8(layout.blobs().read(digest).unwrap()).unwrap();

    let mut told = String::new();
    let index = text(&packed.index_digest);
    writeln!(told, "index {}\n{index}", packed.index_digest).unwrap();
    for (manifest, descriptor) in
        packed.manifests.iter().zip(serde_json::from_str::<Index>(&index).unwrap().manifests)
    {
        assert_eq!(manifest.digest, descriptor.digest);
        let json = text(&manifest.digest);
        let document: Manifest = serde_json::from_str(&json).unwrap();
        let config = text(&document.config.digest);
        writeln!(told, "\nmanifest {} ({} bytes to pull)\n{json}", manifest.platform, manifest.size).unwrap();
        writeln!(told, "\nconfig {}\n{config}", manifest.platform).unwrap();
        let sum = document.config.size + document.layers[0].size + json.len() as u64;
        assert_eq!(manifest.size, sum);
    }
    let named = std::fs::read_to_string(layout.dir().join("index.json")).unwrap();
    writeln!(told, "\nindex.json\n{named}").unwrap();
    let name = packed.tar.file_name().unwrap().to_string_lossy();
    writeln!(told, "\n{name} {}", Digest::of(&std::fs::read(&packed.tar).unwrap())).unwrap();
    told
}
