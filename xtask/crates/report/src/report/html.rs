//! Writes report.html: one self-contained file that needs no script and no network.

use super::tables::{images_table, jobs_table, notes};
use super::types::Report;
use crate::timing::{self, Timings, parts_table, ratio_table, timing_table};
use xtask_files::escape::html as escape;

/// Colours follow the reader's light or dark setting. A wide table scrolls separately.
const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1c1e21;--dim:#5f6570;--page:#fff;--line:#d9dce1;--band:#f5f6f8;\
--good:#17692b;--warn:#8a5300;--bad:#b3261e}
@media (prefers-color-scheme:dark){:root{--ink:#e4e6ea;--dim:#9aa1ac;--page:#16181c;--line:#343841;--band:#1f2228;\
--good:#6fce83;--warn:#e9b35b;--bad:#ff8a80}}
body{margin:0 auto;max-width:76rem;padding:1.5rem 1rem 4rem;background:var(--page);color:var(--ink);\
font:15px/1.5 system-ui,sans-serif}
h1{font-size:1.6rem;margin:0 0 .25rem}h2{font-size:1.1rem;margin:2rem 0 .5rem}
p{margin:.25rem 0;color:var(--dim)}
.scroll{overflow-x:auto;margin:.5rem 0}
table{border-collapse:collapse;font-size:.87rem}
th,td{padding:.35rem .7rem;text-align:left;border-bottom:1px solid var(--line);white-space:nowrap}
th{color:var(--dim);font-weight:600}tbody tr:hover{background:var(--band)}
.n{text-align:right;font-variant-numeric:tabular-nums}
.good{color:var(--good)}.warn{color:var(--warn)}.bad{color:var(--bad);font-weight:600}
dl{margin:0}dt{margin-top:.6rem;font-weight:600}
dd{margin:.1rem 0 0;white-space:pre-wrap;overflow-wrap:anywhere}
";

/// Returns the text of report.html. All texts of the report are escaped.
pub fn html(report: &Report, timings: Option<&Timings>) -> String {
    let title = format!("{} {}", escape(&report.app), escape(&report.version));
    let mut text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<p>{}</p>\n",
        summary(report)
    );
    let jobs = jobs_table(&report.jobs);
    if !jobs.is_empty() {
        text += &format!("<h2>Jobs</h2>\n{}", jobs.html());
    }
    let notes = notes(report);
    if !notes.is_empty() {
        text += "<h2>Notes</h2>\n<dl>\n";
        for (kind, about, words) in notes {
            let class = if kind == "failed" { "bad" } else { "warn" };
            let (about, words) = (escape(&about), escape(&words));
            text += &format!("<dt><span class=\"{class}\">{kind}</span> {about}</dt>\n<dd>{words}</dd>\n");
        }
        text += "</dl>\n";
    }
    let images = images_table(report, true);
    if !images.is_empty() {
        text += &format!("<h2>Images</h2>\n{}", images.html());
    }
    if let Some(timings) = timings.filter(|t| !t.cases.is_empty()) {
        text += &format!(
            "<h2>Times</h2>\n<p>{}</p>\n{}",
            escape(&timings.host.to_string()),
            timing_table(&timings.cases).html()
        );
        let parts = parts_table(&timings.cases);
        if !parts.is_empty() {
            text += &parts.html();
        }
        if !timings.ratios.is_empty() {
            text += &ratio_table(&timings.ratios).html();
        }
        if !timings.stages.is_empty() {
            text += &timing::stage_table(&timings.stages).html();
        }
        for note in timing::notes(timings) {
            text += &format!("<p>{}</p>\n", escape(&note));
        }
    }
    text + "</body>\n</html>\n"
}

/// Returns a line with the counts of jobs, fallbacks, images and skipped targets. Counts of zero are left
/// out.
fn summary(report: &Report) -> String {
    let failed = report.jobs.iter().filter(|j| j.status == super::Status::Failed).count();
    let fallbacks = report.jobs.iter().filter(|j| j.fallback.is_some()).count();
    let counts = [
        (report.jobs.len() - failed, "built", "built"),
        (failed, "failed", "failed"),
        (fallbacks, "fallback", "fallbacks"),
        (report.images.len(), "image", "images"),
        (report.skipped.len(), "skipped", "skipped"),
    ];
    let told = counts.iter().filter(|(n, ..)| *n > 0);
    told.map(|(n, one, many)| format!("{n} {}", if *n == 1 { one } else { many }))
        .collect::<Vec<_>>()
        .join(" · ")
}
