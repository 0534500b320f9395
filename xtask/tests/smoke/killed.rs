//! What a run that ends early leaves in an engine. These tests start themselves: as the run that ends early.

use xtask_config::ImageSmoke;
use xtask_process::exec::Cmd;

use crate::engines::{LIMIT, answers, by};
use crate::support::{AMD64, Bench, can, prints, runtime};

/// Says which run a child is: one that sleeps, or one that passes at once.
const CHILD: &str = "XTASK_SMOKE_TEST_CHILD";

/// Runs an image, where this process is a child of the test; says whether it is.
fn was_child(engine: &'static str) -> bool {
    let Ok(what) = std::env::var(CHILD) else { return false };
    xtask_process::exec::end_groups_on_signals();
    let bench = Bench::new();
    let image = bench.pack(&[(AMD64, &bench.program("gcc"))], &runtime(1));
    let expect = match what.as_str() {
        "sleeps" => ImageSmoke { args: Some(vec!["sleep".into()]), ..ImageSmoke::default() },
        _ => prints("uid=1 "),
    };
    let ran = bench.run(&image, &expect, &bench.host(&[engine]), 300);
    assert!(ran.iter().all(by(engine)), "{ran:?}");
    true
}

/// `start` starts this very test as a child that sleeps, and waits until its container runs: one that was only created may
/// be of a first try that the engine gives up (`Limits::Low`). `names PID` counts what that process has in the engine: a
/// container and an image.
const FUNCTIONS: &str = "
    engine=$1 test=$2 program=$3
    names() {
        { $engine ps --all --format '{{.Names}}'; $engine images --format '{{.Repository}}'; } |
            grep -cE \"xtask-smoke-[0-9a-f]+-$1_\"
    }
    runs() { $engine ps --filter status=running --format '{{.Names}}' | grep -qE \"xtask-smoke-[0-9a-f]+-$1_\"; }
    start() {
        XTASK_SMOKE_TEST_CHILD=sleeps \"$program\" --exact \"$test\" >/dev/null 2>&1 & pid=$!
        for n in $(seq 600); do runs $pid && break; sleep 0.1; done
    }
";

fn said(test: &str, engine: &str, script: &str) -> String {
    let cmd = Cmd::new("sh").args(["-c", &format!("{FUNCTIONS}\n{script}"), "sh", engine, test]);
    let output = cmd.arg(std::env::current_exe().unwrap()).capture(5 * LIMIT).unwrap();
    assert!(output.ok(), "{}", output.errors());
    output.text()
}

#[test]
fn an_interrupted_run_leaves_neither_container_nor_image() {
    let test = "interrupted";
    if !can(test, &["gcc", "docker"]) || !answers(test, "docker") || was_child("docker") {
        return;
    }
    let script =
        "start; echo runs=$(names $pid); kill -TERM $pid; wait $pid; echo code=$? left=$(names $pid)";
    let name = "killed::an_interrupted_run_leaves_neither_container_nor_image";
    assert_eq!(said(name, "docker", script), "runs=2\ncode=143 left=0");
}

/// Two runs are killed and one goes on: the next one removes what those two left, and no more. The counts are taken before
/// the kill, since a run of another test may be the next one.
fn swept(test: &str, name: &str, engine: &'static str) {
    if !can(test, &["gcc", engine]) || !answers(test, engine) || was_child(engine) {
        return;
    }
    let script = "
        start; one=$pid; start; two=$pid; start; goes_on=$pid
        echo $(names $one) $(names $two) $(names $goes_on)
        kill -KILL $one $two; wait $one $two
        XTASK_SMOKE_TEST_CHILD=passes \"$program\" --exact \"$test\" >&2; echo code=$?
        echo $(names $one) $(names $two) $(names $goes_on)
        kill -TERM $goes_on; wait $goes_on; echo $(names $goes_on)";
    assert_eq!(said(name, engine, script), "2 2 2\ncode=0\n0 0 2\n0");
}

#[test]
fn what_killed_runs_left_in_docker_goes_with_the_next() {
    swept("swept", "killed::what_killed_runs_left_in_docker_goes_with_the_next", "docker");
}

#[test]
fn what_killed_runs_left_in_podman_goes_with_the_next() {
    swept("swept_podman", "killed::what_killed_runs_left_in_podman_goes_with_the_next", "podman");
}
