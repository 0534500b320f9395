//! `verify REFERENCE --rebuild`: a published image is made again from the commit that its provenance records.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;
use xtask_setup::cosign::CosignVersion;
use xtask_test_support::need;
use xtask_test_support::registry::RegistryServer;
use xtask_test_support::skip::have;

use crate::machine::{self, ARM_MUSL, HOST_MUSL};
use crate::signed::{Cosign, key};
use crate::space::Space;
use crate::verified::of_status;

/// A build script that a key in the environment ends, and a program that a variable of the build changes.
const SCRIPT: &str = r#"fn main() {
    assert!(std::env::var_os("VERIFIER_KEY").is_none(), "the key reached a build script");
    println!("cargo::rerun-if-env-changed=BUILD_WORD");
}
"#;

const VSA: &str = "https://slsa.dev/verification_summary/v1";

/// A checkout whose first commit was released and published.
struct Checkout {
    server: RegistryServer,
    space: Space,
    name: String,
    public: PathBuf,
}

impl Checkout {
    /// Returns none where a program is missing, after it has said so.
    fn new(test: &str, targets: &[&str]) -> Option<Self> {
        let server = RegistryServer::start(test)?;
        let openssl = have(test, "openssl")?;
        let mut space = Space::with_targets(targets);
        space.image("app", targets);
        space.set("XTASK_CACHE_DIR", space.path("../cache"));
        space.write("app/build.rs", SCRIPT);
        let word = "println!(\"word={}\", option_env!(\"BUILD_WORD\").unwrap_or(\"none\"));\n    ";
        space.replace("app/src/main.rs", "println!(\"answer=", &format!("{word}println!(\"answer="));
        // Cargo drops from the lock what is not needed, before it is committed.
        space.run(&["build", "--mode", "pure"]).ended(0);
        space.write(".gitignore", "/target\n*.pem\n*.pub\n");
        let (private, public) = key(&openssl, space.root(), "key");
        space.set("BUILD_WORD", "first");
        let checkout = Self { name: server.name("team/app"), server, space, public };
        checkout.space.git(&["init", "--quiet"]);
        checkout.space.commit();
        checkout.publish(private.to_str().unwrap());
        Some(checkout)
    }

    fn publish(&self, key: &str) {
        self.space.run(&["release", "--mode", "pure"]).ended(0);
        self.space.run(&["publish", "--to", &self.name, "--tag", "latest", "--key", key, "--force"]).ended(0);
    }

    fn verify(&self, more: &[&str]) -> xtask_test_support::process::Finished {
        let (name, key) = (format!("{}:latest", self.name), self.public.to_str().unwrap());
        self.space.run(&[&["verify", &name, "--key", key, "--json"], more].concat())
    }
}

/// The names of all files that the registry keeps.
fn stored(checkout: &Checkout) -> BTreeSet<PathBuf> {
    let (mut folders, mut files) = (vec![checkout.server.dir().to_owned()], BTreeSet::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false => drop(files.insert(entry.path())),
            }
        }
    }
    files
}

fn detail<'v>(verdict: &'v Value, subject: &str, check: &str) -> &'v str {
    let checks = verdict["checks"].as_array().unwrap();
    let check = checks.iter().find(|c| c["subject"] == subject && c["check"] == check);
    check.unwrap_or_else(|| panic!("{verdict:#}"))["detail"].as_str().unwrap()
}

