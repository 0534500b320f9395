//! `cargo xtask test`: runs the project's tests in every mode, then those of the workspace members that no
//! mode affects.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::pipeline::{PlannedRun, start, turn_of};
use super::setup;
use crate::cargo::cohort::cohorts;
use crate::cargo::inherited::clean;
use crate::cargo::invocation::{CargoGoal, invocation};
use crate::cli::{Common, Planning, Sanitizer, SetupFlag};
use crate::plan::{self, Job};
use crate::session::Session;
use xtask_compilers::toolchain::runner::Runner;
use xtask_compilers::toolchain::zig;
use xtask_config::workspace::Workspace;
use xtask_files::counted;
use xtask_files::error::{Error, Result};
use xtask_files::escape;
use xtask_process::exec::{Cmd, ProcessEnd, Stream};
use xtask_process::ui::Ui;
use xtask_triple::Triple;

/// The variable with the file to which a skipped test appends a line: `SKIPPED <test>: <what is missing>`.
const SKIP_LOG: &str = "XTASK_SKIP_LOG";

pub(super) fn run(
    common: &Common,
    planning: &Planning,
    setup: SetupFlag,
    sanitize: Option<Sanitizer>,
    args: &[String],
) -> Result<()> {
    let mut planning = planning.clone();
    planning.making.mode.get_or_insert_with(|| "all".into());
    if planning.targets.is_empty() {
        // The host's target is used even if targets.toml does not list it, because every machine can run it.
        planning.targets = vec![Session::open(common, false)?.host.triple.to_string()];
    }
    if setup.setup {
        set_up(common, &planning)?;
    }
    let mut start = start(common, &planning, SetupFlag::default(), false)?;
    start.check()?;
    if sanitize.is_some() {
        watchable(&mut start)?;
    }
    // Two runs would count each other's skipped tests, and their tests would use the same folders. The lock
    // is separate from that of builds, because tests themselves build and release, even in this workspace.
    let _turn = turn_of(&start.session, "test.lock");
    let log = start.session.work().join("skipped.log");
    let _ = std::fs::remove_file(&log);
    let private = xtask_setup::zig::program(&start.session.cache);
    let zig = zig::find(&start.session.host, private.as_deref()).into_iter().next().map(|z| z.program);
    let touched = touched(&start.session.workspace, &start.config.app.package);
    let more = sanitize.is_none();
    let more =
        [more && !start.config.test.all_features.is_empty(), more && !rest(&start, &touched).is_empty()];
    let steps = cohorts(&start.plan.jobs).len() + more.into_iter().filter(|more| *more).count();
    let ui = start.session.ui;
    let mut tally =
        TestTally { log, args, zig, ui, steps, begun: 0, passed: 0, failed: 0, broken: Vec::new() };
    modes(&start, &touched, sanitize, &mut tally)?;
    if sanitize.is_none() {
        all_features(&start, &mut tally)?;
        others(&start, &touched, &mut tally)?;
    }
    tally.close()?;
    start.plan.incomplete().map_or(Ok(()), Err)
}

/// Installs what the targets of targets.toml (tests may build for them), the requested targets and the tests
/// lack.
fn set_up(common: &Common, planning: &Planning) -> Result<()> {
    let session = Session::open(common, false)?;
    let config = session.config()?;
    let mut targets: Vec<Triple> = config.targets.iter().map(|target| target.triple.clone()).collect();
    targets.extend(session.triples(&planning.targets)?);
    super::setup::provide(&session, &config, &targets, true, true)
}

