//! The tables that show timings: cases, their parts and ratios.

use super::compare::TimingComparison;
use super::record::{BuildSeconds, CaseRecord, RatioRecord, Timings};
use super::stages::StageRecord;
use super::stats::Timing;
use xtask_files::{human_seconds, human_size};
use xtask_process::table::{Align, Cell, Table};

/// Returns the table of cases, one row per case: its time, with the spread.
pub fn timing_table(cases: &[CaseRecord]) -> Table {
    use Align::{Left, Right};
    let columns = [
        ("target", Left),
        ("case", Left),
        ("mode", Left),
        ("median", Right),
        ("± MAD", Right),
        ("min – max", Right),
        ("samples", Right),
        ("program", Right),
        ("image", Right),
    ];
    let mut table = Table::new(&columns);
    for case in cases {
        let size = |bytes: Option<u64>| bytes.map_or_else(String::new, human_size);
        let single = case.samples_s.len() < 2;
        let spread = |text: String| if single { String::new() } else { text };
        let range = Timing::of(&case.samples_s).map_or_else(
            |_| "?".to_owned(),
            |t| format!("{} – {}", human_seconds(t.min), human_seconds(t.max)),
        );
        table.row([
            Cell::from(case.target.as_str()),
            case.scenario.word().into(),
            case.mode.as_str().into(),
            human_seconds(case.median_s).into(),
            spread(human_seconds(case.mad_s)).into(),
            spread(range).into(),
            samples(case).into(),
            size(case.binary_bytes).into(),
            size(case.image_bytes).into(),
        ]);
    }
    table
}

/// Returns the table of times by part, one row per traced case. It is empty if no case was traced.
pub fn parts_table(cases: &[CaseRecord]) -> Table {
    use Align::{Left, Right};
    let columns = [
        ("target", Left),
        ("case", Left),
        ("mode", Left),
        ("C", Right),
        ("rustc", Right),
        ("link", Right),
        ("other", Right),
    ];
    let mut table = Table::new(&columns);
    for (case, parts) in cases.iter().filter_map(|case| Some((case, case.parts.as_ref()?))) {
        let BuildSeconds { c_s, rustc_s, link_s, other_s } = *parts;
        let names = [case.target.as_str(), case.scenario.word(), case.mode.as_str()].map(Cell::from);
        let seconds = [c_s, rustc_s, link_s, other_s].map(|seconds| Cell::from(human_seconds(seconds)));
        table.row(names.into_iter().chain(seconds));
    }
    table
}

/// Returns the number of samples. If each call built several targets, also their number, and the part of the time that belongs
/// to this one.
fn samples(case: &CaseRecord) -> String {
    let count = case.samples_s.len();
    match (case.targets_in_call, case.share_s) {
        (0 | 1, _) => count.to_string(),
        (n, None) => format!("{count} (call of {n} targets)"),
        (n, Some(share)) => format!("{count} (call of {n} targets, {} for this one)", human_seconds(share)),
    }
}

/// Returns the table of ratios, one row per ratio, with its interval.
pub fn ratio_table(ratios: &[RatioRecord]) -> Table {
    use Align::{Left, Right};
    let columns = [
        ("target", Left),
        ("case", Left),
        ("compared", Left),
        ("ratio", Right),
        ("interval", Right),
        ("confidence", Right),
    ];
    let mut table = Table::new(&columns);
    for r in ratios {
        table.row([
            Cell::from(r.target.as_str()),
            r.scenario.word().into(),
            format!("{} / {}", r.of, r.to).into(),
            format!("{} ×", factor(r.ratio)).into(),
            format!("{} – {}", factor(r.low), factor(r.high)).into(),
            format!("{:.0} %", r.confidence * 100.0).into(),
        ]);
    }
    table
}

/// Returns the table of the stages of a release. It is empty if there was none.
pub fn stage_table(stages: &[StageRecord]) -> Table {
    let mut table = Table::new(&[("stage", Align::Left), ("time", Align::Right)]);
    for StageRecord { stage, seconds } in stages {
        table.row([Cell::from(stage.word()), human_seconds(*seconds).into()]);
    }
    table
}

/// Returns the table of a comparison, one row per case that is in both runs.
pub fn change_table(compared: &TimingComparison) -> Table {
    use Align::{Left, Right};
    let columns = [
        ("target", Left),
        ("case", Left),
        ("mode", Left),
        ("before", Right),
        ("now", Right),
        ("ratio", Right),
        ("interval", Right),
        ("change", Left),
    ];
    let mut table = Table::new(&columns);
    for change in &compared.changes {
        table.row([
            Cell::from(change.target.as_str()),
            change.scenario.word().into(),
            change.mode.as_str().into(),
            human_seconds(change.before_s).into(),
            human_seconds(change.now_s).into(),
            format!("{} ×", factor(change.ratio)).into(),
            format!("{} – {}", factor(change.low), factor(change.high)).into(),
            change.verdict.to_string().into(),
        ]);
    }
    table
}

