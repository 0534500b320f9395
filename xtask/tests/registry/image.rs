//! Images that are made for a test: by our own packer, or document by document where no packer would make them.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;

use xtask_oci::document::{Descriptor, ImageConfig, Index, Manifest, Runtime, media_type, to_bytes};
use xtask_oci::{
    Blobs, Digest, ImageSpec, Layer, LayerSource, LayerSpec, Layout, Node, Packer, PlatformSpec, RootFs,
};

use crate::support::{AMD64, ARM64, platform};

/// A packed image for amd64 and arm64 whose only difference is a text; as skopeo spells it.
pub(crate) fn packed(dir: &Path, text: &str) -> String {
    let of = |triple: &str| {
        let mut rootfs = RootFs::new();
        rootfs.insert("etc/text", Node::bytes(0o640, text.as_bytes().to_vec()).owned(7, 8)).unwrap();
        rootfs.insert("etc/triple", Node::bytes(0o644, triple.as_bytes().to_vec())).unwrap();
        rootfs.insert("lib", Node::symlink("/usr/lib")).unwrap();
        rootfs.insert("usr/lib/libx.so", Node::bytes(0o755, noise(200_000))).unwrap();
        PlatformSpec {
            platform: platform(triple),
            layers: vec![LayerSource::Tree(LayerSpec { rootfs, created_by: "a test".into() })],
            runtime: runtime(),
        }
    };
    let image = ImageSpec {
        name: "made".into(),
        version: "1".into(),
        platforms: vec![of(AMD64), of(ARM64)],
        annotations: BTreeMap::new(),
        codec: xtask_oci::Codec::Gzip,
        created: 0,
    };
    let (dist, cache) = (dir.join("dist"), dir.join("pack"));
    let threads = NonZeroUsize::new(2).unwrap();
    let packed = Packer { dist: &dist, cache: &cache, threads }.pack(&[image]).unwrap();
    format!("oci-archive:{}", packed[0].tar.display())
}

pub(crate) fn runtime() -> Runtime {
    Runtime {
        user: "65532:65532".into(),
        env: vec!["PATH=/bin".into(), "A=b c".into()],
        entrypoint: vec!["/bin/x".into()],
        cmd: vec!["serve".into()],
        working_dir: "/srv".into(),
        labels: BTreeMap::from([("who".into(), "test".into())]),
        ..Runtime::default()
    }
}

/// Bytes that do not compress.
pub(crate) fn noise(size: usize) -> Vec<u8> {
    let mut state = 7u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..size).map(|_| next()).collect()
}

/// A layer's blob with its media type and the tar in it.
pub(crate) struct Made {
    pub(crate) media_type: &'static str,
    pub(crate) blob: Vec<u8>,
    pub(crate) tar: Vec<u8>,
}

impl Made {
    /// A tar as it is.
    pub(crate) fn plain(tar: Vec<u8>) -> Self {
        Self { media_type: media_type::LAYER, blob: tar.clone(), tar }
    }
}

/// A tar with regular files.
pub(crate) fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o644);
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, path, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

/// Writes a layout with an image of these layers for amd64, which `change` may spoil; as skopeo spells it.
pub(crate) fn layout(
    dir: &Path,
    layers: &[Made],
    change: impl FnOnce(&mut ImageConfig, &mut Manifest),
) -> String {
    let dir = dir.join("layout");
    let blobs = Blobs::of_layout(&dir);
    let stored: Vec<Layer> = layers
        .iter()
        .map(|made| Layer {
            descriptor: blobs.put(made.media_type, &made.blob).unwrap(),
            diff_id: Digest::of(&made.tar),
        })
        .collect();
    let steps: Vec<(&Layer, &str)> = stored.iter().map(|layer| (layer, "a test")).collect();
    let mut config = ImageConfig::new(&platform(AMD64), runtime(), &steps, 0);
    let descriptors = stored.iter().map(|layer| layer.descriptor.clone()).collect();
    let mut manifest = Manifest::new(Descriptor::of(media_type::CONFIG, b""), descriptors, BTreeMap::new());
    change(&mut config, &mut manifest);
    manifest.config = blobs.put(media_type::CONFIG, &to_bytes(&config).unwrap()).unwrap();
    let manifest = blobs.put(media_type::MANIFEST, &to_bytes(&manifest).unwrap()).unwrap();
    let index =
        Index::new(vec![manifest.annotated("org.opencontainers.image.ref.name", "x")], BTreeMap::new());
    std::fs::write(dir.join("index.json"), to_bytes(&index).unwrap()).unwrap();
    std::fs::write(dir.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    assert!(Layout::new(&dir).blobs().has(&index.manifests[0]));
    format!("oci:{}:x", dir.display())
}
