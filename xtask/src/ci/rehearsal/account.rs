//! What a rehearsal did, and how long it would take on several machines. Pure.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use crate::ci::matrix::longest_first;
use crate::ci::workflow::Workflow;

/// A step that was rehearsed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RehearsedStep {
    /// The job.
    pub job: String,
    /// The machine: the job, or the shard that it makes.
    pub machine: String,
    /// The name of the step.
    pub step: String,
    /// How long it took.
    pub seconds: f64,
    /// The bytes that the step hands on: the artifact, or what was sent to the registry.
    pub bytes: Option<u64>,
    /// How often the step, or the registry under it, was killed before.
    pub kills: usize,
}

/// Something that was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// The job.
    pub job: String,
    /// The name of the step; none if it is the whole job.
    pub step: Option<String>,
    /// The reason.
    pub why: String,
}

/// What a rehearsal did.
#[derive(Debug, Default)]
pub struct RehearsalAccount {
    /// The steps, in the order in which they ran.
    pub steps: Vec<RehearsedStep>,
    /// What was not done.
    pub left_out: Vec<LeftOut>,
    /// What stand-ins of programs were asked in place of the service, with the number of times.
    pub stood_in: BTreeMap<String, usize>,
    /// The folder with the merged release, if one was made.
    pub merged: Option<PathBuf>,
    /// The script that made the last shard.
    pub(super) shard: Option<String>,
}

impl RehearsalAccount {
    /// Returns the seconds from the first job to the end of the last one, if `machines` machines share the rows of a matrix and
    /// other jobs have a machine each.
    pub fn critical_path(&self, workflow: &Workflow, machines: usize) -> f64 {
        let mut ends: BTreeMap<&str, f64> = BTreeMap::new();
        // A job ends after those that it needs, wherever they stand in the file.
        for _ in &workflow.jobs {
            for job in &workflow.jobs {
                let begin = job.needs.iter().filter_map(|need| ends.get(need.as_str()));
                let begin = begin.copied().fold(0.0, f64::max);
                ends.insert(&job.id, begin + self.seconds(&job.id, machines));
            }
        }
        ends.into_values().fold(0.0, f64::max)
    }

    /// Returns the seconds of a job on so many machines.
    fn seconds(&self, job: &str, machines: usize) -> f64 {
        let mut rows: BTreeMap<&str, f64> = BTreeMap::new();
        for step in self.steps.iter().filter(|step| step.job == job) {
            *rows.entry(&step.machine).or_default() += step.seconds;
        }
        let shares = longest_first(rows.into_values().collect(), |seconds| *seconds, machines);
        shares.iter().map(|share| share.iter().sum()).fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_share_the_rows_of_a_matrix() {
        let head = "name: x\non:\n  push: {}\npermissions:\n  contents: read\ndefaults:\n  run:\n    shell: bash\njobs:\n";
        let job =
            |id: &str, needs: &str| format!("  {id}:\n{needs}    runs-on: x\n    steps:\n      - run: x\n");
        // A job may stand before the one that it needs.
        let jobs = [
            job("merge", "    needs: shard\n"),
            job("shard", "    needs: plan\n"),
            job("plan", ""),
            job("other", ""),
        ];
        let workflow = crate::ci::workflow::read("x.yml", &(head.to_owned() + &jobs.concat())).unwrap();
        let step = |job: &str, machine: &str, seconds| RehearsedStep {
            job: job.to_owned(),
            machine: machine.to_owned(),
            step: "x".to_owned(),
            seconds,
            bytes: None,
            kills: 0,
        };
        let steps = [
            ("plan", "plan", 1.0),
            ("shard", "a", 10.0),
            ("shard", "a", 1.0),
            ("shard", "b", 7.0),
            ("shard", "c", 5.0),
            ("merge", "merge", 2.0),
            ("other", "other", 13.0),
        ];
        let steps = steps.map(|(job, machine, seconds)| step(job, machine, seconds)).into();
        let account = RehearsalAccount { steps, ..RehearsalAccount::default() };
        for (machines, seconds) in [(1, 1.0 + 23.0 + 2.0), (2, 1.0 + 12.0 + 2.0), (3, 14.0), (100, 14.0)] {
            assert!((account.critical_path(&workflow, machines) - seconds).abs() < 1e-9, "{machines}");
        }
    }
}
