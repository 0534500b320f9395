//! Images whose layers are zstd: other people's eyes on them, and the tar beside them, which is gzip all the same.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use xtask_oci::decompress::decompress;
use xtask_oci::document::{Descriptor, ImageConfig, Index, Manifest, media_type};
use xtask_oci::{Codec, Digest, ImageSpec, Layer, LayerSource, Layout, Node, PackedImage, StoredLayer};
use xtask_process::exec::Cmd;
use xtask_test_support::docker::{LoadedNames, daemon, keeps_the_index};
use xtask_test_support::folder::files;
use xtask_test_support::process::run;
use xtask_test_support::skip::{have, skipped};

use crate::support::{first_tree, fixed_image, pack_with, program_bytes};

/// More than one frame.
const BIG: usize = 5_000_011;

/// The fixed image with a file of several frames in its first platform.
fn image(dir: &Path) -> ImageSpec {
    let mut image = ImageSpec { codec: Codec::Zstd, ..fixed_image(dir) };
    let big: Vec<u8> = program_bytes().into_iter().cycle().take(BIG).collect();
    first_tree(&mut image).insert("big", Node::bytes(0o644, big)).unwrap();
    image
}

fn packed(dir: &Path) -> PackedImage {
    pack_with(&[image(dir)], dir, 2).remove(0)
}

/// The manifest, the configuration's digest and the layers of each platform of an index.
fn manifests(layout: &Layout, index: &Digest) -> Vec<Manifest> {
    let blobs = layout.blobs();
    let index: Index = serde_json::from_slice(&blobs.read(index).unwrap()).unwrap();
    let manifest = |d: &Descriptor| serde_json::from_slice(&blobs.read(&d.digest).unwrap()).unwrap();
    index.manifests.iter().map(manifest).collect()
}

/// Unpacks a tar of images as an OCI layout.
fn tar_as_layout(test: &str, packed: &PackedImage, into: &Path) -> Option<Layout> {
    let tar = have(test, "tar")?;
    fs::create_dir_all(into).unwrap();
    run(&Cmd::new(tar).arg("-xf").arg(&packed.tar).arg("-C").arg(into));
    Some(Layout::new(into))
}

#[test]
fn the_layout_holds_zstd_and_the_tar_gzip_of_the_same_image() {
    let test = "the_layout_holds_zstd_and_the_tar_gzip_of_the_same_image";
    let dir = tempfile::tempdir().unwrap();
    let packed = packed(dir.path());
    let layout = Layout::new(dir.path().join("dist/oci"));
    let Some(tar) = tar_as_layout(test, &packed, &dir.path().join("tar")) else { return };
    let ours = manifests(&layout, &packed.index_digest);
    let theirs = manifests(&tar, &packed.tar_index_digest);
    assert_ne!(packed.index_digest, packed.tar_index_digest);
    assert_eq!(ours.len(), 2);
    for (zstd, gzip) in ours.iter().zip(&theirs) {
        assert_eq!(zstd.config, gzip.config, "one image, by its ID");
        assert_eq!(zstd.layers[0].media_type, media_type::LAYER_ZSTD);
        assert_eq!(gzip.layers[0].media_type, media_type::LAYER_GZIP);
        let config: ImageConfig =
            serde_json::from_slice(&layout.blobs().read(&zstd.config.digest).unwrap()).unwrap();
        for (layout, blob) in [(&layout, &zstd.layers[0]), (&tar, &gzip.layers[0])] {
            let mut unpacked = Vec::new();
            decompress(layout.blobs().open(&blob.digest).unwrap(), &mut unpacked, |_| Ok(())).unwrap();
            assert_eq!(Digest::of(&unpacked), config.rootfs.diff_ids[0]);
        }
    }
    // Neither holds what only the other needs.
    let magic = |dir: &Path| -> BTreeSet<[u8; 2]> {
        let first = |bytes: &Vec<u8>| [bytes[0], bytes[1]];
        files(&dir.join("blobs")).values().map(first).filter(|two| *two != *b"{\"").collect()
    };
    assert_eq!(magic(layout.dir()), [[0x28, 0xb5]].into());
    assert_eq!(magic(tar.dir()), [[0x1f, 0x8b]].into());
}

