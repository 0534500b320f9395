//! `verify REFERENCE`: what is published is checked from outside, and whatever was changed is named.

use std::path::PathBuf;

use serde_json::Value;
use xtask_test_support::need;
use xtask_test_support::registry::RegistryServer;
use xtask_test_support::skip::have;

use crate::machine::{self, ARM_MUSL, HOST_MUSL};
use crate::signed::key;
use crate::space::Space;

pub(crate) struct Published {
    pub(crate) server: RegistryServer,
    pub(crate) space: Space,
    pub(crate) name: String,
    pub(crate) public: PathBuf,
}

/// A signed image for two platforms, in a registry.
pub(crate) fn published(test: &str) -> Option<Published> {
    let server = RegistryServer::start(test)?;
    let openssl = have(test, "openssl")?;
    let space = Space::with_targets(&[HOST_MUSL, ARM_MUSL]);
    space.image("app", &[HOST_MUSL, ARM_MUSL]);
    space.run(&["release", "--mode", "pure"]).ended(0);
    let (private, public) = key(&openssl, space.root(), "key");
    let name = server.name("team/app");
    let key = private.to_str().unwrap().to_owned();
    space.run(&["publish", "--to", &name, "--tag", "latest", "--key", &key]).ended(0);
    Some(Published { server, space, name: format!("{name}:latest"), public })
}

impl Published {
    fn verify(&self, more: &[&str]) -> xtask_test_support::process::Finished {
        self.space.run(&[&["verify", &self.name, "--json"], more].concat())
    }

    pub(crate) fn with_key(&self) -> xtask_test_support::process::Finished {
        self.verify(&["--key", self.public.to_str().unwrap()])
    }

    /// The index of the image and the manifest of its first platform.
    pub(crate) fn digests(&self) -> [String; 2] {
        let document: Value = serde_json::from_str(&self.space.read("target/dist/publish.json")).unwrap();
        let image = &document["images"][0];
        [&image["index_digest"], &image["platforms"][0]["digest"]]
            .map(|d| d.as_str().unwrap()[7..].to_owned())
    }

    /// A blob that the registry keeps, by its digits.
    pub(crate) fn stored(&self, hex: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.server.stored(hex)).unwrap()).unwrap()
    }

    /// Changes one byte of what the registry keeps, checks the image, and puts the byte back.
    pub(crate) fn changed(&self, what: &str, hex: &str, words: &[&str]) {
        let file = self.server.stored(hex);
        let before = std::fs::read(&file).unwrap();
        let mut bytes = before.clone();
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        std::fs::write(&file, bytes).unwrap();
        let said = self.with_key();
        std::fs::write(&file, before).unwrap();
        println!("{what}");
        said.ended(1).says(words);
    }
}

pub(crate) fn hex(descriptor: &Value) -> &str {
    &descriptor["digest"].as_str().unwrap()[7..]
}

/// The checks of a verdict that ended in a way.
pub(crate) fn of_status(verdict: &Value, status: &str) -> Vec<String> {
    let checks = verdict["checks"].as_array().unwrap().iter().filter(|check| check["status"] == status);
    checks.map(|c| format!("{} {}", c["subject"].as_str().unwrap(), c["check"].as_str().unwrap())).collect()
}

