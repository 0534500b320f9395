//! `cargo xtask setup`: gets what doctor found missing, after saying which commands that takes.

use std::collections::BTreeSet;
use std::io::{BufRead, IsTerminal};

use crate::cargo::running;
use crate::cli::{Common, Planning};
use crate::discovery::{self, Discovery};
use crate::plan::{self, PlanRequest, StdState};
use crate::session::Session;
use xtask_compilers::rustc::Version;
use xtask_compilers::toolchain::names::gnu_prefixes;
use xtask_compilers::toolchain::probe::Verdict;
use xtask_compilers::toolchain::runner::Runner;
use xtask_compilers::toolchain::survey::{Depth, Survey};
use xtask_compilers::toolchain::{Provider, Toolchain};
use xtask_config::{CcChoice, Config, ModeChoice, Target, TestNeed};
use xtask_files::error::{Error, Result};
use xtask_process::ui::{Task, Ui, far};
use xtask_setup::{self as setup, Action, SetupContext, SetupReport, Step, Want};
use xtask_triple::{Libc, Triple, system};

pub(super) fn run(common: &Common, targets: &[String], tests: bool, yes: bool) -> Result<()> {
    let session = Session::open(common, false)?;
    let config = session.config()?;
    let planning = Planning { targets: targets.to_vec(), ..Planning::default() };
    let request = session.request(&config, &planning)?;
    provide(&session, &config, &request.targets, tests, yes)
}

/// Gets what is missing for `targets` (all of targets.toml where empty) and, with `tests`, for the project's own tests.
/// What cannot be had does not end it: plans and tests say what they lack. Which toolchains a run may use (`--providers`)
/// is no concern of setup.
pub(super) fn provide(
    session: &Session,
    config: &Config,
    targets: &[Triple],
    tests: bool,
    yes: bool,
) -> Result<()> {
    let request = PlanRequest { targets: targets.to_vec(), ..PlanRequest::default() };
    let look = discovery::look(session, config, &request, Depth::First)?;
    let mut wants = wants(config, &request, &look);
    if tests {
        wants.extend(for_tests(session, config));
    }
    if session.offline && !wants.is_empty() {
        let list: Vec<String> = wants.iter().map(ToString::to_string).collect();
        return Err(Error::missing("missing tools cannot be installed with --offline").found(list.join(", ")));
    }
    let mut report = get(session, config, &wants, yes, &request)?;
    // A std that rustup could not add is built, and the musl inside it comes from zig.
    let musl = |want: &Want| matches!(want, Want::Std(target) if target.libc() == Libc::Musl);
    if !report.declined && report.unmet.keys().any(musl) && !wants.contains(&Want::Zig) {
        wants.insert(Want::Zig);
        report = get(session, config, &wants, yes, &request)?;
    }
    match report.error() {
        None => {
            session
                .ui
                .step("Ready", if wants.is_empty() { "nothing is missing" } else { "everything is here" });
            Ok(())
        }
        Some(error) if report.declined => Err(error),
        Some(error) => {
            session.ui.warn(error.to_string());
            Ok(())
        }
    }
}

fn get(
    session: &Session,
    config: &Config,
    wants: &BTreeSet<Want>,
    yes: bool,
    request: &PlanRequest,
) -> Result<SetupReport> {
    let least = session.package(config).ok().and_then(|p| p.rust_version.as_ref());
    let least = least.and_then(|v| Version::parse(&v.to_string()));
    let targets: Vec<Triple> =
        plan::targets(config, &request.targets).into_iter().map(|t| t.triple).collect();
    let context = SetupContext {
        host: &session.host,
        cache: &session.cache,
        workspace: &session.workspace.root,
        rustc: &session.rustc,
        least: least.as_ref(),
        targets: &targets,
        jobs: None,
    };
    let wants: Vec<Want> = wants.iter().cloned().collect();
    setup::run(&wants, &context, &mut Terminal { ui: session.ui, yes, lines: Vec::new(), task: None })
}

/// What the targets lack.
fn wants(config: &Config, request: &PlanRequest, look: &Discovery) -> BTreeSet<Want> {
    let mut wants = BTreeSet::new();
    for target in plan::targets(config, &request.targets) {
        let triple = &target.triple;
        if system::refusal(triple).is_some() {
            continue;
        }
        match look.findings.stds.get(triple) {
            Some(StdState::Ready(std)) if std.self_contained || triple.libc() != Libc::Musl => {}
            _ => {
                wants.insert(Want::Std(triple.clone()));
            }
        }
        let survey = look.findings.surveys.get(triple);
        let locked = look.lock.as_ref().and_then(|lock| lock.provider(triple));
        if needs_c(config, &target) && survey.is_some_and(|survey| mendable(survey, locked)) {
            wants.extend(compiler(&target, locked));
        }
        if let Some(Runner::None { .. }) = look.findings.runners.get(triple) {
            wants.extend(runner(triple, &look.findings.host));
        }
    }
    wants
}