#[test]
fn the_zstd_of_others_reads_it() {
    let Some(zstd) = have("the_zstd_of_others_reads_it", "zstd") else { return };
    let dir = tempfile::tempdir().unwrap();
    let packed = packed(dir.path());
    let layout = Layout::new(dir.path().join("dist/oci"));
    for manifest in manifests(&layout, &packed.index_digest) {
        let blob = layout.blobs().path(&manifest.layers[0].digest);
        let config: ImageConfig =
            serde_json::from_slice(&layout.blobs().read(&manifest.config.digest).unwrap()).unwrap();
        // zstd holds each frame against its checksum.
        let tar = run(&Cmd::new(&zstd).args(["--decompress", "--stdout", "--force"]).arg(&blob)).stdout;
        assert_eq!(Digest::of(&tar), config.rootfs.diff_ids[0]);
    }
}

#[test]
fn skopeo_copies_it_there_and_back() {
    let Some(skopeo) = have("skopeo_copies_it_there_and_back", "skopeo") else { return };
    let dir = tempfile::tempdir().unwrap();
    let packed = packed(dir.path());
    let place = |name: &str| format!("oci:{}:fixed", dir.path().join(name).display());
    for (from, to) in [("dist/oci", "there"), ("there", "back")] {
        run(&Cmd::new(&skopeo).args(["copy", "--all", "--preserve-digests", &place(from), &place(to)]));
    }
    let (ours, back) = (Layout::new(dir.path().join("dist/oci")), Layout::new(dir.path().join("back")));
    assert_eq!(
        back.blobs().read(&packed.index_digest).unwrap(),
        ours.blobs().read(&packed.index_digest).unwrap()
    );
    assert!(files(&back.dir().join("blobs")) == files(&ours.dir().join("blobs")));
}

#[test]
fn containerd_unpacks_several_frames() {
    let test = "containerd_unpacks_several_frames";
    let (Some(ctr), Some(tar)) = (have(test, "ctr"), have(test, "tar")) else { return };
    let sockets = ["/run/containerd/containerd.sock", "/var/run/docker/containerd/containerd.sock"];
    let namespace = format!("xtask-zstd-{}", std::process::id());
    let ctr = |socket: &str| Cmd::new(&ctr).args(["--address", socket, "--namespace", &namespace]);
    let limit = xtask_test_support::process::LIMIT;
    let answers = |socket: &&str| ctr(socket).arg("version").capture(limit).is_ok_and(|output| output.ok());
    let Some(socket) = sockets.into_iter().find(answers) else {
        return skipped(test, "no containerd answers");
    };
    let dir = tempfile::tempdir().unwrap();
    let mut image = image(dir.path());
    image.platforms.truncate(1);
    pack_with(&[image], dir.path(), 2);
    let archive = dir.path().join("layout.tar");
    run(&Cmd::new(tar).arg("-cf").arg(&archive).arg("-C").arg(dir.path().join("dist/oci")).arg("."));
    // `ctr` unpacks what it imports, and checks the digest of what comes out.
    let platform = ["--platform", "linux/amd64", "--snapshotter", "native"];
    let import = ["image", "import", "--base-name", "zstd-test"];
    let imported = ctr(socket).args(import).args(platform).arg(&archive).capture(limit).unwrap();
    let listed = run(&ctr(socket).args(["image", "ls", "-q"])).text();
    for name in listed.lines() {
        let _ = ctr(socket).args(["image", "rm", "--sync", name]).capture(limit);
    }
    let snapshots = ctr(socket).args(["snapshot", "--snapshotter", "native", "ls"]).capture(limit).unwrap();
    for line in snapshots.text().lines().skip(1) {
        let name = line.split_whitespace().next().unwrap();
        let _ = ctr(socket).args(["snapshot", "--snapshotter", "native", "rm", name]).capture(limit);
    }
    let _ = ctr(socket).args(["namespace", "rm", &namespace]).capture(limit);
    assert!(imported.ok(), "{} {}", imported.text(), imported.errors());
    assert!(imported.text().contains("unpacking") && imported.text().contains("done"), "{}", imported.text());
}

#[test]
fn docker_loads_its_tar() {
    let test = "docker_loads_its_tar";
    if !daemon(test) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut image = image(dir.path());
    image.name = format!("xtask-test-zstd-{}", std::process::id());
    let name = format!("{}:1.2.3-x", image.name);
    let _loaded = LoadedNames(["", "-amd64", "-arm64"].map(|end| format!("{name}{end}")).into());
    let packed = pack_with(&[image], dir.path(), 2).remove(0);
    run(&Cmd::new("docker").args(["load", "--input"]).arg(&packed.tar));
    let id = run(&Cmd::new("docker").args(["image", "inspect", "--format", "{{.Id}}", &name])).text();
    let layout = Layout::new(dir.path().join("dist/oci"));
    let config = &manifests(&layout, &packed.index_digest)[0].config.digest;
    let expected = if keeps_the_index() { &packed.tar_index_digest } else { config };
    assert_eq!(id, expected.as_str(), "the image that the layout holds, or its tar");
}

