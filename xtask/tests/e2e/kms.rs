//! `publish --key SCHEME://KEY`: a key in a key management service signs by way of cosign. The service is a plugin of cosign
//! that is written here and signs with openssl; cosign and its protocol are real.

use std::path::{Path, PathBuf};

use xtask_process::exec::Cmd;
use xtask_setup::cosign::CosignVersion;
use xtask_test_support::need;
use xtask_test_support::process::run;
use xtask_test_support::registry::RegistryServer;
use xtask_test_support::skip::have;

use crate::machine::{self, HOST_MUSL};
use crate::signed::{Cosign, key, published};
use crate::space::Space;

/// The plugin. `KMS_FOLDER` holds the keys, the log of what was asked, and a file `refuse` where signing is to fail.
const PLUGIN: &str = r#"
import base64, json, os, subprocess, sys

folder = os.environ["KMS_FOLDER"]
asked = json.loads(sys.argv[2])
method, key = asked["methodName"], os.path.join(folder, asked["initOptions"]["keyResourceID"] + ".pem")
with open(os.path.join(folder, "log"), "a") as log:
    log.write(method + "\n")


def openssl(*args, stdin=b""):
    return subprocess.run(["openssl", *args], input=stdin, stdout=subprocess.PIPE, check=True).stdout


answer = {}
if method == "publicKey":
    answer["publicKey"] = {"publicKeyPEM": base64.b64encode(openssl("pkey", "-in", key, "-pubout")).decode()}
elif method == "signMessage" and os.path.exists(os.path.join(folder, "refuse")):
    print("token:", os.environ.get("VAULT_TOKEN"), file=sys.stderr)
    answer["errorMessage"] = "permission denied: release"
elif method == "signMessage":
    message = sys.stdin.buffer.read()
    digest = (asked["signMessage"]["signOptions"].get("messageOptions") or {}).get("digest")
    if digest:
        signature = openssl("pkeyutl", "-sign", "-inkey", key, stdin=base64.b64decode(digest))
    else:
        signature = openssl("dgst", "-sha256", "-sign", key, stdin=message)
    answer["signMessage"] = {"signature": base64.b64encode(signature).decode()}
elif method == "defaultAlgorithm":
    answer["defaultAlgorithm"] = {"defaultAlgorithm": "ecdsa-p256-sha256"}
else:
    answer["errorMessage"] = method + " is not supported"
json.dump(answer, sys.stdout)
"#;

/// A folder for PATH with one cosign in it, and with the plugin.
fn programs(space: &Space, name: &str, cosign: &Path) -> PathBuf {
    let bin = space.path(&format!("../{name}"));
    space.write(&format!("../{name}/plugin.py"), PLUGIN);
    let start = format!("exec python3 {}/plugin.py \"$@\"\n", bin.display());
    space.script(&format!("../{name}/sigstore-kms-xtasktest"), &start);
    std::os::unix::fs::symlink(cosign, bin.join("cosign")).unwrap();
    bin
}

/// How often the plugin was asked to sign.
fn signatures(space: &Space) -> usize {
    let log = std::fs::read_to_string(space.path("../keys/log")).unwrap_or_default();
    log.lines().filter(|line| *line == "signMessage").count()
}

