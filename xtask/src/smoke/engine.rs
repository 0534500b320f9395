//! A container engine of this machine: Docker or podman. Commands are made by pure functions; what runs them leaves
//! nothing behind.

use std::path::PathBuf;
use std::time::Duration;

use super::blame::{about, is_a_fault, not_executed, wrong_format};
use super::chosen::{DOCKER, PODMAN, chosen, without_password};
use super::mark::{self, Mark};
use super::{Cannot, SmokeRequest};
use xtask_files::error::{Error, Result};
use xtask_files::escape::plain;
use xtask_oci::Saved;
use xtask_process::exec::{Cmd, Output, ProcessEnd, Undo};
use xtask_process::host::Host;
use xtask_triple::Platform;

/// An engine that answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerEngine {
    /// The name of the engine: `docker` or `podman`.
    pub name: &'static str,
    /// The path of the engine's command.
    pub program: PathBuf,
    /// Version and platform, as it says them: part of what a remembered run depends on.
    pub version: String,
}

/// No engine that may be used answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoEngine {
    /// How the user chose the engine that does not answer; none where nothing was chosen.
    pub chosen: Option<String>,
    /// What each engine said, a line each.
    pub reasons: Vec<String>,
}

impl NoEngine {
    /// Why the engine that was chosen is not used, one line; none where none was chosen.
    pub fn refusal(&self) -> Option<String> {
        let chosen = self.chosen.as_ref()?;
        Some(format!("{chosen} is set, and {}", self.reasons.join("; ")))
    }
}

/// How many files and processes a container may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerLimits {
    /// What the engine gives.
    Usual,
    /// Few enough that nobody has to be asked: 1024 each.
    Low,
}

/// How long an engine may take to say who it is. One that cannot be reached says so at once.
const ANSWER: Duration = Duration::from_secs(15);

/// How long loading may take.
const LOAD: Duration = Duration::from_secs(300);

/// How long removing what killed runs left may take: a container among it may still run.
const REMOVE: Duration = Duration::from_secs(60);

/// What engines end with where the container did not start (docker run, "Exit status"): the engine failed, the program
/// cannot be started, the program is not there.
const NOT_STARTED: [i32; 3] = [125, 126, 127];

impl ContainerEngine {
    /// The engine that the user chose, or the first of Docker and podman that answers; where there is none, what each said.
    ///
    /// # Errors
    /// Docker's `config.json`, which may choose one, is broken.
    pub fn find(host: &Host) -> Result<std::result::Result<Self, NoEngine>> {
        // podman has no daemon; to say this much it must be able to use its storage.
        let engines = [
            (DOCKER, ["version", "--format", "{{.Server.Version}} {{.Server.Os}}/{{.Server.Arch}}"]),
            (PODMAN, ["info", "--format", "{{.Version.Version}} {{.Host.OS}}/{{.Host.Arch}}"]),
        ];
        let choice = chosen(host)?;
        let mut reasons = Vec::new();
        for (name, question) in engines {
            if choice.as_ref().is_some_and(|choice| choice.engine != name) {
                continue;
            }
            match Self::asked(name, &question, host) {
                Ok(engine) => return Ok(Ok(engine)),
                Err(reason) => reasons.push(reason),
            }
        }
        let chosen = choice.map(|choice| choice.by);
        Ok(Err(NoEngine { chosen, reasons }))
    }

    /// Asks an engine who it is; where it does not answer, why.
    fn asked(name: &'static str, question: &[&str], host: &Host) -> std::result::Result<Self, String> {
        let program = host.program(name).ok_or_else(|| format!("{name} is not on PATH"))?;
        let answer = Cmd::new(&program).args(question).capture(ANSWER).map_err(|error| error.what)?;
        let version = answer.text();
        if !answer.ok() || version.is_empty() {
            Err(format!("{name} does not answer: {}", without_password(&words(&answer))))
        } else if !version.contains(" linux/") {
            Err(format!("{name} does not run Linux containers ({version})"))
        } else {
            Ok(Self { name, program, version })
        }
    }