/// A base of which one layer is zstd, as registries have them: it stays so in the layout, and is gzip in the tar.
#[test]
fn a_zstd_layer_of_a_base_is_gzip_in_the_tar() {
    let test = "a_zstd_layer_of_a_base_is_gzip_in_the_tar";
    let dir = tempfile::tempdir().unwrap();
    let base = packed(dir.path());
    let layout = Layout::new(dir.path().join("dist/oci"));
    let manifest = manifests(&layout, &base.index_digest).remove(0);
    let config: ImageConfig =
        serde_json::from_slice(&layout.blobs().read(&manifest.config.digest).unwrap()).unwrap();
    let descriptor = manifest.layers[0].clone();
    let layer = Layer { descriptor: descriptor.clone(), diff_id: config.rootfs.diff_ids[0].clone() };
    let blob = layout.blobs().path(&descriptor.digest);
    let stored = StoredLayer { layer, blob: blob.clone(), created_by: "base".into() };

    let other = dir.path().join("other");
    fs::create_dir(&other).unwrap();
    let mut image = fixed_image(&other);
    image.platforms.truncate(1);
    image.platforms[0].layers.insert(0, LayerSource::Stored(stored.clone()));
    let packed = pack_with(std::slice::from_ref(&image), &other, 2).remove(0);
    let Some(tar) = tar_as_layout(test, &packed, &dir.path().join("tar")) else { return };
    let kinds = |manifest: Manifest| -> Vec<String> {
        manifest.layers.into_iter().map(|layer| layer.media_type).collect()
    };
    let ours = manifests(&Layout::new(other.join("dist/oci")), &packed.index_digest).remove(0);
    assert_eq!(ours.layers[0], descriptor);
    assert_eq!(kinds(ours), [media_type::LAYER_ZSTD, media_type::LAYER_GZIP]);
    assert_eq!(
        kinds(manifests(&tar, &packed.tar_index_digest).remove(0)),
        [media_type::LAYER_GZIP, media_type::LAYER_GZIP]
    );

    // A blob that is not the layer it is said to be ends the run, and nothing is named.
    let lie = other.join("lie");
    fs::copy(&blob, &lie).unwrap();
    let mut lying = stored;
    lying.layer.diff_id = Digest::of(b"another");
    lying.blob = lie;
    image.name = "lying".into();
    image.platforms[0].layers[0] = LayerSource::Stored(lying);
    let (dist, cache) = (other.join("dist"), other.join("cache"));
    let packer = xtask_oci::Packer { dist: &dist, cache: &cache, threads: crate::support::threads(2) };
    // The same blob is known already under its true digest; so is what it unpacks to.
    fs::remove_dir_all(&cache).unwrap();
    let error = packer.pack(&[image]).unwrap_err();
    assert!(error.to_string().contains("is not the expected layer"), "{error}");
    assert!(!fs::read_to_string(dist.join("oci/index.json")).unwrap().contains("lying"));
}

#[test]
fn nothing_is_made_again_and_what_is_gone_is() {
    let dir = tempfile::tempdir().unwrap();
    let image = image(dir.path());
    std::thread::sleep(std::time::Duration::from_millis(20));
    let first = pack_with(std::slice::from_ref(&image), dir.path(), 2);
    let before = files(dir.path());
    let again = pack_with(std::slice::from_ref(&image), dir.path(), 2);
    assert!(again == first && files(dir.path()) == before);
    // As gzip it leaves no layer of before behind, neither in the output nor in the cache.
    let gzip = pack_with(&[ImageSpec { codec: Codec::Gzip, ..image.clone() }], dir.path(), 2).remove(0);
    assert_eq!(gzip.index_digest, gzip.tar_index_digest);
    assert_eq!(gzip.index_digest, first[0].tar_index_digest);
    let zstd = |(_, bytes): &(&String, &Vec<u8>)| bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]);
    assert_eq!(files(&dir.path().join("dist")).iter().filter(zstd).count(), 0);
    fs::remove_dir_all(dir.path().join("cache")).unwrap();
    assert_eq!(pack_with(&[image], dir.path(), 2), first);
}
