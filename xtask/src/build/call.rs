//! One call of Cargo: what it builds is shown while it runs, and what it says is gathered.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::cargo::builder::Builder;
use crate::cargo::inherited::clean;
use crate::cargo::messages::{Message, parse};
use crate::cargo::running;
use crate::plan::Job;
use crate::trap::{Masks, Script};
use xtask_files::error::Result;
use xtask_files::escape::plain;
use xtask_process::exec::{Cmd, KeptText, ProcessEnd, Stream};
use xtask_process::ui::far;
use xtask_trace::{SampledBuild, TraceSampler};

/// The time limit of a cargo call that prepares a build. The build itself has no limit.
pub(super) const PREPARING: Duration = Duration::from_secs(600);

/// The text and the total that the progress of a cargo call shows.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// The title of the build, as the progress line shows it.
    pub title: &'a str,
    /// The number of crates to compile and build scripts to run, if it is known.
    pub units: Option<u64>,
}

/// A finished cargo call and its messages.
#[derive(Debug, Clone)]
pub struct CargoCall {
    /// How the cargo process ended.
    pub end: ProcessEnd,
    /// Wall time, in seconds.
    pub seconds: f64,
    /// Whether the call built anything. If not, everything was fresh.
    pub worked: bool,
    /// The programs that the call built or found fresh.
    pub programs: Vec<PathBuf>,
    /// The build scripts that the call ran or found fresh.
    pub scripts: Vec<Script>,
    /// The package of every file that rustc wrote or that was found fresh.
    pub libraries: BTreeMap<PathBuf, String>,
    /// The manifest of every package.
    pub manifests: BTreeMap<String, PathBuf>,
    /// The samples of its processes; none on systems that do not show them.
    pub sampled: Option<Arc<SampledBuild>>,
    /// Its standard error: warnings, errors, and the output of build scripts that failed.
    pub errors: String,
}

impl CargoCall {
    /// Returns the program of a job. Messages of Cargo do not name the triple. The path of the program does, because
    /// `--target` is always passed.
    pub(super) fn program(&self, dir: &Path, job: &Job, bin: &str) -> Option<PathBuf> {
        let folder = dir.join(job.target.triple.as_str());
        let named = |p: &&PathBuf| p.starts_with(&folder) && p.file_stem().is_some_and(|s| s == bin);
        self.programs.iter().find(named).cloned()
    }
}

