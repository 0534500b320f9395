//! `cargo xtask ci rehearse`: the whole way of a release on this machine, as several machines would go it: clones with homes of
//! their own, shards, merge, publishing to a registry on this machine, verification from outside.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::released;
use crate::ci::matrix::{PlannedShard, ReleaseMatrix};
use crate::ci::refusal::MergeRefusal;
use crate::ci::shard::{FILE_NAME, ShardFolder};
use crate::cli::{Common, Making};
use crate::commands::release::earlier;
use crate::rebuild::repository;
use crate::session::Session;
use xtask_config::Config;
use xtask_files::error::{Error, Result};
use xtask_files::{dist, human_seconds, human_size};
use xtask_oci::pack::tag;
use xtask_process::exec::{Cmd, Output, Undo};
use xtask_process::table::{Align, Table};
use xtask_report::report::Report;

/// How long one step may take.
const LIMIT: Duration = Duration::from_secs(4 * 3600);
/// How many times a shard is killed before it is left alone.
const KILLS: usize = 2;
/// The registry that is started.
const REGISTRY: &str = "docker-registry";

/// Starts a registry on a free port of this machine, with the storage `$1` and the log `$2`, runs the rest of the command with
/// `@AT@` replaced by its address, and ends the registry.
const WITH_REGISTRY: &str = r#"
export REGISTRY_HTTP_ADDR=127.0.0.1:0 REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY="$1" OTEL_TRACES_EXPORTER=none
log=$2; shift 2
printf 'version: 0.1\nlog: {level: info}\nstorage: {filesystem: {}}\nhttp: {}\n' >"$log.yml"
docker-registry serve "$log.yml" >"$log" 2>&1 & registry=$!
trap 'kill $registry' EXIT
at=
for _ in $(seq 300); do
  at=$(sed -n 's/.*listening on \(127\.0\.0\.1:[0-9]*\).*/\1/p' "$log" | head -n 1)
  [ -n "$at" ] && break
  kill -0 $registry || break
  sleep 0.1
done
[ -n "$at" ] || { cat "$log" >&2; exit 1; }
for word; do shift; set -- "$@" "$(printf %s "$word" | sed "s/@AT@/$at/")"; done
"$@"
"#;

/// A step that was rehearsed.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct RehearsedStep {
    /// The machine: the name of the shard, or of the step for the one that joins.
    machine: String,
    step: &'static str,
    seconds: f64,
    /// The bytes that the step hands on: a shard's files, or what was sent to the registry.
    bytes: Option<u64>,
    /// How often it was killed before.
    kills: usize,
}

/// The steps, and what follows from them.
#[derive(Debug, Serialize)]
struct RehearsalReport {
    schema: u32,
    machines: usize,
    steps: Vec<RehearsedStep>,
    /// The longest shard, and everything after it.
    critical_path_seconds: f64,
    /// The same steps one after the other.
    total_seconds: f64,
    images: Vec<(String, String)>,
    /// Whether the release of a machine alone is the same; none if it was not made.
    same_as_alone: Option<bool>,
}

/// What a rehearsal is asked to do.
pub(super) struct RehearsalRequest {
    pub(super) machines: usize,
    /// Whether shards are killed at random points before they are made.
    pub(super) kill: bool,
    pub(super) making: Making,
    pub(super) json: bool,
}

