//! Formats the report as text.

use super::{BenchReport, Figure};

/// A table: a line for each case, a column for each subject.
pub(super) fn text(report: &BenchReport) -> String {
    let mut subjects: Vec<&str> = Vec::new();
    for figure in &report.figures {
        if !subjects.contains(&figure.subject) {
            subjects.push(figure.subject);
        }
    }
    let mut rows = vec![
        vec!["ns, median ± MAD"]
            .into_iter()
            .chain(subjects.iter().copied())
            .map(str::to_owned)
            .collect::<Vec<_>>(),
    ];
    for figures in report.cases() {
        let cell = |subject: &&str| {
            let figure = figures.iter().find(|figure| figure.subject == *subject);
            figure.map_or_else(|| "-".to_owned(), |figure| cell(figure, figures))
        };
        rows.push(std::iter::once(figures[0].case.to_owned()).chain(subjects.iter().map(cell)).collect());
    }
    let widths: Vec<usize> = (0..=subjects.len())
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in &rows {
        let line: Vec<String> = row
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(column, (cell, width))| {
                let space = " ".repeat(width - cell.chars().count());
                if column == 0 { format!("{cell}{space}") } else { format!("{space}{cell}") }
            })
            .collect();
        text.push_str(line.join("  ").trim_end());
        text.push('\n');
    }
    text.push_str(&format!(
        "\nSamples: at most {}. Reading the clock takes {} ± {} ns, which were subtracted from each of them. × is the ratio to the \
         first subject.\n",
        report.figures.iter().map(|figure| figure.nanoseconds.samples).max().unwrap_or(0),
        number(report.clock.median),
        number(report.clock.mad),
    ));
    if !report.optimised {
        text.push_str("This program was built without optimisation: its figures say nothing.\n");
    }
    text
}

fn cell(figure: &Figure, all: &[Figure]) -> String {
    let (time, first) = (figure.nanoseconds, all[0].nanoseconds.median);
    let shown = format!("{} ± {}", number(time.median), number(time.mad));
    if figure.subject == all[0].subject || first <= 0.0 {
        return shown;
    }
    format!("{shown} ({}×)", number(time.median / first))
}

/// Three digits that count, or all before the point.
pub(super) fn number(value: f64) -> String {
    match value {
        v if v < 10.0 => format!("{v:.2}"),
        v if v < 100.0 => format!("{v:.1}"),
        v => format!("{v:.0}"),
    }
}
