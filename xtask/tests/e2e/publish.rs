//! `publish`: from a release to docker-registry, as a pipeline does it and as one that is killed does.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use xtask_process::exec::Cmd;
use xtask_test_support::need;
use xtask_test_support::process::run;
use xtask_test_support::registry::RegistryServer;
use xtask_test_support::skip::have;

use crate::machine::{self, ARM_MUSL, HOST_MUSL};
use crate::space::Space;

/// A release of one image for two platforms, without C.
fn released() -> Space {
    let space = Space::with_targets(&[HOST_MUSL, ARM_MUSL]);
    space.image("app", &[HOST_MUSL, ARM_MUSL]);
    release(&space);
    space
}

fn release(space: &Space) {
    space.run(&["release", "--mode", "pure"]).ended(0);
}

fn document(space: &Space) -> Value {
    serde_json::from_str(&space.read("target/dist/publish.json")).unwrap()
}

/// What skopeo finds under a name: the digest of the index.
fn digest(skopeo: &Path, name: &str) -> Option<String> {
    let inspect = ["inspect", "--tls-verify=false", "--raw"];
    let output = Cmd::new(skopeo).args(inspect).arg(format!("docker://{name}"));
    let output = output.capture(Duration::from_secs(60)).unwrap();
    output.ok().then(|| format!("sha256:{}", xtask_files::sha256_hex(&output.stdout)))
}

#[test]
fn a_release_is_published_once_and_its_tags_are_kept() {
    const NAME: &str = "publish::once";
    need!("publish::once", machine::std_for(&[HOST_MUSL, ARM_MUSL]));
    let Some(server) = RegistryServer::start(NAME) else { return };
    let Some(skopeo) = have(NAME, "skopeo") else { return };
    let space = released();
    let to = server.name("team/{image}");
    let name = |tag: &str| server.name(&format!("team/app:{tag}"));
    let publish =
        ["publish", "--to", &to, "--tag", "{version}", "--tag", "{major}.{minor}", "--tag", "latest"];

    // Every request, offline, and nothing sent.
    let dry = space.run(&[publish.as_slice(), &["--dry-run", "--offline"]].concat()).ended(0);
    for line in [
        "HEAD /v2/team/app/manifests/latest (moves forward only)",
        "POST /v2/team/app/blobs/uploads/",
        "(index, read back)",
        " (read back)\nHEAD /v2/",
    ] {
        assert!(dry.stdout().contains(line), "no {line:?}\n{dry}");
    }
    assert_eq!(digest(&skopeo, &name("latest")), None);

    let first = space.run(&publish).ended(0);
    let index = space.report()["images"][0]["index_digest"].as_str().unwrap().to_owned();
    assert_eq!(first.stdout(), format!("{}@{index}", server.name("team/app")));
    let said = &document(&space)["images"][0];
    assert_eq!((&said["name"], &said["index_digest"]), (&"app".into(), &index.as_str().into()));
    assert_eq!(said["ref"], format!("{}@{index}", server.name("team/app")));
    assert_eq!(said["tags"], serde_json::json!(["1.2.3", "1.2", "latest"]));
    assert_eq!(said["platforms"][1]["platform"], "linux/arm64/v8");
    assert!(said["bytes_sent"].as_u64().unwrap() > 10_000, "{said:#}");
    assert_eq!(
        space.read("target/dist/digests.txt"),
        format!("{}  {}\n", &index[7..], server.name("team/app"))
    );
    for tag in ["1.2.3", "1.2", "latest"] {
        assert_eq!(digest(&skopeo, &name(tag)).as_deref(), Some(index.as_str()));
    }

    // Nothing changed: a request for each tag.
    space.run(&publish).ended(0).says(&["Unchanged", &format!("{}@{index}: ", server.name("team/app"))]);
    let again = &document(&space)["images"][0];
    assert_eq!((&again["requests"], &again["bytes_sent"]), (&3.into(), &0.into()));

    // Another image of the same version: its tag stays, and nothing is sent.
    space.write("targets.toml", &(space.read("targets.toml") + "labels = { who = \"else\" }\n"));
    release(&space);
    let other = space.report()["images"][0]["index_digest"].as_str().unwrap().to_owned();
    assert_ne!(other, index);
    space.run(&publish).ended(1).says(&["team/app:1.2.3 must not move", &index, &other, "--force"]);
    assert_eq!(digest(&skopeo, &format!("{}@{other}", server.name("team/app"))), None);
    space.run(&[publish.as_slice(), &["--force"]].concat()).ended(0);
    assert_eq!(digest(&skopeo, &name("1.2.3")).as_deref(), Some(other.as_str()));

    // An earlier version gets its own tag, and `latest` stays; a pre-release moves no other tag either.
    for (version, stays) in [("1.2.2", "later version 1.2.3"), ("1.3.0-rc.1+x", "pre-release")] {
        let before = if version == "1.2.2" { "1.2.3" } else { "1.2.2" };
        space.replace(
            "app/Cargo.toml",
            &format!("version = \"{before}\""),
            &format!("version = \"{version}\""),
        );
        release(&space);
        space.run(&publish).ended(0).says(&[stays]);
        assert_eq!(digest(&skopeo, &name("latest")).as_deref(), Some(other.as_str()));
        assert!(digest(&skopeo, &name(&version.replace('+', "-"))).is_some());
    }

    // The digest goes into a file of Compose, and the rest of the file stays. Wrong names are said, and nothing is written.
    let compose = |image: &str| format!("services: # xtask://app\r\n  a: {{image: \"{image}\"}}\n");
    space.write("compose.yaml", &compose("xtask://app"));
    let pinned = document(&space)["images"][0]["ref"].as_str().unwrap().to_owned();
    assert_eq!(space.run(&["resolve", "compose.yaml"]).ended(0).stdout(), compose(&pinned).trim_end());
    space.run(&["resolve", "--in-place", "compose.yaml"]).ended(0);
    assert_eq!(space.read("compose.yaml"), compose(&pinned));
    space.write("compose.yaml", &compose("xtask://ap"));
    space
        .run(&["resolve", "--in-place", "compose.yaml"])
        .ended(2)
        .says(&["compose.yaml:2:15", "xtask://app?"]);
    assert_eq!(space.read("compose.yaml"), compose("xtask://ap"));
    // A release of other content than was published.
    let published = space.read("target/dist/publish.json");
    let digest_of_it = document(&space)["images"][0]["index_digest"].as_str().unwrap().to_owned();
    let other = format!("sha256:{}", "0".repeat(64));
    space.write("target/dist/publish.json", &published.replace(&digest_of_it, &other));
    space.run(&["resolve", "compose.yaml"]).ended(1).says(&["is not the one that was published", &other]);

    // Another repository of the registry gets the blobs without their being sent.
    space.run(&["publish", "--to", &server.name("mirror")]).ended(0);
    let mirrored = &document(&space)["images"][0];
    assert_eq!(mirrored["bytes_sent"], 0, "{mirrored:#}");
}