pub(super) fn run(common: &Common, request: &RehearsalRequest) -> Result<()> {
    let session = Session::open(common, request.json)?;
    let config = session.config()?;
    if session.host.program(REGISTRY).is_none() {
        return Err(Error::missing(format!("{REGISTRY} is not on PATH"))
            .found("the release is published to a registry on this machine")
            .help("install it; on Debian: apt-get install docker-registry"));
    }
    let version = session.package(&config)?.version.to_string();
    let targets = released(&session, &config, &[])?;
    let timings = earlier(&session.dist().join("timings.json"), &session.ui);
    let matrix = ReleaseMatrix::new(&config, &targets, &version, Some(request.machines), timings.as_ref());
    let folder = session.cache.join("rehearsal").join(std::process::id().to_string());
    // As large as several releases, and of no use afterwards, however this ends.
    let _gone = Undo::removing(&folder);
    let checkout = Checkout::of(&session)?;
    let rehearsal = Rehearsal { session: &session, request, checkout, folder, version };
    let report = rehearsal.run(&matrix, &config)?;
    session.ui.data(&match request.json {
        true => xtask_report::json::pretty(&report),
        false => text(&report, session.ui.color_out),
    });
    match report.same_as_alone {
        Some(false) => Err(Error::failed("the release of several machines is not that of one")
            .found("SHA256SUMS or the digest of an image differs")
            .help("find the input that differs: docs/concepts/reproducibility.md")),
        _ => Ok(()),
    }
}

/// The checkout that is cloned for each machine.
struct Checkout {
    top: PathBuf,
    /// The folder of the workspace in it.
    within: PathBuf,
}

impl Checkout {
    fn of(session: &Session) -> Result<Self> {
        let root = &session.workspace.root;
        let around = repository::around(root).map_err(|said| Error::failed("git refuses").found(said))?;
        let around = around.ok_or_else(|| {
            Error::usage("only a commit can be rehearsed")
                .found(format!("{} is in no git checkout with a commit", root.display()))
                .help("commit the workspace: git init, git add, git commit")
        })?;
        session.ui.step("Rehearsing", "the last commit; changes that are not committed have no part in it");
        Ok(Self { top: around.top, within: around.within })
    }
}

/// A machine of the rehearsal: a clone with a home of its own.
struct RehearsedMachine {
    root: PathBuf,
    home: PathBuf,
}

impl RehearsedMachine {
    /// Returns the folder of a shard.
    fn shard(&self, shard: &PlannedShard) -> PathBuf {
        self.root.join("target").join("shards").join(shard.folder())
    }

    /// Returns the folder of its release.
    fn dist(&self) -> PathBuf {
        self.root.join("target").join("dist")
    }
}

struct Rehearsal<'a> {
    session: &'a Session,
    request: &'a RehearsalRequest,
    checkout: Checkout,
    folder: PathBuf,
    version: String,
}

