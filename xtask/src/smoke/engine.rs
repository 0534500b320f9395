//! A container engine of this machine: Docker or podman. Pure functions make the commands. The functions that
//! run them remove what they made.

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
    /// Its version and platform, as it reports them. A remembered run depends on them.
    pub version: String,
}

/// The result of a search in which no usable engine answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoEngine {
    /// How the user chose the engine that does not answer; none if the user chose none.
    pub chosen: Option<String>,
    /// The message of each engine, one line each.
    pub reasons: Vec<String>,
}

impl NoEngine {
    /// Returns why the chosen engine is not used, in one line, or none if the user chose none.
    pub fn refusal(&self) -> Option<String> {
        let chosen = self.chosen.as_ref()?;
        Some(format!("{chosen} is set, and {}", self.reasons.join("; ")))
    }
}

/// The limits on files and processes of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerLimits {
    /// The engine's own limits.
    Usual,
    /// Limits so low that no privilege is needed: 1024 each.
    Low,
}

/// How long an engine may take to answer. An engine that cannot be reached fails at once.
const ANSWER: Duration = Duration::from_secs(15);

/// How long loading an image may take.
const LOAD: Duration = Duration::from_secs(300);

/// How long removing the leftovers of killed runs may take. A container among them may still run.
const REMOVE: Duration = Duration::from_secs(60);

/// The exit codes of engines whose container did not start (docker run, "Exit status"): the engine failed,
/// the program cannot be started, the program was not found.
const NOT_STARTED: [i32; 3] = [125, 126, 127];

impl ContainerEngine {
    /// Finds the engine that the user chose, or the first one that answers of Docker and podman. If there is
    /// none, the result has the message of each.
    ///
    /// # Errors
    /// Docker's `config.json`, which may choose an engine, is broken.
    pub fn find(host: &Host) -> Result<std::result::Result<Self, NoEngine>> {
        // podman has no daemon. To answer this question it must be able to use its storage.
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

    /// Asks an engine for its version. Returns the reason if it does not answer.
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

    /// Runs an image once with these arguments and returns its output. The run removes the image that it
    /// loaded.
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
            // If our name were its only name, removing the name would remove the image.
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
            // The line shows what was run, without the temporary name.
            let line = cmd.line().replace(&reference, image.id.as_str());
            Ok((output, line.replace(&format!(" --name {name}"), "")))
        };
        let mut ran = start(ContainerLimits::Usual);
        if ran.as_ref().is_ok_and(|(output, _)| self.failed(output) && words(output).contains("rlimit")) {
            // podman as root raises limits, which not every root user may do.
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

    /// Removes containers and images of killed smoke runs, and returns their names. One that cannot be
    /// removed is left for the next run, because nothing depends on it.
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

    /// Returns whether the container failed to start.
    fn failed(&self, output: &Output) -> bool {
        let speaks =
            |line: &str| line.starts_with(&format!("{}: ", self.name)) || line.starts_with("Error: ");
        let code = matches!(output.end, ProcessEnd::Code(code) if NOT_STARTED.contains(&code));
        code && output.errors().lines().any(speaks)
    }

    /// Returns whether the engine already has the image, known only by its ID.
    fn holds_without_a_name(&self, image: &Saved) -> bool {
        let question =
            ["image", "inspect", "--format", "{{len .RepoTags}} {{len .RepoDigests}}", image.id.as_str()];
        self.cmd().args(question).capture(ANSWER).is_ok_and(|answer| answer.ok() && answer.text() == "0 0")
    }

    /// Returns the command that runs an image under the strictest settings: a read-only root, no network, no
    /// capabilities, as the image's own user.
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

/// Returns an engine's message in one line.
fn words(output: &Output) -> String {
    let errors = output.errors();
    let said = if errors.is_empty() { plain(&output.text()) } else { errors };
    let said: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if said.is_empty() { output.end.to_string() } else { said.join("; ") }
}
