//! The traces of timed builds: each is on disk when its sample is done, and that of the median sample is kept.

use std::path::{Path, PathBuf};

use xtask_files::error::{Error, Result};
use xtask_process::ui::Ui;
use xtask_report::timing::{Case, CaseRecord, Sample, Scenario};
use xtask_trace::{BuildTrace, TraceCase, chrome, summary};

/// A sample with the trace of its build, if the system shows processes.
pub(super) struct TracedSample {
    pub(super) sample: Sample,
    pub(super) trace: Option<BuildTrace>,
}

/// The folder with the traces of the samples of a run.
pub(super) struct TraceStore(PathBuf);

/// A case with the trace of its median sample.
pub(super) type TracedCase = (Case, BuildTrace);

impl TraceStore {
    /// Names the folder, which lies beside the journal of the samples.
    pub(super) fn beside(journal: &Path) -> Self {
        Self(journal.with_file_name("traces"))
    }

    /// Stores the trace of a sample. Builds in which nothing is compiled have nothing to show.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn keep(&self, case: &Case, traced: &TracedSample) -> Result<()> {
        let Some(trace) = traced.trace.as_ref().filter(|_| case.scenario != Scenario::Warm) else {
            return Ok(());
        };
        let text = serde_json::to_vec(trace).map_err(|e| Error::failed(format!("trace: {e}")))?;
        xtask_files::write(&self.file(case, traced.sample.seconds), &text)
    }

    fn file(&self, case: &Case, seconds: f64) -> PathBuf {
        // Seconds are stored as whole microseconds, as in timings.json.
        self.0.join(case.to_string().replace(['/', ' '], "-")).join(format!("{seconds:.6}.json"))
    }

    /// Returns the trace of the sample nearest to the median of each case, and removes the folder.
    pub(super) fn finish(self, records: &[(Case, CaseRecord)]) -> Vec<TracedCase> {
        let traced = records.iter().filter_map(|(case, record)| {
            let far = |seconds: &f64| (seconds - record.median_s).abs();
            let mut nearest = record.samples_s.clone();
            nearest.sort_by(|a, b| far(a).total_cmp(&far(b)));
            let read = |seconds: f64| std::fs::read(self.file(case, seconds)).ok();
            let bytes = nearest.into_iter().find_map(read)?;
            Some((case.clone(), serde_json::from_slice(&bytes).ok()?))
        });
        let traced = traced.collect();
        let _ = std::fs::remove_dir_all(&self.0);
        traced
    }
}

/// Writes the traces in the format of Chrome and Perfetto, and prints where the time of the builds from nothing went. With
/// `quiet`, it prints no table: another document is on standard output.
///
/// # Errors
/// The file cannot be written.
pub(super) fn report(file: &Path, traced: &[TracedCase], quiet: bool, ui: &Ui) -> Result<()> {
    if traced.is_empty() {
        if !cfg!(target_os = "linux") {
            ui.step("Tracing", "is possible on Linux only: there is no trace.json");
        }
        return Ok(());
    }
    let name = |case: &Case| format!("{} {}", case.target, case.mode);
    let cold = traced.iter().filter(|(case, _)| case.scenario == Scenario::Cold);
    let cold: Vec<(String, &BuildTrace)> = cold.map(|(case, trace)| (name(case), trace)).collect();
    if !quiet && !cold.is_empty() {
        ui.data(&format!("\n{}", summary(&named(&cold), ui.color_out)));
    }
    let all: Vec<(String, &BuildTrace)> =
        traced.iter().map(|(case, trace)| (case.to_string(), trace)).collect();
    xtask_files::write(file, chrome(&named(&all)).to_string().as_bytes())?;
    ui.step("Wrote", format!("{} (for https://ui.perfetto.dev)", file.display()));
    Ok(())
}

fn named<'t>(traces: &'t [(String, &'t BuildTrace)]) -> Vec<TraceCase<'t>> {
    traces.iter().map(|(name, trace)| TraceCase { name, trace }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use xtask_report::timing::SampledBy;

    #[test]
    fn the_trace_of_the_median_sample_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let store = TraceStore::beside(&dir.path().join("samples.jsonl"));
        let case = Case::new("t", Scenario::Cold, "native");
        let sample = |seconds: f64| Sample { seconds, ..Sample::default() };
        let trace = |seconds: f64| BuildTrace { seconds, ..BuildTrace::default() };
        // The trace of the median sample is missing: the next one is taken. An older run left one with another time.
        for seconds in [1.0, 2.5, 9.0, 2.1] {
            let traced = TracedSample { sample: sample(seconds), trace: Some(trace(seconds)) };
            store.keep(&case, &traced).unwrap();
        }
        let samples = [sample(1.0), sample(2.0), sample(2.5), sample(9.0), sample(1.5)];
        let record = CaseRecord::of(&case, &samples, SampledBy::Bench).unwrap();
        let traced = store.finish(&[(case.clone(), record)]);
        assert_eq!(traced, [(case, trace(2.5))]);
        assert!(!dir.path().join("traces").exists());
    }
}