impl Rehearsal<'_> {
    fn run(&self, matrix: &ReleaseMatrix, config: &Config) -> Result<RehearsalReport> {
        let mut steps = Vec::new();
        let mut shards = Vec::new();
        for (number, shard) in matrix.shards.iter().enumerate() {
            let machine = self.machine(&format!("machine-{}", number + 1))?;
            steps.push(self.shard(shard, &machine)?);
            shards.push(machine.shard(shard));
        }
        let longest = steps.iter().map(|step| step.seconds).fold(0.0, f64::max);
        let joining = self.machine("joining")?;
        let merge = self.xtask(&joining, &["ci", "merge"]).args(&shards);
        let mut after = vec![self.step("joining", "merge", &merge)?];
        let whole = joining.dist();
        let report = Report::last(&whole).ok_or_else(|| Error::failed("the merged release has no report"))?;
        if !config.images.is_empty() {
            after.extend(self.published(&joining, &whole, &report)?);
        }
        let critical = longest + after.iter().map(|step| step.seconds).sum::<f64>();
        steps.extend(after);
        let total = steps.iter().map(|step| step.seconds).sum();
        let mut same = None;
        if self.request.kill {
            let alone = self.machine("alone")?;
            let release = self.made(self.xtask(&alone, &["release"]));
            steps.push(self.step("alone", "release", &release)?);
            same = Some(same_release(&whole, &alone.dist())?);
        }
        let images = digests(report);
        Ok(RehearsalReport {
            schema: 1,
            machines: self.request.machines,
            steps,
            critical_path_seconds: critical,
            total_seconds: total,
            images,
            same_as_alone: same,
        })
    }

    /// Clones the commit for a machine.
    fn machine(&self, name: &str) -> Result<RehearsedMachine> {
        let (into, home) = (self.folder.join(name).join("checkout"), self.folder.join(name).join("home"));
        xtask_files::folder(&home)?;
        let clone = ["clone", "--quiet", "--shared", "--recurse-submodules", "--"];
        let output = Cmd::new("git").args(clone).arg(&self.checkout.top).arg(&into).capture(LIMIT)?;
        if !output.ok() {
            return Err(Error::failed("git does not clone the checkout").found(output.errors()));
        }
        let root = match self.checkout.within.as_os_str().is_empty() {
            true => into,
            false => into.join(&self.checkout.within),
        };
        Ok(RehearsedMachine { root, home })
    }

    /// Returns this program on a machine. What CI systems keep between runs is shared: crates, toolchains, and the caches of
    /// this program and of zig.
    fn xtask(&self, machine: &RehearsedMachine, args: &[&str]) -> Cmd {
        let host = &self.session.host;
        let home = host.var("HOME").map(PathBuf::from).unwrap_or_default();
        let kept = [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")];
        let cmd = Cmd::new(&self.session.this)
            .args(args)
            .arg("--manifest-path")
            .arg(machine.root.join("Cargo.toml"));
        let cmd = cmd
            .cwd(&machine.root)
            .env("HOME", &machine.home)
            .env("CARGO_TARGET_DIR", machine.root.join("target"));
        let cmd = cmd.env("XTASK_CACHE_DIR", &self.session.cache);
        kept.into_iter().fold(cmd, |cmd, (name, folder)| {
            let place = host.var(name).map_or_else(|| home.join(folder), PathBuf::from);
            if place.is_dir() { cmd.env(name, place) } else { cmd }
        })
    }

    /// Adds the options that say how programs are made.
    fn made(&self, cmd: Cmd) -> Cmd {
        let Making { mode, strict, locked, providers } = &self.request.making;
        let cmd = mode.iter().fold(cmd, |cmd, mode| cmd.args(["--mode", mode]));
        let cmd = providers.iter().fold(cmd, |cmd, list| cmd.args(["--providers", list]));
        let cmd = if *strict { cmd.arg("--strict") } else { cmd };
        if *locked { cmd.arg("--locked") } else { cmd }
    }

    fn shard(&self, shard: &PlannedShard, machine: &RehearsedMachine) -> Result<RehearsedStep> {
        let id = shard.id();
        let cmd = self.made(self.xtask(machine, &["ci", "shard", &id]));
        let folder = machine.shard(shard);
        let file = folder.join(FILE_NAME);
        let mut kills = 0;
        let mut most = shard.seconds.unwrap_or(30.0);
        while self.request.kill && kills < KILLS {
            // What an earlier run finished would hide that this one is killed early.
            let _ = std::fs::remove_file(&file);
            let after = Duration::from_secs_f64(0.2 + most * chance());
            let output = cmd.capture(after)?;
            if file.exists() {
                // It was faster. The next one is killed earlier.
                most = output.seconds / 2.0;
                continue;
            }
            kills += 1;
            self.session.ui.step("Killed", format!("shard {id} after {}", human_seconds(output.seconds)));
        }
        let step = self.step(&id, "shard", &cmd)?;
        let made = ShardFolder::read(&folder, None).map_err(|refusal| MergeRefusal::error(&[refusal]))?;
        Ok(RehearsedStep { bytes: Some(made.document.bytes()), kills, ..step })
    }

    /// Publishes the release to a registry on this machine, and verifies each image from outside.
    fn published(
        &self,
        machine: &RehearsedMachine,
        whole: &Path,
        report: &Report,
    ) -> Result<Vec<RehearsedStep>> {
        let publish =
            self.xtask(machine, &["publish", "--to", "@AT@/rehearsal/{image}", "--tag", "{version}"]);
        let mut publish = self.step("joining", "publish", &self.with_registry(&publish))?;
        let said = xtask_files::read(&whole.join("publish.json")).unwrap_or_default();
        let said: serde_json::Value = serde_json::from_slice(&said).unwrap_or_default();
        let sent = said["images"].as_array().into_iter().flatten().filter_map(|i| i["bytes_sent"].as_u64());
        publish.bytes = Some(sent.sum());
        let mut steps = vec![publish];
        let outside = self.machine("outside")?;
        for image in &report.images {
            let reference = format!("@AT@/rehearsal/{}:{}", image.name, tag(&self.version));
            let verify = self.xtask(&outside, &["verify", &reference]);
            steps.push(self.step("outside", "verify", &self.with_registry(&verify))?);
        }
        Ok(steps)
    }

    /// Returns a command that runs while a registry with the storage of this rehearsal runs.
    fn with_registry(&self, cmd: &Cmd) -> Cmd {
        let [storage, log] = ["storage", "registry.log"].map(|name| self.folder.join(name));
        cmd.behind(Cmd::new("sh").args(["-c", WITH_REGISTRY, "sh"]).arg(storage).arg(log))
    }

    fn step(&self, machine: &str, step: &'static str, cmd: &Cmd) -> Result<RehearsedStep> {
        let ui = &self.session.ui;
        ui.detail("Running", cmd.line());
        let task = ui.task("Rehearsing", format!("{step}: {machine}"));
        let output: Output = cmd.capture(LIMIT)?;
        drop(task);
        if !output.ok() {
            return Err(Error::failed(format!("the rehearsal failed at {step}: {machine}"))
                .found(format!("{} ended with {}", cmd.line(), output.end))
                .found(output.errors()));
        }
        let seconds = output.seconds;
        ui.step("Rehearsed", format!("{step}: {machine} in {}", human_seconds(seconds)));
        Ok(RehearsedStep { machine: machine.to_owned(), step, seconds, bytes: None, kills: 0 })
    }
}

