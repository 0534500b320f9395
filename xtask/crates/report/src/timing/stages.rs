//! How long each stage of a release takes.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::stats::micro;

/// A stage of a release, in the order in which they are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReleaseStage {
    /// Cargo builds the programs.
    Build,
    /// The gate examines the programs. The times of all programs are added up, though they pass it side by side.
    Gate,
    /// The programs are started. The times of all programs are added up, though they run side by side.
    SmokeRun,
    /// Bases are chosen and fetched.
    Bases,
    /// Images are packed.
    Packing,
    /// The images are started.
    ImageRun,
    /// Bills of materials are written.
    Bills,
    /// Archives are packed.
    Archives,
    /// Statements about what was made are written and signed.
    Statements,
}

/// The time of a stage: an element of `stages` in timings.json.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StageRecord {
    /// The stage.
    pub stage: ReleaseStage,
    /// Its time in seconds.
    pub seconds: f64,
}

/// The times of the stages of a run so far.
#[derive(Debug, Default)]
pub struct StageClock(Mutex<BTreeMap<ReleaseStage, f64>>);

impl ReleaseStage {
    /// Returns the name of the stage for a table.
    pub fn word(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Gate => "gate, all programs",
            Self::SmokeRun => "smoke runs, all programs",
            Self::Bases => "bases",
            Self::Packing => "packing",
            Self::ImageRun => "smoke runs of images",
            Self::Bills => "bills of materials",
            Self::Archives => "archives",
            Self::Statements => "statements",
        }
    }
}

impl StageClock {
    /// Does some work of a stage, and adds its time.
    pub fn time<T>(&self, stage: ReleaseStage, work: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let result = work();
        let seconds = begun.elapsed().as_secs_f64();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(stage).or_default() += seconds;
        result
    }

    /// Returns the time of each stage that did any work.
    pub fn records(&self) -> Vec<StageRecord> {
        let times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        times.iter().map(|(stage, seconds)| StageRecord { stage: *stage, seconds: micro(*seconds) }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_of_a_stage_adds_up_in_the_order_of_the_stages() {
        let clock = StageClock::default();
        let nap = || std::thread::sleep(std::time::Duration::from_millis(5));
        clock.time(ReleaseStage::Packing, nap);
        clock.time(ReleaseStage::Build, nap);
        let once = clock.records()[1].seconds;
        clock.time(ReleaseStage::Packing, nap);
        let records = clock.records();
        assert_eq!(records.iter().map(|r| r.stage.word()).collect::<Vec<_>>(), ["build", "packing"]);
        assert!(once >= 0.005 && records[1].seconds >= once + 0.005);
    }
}
