//! `cargo xtask ci plan`: prints the shards of a release.

use std::path::Path;

use super::released;
use crate::ci::matrix::{self, PlannedShard, ReleaseMatrix};
use crate::cli::Common;
use crate::commands::release::earlier;
use crate::session::Session;
use xtask_files::error::{Error, Result};
use xtask_files::human_seconds;
use xtask_process::table::{Align, Table};
use xtask_report::timing::Timings;
use xtask_triple::Triple;

/// How the matrix is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MatrixForm {
    /// A table for people.
    Table,
    /// The document for any scheduler.
    Neutral,
    /// The matrix of a workflow on GitHub.
    Github,
}

impl MatrixForm {
    pub(super) fn of(github: bool, json: bool) -> Self {
        match (github, json) {
            (true, _) => Self::Github,
            (false, true) => Self::Neutral,
            (false, false) => Self::Table,
        }
    }
}

pub(super) fn run(
    common: &Common,
    asked: &[String],
    machines: Option<usize>,
    timings: Option<&Path>,
    form: MatrixForm,
) -> Result<()> {
    let session = Session::open(common, form != MatrixForm::Table)?;
    let config = session.config()?;
    let targets = released(&session, &config, asked)?;
    let version = session.package(&config)?.version.to_string();
    let timings = match timings {
        Some(file) => Some(Timings::read(file)?.ok_or_else(|| {
            Error::usage(format!("there is no {}", file.display()))
                .help("a release and `cargo xtask bench` write target/dist/timings.json")
        })?),
        None => earlier(&session.dist().join("timings.json"), &session.ui),
    };
    let matrix = ReleaseMatrix::new(&config, &targets, &version, machines, timings.as_ref());
    match form {
        MatrixForm::Table => session.ui.data(&text(&matrix, session.ui.color_out)),
        MatrixForm::Neutral => session.ui.data(&matrix::neutral(&matrix)),
        MatrixForm::Github => session.ui.document(&matrix::github(&matrix)),
    }
    Ok(())
}

fn text(matrix: &ReleaseMatrix, color: bool) -> String {
    let columns = [
        ("shard", Align::Left),
        ("runner", Align::Left),
        ("emulated", Align::Left),
        ("images", Align::Left),
        ("estimate", Align::Right),
    ];
    let mut table = Table::new(&columns);
    let seconds = |seconds: Option<f64>| seconds.map_or_else(|| "-".to_owned(), human_seconds);
    for shard in &matrix.shards {
        let emulated: Vec<&str> = shard.emulated.iter().map(Triple::as_str).collect();
        table.row([
            shard.id().into(),
            shard.runner.name().into(),
            emulated.join(", ").into(),
            shard.images.join(", ").into(),
            seconds(shard.seconds).into(),
        ]);
    }
    let mut text = table.terminal(color);
    let count = xtask_files::counted(matrix.shards.len() as u64, "shard");
    text += &format!("\n{count}; the slowest: {}", seconds(matrix.seconds()));
    if let Some(PlannedShard { targets, .. }) = matrix.shards.first() {
        text += &format!("\nmake one: cargo xtask ci shard {}", targets[0]);
    }
    text
}
