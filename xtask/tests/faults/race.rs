//! Two publishers of one tag at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use xtask_test_support::between::Act;
use xtask_test_support::process::Finished;
use xtask_test_support::registry::RegistryServer;

use crate::fault::RequestKind;
use crate::kept::KeptFiles;
use crate::made::MadeRelease;
use crate::ours::LIMIT;
use crate::watch::WatchedRegistry;

#[test]
fn who_loses_a_race_for_a_tag_is_told() {
    let Some(server) = RegistryServer::start("who_loses_a_race_for_a_tag_is_told") else { return };
    let kept = KeptFiles::new(&server.storage);
    let (one, two) = (MadeRelease::new(4, 50_000), MadeRelease::new(7, 50_000));
    // The first one is held when it reads its tag back, until the second one has ended.
    let (moved, go) = (Arc::new(AtomicBool::new(false)), mpsc::channel::<()>());
    let (reached, at_tag) = mpsc::channel();
    let (reached, wait) = (Mutex::new(reached), Mutex::new(go.1));
    let held = WatchedRegistry::start(&server.at, &kept, move |seen, _| {
        match RequestKind::of(seen) {
            RequestKind::PutTag => moved.store(true, Ordering::SeqCst),
            RequestKind::HeadTag if moved.load(Ordering::SeqCst) => {
                reached.lock().unwrap().send(()).unwrap();
                wait.lock().unwrap().recv().unwrap();
            }
            _ => {}
        }
        Act::Pass
    });
    let free = WatchedRegistry::start(&server.at, &kept, |_, _| Act::Pass);
    let publish = |release: &MadeRelease, front: &WatchedRegistry| {
        let cmd = release.publish(&format!("{}/app", front.front.at), &["--tag", "latest"]);
        Finished::new(&cmd, LIMIT)
    };
    std::thread::scope(|scope| {
        let first = scope.spawn(|| publish(&one, &held));
        at_tag.recv().unwrap();
        publish(&two, &free).ended(0);
        go.0.send(()).unwrap();
        first.join().unwrap().ended(1).says(&[
            "app:latest does not point at the published image",
            &two.index,
            &one.index,
            "another user or machine publishes this tag",
        ]);
    });
    assert_eq!(kept.tag("app", "latest").as_deref(), Some(two.index.as_str()));
    // Both images are whole, and the tag pointed at nothing else.
    let mut history = kept.history("app", "latest");
    let mut both = vec![one.index.clone(), two.index.clone()];
    history.sort();
    both.sort();
    assert_eq!(history, both);
    for index in both {
        assert_eq!(kept.lacking("app", &kept.bytes(&index).unwrap()), [""; 0]);
    }
    for front in [&held, &free] {
        assert_eq!(front.broken_tags(), [""; 0]);
        assert_eq!(front.lost(), [""; 0]);
    }
    // Who publishes again has the tag.
    publish(&one, &free).ended(0);
    assert_eq!(kept.tag("app", "latest").as_deref(), Some(one.index.as_str()));
}

/// Without the version of the image at the tag, nobody knows which direction is forward.
#[test]
fn a_rolling_tag_stays_where_the_image_at_it_cannot_be_read() {
    let test = "a_rolling_tag_stays_where_the_image_at_it_cannot_be_read";
    let Some(server) = RegistryServer::start(test) else { return };
    let kept = KeptFiles::new(&server.storage);
    let (there, other) = (MadeRelease::new(14, 5_000), MadeRelease::new(15, 5_000));
    let name = |at: &str| format!("{at}/app");
    let first = there.publish(&name(&server.at), &["--tag", "latest"]);
    Finished::new(&first, LIMIT).ended(0);
    let manifest = format!("/manifests/{}", there.index);
    let broken = WatchedRegistry::start(&server.at, &kept, move |seen, _| {
        match seen.method() == "GET" && seen.path().ends_with(&manifest) {
            true => Act::Answer("500 Internal Server Error".to_owned()),
            false => Act::Pass,
        }
    });
    let second = other.publish(&name(&broken.front.at), &["--tag", "latest"]);
    Finished::new(&second, LIMIT).ended(1).says(&["500 Internal Server Error", &there.index]);
    assert_eq!(kept.tag("app", "latest").as_deref(), Some(there.index.as_str()));
}