/// Runs the tests of the Rust packages under Miri (`--miri`), which detects undefined behaviour and supports
/// no C.
pub(super) fn miri(common: &Common, args: &[String]) -> Result<()> {
    let session = Session::open(common, false)?;
    let config = session.config()?;
    let site = session.site(None, &[]);
    let version = Cmd::new(&site.cargo).args(["miri", "--version"]);
    let version = session.host.settled(version, site.start).capture(Duration::from_secs(60))?;
    if !version.ok() {
        return Err(Error::missing("Miri is not installed for the active toolchain")
            .found(version.errors().lines().next().unwrap_or_default())
            .help("rustup toolchain install nightly --component miri,rust-src")
            .help("RUSTUP_TOOLCHAIN=nightly cargo xtask test --miri"));
    }
    let packages = touched(&session.workspace, &config.app.package).into_iter().skip(1);
    let cmd = Cmd::new(&site.cargo).args(["miri", "test", "--no-default-features"]);
    let cmd = packages.fold(cmd, |cmd, name| cmd.args(["--package", site.id(&name)]));
    let cmd = clean(cmd, &session.host, &session.workspace.target_directory);
    // Property tests read the clock and the environment.
    let cmd = session
        .host
        .settled(cmd, site.start)
        .env("MIRIFLAGS", "-Zmiri-disable-isolation")
        .env("PROPTEST_CASES", "16");
    let cmd = if args.is_empty() { cmd } else { cmd.arg("--").args(args) };
    // A CI service would execute commands in the output of the tests.
    let end = match session.ui.service {
        None => cmd.inherit()?,
        Some(_) => cmd.lines(|_, line| session.ui.raw(line))?.0,
    };
    match end {
        ProcessEnd::Code(0) => Ok(()),
        end => Err(Error::failed(format!("tests under Miri: {end}"))),
    }
}

/// Returns the application's package, first, and the workspace members on which it depends. A mode's features
/// can affect these packages.
fn touched(workspace: &Workspace, app: &str) -> Vec<String> {
    let mut found = vec![app.to_owned()];
    let mut next = 0;
    while let Some(package) = found.get(next).and_then(|name| workspace.package(name)) {
        for dependency in package.dependencies.values().filter(|it| it.normal || it.build) {
            if workspace.package(&dependency.package).is_some() && !found.contains(&dependency.package) {
                found.push(dependency.package.clone());
            }
        }
        next += 1;
    }
    found
}

/// Keeps only the jobs whose C a sanitizer can observe: gcc's own libraries are for the host's programs.
fn watchable(start: &mut PlannedRun) -> Result<()> {
    let host = &start.session.host.triple;
    let gcc = |j: &Job| j.toolchain.as_ref().is_some_and(|t| t.version.starts_with("gcc"));
    start.plan.jobs.retain(|j| j.target.triple == *host && gcc(j));
    match start.plan.jobs.is_empty() {
        true => Err(Error::missing(format!("no mode compiles C by gcc for {host}, which --sanitize needs"))),
        false => Ok(()),
    }
}

/// Adds the sanitizers to the C of a test build. rustc links without gcc's default libraries, so theirs are
/// named. They come first, because the sanitizers' libraries must precede libc.
fn watched(mut cmd: Cmd, host: &Triple) -> Cmd {
    const FLAGS: &str = "-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g";
    for name in ["CFLAGS", "CXXFLAGS"] {
        let key = format!("{name}_{}", host.underscored());
        let set = cmd.env.get(std::ffi::OsStr::new(&key)).cloned().flatten().unwrap_or_default();
        cmd = cmd.env(&key, format!("{} {FLAGS}", set.to_string_lossy()).trim());
    }
    let libraries = ["-lasan", "-lubsan"];
    let encoded = cmd.env.get(std::ffi::OsStr::new("CARGO_ENCODED_RUSTFLAGS")).cloned().flatten();
    let cmd = match encoded {
        Some(flags) => {
            let flags = format!("{}\u{1f}{}", flags.to_string_lossy(), libraries.join("\u{1f}"));
            cmd.env("CARGO_ENCODED_RUSTFLAGS", flags)
        }
        None => cmd.arg("--config").arg(format!("target.\"{host}\".rustflags={libraries:?}")),
    };
    cmd.env("ASAN_OPTIONS", "detect_leaks=1:allocator_may_return_null=1")
        .env("UBSAN_OPTIONS", "print_stacktrace=1")
        .env("XTASK_SANITIZED", "1")
}

