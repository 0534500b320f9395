//! Simulates a release on a number of machines: how long it takes, what it costs, and what keeps it from being faster.
//!
//! The model is a pipeline of two steps, as the workflow files have it. Each shard runs on a machine of its own: it starts,
//! gets the tool and the toolchains, compiles what runs on the host once, builds its jobs one call after the other, packs and
//! starts the programs, and uploads its folder. When the last one is done, one more machine starts, downloads all folders,
//! joins them and publishes the release. All times are in seconds, all sizes in bytes.

use std::iter;

use super::matrix::longest_first;

/// What a machine and the network between machines cost, whatever is built.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MachineCosts {
    /// The cores that a build can use.
    pub cores: f64,
    /// From the request for a machine to the first command of the pipeline, with the sources and the tool in place.
    pub start: f64,
    /// Installing and probing the toolchains of one target.
    pub setup: f64,
    /// CPU time of what a machine compiles for its host, once.
    pub host_cpu: f64,
    /// The bytes a second that one machine sends or receives.
    pub rate: f64,
    /// Joining one byte of a shard, without the download.
    pub join: f64,
    /// Sending one byte of the release to the registry, and reading it back.
    pub publish: f64,
}

/// One target in one mode.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JobCost {
    /// CPU time of the compilers; a shared cache can hold their results.
    pub compile_cpu: f64,
    /// The longest chain of compilers that wait for each other, without the last link.
    pub chain: f64,
    /// CPU time of the last crate and the link, which no cache holds.
    pub link: f64,
    /// Checking, packing and starting the program, with all images that contain it.
    pub pack: f64,
    /// What the job adds to the folder of its shard.
    pub bytes: f64,
}

/// A cache of compiled objects that all machines share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SharedCache {
    /// The part of the compilers' CPU time whose results the cache holds, from 0 to 1.
    pub hits: f64,
    /// The time of a hit, as a part of the time that the compiler would take.
    pub cost: f64,
}

/// A release: the jobs of each target, which stay on one machine.
#[derive(Debug, Clone, PartialEq)]
pub struct ScaledRelease {
    /// What machines cost.
    pub machine: MachineCosts,
    /// For each target, its jobs.
    pub targets: Vec<Vec<JobCost>>,
    /// The cache, where machines share one.
    pub cache: Option<SharedCache>,
}

/// What a release takes on a number of machines.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScaledRun {
    /// The machines that make shards: at most one for each target.
    pub machines: usize,
    /// From the start to the published release.
    pub wall: f64,
    /// The sum over all machines, with the one that joins.
    pub machine_time: f64,
    /// What is uploaded, downloaded and published.
    pub bytes: f64,
    /// The part of the wall time before the first build of the machine that ends last, with the start of the one that joins.
    pub preparation: f64,
    /// The part of the wall time in which the machine that ends last builds.
    pub builds: f64,
    /// The part of the wall time in which folders are sent, received, joined and published.
    pub joining: f64,
}

/// The stages of one machine.
#[derive(Debug, Clone, Copy, Default)]
struct Stages {
    preparation: f64,
    builds: f64,
    upload: f64,
}

impl ScaledRelease {
    /// Simulates the release on a number of machines, where each job takes exactly its time.
    pub fn on(&self, machines: usize) -> ScaledRun {
        self.run(machines, &mut iter::repeat(1.0))
    }

    /// Simulates the release once where the time of each machine's work is multiplied by the next of `factors`. What is
    /// balanced is the expected time, since nobody knows the factors before.
    ///
    /// An iterator that ends counts as one that goes on with 1.
    pub fn run(&self, machines: usize, factors: &mut dyn Iterator<Item = f64>) -> ScaledRun {
        let shards = self.balanced(machines);
        let (mut slowest, mut machine_time, mut sent) = (Stages::default(), 0.0, 0.0);
        for shard in &shards {
            let factor = factors.next().unwrap_or(1.0);
            let bytes: f64 = shard.iter().flat_map(|target| *target).map(|job| job.bytes).sum();
            let stages = Stages {
                preparation: self.machine.start
                    + factor
                        * (self.machine.setup * shard.len() as f64
                            + self.machine.host_cpu / self.machine.cores),
                builds: factor * shard.iter().map(|target| self.builds(target)).sum::<f64>(),
                upload: bytes / self.machine.rate,
            };
            machine_time += stages.all();
            sent += bytes;
            if stages.all() > slowest.all() {
                slowest = stages;
            }
        }
        let join = sent / self.machine.rate + sent * self.machine.join + sent * self.machine.publish;
        let joining = slowest.upload + join;
        let preparation = slowest.preparation + self.machine.start;
        ScaledRun {
            machines: shards.len(),
            wall: preparation + slowest.builds + joining,
            machine_time: machine_time + self.machine.start + join,
            // Uploaded by a shard, downloaded by the machine that joins, and published.
            bytes: 3.0 * sent,
            preparation,
            builds: slowest.builds,
            joining,
        }
    }

    /// The time of the jobs of one target on one machine, one after the other.
    fn builds(&self, jobs: &[JobCost]) -> f64 {
        let left = self.cache.map_or(1.0, |cache| 1.0 - cache.hits + cache.hits * cache.cost);
        let time = |job: &JobCost| {
            (left * job.compile_cpu / self.machine.cores).max(left * job.chain) + job.link + job.pack
        };
        jobs.iter().map(time).sum()
    }

    /// Divides the targets over machines, as `ci plan` does.
    fn balanced(&self, machines: usize) -> Vec<Vec<&[JobCost]>> {
        let targets = self.targets.iter().map(Vec::as_slice).collect();
        longest_first(targets, |target| self.builds(target) + self.machine.setup, machines)
    }
}

impl Stages {
    fn all(self) -> f64 {
        self.preparation + self.builds + self.upload
    }
}

#[cfg(test)]
mod tests;
