//! `cargo xtask plan`: prints the whole plan and builds nothing.

use std::collections::BTreeMap;

use super::pipeline::start;
use crate::cli::{Common, Planning, SetupFlag};
use crate::compile_cache::PlannedCache;
use crate::plan::missing_tools::MissingTool;
use crate::plan::{Job, Plan};
use crate::tool_needs::missing_tools;
use xtask_files::error::Result;
use xtask_process::table::{Align, Cell, Table, Tone};

pub(super) fn run(common: &Common, planning: &Planning, json: bool) -> Result<()> {
    let start = start(common, planning, SetupFlag::default(), json)?;
    let ui = &start.session.ui;
    let tools = missing_tools(&start.session, &start.config, &start.plan);
    let mut cached = start.plan.jobs.iter().filter(|job| !job.pure());
    let (rust, c) = (cached.clone().next().is_some(), cached.any(|job| job.toolchain.is_some()));
    let cache = start.session.compile_cache.as_ref().map(|cache| cache.planned(rust, c));
    let cache = cache.as_ref();
    ui.data(&match json {
        true => start.plan.json(&tools, cache),
        false => text(&start.plan, &tools, cache, ui.color_out),
    });
    for prospect in start.prospects() {
        ui.warn(prospect.error.to_string());
    }
    start.plan.check_fallbacks(start.request.strict)?;
    start.plan.check_replaced(start.request.strict)?;
    start.check_lock()?;
    start.plan.incomplete().map_or(Ok(()), Err)
}

fn text(plan: &Plan, tools: &[MissingTool], cache: Option<&PlannedCache>, color: bool) -> String {
    let columns = ["target", "mode", "C toolchain", "linker", "std", "runner", "images"];
    let mut table = Table::new(&columns.map(|c| (c, Align::Left)));
    for job in &plan.jobs {
        table.row(row(job));
    }
    let mut text = table.terminal(color);
    for job in &plan.jobs {
        if let Some(fallback) = &job.fallback {
            text += &format!(
                "\n{}: {} instead of {} ({})",
                job.target.triple, job.mode.name, fallback.from, fallback.reason
            );
            for line in &fallback.tried {
                text += &format!("\n  tried {}", line.replace('\n', "\n    "));
            }
        }
    }
    for job in &plan.jobs {
        for line in job.replaced() {
            text += &format!("\n{}: {line}", job.target.triple);
        }
    }
    for job in plan.jobs.iter().filter(|j| !j.buildable()) {
        text += &format!("\n{}: cannot be built yet: {}", job.title(), job.lacking());
    }
    for (target, reason) in not_run(plan) {
        text += &format!("\n{target}: programs are not run here: {reason}");
    }
    for skipped in &plan.skipped {
        text += &format!("\n{}: skipped: {}", skipped.target, skipped.reason);
    }
    text.extend(cache.map(|cache| format!("\n{}", cache.line())));
    for tool in tools {
        text += &format!("\n{}", tool.text());
    }
    text
}

/// Returns the targets without a runner, each once, and what is missing.
fn not_run(plan: &Plan) -> BTreeMap<&str, &str> {
    let none = plan.jobs.iter().filter_map(|job| Some((job.target.triple.as_str(), job.not_run()?)));
    none.collect()
}

fn row(job: &Job) -> Vec<Cell> {
    let tone = match (job.buildable(), &job.fallback) {
        (false, _) => Tone::Bad,
        (true, Some(_)) => Tone::Warn,
        (true, None) => Tone::Plain,
    };
    let toolchain = job.toolchain.as_ref().map_or("-".into(), |t| format!("{} ({})", t.version, t.provider));
    let std = job.std.as_ref().map_or("missing".into(), |s| format!("{} {}", s.provider, s.version));
    vec![
        Cell::new(job.target.triple.as_str(), Tone::Plain),
        Cell::new(&job.mode.name, tone),
        Cell::new(toolchain, Tone::Plain),
        Cell::new(job.linker.as_ref().map_or("missing", |l| l.name()), Tone::Plain),
        Cell::new(std, if job.std.is_some() { Tone::Plain } else { Tone::Bad }),
        Cell::new(job.runner.name().unwrap_or("none"), Tone::Plain),
        Cell::new(job.images.join(", "), Tone::Plain),
    ]
}
