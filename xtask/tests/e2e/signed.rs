//! `publish --key`: signatures and attestations that both major versions of cosign accept.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};
use xtask_process::exec::{Cmd, Output};
use xtask_setup::cosign::CosignVersion;
use xtask_test_support::need;
use xtask_test_support::process::run;
use xtask_test_support::registry::RegistryServer;
use xtask_test_support::skip::{have, skipped};

use crate::machine::{self, ARM_MUSL, HOST_MUSL};
use crate::space::Space;

/// The type of a predicate that nobody else has.
const PREDICATE: &str = "https://example.com/checked/v1";

/// A cosign with settings that need no network.
pub(crate) struct Cosign {
    pub(crate) program: PathBuf,
    home: tempfile::TempDir,
}

impl Cosign {
    pub(crate) fn find(test: &str, version: CosignVersion) -> Option<Self> {
        let program = machine::cache().and_then(|cache| version.program(&cache));
        if program.is_none() {
            skipped(test, "cosign: cargo xtask setup --tests");
        }
        Some(Self { program: program?, home: tempfile::tempdir().unwrap() })
    }

    pub(crate) fn call(&self, args: &[&str]) -> Output {
        let cmd = Cmd::new(&self.program).args(args).env("HOME", self.home.path()).env("COSIGN_PASSWORD", "");
        cmd.capture(Duration::from_secs(120)).unwrap()
    }

    pub(crate) fn verifies(&self, key: &Path, name: &str) -> Output {
        let key = key.to_str().unwrap();
        self.call(&["verify", "--key", key, "--insecure-ignore-tlog=true", "--allow-insecure-registry", name])
    }

    pub(crate) fn attested(&self, key: &Path, kind: &str, name: &str) -> Output {
        let key = ["--key", key.to_str().unwrap(), "--type", kind];
        let args = ["verify-attestation", "--insecure-ignore-tlog=true", "--allow-insecure-registry"];
        self.call(&[&args[..], &key, &[name]].concat())
    }
}

/// A private key and its public one, made by openssl.
pub(crate) fn key(openssl: &Path, dir: &Path, name: &str) -> (PathBuf, PathBuf) {
    let (private, public) = (dir.join(format!("{name}.pem")), dir.join(format!("{name}.pub")));
    let made = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out"];
    run(&Cmd::new(openssl).args(made).arg(&private));
    run(&Cmd::new(openssl).args(["pkey", "-pubout", "-in"]).arg(&private).arg("-out").arg(&public));
    (private, public)
}

pub(crate) fn published(space: &Space) -> Value {
    let text = space.read("target/dist/publish.json");
    serde_json::from_str::<Value>(&text).unwrap()["images"][0].take()
}

/// Writes a statement about an image where the release has its own.
fn state(space: &Space, name: &str, digest: &str, predicate: &Value) {
    let hex = digest.strip_prefix("sha256:").unwrap();
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1", "subject": [{"digest": {"sha256": hex}}],
        "predicateType": PREDICATE, "predicate": predicate,
    });
    space.write(&format!("target/dist/provenance/{name}.json"), &statement.to_string());
}