#[test]
fn what_cannot_be_published_is_said_before_anything_is_sent() {
    need!("publish::said", machine::std_for(&[HOST_MUSL]));
    let space = Space::with_targets(&[HOST_MUSL]);
    space.image("app", &[HOST_MUSL]);
    space.run(&["publish"]).ended(2).says(&["no repository is given to publish to", "--to"]);
    let to = ["publish", "--to", "127.0.0.1:1/app"];
    space.run(&to).ended(2).says(&["there is no release to publish", "cargo xtask release"]);
    space.run(&["publish", "--to", "127.0.0.1:1/app:1"]).ended(2).says(&["has a tag"]);
    space.run(&["publish", "--to", "https://r.example/app"]).ended(2).says(&["is not a repository"]);
    space.run(&[&to[..], &["--tag", "{verson}"]].concat()).ended(2).says(&["did you mean {version}?"]);
    space.run(&[&to[..], &["--tag", "{git}"]].concat()).ended(2).says(&["in no git checkout"]);
    release(&space);
    space.run(&[&to[..], &["--offline"]].concat()).ended(2).says(&["--dry-run"]);
    space.write(
        "targets.toml",
        &(space.read("targets.toml") + "\n[publish]\nto = \"a b\"\ntags = [\"{x}\", \"latest\"]\n"),
    );
    space
        .run(&["plan"])
        .ended(2)
        .says(&["\"a b\" is not a repository", "\"x\" is not a placeholder of a tag"]);

    // A blob that is damaged, also at the same size.
    let space = space;
    space.replace("targets.toml", "to = \"a b\"\ntags = [\"{x}\", \"latest\"]", "to = \"127.0.0.1:1/app\"");
    let blobs = space.dist("oci/blobs/sha256");
    let largest = std::fs::read_dir(&blobs).unwrap().map(|entry| entry.unwrap().path());
    let largest = largest.max_by_key(|path| path.metadata().unwrap().len()).unwrap();
    let mut bytes = std::fs::read(&largest).unwrap();
    bytes[100] ^= 1;
    std::fs::remove_file(&largest).unwrap();
    std::fs::write(&largest, bytes).unwrap();
    let damaged = largest.display().to_string();
    space.run(&["publish"]).ended(1).says(&[
        "image app cannot be published",
        &damaged,
        "is missing or damaged",
    ]);
}

#[test]
fn a_publisher_that_is_killed_can_go_on() {
    const NAME: &str = "publish::killed";
    need!("publish::killed", machine::std_for(&[HOST_MUSL, ARM_MUSL]));
    let Some(server) = RegistryServer::start(NAME) else { return };
    let Some(skopeo) = have(NAME, "skopeo") else { return };
    let space = released();
    let index = space.report()["images"][0]["index_digest"].as_str().unwrap().to_owned();
    let mut unfinished = 0;
    for round in 0..30_u64 {
        let (to, name) = (server.name(&format!("app{round}")), server.name(&format!("app{round}:1.2.3")));
        // Sorted by nothing: 37 and 211 have no common factor.
        let life = format!("0.{:03}", round * 37 % 211);
        let killed = ["-s", "KILL", &life, crate::space::XTASK, "publish", "--to", &to];
        let output = space.cmd("timeout").args(killed).capture(Duration::from_secs(60)).unwrap();
        let there = digest(&skopeo, &name);
        unfinished += usize::from(there.is_none());
        assert!(there.is_none() || there.as_deref() == Some(index.as_str()), "{}", output.errors());
        if there.is_some() {
            // A tag points only at what is whole.
            pulled(&skopeo, &name, &space);
        }
        space.run(&["publish", "--to", &to]).ended(0);
        assert_eq!(digest(&skopeo, &name).as_deref(), Some(index.as_str()));
        pulled(&skopeo, &name, &space);
    }
    assert!(unfinished > 0, "no run was killed before its end");
}

/// Copies all of an image with skopeo, which verifies every digest.
fn pulled(skopeo: &Path, name: &str, space: &Space) {
    let to = space.path("../pulled");
    let _ = std::fs::remove_dir_all(&to);
    let copy = ["--insecure-policy", "copy", "--all", "--src-tls-verify=false"];
    run(&Cmd::new(skopeo).args(copy).args([format!("docker://{name}"), format!("oci:{}:x", to.display())]));
}
