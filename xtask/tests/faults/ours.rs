//! The publisher under every fault.

use std::sync::Arc;
use std::time::Duration;

use xtask_files::threads::side_by_side;
use xtask_process::exec::ProcessEnd;
use xtask_test_support::between::Act;
use xtask_test_support::process::Finished;
use xtask_test_support::registry::RegistryServer;

use crate::fault::{FAULTS, Fault, FaultEnd, FaultState};
use crate::kept::KeptFiles;
use crate::made::{MadeRelease, TAG};
use crate::watch::WatchedRegistry;

/// Long enough for all pauses of a run on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(400);
/// A chunk that is smaller than a layer, so that layers go in several.
pub(crate) const CHUNK: &str = "40000";
/// The size of the programs, so that a layer has four chunks.
pub(crate) const SIZE: usize = 150_000;

#[test]
fn every_fault_is_overcome_or_leaves_a_run_that_can_be_repeated() {
    let test = "every_fault_is_overcome_or_leaves_a_run_that_can_be_repeated";
    let Some(server) = RegistryServer::start(test) else { return };
    let release = MadeRelease::new(1, SIZE);
    let kept = KeptFiles::new(&server.storage);
    // Mostly they wait.
    let numbered = FAULTS.into_iter().enumerate().collect();
    side_by_side(numbered, 8, |(at, fault)| one(&release, &server, &kept, at, fault));
}

fn one(release: &MadeRelease, server: &RegistryServer, kept: &KeptFiles, at: usize, fault: Fault) {
    let (repository, state) = (format!("fault{at}"), Arc::new(FaultState::default()));
    let front = WatchedRegistry::start(&server.at, kept, move |seen, _| fault.act(seen, &state));
    let publish = |at: &str| {
        let cmd = release.publish(&format!("{at}/{repository}"), &["-v"]).env("XTASK_UPLOAD_CHUNK", CHUNK);
        Finished::new(&cmd, LIMIT)
    };
    let first = publish(&front.front.at);
    let name = fault.name;
    assert!(!front.front.seen().is_empty(), "{name}: nothing was asked\n{first}");
    let code = if fault.end == FaultEnd::Done { 0 } else { 1 };
    assert!(first.end() == ProcessEnd::Code(code), "{name}: expected exit code {code}\n{first}");
    if fault.end == FaultEnd::Fails {
        assert_eq!(kept.tag(&repository, TAG), None, "{name}: a run that failed moved the tag\n{first}");
    }
    // The way that the next run takes has no faults.
    let calm = WatchedRegistry::start(&server.at, kept, |_, _| Act::Pass);
    let second = publish(&calm.front.at);
    assert!(second.end() == ProcessEnd::Code(0), "{name}: the second run\n{second}");
    for front in [&front, &calm] {
        assert_eq!(front.broken_tags(), [""; 0], "{name}");
        assert_eq!(front.lost(), [""; 0], "{name}");
    }
    is_published(release, kept, &repository, name);
}

/// Asserts that the tag points at the release, that all of it is there, and that it never pointed at anything else.
#[track_caller]
pub(crate) fn is_published(release: &MadeRelease, kept: &KeptFiles, repository: &str, why: &str) {
    assert_eq!(kept.tag(repository, TAG).as_deref(), Some(release.index.as_str()), "{why}");
    assert_eq!(kept.history(repository, TAG), [release.index.as_str()], "{why}");
    let index = kept.bytes(&release.index).unwrap_or_else(|| panic!("{why}: the index is damaged"));
    assert_eq!(kept.lacking(repository, &index), [""; 0], "{why}");
}

#[test]
fn a_chunk_has_a_size() {
    let release = MadeRelease::new(2, 100);
    for bad in ["0", "-1", "4 MiB", "99999999999999999999999"] {
        let cmd = release.publish("127.0.0.1:1/app", &[]).env("XTASK_UPLOAD_CHUNK", bad);
        Finished::new(&cmd, LIMIT).ended(2).says(&[
            "is not the size of a chunk",
            bad,
            "XTASK_UPLOAD_CHUNK=4194304",
        ]);
    }
}
