//! Two clones of one project, as two machines have them: what the first one published, the second one finds whole.

use std::collections::BTreeMap;

use serde_json::Value;
use xtask_test_support::registry::RegistryServer;
use xtask_test_support::skip::have;
use xtask_test_support::{folder, need};

use crate::machine::{self, ARM_MUSL, HOST_MUSL};
use crate::signed::key;
use crate::space::Space;

/// A project in git.
fn committed() -> Space {
    let space = Space::with_targets(&[HOST_MUSL, ARM_MUSL]);
    space.image("app", &[HOST_MUSL, ARM_MUSL]);
    space.write(".gitignore", "/target\n");
    space.git(&["init", "--quiet"]);
    space.commit();
    space
}

fn published(space: &Space) -> Value {
    serde_json::from_str::<Value>(&space.read("target/dist/publish.json")).unwrap()["images"][0].take()
}

#[test]
fn a_second_machine_finds_what_the_first_one_published() {
    const NAME: &str = "clones::published";
    need!("clones::published", machine::std_for(&[HOST_MUSL, ARM_MUSL]), machine::programs(&["git"]));
    let Some(server) = RegistryServer::start(NAME) else { return };
    let Some(openssl) = have(NAME, "openssl") else { return };
    let project = committed();
    let mut machines = [project.cloned("one"), project.cloned("a folder elsewhere")];
    // What differs from machine to machine beside the folders.
    for (space, zone) in machines.iter_mut().zip(["UTC", "Asia/Tokyo"]) {
        space.set("TZ", zone);
        space.run(&["release", "--mode", "pure"]).ended(0);
    }
    let [one, two] = &machines;
    let digest = |space: &Space| space.report()["images"][0]["index_digest"].as_str().unwrap().to_owned();
    assert_eq!(digest(one), digest(two), "the same source is the same image");
    let (private, public) = key(&openssl, project.root(), "key");
    let stored = || -> BTreeMap<String, Vec<u8>> { folder::files(&server.storage) };

    for (repository, sign) in [("plain", &[][..]), ("signed", &["--key", private.to_str().unwrap()])] {
        let to = server.name(repository);
        let publish = [&["publish", "--to", &to, "--tag", "{version}", "--tag", "latest"], sign].concat();
        one.run(&publish).ended(0).says(&["Published"]);
        let (before, first) = (stored(), published(one));
        let second = two.run(&publish).ended(0);
        assert_eq!(second.stdout(), format!("{to}@{}", digest(one)));
        second.says(&[&format!("Unchanged {to}@{}: 0 B sent, ", digest(one)), "1.2.3 (unchanged)"]);
        let after = stored();
        let changed = after.iter().filter(|(name, bytes)| before.get(*name) != Some(bytes));
        let changed: Vec<&String> = changed.map(|(name, _)| name).collect();
        assert!(changed.is_empty() && after.len() == before.len(), "{repository}: {changed:#?}");
        let said = published(two);
        for same in ["ref", "index_digest", "tags", "platforms", "referrers"] {
            assert_eq!(said[same], first[same], "{repository}: {same}");
        }
        assert_eq!(said["bytes_sent"], 0, "{repository}");
    }
    let verify = ["verify", &server.name("signed:latest"), "--key", public.to_str().unwrap()];
    two.run(&verify).ended(0);
}
