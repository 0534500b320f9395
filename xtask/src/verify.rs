//! Judges what was built: puts each program in its place under target/dist, passes it through the gate and runs it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::build::Built;
use crate::plan::Job;
use xtask_compilers::toolchain::identity::digest;
use xtask_compilers::toolchain::runner::Runner;
use xtask_config::{App, Config};
use xtask_files as files;
use xtask_files::error::{Error, Result};
use xtask_gate::{Facts, Finding, Glibc, Limits, Setting, Severity, check, check_flags};
use xtask_process::exec::{Capture, End, Output};
use xtask_process::ui::{Task, Ui};

/// How long a smoke run may take; then its whole process group is ended.
pub const SMOKE_LIMIT: Duration = Duration::from_secs(30);

/// How much a smoke run may print, of a program or an image, in bytes; then it is ended, too.
pub const SMOKE_MOST: u64 = 64_000_000;

/// A job that was built and judged.
#[derive(Debug, Clone)]
pub struct Verified {
    /// What came of the build.
    pub built: Built,
    /// The program under target/dist; none where the build failed.
    pub artifact: Option<Artifact>,
    /// It went through the gate.
    pub judged: bool,
    /// What the gate found, warnings included.
    pub findings: Vec<Finding>,
    /// What the smoke run gave.
    pub smoke: Smoke,
    /// Why the job failed; none where it did not.
    pub error: Option<String>,
}

/// A program in its place.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// `target/dist/bin/<triple>/<mode>/<bin>`, absolute.
    pub path: PathBuf,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
    /// In bytes.
    pub size: u64,
    /// What the file says of itself; none where it cannot be read as a program.
    pub facts: Option<Facts>,
}

/// What a smoke run gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Smoke {
    /// It ended with 0.
    Passed,
    /// It did not; its last words.
    Failed(String),
    /// It was not run, and why.
    Skipped(String),
}

impl Verified {
    /// Whether it may ship.
    pub fn ok(&self) -> bool {
        self.error.is_none()
    }

    /// The job.
    pub fn job(&self) -> &Job {
        &self.built.job
    }

    /// Adds what the gate found in a place that the program ships to, as far as it is new. A finding that keeps it from
    /// shipping fails the job.
    pub fn add(&mut self, findings: Vec<Finding>, ui: &Ui) {
        let new: Vec<Finding> = findings.into_iter().filter(|f| !self.findings.contains(f)).collect();
        let problems = report(&new, self.job(), ui);
        if !problems.is_empty() {
            self.refuse(problems.join("\n"), ui);
        }
        self.findings.extend(new);
    }

    /// Fails the job for one more reason.
    pub fn refuse(&mut self, problem: String, ui: &Ui) {
        let error = self.error.take().into_iter().chain([problem]).collect::<Vec<_>>().join("\n");
        ui.raw(&refusal(self.job(), &error));
        self.error = Some(error);
    }
}

/// How far to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Only put the programs in their places.
    Place,
    /// Judge them too: gate, purity, smoke run.
    Judge,
}

/// Puts every program in its place and judges it. `dist` is target/dist.
///
/// # Errors
/// Where a file cannot be written; a program that fails is in [`Verified::error`].
pub fn verify(
    built: Vec<Built>,
    config: &Config,
    dist: &Path,
    extent: Extent,
    ui: &Ui,
) -> Result<Vec<Verified>> {
    let shown: Vec<String> =
        built.iter().filter(|built| built.program.is_some()).map(|built| built.job.title()).collect();
    // Nearly always it is done before anybody could read that.
    let task = (extent == Extent::Judge).then(|| ui.late_task("Verifying", shown.join(", ")));
    // Smoke runs wait for processes: side by side they take as long as the slowest.
    std::thread::scope(|scope| {
        let handles: Vec<_> = built
            .into_iter()
            .map(|built| scope.spawn(|| one(built, &config.app, dist, extent, task.as_ref(), ui)))
            .collect();
        handles
            .into_iter()
            .map(|h| h.join().unwrap_or_else(|_| Err(Error::failed("a verification ended unexpectedly"))))
            .collect()
    })
}