fn modes(
    start: &PlannedRun,
    touched: &[String],
    sanitize: Option<Sanitizer>,
    tally: &mut TestTally,
) -> Result<()> {
    for job in start.plan.jobs.iter().filter(|j| j.buildable()) {
        if let Runner::None { reason } = &job.runner {
            let triple = &job.target.triple;
            let error = Error::missing(format!("tests for {triple} cannot run here")).found(reason.as_str());
            let missing = setup::missing(&start.session, &start.config, &start.request, &start.look);
            return Err(match missing.is_empty() {
                true => error,
                false => error.help(format!(
                    "install what runs them: {}",
                    plan::setup_command(std::slice::from_ref(triple))
                )),
            });
        }
    }
    for job in start.plan.jobs.iter().filter(|job| job.buildable()) {
        job.runner.prepare(&start.session.ui)?;
    }
    let site = start.site();
    let cache = start.session.compile_cache.as_ref();
    let _watch = cache.and_then(|cache| cache.start(&start.session.rustc.program, &start.session.ui));
    for cohort in cohorts(&start.plan.jobs) {
        // The folder is separate from the build folders: tests run without traps, since test tools may
        // compile C.
        let tests = start.session.work().join(if sanitize.is_some() { "test-sanitized" } else { "test" });
        let dir = tests.join(cohort.key.folder());
        let cmd = invocation(&cohort, &CargoGoal::Tests(touched.to_vec()), &dir, None, &site);
        let cmd = match sanitize {
            Some(Sanitizer::Address) => watched(cmd, &start.session.host.triple),
            None => cmd,
        };
        let targets: Vec<String> = cohort.jobs.iter().map(|j| j.target.triple.to_string()).collect();
        tally.run(
            cmd,
            &format!("{} in mode {} for {}", touched.join(", "), cohort.key.mode, targets.join(", ")),
        )?;
    }
    Ok(())
}

/// Runs the tests of the packages that targets.toml names, with features that no mode turns on together.
fn all_features(start: &PlannedRun, tally: &mut TestTally) -> Result<()> {
    let packages: Vec<&str> = start.config.test.all_features.iter().map(String::as_str).collect();
    if packages.is_empty() {
        return Ok(());
    }
    let dir = start.session.work().join("test").join("all-features");
    let cmd = plain(start, &packages).arg("--all-features").arg("--target-dir").arg(dir);
    tally.run(cmd, &format!("{} with all features", packages.join(", ")))
}

/// Returns the members of the workspace that no mode affects, in the order of their names.
fn rest<'s>(start: &'s PlannedRun, touched: &[String]) -> Vec<&'s str> {
    let names = start.session.workspace.packages.iter().map(|p| p.name.as_str());
    let rest: BTreeSet<&str> = names.filter(|n| !touched.iter().any(|t| t == n)).collect();
    rest.into_iter().collect()
}

fn others(start: &PlannedRun, touched: &[String], tally: &mut TestTally) -> Result<()> {
    match &rest(start, touched)[..] {
        [] => Ok(()),
        rest => tally.run(plain(start, rest), &rest.join(", ")),
    }
}

/// Returns a `cargo test` call for packages, on the host as Cargo itself would run it.
fn plain(start: &PlannedRun, packages: &[&str]) -> Cmd {
    let site = start.session.site(None, &[]);
    let cmd = Cmd::new(&site.cargo).arg("test").arg("--manifest-path").arg(&site.manifest);
    let cmd = packages.iter().fold(cmd, |cmd, name| cmd.args(["--package", site.id(name)]));
    let cmd = if site.offline { cmd.arg("--offline") } else { cmd };
    site.host.settled(clean(cmd, site.host, site.target_directory), site.start)
}

