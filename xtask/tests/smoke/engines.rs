//! Docker and podman.

use std::time::{Duration, Instant};

use xtask::outcome::Smoke;
use xtask::smoke::Ran;
use xtask_oci::Codec;
use xtask_oci::document::{Health, Runtime};
use xtask_process::exec::Cmd;
use xtask_test_support::docker::keeps_the_index;
use xtask_test_support::folder::script;
use xtask_test_support::skip::{on_path, skipped};

use crate::support::{AMD64, ARM64, Bench, can, prints, runtime, seen};

pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Whether the engine answers; a visible line where not.
pub(crate) fn answers(test: &str, engine: &str) -> bool {
    let question = if engine == "docker" { "version" } else { "info" };
    let ok = on_path(engine)
        .is_some_and(|path| Cmd::new(path).arg(question).capture(LIMIT).is_ok_and(|output| output.ok()));
    if !ok {
        skipped(test, &format!("{engine} does not answer"));
    }
    ok
}

/// Names of all images and containers of the engine that are ours.
fn ours(engine: &str) -> String {
    let list = |args: &[&str]| Cmd::new(engine).args(args).capture(LIMIT).unwrap().text();
    let images = list(&["images", "--all", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}"]);
    let containers = list(&["ps", "--all", "--format", "{{.Names}}"]);
    let me = format!("-{}_", std::process::id());
    let mine = |line: &&str| line.contains("xtask-smoke-") && line.contains(&me);
    let lines = images.lines().chain(containers.lines()).filter(mine);
    lines.collect::<Vec<_>>().join("\n")
}

pub(crate) fn by(runner: &str) -> impl Fn(&Ran) -> bool {
    move |ran| ran.runner.as_deref() == Some(runner) && ran.smoke == Smoke::Passed
}

/// Both platforms by one engine, as strictly as promised, and nothing of it stays.
fn runs_by(test: &str, engine: &'static str) {
    if !can(test, &["gcc", "aarch64-linux-gnu-gcc"]) || !answers(test, engine) {
        return;
    }
    let bench = Bench::new();
    let (amd64, arm64) = (bench.program("gcc"), bench.program("aarch64-linux-gnu-gcc"));
    let (run, host) = (runtime(65532), bench.host(&[engine]));
    let image = bench.pack(&[(AMD64, &amd64)], &run);
    let ran = bench.run(&image, &prints(seen("x86_64", 65532)), &host, 60);
    assert!(ran.iter().all(by(engine)) && ran.len() == 1, "{ran:?}");
    if !std::path::Path::new("/proc/sys/fs/binfmt_misc/qemu-aarch64").exists() {
        return skipped(test, "binfmt_misc knows no qemu-aarch64");
    }
    let image = bench.pack(&[(AMD64, &amd64), (ARM64, &arm64)], &run);
    let ran = bench.run(&image, &prints("uid=65532 gid=65532 pid=1 cwd=/work root=read-only"), &host, 60);
    assert!(ran.iter().all(by(engine)) && ran.len() == 2, "{ran:?}");
    assert_eq!(ours(engine), "");
}

#[test]
fn docker_runs_every_platform() {
    runs_by("docker", "docker");
}

#[test]
fn podman_runs_every_platform() {
    runs_by("podman", "podman");
}

/// An engine that writes down what it is asked, and asks the real one.
#[test]
fn what_passed_is_not_run_again() {
    let test = "remembered";
    if !can(test, &["gcc", "docker"]) || !answers(test, "docker") {
        return;
    }
    let bench = Bench::new();
    let (dir, log) = (bench.path("bin"), bench.path("log"));
    let real = on_path("docker").unwrap();
    let body = format!("echo \"$1\" >>'{}'\nexec '{}' \"$@\"", log.display(), real.display());
    script(dir.join("docker"), &body);
    let host = crate::support::host_with(&dir);
    let asked = || {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        std::fs::remove_file(&log).unwrap();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };

    let program = bench.program("gcc");
    let image = bench.pack(&[(AMD64, &program)], &runtime(1));
    let expect = prints("uid=1 ");
    assert!(bench.run(&image, &expect, &host, 60).iter().all(by("docker")));
    assert_eq!(asked(), ["version", "ps", "image", "image", "load", "run", "image"]);
    let begun = Instant::now();
    assert!(bench.run(&image, &expect, &host, 60).iter().all(by("docker")));
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(asked(), ["version"]);
    // Another expectation, other arguments and another image are other runs.
    assert!(bench.run(&image, &prints("args=1"), &host, 60).iter().all(by("docker")));
    assert!(asked().contains(&"run".to_owned()));
    let image = bench.pack(&[(AMD64, &program)], &runtime(2));
    assert!(matches!(bench.run(&image, &expect, &host, 60)[0].smoke, Smoke::Failed(_)));
    assert!(asked().contains(&"run".to_owned()));
    // What failed is run again.
    assert!(matches!(bench.run(&image, &expect, &host, 60)[0].smoke, Smoke::Failed(_)));
    assert!(asked().contains(&"run".to_owned()));
}

/// The image was there before: with a name, or with none. It stays as it was.
#[test]
fn what_was_there_before_stays() {
    let test = "there_before";
    if !can(test, &["gcc", "docker"]) || !answers(test, "docker") {
        return;
    }
    let docker = |args: &[&str]| Cmd::new("docker").args(args).capture(LIMIT).unwrap();
    let bench = Bench::new();
    let program = bench.program("gcc");
    let image = bench.pack(&[(AMD64, &program)], &runtime(3));
    let host = bench.host(&["docker"]);
    let loaded = docker(&["load", "--input", image.tar.to_str().unwrap()]);
    assert!(loaded.ok(), "{}", loaded.errors());
    let mut names = vec![format!("{}:1", image.name), format!("{}:1-amd64", image.name)];
    names.truncate(if keeps_the_index() { 1 } else { 2 });
    let id = docker(&["image", "inspect", "--format", "{{.Id}}", &names[0]]).text();
    let tags = |id: &str| docker(&["image", "inspect", "--format", "{{.RepoTags}}", id]).text();
    assert!(bench.run(&image, &prints("uid=3 "), &host, 60).iter().all(by("docker")));
    let with_names = tags(&id);
    // `docker image rm` of its last name would remove it: a commit of nothing keeps the layer, not the image, so the
    // name is moved to another image instead.
    let other = bench.pack(&[(AMD64, &program)], &runtime(4));
    docker(&["load", "--input", other.tar.to_str().unwrap()]);
    let without = tags(&id);
    let image = bench.pack(&[(AMD64, &program)], &runtime(3));
    let ran = bench.run(&image, &prints("uid=3 gid=3"), &host, 60);
    let still = tags(&id);
    for name in names.iter().chain([&id]) {
        docker(&["image", "rm", "--force", name]);
    }
    assert_eq!(with_names, format!("[{}]", names.join(" ")));
    assert!(ran.iter().all(by("docker")), "{ran:?}");
    assert_eq!((without.as_str(), still.as_str()), ("[]", "[]"));
}

/// The layout has zstd, the tar that engines load has gzip: one configuration, so one image.
#[test]
fn an_image_that_is_compressed_with_zstd_runs_too() {
    let test = "zstd";
    if !can(test, &["gcc", "docker"]) || !answers(test, "docker") {
        return;
    }
    let bench = Bench::new();
    let program = bench.program("gcc");
    let image = bench.pack_as(Codec::Zstd, &[(AMD64, &program)], &runtime(65532));
    let expect = prints(seen("x86_64", 65532));
    assert!(bench.run(&image, &expect, &bench.host(&["docker"]), 60).iter().all(by("docker")));
    if can(test, &["unshare", "env"]) {
        assert!(bench.run(&image, &expect, &bench.host(&["unshare", "env"]), 60).iter().all(by("unshare")));
    }
}

/// What targets.toml says of running is what Docker reads, the health check among it.
#[test]
fn docker_reads_how_an_image_is_run() {
    let test = "keys";
    if !can(test, &["gcc", "docker"]) || !answers(test, "docker") {
        return;
    }
    let docker = |args: &[&str]| {
        let output = Cmd::new("docker").args(args).capture(LIMIT).unwrap();
        assert!(output.ok(), "{}", output.errors());
        output.text()
    };
    let bench = Bench::new();
    let check = Health {
        test: vec!["CMD".into(), "/app".into()],
        interval: Some(1_000_000_000),
        retries: Some(2),
        ..Health::default()
    };
    let run = Runtime {
        cmd: vec!["sleep".into()],
        exposed_ports: ["53/udp".to_owned(), "8080/tcp".to_owned()].into(),
        stop_signal: Some("SIGQUIT".into()),
        healthcheck: Some(check),
        ..runtime(7)
    };
    let image = bench.pack(&[(AMD64, &bench.program("gcc"))], &run);
    let name = format!("{}:1", image.name);
    docker(&["load", "--input", image.tar.to_str().unwrap()]);
    let config: serde_json::Value =
        serde_json::from_str(&docker(&["image", "inspect", "--format", "{{json .Config}}", &name])).unwrap();
    let container = docker(&["run", "--detach", "--rm", &name]);
    let state = || docker(&["inspect", "--format", "{{.State.Health.Status}}", &container]);
    let begun = Instant::now();
    while state() != "healthy" && begun.elapsed() < LIMIT {
        std::thread::sleep(Duration::from_millis(200));
    }
    let healthy = state();
    docker(&["rm", "--force", &container]);
    docker(&["image", "rm", &name]);
    if !keeps_the_index() {
        docker(&["image", "rm", &format!("{name}-amd64")]);
    }
    assert_eq!(healthy, "healthy");
    assert_eq!(config["ExposedPorts"], serde_json::json!({ "53/udp": {}, "8080/tcp": {} }));
    assert_eq!((&config["StopSignal"], &config["User"]), (&"SIGQUIT".into(), &"7:7".into()));
    assert_eq!(config["Volumes"], serde_json::json!({ "/data": {} }));
    let check = serde_json::json!({ "Test": ["CMD", "/app"], "Interval": 1_000_000_000, "Retries": 2 });
    assert_eq!(config["Healthcheck"], check);
}
