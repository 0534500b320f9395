//! What `publish` shows of the blobs that it sends.

use std::time::Duration;

use xtask_files::escape::plain;
use xtask_process::exec::Cmd;
use xtask_test_support::between::{Act, Between};
use xtask_test_support::process::Finished;
use xtask_test_support::registry::RegistryServer;
use xtask_test_support::skip::have;

use crate::fault::RequestKind;
use crate::made::MadeRelease;
use crate::ours::LIMIT;

/// Programs whose layers are large enough for a line each.
const LARGE: usize = 1_500_000;

/// A registry that takes its time for bodies.
fn slow(server: &RegistryServer, pause: u64) -> Between {
    Between::start(&server.at, move |seen, _| match RequestKind::of(seen) {
        RequestKind::EndUpload => Act::Slow(Duration::from_millis(pause)),
        _ => Act::Pass,
    })
}

/// Whether a text is `<size> in <time>, <size>/s`, as `sent` of blobs.rs writes it.
fn is_amount(text: &str) -> bool {
    let size = |text: &str| {
        text.split_once(' ').is_some_and(|(number, unit)| {
            number.parse::<f64>().is_ok_and(|n| n > 0.0) && ["B", "kB", "MB", "GB"].contains(&unit)
        })
    };
    let Some((bytes, rest)) = text.split_once(" in ") else { return false };
    let Some((time, rate)) = rest.rsplit_once(", ") else { return false };
    let time = time.split(' ').next().is_some_and(|number| number.parse::<f64>().is_ok());
    size(bytes) && time && rate.strip_suffix("/s").is_some_and(size)
}

#[test]
fn plain_lines_say_bytes_and_rate_of_each_blob_and_of_all() {
    let test = "plain_lines_say_bytes_and_rate_of_each_blob_and_of_all";
    let Some(server) = RegistryServer::start(test) else { return };
    let release = MadeRelease::new(90, LARGE);
    let front = slow(&server, 1);
    let publish = |more: &[&str]| Finished::new(&release.publish(&format!("{}/app", front.at), more), LIMIT);
    let run = publish(&[]).ended(0);
    let stderr = run.stderr();
    assert!(stderr.chars().all(|c| c == '\n' || !c.is_control()), "{run}");
    let sent: Vec<&str> = stderr.lines().filter_map(|line| line.strip_prefix("        Sent ")).collect();
    assert_eq!(sent.len(), 2, "the layers of the programs; what is small has no line\n{run}");
    for line in sent {
        let (blob, amount) = line.split_once(": ").unwrap();
        assert!(blob.starts_with("sha256:") && blob.len() == 19 && is_amount(amount), "{line}");
        assert!(amount.starts_with("2.") || amount.starts_with("1."), "megabytes: {line}");
    }
    let all = stderr.lines().find_map(|line| line.strip_prefix("      Pushed 5 blobs of app: 5 sent; "));
    assert!(all.is_some_and(is_amount), "{run}");
    assert!(stderr.lines().any(|line| line.starts_with("     Pushing app to app (")), "{run}");

    // Nothing is sent again; with another tag, the blobs are looked for.
    let again = publish(&["--tag", "again"]).ended(0);
    again.says(&["      Pushed 5 blobs of app: 5 there already\n"]).never_says(&["Sent "]);
    let other = Finished::new(&release.publish(&format!("{}/other", front.at), &["-v"]), LIMIT).ended(0);
    other.says(&["      Pushed 5 blobs of app: 5 mounted\n", " mounted from app\n"]);
    // Small blobs have lines with -v.
    let small = MadeRelease::new(93, 1_000);
    let small = Finished::new(&small.publish(&format!("{}/small", front.at), &["-v"]), LIMIT).ended(0);
    let stderr = small.stderr();
    let lines =
        stderr.lines().filter_map(|line| line.strip_prefix("        Blob sha256:")?.split_once(" sent: "));
    assert_eq!(
        lines.filter(|(digits, amount)| digits.len() == 64 && is_amount(amount)).count(),
        5,
        "{small}"
    );

    let quiet = Finished::new(&release.publish(&format!("{}/quiet", front.at), &["-q"]), LIMIT).ended(0);
    assert_eq!(quiet.stderr(), "");
    assert_eq!(quiet.stdout(), format!("{}/quiet@{}", front.at, release.index));
}

#[test]
fn a_terminal_shows_how_far_each_blob_is() {
    let test = "a_terminal_shows_how_far_each_blob_is";
    let Some(server) = RegistryServer::start(test) else { return };
    if have(test, "script").is_none() || have(test, "stty").is_none() {
        return;
    }
    let release = MadeRelease::new(96, LARGE);
    let front = slow(&server, 60);
    let publish = release.publish(&format!("{}/app", front.at), &[]);
    let line = format!("stty cols 200; exec {}", publish.line());
    let on = publish.behind(Cmd::new("true")).env("TERM", "xterm").env("CI", "");
    let mut on_terminal = Cmd::new("script").args(["-qec", &line, "/dev/null"]);
    (on_terminal.env, on_terminal.cwd, on_terminal.clear_env) = (on.env, on.cwd, true);
    let run = Finished::new(&on_terminal, LIMIT).ended(0);
    let shown = run.stdout();
    let drawn: Vec<String> = shown.split("\r\x1b[2K").map(plain).collect();
    let far = |line: &&String| line.contains("     Pushing app to app (") && line.contains(" MB sent, ");
    let far: Vec<&String> = drawn.iter().filter(far).collect();
    let whole = |line: &&&String| {
        line.contains(" of 5 blobs, ") && line.contains(" of 1.6 MB, ") && line.contains("/s")
    };
    assert!(far.iter().any(|line| whole(&line)), "{drawn:#?}");
}