/// Whether some mode that this target may be built in needs a C compiler.
fn needs_c(config: &Config, target: &Target) -> bool {
    config.modes.iter().any(|mode| {
        let reachable = match &target.mode {
            ModeChoice::Auto => true,
            ModeChoice::Named(name) => mode.name == *name,
        };
        reachable && mode.compiles()
    })
}

/// What the locked provider needs, else the first, that setup can install something for and that targets.toml lets serve
/// the target.
fn compiler(target: &Target, locked: Option<Provider>) -> Option<Want> {
    let allowed = |provider: &&Provider| match &target.cc {
        None => true,
        Some(CcChoice::Provider(only)) => only == *provider,
        Some(CcChoice::Program(_)) => false,
    };
    locked
        .iter()
        .chain(Provider::ALL)
        .filter(allowed)
        .find_map(|provider| Want::compiler(*provider, &target.triple))
}

/// Whether another compiler would help: none works, or not the locked one, and no person has named one that does not.
fn mendable(survey: &Survey, locked: Option<Provider>) -> bool {
    let broken = |v: &Verdict| !matches!(v, Verdict::Works(_));
    let tried = |provider| survey.tried.iter().any(|(candidate, _)| candidate.provider == provider);
    let other = |chosen: &Toolchain| locked.is_some_and(|locked| locked != chosen.provider && !tried(locked));
    survey.chosen.as_ref().is_none_or(other)
        && !survey.tried.iter().any(|(c, v)| c.provider.is_explicit() && broken(v))
}

/// What runs a target's programs: qemu, and for dynamic ones the target's C library, which comes with its cross gcc.
fn runner(triple: &Triple, host: &Triple) -> Vec<Want> {
    let mut wants = Vec::new();
    if triple.arch() != host.arch() {
        wants.push(Want::Qemu(triple.clone()));
    }
    if triple.libc() == Libc::Glibc && !gnu_prefixes(triple).is_empty() {
        wants.push(Want::GnuCross { target: triple.clone(), cxx: false });
    }
    wants
}

/// What the project's own tests need, as targets.toml says.
fn for_tests(session: &Session, config: &Config) -> Vec<Want> {
    let mut wants = Vec::new();
    for need in &config.test.needs {
        match need {
            TestNeed::Registry => {
                wants.extend(["docker-registry", "openssl"].map(|name| Want::Program(name.into())));
            }
            TestNeed::Skopeo
            | TestNeed::Umoci
            | TestNeed::Podman
            | TestNeed::Buildah
            | TestNeed::Bubblewrap
            | TestNeed::Zstd
            | TestNeed::MuslGcc => {
                wants.push(Want::Program(need.as_str().into()));
            }
            TestNeed::Zig => wants.push(Want::Zig),
            TestNeed::Cyclonedx => wants.push(Want::Cyclonedx),
            TestNeed::RustSrc => wants.push(Want::Source),
            TestNeed::Binfmt => {
                let foreign = |t: &&Triple| t.arch() != session.host.triple.arch();
                let targets =
                    config.images.iter().flat_map(|i| &i.targets).map(|t| &t.triple).filter(foreign);
                wants.extend(targets.map(|t| Want::Binfmt(t.clone())));
            }
            // A daemon is the administrator's to install and to start; the tests say where they miss it.
            TestNeed::Docker => {}
        }
    }
    wants
}

/// Says what is going to be run, and asks.
struct Terminal {
    ui: Ui,
    yes: bool,
    /// The lines of all steps, each once.
    lines: Vec<String>,
    task: Option<Task>,
}

impl setup::run::SetupDialog for Terminal {
    fn agree(&mut self, steps: &[Step]) -> bool {
        for step in steps {
            if !self.lines.contains(&step.line()) {
                self.lines.push(step.line());
                let otherwise = if step.if_needed { " (if still needed)" } else { "" };
                let verb = if matches!(step.action, Action::ByHand(_)) { "By hand" } else { "Will run" };
                self.ui.step(verb, format!("{}{otherwise}", step.line()));
            }
        }
        if self.yes {
            return true;
        }
        if !std::io::stdin().is_terminal() {
            self.ui.warn("stdin is not a terminal, so setup cannot ask; --yes installs without asking");
            return false;
        }
        self.ui.ask("run these commands? [y/N] ");
        let mut answer = String::new();
        let read = std::io::stdin().lock().read_line(&mut answer);
        read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
    }

    fn begins(&mut self, line: &str) {
        self.task = None;
        let task = self.ui.watched_task("Setting up", line, Box::new(running::look));
        let before = self.lines.iter().take_while(|step| *step != line).count();
        task.far(far(before as u64, Some(self.lines.len() as u64), "step"));
        self.task = Some(task);
    }

    fn progress(&mut self, line: &str) {
        match &self.task {
            Some(task) => task.note(line),
            None => self.ui.detail("", line),
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.task = None;
    }
}