#[test]
fn both_cosigns_accept_what_is_published() {
    const NAME: &str = "signed::accepted";
    need!("signed::accepted", machine::std_for(&[HOST_MUSL, ARM_MUSL]));
    let Some(server) = RegistryServer::start(NAME) else { return };
    let Some(openssl) = have(NAME, "openssl") else { return };
    let cosigns = CosignVersion::ALL.map(|version| Cosign::find(NAME, version));
    let [Some(two), Some(three)] = cosigns else { return };
    let space = Space::with_targets(&[HOST_MUSL, ARM_MUSL]);
    space.image("app", &[HOST_MUSL, ARM_MUSL]);
    space.run(&["release", "--mode", "pure"]).ended(0);
    let image = space.report()["images"][0].clone();
    let index = image["index_digest"].as_str().unwrap();
    let (private, public) = key(&openssl, space.root(), "key");
    let (_, stranger) = key(&openssl, space.root(), "stranger");
    let to = server.name("team/app");
    state(&space, "app/index.checked", index, &json!({"by": "us"}));
    state(&space, "app/other.checked", &format!("sha256:{}", "0".repeat(64)), &json!({"by": "nobody"}));

    let publish = ["publish", "--to", &to, "--tag", "latest", "--key", private.to_str().unwrap()];
    let dry = space.run(&[&publish[..], &["--dry-run"]].concat()).ended(0);
    for line in ["manifests/sha256-", ".sig", "(referrer)", "6 attestations and config"] {
        assert!(dry.stdout().contains(line), "no {line:?}\n{dry}");
    }
    space.run(&publish).ended(0).says(&["signed, 42 documents attached"]);

    // In two forms each: a signature of the index and of both platforms; of the index five statements and the one made
    // here; of each platform five and the one that its program is that of an archive.
    let document = published(&space);
    let referrers = document["referrers"].as_array().unwrap();
    assert_eq!(referrers.len(), 2 * (3 + 6 + 2 * 6), "{document:#}");
    let platforms: Vec<&str> =
        document["platforms"].as_array().unwrap().iter().map(|p| p["digest"].as_str().unwrap()).collect();
    for subject in platforms.iter().chain([&index]) {
        let name = format!("{to}@{subject}");
        for cosign in [&two, &three] {
            let output = cosign.verifies(&public, &name);
            assert!(output.ok(), "{}", output.errors());
            assert!(!cosign.verifies(&stranger, &name).ok());
        }
    }
    let name = format!("{to}:latest");
    for cosign in [&two, &three] {
        for kind in ["slsaprovenance1", "cyclonedx", "urn:cargo-xtask:gate:v1", "urn:cargo-xtask:smoke:v1"] {
            let output = cosign.attested(&public, kind, &name);
            assert!(output.ok(), "{kind}: {}", output.errors());
        }
        // What a policy asks: only programs without C may run here.
        for (name, pure) in [(&name, "proven"), (&format!("{to}@{}", platforms[1]), "proven")] {
            let output = cosign.attested(&public, "urn:cargo-xtask:purity:v1", name);
            let said: Value = serde_json::from_str(output.text().lines().next().unwrap()).unwrap();
            let payload = BASE64_STANDARD.decode(said["payload"].as_str().unwrap()).unwrap();
            let statement: Value = serde_json::from_slice(&payload).unwrap();
            assert_eq!(statement["predicate"]["purity"], pure, "{statement:#}");
            assert_eq!(statement["predicate"]["containsC"], false);
        }
        let output = cosign.attested(&public, PREDICATE, &name);
        assert!(output.ok(), "{}", output.errors());
        assert!(!cosign.attested(&public, "https://example.com/other/v1", &name).ok());
        assert!(!cosign.attested(&stranger, PREDICATE, &name).ok());
    }

    // Nothing changed: a request for each tag, and the referrers are those of before.
    space.run(&publish).ended(0).says(&["Unchanged"]);
    let again = published(&space);
    assert_eq!((&again["requests"], &again["bytes_sent"]), (&1.into(), &0.into()));
    assert_eq!(again["referrers"], document["referrers"]);

    // Another machine, which remembers nothing, finds everything there and signs nothing again.
    std::fs::remove_dir_all(space.path("target/xtask/publish")).unwrap();
    space.run(&publish).ended(0);
    let elsewhere = published(&space);
    assert_eq!(elsewhere["bytes_sent"], 0, "{elsewhere:#}");
    assert_eq!(elsewhere["referrers"], document["referrers"]);

    // A bundle of a stranger on the image changes nothing, also for the cosign that prefers bundles.
    let strange = space.path("strange.json");
    std::fs::write(&strange, "{\"by\":\"a stranger\"}").unwrap();
    let other = space.root().join("stranger.pem");
    let import = three.call(&[
        "import-key-pair",
        "--key",
        other.to_str().unwrap(),
        "--output-key-prefix",
        space.path("strange").to_str().unwrap(),
    ]);
    assert!(import.ok(), "{}", import.errors());
    let config =
        three.call(&["signing-config", "create", "--out", space.path("offline.json").to_str().unwrap()]);
    assert!(config.ok(), "{}", config.errors());
    let attest = three.call(
        &[
            &["attest", "--yes", "--allow-insecure-registry", "--type", PREDICATE][..],
            &["--signing-config", space.path("offline.json").to_str().unwrap()],
            &["--key", space.path("strange.key").to_str().unwrap(), "--predicate", strange.to_str().unwrap()],
            &[&format!("{to}@{index}")],
        ]
        .concat(),
    );
    assert!(attest.ok(), "{}", attest.errors());
    for cosign in [&two, &three] {
        let output = cosign.verifies(&public, &format!("{to}@{index}"));
        assert!(output.ok(), "{}", output.errors());
    }
    std::fs::remove_dir_all(space.path("target/xtask/publish")).unwrap();
    space.run(&publish).ended(0);
    assert_eq!(published(&space)["referrers"], document["referrers"]);
}

