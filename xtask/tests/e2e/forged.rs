//! `verify REFERENCE` against a registry that is not honest: every digest is right, and the image is not the signed one.

use std::path::Path;

use serde_json::{Value, json};
use xtask_attest::names::{BUNDLE, ENVELOPE, SIMPLE_SIGNING};
use xtask_oci::Digest;
use xtask_oci::document::media_type;
use xtask_process::exec::Cmd;
use xtask_test_support::need;
use xtask_test_support::process::{Finished, run};
use xtask_test_support::skip::have;

use crate::machine::{self, ARM_MUSL, HOST_MUSL};
use crate::verified::{Published, hex, of_status, published};

impl Published {
    /// Checks another reference with the key of the image.
    fn check(&self, reference: &str) -> Finished {
        self.space.run(&["verify", reference, "--json", "--key", self.public.to_str().unwrap()])
    }

    /// The repository, without the tag.
    fn repository(&self) -> &str {
        self.name.strip_suffix(":latest").unwrap()
    }

    /// Puts a document under a tag as it is. Returns its digits.
    fn put(&self, curl: &Path, tag: &str, kind: &str, document: &Value) -> String {
        let file = self.space.path("document.json");
        std::fs::write(&file, document.to_string()).unwrap();
        let at = format!("http://{}/v2/team/app/manifests/{tag}", self.server.at);
        let data = format!("@{}", file.display());
        let args =
            ["--silent", "--show-error", "--fail-with-body", "-X", "PUT", "--data-binary", &data, "-H"];
        run(&Cmd::new(curl).args(args).arg(format!("Content-Type: {kind}")).arg(at));
        Digest::of(document.to_string().as_bytes()).hex().to_owned()
    }

    /// The digits of the manifest that the registry has under a tag.
    fn tagged(&self, tag: &str) -> String {
        let link = format!("docker/registry/v2/repositories/team/app/_manifests/tags/{tag}/current/link");
        std::fs::read_to_string(self.server.storage.join(link)).unwrap()[7..].to_owned()
    }

    /// Removes a tag where the registry keeps it.
    fn untag(&self, tag: &str) {
        let folder = format!("docker/registry/v2/repositories/team/app/_manifests/tags/{tag}");
        std::fs::remove_dir_all(self.server.storage.join(folder)).unwrap();
    }
}

#[test]
fn a_registry_that_is_not_honest_is_noticed() {
    const NAME: &str = "forged::registry";
    need!("forged::registry", machine::std_for(&[HOST_MUSL, ARM_MUSL]));
    let Some(curl) = have(NAME, "curl") else { return };
    let Some(image) = published(NAME) else { return };
    let [index, first] = image.digests();
    let document = image.stored(&index);

    // The manifest of any platform can be checked by itself.
    for entry in document["manifests"].as_array().unwrap() {
        let name = format!("{}@{}", image.repository(), entry["digest"].as_str().unwrap());
        let verdict = image.check(&name).ended(0).json();
        for check in ["manifest", "layers", "contents", "program", "gate"] {
            assert!(of_status(&verdict, "pass").contains(&format!("image {check}")), "{check}: {verdict:#}");
        }
    }

    // Every attached document, in the list of cosign 2 too.
    let envelopes = image.stored(&image.tagged(&format!("sha256-{first}.att")));
    let layers = envelopes["layers"].as_array().unwrap();
    assert!(layers.len() >= 5 && layers.iter().all(|layer| layer["mediaType"] == ENVELOPE), "{envelopes:#}");
    for layer in layers {
        let kind = layer["annotations"]["predicateType"].as_str().unwrap();
        image.changed(kind, hex(layer), &["signature: the sha256:", "does not have its digest"]);
    }

    // A size that is not that of the manifest.
    let mut sized = document.clone();
    sized["manifests"][0]["size"] = json!(sized["manifests"][0]["size"].as_u64().unwrap() + 1);
    image.put(&curl, "sized", media_type::INDEX, &sized);
    let said = image.check(&format!("{}:sized", image.repository())).ended(1);
    said.says(&["linux/amd64: manifest: sha256:", "does not have the size that its index states"]);
    // Without a key too.
    image.space.run(&["verify", &format!("{}:sized", image.repository())]).ended(1);

    // The signature of one image, moved to another image.
    let mut other = document.clone();
    other["annotations"]["moved"] = json!("yes");
    let moved = image.put(&curl, "moved", media_type::INDEX, &other);
    let signature = image.stored(&image.tagged(&format!("sha256-{index}.sig")));
    assert_eq!(signature["layers"][0]["mediaType"], SIMPLE_SIGNING);
    image.put(&curl, &format!("sha256-{moved}.sig"), media_type::MANIFEST, &signature);
    let list = image.stored(&image.tagged(&format!("sha256-{index}")));
    image.put(&curl, &format!("sha256-{moved}"), media_type::INDEX, &list);
    image.check(&format!("{}:moved", image.repository())).ended(1).says(&[
        "index: signature (tag): 1 signature, and none that this key made for this image",
        "index: signature (bundle): 1 signature, and none that this key made for this image",
        "index: signature: this key has not signed it",
        "index: provenance: 1 statement of",
        "index: bill of materials: 1 statement of",
    ]);

    // A list of what is attached that cannot be read is not an empty list.
    let file = image.server.stored(&image.tagged(&format!("sha256-{first}")));
    let before = std::fs::read(&file).unwrap();
    std::fs::write(&file, "{").unwrap();
    let said = image.with_key();
    std::fs::write(&file, before).unwrap();
    said.ended(1).says(&["linux/amd64: signature: "]);

    // Attestations by the right key are no signature.
    let keeps = |entry: &&Value| {
        let manifest = image.stored(hex(entry));
        let kind = manifest["annotations"]["dev.sigstore.bundle.predicateType"].as_str();
        manifest["artifactType"] == BUNDLE && kind != Some("https://sigstore.dev/cosign/sign/v1")
    };
    let mut attested = image.stored(&image.tagged(&format!("sha256-{index}")));
    let all = attested["manifests"].as_array().unwrap().clone();
    let kept: Vec<Value> = all.iter().filter(keeps).cloned().collect();
    assert_eq!(kept.len() + 1, all.len(), "one is the signature");
    attested["manifests"] = json!(kept);
    image.put(&curl, &format!("sha256-{index}"), media_type::INDEX, &attested);
    image.untag(&format!("sha256-{index}.sig"));
    let said = image.with_key().ended(1).says(&["index: signature: this key has not signed it"]);
    assert!(of_status(&said.json(), "pass").contains(&"index provenance".to_owned()));

    // An index without images has nothing that could be wrong, and is no image.
    let empty = json!({"schemaVersion": 2, "mediaType": media_type::INDEX, "manifests": []});
    image.put(&curl, "empty", media_type::INDEX, &empty);
    image
        .space
        .run(&["verify", &format!("{}:empty", image.repository())])
        .ended(1)
        .says(&["it lists no image"]);
}
