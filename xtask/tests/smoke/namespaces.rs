//! Without a container engine.

use xtask::outcome::Smoke;
use xtask::smoke::namespace::Namespaces;
use xtask::smoke::{Emulator, SmokeRequest};
use xtask_oci::document::{Manifest, Runtime};
use xtask_oci::{Layout, PackedImage, Saved};
use xtask_test_support::folder::script;
use xtask_test_support::skip::{on_path, skipped};

use crate::support::{AMD64, ARM64, Bench, can, prints, runtime, seen};

/// What `unshare` needs beside itself; `sh` and `true` are found by the shell.
pub(crate) const UNSHARE: [&str; 3] = ["unshare", "env", "setpriv"];

/// Whether some way works at all: a container in a container may have none.
pub(crate) fn some_way(test: &str, bench: &Bench, tools: &[&str]) -> bool {
    let work = bench.path("work");
    let found = Namespaces::find(&bench.host(tools), &work).unwrap();
    std::fs::remove_dir_all(&work).unwrap();
    let ok = found.works();
    if !ok {
        skipped(test, &found.reasons.join("; "));
    }
    ok
}

fn runs(test: &str, tools: &[&str], uid: u32, runner: &str) {
    if !can(test, &["gcc"]) || !can(test, tools) {
        return;
    }
    let bench = Bench::new();
    if !some_way(test, &bench, tools) {
        return;
    }
    let program = bench.program("gcc");
    let image = bench.pack(&[(AMD64, &program)], &runtime(uid));
    let host = bench.host(tools);
    let expected = seen("x86_64", uid);
    // bubblewrap has a process of its own as the first.
    let expected = if runner == "bwrap" { expected.replace("pid=1", "pid=2") } else { expected };
    let ran = bench.run(&image, &prints(format!("{expected} args=1")), &host, 60);
    assert_eq!((ran[0].runner.as_deref(), &ran[0].smoke), (Some(runner), &Smoke::Passed));
}

#[test]
fn unshare_runs_an_image() {
    runs("unshare", &UNSHARE, 65532, "unshare");
}

/// As root of a user namespace of its own, which is nobody on this machine.
#[test]
fn unshare_runs_an_image_whose_user_is_root() {
    runs("unshare_root", &UNSHARE, 0, "unshare");
}

#[test]
fn bubblewrap_runs_an_image() {
    runs("bwrap", &["bwrap"], 65532, "bwrap");
}

/// As Docker does: groups that the image lists count for a user who is said without a group.
#[test]
fn further_groups_are_those_of_the_image() {
    let test = "further_groups";
    if !can(test, &["gcc"]) || !can(test, &UNSHARE) {
        return;
    }
    if !xtask_process::host::is_root() {
        return skipped(test, "root, for setgroups");
    }
    let bench = Bench::new();
    if !some_way(test, &bench, &UNSHARE) {
        return;
    }
    let program = bench.program("gcc");
    let mut run = Runtime { user: "65532".into(), ..runtime(65532) };
    run.env.push("GROUPS=x".into());
    let image = bench.pack(&[(AMD64, &program)], &run);
    let expected = format!("{} args=1\ngroups=2000,65532,\n", seen("x86_64", 65532));
    for (tools, runner) in [(UNSHARE.as_slice(), "unshare"), (&["docker"], "docker")] {
        if can(test, tools) {
            let ran = bench.run(&image, &prints(expected.as_str()), &bench.host(tools), 60);
            assert_eq!((ran[0].runner.as_deref(), &ran[0].smoke), (Some(runner), &Smoke::Passed));
        }
    }
}

fn saved(bench: &Bench, image: &PackedImage) -> Saved {
    let manifest = Layout::new(bench.path("dist/oci")).blobs().read(&image.manifests[0].digest).unwrap();
    let manifest: Manifest = serde_json::from_slice(&manifest).unwrap();
    Saved::find(&image.tar, &manifest.config.digest).unwrap()
}

