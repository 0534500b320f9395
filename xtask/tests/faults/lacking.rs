//! A manifest that a registry refuses for want of a blob: docker-registry truncates the link of a blob while somebody else pushes
//! the same blob. What the manifest names is looked for, sent where it is missing, and the manifest is sent again.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;
use xtask_files::threads::side_by_side;
use xtask_process::exec::Cmd;
use xtask_test_support::between::Act;
use xtask_test_support::process::{Finished, run};
use xtask_test_support::registry::RegistryServer;
use xtask_test_support::skip::have;

use crate::fault::RequestKind;
use crate::kept::KeptFiles;
use crate::made::{MadeRelease, TAG};
use crate::ours::{LIMIT, SIZE, is_published};
use crate::watch::WatchedRegistry;

/// How docker-registry refuses.
fn lacking(status: &str) -> Act {
    let body = r#"{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown to registry"}]}"#;
    Act::Refuse(format!("{status}\r\nContent-Type: application/json"), body.to_owned())
}

#[test]
fn a_manifest_that_is_refused_for_want_of_a_blob_is_sent_again() {
    let test = "a_manifest_that_is_refused_for_want_of_a_blob_is_sent_again";
    let Some(server) = RegistryServer::start(test) else { return };
    let kept = KeptFiles::new(&server.storage);
    let release = MadeRelease::new(60, SIZE);
    let refused = [
        (RequestKind::PutManifest, "400 Bad Request", 1),
        (RequestKind::PutManifest, "404 Not Found", 3),
        (RequestKind::PutTag, "400 Bad Request", 1),
        (RequestKind::PutTag, "404 Not Found", 4),
    ];
    for (at, (kind, status, times)) in refused.into_iter().enumerate() {
        let repository = format!("again{at}");
        let met = Mutex::new(0);
        let front = WatchedRegistry::start(&server.at, &kept, move |seen, _| {
            let mut met = met.lock().unwrap();
            if RequestKind::of(seen) != kind || *met == times {
                return Act::Pass;
            }
            *met += 1;
            lacking(status)
        });
        let name = format!("{}/{repository}", front.front.at);
        Finished::new(&release.publish(&name, &["-v"]), LIMIT).ended(0);
        is_published(&release, &kept, &repository, status);
        assert_eq!(front.broken_tags(), [""; 0]);
        let puts = front.front.seen().iter().filter(|seen| RequestKind::of(seen) == kind).count();
        // Of two platforms and an index, or of the tag.
        let without = if kind == RequestKind::PutTag { 1 } else { 3 };
        assert_eq!(puts, without + times, "{kind:?} {status}");
    }
}

#[test]
fn a_manifest_that_is_always_refused_ends_the_run() {
    let test = "a_manifest_that_is_always_refused_ends_the_run";
    let Some(server) = RegistryServer::start(test) else { return };
    let kept = KeptFiles::new(&server.storage);
    let release = MadeRelease::new(63, SIZE);
    let front = WatchedRegistry::start(&server.at, &kept, |seen, _| match RequestKind::of(seen) {
        RequestKind::PutManifest => lacking("400 Bad Request"),
        _ => Act::Pass,
    });
    let run = Finished::new(&release.publish(&format!("{}/app", front.front.at), &[]), LIMIT).ended(1);
    run.says(&["400 Bad Request", "MANIFEST_BLOB_UNKNOWN: blob unknown to registry", "5 tries"]);
    let puts =
        front.front.seen().iter().filter(|seen| RequestKind::of(seen) == RequestKind::PutManifest).count();
    assert_eq!(puts, 10, "five for each platform, and none for the index");
    assert_eq!(kept.tag("app", TAG), None);
    // Any other refusal is final.
    let front = WatchedRegistry::start(&server.at, &kept, |seen, _| match RequestKind::of(seen) {
        RequestKind::PutManifest => Act::Refuse("400 Bad Request".to_owned(), MANIFEST_INVALID.to_owned()),
        _ => Act::Pass,
    });
    let run = Finished::new(&release.publish(&format!("{}/app", front.front.at), &[]), LIMIT).ended(1);
    run.says(&["MANIFEST_INVALID: no"]).never_says(&["tries"]);
    let puts =
        front.front.seen().iter().filter(|seen| RequestKind::of(seen) == RequestKind::PutManifest).count();
    assert_eq!(puts, 2);
}

const MANIFEST_INVALID: &str = r#"{"errors":[{"code":"MANIFEST_INVALID","message":"no"}]}"#;

