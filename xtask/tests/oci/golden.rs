//! The bytes of a fixed input. A change here is a change of every digest that users see: bless it on purpose
//! (`XTASK_BLESS=1 cargo test -p xtask --test oci golden`), never to make a test pass.

use std::fmt::Write;
use std::path::Path;

use xtask::oci::document::{Index, Manifest};
use xtask::oci::{Digest, Layout};

use crate::support::{fixed_image, pack_with};

#[test]
fn digests_and_documents() {
    let dir = tempfile::tempdir().unwrap();
    let packed = pack_with(&[fixed_image(dir.path())], dir.path(), 2).remove(0);
    let layout = Layout::new(dir.path().join("dist/oci"));
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
    writeln!(told, "\nfixed.tar {}", Digest::of(&std::fs::read(&packed.tar).unwrap())).unwrap();
    compare("oci/fixed.txt", &told);
}

fn compare(name: &str, told: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("XTASK_BLESS").is_some_and(|v| v == "1") {
        std::fs::write(&path, told).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    assert!(told == golden, "{} differs; what was packed:\n{told}", path.display());
}