#[test]
fn what_was_published_is_as_it_should_be() {
    const NAME: &str = "verified::good";
    need!("verified::good", machine::std_for(&[HOST_MUSL, ARM_MUSL]));
    let Some(image) = published(NAME) else { return };
    let verdict = image.with_key().ended(0).json();
    assert_eq!((&verdict["ok"], of_status(&verdict, "fail").len()), (&true.into(), 0), "{verdict:#}");
    assert_eq!(of_status(&verdict, "not-checked"), Vec::<String>::new());
    let passed = of_status(&verdict, "pass");
    for subject in ["index", "linux/amd64", "linux/arm64/v8"] {
        for check in ["signature (tag)", "signature (bundle)", "provenance", "bill of materials", "C"] {
            assert!(passed.contains(&format!("{subject} {check}")), "{subject} {check}: {verdict:#}");
        }
    }
    let c = verdict["checks"].as_array().unwrap().iter().filter(|check| check["check"] == "C");
    assert_eq!(c.map(|check| check["contains_c"].as_bool()).collect::<Vec<_>>(), [Some(false); 3]);
    for check in ["layers", "contents", "program", "gate"] {
        assert!(passed.contains(&format!("linux/arm64/v8 {check}")), "{check}: {verdict:#}");
    }
    assert!(
        !image
            .space
            .path("target/xtask")
            .read_dir()
            .unwrap()
            .any(|entry| { entry.unwrap().file_name().to_string_lossy().starts_with("verify-") })
    );

    // Without a key: the digests and the gate.
    let verdict = image.verify(&[]).ended(0).json();
    assert!(of_status(&verdict, "not-checked").contains(&"index signature".to_owned()), "{verdict:#}");
    assert!(of_status(&verdict, "pass").contains(&"linux/amd64 gate".to_owned()), "{verdict:#}");

    // Another key has not signed it; a private one verifies nothing.
    let openssl = have(NAME, "openssl").unwrap();
    let (private, other) = key(&openssl, image.space.root(), "other");
    let refused = image.verify(&["--key", other.to_str().unwrap()]).ended(1);
    refused.says(&["and none that this key made for this image", "this key has not signed it"]);
    image
        .verify(&["--key", private.to_str().unwrap()])
        .ended(2)
        .says(&["it is a private key", "openssl pkey"]);
    image.space.run(&["verify", &image.server.name("team/none:1")]).ended(1).says(&["there is no image"]);
    image.space.run(&["verify", "http://x/y"]).ended(2).says(&["is not a reference"]);
}

#[test]
fn a_changed_byte_is_named() {
    const NAME: &str = "verified::changed";
    need!("verified::changed", machine::std_for(&[HOST_MUSL, ARM_MUSL]));
    let Some(image) = published(NAME) else { return };
    let [index, first] = image.digests();
    let manifest = image.stored(&first);
    image.changed("layer", hex(&manifest["layers"][0]), &["layers: the sha256:", "does not have its digest"]);
    image.changed("config", hex(&manifest["config"]), &["layers: the sha256:", "does not have its digest"]);
    image.changed("manifest", &first, &[&first]);
    let document: Value = serde_json::from_str(&image.space.read("target/dist/publish.json")).unwrap();
    let attached = |subject: &str, media: &str, kind: &str| {
        let referrers = document["images"][0]["referrers"].as_array().unwrap().iter();
        let mut found = referrers.filter(|r| {
            r["subject"] == format!("sha256:{subject}") && r["media_type"] == media && r["kind"] == kind
        });
        hex(found.next().unwrap_or_else(|| panic!("{subject} {media}"))).to_owned()
    };
    for (what, media, kind) in [
        ("signature of cosign 2", xtask_attest::names::SIMPLE_SIGNING, "signature"),
        ("signature of cosign 3", xtask_attest::names::BUNDLE, "signature"),
        ("attestation", xtask_attest::names::BUNDLE, "attestation"),
    ] {
        let manifest = image.stored(&attached(&index, media, kind));
        image.changed(
            what,
            hex(&manifest["layers"][0]),
            &["index: signature: the sha256:", "does not have its digest"],
        );
    }
    image.with_key().ended(0);

    // Another image under the tag has the right digests everywhere, and no signature.
    let space = &image.space;
    space.write("targets.toml", &(space.read("targets.toml") + "labels = { who = \"else\" }\n"));
    space.run(&["release", "--mode", "pure"]).ended(0);
    space.run(&["publish", "--to", &image.server.name("team/app"), "--tag", "latest", "--force"]).ended(0);
    image.with_key().ended(1).says(&["index: signature: this key has not signed it"]);
}
