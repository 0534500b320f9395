//! Verifies built programs: copies each program to its place under target/dist, passes it through the gate
//! and runs it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::auditable::{self, AuditableProgram};
use crate::build::Built;
use crate::cargo::builder::Builder;
use crate::cargo::flag_origin::flag_origin;
use crate::contents::ProgramContents;
use crate::failure::Failure;
use crate::importers::name_importers;
use crate::outcome::{SMOKE_MOST, Smoke, how_it_ended, side_by_side, small_stack};
use crate::plan::Job;
use crate::record::{
    Artifact, BuiltProgram, FailedJob, Purity, RefusedProgram, StoredProgram, VerifiedProgram,
};
use xtask_compilers::toolchain::identity::digest;
use xtask_compilers::toolchain::runner::Runner;
use xtask_config::App;
use xtask_files as files;
use xtask_files::dist;
use xtask_files::error::{Error, Result};
use xtask_gate::{Facts, Finding, Glibc, LibraryContext, Limits, Severity, check_flags, check_libraries};
use xtask_process::exec::Capture;
use xtask_process::ui::Ui;
use xtask_report::size::DEPENDENCY_LIST;
use xtask_report::timing::ReleaseStage;

mod crash;
mod libraries;

use libraries::private_libraries;

/// The time limit of a smoke run. After it, the whole process group is ended.
pub const SMOKE_LIMIT: Duration = Duration::from_secs(30);

/// Copies every program to its place below `dist` (target/dist), without verifying it.
///
/// # Errors
/// A file cannot be written, or a program cannot carry its dependency list.
pub fn store(
    built: Vec<Built>,
    builder: &Builder,
    dist: &Path,
) -> Result<Vec<Result<StoredProgram, FailedJob>>> {
    let one = |built| match built {
        Ok(program) => Ok(Ok(stored(program, builder, dist)?)),
        Err(unbuilt) => Ok(Err(FailedJob::Unbuilt(unbuilt))),
    };
    built.into_iter().map(one).collect()
}

/// A program that may ship, or a job that failed.
pub type Verified = Result<VerifiedProgram, FailedJob>;

/// Copies every program to its place below `dist` (target/dist), and verifies it.
///
/// # Errors
/// A file cannot be written.
pub fn verify(built: Vec<Built>, builder: &Builder, dist: &Path) -> Result<Vec<Verified>> {
    let ui = builder.ui;
    // The message is shown late, because verifying is usually done before anybody could read it.
    let task = ui.late_task("Verifying", "programs");
    task.parts(built.len(), "program");
    // Smoke runs wait for processes. In parallel they take as long as the slowest one.
    side_by_side(built, |built| match built {
        Ok(program) => {
            let _doing = task.doing(program.job.title());
            judge(stored(program, builder, dist)?, builder)
        }
        Err(unbuilt) => Ok(Err(FailedJob::Unbuilt(unbuilt))),
    })
}

fn stored(built: BuiltProgram, builder: &Builder, dist: &Path) -> Result<StoredProgram> {
    let (job, program) = (&built.job, &built.program);
    let place = dist::program(dist, job.target.triple.as_str(), &job.mode.name);
    let path = place.join(program.file_name().unwrap_or_default());
    match auditable::program(&built, builder)? {
        None => put(program, &path)?,
        Some(AuditableProgram { bytes, packages, listed }) => {
            put_changed(&bytes, program, &path)?;
            let list = format!("{} in {DEPENDENCY_LIST}", files::counted(packages as u64, "package"));
            builder
                .ui
                .step("Embedded", format!("{}: {list} ({})", job.title(), files::human_size(listed as u64)));
        }
    }
    let size = std::fs::metadata(&path).map_err(|e| Error::io("cannot read", &path, &e))?.len();
    let sha256 = digest(&path).map_err(|e| Error::io("cannot read", &path, &e))?;
    Ok(StoredProgram { built, artifact: Artifact { path, sha256, size } })
}