/// Returns the names of the images of a release, with their digests.
fn digests(report: Report) -> Vec<(String, String)> {
    report.images.into_iter().map(|image| (image.name, image.index_digest)).collect()
}

/// Whether two releases have the same archives and images.
fn same_release(one: &Path, other: &Path) -> Result<bool> {
    let sums = |dir: &Path| {
        let file = dir.join(dist::SUMS);
        xtask_files::read(&file).map_err(|e| Error::io("cannot read", &file, &e))
    };
    let images = |dir: &Path| Report::last(dir).map(digests).unwrap_or_default();
    Ok(sums(one)? == sums(other)? && images(one) == images(other))
}

/// Returns a number from 0 to 1 that differs from run to run.
fn chance() -> f64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    f64::from(now.subsec_nanos() % 1_000_003) / 1_000_003.0
}

fn text(report: &RehearsalReport, color: bool) -> String {
    let columns = [
        ("machine", Align::Left),
        ("step", Align::Left),
        ("killed", Align::Right),
        ("time", Align::Right),
        ("bytes", Align::Right),
    ];
    let mut table = Table::new(&columns);
    for step in &report.steps {
        table.row([
            step.machine.as_str().into(),
            step.step.into(),
            step.kills.to_string().into(),
            human_seconds(step.seconds).into(),
            step.bytes.map_or_else(String::new, human_size).into(),
        ]);
    }
    let mut text = table.terminal(color);
    text += &format!(
        "\n{} machines: {}; one after the other: {}",
        report.machines,
        human_seconds(report.critical_path_seconds),
        human_seconds(report.total_seconds)
    );
    for (name, digest) in &report.images {
        text += &format!("\n{name}: {digest}");
    }
    if let Some(same) = report.same_as_alone {
        text += if same {
            "\nthe same as a release of one machine"
        } else {
            "\nNOT the same as a release of one machine"
        };
    }
    text
}
