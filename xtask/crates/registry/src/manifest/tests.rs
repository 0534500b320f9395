use proptest::prelude::*;

use super::*;
use xtask_triple::Triple;

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn platform(triple: &str) -> Platform {
    Triple::parse(triple).platform().unwrap()
}

fn descriptor(media_type: &str) -> String {
    format!(r#"{{"mediaType": "{media_type}", "digest": "{DIGEST}", "size": 1}}"#)
}

fn image(config: &str, layer: &str, more: &str) -> String {
    let (config, layer) = (descriptor(config), descriptor(layer));
    format!(r#"{{"schemaVersion": 2, {more} "config": {config}, "layers": [{layer}]}}"#)
}

fn index(platforms: &[&str]) -> Index {
    let manifest = |text: &&str| {
        let mut parts = text.split('/').map(str::to_owned);
        let mut m = Descriptor::new(media_type::MANIFEST, Digest::of(text.as_bytes()), 1);
        if !text.is_empty() {
            let (os, architecture) = (parts.next().unwrap(), parts.next().unwrap());
            m.platform = Some(PlatformJson { architecture, os, variant: parts.next() });
        }
        m
    };
    Index::new(platforms.iter().map(manifest).collect(), Default::default())
}

#[test]
fn documents_are_what_they_say() {
    assert!(matches!(
        read(image(media_type::CONFIG, media_type::LAYER_ZSTD, "").as_bytes()),
        Ok(FetchedDocument::Manifest(_))
    ));
    let old = image(docker::CONFIG, docker::LAYER_GZIP, &format!(r#""mediaType": "{}","#, docker::MANIFEST));
    assert!(matches!(read(old.as_bytes()), Ok(FetchedDocument::Manifest(_))));
    assert!(matches!(read(br#"{"schemaVersion": 2, "manifests": []}"#), Ok(FetchedDocument::Index(_))));
    let list = format!(r#"{{"schemaVersion": 2, "mediaType": "{}", "manifests": null}}"#, docker::LIST);
    assert!(matches!(read(list.as_bytes()), Ok(FetchedDocument::Index(_)) | Err(_)));
}

#[test]
fn what_is_no_base() {
    let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    let encrypted = "application/vnd.oci.image.layer.v1.tar+gzip+encrypted";
    let windows = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
    let both = image(media_type::CONFIG, media_type::LAYER, r#""manifests": [],"#);
    let many = format!(
        r#"{{"schemaVersion": 2, "config": {}, "layers": [{}]}}"#,
        descriptor(media_type::CONFIG),
        vec![descriptor(media_type::LAYER); 128].join(",")
    );
    let cases = [
        (r#"{"schemaVersion": 1, "name": "x", "fsLayers": []}"#.to_owned(), "schema 1"),
        ("{}".to_owned(), "cannot be parsed"),
        ("<html>".to_owned(), "cannot be parsed"),
        (image(media_type::CONFIG, foreign, ""), "may be distributed only"),
        (image(media_type::CONFIG, windows, ""), "may be distributed only"),
        (image(media_type::CONFIG, encrypted, ""), "is encrypted"),
        (image(media_type::CONFIG, "text/plain", ""), "not supported"),
        (
            image("application/vnd.oci.empty.v1+json", media_type::LAYER, r#""artifactType": "a/b","#),
            "artifact of the type \"a/b\"",
        ),
        (image(media_type::CONFIG, media_type::LAYER, r#""mediaType": "a/b","#), "media type is \"a/b\""),
        (both, "like an index and"),
        (many, "128 layers"),
    ];
    for (text, words) in cases {
        let error = read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(words), "{text}: {error}");
    }
}

#[test]
fn a_platform_is_found_by_any_of_its_names() {
    let cases = [
        ("aarch64-unknown-linux-gnu", "linux/arm64", true),
        ("aarch64-unknown-linux-gnu", "linux/arm64/v8", true),
        ("aarch64-unknown-linux-gnu", "linux/aarch64/8", true),
        ("aarch64-unknown-linux-gnu", "linux/arm64/v9", false),
        ("aarch64-unknown-linux-gnu", "windows/arm64", false),
        ("x86_64-unknown-linux-gnu", "linux/amd64/v1", true),
        ("x86_64-unknown-linux-gnu", "Linux/x86_64", true),
        ("x86_64-unknown-linux-gnu", "linux/amd64/v3", false),
        ("armv7-unknown-linux-gnueabihf", "linux/arm", true),
        ("armv7-unknown-linux-gnueabihf", "linux/arm/7", true),
        ("armv7-unknown-linux-gnueabihf", "linux/arm/v6", false),
        ("arm-unknown-linux-gnueabihf", "linux/arm/v6", true),
        ("arm-unknown-linux-gnueabihf", "linux/arm/v7", false),
        ("riscv64gc-unknown-linux-gnu", "linux/riscv64", true),
    ];
    for (triple, text, fits) in cases {
        let index = index(&["linux/s390x", text]);
        assert_eq!(pick(&index, &platform(triple)).is_ok(), fits, "{triple} on {text}");
    }
}

#[test]
fn a_base_that_lacks_the_platform_names_those_it_has() {
    let index = index(&["unknown/unknown", "linux/arm64", "linux/arm/v6", "linux/arm64"]);
    let error = pick(&index, &platform("x86_64-unknown-linux-gnu")).unwrap_err().to_string();
    assert!(error.contains("not made for linux/amd64"), "{error}");
    assert!(
        error.contains("made for linux/arm/v6, linux/arm64\n")
            || error.ends_with("linux/arm/v6, linux/arm64"),
        "{error}"
    );
    let silent = self::index(&["", "linux/arm64"]);
    assert_eq!(pick(&silent, &platform("x86_64-unknown-linux-gnu")).unwrap().len(), 1);
}

proptest! {
    #[test]
    fn any_bytes_are_a_document_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&bytes);
    }

    /// Documents in which a part was replaced reach deeper code than random bytes.
    #[test]
    fn damaged_documents_are_read_or_refused(
        at in 0usize..600, with in proptest::collection::vec(any::<u8>(), 0..6), cut in 0usize..9, list in any::<bool>()
    ) {
        let text = if list {
            serde_json::to_string(&index(&["linux/arm64/v8", "linux/amd64", ""])).unwrap()
        } else {
            image(media_type::CONFIG, media_type::LAYER_GZIP, r#""annotations": {"a": "b"},"#)
        };
        let mut bytes = text.into_bytes();
        let at = at % bytes.len();
        let end = (at + cut).min(bytes.len());
        bytes.splice(at..end, with);
        if let Ok(FetchedDocument::Index(index)) = read(&bytes) {
            let _ = pick(&index, &platform("x86_64-unknown-linux-gnu"));
        }
    }
}