/// The sums of the test runners' results.
struct TestTally<'a> {
    log: PathBuf,
    args: &'a [String],
    /// The zig that tests may use, which may be outside of PATH.
    zig: Option<String>,
    ui: Ui,
    /// The number of test runs, and how many of them have begun.
    steps: usize,
    begun: usize,
    passed: usize,
    failed: usize,
    broken: Vec<String>,
}

impl TestTally<'_> {
    fn run(&mut self, cmd: Cmd, title: &str) -> Result<()> {
        let cmd = cmd.arg("--no-fail-fast").env(SKIP_LOG, &self.log);
        let cmd = self.zig.iter().fold(cmd, |cmd, zig| cmd.env("ZIG", zig));
        let cmd = if self.args.is_empty() { cmd } else { cmd.arg("--").args(self.args) };
        self.begun += 1;
        self.ui.step("Testing", format!("{} of {}: {title}", self.begun, self.steps));
        self.ui.detail("Running", cmd.line());
        let ui = self.ui;
        let group = ui.group(&format!("the output of the tests of {title}"));
        let (mut passed, mut failed) = (0, 0);
        let (end, seconds) = cmd.lines(|stream, line| {
            let line = &escape::plain(line);
            if stream == Stream::Stdout
                && let Some((ok, bad)) = result(line)
            {
                passed += ok;
                failed += bad;
            }
            // The runners' own output is passed on as it comes.
            match stream {
                Stream::Stdout => ui.data(line),
                Stream::Stderr => ui.raw(line),
            }
        })?;
        drop(group);
        self.passed += passed;
        self.failed += failed;
        if end != ProcessEnd::Code(0) {
            self.broken.push(format!("{title}: {end}"));
        }
        self.ui.step("Tested", format!("{title}: {passed} passed, {failed} failed, in {seconds:.0} s"));
        Ok(())
    }

    /// Prints the closing lines. Under CI, a skipped test counts as failed, because the skip would not be
    /// noticed.
    fn close(self) -> Result<()> {
        let skipped = skipped(&self.log);
        for line in &skipped {
            self.ui.raw(line);
        }
        self.ui.data(&format!("{} passed, {} failed, {} skipped", self.passed, self.failed, skipped.len()));
        let ci = xtask_process::ui::in_ci(std::env::var_os("CI").as_deref());
        if !self.broken.is_empty() {
            let error = Error::failed(match self.failed {
                0 => "the tests could not be built, or ended with an error".to_owned(),
                n => format!("{} failed", counted(n as u64, "test")),
            });
            return Err(self.broken.into_iter().fold(error, |error, line| error.found(line)));
        }
        if ci && !skipped.is_empty() {
            let were = if skipped.len() == 1 { "was" } else { "were" };
            let count = counted(skipped.len() as u64, "test");
            let error = Error::failed(format!("{count} {were} skipped, which CI does not accept"));
            let error = skipped.into_iter().fold(error, |error, line| error.found(line));
            return Err(error.help("install what they need: cargo xtask test --setup"));
        }
        Ok(())
    }
}

fn skipped(log: &Path) -> BTreeSet<String> {
    std::fs::read_to_string(log).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// Returns the counts in a line such as `test result: ok. 3 passed; 0 failed; 0 ignored; …`.
fn result(line: &str) -> Option<(usize, usize)> {
    let counts = line.strip_prefix("test result: ")?.split_once(". ")?.1;
    let count = |word: &str| {
        counts.split(';').find_map(|part| part.trim().strip_suffix(word)?.trim().parse::<usize>().ok())
    };
    Some((count("passed")?, count("failed")?))
}

#[cfg(test)]
mod tests {
    use super::result;

    #[test]
    fn counts_of_a_runner() {
        let line = "test result: FAILED. 3 passed; 12 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.20s";
        assert_eq!(result(line), Some((3, 12)));
        assert_eq!(result("test a ... ok"), None);
    }
}
