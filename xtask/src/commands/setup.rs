//! `cargo xtask setup`: installs what doctor reports as missing, after it has printed the commands.

use std::collections::BTreeSet;
use std::io::{BufRead, IsTerminal};

use crate::cargo::running;
use crate::cli::{Common, Planning};
use crate::discovery::{self, Discovery};
use crate::plan::decide::ToolchainNeeds;
use crate::plan::{self, PlanRequest, StdState};
use crate::session::Session;
use xtask_compilers::rustc::Version;
use xtask_compilers::toolchain::names::gnu_prefixes;
use xtask_compilers::toolchain::probe::Verdict;
use xtask_compilers::toolchain::runner::Runner;
use xtask_compilers::toolchain::survey::{Depth, Survey};
use xtask_compilers::toolchain::{Provider, Toolchain};
use xtask_config::{CcChoice, Config, Target, TestNeed};
use xtask_files::error::{Error, Result};
use xtask_process::ui::{Task, Ui, far};
use xtask_setup::{self as setup, Action, PythonLibrary, SetupContext, SetupReport, Step, Want};
use xtask_triple::system::{self, SystemEmulator};
use xtask_triple::{Libc, Triple};

pub(super) fn run(common: &Common, targets: &[String], tests: bool, yes: bool) -> Result<()> {
    let session = Session::open(common, false)?;
    let config = session.config()?;
    let planning = Planning { targets: targets.to_vec(), ..Planning::default() };
    let request = session.request(&config, &planning)?;
    provide(&session, &config, &request.targets, tests, yes)
}

