//! `cargo xtask base prune`: removes from the cache what no run has used for a long time.

use serde::Serialize;

use crate::cli::Common;
use crate::session::Session;
use xtask_base::prune::{Pruned, days_ago, prune};
use xtask_files::error::Result;
use xtask_files::human_size;
use xtask_process::table::{Align, Table};

#[derive(Serialize)]
struct PruneDocument {
    schema: u32,
    cache: String,
    older_than_days: u32,
    dry_run: bool,
    removed_bytes: u64,
    kept_bytes: u64,
    kinds: Vec<Pruned>,
}

pub(super) fn run(common: &Common, days: u32, only_look: bool, json: bool) -> Result<()> {
    let session = Session::open(common, json)?;
    let waiting = || session.ui.step("Waiting", "for other runs that use bases of the cache");
    let kinds = prune(&session.cache, days_ago(days), only_look, waiting)?;
    let (removed_bytes, kept_bytes) = kinds
        .iter()
        .fold((0, 0), |(removed, kept), kind| (removed + kind.removed_bytes, kept + kind.kept_bytes));
    if json {
        let document = PruneDocument {
            schema: 1,
            cache: session.cache.display().to_string(),
            older_than_days: days,
            dry_run: only_look,
            removed_bytes,
            kept_bytes,
            kinds,
        };
        return super::print_json(&session, &document);
    }
    let went = if only_look { "would be removed" } else { "removed" };
    let mut table = Table::new(&[
        ("what", Align::Left),
        (went, Align::Right),
        ("", Align::Right),
        ("kept", Align::Right),
        ("", Align::Right),
    ]);
    for kind in kinds.iter().filter(|kind| kind.removed + kind.kept > 0) {
        table.row([
            kind.kind.into(),
            kind.removed.to_string().into(),
            human_size(kind.removed_bytes).into(),
            kind.kept.to_string().into(),
            human_size(kind.kept_bytes).into(),
        ]);
    }
    if kinds.iter().any(|kind| kind.removed + kind.kept > 0) {
        session.ui.data(&table.terminal(session.ui.color_out));
    }
    session.ui.data(&format!(
        "{} {went} (unused for {days} days), {} kept in {}",
        human_size(removed_bytes),
        human_size(kept_bytes),
        session.cache.display()
    ));
    Ok(())
}