fn one(
    built: Built,
    app: &App,
    dist: &Path,
    extent: Extent,
    task: Option<&Task>,
    ui: &Ui,
) -> Result<Verified> {
    let skipped = |built: Built, error: String| Verified {
        built,
        artifact: None,
        judged: false,
        findings: Vec::new(),
        smoke: Smoke::Skipped("there is no program".into()),
        error: Some(error),
    };
    let Some(program) = &built.program else {
        let error = built.error.clone().unwrap_or_else(|| "Cargo made no program and gave no error".into());
        return Ok(skipped(built, error));
    };
    let job = &built.job;
    let place = dist.join("bin").join(job.target.triple.as_str()).join(&job.mode.name);
    let path = place.join(program.file_name().unwrap_or_default());
    put(program, &path)?;
    let size = std::fs::metadata(&path).map_err(|e| Error::io("cannot read", &path, &e))?.len();
    let sha256 = digest(&path).map_err(|e| Error::io("cannot read", &path, &e))?;

    if extent == Extent::Place {
        let artifact = Some(Artifact { path, sha256, size, facts: None });
        let smoke = Smoke::Skipped("only `verify` and what follows it run programs".into());
        return Ok(Verified { built, artifact, findings: Vec::new(), judged: false, smoke, error: None });
    }
    let mut problems = Vec::new();
    let mut findings = Vec::new();
    let facts = match Facts::read(&path) {
        Ok(facts) => {
            findings = gate(&facts, job);
            Some(facts)
        }
        Err(error) => {
            problems.push(error.to_string());
            None
        }
    };
    problems.extend(report(&findings, job, ui));
    if job.pure() && !built.purity_proven {
        problems.push(format!("mode {} promises no C, and this build does not prove it", job.mode.name));
    }
    let smoke = match problems.is_empty() {
        true => smoke(job, app, &path, task, facts.as_ref().and_then(|facts| facts.interpreter.as_deref())),
        false => Smoke::Skipped("the gate did not pass".into()),
    };
    if let Smoke::Failed(said) = &smoke {
        problems.push(format!("smoke run: {said}"));
    }
    let artifact = Some(Artifact { path, sha256, size, facts });
    let error = (!problems.is_empty()).then(|| problems.join("\n"));
    let said = match (&error, &smoke) {
        (Some(error), _) => {
            ui.raw(&refusal(job, error));
            "does not pass".to_owned()
        }
        (None, Smoke::Skipped(reason)) => format!("gate passed; not run: {reason}"),
        (None, _) => format!("gate passed; {} ran it", job.runner.name().unwrap_or("nothing")),
    };
    let proof = if built.purity_proven { "; purity proven" } else { "" };
    ui.step("Verified", format!("{}: {said}{proof} ({})", job.title(), files::human_size(size)));
    Ok(Verified { built, artifact, judged: true, findings, smoke, error })
}

/// Says the warnings, and returns the rest as lines for the job's error.
fn report(findings: &[Finding], job: &Job, ui: &Ui) -> Vec<String> {
    let (fails, warnings): (Vec<&Finding>, Vec<&Finding>) =
        findings.iter().partition(|finding| finding.severity == Severity::Fail);
    for finding in warnings {
        ui.warn(format!("{}: {}\n  help: {}", job.title(), finding.what, finding.fix));
    }
    fails.into_iter().map(|f| format!("gate: {}\n  help: {}", f.what, f.fix)).collect()
}

fn refusal(job: &Job, error: &str) -> String {
    format!("error: {} does not pass\n  {}", job.title(), error.replace('\n', "\n  "))
}

/// Holds a program against its target. The places that it ships to are [`crate::place`]'s.
fn gate(facts: &Facts, job: &Job) -> Vec<Finding> {
    let mut findings = check(facts, &job.target.triple, Setting::Standalone, limits(job));
    findings.extend(check_flags(&job.processors, job.target.cpu, !job.images.is_empty()));
    findings
}

/// What a job's program may ask of machines.
pub fn limits(job: &Job) -> Limits {
    Limits { glibc: job.target.glibc.and_then(|v| Glibc::parse(&v.to_string())), level: job.target.cpu }
}