impl Builder<'_> {
    /// Runs Cargo, behind masks if there are any, and collects its messages. Without `shown`, no progress is shown.
    ///
    /// # Errors
    /// Cargo cannot be started.
    pub fn call(&self, cmd: &Cmd, masks: Option<&Masks>, shown: Option<Shown<'_>>) -> Result<CargoCall> {
        self.ui.detail("Running", cmd.line());
        let task = shown.map(|shown| self.ui.watched_task("Building", shown.title, Box::new(running::look)));
        let mut call = CargoCall {
            end: ProcessEnd::Code(0),
            seconds: 0.0,
            worked: false,
            programs: Vec::new(),
            scripts: Vec::new(),
            libraries: BTreeMap::new(),
            manifests: BTreeMap::new(),
            sampled: None,
            errors: String::new(),
        };
        let mut units = 0_u64;
        let mut errors = KeptText::ends();
        let masked = masks.map(|masks| masks.around(cmd));
        // Shown on systems where the processes of a build cannot be listed.
        let note = |text: &str| task.iter().for_each(|task| task.note(text));
        let mut done = || {
            units += 1;
            let of = shown.and_then(|shown| shown.units);
            task.iter().for_each(|task| task.far(far(units, of, "unit")));
        };
        let sampler = TraceSampler::start();
        let (end, seconds) = masked.as_ref().unwrap_or(cmd).lines(|stream, line| match stream {
            Stream::Stdout => match parse(line) {
                Message::Unit { name, fresh, executable, files, package } => {
                    done();
                    note(&format!("last {name}"));
                    if let Some((package, manifest)) = package {
                        call.libraries.extend(files.into_iter().map(|file| (file, package.clone())));
                        call.manifests.insert(package, manifest);
                    }
                    call.worked |= !fresh;
                    call.programs.extend(executable);
                }
                Message::Script(script) => {
                    done();
                    call.scripts.push(script);
                }
                Message::Other => {}
            },
            Stream::Stderr => match progress(line) {
                Some(status) => note(&status),
                None => {
                    errors.push(plain(line).as_bytes());
                    errors.push(b"\n");
                }
            },
        })?;
        call.sampled = sampler.and_then(TraceSampler::finish).map(Arc::new);
        drop(task);
        if let Some(Shown { units: of, .. }) = shown {
            self.ui.detail("Finished", format!("{} in {seconds:.1} s", far(units, of, "unit")));
        }
        call.errors = String::from_utf8_lossy(&errors.bytes()).into_owned();
        for script in &mut call.scripts {
            let manifest = call.manifests.get(&script.package).and_then(|manifest| manifest.parent());
            script.folder = manifest.map(Path::to_owned);
        }
        (call.end, call.seconds) = (end, seconds);
        Ok(call)
    }

    /// Prints whether compilers are masked. Behind masks, the owners of files look different, which git and ssh refuse, so
    /// the dependencies are fetched before. If that fails, the build itself reports it.
    pub(super) fn before(&self, masks: Option<&Masks>) {
        let Some(masks) = masks else { return };
        self.ui.detail("Masking", format!("{} C compilers", masks.count()));
        if masks.hides_owners() && !self.site.offline {
            let cmd = Cmd::new(&self.site.cargo).args(["fetch", "--quiet", "--manifest-path"]);
            let cmd = clean(cmd.arg(&self.site.manifest), self.site.host, self.site.target_directory);
            let _task = self.ui.late_task("Fetching", "dependencies");
            let _ = self.site.host.settled(cmd, self.site.start).capture(PREPARING);
        }
    }
}

/// Returns the progress in a line of Cargo, such as `Compiling app v0.1.0`, or none for any other line. Cargo is asked for
/// colours ([`crate::cargo::invocation::invocation`]). In a progress line it colours the verb, which begins the line and ends in
/// the twelfth column. The output of programs has no such colours, or Cargo indents it in an error.
fn progress(line: &str) -> Option<String> {
    let mut rest = line;
    while let Some((_, after)) = rest.strip_prefix("\x1b[").and_then(|style| style.split_once('m')) {
        rest = after;
    }
    let (verb, words) = rest.split_once("\x1b[0m ").filter(|_| rest.len() < line.len())?;
    let is_verb = verb.len() == 12 && verb.trim_start().bytes().all(|byte| byte.is_ascii_alphabetic());
    (is_verb && verb.trim_start().starts_with(|c: char| c.is_ascii_uppercase()))
        .then(|| plain(&format!("{} {words}", verb.trim_start())))
}

#[cfg(test)]
mod tests {
    use super::progress;

    #[test]
    fn only_what_cargo_says_of_how_far_it_is_is_progress() {
        let header = |verb: &str| format!("\x1b[1m\x1b[92m{verb:>12}\x1b[0m");
        let compiling = format!("{} tiny v0.1.0 (/x)", header("Compiling"));
        assert_eq!(progress(&compiling).as_deref(), Some("Compiling tiny v0.1.0 (/x)"));
        assert_eq!(
            progress(&format!("{} crates ...", header("Downloading"))).as_deref(),
            Some("Downloading crates ...")
        );
        for words in [
            // What programs print, at the same columns and in an error of Cargo's.
            "   Compiling tiny v0.1.0 (/x)",
            "  Generating x",
            "    Checking whether the compiler works",
            "  \x1b[1m\x1b[92m   Compiling\x1b[0m by a cargo of a build script",
            "\x1b[1m\x1b[91merror[E0425]\x1b[0m\x1b[1m: no `x`\x1b[0m",
            "\x1b[1m\x1b[33mwarning\x1b[0m\x1b[1m: odd",
            "\x1b[1m\x1b[94m   |\x1b[0m",
            "",
        ] {
            assert_eq!(progress(words), None, "{words:?}");
        }
    }
}
