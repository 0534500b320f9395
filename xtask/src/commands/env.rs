//! `cargo xtask env TARGET`: prints the variables with which a target is built, for a shell, direnv or an editor.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::pipeline::{PlannedRun, start};
use crate::cargo::shell_env::{ShellPrograms, variables};
use crate::cli::{Common, EnvFormat, Planning, SetupFlag};
use crate::plan::{Job, setup_command};
use xtask_compilers::toolchain::runner::Runner;
use xtask_compilers::toolchain::wrapper::{executable, script_of};
use xtask_files::error::{Error, Result};
use xtask_process::exec::quoted;

#[derive(Serialize)]
struct EnvDocument<'a> {
    schema: u32,
    target: &'a str,
    mode: &'a str,
    toolchain: Option<ToolchainOfEnv<'a>>,
    linker: Option<&'a str>,
    runner: Option<&'a str>,
    /// The values to set; null for a variable to remove.
    variables: &'a BTreeMap<String, Option<String>>,
}

#[derive(Serialize)]
struct ToolchainOfEnv<'a> {
    provider: &'a str,
    version: &'a str,
    id: &'a str,
}

pub(super) fn run(common: &Common, planning: &Planning, format: EnvFormat, json: bool) -> Result<()> {
    if planning.making.mode.as_deref() == Some("all") {
        return Err(Error::usage("env does not accept --mode all")
            .found("a shell has the variables of one mode at a time"));
    }
    let start = start(common, planning, SetupFlag::default(), json)?;
    let job = job(&start)?;
    let session = &start.session;
    let runner = job.runner.words().and_then(|words| {
        let script = session.work().join("toolchains/runner").join(job.target.triple.as_str()).join("run");
        executable(&script, &script_of(&words)).ok().map(|()| script)
    });
    let programs = ShellPrograms { rustc: session.rustc.program.clone(), runner };
    let mut variables = variables(job, &start.site(), &programs)?;
    if !json {
        variables.retain(|name, _| in_shells(name));
    }
    session.host.record(&mut variables);
    session.ui.document(&match (json, format) {
        (true, _) => document(job, &variables)?,
        (false, EnvFormat::Sh) => sh(&variables),
        (false, EnvFormat::Fish) => fish(&variables),
        (false, EnvFormat::Direnv) => sh(&variables) + &watched(&start),
    });
    let tool = job.toolchain.as_ref().map_or_else(
        || "no C compiler".to_owned(),
        |toolchain| format!("{} by {}", toolchain.version, toolchain.provider),
    );
    let run = match &job.runner {
        Runner::None { reason } => format!("programs do not run here: {reason}"),
        runner => format!("runner {}", runner.name().unwrap_or("none")),
    };
    session.ui.step("Prepared", format!("{}: {tool}, {run}", job.title()));
    Ok(())
}

/// Returns the job of the run. A shell in which the C compiler of this machine would take the place of a
/// missing one is never prepared, so a fallback is an error unless the mode was named.
fn job(start: &PlannedRun) -> Result<&Job> {
    let plan = &start.plan;
    plan.check_replaced(start.request.strict)?;
    start.check_lock()?;
    let explain = || {
        format!(
            "see what was tried: cargo xtask explain {}",
            start.request.targets.iter().map(ToString::to_string).collect::<String>()
        )
    };
    if let Some(error) = plan.incomplete() {
        return Err(error.help(explain()));
    }
    let job = plan.jobs.first().ok_or_else(|| Error::missing("there is no job for this target"))?;
    let Some(fallback) = &job.fallback else { return Ok(job) };
    let triple = &job.target.triple;
    let error = Error::missing(format!(
        "{} cannot be built for {triple} on this machine ({})",
        fallback.from, fallback.reason
    ));
    let error = fallback.tried.iter().fold(error, |error, tried| error.found(format!("tried {tried}")));
    let error = match &fallback.beyond_setup {
        Some(why) => error.found(why),
        None => error.help(format!("install what is missing: {}", setup_command(&plan.asked))),
    };
    Err(error.help(format!("or prepare the other mode: cargo xtask env {triple} --mode {}", job.mode.name)))
}

fn document(job: &Job, variables: &BTreeMap<String, Option<String>>) -> Result<String> {
    let document = EnvDocument {
        schema: 1,
        target: job.target.triple.as_str(),
        mode: &job.mode.name,
        toolchain: job.toolchain.as_ref().map(|toolchain| ToolchainOfEnv {
            provider: toolchain.provider.name(),
            version: &toolchain.version,
            id: &toolchain.id,
        }),
        linker: job.linker.as_ref().map(|linker| linker.name()),
        runner: job.runner.name(),
        variables,
    };
    serde_json::to_string_pretty(&document).map_err(|e| Error::failed(format!("env: {e}")))
}

/// Whether shells accept the name of a variable. They refuse `CC_x86_64-unknown-linux-gnu`.
fn in_shells(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn sh(variables: &BTreeMap<String, Option<String>>) -> String {
    let line = |(name, value): (&String, &Option<String>)| match value {
        Some(value) => format!("export {name}={}\n", quoted(value)),
        None => format!("unset {name}\n"),
    };
    variables.iter().map(line).collect()
}

fn fish(variables: &BTreeMap<String, Option<String>>) -> String {
    let line = |(name, value): (&String, &Option<String>)| match value {
        Some(value) => format!("set -gx {name} '{}'\n", value.replace('\\', r"\\").replace('\'', r"\'")),
        None => format!("set -e {name}\n"),
    };
    variables.iter().map(line).collect()
}

/// Returns the lines by which direnv reads the variables again after a change of the files that decide them.
fn watched(start: &PlannedRun) -> String {
    let session = &start.session;
    let root = &session.workspace.root;
    let files = [
        session.config_file.clone(),
        session.toolchain_lock(),
        root.join("rust-toolchain.toml"),
        root.join(".cargo/config.toml"),
    ];
    let line = |file: &Path| format!("watch_file {}\n", quoted(&file.display().to_string()));
    files.iter().map(|file| line(file)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shells_read_every_value_as_it_is() {
        let odd = "it's \\ \"$HOME\" `x`\n\u{1f}end";
        let variables = BTreeMap::from([("A_x".to_owned(), Some(odd.to_owned())), ("B".to_owned(), None)]);
        assert!(in_shells("CC_x86_64_unknown_linux_gnu") && !in_shells("CC_x86_64-unknown-linux-gnu"));
        assert_eq!(sh(&variables), "export A_x='it'\\''s \\ \"$HOME\" `x`\n\u{1f}end'\nunset B\n");
        assert_eq!(fish(&variables), "set -gx A_x 'it\\'s \\\\ \"$HOME\" `x`\n\u{1f}end'\nset -e B\n");
    }
}
