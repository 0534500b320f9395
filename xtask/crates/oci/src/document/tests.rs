use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::Digest;
use xtask_triple::Triple;

#[test]
fn a_config_is_what_the_specification_says_and_reads_back() {
    let platform = Triple::parse("armv7-unknown-linux-musleabihf").platform().unwrap();
    let layer = Layer {
        descriptor: Descriptor::of(media_type::LAYER_GZIP, b"compressed"),
        diff_id: Digest::of(b"uncompressed"),
    };
    let runtime = Runtime {
        user: "65532:65532".into(),
        exposed_ports: BTreeSet::from(["8080/tcp".into()]),
        env: vec!["PATH=/bin".into()],
        entrypoint: vec!["/app".into()],
        working_dir: "/".into(),
        ..Runtime::default()
    };
    let config = ImageConfig::new(&platform, runtime, &[(&layer, "xtask")], 0);
    let bytes = to_bytes(&config).unwrap();
    let expected = format!(
        concat!(
            r#"{{"created":"1970-01-01T00:00:00Z","architecture":"arm","os":"linux","variant":"v7","#,
            r#""config":{{"User":"65532:65532","ExposedPorts":{{"8080/tcp":{{}}}},"Env":["PATH=/bin"],"#,
            r#""Entrypoint":["/app"],"WorkingDir":"/"}},"rootfs":{{"type":"layers","diff_ids":["{}"]}},"#,
            r#""history":[{{"created":"1970-01-01T00:00:00Z","created_by":"xtask"}}]}}"#
        ),
        Digest::of(b"uncompressed")
    );
    assert_eq!(String::from_utf8_lossy(&bytes), expected);
    assert_eq!(serde_json::from_slice::<ImageConfig>(&bytes).unwrap(), config);
}

#[test]
fn other_peoples_documents_read() {
    let config = r#"{"architecture":"amd64","os":"linux","config":{"ExposedPorts":null,"Healthcheck":{}},
        "rootfs":{"type":"layers","diff_ids":[]},"docker_version":"20"}"#;
    serde_json::from_str::<ImageConfig>(config).unwrap();
    let index = r#"{"schemaVersion":2,"manifests":[{"mediaType":"x","digest":
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":1,
        "platform":{"architecture":"arm64","os":"windows","os.version":"10"}}]}"#;
    serde_json::from_str::<Index>(index).unwrap();
    assert!(serde_json::from_str::<Index>(&index.replace("sha256:e3", "sha256:../")).is_err());
}

#[test]
fn the_size_of_a_pull() {
    let part = |bytes: &[u8]| Descriptor::of(media_type::LAYER_GZIP, bytes);
    let manifest = Manifest::new(part(b"12"), vec![part(b"345"), part(b"6789")], Default::default());
    assert_eq!(manifest.content_size(), 9);
}

/// Go writes empty lists and maps as `null`, and Docker's builder does so in every image.
#[test]
fn null_is_nothing() {
    let config = r#"{"architecture":"amd64","os":"linux","config":{"User":null,"Env":null,"Cmd":null,"Entrypoint":null,
        "Volumes":null,"Labels":null,"WorkingDir":null,"ExposedPorts":null,"StopSignal":null,"OnBuild":null},
        "rootfs":{"type":"layers","diff_ids":null},"history":null}"#;
    let config: ImageConfig = serde_json::from_str(config).unwrap();
    assert_eq!(config.config, Runtime::default());
    assert!(config.rootfs.diff_ids.is_empty() && config.history.is_empty());
    serde_json::from_str::<ImageConfig>(
        r#"{"architecture":"a","os":"b","config":null,"rootfs":{"type":"","diff_ids":[]}}"#,
    )
    .unwrap();
    let index: Index =
        serde_json::from_str(r#"{"schemaVersion":2,"manifests":null,"annotations":null}"#).unwrap();
    assert!(index.manifests.is_empty());
    assert!(serde_json::from_str::<Index>(r#"{"schemaVersion":2}"#).is_err(), "what is left out is missing");
}

fn document() -> Vec<u8> {
    let platform = Triple::parse("x86_64-unknown-linux-musl").platform().unwrap();
    let descriptor = Descriptor::of(media_type::LAYER_GZIP, b"x").for_platform(&platform).annotated("a", "b");
    let layer = Layer { descriptor: descriptor.clone(), diff_id: Digest::of(b"y") };
    let runtime = Runtime {
        env: vec!["A=b".into()],
        exposed_ports: BTreeSet::from(["1/tcp".into()]),
        labels: [("a".to_owned(), "b".to_owned())].into(),
        ..Runtime::default()
    };
    let config = to_bytes(&ImageConfig::new(&platform, runtime, &[(&layer, "by")], 9)).unwrap();
    let manifest =
        to_bytes(&Manifest::new(descriptor.clone(), vec![descriptor.clone()], Default::default())).unwrap();
    let index = to_bytes(&Index::new(vec![descriptor], Default::default())).unwrap();
    [config, b"\n".to_vec(), manifest, b"\n".to_vec(), index].concat()
}

proptest! {
    #[test]
    fn any_bytes_are_a_document_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = serde_json::from_slice::<ImageConfig>(&bytes);
        let _ = serde_json::from_slice::<Manifest>(&bytes);
        let _ = serde_json::from_slice::<Index>(&bytes);
    }

    /// A damaged document that can be read is the same after it is written and read again.
    #[test]
    fn damaged_documents_are_read_or_refused(
        changes in proptest::collection::vec((0usize..2000, prop::sample::select(b"0123456789-.,:\"{}[]nulltruefase\0\xff".to_vec())), 0..3)
    ) {
        let mut bytes = document();
        for (at, with) in changes {
            let at = at % bytes.len();
            bytes[at] = with;
        }
        for line in bytes.split(|b| *b == b'\n') {
            if let Ok(config) = serde_json::from_slice::<ImageConfig>(line) {
                prop_assert_eq!(serde_json::from_slice::<ImageConfig>(&to_bytes(&config).unwrap()).unwrap(), config);
            }
            if let Ok(manifest) = serde_json::from_slice::<Manifest>(line) {
                let _ = manifest.content_size();
                prop_assert_eq!(serde_json::from_slice::<Manifest>(&to_bytes(&manifest).unwrap()).unwrap(), manifest);
            }
            if let Ok(index) = serde_json::from_slice::<Index>(line) {
                prop_assert_eq!(serde_json::from_slice::<Index>(&to_bytes(&index).unwrap()).unwrap(), index);
            }
        }
    }
}