/// Installs what is missing for `targets` (if empty, for all of targets.toml) and, with `tests`, for the
/// project's own tests. A need that cannot be installed does not end setup: plans and tests report what they
/// lack. `--providers` has no effect on setup.
pub(super) fn provide(
    session: &Session,
    config: &Config,
    targets: &[Triple],
    tests: bool,
    yes: bool,
) -> Result<()> {
    let request = PlanRequest { targets: targets.to_vec(), ..PlanRequest::default() };
    // Compilers are found only by their names here. The tools for a probe may still be missing, and no probe
    // is made twice.
    let look = discovery::look(session, config, &request, Depth::Names)?;
    let mut wants = missing(session, config, &request, &look);
    if tests {
        wants.extend(for_tests(session, config));
    }
    let offline = |wants: &BTreeSet<Want>| {
        let list: Vec<String> = wants.iter().map(ToString::to_string).collect();
        let error = Error::missing("missing tools cannot be installed with --offline");
        if session.offline && !wants.is_empty() { Err(error.found(list.join(", "))) } else { Ok(()) }
    };
    offline(&wants)?;
    let mut report = get(session, config, &wants, yes, &request)?;
    if !report.declined {
        // If rustup cannot add a std, it is built, and zig provides the musl for it.
        let musl = |want: &Want| matches!(want, Want::Std(target) if target.libc() == Libc::Musl);
        let mut more = BTreeSet::new();
        if report.unmet.keys().any(musl) {
            more.extend(report.unmet.keys().filter(|want| musl(want)).cloned().chain([Want::Zig]));
        }
        // Now the compilers can be probed.
        let look = discovery::look(session, config, &request, Depth::First)?;
        let tried = &report.unmet;
        more.extend(
            missing(session, config, &request, &look).into_iter().filter(|want| !tried.contains_key(want)),
        );
        if !more.is_empty() {
            offline(&more)?;
            wants.extend(more);
            report = get(session, config, &wants, yes, &request)?;
        }
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

/// Checks that a command with `--setup` would install nothing.
///
/// # Errors
/// Something is missing that [`provide`] would install.
pub(super) fn complete(session: &Session, config: &Config) -> Result<()> {
    let request = PlanRequest::default();
    let look = discovery::look(session, config, &request, Depth::First)?;
    let wants = missing(session, config, &request, &look);
    if wants.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = wants.iter().map(ToString::to_string).collect();
    Err(Error::missing("something is missing, and a rehearsal installs nothing")
        .found(list.join(", "))
        .help("install it: cargo xtask setup"))
}

fn get(
    session: &Session,
    config: &Config,
    wants: &BTreeSet<Want>,
    yes: bool,
    request: &PlanRequest,
) -> Result<SetupReport> {
    let wants: Vec<Want> = wants.iter().cloned().collect();
    let mut terminal = Terminal { ui: session.ui, yes, lines: Vec::new(), task: None };
    with_context(session, config, request, |context| setup::run(&wants, context, &mut terminal))
}

/// Calls `with` with the context of setup for this session.
fn with_context<T>(
    session: &Session,
    config: &Config,
    request: &PlanRequest,
    with: impl FnOnce(&SetupContext<'_>) -> T,
) -> T {
    let least = session.package(config).ok().and_then(|p| p.rust_version.as_ref());
    let least = least.and_then(|v| Version::parse(&v.to_string()));
    let targets: Vec<Triple> =
        plan::targets(config, &request.targets).into_iter().map(|t| t.triple).collect();
    with(&SetupContext {
        host: &session.host,
        cache: &session.cache,
        workspace: &session.workspace.root,
        rustc: &session.rustc,
        least: least.as_ref(),
        targets: &targets,
        jobs: None,
    })
}

/// Returns what the targets lack and setup has not installed yet. If this is empty, no message suggests
/// setup.
pub(super) fn missing(
    session: &Session,
    config: &Config,
    request: &PlanRequest,
    look: &Discovery,
) -> BTreeSet<Want> {
    let mut wants = wants(config, request, look);
    with_context(session, config, request, |context| wants.retain(|want| !setup::run::is_met(want, context)));
    wants
}

/// Returns what the targets lack.
fn wants(config: &Config, request: &PlanRequest, look: &Discovery) -> BTreeSet<Want> {
    let mut wants = BTreeSet::new();
    wants.extend(look.findings.host_cc.is_none().then_some(Want::HostCompiler));
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
        let locked = look.lock.as_ref().and_then(|lock| lock.provider(triple, &config.providers));
        let needs = ToolchainNeeds::of(config, request, &target, true);
        if needs.c && survey.is_some_and(|survey| mendable(survey, locked, needs.cxx)) {
            wants.extend(compiler(&target, locked, look));
        }
        if let Some(Runner::None { .. }) = look.findings.runners.get(triple) {
            wants.extend(runner(triple, &look.findings.host));
        }
    }
    wants
}

/// Returns what setup can install as a C toolchain of the target. The locked provider comes first, then all
/// others in order. Providers that targets.toml does not allow for the target are left out.
fn compiler(target: &Target, locked: Option<Provider>, look: &Discovery) -> Option<Want> {
    let obtainable = look.findings.obtainable.get(&target.triple);
    let allowed = |provider: &&Provider| match &target.cc {
        None => true,
        Some(CcChoice::Provider(only)) => only == *provider,
        Some(CcChoice::Program(_)) => false,
    };
    locked
        .iter()
        .chain(Provider::ALL)
        .filter(allowed)
        .filter(|provider| obtainable.is_some_and(|all| all.contains(provider)))
        .find_map(|provider| Want::compiler(*provider, &target.triple))
}

/// Returns whether installing a compiler would help. This is so if none works or may work, or not the locked
/// one, unless the user has named one that does not work.
fn mendable(survey: &Survey, locked: Option<Provider>, cxx: bool) -> bool {
    let broken = |v: &Verdict| !matches!(v, Verdict::Works(_));
    let tried = survey.tried.iter().map(|(candidate, _)| candidate);
    let there = |provider| tried.clone().chain(&survey.untried).any(|c| c.provider == provider);
    let works = |chosen: &Toolchain| !cxx || chosen.cxx.is_some();
    let may_work = !survey.untried.is_empty() || survey.unprobed(cxx).is_some();
    let serves = survey.chosen.as_ref().is_some_and(works) || may_work;
    (!serves || locked.is_some_and(|locked| !there(locked)))
        && !survey.tried.iter().any(|(c, v)| c.provider.is_explicit() && broken(v))
}

/// Returns the needs for running a target's programs: wine for Windows, node for WASI, otherwise qemu, and for
/// dynamic programs the target's C library, which comes with its cross gcc.
fn runner(triple: &Triple, host: &Triple) -> Vec<Want> {
    let mut wants = Vec::new();
    match system::of(triple).emulator {
        // wine starts only programs for the processor of the machine.
        Some(SystemEmulator::Wine) if triple.arch() != host.arch() => return wants,
        Some(SystemEmulator::Wine) => return vec![Want::Wine(triple.clone())],
        Some(SystemEmulator::WasiHost) => return vec![Want::Program("node".into())],
        None if triple.arch() != host.arch() => wants.push(Want::Qemu(triple.clone())),
        None => {}
    }
    if triple.libc() == Libc::Glibc && !gnu_prefixes(triple).is_empty() {
        wants.push(Want::GnuCross { target: triple.clone(), cxx: false });
    }
    wants
}

/// Returns the needs of the project's own tests in targets.toml.
fn for_tests(session: &Session, config: &Config) -> Vec<Want> {
    let mut wants = Vec::new();
    for need in &config.test.needs {
        match need {
            TestNeed::Registry => {
                wants.extend(["docker-registry", "openssl"].map(|name| Want::Program(name.into())));
            }
            TestNeed::Skopeo
            | TestNeed::Umoci
            | TestNeed::PkgConfig
            | TestNeed::Podman
            | TestNeed::Buildah
            | TestNeed::Bubblewrap
            | TestNeed::Zstd
            | TestNeed::MuslGcc => {
                wants.push(Want::Program(need.as_str().into()));
            }
            TestNeed::Aarch64Gcc => {
                let target = Triple::parse("aarch64-unknown-linux-gnu");
                wants.push(Want::GnuCross { target, cxx: false });
            }
            TestNeed::Zig => wants.push(Want::Zig),
            TestNeed::Cyclonedx => wants.push(Want::Library(PythonLibrary::Cyclonedx)),
            TestNeed::Workflows => wants.push(Want::Library(PythonLibrary::Workflows)),
            TestNeed::InToto => wants.push(Want::Library(PythonLibrary::InToto)),
            TestNeed::Cosign => wants.push(Want::Cosign),
            TestNeed::Sccache => wants.extend([Want::Sccache, Want::Program("redis-server".into())]),
            TestNeed::Windows => {
                let target = Triple::parse("x86_64-pc-windows-gnu");
                wants.extend(Want::compiler(Provider::Mingw, &target));
                wants.push(Want::Program("unzip".into()));
                wants.extend([Want::Std(target.clone()), Want::Wine(target)]);
            }
            TestNeed::RustSrc => wants.push(Want::Source),
            TestNeed::Wasi => {
                let target = Triple::parse("wasm32-wasip1");
                let clang = Want::Compiler { provider: Provider::Clang, target: target.clone() };
                wants.extend([Want::Std(target), clang, Want::Program("node".into())]);
            }
            TestNeed::Macos => {
                let both = ["aarch64-apple-darwin", "x86_64-apple-darwin"];
                wants.extend(both.map(|target| Want::Std(Triple::parse(target))));
                wants.push(Want::Zig);
            }
            TestNeed::Binfmt => {
                let foreign = |t: &&Triple| t.arch() != session.host.triple.arch();
                let targets =
                    config.images.iter().flat_map(|i| &i.targets).map(|t| &t.triple).filter(foreign);
                wants.extend(targets.map(|t| Want::Binfmt(t.clone())));
            }
            // The administrator installs and starts a daemon. The tests report if it is missing.
            TestNeed::Docker => {}
        }
    }
    wants
}

/// A dialog that prints the commands and asks before they are run.
struct Terminal {
    ui: Ui,
    yes: bool,
    /// The lines of all steps, without duplicates.
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
