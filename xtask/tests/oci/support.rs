//! What the tests here share.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;

use xtask_oci::document::Runtime;
use xtask_oci::{
    Codec, ImageSpec, LayerSource, LayerSpec, Node, PackedImage, Packer, PlatformSpec, RootFs, ScratchImage,
    scratch_rootfs,
};
use xtask_triple::Triple;

pub(crate) fn threads(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap()
}

/// Packs into `<root>/dist` with the cache in `<root>/cache`.
pub(crate) fn pack_with(images: &[ImageSpec], root: &Path, count: usize) -> Vec<PackedImage> {
    let (dist, cache) = (root.join("dist"), root.join("cache"));
    Packer { dist: &dist, cache: &cache, threads: threads(count) }.pack(images).unwrap()
}

/// A program of fixed bytes: 300,007 of them, so that a layer has several blocks.
pub(crate) fn program_bytes() -> Vec<u8> {
    let mut state = 42u32;
    (0..300_007u32)
        .map(|at| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if at % 5 == 0 { (state >> 24) as u8 } else { (at / 11) as u8 }
        })
        .collect()
}

/// A fixed image for two platforms whose program lies in `dir`. It holds nothing that `cargo update` can change.
pub(crate) fn fixed_image(dir: &Path) -> ImageSpec {
    let program = dir.join("program");
    std::fs::write(&program, program_bytes()).unwrap();
    let platform = |triple: &str, runtime: &str| {
        let mut rootfs = RootFs::new();
        rootfs.insert("app", Node::disk(0o755, &program)).unwrap();
        rootfs.insert("tmp", Node::dir(0o1777)).unwrap();
        rootfs.insert("home/nonroot", Node::dir(0o700).owned(65532, 65532)).unwrap();
        rootfs.insert("etc/platform", Node::bytes(0o644, triple.as_bytes().to_vec())).unwrap();
        rootfs.insert("bin/sh", Node::symlink("../app")).unwrap();
        rootfs.insert("long/".repeat(60).trim_end_matches('/'), Node::dir(0o755)).unwrap();
        PlatformSpec {
            platform: Triple::parse(triple).platform().unwrap(),
            layers: vec![LayerSource::Tree(LayerSpec { rootfs, created_by: "xtask".into() })],
            runtime: Runtime {
                user: "65532:65532".into(),
                env: vec!["PATH=/usr/bin:/bin".into()],
                entrypoint: vec!["/app".into()],
                working_dir: "/".into(),
                labels: BTreeMap::from([("mode".into(), runtime.into())]),
                ..Runtime::default()
            },
        }
    };
    ImageSpec {
        name: "fixed".into(),
        version: "1.2.3+x".into(),
        platforms: vec![
            platform("x86_64-unknown-linux-musl", "native"),
            platform("aarch64-unknown-linux-musl", "pure"),
        ],
        annotations: BTreeMap::from([("org.opencontainers.image.version".into(), "1.2.3+x".into())]),
        codec: Codec::Gzip,
        created: 1_700_000_000,
    }
}

/// A scratch image for one platform, as [`fixed_image`] else.
pub(crate) fn scratch_image(dir: &Path, time_zones: bool) -> ImageSpec {
    let mut image = fixed_image(dir);
    image.name = "scratch".into();
    image.platforms.truncate(1);
    let program = dir.join("program");
    *first_tree(&mut image) =
        scratch_rootfs(&ScratchImage { bin: "app", program: &program, time_zones }).unwrap();
    image
}

/// The tree of the first layer of the first platform.
pub(crate) fn first_tree(image: &mut ImageSpec) -> &mut RootFs {
    match &mut image.platforms[0].layers[0] {
        LayerSource::Tree(spec) => &mut spec.rootfs,
        LayerSource::Stored(_) => panic!("the layer is no tree"),
    }
}
