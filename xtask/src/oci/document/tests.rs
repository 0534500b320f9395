use std::collections::BTreeSet;

use super::*;
use crate::oci::{Digest, Layer};
use crate::triple::Triple;

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
