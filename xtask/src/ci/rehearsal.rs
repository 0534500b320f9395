//! Runs a workflow of GitHub Actions on this machine: every script from the file itself, and local meanings for the actions. What
//! cannot run here is listed with its reason.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::init::INSTALL_STEP;
use super::workflow::{StepAction, Workflow, WorkflowJob, WorkflowStep, filled};
use crate::session::Session;
use artifacts::ArtifactStore;
use machine::{RehearsedMachine, RehearsedTools};
use registry::{LOGIN, RehearsedRegistry};
use values::{JobValues, ValueMap};
use xtask_attest::PrivateKey;
use xtask_config::{Config, KeySource, SigningSource};
use xtask_files::error::{Error, Result};
use xtask_files::human_seconds;
use xtask_process::exec::{Cmd, Output, ProcessEnd};

mod account;
mod artifacts;
mod machine;
mod registry;
mod values;

pub use account::{LeftOut, RehearsalAccount, RehearsedStep};
pub use machine::RehearsedCheckout;
pub use registry::REGISTRY;

/// How long one step may take.
const LIMIT: Duration = Duration::from_secs(4 * 3600);
/// How many times a shard is killed before it is left alone.
const KILLS: usize = 2;
/// The command that makes a shard, as the workflow calls it.
const SHARD: &str = "ci shard \"$SHARD\"";
/// The variable with the password of a registry, by which a step is known that speaks to it.
const PASSWORD: &str = "XTASK_REGISTRY_PASSWORD";
/// The variable by which a step is known that asks the service.
const TOKEN: &str = "GH_TOKEN";

/// What a rehearsal runs, and where.
pub struct Rehearsal<'a> {
    session: &'a Session,
    workflow: &'a Workflow,
    checkout: RehearsedCheckout,
    folder: PathBuf,
    kill: bool,
    tools: RehearsedTools,
    artifacts: ArtifactStore,
    registry: Option<RehearsedRegistry>,
    fixed: ValueMap,
    /// Variables that a service sets for every step.
    service: ValueMap,
    /// The path of a key that the commit lacks, below the workspace, with the text of a key that takes its place.
    key: Option<(PathBuf, String)>,
    /// Why the job that publishes cannot run.
    unsigned: Option<String>,
    /// The outputs of the jobs that ended.
    outputs: BTreeMap<String, ValueMap>,
    account: RehearsalAccount,
}

/// A job on one machine.
struct JobRun<'a> {
    job: &'a WorkflowJob,
    name: String,
    machine: RehearsedMachine,
    values: JobValues<'a>,
}