fn judge(stored: StoredProgram, builder: &Builder) -> Result<Verified> {
    let (job, app, ui) = (stored.job(), builder.app, builder.ui);
    let mut failures = Vec::new();
    let (facts, mut findings) = match builder.stages.time(ReleaseStage::Gate, || {
        xtask_gate::judge(&stored.artifact.path, &job.target.triple, own_limits(job, builder))
    }) {
        Ok(judged) => (judged.facts, judged.findings),
        Err(error) => {
            failures.push(Failure::Unreadable(error));
            (None, Vec::new())
        }
    };
    if failures.is_empty() {
        findings.extend(check_flags(&job.processors, job.target.cpu, !job.images.is_empty()));
    }
    if let Some(facts) = &facts {
        let libraries = private_libraries(facts, &stored.built, &builder.site);
        let origin = flag_origin("prefer-dynamic", job, &builder.site);
        let alone = job.images.is_empty();
        let context = LibraryContext { private: &libraries, prefers_dynamic: origin.as_deref(), alone };
        findings.extend(check_libraries(facts, context));
    }
    name_importers(&mut findings, &stored.built);
    let (fails, warnings) = split(findings);
    warn(&warnings, job, ui);
    failures.extend(fails.into_iter().map(Failure::Gate));
    let smoke = match failures.is_empty() {
        true => match job.runner.prepare(ui) {
            Ok(()) => {
                let run = || smoke(job, app, &stored.artifact.path, facts.as_ref());
                builder.stages.time(ReleaseStage::SmokeRun, run)
            }
            Err(error) => Smoke::Skipped(error.what),
        },
        false => Smoke::Skipped("the gate did not pass".into()),
    };
    if let Smoke::Failed(said) = &smoke {
        failures.push(Failure::SmokeRun(said.clone()));
    }
    let said = match &smoke {
        _ if !failures.is_empty() => "does not pass".to_owned(),
        Smoke::Skipped(reason) => format!("gate passed; not run: {reason}"),
        _ => format!("gate passed; {} ran it", job.runner.name().unwrap_or("nothing")),
    };
    let proof = if stored.built.purity == Purity::Proven { "; purity proven" } else { "" };
    let size = files::human_size(stored.artifact.size);
    let c = stored.built.contents.as_ref().ok().and_then(ProgramContents::c_in_words);
    let c = c.map(|words| format!("; contains {words}")).unwrap_or_default();
    let said = format!("{}: {said}{proof}{c} ({size})", job.title());
    let verified = match smoke {
        Smoke::Passed if failures.is_empty() => {
            Ok(VerifiedProgram { stored, facts, warnings, not_run: None })
        }
        Smoke::Skipped(why) if failures.is_empty() => {
            Ok(VerifiedProgram { stored, facts, warnings, not_run: Some(why) })
        }
        smoke => {
            let failed = RefusedProgram { stored, facts, warnings, smoke, failures };
            let failed = FailedJob::Refused(Box::new(failed));
            say_refused(&failed, ui);
            Err(failed)
        }
    };
    ui.step("Verified", said);
    Ok(verified)
}

/// Splits findings into those that prevent a program from shipping, and the warnings.
pub fn split(findings: Vec<Finding>) -> (Vec<Finding>, Vec<Finding>) {
    findings.into_iter().partition(|finding| finding.severity == Severity::Fail)
}

/// Adds the new findings of the gate about a program in one of its images.
pub fn judged(program: VerifiedProgram, findings: Vec<Finding>, ui: &Ui) -> Verified {
    let new = findings.into_iter().filter(|finding| !program.warnings.contains(finding)).collect();
    let (fails, warnings) = split(new);
    warn(&warnings, program.job(), ui);
    let program = VerifiedProgram { warnings: [program.warnings, warnings].concat(), ..program };
    match fails.is_empty() {
        true => Ok(program),
        false => Err(refuse(program, fails.into_iter().map(Failure::Gate).collect(), ui)),
    }
}

/// Rejects a program for these reasons, and reports it.
pub fn refuse(program: VerifiedProgram, failures: Vec<Failure>, ui: &Ui) -> FailedJob {
    let failed = program.refused(failures);
    say_refused(&failed, ui);
    failed
}

fn warn(warnings: &[Finding], job: &Job, ui: &Ui) {
    for finding in warnings {
        ui.warn(format!("{}: {}\n  help: {}", job.title(), finding.what, finding.fix));
    }
}

fn say_refused(failed: &FailedJob, ui: &Ui) {
    let text = failed.text().replace('\n', "\n  ");
    ui.raw(&format!("error: {} does not pass\n  {text}", failed.job().title()));
}

