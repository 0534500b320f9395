//! A registry whose disk is full.

use xtask_test_support::between::Act;
use xtask_test_support::process::Finished;
use xtask_test_support::registry::{RegistryServer, Settings};

use crate::kept::KeptFiles;
use crate::made::{MadeRelease, TAG};
use crate::ours::{LIMIT, is_published};
use crate::watch::WatchedRegistry;

#[test]
fn a_registry_that_is_full_gets_the_rest_when_it_has_room() {
    let test = "a_registry_that_is_full_gets_the_rest_when_it_has_room";
    // Room for one of the two layers.
    let settings = Settings { space: Some(1_200_000), ..Settings::default() };
    let Some(server) = RegistryServer::start_with(test, settings) else { return };
    let kept = KeptFiles::new(&server.storage);
    let release = MadeRelease::new(10, 700_000);
    let front = WatchedRegistry::start(&server.at, &kept, |_, _| Act::Pass);
    let publish = || Finished::new(&release.publish(&format!("{}/full", front.front.at), &[]), LIMIT);
    publish().ended(1).says(&["500 Internal Server Error"]);
    assert_eq!(kept.tag("full", TAG), None);
    server.make_room();
    publish().ended(0);
    assert_eq!(front.broken_tags(), [""; 0]);
    assert_eq!(front.lost(), [""; 0]);
    is_published(&release, &kept, "full", "after there was room");
}

/// What a disk that was full can leave behind: links of blobs without content, for which the registry answers 500.
#[test]
fn a_blob_that_the_registry_fails_to_look_up_is_sent_again() {
    let test = "a_blob_that_the_registry_fails_to_look_up_is_sent_again";
    let Some(server) = RegistryServer::start(test) else { return };
    let kept = KeptFiles::new(&server.storage);
    let release = MadeRelease::new(11, 70_000);
    let publish = |more: &[&str]| {
        Finished::new(&release.publish(&format!("{}/links", server.at), more), LIMIT).ended(0)
    };
    publish(&[]);
    let links = kept.layer_links("links");
    assert_eq!(links.len(), 5);
    links.iter().for_each(|link| std::fs::write(link, "").unwrap());
    // Under another tag, so that the blobs are looked for.
    publish(&["--tag", "again"]);
    for link in links {
        assert_ne!(std::fs::metadata(&link).unwrap().len(), 0, "{}", link.display());
    }
    is_published(&release, &kept, "links", "after links without content");
}
