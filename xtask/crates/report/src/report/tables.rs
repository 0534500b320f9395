//! The tables and notes of a report, which all output formats share.

use super::types::{
    ArtifactEntry, CheckVerdict, JobEntry, PurityEntry, Report, SmokeEntry, SmokeStatus, Status,
};
use xtask_files::{human_seconds, human_size};
use xtask_process::table::{Align, Cell, Table, Tone};

/// Returns the table of the jobs, with one row for each.
pub fn jobs_table(jobs: &[JobEntry]) -> Table {
    use Align::{Left, Right};
    let columns = [
        ("target", Left),
        ("mode", Left),
        ("C toolchain", Left),
        ("program", Left),
        ("size", Right),
        ("gate", Left),
        ("purity", Left),
        ("smoke", Left),
        ("time", Right),
        ("status", Left),
    ];
    let mut table = Table::new(&columns);
    for job in jobs {
        let toolchain = job.toolchain.as_ref().map(|t| format!("{} ({})", t.version, t.provider));
        table.row([
            Cell::from(job.target.as_str()),
            Cell::new(job.mode.as_str(), if job.fallback.is_some() { Tone::Warn } else { Tone::Plain }),
            toolchain.unwrap_or_else(|| "none".to_owned()).into(),
            job.artifact.as_ref().map_or_else(String::new, linkage).into(),
            job.artifact.as_ref().map_or_else(String::new, |a| human_size(a.size)).into(),
            gate(job),
            match job.purity {
                PurityEntry::Proven => Cell::new("proven", Tone::Good),
                PurityEntry::NotSeen => Cell::new("not seen", Tone::Bad),
                PurityEntry::NotApplicable => "n/a".into(),
            },
            // A smoke run was not skipped if there is no program.
            job.artifact.as_ref().map_or_else(|| "".into(), |_| smoke(&job.smoke)),
            human_seconds(job.seconds).into(),
            match job.status {
                Status::Ok => Cell::new("ok", Tone::Good),
                Status::Failed => Cell::new("failed", Tone::Bad),
            },
        ]);
    }
    table
}

fn linkage(artifact: &ArtifactEntry) -> String {
    let kind = artifact.kind.map_or("", |k| k.word());
    artifact.glibc_max.as_ref().map_or_else(|| kind.to_owned(), |v| format!("{kind}, glibc ≥ {v}"))
}

fn gate(job: &JobEntry) -> Cell {
    match job.gate {
        None => "".into(),
        Some(CheckVerdict::Fail) => Cell::new("fail", Tone::Bad),
        Some(CheckVerdict::Pass) if job.warnings.is_empty() => Cell::new("pass", Tone::Good),
        Some(CheckVerdict::Pass) => Cell::new("pass, warned", Tone::Warn),
    }
}

fn smoke(smoke: &SmokeEntry) -> Cell {
    let (word, tone) = match smoke.status {
        SmokeStatus::Pass => ("pass", Tone::Good),
        SmokeStatus::Fail => ("fail", Tone::Bad),
        SmokeStatus::Skipped => ("skipped", Tone::Warn),
    };
    match &smoke.runner {
        Some(runner) => Cell::new(format!("{word} ({runner})"), tone),
        None => Cell::new(word, tone),
    }
}

/// Returns the table of the images, with a row for each index and one for each platform. `whole` shows
/// digests in full.
pub fn images_table(report: &Report, whole: bool) -> Table {
    use Align::{Left, Right};
    let mut table = Table::new(&[
        ("image", Left),
        ("base", Left),
        ("platform", Left),
        ("size", Right),
        ("smoke", Left),
        ("digest", Left),
    ]);
    let digest = |text: &str| if whole { text.to_owned() } else { shortened(text) };
    for image in &report.images {
        let name: Cell = image.name.as_str().into();
        table.row([
            name,
            image.base.as_str().into(),
            "index".into(),
            "".into(),
            "".into(),
            digest(&image.index_digest).into(),
        ]);
        for part in &image.manifests {
            let platform = part.platform.as_str().into();
            let size = human_size(part.size).into();
            let smoke = part.smoke.as_ref().map_or_else(|| "".into(), smoke);
            table.row(["".into(), "".into(), platform, size, smoke, digest(&part.digest).into()]);
        }
    }
    table
}

/// Returns `sha256:` and the first 12 digits, as Docker shows them.
fn shortened(digest: &str) -> String {
    digest.chars().take("sha256:".len() + 12).collect()
}

/// Returns the output of a compiler from its first error on. The warnings before it are in report.json.
fn from_the_error(words: &str) -> &str {
    let at = words.starts_with("warning").then(|| words.find("\nerror")).flatten();
    &words[at.map_or(0, |at| at + 1)..]
}

/// Returns the notes that do not fit into the tables: the kind, the subject and the text of each.
pub(super) fn notes(report: &Report) -> Vec<(&'static str, String, String)> {
    let mut notes = Vec::new();
    for job in &report.jobs {
        let about = format!("{} {}", job.target, job.mode);
        if let Some(fallback) = &job.fallback {
            notes.push((
                "fallback",
                about.clone(),
                format!("instead of {}: {}", fallback.from, fallback.reason),
            ));
        }
        notes.extend(job.warnings.iter().map(|w| ("warning", about.clone(), w.clone())));
        // `build` starts nothing, and a program that the gate refused is not started.
        let passed = job.gate == Some(CheckVerdict::Pass) && job.smoke.status == SmokeStatus::Skipped;
        let not_run = job.smoke.reason.clone().filter(|_| passed);
        notes.extend(not_run.map(|reason| ("not run", about.clone(), reason)));
        notes.extend(job.notes.iter().map(|note| ("note", about.clone(), note.clone())));
        notes.extend(job.error.iter().map(|e| ("failed", about.clone(), from_the_error(e).to_owned())));
    }
    for image in &report.images {
        if !image.left_out.is_empty() {
            let words = format!("--target left out {}", image.left_out.join(" and "));
            notes.push(("warning", format!("image {}", image.name), words));
        }
        for part in &image.manifests {
            let Some(SmokeEntry { status, reason: Some(reason), runner }) = &part.smoke else { continue };
            let about = format!("image {} on {}", image.name, part.platform);
            match (status, runner) {
                (SmokeStatus::Skipped, _) => notes.push(("not run", about, reason.clone())),
                (SmokeStatus::Pass, Some(runner)) => {
                    notes.push(("warning", about, format!("run by {runner}, since {reason}")));
                }
                _ => {}
            }
        }
    }
    notes.extend(report.unmade.iter().map(|u| ("not made", format!("image {}", u.name), u.words())));
    notes.extend(report.skipped.iter().map(|s| ("skipped", s.target.clone(), s.reason.clone())));
    notes
}

#[cfg(test)]
mod tests {
    use super::from_the_error;

    #[test]
    fn warnings_do_not_stand_before_the_error() {
        assert_eq!(from_the_error("warning: x\n  | error\nerror[E1]: y\nz"), "error[E1]: y\nz");
        for whole in ["mode pure promises no C\nerror: x", "error: x\nerror: y", "warning: x", ""] {
            assert_eq!(from_the_error(whole), whole);
        }
    }
}
