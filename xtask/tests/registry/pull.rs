//! What a pull gives: by digest, by tag, for each platform, from layers of every kind.

use std::io::Write;

use xtask_oci::document::media_type;
use xtask_oci::{Digest, FileKind};
use xtask_process::exec::Cmd;
use xtask_registry::{Reference, lock};
use xtask_test_support::process::run;
use xtask_test_support::registry::RegistryServer;

use crate::image::{Made, layout, noise, packed, runtime, tar};
use crate::network::put;
use crate::support::{AMD64, ARM64, Machine};

#[test]
fn a_tag_is_locked_and_each_platform_has_its_own() {
    let Some(server) = RegistryServer::start("a_tag_is_locked_and_each_platform_has_its_own") else { return };
    server.push(&packed(server.dir(), "one"), "team/made:1", &[]);
    let machine = Machine::new();
    let name = server.name("team/made:1");
    let amd = machine.base(&name, AMD64).unwrap();
    let arm = machine.base(&name, ARM64).unwrap();
    assert_eq!((amd.name.as_str(), amd.platform.architecture), (name.as_str(), "amd64"));
    assert_eq!(amd.rootfs.file("etc/triple").unwrap().1.read().unwrap(), AMD64.as_bytes());
    assert_eq!(arm.rootfs.file("/etc/triple").unwrap().1.read().unwrap(), ARM64.as_bytes());
    let (place, content) = amd.rootfs.file("lib/libx.so").unwrap();
    assert_eq!((place.as_str(), &content.read().unwrap()[..]), ("usr/lib/libx.so", &noise(200_000)[..]));
    let text = amd.rootfs.get("etc/text").unwrap();
    assert_eq!((text.mode, text.uid, text.gid), (0o640, 7, 8));
    assert_eq!(amd.runtime, runtime());
    assert_ne!(amd.digest, arm.digest);

    let layer = &amd.layers[0];
    assert_eq!((amd.layers.len(), layer.created_by.as_str()), (1, "a test"));
    assert_eq!(layer.layer.descriptor.media_type, media_type::LAYER_GZIP);
    let blob = std::fs::read(&layer.blob).unwrap();
    assert_eq!(Digest::of(&blob), layer.layer.descriptor.digest);

    // What the registry says of the manifests is what we say.
    let raw = |rest: &str| {
        let from = format!("docker://{}", server.name(rest));
        let inspect = ["--insecure-policy", "inspect", "--raw", "--tls-verify=false", &from];
        run(&Cmd::new("skopeo").args(inspect)).stdout
    };
    let index = Digest::of(&raw("team/made:1"));
    assert_eq!(Digest::of(&raw(&format!("team/made@{}", amd.digest))), amd.digest);
    let lines = machine.lock_file();
    assert_eq!(lines.lines().last().unwrap(), format!("{name} {index}"));

    // By the digest of the index, and of one manifest; neither is locked.
    for digest in [&index, &amd.digest] {
        let by_digest = machine.base(&server.name(&format!("team/made@{digest}")), AMD64).unwrap();
        assert_eq!((&by_digest.digest, &by_digest.rootfs), (&amd.digest, &amd.rootfs));
    }
    assert_eq!(machine.lock_file(), lines);
}

#[test]
fn a_tag_that_moves_changes_nothing_until_it_is_wanted() {
    let Some(server) = RegistryServer::start("a_tag_that_moves_changes_nothing_until_it_is_wanted") else {
        return;
    };
    server.push(&packed(server.dir(), "one"), "made:latest", &[]);
    let machine = Machine::new();
    let name = server.name("made");
    let text = || {
        let base = machine.base(&name, AMD64).unwrap();
        String::from_utf8(base.rootfs.file("etc/text").unwrap().1.read().unwrap().into_owned()).unwrap()
    };
    assert_eq!(text(), "one");
    server.push(&packed(server.dir(), "two"), "made:latest", &[]);
    assert_eq!(text(), "one", "the lock holds it");

    let reference = Reference::parse(&name).unwrap();
    let update = || {
        machine.site(|site| xtask_registry::update(std::slice::from_ref(&reference), site)).unwrap().remove(0)
    };
    let moved = update();
    assert!(moved.from.is_some() && moved.from.as_ref() != Some(&moved.to), "{moved:?}");
    assert_eq!(text(), "two");
    assert_eq!(update().from, Some(moved.to.clone()));
    assert_eq!(machine.site(|site| lock::retain(&[], site)).unwrap(), [reference]);
    assert!(!machine.lock_file().contains("made"));
}