/// Returns the sentence above the table of a comparison.
fn compared_with(compared: &TimingComparison) -> String {
    let TimingComparison { against, threshold, .. } = compared;
    format!(
        "Build times beside {against}; a change counts if its interval is above {} %:",
        percent(*threshold)
    )
}

/// Returns a share in percent, with as many decimals as it has: 5, 2.5.
fn percent(share: f64) -> f64 {
    (share * 1e5).round() / 1e3
}

/// Returns a comparison as Markdown, for a comment on a change.
pub fn comparison_markdown(compared: &TimingComparison) -> String {
    let above = xtask_files::escape::markdown(&compared_with(compared));
    format!("{above}\n\n{}", change_table(compared).markdown())
}

/// Returns all tables and the notes on outliers, for a terminal.
pub fn terminal(timings: &Timings, color: bool) -> String {
    let mut text = timing_table(&timings.cases).terminal(color);
    let parts = parts_table(&timings.cases);
    if !parts.is_empty() {
        text += &format!("\n{}", parts.terminal(color));
    }
    if !timings.ratios.is_empty() {
        text += &format!("\n{}", ratio_table(&timings.ratios).terminal(color));
    }
    if !timings.stages.is_empty() {
        text += &format!("\n{}", stage_table(&timings.stages).terminal(color));
    }
    for note in notes(timings) {
        text += &format!("note: {note}\n");
    }
    if let Some(compared) = &timings.comparison {
        text += &format!("\n{}\n{}", compared_with(compared), change_table(compared).terminal(color));
    }
    text
}

/// Returns all tables and the notes, as Markdown.
pub fn markdown(timings: &Timings) -> String {
    let mut text = timing_table(&timings.cases).markdown();
    let parts = parts_table(&timings.cases);
    if !parts.is_empty() {
        text += &format!("\n{}", parts.markdown());
    }
    if !timings.ratios.is_empty() {
        text += &format!("\n{}", ratio_table(&timings.ratios).markdown());
    }
    if !timings.stages.is_empty() {
        text += &format!("\n{}", stage_table(&timings.stages).markdown());
    }
    for note in notes(timings) {
        text += &format!("\n{}\n", xtask_files::escape::markdown(&note));
    }
    text
}

/// Returns a line for every case with outliers or of another machine, for every ratio that is not known well, one about
/// disturbed samples, and one if there are too few samples for a 95 % interval.
pub(crate) fn notes(timings: &Timings) -> Vec<String> {
    let title = |c: &CaseRecord| format!("{} {} {}", c.target, c.scenario.word(), c.mode);
    let outliers = timings.cases.iter().filter_map(|c| {
        let note = Timing::of(&c.samples_s).ok()?.note(&c.samples_s)?;
        Some(format!("{}: {note}", title(c)))
    });
    let taken = || timings.cases.iter().flat_map(|case| &case.taken);
    let count = taken().filter(|sample| sample.conditions.is_disturbed()).count();
    let disturbed = (count > 0).then(|| {
        let what =
            "samples were taken while other programs or systems used more than 5 % of the processors' time";
        format!("{count} of {} {what}", taken().count())
    });
    let elsewhere = timings.cases.iter().filter_map(|c| {
        let host = c.host.as_ref()?;
        Some(format!("{} was timed on another machine: {host}", title(c)))
    });
    let wanted = timings.method.as_ref().map_or(0.0, |method| method.rule.width);
    let unclear = timings.ratios.iter().filter_map(|ratio| unclear(ratio, wanted));
    let few = timings.ratios.iter().any(|r| r.confidence < 0.95);
    let few = few.then(|| {
        "an interval of less than 95 % confidence comes from few samples: take 4 or more of each mode"
            .to_owned()
    });
    outliers.chain(disturbed).chain(elsewhere).chain(unclear).chain(few).collect()
}

/// Returns what the samples of a ratio do not tell. `wanted` is the width of the interval that the run was to reach, as a
/// share of the ratio, or 0 if the number of samples was fixed.
fn unclear(ratio: &RatioRecord, wanted: f64) -> Option<String> {
    let RatioRecord { target, scenario, of, to, low, high, .. } = ratio;
    let title = format!("{target} {}", scenario.word());
    let width = (high - low) / ratio.ratio;
    let interval = format!("the interval is {} – {}", factor(*low), factor(*high));
    if *low <= 1.0 && 1.0 <= *high {
        return Some(format!("{title}: too noisy to tell which of {of} and {to} takes longer: {interval}"));
    }
    (wanted > 0.0 && width > wanted).then(|| {
        let (width, wanted) = (width * 100.0, wanted * 100.0);
        format!("{title}: too noisy to tell the ratio of {of} to {to} to {wanted:.0} %: {interval}, {width:.0} % wide")
    })
}

/// Rounds to three digits: 0.974, 4.10, 12.3, 150.
fn factor(value: f64) -> String {
    let decimals = match value {
        v if v < 0.999_5 => 3,
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}
