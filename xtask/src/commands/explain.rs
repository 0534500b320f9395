//! `cargo xtask explain TARGET`: shows every candidate for a target's C toolchain, and the result of its
//! probe.

use serde::Serialize;

use crate::cargo::reached::Reached;
use crate::cli::{Common, Making, Planning};
use crate::discovery;
use crate::plan::{self, StdState};
use crate::session::Session;
use xtask_compilers::toolchain::Provider;
use xtask_compilers::toolchain::probe::Verdict;
use xtask_compilers::toolchain::runner::Runner;
use xtask_compilers::toolchain::survey::{Depth, Survey};
use xtask_files::error::{Error, Result};

#[derive(Serialize)]
struct ExplainDocument<'a> {
    schema: u32,
    target: &'a str,
    chosen: Option<&'a str>,
    reached: &'a Reached,
    candidates: Vec<CandidateJson<'a>>,
    nothing: Vec<NothingJson<'a>>,
}

#[derive(Serialize)]
struct CandidateJson<'a> {
    provider: &'a str,
    origin: &'a str,
    cc: &'a [String],
    #[serde(flatten)]
    verdict: &'a Verdict,
    /// For a toolchain that does not work: whether the next probe may have another result.
    #[serde(skip_serializing_if = "Option::is_none")]
    passing: Option<bool>,
}

#[derive(Serialize)]
struct NothingJson<'a> {
    provider: &'a str,
    looked_for: &'a str,
}

pub(super) fn run(common: &Common, target: &str, providers: Option<&str>, json: bool) -> Result<()> {
    let session = Session::open(common, json)?;
    let config = session.config()?;
    let making = Making { providers: providers.map(str::to_owned), ..Making::default() };
    let planning = Planning { targets: vec![target.to_owned()], making };
    let request = session.request(&config, &planning)?;
    let look = discovery::look(&session, &config, &request, Depth::All)?;
    let triple = &request.targets[0];
    let survey = look
        .findings
        .surveys
        .get(triple)
        .ok_or_else(|| Error::usage(format!("{triple} was not surveyed")))?;
    let user = look.findings.user.get(triple).cloned().unwrap_or_default();
    let targets = plan::targets(&config, &request.targets);
    let reached = Reached::new(&targets[0], &user, &session.workspace.configuration, &session.host);
    if json {
        let text = serde_json::to_string_pretty(&document(target, survey, &reached));
        session.ui.data(&text.map_err(|e| Error::failed(format!("explain: {e}")))?);
        return Ok(());
    }
    let mut text = format!("{triple}\n");
    text += match look.findings.runners.get(triple) {
        Some(Runner::None { reason }) => format!("  runner: none: {reason}\n"),
        Some(runner) => format!("  runner: {}\n", runner.name().unwrap_or("none")),
        None => String::new(),
    }
    .as_str();
    text += &match look.findings.stds.get(triple) {
        Some(StdState::Ready(std)) => format!("  std: {} (rustc {})\n", std.provider, std.version),
        Some(StdState::Obtainable(how)) => format!("  std: not installed yet: {how}\n"),
        Some(StdState::Absent(reason)) => format!("  std: {reason}\n"),
        None => String::new(),
    };
    text.extend(reached.lines().into_iter().map(|line| format!("  {line}\n")));
    let all = config.providers.iter().chain(Provider::ALL);
    let width = all.map(|provider| provider.name().len()).max().unwrap_or_default();
    text += "  C toolchains, in the order in which they are tried:\n";
    let tried = survey.tried.iter().map(|(candidate, verdict)| {
        let line = format!("    {:width$} {}\n{}", candidate.provider, candidate.origin, described(verdict));
        (candidate.provider, line)
    });
    let nothing = survey.nothing.iter();
    let nothing =
        nothing.map(|n| (n.provider, format!("    {:width$} missing: {}\n", n.provider, n.looked_for)));
    let mut lines: Vec<_> = tried.chain(nothing).collect();
    lines.sort_by_key(|(provider, _)| *provider);
    text.extend(lines.into_iter().map(|(_, line)| line));
    let plan = plan::plan(&config, &look.findings, &request)?;
    for job in &plan.jobs {
        let toolchain = job
            .toolchain
            .as_ref()
            .map_or("no C toolchain".to_owned(), |t| format!("{} by {}", t.version, t.provider));
        let instead =
            job.fallback.as_ref().map_or(String::new(), |f| format!(" instead of {} ({})", f.from, f.reason));
        text += &format!("  decision: mode {}{instead}, {toolchain}\n", job.mode.name);
    }
    for skipped in &plan.skipped {
        text += &format!("  decision: skipped: {}\n", skipped.reason);
    }
    session.ui.data(&text);
    Ok(())
}

fn described(verdict: &Verdict) -> String {
    let indented = |text: &str| text.lines().map(|l| format!("             {l}\n")).collect::<String>();
    match verdict {
        Verdict::Works(works) => indented(&format!("works: {}, {}", works.version, works.steps.join(", "))),
        Verdict::Broken { step, said, command, .. } => {
            let command =
                if command.is_empty() { String::new() } else { format!("\n  the command was: {command}") };
            indented(&format!("broken: failed to {}\n  output: {said}{command}", verb(step)))
        }
        Verdict::Unprobed { step, fault, help, said, command } => {
            let line = |what: &str, text: &str| match text {
                "" => String::new(),
                text => format!("\n  {what}: {text}"),
            };
            indented(&format!(
                "could not be probed: {fault} (it was to {}){}{}{}",
                verb(step),
                line("output", said),
                line("the command was", command),
                line("help", help)
            ))
        }
        Verdict::Absent { what } => indented(&format!("missing: {what}")),
    }
}

/// Returns a step as the end of "failed to …".
fn verb(step: &str) -> &str {
    match step {
        "run" => "make a program that runs",
        step => step,
    }
}

fn document<'a>(target: &'a str, survey: &'a Survey, reached: &'a Reached) -> ExplainDocument<'a> {
    let candidates = survey.tried.iter().map(|(candidate, verdict)| CandidateJson {
        provider: candidate.provider.name(),
        origin: &candidate.origin,
        cc: &candidate.cc,
        verdict,
        passing: match verdict {
            Verdict::Broken { .. } => Some(false),
            Verdict::Unprobed { .. } => Some(true),
            Verdict::Works(_) | Verdict::Absent { .. } => None,
        },
    });
    let nothing = survey.nothing.iter();
    let nothing = nothing.map(|n| NothingJson { provider: n.provider.name(), looked_for: &n.looked_for });
    ExplainDocument {
        schema: 1,
        target,
        reached,
        chosen: survey.chosen.as_ref().map(|t| t.provider.name()),
        candidates: candidates.collect(),
        nothing: nothing.collect(),
    }
}