#[test]
fn an_image_is_made_again_and_a_verifier_signs_that() {
    const NAME: &str = "rebuilt::again";
    need!("rebuilt::again", machine::std_for(&[HOST_MUSL, ARM_MUSL]), machine::programs(&["git"]));
    let Some(mut checkout) = Checkout::new(NAME, &[HOST_MUSL, ARM_MUSL]) else { return };
    // What lies in the checkout now has no part in it.
    checkout.space.write("app/src/main.rs", "fn main() { broken }\n");
    let openssl = have(NAME, "openssl").unwrap();
    let (private, verifier) = key(&openssl, checkout.space.root(), "verifier");
    checkout.space.set("VERIFIER_KEY", std::fs::read_to_string(private).unwrap());

    let sign = ["--rebuild", "--sign", "env:VERIFIER_KEY"];
    let verdict = checkout.verify(&sign).ended(0).json();
    let passed = of_status(&verdict, "pass");
    for subject in ["index", "linux/amd64", "linux/arm64/v8"] {
        for check in
            ["rebuild", "rebuild: bill of materials", "rebuild: gate statement", "rebuild: purity statement"]
        {
            assert!(passed.contains(&format!("{subject} {check}")), "{subject} {check}: {verdict:#}");
        }
    }
    let digest = verdict["digest"].as_str().unwrap();
    assert_eq!(detail(&verdict, "index", "rebuild"), format!("a second build gives {digest} again"));
    let left = std::fs::read_dir(checkout.space.path("../cache/rebuild")).unwrap().count();
    assert_eq!(left, 0, "the clone was not removed");

    // The summary counts for the verifier's key, and says nothing against the image for the publisher's.
    let own = checkout.verify(&[]).ended(0).json();
    assert_eq!(detail(&own, "index", "verification summary"), "signed by another key");
    let name = format!("{}:latest", checkout.name);
    let theirs =
        checkout.space.run(&["verify", &name, "--key", verifier.to_str().unwrap(), "--json"]).ended(1);
    assert_eq!(detail(&theirs.json(), "index", "verification summary"), "signed by this key: PASSED");
    for version in CosignVersion::ALL {
        let Some(cosign) = Cosign::find(NAME, version) else { continue };
        let output = cosign.attested(&verifier, VSA, &name);
        assert!(output.ok(), "{}", output.errors());
        // A summary is no signature of the image.
        assert!(!cosign.attested(&checkout.public, VSA, &name).ok());
    }

    // The same is not said twice.
    let blobs = stored(&checkout);
    checkout.verify(&sign).ended(0);
    assert_eq!(stored(&checkout), blobs);
}

#[test]
fn an_image_that_comes_out_otherwise_is_named_with_the_cause() {
    const NAME: &str = "rebuilt::otherwise";
    need!("rebuilt::otherwise", machine::std_for(&[HOST_MUSL]), machine::programs(&["git"]));
    let Some(mut checkout) = Checkout::new(NAME, &[HOST_MUSL]) else { return };
    let openssl = have(NAME, "openssl").unwrap();
    let (private, _) = key(&openssl, checkout.space.root(), "verifier");
    checkout.space.set("BUILD_WORD", "other");
    let blobs = stored(&checkout);
    let differs = checkout.verify(&["--rebuild", "--sign", private.to_str().unwrap()]).ended(1);
    let verdict = differs.json();
    let why = detail(&verdict, "linux/amd64", "rebuild");
    assert!(
        why.contains("a second build gives another image") && why.contains("first in section .rodata"),
        "{why}"
    );
    assert!(detail(&verdict, "index", "rebuild").contains("another image"));
    assert_eq!(verdict["ok"], false);
    assert_eq!(stored(&checkout), blobs, "a summary was attached");
    checkout.space.set("BUILD_WORD", "first");

    // The image of one platform, by its digest.
    let document: Value = serde_json::from_str(&checkout.space.read("target/dist/publish.json")).unwrap();
    let digest = document["images"][0]["platforms"][0]["digest"].as_str().unwrap();
    let key = checkout.public.to_str().unwrap();
    let one = format!("{}@{digest}", checkout.name);
    let verdict = checkout.space.run(&["verify", &one, "--key", key, "--rebuild", "--json"]).ended(0).json();
    assert!(of_status(&verdict, "pass").contains(&"image rebuild".to_owned()), "{verdict:#}");

    // Another repository does not have the commit.
    let elsewhere = Space::with_targets(&[HOST_MUSL]);
    let again = |space: &Space| space.run(&["verify", &one, "--key", key, "--rebuild"]);
    again(&elsewhere).ended(2).says(&["the sources of the commit are not here", "is in no git checkout"]);
    elsewhere.git(&["init", "--quiet"]);
    elsewhere.git(&["add", "--all"]);
    elsewhere.git(&["commit", "--quiet", "--message", "other"]);
    again(&elsewhere).ended(3).says(&["does not have the commit of the image", "git fetch origin"]);

    // Sources that no commit holds.
    checkout.space.replace("app/src/main.rs", "word={}", "words={}");
    checkout.publish(checkout.space.path("key.pem").to_str().unwrap());
    checkout.verify(&["--rebuild"]).ended(1).says(&["made from sources that no commit contains"]);

    // What cannot be asked for.
    let name = format!("{}:latest", checkout.name);
    let usage = |args: &[&str], words: &[&str]| {
        checkout.space.run(&[&["verify", &name], args].concat()).ended(2).says(words);
    };
    usage(&["--rebuild"], &["--rebuild of a published image needs --key"]);
    usage(&["--key", key, "--setup"], &["--setup does nothing"]);
    usage(&["--key", key, "--sign", key], &["--rebuild"]);
    usage(&["--key", key, "--rebuild", "--sign", key], &["it is a public key"]);
    usage(&["--key", key, "--rebuild", "--sign", "-----BEGIN PRIVATE KEY-----"], &["--sign cannot be used"]);
}
