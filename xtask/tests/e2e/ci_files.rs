//! `ci init`: which files it writes, keeps and replaces, and that the steps of a written file can be taken from it and run.

use std::path::Path;
use std::time::Duration;

use xtask::ci::workflow::{self, WorkflowJob};
use xtask_process::exec::{Cmd, Output};
use xtask_test_support::need;
use xtask_test_support::registry::RegistryServer;

use crate::machine::{self, HOST, HOST_MUSL};
use crate::space::{Space, XTASK};

const INSTALL: &str = "ci/install xtask";
const CHECK: &str = ".github/workflows/xtask-check.yml";
const RELEASE: &str = ".github/workflows/xtask-release.yml";
const REFRESH: &str = ".github/workflows/xtask-refresh.yml";

fn init<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["ci", "init", "github", "--install", INSTALL], more].concat()
}

#[test]
fn files_are_written_kept_and_compared() {
    need!("ci_files::init", machine::std_for(&[]));
    let space = Space::with_targets(&[HOST_MUSL]);
    space.run(&["ci", "init", "github"]).ended(2).says(&["--install 'cargo install"]);
    space.run(&init(&["--check"])).ended(1).says(&[&format!("{CHECK} is not there")]);
    assert!(!space.path(".github").exists());
    space.run(&init(&[])).ended(0).says(&[CHECK, RELEASE]).never_says(&[REFRESH]);
    space.run(&init(&["--check"])).ended(0);
    space.run(&init(&[])).ended(0).says(&[&format!("Unchanged {CHECK}")]).never_says(&["Wrote"]);

    // Another targets.toml wants other files, which replace those that nobody changed.
    space.image("app", &[HOST_MUSL]);
    space.replace("targets.toml", "base = \"scratch\"", "base = \"distroless:static\"");
    let checked = space.run(&init(&["--check"])).ended(1);
    checked.says(&["is of an earlier targets.toml or version", &format!("{REFRESH} is not there")]);
    space.run(&init(&[])).ended(0);

    // A file that somebody changed is kept, and so are all others.
    let mine = space.read(CHECK).replace("timeout-minutes: 120", "timeout-minutes: 30");
    space.write(CHECK, &mine);
    std::fs::remove_file(space.path(RELEASE)).unwrap();
    let line = mine.lines().position(|line| line.contains("timeout-minutes: 30")).unwrap() + 1;
    let place = format!("{CHECK}:{line} was changed by hand");
    space.run(&init(&[])).ended(2).says(&["nothing was written", &place]);
    assert!(space.read(CHECK) == mine && !space.path(RELEASE).exists());
    space.run(&init(&["--check"])).ended(1).says(&[&place]);
    space.run(&init(&["--force"])).ended(0);
    space.run(&init(&["--check"])).ended(0);
}

/// Runs a step of a job in a workspace, as a runner does.
fn step(space: &Space, job: &WorkflowJob, name: &str, values: &[(&str, &str)], path: &Path) -> Output {
    let step = job.steps.iter().find(|step| step.name.as_deref() == Some(name)).unwrap();
    let value = |expression: &str| {
        values.iter().find(|(name, _)| *name == expression).map(|(_, value)| (*value).to_owned())
    };
    let own = step.command(&value).unwrap().unwrap();
    let mut cmd = space.cmd("bash").cwd(space.root());
    cmd.args = own.args;
    cmd.env.extend(own.env);
    let old = cmd.env.get(std::ffi::OsStr::new("PATH")).cloned().flatten().unwrap_or_default();
    let all = [path.to_owned()].into_iter().chain(std::env::split_paths(&old).collect::<Vec<_>>());
    cmd = cmd.env("PATH", std::env::join_paths(all).unwrap());
    cmd = cmd.env("GITHUB_OUTPUT", space.path("output.txt"));
    cmd.capture(Duration::from_secs(300)).unwrap()
}