/// What docker-registry itself says while the link of a blob is empty, and after it is gone.
#[test]
fn a_blob_whose_link_is_lost_is_sent_again() {
    let Some(server) = RegistryServer::start("a_blob_whose_link_is_lost_is_sent_again") else { return };
    let kept = KeptFiles::new(&server.storage);
    let release = MadeRelease::new(66, SIZE);
    for (repository, empty) in [("empty", true), ("gone", false)] {
        let storage = server.storage.clone();
        let broken = Mutex::new(false);
        let front = WatchedRegistry::start(&server.at, &kept, move |seen, _| {
            let mut broken = broken.lock().unwrap();
            if RequestKind::of(seen) == RequestKind::PutManifest && !*broken {
                let manifest: Value = serde_json::from_slice(&seen.body).unwrap();
                let digest = manifest["layers"][0]["digest"].as_str().unwrap();
                let layers = storage.join("docker/registry/v2/repositories").join(repository);
                let link = layers.join("_layers/sha256").join(&digest[7..]).join("link");
                let whole = std::fs::read(&link).unwrap();
                if empty {
                    // As the other publisher does it, with a longer pause.
                    std::fs::write(&link, "").unwrap();
                    std::thread::spawn(move || {
                        std::thread::sleep(Duration::from_millis(700));
                        std::fs::write(link, whole).unwrap();
                    });
                } else {
                    std::fs::remove_file(link).unwrap();
                }
                *broken = true;
            }
            Act::Pass
        });
        let name = format!("{}/{repository}", front.front.at);
        Finished::new(&release.publish(&name, &["-v"]), LIMIT).ended(0);
        is_published(&release, &kept, repository, repository);
        assert_eq!((front.broken_tags(), front.lost()), (Vec::new(), Vec::new()), "{repository}");
        let puts =
            front.front.seen().iter().filter(|s| RequestKind::of(s) == RequestKind::PutManifest).count();
        assert!(puts > 3, "the registry did not refuse the manifest: {puts}");
    }
}

/// Two publishers of the same release, at once: they push the same blobs.
#[test]
fn two_publishers_of_one_release_end_well() {
    let test = "two_publishers_of_one_release_end_well";
    let Some(server) = RegistryServer::start(test) else { return };
    let kept = KeptFiles::new(&server.storage);
    let release = MadeRelease::new(70, 2_000);
    let (refusals, mut rounds) = (AtomicU32::new(0), 0);
    // The moment is short: it is met in about every eighth race.
    while rounds < 30 && refusals.load(Ordering::Relaxed) < 3 {
        let repository = format!("race{rounds}");
        rounds += 1;
        let fronts = [(), ()].map(|()| WatchedRegistry::start(&server.at, &kept, |_, _| Act::Pass));
        side_by_side(fronts.iter().collect(), 2, |front: &WatchedRegistry| {
            let cmd = release.publish(&format!("{}/{repository}", front.front.at), &[]);
            Finished::new(&cmd, LIMIT).ended(0);
        });
        is_published(&release, &kept, &repository, "a race");
        for front in &fronts {
            assert_eq!((front.broken_tags(), front.lost()), (Vec::new(), Vec::new()), "{repository}");
            let puts =
                front.front.seen().iter().filter(|s| RequestKind::of(s) == RequestKind::PutManifest).count();
            refusals.fetch_add(puts.saturating_sub(3) as u32, Ordering::Relaxed);
        }
    }
    println!("{} manifests were refused in {rounds} races, and sent again", refusals.load(Ordering::Relaxed));
}

/// The documents of signatures are refused once each: bundles, lists of them, and what is under tags.
#[test]
fn a_signature_that_is_refused_for_want_of_a_blob_is_sent_again() {
    let test = "a_signature_that_is_refused_for_want_of_a_blob_is_sent_again";
    let Some(server) = RegistryServer::start(test) else { return };
    let Some(openssl) = have(test, "openssl") else { return };
    let kept = KeptFiles::new(&server.storage);
    let release = MadeRelease::new(73, SIZE);
    let key = server.dir().join("key.pem");
    let new = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out"];
    run(&Cmd::new(openssl).args(new).arg(&key));
    let met = Mutex::new(std::collections::BTreeSet::new());
    // Of each path once; a signature has a digest of its own, so that another try is at another path only where it need not be.
    let front = WatchedRegistry::start(&server.at, &kept, move |seen, _| {
        let first = seen.method() == "PUT"
            && seen.path().contains("/manifests/")
            && met.lock().unwrap().insert(seen.path().to_owned());
        if first { lacking("400 Bad Request") } else { Act::Pass }
    });
    let cmd = release.publish(&format!("{}/app", front.front.at), &["--key", key.to_str().unwrap()]);
    Finished::new(&cmd, LIMIT).ended(0).says(&["signed, 6 documents attached"]);
    is_published(&release, &kept, "app", test);
    let hex = release.index.trim_start_matches("sha256:");
    let list = kept.tag("app", &format!("sha256-{hex}")).unwrap();
    let list: Value = serde_json::from_slice(&kept.bytes(&list).unwrap()).unwrap();
    assert_eq!(list["manifests"].as_array().unwrap().len(), 1, "{list:#}");
    let signature = kept.bytes(&kept.tag("app", &format!("sha256-{hex}.sig")).unwrap()).unwrap();
    let layers = serde_json::from_slice::<Value>(&signature).unwrap()["layers"].as_array().unwrap().len();
    assert_eq!(layers, 1);
}
