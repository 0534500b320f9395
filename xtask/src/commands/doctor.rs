//! `cargo xtask doctor`: shows what this machine can build, what is missing, and the command that installs
//! it.

use serde::Serialize;

use crate::cli::{Common, Planning};
use crate::discovery;
use crate::plan::missing_tools::MissingTool;
use crate::plan::{self, StdState};
use crate::session::Session;
use crate::tool_needs::missing_tools;
use xtask_compilers::toolchain::probe::Verdict;
use xtask_compilers::toolchain::runner::Runner;
use xtask_compilers::toolchain::survey::{Depth, Unprobed};
use xtask_files::error::{Error, Result};
use xtask_process::table::{Align, Cell, Table, Tone};
use xtask_triple::Triple;

#[derive(Serialize)]
struct DoctorDocument {
    schema: u32,
    host: String,
    rustc: String,
    targets: Vec<TargetJson>,
    /// The command that installs what is missing; none if nothing is missing.
    setup: Option<String>,
    /// The tools of build scripts that are not on this machine. `setup` does not install them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing_tools: Vec<MissingTool>,
}

#[derive(Serialize)]
struct TargetJson {
    target: String,
    std: DoctorItem,
    toolchain: DoctorItem,
    linker: DoctorItem,
    runner: DoctorItem,
}

/// The state of one need of a target.
#[derive(Serialize)]
struct DoctorItem {
    ok: bool,
    what: String,
}

impl DoctorItem {
    fn ok(what: impl Into<String>) -> Self {
        Self { ok: true, what: what.into() }
    }

    fn missing(what: impl Into<String>) -> Self {
        Self { ok: false, what: what.into() }
    }

    fn cell(&self, tone: Tone) -> Cell {
        Cell::new(self.what.lines().next().unwrap_or_default(), if self.ok { Tone::Good } else { tone })
    }
}

pub(super) fn run(common: &Common, planning: &Planning, json: bool) -> Result<()> {
    let session = Session::open(common, json)?;
    let config = session.config()?;
    let request = session.request(&config, planning)?;
    let look = discovery::look(&session, &config, &request, Depth::First)?;
    let plan = plan::plan(&config, &look.findings, &request)?;
    let targets: Vec<TargetJson> = plan::targets(&config, &request.targets)
        .iter()
        .map(|target| {
            let triple = &target.triple;
            let findings = &look.findings;
            let job = plan.jobs.iter().find(|j| j.target.triple == *triple);
            TargetJson {
                target: triple.to_string(),
                std: match findings.stds.get(triple) {
                    Some(StdState::Ready(std)) => DoctorItem::ok(format!("{} {}", std.provider, std.version)),
                    Some(StdState::Obtainable(how)) => DoctorItem::missing(format!("missing: {how}")),
                    Some(StdState::Absent(why)) => DoctorItem::missing(format!("missing: {why}")),
                    None => DoctorItem::missing("missing"),
                },
                toolchain: match findings.surveys.get(triple).and_then(|s| s.chosen.as_ref()) {
                    Some(t) => DoctorItem::ok(format!("{} ({})", t.version, t.provider)),
                    None => no_toolchain(&look, triple),
                },
                linker: match job.and_then(|j| j.linker.as_ref()) {
                    Some(linker) => DoctorItem::ok(linker.name()),
                    None => DoctorItem::missing("missing"),
                },
                runner: match findings.runners.get(triple) {
                    Some(Runner::None { reason }) => DoctorItem::missing(format!("missing: {reason}")),
                    Some(runner) => DoctorItem::ok(runner.name().unwrap_or("none")),
                    None => DoctorItem::missing("missing"),
                },
            }
        })
        .collect();
    let missing = super::setup::missing(&session, &config, &request, &look);
    let setup = (!missing.is_empty()).then(|| plan::setup_command(&request.targets));
    let missing_tools = missing_tools(&session, &config, &plan);
    let rustc = session.rustc.describe();
    if json {
        let host = session.host.triple.to_string();
        let document = DoctorDocument { schema: 1, host, rustc, targets, setup, missing_tools };
        let text = serde_json::to_string_pretty(&document);
        session.ui.data(&text.map_err(|e| Error::failed(format!("doctor: {e}")))?);
    } else {
        session.ui.data(&format!("rustc: {rustc}\n\n{}", table(&targets).terminal(session.ui.color_out)));
        if let Some(command) = &setup {
            session.ui.data(&format!("\ninstall what is missing: {command}"));
        }
        for tool in &missing_tools {
            session.ui.data(&format!("\n{}", tool.text()));
        }
    }
    plan.incomplete().map_or(Ok(()), Err)
}

/// Describes why there is no C toolchain. A compiler that exists and does not work is not missing.
fn no_toolchain(look: &discovery::Discovery, triple: &Triple) -> DoctorItem {
    let Some(survey) = look.findings.surveys.get(triple) else { return DoctorItem::ok("not needed") };
    if let Some(Unprobed { candidate, fault, .. }) = survey.unprobed(false) {
        return DoctorItem::missing(format!("could not be probed: {}: {fault}", candidate.origin));
    }
    DoctorItem::missing(match survey.tried.iter().find(|(_, v)| matches!(v, Verdict::Broken { .. })) {
        Some((candidate, _)) => format!("broken: {}; see cargo xtask explain {triple}", candidate.origin),
        None => "missing".into(),
    })
}

fn table(targets: &[TargetJson]) -> Table {
    let mut table =
        Table::new(&["target", "std", "C toolchain", "linker", "runner"].map(|c| (c, Align::Left)));
    for t in targets {
        table.row([
            Cell::new(&t.target, Tone::Plain),
            t.std.cell(Tone::Bad),
            // Without a C toolchain the pure mode is built, and without a runner nothing is run. Neither
            // prevents a release.
            t.toolchain.cell(Tone::Warn),
            t.linker.cell(Tone::Bad),
            t.runner.cell(Tone::Warn),
        ]);
    }
    table
}