    /// Runs an image once with these arguments and returns what it printed. The run removes the image that it loaded.
    ///
    /// # Errors
    /// The tar for loading cannot be written.
    pub fn run(&self, request: &SmokeRequest<'_>) -> Result<std::result::Result<(Output, String), Cannot>> {
        let SmokeRequest { image, platform, args, .. } = *request;
        let name = mark::name(Mark::own().as_ref());
        let mut reference = format!("{name}:{}", &image.id.hex()[..12]);
        let mut loaded = None;
        let gone = |error: Error| Cannot::Engine(error.what);
        if self.holds_without_a_name(image) {
            // A name of ours would be its last, and go with the image.
            reference = image.id.as_str().to_owned();
        } else {
            let tar = request.folder.join("image.tar");
            image.write(std::slice::from_ref(&reference), &tar)?;
            loaded = Some(Undo::with(self.cmd().args(["image", "rm", "--force", &reference])));
            match self.cmd().args(["load", "--input"]).arg(&tar).capture(LOAD).map_err(gone) {
                Ok(load) if load.ok() => {}
                Ok(load) => {
                    let told = format!("load: {}", words(&load));
                    return Ok(Err(if is_a_fault(&told) {
                        Cannot::Image(told)
                    } else {
                        Cannot::Engine(told)
                    }));
                }
                Err(cannot) => return Ok(Err(cannot)),
            }
        }
        let start = |limits| {
            let container = Undo::with(self.cmd().args(["rm", "--force", "--volumes", &name]));
            let cmd = self.start(&name, &reference, platform, limits, args);
            let output = cmd.captured(&request.capture()).map_err(gone)?;
            if !output.end.is_ours() {
                container.forget();
            }
            // In words that say what was run, not how it was called for the moment.
            let line = cmd.line().replace(&reference, image.id.as_str());
            Ok((output, line.replace(&format!(" --name {name}"), "")))
        };
        let mut ran = start(ContainerLimits::Usual);
        if ran.as_ref().is_ok_and(|(output, _)| self.failed(output) && words(output).contains("rlimit")) {
            // podman as root wants to raise limits, which not every root may.
            ran = start(ContainerLimits::Low);
        }
        drop(loaded);
        let (output, line) = match ran {
            Ok(ran) => ran,
            Err(cannot) => return Ok(Err(cannot)),
        };
        let told = words(&output);
        Ok(match output.end {
            _ if wrong_format(&output) && request.foreign => Err(Cannot::Foreign(told)),
            _ if wrong_format(&output) || not_executed(&output) => {
                Err(Cannot::Image(format!("{told}\nthe command was: {line}")))
            }
            _ if !self.failed(&output) => Ok((output, line)),
            _ if is_a_fault(&told) || about(&told, image) => {
                Err(Cannot::Image(format!("{told}\nthe command was: {line}")))
            }
            _ => Err(Cannot::Engine(told)),
        })
    }

    /// Removes containers and images of smoke runs that were killed, and says which. One that cannot be removed is left for
    /// the next time: nothing depends on it.
    pub(super) fn sweep(&self) -> Vec<String> {
        let Some(mark) = Mark::own() else { return Vec::new() };
        let (containers, images) = (format!("name={}", mark.group()), format!("reference={}*", mark.group()));
        let kinds = [
            (
                ["ps", "--all", "--filter", &containers, "--format", "{{.Names}}"],
                ["rm", "--force", "--volumes"],
            ),
            (
                ["image", "ls", "--filter", &images, "--format", "{{.Repository}}:{{.Tag}}"],
                ["image", "rm", "--force"],
            ),
        ];
        let mut removed = Vec::new();
        for (list, remove) in kinds {
            let Ok(listed) = self.cmd().args(list).capture(ANSWER) else { continue };
            let listed = listed.text();
            let left: Vec<&str> = listed.lines().filter(|name| mark.outlived(name, mark::start)).collect();
            let remove = self.cmd().args(remove).args(&left);
            if !left.is_empty() && remove.capture(REMOVE).is_ok_and(|output| output.ok()) {
                removed.extend(left.iter().map(|name| (*name).to_owned()));
            }
        }
        removed
    }

    /// Whether the container did not start.
    fn failed(&self, output: &Output) -> bool {
        let speaks =
            |line: &str| line.starts_with(&format!("{}: ", self.name)) || line.starts_with("Error: ");
        let code = matches!(output.end, ProcessEnd::Code(code) if NOT_STARTED.contains(&code));
        code && output.errors().lines().any(speaks)
    }

    /// The image is here, and nothing but its ID leads to it.
    fn holds_without_a_name(&self, image: &Saved) -> bool {
        let question =
            ["image", "inspect", "--format", "{{len .RepoTags}} {{len .RepoDigests}}", image.id.as_str()];
        self.cmd().args(question).capture(ANSWER).is_ok_and(|answer| answer.ok() && answer.text() == "0 0")
    }

    /// The command that runs an image as strictly as it promises to work: nothing to write to, no network, no
    /// capabilities, as its own user.
    pub fn start(
        &self,
        name: &str,
        reference: &str,
        platform: &Platform,
        limits: ContainerLimits,
        args: &[String],
    ) -> Cmd {
        let strict =
            ["--read-only", "--network", "none", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"];
        let cmd = self.cmd().args(["run", "--rm", "--name", name, "--pull", "never"]);
        let low = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"];
        let limits = if limits == ContainerLimits::Low { low.as_slice() } else { &[] };
        cmd.args(["--platform", &platform.to_string()]).args(strict).args(limits).arg(reference).args(args)
    }

    pub(super) fn cmd(&self) -> Cmd {
        Cmd::new(&self.program)
    }
}

/// What an engine said, on one line.
fn words(output: &Output) -> String {
    let errors = output.errors();
    let said = if errors.is_empty() { plain(&output.text()) } else { errors };
    let said: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if said.is_empty() { output.end.to_string() } else { said.join("; ") }
}