fn smoke(job: &Job, app: &App, program: &Path, task: Option<&Task>, interpreter: Option<&str>) -> Smoke {
    let Some(cmd) = job.runner.command(program) else {
        let Runner::None { reason } = &job.runner else { return Smoke::Skipped("no runner".into()) };
        return Smoke::Skipped(reason.clone());
    };
    let cmd = cmd.args(&app.smoke);
    if let Some(task) = task {
        task.note(format!("smoke run {}", cmd.line()));
    }
    match cmd.captured(&Capture::within(SMOKE_LIMIT).at_most(SMOKE_MOST)) {
        Ok(output) if output.ok() => Smoke::Passed,
        Ok(output) => Smoke::Failed(format!(
            "{} {}\nhelp: {}",
            cmd.line(),
            how_it_ended(&output).trim_end(),
            match output.end.is_ours() {
                true => "`smoke` of [app] in targets.toml names arguments with which it ends by itself",
                false => "`smoke` of [app] in targets.toml are its arguments: it should end with 0",
            }
        )),
        // The kernel says of the program that it is not there where that is its interpreter.
        Err(error) => Smoke::Failed(match interpreter.filter(|file| !Path::new(file).exists()) {
            Some(file) if job.runner == Runner::Native => {
                format!("{}\nits interpreter {file} is not on this machine", error.what)
            }
            _ => error.what,
        }),
    }
}

/// How a run ended, with the last words of the program.
pub fn how_it_ended(output: &Output) -> String {
    let words = [output.errors(), output.text()].into_iter().find(|t| !t.is_empty()).unwrap_or_default();
    let last = last_words(&words);
    let end = match output.end {
        End::TimedOut(limit) => format!("was still running after {} s, and was ended", limit.as_secs()),
        End::TooMuch(most) => format!("printed more than {}, and was ended", files::human_size(most)),
        end => format!("ended with {end}"),
    };
    format!("{end}\n  {}", last.join("\n  "))
}

/// The last lines of what a program said.
pub(crate) fn last_words(words: &str) -> Vec<String> {
    let last: Vec<String> = words.lines().rev().take(12).map(shortened).collect();
    last.into_iter().rev().collect()
}

/// A line of what a program said, as far as a person reads it.
pub(crate) fn shortened(line: &str) -> String {
    const MOST: usize = 500;
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line.to_owned(),
    }
}

/// Copies a program to its place by staging and rename, unless it is there already: same size, same time.
fn put(from: &Path, to: &Path) -> Result<()> {
    let io = |e: std::io::Error| Error::io("cannot write", to, &e);
    let meta = std::fs::metadata(from).map_err(|e| Error::io("cannot read", from, &e))?;
    let time = meta.modified().map_err(io)?;
    let same = |old: std::fs::Metadata| {
        let dated = old.modified().is_ok_and(|t| t == time);
        dated && old.len() == meta.len() && old.permissions() == meta.permissions()
    };
    if std::fs::metadata(to).is_ok_and(same) {
        return Ok(());
    }
    files::place(to, |staged| {
        std::fs::copy(from, staged)?;
        std::fs::File::options().write(true).open(staged)?.set_modified(time)
    })
}

/// Removes what runs that were killed left half-written in target/dist, images apart: packing sees to those. Only for a
/// run that no other runs beside.
pub fn sweep(dist: &Path) {
    let modes = entries(&dist.join("bin")).iter().flat_map(|target| entries(target)).collect::<Vec<_>>();
    let docker = dist.join("docker");
    let bases = entries(&docker);
    for dir in [dist.to_owned(), dist.join("archives"), dist.join(crate::sbom::FOLDER), docker]
        .iter()
        .chain(&modes)
        .chain(&bases)
    {
        xtask_files::sweep(dir);
    }
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_program_whose_mode_was_changed_is_put_again() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("built"), dir.path().join("dist/app"));
        std::fs::create_dir(dir.path().join("dist")).unwrap();
        std::fs::write(&from, "program").unwrap();
        let chmod =
            |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        chmod(&from, 0o755);
        put(&from, &to).unwrap();
        chmod(&to, 0o644);
        put(&from, &to).unwrap();
        assert_eq!(mode(&to), 0o755);
    }
}