impl<'a> Rehearsal<'a> {
    /// Prepares the rehearsal of a workflow for a tag below `folder`. With `kill`, each shard is killed at random points before it is made, and the
    /// registry while something is published.
    ///
    /// # Errors
    /// A file cannot be written, the registry does not start, or a key cannot be made.
    pub fn new(
        session: &'a Session,
        config: &Config,
        (workflow, tag): (&'a Workflow, &str),
        checkout: RehearsedCheckout,
        folder: PathBuf,
        kill: bool,
    ) -> Result<Self> {
        let (user, password) = LOGIN;
        let mut fixed: ValueMap = [
            ("github.actor", user),
            ("github.token", password),
            ("secrets.XTASK_REGISTRY_USER", user),
            ("secrets.XTASK_REGISTRY_PASSWORD", password),
            ("github.sha", &checkout.commit),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let service = [
            ("CI", "true".to_owned()),
            ("GITHUB_ACTOR", user.to_owned()),
            ("GITHUB_REF", format!("refs/tags/{tag}")),
            ("GITHUB_REF_NAME", tag.to_owned()),
            ("GITHUB_REPOSITORY", format!("rehearsal/{}", config.app.bin)),
            ("GITHUB_REPOSITORY_OWNER", "rehearsal".to_owned()),
            ("GITHUB_SHA", checkout.commit.clone()),
        ]
        .map(|(name, value)| (name.to_owned(), value));
        for name in ["REF", "REF_NAME", "REPOSITORY", "REPOSITORY_OWNER"] {
            let value = service.iter().find(|(variable, _)| *variable == format!("GITHUB_{name}"));
            fixed.extend(
                value.map(|(_, value)| (format!("github.{}", name.to_ascii_lowercase()), value.clone())),
            );
        }
        let (mut key, mut unsigned) = (None, None);
        match &config.publish.sign {
            Some(SigningSource::Pem(KeySource::Variable(name))) => {
                fixed.insert(format!("secrets.{name}"), PrivateKey::generate_pem()?);
            }
            Some(SigningSource::Pem(KeySource::File(file))) => {
                key = lacking_key(file, session, &checkout)?;
            }
            Some(SigningSource::Service(key)) => {
                unsigned = Some(format!("{key} signs, which only the service can use"))
            }
            Some(SigningSource::Keyless) => {
                unsigned =
                    Some("the identity of the workflow signs, which only the service can prove".to_owned());
            }
            _ => {}
        }
        let registry = match config.images.is_empty() || unsigned.is_some() {
            true => None,
            false => Some(RehearsedRegistry::start(&folder)?),
        };
        Ok(Self {
            tools: RehearsedTools::new(&folder.join("tools"), session)?,
            artifacts: ArtifactStore::new(folder.join("artifacts")),
            session,
            workflow,
            checkout,
            folder,
            kill,
            registry,
            fixed,
            service: service.into(),
            key,
            unsigned,
            outputs: BTreeMap::new(),
            account: RehearsalAccount::default(),
        })
    }

    /// Runs all jobs, each after those that it needs. Returns what was done, and the release of one machine if the shards
    /// were killed.
    ///
    /// # Errors
    /// A step fails, or the jobs need each other.
    pub fn run(mut self) -> Result<(RehearsalAccount, Option<PathBuf>)> {
        let workflow = self.workflow;
        let mut left: Vec<&WorkflowJob> = workflow.jobs.iter().collect();
        while !left.is_empty() {
            let ended = |need: &String| !left.iter().any(|job| job.id == *need);
            let Some(next) = left.iter().position(|job| job.needs.iter().all(ended)) else {
                return Err(Error::usage(format!("the jobs of {} need each other", workflow.file)));
            };
            let job = left.remove(next);
            match self.hindrance(job) {
                Some(why) => self.leave_out(&job.id, None, why),
                None => self.job(job)?,
            }
        }
        let alone = if self.kill { Some(self.alone()?) } else { None };
        Ok((self.account, alone))
    }

    /// Returns why a job cannot run, or none.
    fn hindrance(&self, job: &WorkflowJob) -> Option<String> {
        if let Some(condition) = &job.condition {
            return Some(format!("its condition is not evaluated: {condition}"));
        }
        if let Some(need) = job.needs.iter().find(|need| !self.outputs.contains_key(*need)) {
            return Some(format!("it needs the job {need}"));
        }
        self.unsigned.clone().filter(|_| self.publishes(job))
    }

    fn leave_out(&mut self, job: &str, step: Option<&WorkflowStep>, why: impl Into<String>) {
        let (step, why) = (step.map(WorkflowStep::title), why.into());
        let left_out = LeftOut { job: job.to_owned(), step, why };
        // Once for all rows of a matrix.
        if !self.account.left_out.contains(&left_out) {
            self.account.left_out.push(left_out);
        }
    }

    fn job(&mut self, job: &WorkflowJob) -> Result<()> {
        let outputs = self.outputs.clone();
        let fixed = self.fixed.clone();
        let none = ValueMap::new();
        let values =
            |row, index| JobValues { fixed: &fixed, jobs: &outputs, row, index, steps: BTreeMap::new() };
        let rows = match &job.matrix {
            None => vec![ValueMap::new()],
            Some(matrix) => values::rows(&filled(matrix, &|name| values(&none, 0).get(name))?)?,
        };
        let mut made = ValueMap::new();
        if let Some((file, _)) = self.key.as_ref().filter(|_| self.publishes(job)) {
            let why = format!(
                "the commit has no {}: the service needs it, and here another key signs",
                file.display()
            );
            self.leave_out(&job.id, None, why);
        }
        for (index, row) in rows.iter().enumerate() {
            let name = row.get("id").cloned().unwrap_or_else(|| job.id.clone());
            let folder = self.folder.join("machines").join(format!("{}-{index}", job.id));
            let machine = RehearsedMachine::new(folder, &self.checkout, self.session)?;
            let mut run = JobRun { job, name, machine, values: values(row, index) };
            for step in &job.steps {
                self.step(&mut run, step)?;
            }
            // An output of a step that was left out is an empty text, as for the service.
            let value = |name: &str| {
                let of_step = name.starts_with("steps.") && !name.contains([' ', '|', '&', '(']);
                run.values.get(name).or_else(|| of_step.then(String::new))
            };
            for (name, text) in &job.outputs {
                made.insert(name.clone(), filled(text, &value)?);
            }
        }
        self.outputs.insert(job.id.clone(), made);
        Ok(())
    }

    fn step(&mut self, run: &mut JobRun<'_>, step: &WorkflowStep) -> Result<()> {
        let job = &run.job.id;
        if let Some(condition) = &step.condition {
            self.leave_out(job, Some(step), format!("its condition is not evaluated: {condition}"));
            return Ok(());
        }
        let value = |name: &str| run.values.get(name);
        match &step.action {
            StepAction::Run(_) if step.name.as_deref() == Some(INSTALL_STEP) => {
                self.leave_out(job, Some(step), "the program that rehearses is used");
                Ok(())
            }
            StepAction::Run(script) => match step.command(&value) {
                Ok(Some(cmd)) => self.script(run, step, script, cmd),
                Ok(None) => Ok(()),
                Err(error) => {
                    self.leave_out(job, Some(step), error.what);
                    Ok(())
                }
            },
            StepAction::Uses { action, with } => {
                let fill = |(name, text): (&String, &String)| Ok((name.clone(), filled(text, &value)?));
                match with.iter().map(fill).collect::<Result<ValueMap>>() {
                    Ok(with) => self.action(run, step, action, &with),
                    Err(error) => {
                        self.leave_out(job, Some(step), error.what);
                        Ok(())
                    }
                }
            }
        }
    }

    /// Whether a job may write to a registry.
    fn publishes(&self, job: &WorkflowJob) -> bool {
        let rights = job.permissions.as_ref().unwrap_or(&self.workflow.permissions);
        rights.get("packages").is_some_and(|right| right == "write")
    }

    /// Does what an action means on this machine.
    fn action(&mut self, run: &JobRun<'_>, step: &WorkflowStep, action: &str, with: &ValueMap) -> Result<()> {
        let begun = SystemTime::now();
        let (root, mut bytes) = (&run.machine.root, None);
        let name = action.split_once('@').map_or(action, |(name, _)| name);
        match name {
            "actions/checkout" => {
                // Others would change what is checked out, or where.
                let known = ["fetch-depth", "fetch-tags", "persist-credentials", "submodules"];
                if let Some(input) = with.keys().find(|input| !known.contains(&input.as_str())) {
                    return Err(Error::failed(format!("the input `{input}` of {name} is not rehearsed"))
                        .found(format!("{}:{}", self.workflow.file, step.line)));
                }
                self.check_out(run)?;
            }
            "actions/upload-artifact" => bytes = Some(self.artifacts.take(with, root)?),
            "actions/download-artifact" => bytes = Some(self.artifacts.put(with, root)?),
            // The caches of this machine are used.
            "actions/cache" | "actions/cache/restore" | "actions/cache/save" => return Ok(()),
            _ => {
                if let Some(file) = with.get("subject-checksums") {
                    checksums(&root.join(file))?;
                }
                self.leave_out(&run.job.id, Some(step), format!("{name} has no meaning on this machine"));
                return Ok(());
            }
        }
        self.done(run, step, begun.elapsed().unwrap_or_default().as_secs_f64(), bytes, 0);
        Ok(())
    }

    fn check_out(&self, run: &JobRun<'_>) -> Result<()> {
        run.machine.check_out(&self.checkout, &self.tools, self.session)?;
        match self.key.as_ref().filter(|_| self.publishes(run.job)) {
            Some((file, pem)) => xtask_files::write(&run.machine.root.join(file), pem.as_bytes()),
            None => Ok(()),
        }
    }

    fn done(
        &mut self,
        run: &JobRun<'_>,
        step: &WorkflowStep,
        seconds: f64,
        bytes: Option<u64>,
        kills: usize,
    ) {
        let (job, machine, step) = (run.job.id.clone(), run.name.clone(), step.title());
        self.session.ui.step("Rehearsed", format!("{machine}: {step} in {}", human_seconds(seconds)));
        self.account.steps.push(RehearsedStep { job, machine, step, seconds, bytes, kills });
    }

    /// Runs a script of the workflow.
    fn script(&mut self, run: &mut JobRun<'_>, step: &WorkflowStep, script: &str, cmd: Cmd) -> Result<()> {
        let machine = &run.machine;
        let output_file = machine.folder.join("output");
        xtask_files::write(&output_file, b"")?;
        let asks = step.env.contains_key(TOKEN);
        let cmd = self.prepared(run, cmd, asks).env("GITHUB_OUTPUT", &output_file);
        let mut kills = 0;
        if self.kill && script.contains(SHARD) {
            kills = self.killed(run, &cmd)?;
        } else if self.kill && step.env.contains_key(PASSWORD) && self.publishes(run.job) {
            kills = self.killed_registry(run, &cmd)?;
        }
        let cmd = self.prepared(run, cmd, asks);
        let published = machine.root.join("target").join("dist").join("publish.json");
        let before = published.exists();
        let output = self.ran(&format!("{}: {}", run.name, step.title()), &cmd)?;
        for call in machine.calls() {
            *self.account.stood_in.entry(call).or_default() += 1;
        }
        if script.contains("ci merge") {
            self.account.merged = Some(machine.root.join("target").join("dist"));
        }
        if script.contains(SHARD) {
            self.account.shard = Some(script.to_owned());
        }
        let sent = if before { None } else { sent(&published) };
        self.done(run, step, output.seconds, sent, kills);
        if let Some(id) = &step.id {
            let text = xtask_files::read(&output_file).unwrap_or_default();
            run.values.steps.insert(id.clone(), values::outputs(&String::from_utf8_lossy(&text))?);
        }
        Ok(())
    }

    /// Returns a command with everything that a runner sets.
    fn prepared(&self, run: &JobRun<'_>, cmd: Cmd, asks: bool) -> Cmd {
        let cmd = run.machine.command(cmd, &self.tools, self.session, asks);
        let cmd = self.service.iter().fold(cmd, |cmd, (name, value)| cmd.env_default(name, value));
        let cmd = cmd
            .env("GITHUB_WORKSPACE", &run.machine.root)
            .env("GITHUB_STEP_SUMMARY", run.machine.folder.join("summary.md"));
        if run.job.matrix.is_some() && !self.publishes(run.job) {
            return cmd;
        }
        // Whatever a step publishes, it reaches no other registry than this one.
        let at = self.registry.as_ref().map_or("127.0.0.1:1", |registry| &registry.at);
        cmd.env("XTASK_PLAIN_HTTP", format!("*={at}"))
    }

    fn ran(&self, title: &str, cmd: &Cmd) -> Result<Output> {
        let ui = &self.session.ui;
        ui.detail("Running", cmd.line());
        let _task = ui.task("Rehearsing", title);
        let output = cmd.capture(LIMIT)?;
        match output.ok() {
            true => Ok(output),
            false => {
                let error = Error::failed(format!("the rehearsal failed at {title}"))
                    .found(format!("the step ended with {}", output.end));
                let said = [output.text(), output.errors()].into_iter().filter(|text| !text.is_empty());
                Err(said.fold(error, Error::found))
            }
        }
    }

    /// Kills the step that makes a shard, at random points. Returns how often.
    fn killed(&self, run: &JobRun<'_>, cmd: &Cmd) -> Result<usize> {
        let shards = run.machine.root.join("target").join("shards");
        let estimate = run.values.get("matrix.seconds").and_then(|text| text.parse().ok());
        let mut most = estimate.filter(|seconds| (0.0..=86400.0).contains(seconds)).unwrap_or(30.0);
        let mut kills = 0;
        // A step that is over before it can be killed is not tried for ever.
        for _ in 0..4 * KILLS {
            if kills == KILLS {
                break;
            }
            // What an earlier run finished would hide that this one is killed early.
            let _ = std::fs::remove_dir_all(&shards);
            let output = cmd.capture(Duration::from_secs_f64(0.2 + most * chance()))?;
            match output.end {
                ProcessEnd::TimedOut(_) => {
                    kills += 1;
                    let after = human_seconds(output.seconds);
                    self.session.ui.step("Killed", format!("{} after {after}", run.name));
                }
                // It was faster. The next one is killed earlier.
                _ if output.ok() => most = output.seconds / 2.0,
                _ => break,
            }
        }
        Ok(kills)
    }

    /// Kills the registry while the step publishes, and starts it again. Returns how often the step failed by that.
    fn killed_registry(&mut self, run: &JobRun<'_>, cmd: &Cmd) -> Result<usize> {
        let Some(registry) = self.registry.take() else { return Ok(0) };
        let output = registry.killed_during(cmd, LIMIT)?;
        drop(registry);
        self.registry = Some(RehearsedRegistry::start(&self.folder)?);
        if output.ok() {
            return Ok(0);
        }
        let said = output.errors();
        let said = said.lines().find(|line| line.starts_with("error: ")).unwrap_or("nothing was said");
        self.session.ui.step("Killed", format!("the registry under {}: {said}", run.name));
        Ok(1)
    }

    /// Makes the release on one machine, with the options of the shards.
    fn alone(&mut self) -> Result<PathBuf> {
        let script = self.account.shard.as_ref().map(|script| script.replace(SHARD, "release"));
        let script = script.ok_or_else(|| {
            Error::usage(format!("{} makes no shard that could be killed", self.workflow.file))
                .found(format!("no script contains {SHARD}"))
        })?;
        let machine =
            RehearsedMachine::new(self.folder.join("machines").join("alone"), &self.checkout, self.session)?;
        machine.check_out(&self.checkout, &self.tools, self.session)?;
        let cmd = Cmd::new("bash").args(["--noprofile", "--norc", "-eo", "pipefail", "-c", &script]);
        let cmd = machine.command(cmd, &self.tools, self.session, false).env("CI", "true");
        let output = self.ran("one machine: release", &cmd)?;
        let [job, step] = ["alone", "release"].map(str::to_owned);
        let (machine_name, seconds) = (job.clone(), output.seconds);
        self.account.steps.push(RehearsedStep {
            job,
            machine: machine_name,
            step,
            seconds,
            bytes: None,
            kills: 0,
        });
        Ok(machine.root.join("target").join("dist"))
    }
}

/// Returns the path below the workspace of a key that is no part of the commit, and a key that was made for it.
///
/// # Errors
/// The key is outside of the workspace, and does not exist.
fn lacking_key(
    file: &Path,
    session: &Session,
    checkout: &RehearsedCheckout,
) -> Result<Option<(PathBuf, String)>> {
    match file.strip_prefix(&session.workspace.root) {
        Ok(below) if checkout.has(below)? => Ok(None),
        Ok(below) => Ok(Some((below.to_owned(), PrivateKey::generate_pem()?))),
        Err(_) if file.exists() => {
            session.ui.step("Signing", format!("with your key {}, which is no part of the workspace", file.display()));
            Ok(None)
        }
        Err(_) => Err(Error::missing(format!("the key file {} does not exist", file.display()))
            .found("it signs what is published (`sign` in [publish])")
            .help("make it, or name a variable, for which a rehearsal has a key of its own: sign = \"env:NAME\"")),
    }
}

/// Checks that a file has the form in which the service takes digests.
fn checksums(file: &Path) -> Result<()> {
    let bytes = xtask_files::read(file).map_err(|e| Error::io("cannot read", file, &e))?;
    let is_sum = |line: &str| {
        line.split_once("  ").is_some_and(|(digest, name)| {
            digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit()) && !name.is_empty()
        })
    };
    match String::from_utf8_lossy(&bytes).lines().find(|line| !is_sum(line)) {
        None => Ok(()),
        Some(line) => Err(Error::failed(format!("{} is no list of digests", file.display())).found(line)),
    }
}

/// Returns the bytes that were sent to registries.
fn sent(document: &Path) -> Option<u64> {
    let document = xtask_files::read(document).ok()?;
    let document: serde_json::Value = serde_json::from_slice(&document).ok()?;
    let images = document["images"].as_array()?.iter();
    Some(images.filter_map(|image| image["bytes_sent"].as_u64()).sum())
}

/// Returns a number from 0 to 1 that differs from run to run.
fn chance() -> f64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    f64::from(now.subsec_nanos() % 1_000_003) / 1_000_003.0
}