#[test]
fn a_platform_that_is_missing_is_refused_with_those_that_are_there() {
    let test = "a_platform_that_is_missing_is_refused_with_those_that_are_there";
    let Some(server) = RegistryServer::start(test) else { return };
    server.push(&packed(server.dir(), "one"), "made:1", &[]);
    let machine = Machine::new();
    let error =
        machine.base(&server.name("made:1"), "armv7-unknown-linux-gnueabihf").unwrap_err().to_string();
    assert!(error.contains("it is not made for linux/arm/v7"), "{error}");
    assert!(error.contains("it is made for linux/amd64, linux/arm64/v8"), "{error}");

    // One image without an index says it in its configuration.
    let single = layout(server.dir(), &[Made::plain(tar(&[("a", b"b")]))], |_, _| {});
    server.push(&single, "single:1", &[]);
    machine.base(&server.name("single:1"), AMD64).unwrap();
    let error = machine.base(&server.name("single:1"), ARM64).unwrap_err().to_string();
    assert!(
        error.contains("not made for linux/arm64/v8") && error.contains("made for linux/amd64"),
        "{error}"
    );
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn layers_of_every_kind_become_one_tree() {
    let Some(server) = RegistryServer::start("layers_of_every_kind_become_one_tree") else { return };
    let Some(zstd) = xtask_test_support::skip::have("layers_of_every_kind_become_one_tree", "zstd") else {
        return;
    };
    let one = tar(&[("etc/a", b"1"), ("etc/gone", b"x"), ("srv/big", &noise(300_000))]);
    let two = tar(&[("etc/.wh.gone", b""), ("etc/b", b"2")]);
    let three = tar(&[("etc/a", b"3")]);
    // Members one after the other, as pigz and estargz write them.
    let (front, back) = one.split_at(100_000);
    let members = [gzip(front), gzip(back)].concat();
    let file = server.dir().join("three.tar");
    std::fs::write(&file, &three).unwrap();
    run(&Cmd::new(zstd).args(["-q", "--check"]).arg(&file));
    // A frame to be skipped before and after, as zstd:chunked writes them.
    let skipped = [&[0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
    let frames =
        [&skipped[..], &std::fs::read(server.dir().join("three.tar.zst")).unwrap(), &skipped].concat();
    let layers = [
        Made { media_type: media_type::LAYER_GZIP, blob: members, tar: one },
        Made::plain(two),
        Made { media_type: media_type::LAYER_ZSTD, blob: frames, tar: three },
    ];
    // skopeo would compress the second one, and does not know a frame to be skipped.
    put(&server, &layout(server.dir(), &layers, |_, _| {}), "kinds:1");
    let machine = Machine::new();
    let base = machine.base(&server.name("kinds:1"), AMD64).unwrap();
    let paths: Vec<&str> =
        base.rootfs.iter().filter(|(_, node)| node.kind != FileKind::Dir).map(|(path, _)| path).collect();
    assert_eq!(paths, ["etc/a", "etc/b", "srv/big"]);
    assert_eq!(base.rootfs.file("etc/a").unwrap().1.read().unwrap(), &b"3"[..]);
    assert!(base.rootfs.file("srv/big").unwrap().1.read().unwrap() == noise(300_000));
    let kinds: Vec<&str> = base.layers.iter().map(|l| l.layer.descriptor.media_type.as_str()).collect();
    assert_eq!(kinds, [media_type::LAYER_GZIP, media_type::LAYER, media_type::LAYER_ZSTD]);
}

#[test]
fn an_image_in_dockers_format_becomes_one_in_ocis() {
    let Some(server) = RegistryServer::start("an_image_in_dockers_format_becomes_one_in_ocis") else {
        return;
    };
    let single = layout(server.dir(), &[Made::plain(tar(&[("a", b"b")]))], |_, _| {});
    server.push(&single, "old:1", &["--format=v2s2"]);
    let machine = Machine::new();
    let base = machine.base(&server.name("old:1"), AMD64).unwrap();
    let kind = &base.layers[0].layer.descriptor.media_type;
    assert!(kind.starts_with("application/vnd.oci."), "{kind}");
    let blob = std::fs::read(&base.layers[0].blob).unwrap();
    assert_eq!(Digest::of(&blob), base.layers[0].layer.descriptor.digest);
    assert_eq!(base.rootfs.file("a").unwrap().1.read().unwrap(), &b"b"[..]);
}

#[test]
fn what_is_not_there_is_said_with_the_registrys_words() {
    let Some(server) = RegistryServer::start("what_is_not_there_is_said_with_the_registrys_words") else {
        return;
    };
    let machine = Machine::new();
    let error = machine.refused(&server.name("no/such:1"));
    assert!(error.contains("404 Not Found") && error.contains("MANIFEST_UNKNOWN"), "{error}");
    assert!(error.contains(&format!("GET http://{}/v2/no/such/manifests/1", server.at)), "{error}");
    assert_eq!(machine.lock_file(), "", "what is not there is not locked");
}