/// Returns the limits of a job: what its program may require of machines.
pub fn limits(job: &Job) -> Limits {
    let glibc = job.target.glibc.and_then(|v| Glibc::parse(&v.to_string()));
    Limits { glibc, level: job.target.cpu, macos: None }
}

/// Returns the limits of a job, with those of its variables.
fn own_limits(job: &Job, builder: &Builder) -> Limits {
    const OLDEST: &str = "MACOSX_DEPLOYMENT_TARGET";
    let text = job.target.env.get(OLDEST).map(String::as_str).or_else(|| builder.site.host.var(OLDEST));
    let mut numbers = text.into_iter().flat_map(|text| text.split('.'));
    let major = numbers.next().and_then(|number| number.parse().ok());
    let minor = numbers.next().map_or(Some(0), |number| number.parse().ok());
    Limits { macos: major.zip(minor), ..limits(job) }
}

fn smoke(job: &Job, app: &App, program: &Path, facts: Option<&Facts>) -> Smoke {
    let Some(cmd) = job.runner.command(program) else {
        let Runner::None { reason } = &job.runner else { return Smoke::Skipped("no runner".into()) };
        return Smoke::Skipped(reason.clone());
    };
    let cmd = cmd.args(&app.smoke);
    match cmd.captured(&Capture::within(SMOKE_LIMIT).at_most(SMOKE_MOST)) {
        Ok(output) if output.ok() => Smoke::Passed,
        Ok(output) if crash::is_of_emulator(&job.runner, &output) => {
            let ended = how_it_ended(&output);
            Smoke::Skipped(format!("the emulator itself failed: {} {}", cmd.line(), ended.trim_end()))
        }
        Ok(output) => {
            let help = match output.end {
                end if end.is_ours() => {
                    "set `smoke` of [app] in targets.toml to arguments with which it exits by itself"
                        .to_owned()
                }
                end => small_stack(&job.target.triple, facts.map(|facts| facts.stack_size), end).unwrap_or_else(|| {
                    "`smoke` of [app] in targets.toml sets its arguments: with them it must exit with code 0"
                        .to_owned()
                }),
            };
            Smoke::Failed(format!("{} {}\nhelp: {help}", cmd.line(), how_it_ended(&output).trim_end()))
        }
        // If a program's interpreter is missing, the kernel reports that the program itself is missing.
        Err(error) => {
            let interpreter = facts.and_then(|facts| facts.interpreter.as_deref());
            Smoke::Failed(match interpreter.filter(|file| !Path::new(file).exists()) {
                Some(file) if job.runner == Runner::Native => {
                    format!("{}\nits interpreter {file} is not on this machine", error.what)
                }
                _ => error.what,
            })
        }
    }
}

/// Copies a program to its place by staging and rename, unless a file with the same size and time is already
/// there.
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

/// Writes the bytes of a program that was made from another one, with the time and the permissions of that one. An equal file
/// is left as it is.
fn put_changed(bytes: &[u8], of: &Path, to: &Path) -> Result<()> {
    let meta = std::fs::metadata(of).map_err(|e| Error::io("cannot read", of, &e))?;
    let time = meta.modified().map_err(|e| Error::io("cannot read", of, &e))?;
    let same = |old: std::fs::Metadata| {
        let dated = old.modified().is_ok_and(|t| t == time);
        dated && old.is_file() && old.len() == bytes.len() as u64 && old.permissions() == meta.permissions()
    };
    if std::fs::symlink_metadata(to).is_ok_and(same) && std::fs::read(to).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    files::place(to, |staged| {
        std::fs::write(staged, bytes)?;
        std::fs::set_permissions(staged, meta.permissions())?;
        std::fs::File::options().write(true).open(staged)?.set_modified(time)
    })
}

/// Removes partial files of killed runs in target/dist. Images are left out: packing removes those. No other
/// run may run at the same time.
pub fn sweep(dist: &Path) {
    let programs = entries(&dist::programs(dist));
    let modes = programs.iter().flat_map(|target| entries(target)).collect::<Vec<_>>();
    let docker = dist::docker(dist);
    let bases = entries(&docker);
    let own = [dist.to_owned(), dist::archives(dist), dist::bills(dist), docker];
    for dir in own.iter().chain(&modes).chain(&bases) {
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