#[test]
fn files_of_a_release_are_signed() {
    const NAME: &str = "signed::files";
    need!("signed::files", machine::std_for(&[HOST_MUSL]));
    let Some(server) = RegistryServer::start(NAME) else { return };
    let Some(openssl) = have(NAME, "openssl") else { return };
    let space = Space::with_targets(&[HOST_MUSL]);
    space.image("app", &[HOST_MUSL]);
    space.run(&["release", "--mode", "pure"]).ended(0);
    let (private, public) = key(&openssl, space.root(), "key");
    let (other, stranger) = key(&openssl, space.root(), "stranger");
    let to = server.name("team/app");
    let publish =
        |key: &Path| space.run(&["publish", "--to", &to, "--tag", "latest", "--key", key.to_str().unwrap()]);
    publish(&private).ended(0);

    let text = space.read("target/dist/publish.json");
    let signed = serde_json::from_str::<Value>(&text).unwrap()["signed_files"].take();
    let signed = signed.as_array().unwrap();
    let all = |kind: &str| signed.iter().filter(|signed| signed["kind"] == kind).count();
    // The list and the archive; the statements about the archive.
    assert_eq!((all("signature"), all("attestation")), (2, 6), "{signed:#?}");
    let bundles = || -> Vec<String> {
        let bundle = |signed: &Value| format!("target/dist/{}", signed["bundle"].as_str().unwrap());
        signed.iter().map(|signed| space.read(&bundle(signed))).collect()
    };
    let first = bundles();

    let archive = space.dist(&format!("archives/app-1.2.3-{HOST_MUSL}.tar.gz"));
    let beside = |kind: &str| PathBuf::from(format!("{}{kind}.sigstore.json", archive.display()));
    let changed = space.path("changed.tar.gz");
    let mut bytes = std::fs::read(&archive).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&changed, &bytes).unwrap();
    // Without a root of trust, which a key does not need, cosign 2 fetches one.
    space.write("root.json", "{\"mediaType\":\"application/vnd.dev.sigstore.trustedroot+json;version=0.1\"}");
    let root = space.path("root.json");
    let two = ["--new-bundle-format", "--trusted-root", root.to_str().unwrap()];
    for (version, form) in CosignVersion::ALL.into_iter().zip([&two[..], &[]]) {
        let Some(cosign) = Cosign::find(NAME, version) else { continue };
        let verified = |command: &[&str], key: &Path, bundle: &Path, file: &Path| {
            let [key, bundle, file] = [key, bundle, file].map(|path| path.to_str().unwrap());
            let of = ["--insecure-ignore-tlog=true", "--key", key, "--bundle", bundle, file];
            cosign.call(&[command, form, &of].concat())
        };
        let (sums, list) = (space.dist("SHA256SUMS"), space.dist("SHA256SUMS.sigstore.json"));
        for (bundle, file) in [(&list, &sums), (&beside(""), &archive)] {
            let output = verified(&["verify-blob"], &public, bundle, file);
            assert!(output.ok(), "{version:?}: {}", output.errors());
            assert!(!verified(&["verify-blob"], &stranger, bundle, file).ok());
            assert!(!verified(&["verify-blob"], &public, bundle, &changed).ok());
        }
        for (kind, bundle) in [("slsaprovenance1", ".slsa"), ("urn:cargo-xtask:purity:v1", ".purity")] {
            let attested = ["verify-blob-attestation", "--type", kind];
            let output = verified(&attested, &public, &beside(bundle), &archive);
            assert!(output.ok(), "{version:?}: {}", output.errors());
            assert!(!verified(&attested, &stranger, &beside(bundle), &archive).ok());
            assert!(!verified(&attested, &public, &beside(bundle), &changed).ok());
        }
    }

    // Signatures are randomised. One that is there and verifies stays, one of another key does not.
    publish(&private).ended(0);
    assert_eq!(bundles(), first);
    publish(&other).ended(0);
    let second = bundles();
    assert!(first.iter().all(|bundle| !second.contains(bundle)));

    // An archive that is not the one of the release is not signed. The next release makes it again, and it has no bundle.
    std::fs::copy(&changed, &archive).unwrap();
    publish(&private).ended(1).says(&["cannot be signed", "its digest is not the one in SHA256SUMS"]);
    assert_eq!(bundles(), second);
    space.run(&["release", "--mode", "pure"]).ended(0);
    assert!(!beside("").exists() && !beside(".slsa").exists());
    publish(&other).ended(0);
    assert!(beside("").is_file());
}