/// An emulator that is handed in, as on machines whose kernel knows none.
#[test]
fn an_emulator_is_handed_in() {
    let test = "emulator";
    if !can(test, &["aarch64-linux-gnu-gcc", "qemu-aarch64-static"]) {
        return;
    }
    let bench = Bench::new();
    let program = bench.program("aarch64-linux-gnu-gcc");
    let image = bench.pack(&[(ARM64, &program)], &runtime(65532));
    let saved = saved(&bench, &image);
    let emulator = Emulator { program: on_path("qemu-aarch64-static") };
    for tools in [UNSHARE.as_slice(), &["bwrap"]] {
        if !can(test, tools) || !some_way(test, &bench, tools) {
            continue;
        }
        let (work, folder) = (bench.path("work"), bench.path("folder"));
        std::fs::create_dir_all(&folder).unwrap();
        let request = SmokeRequest {
            image: &saved,
            platform: &image.manifests[0].platform,
            foreign: true,
            args: &["exit".into(), "9".into()],
            folder: &folder,
            wanted: None,
            limit: std::time::Duration::from_secs(60),
        };
        let namespaces = Namespaces::find(&bench.host(tools), &work).unwrap();
        let (output, _, runner) = namespaces.run(&request, Some(&emulator)).unwrap().unwrap();
        assert!(output.text().starts_with("aarch64 uid=65532 gid=65532 "), "{output:?}");
        assert!(output.text().contains("cwd=/work root=read-only data=writable"), "{output:?}");
        assert!(output.text().ends_with("NAME=a b HOME=/ args=2"), "{output:?}");
        assert_eq!(
            (output.end, runner),
            (xtask_process::exec::ProcessEnd::Code(9), format!("{}+qemu", tools[0]))
        );
    }
}

#[test]
fn where_nothing_can_run_it_the_reasons_are_said() {
    let test = "nothing";
    if !can(test, &["gcc"]) {
        return;
    }
    let bench = Bench::new();
    let program = bench.program("gcc");
    let image = bench.pack(&[(AMD64, &program)], &runtime(1));
    let ran = bench.run(&image, &prints("uid"), &bench.host(&[]), 60);
    let Smoke::Skipped(why) = &ran[0].smoke else { panic!("{ran:?}") };
    for words in
        ["docker is not on PATH", "podman is not on PATH", "unshare is not on PATH", "bwrap is not on PATH"]
    {
        assert!(why.contains(words), "{why}");
    }
}

#[test]
fn a_daemon_that_does_not_answer_is_no_daemon() {
    let test = "no_daemon";
    if !can(test, &["gcc"]) || !can(test, &["docker"]) || !can(test, &UNSHARE) {
        return;
    }
    let bench = Bench::new();
    if !some_way(test, &bench, &UNSHARE) {
        return;
    }
    // As DOCKER_HOST that leads nowhere: the variable belongs to the whole process, so a script sets it.
    let dir = bench.path("bin");
    let real = on_path("docker").unwrap();
    script(dir.join("docker"), &format!("DOCKER_HOST=unix:///nowhere exec '{}' \"$@\"", real.display()));
    let program = bench.program("gcc");
    let image = bench.pack(&[(AMD64, &program)], &runtime(1));
    let alone = bench.run(&image, &prints("uid"), &crate::support::host_with(&dir), 60);
    let Smoke::Skipped(why) = &alone[0].smoke else { panic!("{alone:?}") };
    assert!(why.contains("docker does not answer: "), "{why}");
    for tool in UNSHARE {
        std::os::unix::fs::symlink(on_path(tool).unwrap(), dir.join(tool)).unwrap();
    }
    let ran = bench.run(&image, &prints("uid"), &crate::support::host_with(&dir), 60);
    assert_eq!((ran[0].runner.as_deref(), &ran[0].smoke), (Some("unshare"), &Smoke::Passed));
}