#[test]
fn a_key_of_a_service_signs_by_way_of_both_cosigns() {
    const NAME: &str = "kms::signs";
    need!("kms::signs", machine::std_for(&[HOST_MUSL]));
    let Some(server) = RegistryServer::start(NAME) else { return };
    let Some(openssl) = have(NAME, "openssl") else { return };
    if have(NAME, "python3").is_none() {
        return;
    }
    let cosigns = CosignVersion::ALL.map(|version| Cosign::find(NAME, version));
    let [Some(two), Some(three)] = cosigns else { return };
    let mut space = Space::with_targets(&[HOST_MUSL]);
    space.image("app", &[HOST_MUSL]);
    space.run(&["release", "--mode", "pure"]).ended(0);
    let keys = space.path("../keys");
    std::fs::create_dir_all(&keys).unwrap();
    let (_, public) = key(&openssl, &keys, "release");
    let (_, stranger) = key(&openssl, &keys, "stranger");
    let other_curve = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384", "-out"];
    run(&Cmd::new(&openssl).args(other_curve).arg(keys.join("wide.pem")));
    space.set("KMS_FOLDER", &keys);
    space.set("VAULT_TOKEN", "hvs.hunter2");
    // The signer reaches no log and no service, whatever is set for other uses of cosign.
    space.set("COSIGN_REKOR_URL", "http://127.0.0.1:1");
    let file = space.read("targets.toml");
    space.write("targets.toml", &format!("{file}\n[publish]\nsign = \"xtasktest://release\"\n"));

    for (name, cosign) in [("two", &two), ("three", &three)] {
        let before = signatures(&space);
        let bin = programs(&space, name, &cosign.program);
        space.path_first(&bin);
        let to = server.name(&format!("team/{name}"));
        let publish = ["publish", "--to", &to, "--tag", "latest"];
        let dry = space.run(&[&publish[..], &["--dry-run"]].concat()).ended(0);
        assert!(dry.stdout().contains("the key xtasktest://release: cosign sign-blob"), "{dry}");
        assert_eq!(signatures(&space), before, "{name}: --dry-run signs nothing");

        // The bundles of files are those that the first cosign signed.
        space
            .run(&publish)
            .ended(0)
            .says(&["with the key xtasktest://release, by cosign", "documents attached"]);
        let document = published(&space);
        let referrers = document["referrers"].as_array().unwrap().clone();
        // A signature of the index and of the platform, five statements of the index, six of the platform: in two forms.
        assert_eq!(referrers.len(), 2 * (2 + 5 + 6), "{document:#}");
        // Each statement is signed once for both forms; the two forms of a signature hold different bytes: 2 · 2 + 5 + 6. The
        // files have bundles of their own, which the first run signs: the list, the archive, and the six statements about it,
        // one of which is that of the platform.
        let files = if name == "two" { 2 + 6 - 1 } else { 0 };
        assert_eq!(signatures(&space) - before, 2 * 2 + 5 + 6 + files, "{name}");
        let before = signatures(&space);

        for judge in [&two, &three] {
            let tagged = format!("{to}:latest");
            let output = judge.verifies(&public, &tagged);
            assert!(output.ok(), "{name}: {}", output.errors());
            assert!(!judge.verifies(&stranger, &tagged).ok());
            let output = judge.attested(&public, "slsaprovenance1", &tagged);
            assert!(output.ok(), "{name}: {}", output.errors());
        }
        for key in [public.to_str().unwrap(), "xtasktest://release"] {
            let checked = space.run(&["verify", &format!("{to}:latest"), "--key", key]).ended(0);
            assert!(checked.stdout().contains("signature"), "{checked}");
        }
        space.run(&["verify", &format!("{to}:latest"), "--key", "xtasktest://stranger"]).ended(1);

        // What the key has said is verified and not said again, also where nothing is remembered.
        space.run(&publish).ended(0).says(&["Unchanged"]);
        assert_eq!(published(&space)["referrers"], document["referrers"]);
        std::fs::remove_dir_all(space.path("target/xtask/publish")).unwrap();
        space.run(&publish).ended(0);
        assert_eq!(published(&space)["referrers"], document["referrers"]);
        assert_eq!(signatures(&space), before, "{name}: nothing is signed again");

        // The service refuses to sign: its words are shown, the token is not, and no tag moves.
        std::fs::write(keys.join("refuse"), "").unwrap();
        let (list, kept) = (space.dist("SHA256SUMS.sigstore.json"), space.path("kept.json"));
        std::fs::rename(&list, &kept).unwrap();
        let refused = space.run(&[&publish[..], &["-v"]].concat());
        let refused = refused.ended(1).says(&["does not sign", "permission denied: release", "***"]);
        refused.never_says(&["hunter2"]);
        std::fs::rename(&kept, &list).unwrap();
        let elsewhere = server.name(&format!("team/{name}-refused"));
        space.run(&["publish", "--to", &elsewhere, "--tag", "latest"]).ended(1).says(&["permission denied"]);
        let tags = server
            .storage
            .join(format!("docker/registry/v2/repositories/team/{name}-refused/_manifests/tags"));
        assert!(!tags.join("latest").exists());
        std::fs::remove_file(keys.join("refuse")).unwrap();

        space.run(&["publish", "--to", &to, "--key", "xtasktest://wide"]).ended(2).says(&["P-256 is wanted"]);
        space
            .run(&["publish", "--to", &to, "--key", "xtasktest://absent"])
            .ended(1)
            .says(&["cannot read the public key of the key xtasktest://absent", "cosign says:"]);
        space
            .run(&["publish", "--to", &to, "--key", "nobodys://release"])
            .ended(3)
            .says(&["sigstore-kms-nobodys is not installed"]);
    }
}

#[test]
fn without_cosign_the_run_says_what_to_install() {
    need!("kms::missing", machine::std_for(&[HOST_MUSL]));
    let mut space = Space::with_targets(&[HOST_MUSL]);
    space.image("app", &[HOST_MUSL]);
    space.run(&["release", "--mode", "pure"]).ended(0);
    space.only(&["cargo", "rustc", "git"]);
    let publish = ["publish", "--to", "127.0.0.1:1/team/app", "--key", "awskms:///alias/release"];
    space.run(&publish).ended(3).says(&["cosign is not installed", "apt-get install cosign"]);
    space.run(&[&publish[..], &["--dry-run"]].concat()).ended(0);
    space.run(&["verify", "127.0.0.1:1/team/app:1", "--key", "awskms:///alias/release"]).ended(3);
    let pinned = ["publish", "--to", "127.0.0.1:1/team/app", "--key", "pkcs11:token=a?pin-value=hunter2"];
    space.run(&pinned).ended(2).says(&["COSIGN_PKCS11_PIN"]).never_says(&["hunter2"]);
    let file = space.read("targets.toml");
    space.write("targets.toml", &format!("{file}\n[publish]\nsign = \"pkcs11:token=a?pin-value=hunter2\"\n"));
    space.run(&["plan"]).ended(2).says(&["targets.toml:", "COSIGN_PKCS11_PIN"]).never_says(&["hunter2"]);
}
