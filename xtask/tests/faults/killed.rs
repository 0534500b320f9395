//! A publisher that is killed at any point of its work. `XTASK_KILLS` sets the number of points:
//! `XTASK_KILLS=200 cargo test -p xtask --test faults killed -- --nocapture` prints how far each run was.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process};
use xtask_files::threads::side_by_side;
use xtask_process::exec::Cmd;
use xtask_test_support::between::{Act, Seen, Stage};
use xtask_test_support::process::Finished;
use xtask_test_support::registry::RegistryServer;

use crate::kept::KeptFiles;
use crate::made::{MadeRelease, TAG};
use crate::ours::{CHUNK, LIMIT, SIZE, is_published};
use crate::watch::WatchedRegistry;

/// How many points are tried where nothing else is said.
const KILLS: usize = 15;

#[test]
fn killed_at_any_point_a_run_can_be_repeated() {
    let Some(server) = RegistryServer::start("killed_at_any_point_a_run_can_be_repeated") else { return };
    let kills = std::env::var("XTASK_KILLS").map_or(KILLS, |text| text.parse().unwrap());
    let release = MadeRelease::new(3, SIZE);
    let kept = KeptFiles::new(&server.storage);
    let publish = |at: &str, repository: &str| {
        release.publish(&format!("{at}/{repository}"), &[]).env("XTASK_UPLOAD_CHUNK", CHUNK)
    };
    let calm = WatchedRegistry::start(&server.at, &kept, |_, _| Act::Pass);
    Finished::new(&publish(&calm.front.at, "whole"), LIMIT).ended(0);
    let requests = calm.front.seen().len();
    let (count, spared) = (Mutex::<BTreeMap<&str, usize>>::default(), AtomicUsize::new(0));
    side_by_side((0..kills).collect(), 2, |at| {
        let repository = format!("killed{at}");
        // The points are spread over the requests, and over what happens to each.
        let request = at * (requests - 1) / (kills - 1).max(1);
        let random = at.wrapping_mul(0x9e37_79b9) >> 5;
        let victim = Arc::new(Victim::default());
        let shot = Arc::clone(&victim);
        let front = WatchedRegistry::start(&server.at, &kept, move |seen, before| match before == request {
            true => Act::Stop(
                stage(seen, random),
                Arc::new({
                    let shot = Arc::clone(&shot);
                    move || shot.kill()
                }),
            ),
            false => Act::Pass,
        });
        let to = publish(&front.front.at, &repository);
        // Who got the answer may go on for a moment, and one that was asked for last may end.
        spared.fetch_add(usize::from(victim.run(&to)), Ordering::Relaxed);
        assert_eq!(front.broken_tags(), [""; 0], "point {at}");
        *count.lock().unwrap().entry(how_far(&release, &kept, &repository)).or_default() += 1;
        let calm = WatchedRegistry::start(&server.at, &kept, |_, _| Act::Pass);
        Finished::new(&publish(&calm.front.at, &repository), LIMIT).ended(0);
        for front in [&front, &calm] {
            assert_eq!(front.broken_tags(), [""; 0], "point {at}");
            assert_eq!(front.lost(), [""; 0], "point {at}");
        }
        is_published(&release, &kept, &repository, &format!("point {at}"));
    });
    let count = count.into_inner().unwrap();
    let killed = kills - spared.into_inner();
    println!(
        "{killed} of {kills} runs were killed, of {requests} requests each; the registry then had: {count:?}"
    );
    assert!(killed > kills / 2, "only {killed} of {kills} runs were killed");
    assert!(count.len() >= 3, "all runs were killed at about the same point: {count:?}");
}

/// Where a request is when its sender is killed.
fn stage(seen: &Seen, random: usize) -> Stage {
    match random % 5 {
        0 => Stage::Asked,
        1 => Stage::Body(random as u64 % (seen.length() + 1)),
        2 => Stage::Sent,
        3 => Stage::Answered,
        _ => Stage::Given,
    }
}

/// What the registry has of the release.
fn how_far(release: &MadeRelease, kept: &KeptFiles, repository: &str) -> &'static str {
    let blobs = release.blobs().into_iter().map(|file| {
        let hex = file.file_name().unwrap().to_string_lossy().into_owned();
        kept.has_blob(repository, &format!("sha256:{hex}"))
    });
    let blobs: Vec<bool> = blobs.collect();
    match blobs.iter().filter(|there| **there).count() {
        0 => "1 nothing",
        some if some < blobs.len() => "2 some blobs",
        _ if !kept.has_manifest(repository, &release.index) => "3 all blobs",
        _ if kept.tag(repository, TAG).is_none() => "4 the index",
        _ => "5 the tag",
    }
}

/// A process that is killed by another thread.
#[derive(Default)]
struct Victim(Mutex<Option<i32>>);

impl Victim {
    /// Runs a command to its end. Returns whether it ended by itself.
    fn run(&self, cmd: &Cmd) -> bool {
        #[expect(clippy::disallowed_methods, reason = "a child whose number is needed")]
        let mut command = std::process::Command::new(&cmd.program);
        command.args(&cmd.args).env_clear().current_dir(cmd.cwd.as_ref().unwrap());
        command.envs(cmd.env.iter().filter_map(|(key, value)| Some((key, value.as_ref()?))));
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        // Held until the number is known, which its first request may not wait for.
        let mut number = self.0.lock().unwrap();
        let mut child = command.spawn().unwrap();
        *number = Some(i32::try_from(child.id()).unwrap());
        drop(number);
        child.wait().unwrap().code().is_some()
    }

    /// Kills it. It is waited for only after this, so that its number is still its own.
    fn kill(&self) {
        let number = self.0.lock().unwrap().expect("it was started");
        // It may have ended by itself, after its last request.
        let _ = kill_process(Pid::from_raw(number).unwrap(), Signal::KILL);
    }
}
