//! Runs the steps of a probe, and decides whether a failed step shows a fault of the toolchain or a fault of
//! the machine.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{ProbeSetting, Verdict};
use crate::toolchain::Candidate;
use crate::toolchain::runner::Runner;
use crate::toolchain::wrapper::WrappedTools;
use xtask_files::error::Error;
use xtask_process::exec::fault::{MachineFault, NeededFolder};
use xtask_process::exec::{Cmd, Output, ProcessEnd};

/// The time limit of one step. After it, the whole process group of the step is ended.
pub const LIMIT: Duration = Duration::from_secs(120);

/// The free space in bytes below which a failed step proves nothing. It is far more than a probe needs.
const SPACE: u64 = 32_000_000;

/// One probe, with the folders and limits of its steps.
#[derive(Debug)]
pub(super) struct Trial<'a> {
    /// The folder in which the steps run.
    pub(super) dir: &'a Path,
    /// The time limit of a link.
    link_limit: Duration,
    /// Whether this machine runs the linked program without an emulator.
    starts: bool,
    /// The folder of the toolchain's wrappers, if it has some.
    wrappers: Option<&'a Path>,
    /// The folder for the temporary files of compilers.
    temporary: PathBuf,
}

/// Why a step failed.
struct StepFailure {
    said: String,
    fault: Option<MachineFault>,
}

impl<'a> Trial<'a> {
    pub(super) fn new(
        candidate: &Candidate,
        tools: &'a WrappedTools,
        setting: &ProbeSetting,
        dir: &'a Path,
    ) -> Self {
        let rules = candidate.link.rules();
        let is_wrapped = candidate.cc.len() > 1 || candidate.linker.is_some() || rules.filter.is_some();
        Self {
            dir,
            // The first link includes the driver's preparation, such as building a C library.
            link_limit: rules.preparation.as_ref().map_or(LIMIT, |preparation| preparation.limit),
            starts: matches!(setting.runner, Runner::Native),
            wrappers: tools.linker.parent().filter(|_| is_wrapped),
            temporary: std::env::temp_dir(),
        }
    }

    /// Runs a step. A step that fails without a visible fault of the machine is run a second time. So a short
    /// shortage of resources, or somebody who ends the process, does not make a toolchain broken.
    ///
    /// # Errors
    /// [`Verdict::Unprobed`] if a fault of the machine is found. [`Verdict::Broken`] if none is found and the
    /// step fails twice.
    pub(super) fn run(&self, step: &str, cmd: Cmd) -> Result<Output, Verdict> {
        let cmd = cmd.cwd(self.dir);
        let limit = if step == "link" { self.link_limit } else { LIMIT };
        let first = match attempt(&cmd, limit) {
            Ok(output) => return Ok(output),
            Err(failure) => failure,
        };
        let named = first.fault.map(|fault| fault.placed(&self.folders()));
        if let Some(fault) = named.or_else(|| MachineFault::present(&self.folders())) {
            return Err(unprobed(step, fault, first.said, cmd.line()));
        }
        let second = match attempt(&cmd, limit) {
            Ok(output) => return Ok(output),
            Err(failure) => failure,
        };
        Err(match second.fault {
            Some(fault) => unprobed(step, fault, second.said, cmd.line()),
            None => Verdict::Broken { step: step.into(), said: second.said, command: cmd.line() },
        })
    }

    /// Returns the verdict for a toolchain with a file that cannot be read.
    pub(super) fn unreadable(&self, error: &std::io::Error) -> Verdict {
        let fault = MachineFault::of_number(error.raw_os_error());
        let said = format!("a file of the toolchain cannot be read: {error}");
        match fault.or_else(|| MachineFault::present(&self.folders())) {
            Some(fault) => unprobed("start", fault, said, String::new()),
            None => Verdict::Broken { step: "start".into(), said, command: String::new() },
        }
    }

    fn folders(&self) -> Vec<NeededFolder<'_>> {
        let own = NeededFolder { path: self.dir, space: SPACE, starts: self.starts };
        let temporary = NeededFolder { path: &self.temporary, space: SPACE, starts: false };
        let wrappers = self.wrappers.map(|path| NeededFolder { path, space: 0, starts: true });
        [own, temporary].into_iter().chain(wrappers).collect()
    }
}

impl Verdict {
    /// Returns the verdict for a toolchain if a folder or a file of xtask cannot be written.
    pub fn without_files(error: &Error) -> Self {
        let fault = MachineFault::of_number(error.os);
        let help = fault.map_or_else(|| error.help.join("; "), |fault| fault.help());
        let (said, command) = (error.found.join("\n"), String::new());
        Verdict::Unprobed { step: "start".into(), fault: error.what.clone(), help, said, command }
    }
}

/// Returns the verdict for a toolchain whose probe was prevented by a fault of the machine.
fn unprobed(step: &str, fault: MachineFault, said: String, command: String) -> Verdict {
    Verdict::Unprobed { step: step.into(), fault: fault.to_string(), help: fault.help(), said, command }
}

/// Runs a command once.
fn attempt(cmd: &Cmd, limit: Duration) -> Result<Output, StepFailure> {
    let output = match cmd.capture(limit) {
        Ok(output) if output.ok() => return Ok(output),
        Ok(output) => output,
        Err(error) => return Err(not_started(cmd, error)),
    };
    let words = [output.errors(), output.text()].into_iter().find(|t| !t.is_empty());
    let said = words.map_or_else(|| "nothing".to_owned(), |t| shortened(&t));
    let end = match output.end {
        ProcessEnd::Code(code) => format!("exit code {code}"),
        ProcessEnd::Signal(signal) => format!("signal {signal}"),
        end => end.to_string(),
    };
    Err(StepFailure { said: format!("{said}\n({end})"), fault: MachineFault::of_output(&output) })
}

fn not_started(cmd: &Cmd, error: Error) -> StepFailure {
    StepFailure { fault: MachineFault::of_start(Path::new(&cmd.program), &error), said: error.what }
}

/// Returns the first and the last lines of a compiler's output. The error is usually at one of the two ends.
fn shortened(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(|l| l.get(..300).unwrap_or(l)).collect();
    match lines.len() {
        0..=12 => lines.join("\n"),
        n => format!("{}\n… {} more lines …\n{}", lines[..6].join("\n"), n - 11, lines[n - 5..].join("\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_words_keep_both_ends() {
        let text: String = (0..100).map(|n| format!("line {n}\n")).collect();
        let short = shortened(&text);
        assert!(short.starts_with("line 0\n") && short.ends_with("line 99") && short.lines().count() == 12);
    }
}