#[test]
fn steps_of_a_written_file_run() {
    need!("ci_files::steps", machine::std_for(&[]), machine::programs(&["bash", "tar", "sha256sum"]));
    let space = Space::with_targets(&[HOST]);
    space.run(&init(&[])).ended(0);
    let bin = space.path("bin");
    std::fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(XTASK, bin.join("cargo-xtask")).unwrap();
    let read = |file: &str| workflow::read(file, &space.read(file)).unwrap();
    let (check, release) = (read(CHECK), read(RELEASE));

    let checked = |name| step(&space, check.job("check").unwrap(), name, &[], &bin);
    let compared = checked("Compare these workflows with targets.toml");
    assert!(compared.ok(), "{}", compared.errors());
    space.replace("targets.toml", "quick", "release");
    space.write(CHECK, &(space.read(CHECK) + "# changed\n"));
    assert!(!checked("Compare these workflows with targets.toml").ok());

    let packed = step(&space, release.job("plan").unwrap(), "Pack this program", &[], &bin);
    assert!(packed.ok(), "{}", packed.errors());
    let output = space.read("output.txt");
    let program = output.trim().strip_prefix("program=").unwrap();
    assert_eq!(program, xtask_files::sha256_hex(&std::fs::read(space.path("target/program.tar")).unwrap()));

    // The job that publishes takes only what the other jobs said that they made.
    space.write("made/dist/digests.txt", "");
    let tar = Cmd::new("tar").args(["--create", "--file", "dist.tar", "--directory", "made", "dist"]);
    assert!(tar.cwd(space.root()).capture(Duration::from_secs(60)).unwrap().ok());
    let dist = xtask_files::sha256_hex(&std::fs::read(space.path("dist.tar")).unwrap());
    std::fs::create_dir_all(space.path("target/parts")).unwrap();
    std::fs::rename(space.path("dist.tar"), space.path("target/parts/dist.tar")).unwrap();
    std::fs::rename(space.path("target/program.tar"), space.path("target/parts/program.tar")).unwrap();
    let unpack = |program: &str| {
        let values = [("needs.merge.outputs.dist", dist.as_str()), ("needs.plan.outputs.program", program)];
        step(&space, release.job("publish").unwrap(), "Unpack both", &values, &bin)
    };
    let other = unpack(&dist);
    assert!(!other.ok() && other.errors().contains("did NOT match"), "{}", other.errors());
    assert!(!space.path("target/dist").exists());
    let same = unpack(program);
    assert!(same.ok(), "{}", same.errors());
    let version = Cmd::new(space.path("target/parts/cargo-xtask")).arg("--version");
    assert!(version.capture(Duration::from_secs(60)).unwrap().text().starts_with("cargo xtask"));
    assert!(space.path("target/dist/digests.txt").exists());
}

/// The image is fetched from docker-registry by Docker, as a runner of GitHub does it.
#[test]
fn a_runner_fetches_the_program_by_the_digest_of_its_image() {
    need!("ci_files::tool", machine::std_for(&[HOST_MUSL]), machine::programs(&["bash"]), docker());
    let Some(server) = RegistryServer::start("ci_files::tool") else { return };
    let made = Space::with_targets(&[HOST_MUSL]);
    let bin = "\n[[bin]]\nname = \"cargo-xtask\"\npath = \"src/main.rs\"\n";
    made.write("app/Cargo.toml", &(made.read("app/Cargo.toml") + bin));
    made.replace("targets.toml", "bin = \"app\"", "bin = \"cargo-xtask\"");
    made.image("cargo-xtask", &[HOST_MUSL]);
    made.run(&["release", "--mode", "pure"]).ended(0);
    made.run(&["publish", "--to", &server.name("tools/{image}"), "--tag", "1"]).ended(0);
    let digests = made.read("target/dist/digests.txt");
    let (digest, name) = digests.trim().split_once("  ").unwrap();

    let space = Space::with_targets(&[HOST]);
    let tool = format!("{name}@sha256:{digest}");
    space
        .run(&["ci", "init", "github", "--tool", &format!("{name}:1")])
        .ended(2)
        .says(&["by its digest alone"]);
    space.run(&["ci", "init", "github", "--tool", &tool]).ended(0);
    let release = workflow::read(RELEASE, &space.read(RELEASE)).unwrap();
    let mut runner = space;
    runner.set("CARGO_HOME", runner.path("cargo-home"));
    // `cargo xtask --version` finds the program on PATH, and nothing else here is called so.
    let bin = runner.path("cargo-home/bin");
    let fetched = step(&runner, release.job("plan").unwrap(), "Install cargo xtask", &[], &bin);
    assert!(fetched.ok(), "{}", fetched.errors());
    assert!(fetched.text().contains("answer=42"), "{}", fetched.text());
    let own = std::fs::read(made.dist(&format!("bin/{HOST_MUSL}/pure/cargo-xtask"))).unwrap();
    assert_eq!(std::fs::read(bin.join("cargo-xtask")).unwrap(), own);

    // Another digest is no image there.
    let other = tool.replace(&digest[..4], if digest.starts_with("0000") { "1111" } else { "0000" });
    runner.write(RELEASE, &runner.read(RELEASE).replace(&tool, &other));
    let release = workflow::read(RELEASE, &runner.read(RELEASE)).unwrap();
    assert!(!step(&runner, release.job("plan").unwrap(), "Install cargo xtask", &[], &bin).ok());
    let _ = runner.cmd("docker").args(["image", "rm", &tool]).capture(Duration::from_secs(60));
}

fn docker() -> Result<(), String> {
    let asked = Cmd::new("docker").arg("info").capture(Duration::from_secs(60));
    asked.ok().filter(Output::ok).map(drop).ok_or_else(|| "a Docker daemon".to_owned())
}
