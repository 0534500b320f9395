//! Samples the processes of a build while it runs.
//!
//! A sample reads the counters of each known process through a file that stays open. New processes are found by their IDs:
//! Linux gives IDs in ascending order and tells the last one, so only new IDs are looked at. A sample of a usual build takes
//! less than 0.1 ms.

use std::collections::BTreeMap;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use crate::account::{CpuAccounts, seconds};
use crate::command;
use crate::kind::WorkKind;
use crate::proc_files::{
    ProcCounters, StatFile, all_ids, arguments, last_id, peak_bytes, thread_s, uptime, variables,
};
use crate::unit::UnitClue;

/// The smallest and the largest interval between two samples. The end of a process is known as exactly as this.
const STEPS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(25));

/// The part of the time so far that the interval is: a long build needs fewer samples for the same precision.
const STEP_PART: u32 = 500;

/// The part of the build's CPU time that the sampler may use. If it uses more, because the build gets little of a busy
/// machine, it samples up to [`SLOWEST`] times more seldom.
const COST_MAX: f64 = 0.006;
const SLOWEST: u32 = 8;

/// The number of samples after which the sampler compares its cost.
const COST_CHECK: u64 = 32;

/// The number of samples between two looks at the peak memory of a process.
const MEMORY: u64 = 4;

/// The largest number of new IDs that are looked at one by one.
const NEW_MAX: u32 = 4000;

/// A trace that is running.
#[derive(Debug)]
pub struct TraceSampler {
    stop: Sender<()>,
    thread: JoinHandle<SampledBuild>,
}

/// The samples of a build.
#[derive(Debug)]
pub struct SampledBuild {
    pub(crate) processes: Vec<SampledProcess>,
    pub(crate) accounts: CpuAccounts,
    /// The CPU time that this process waited for, in seconds: that of all processes of the build.
    pub(crate) cpu_s: f64,
    /// The CPU time of the sampler itself, in seconds.
    pub(crate) sampler_s: f64,
    /// The time of the clock at the start.
    pub(crate) clock: SystemTime,
}

/// What the samples say of a process. Times are in seconds after the start of the trace.
#[derive(Debug)]
pub(crate) struct SampledProcess {
    id: u32,
    stat: Option<StatFile>,
    /// The index of the process that started it; none for this program.
    pub(crate) parent: Option<usize>,
    pub(crate) start: f64,
    /// The last sample in which it ran.
    seen: f64,
    pub(crate) end: Option<f64>,
    pub(crate) peak_bytes: u64,
    name: String,
    /// The number of samples of it.
    age: u64,
    pub(crate) label: String,
    pub(crate) kind: Option<WorkKind>,
    pub(crate) clue: Option<UnitClue>,
}

impl TraceSampler {
    /// Begins to sample the processes that this one starts. Returns none if the system does not show them.
    pub fn start() -> Option<Self> {
        let (stop, stopped) = mpsc::channel();
        let mut tree = SampledTree::begin()?;
        let sample = move || {
            while stopped.recv_timeout(tree.step()) == Err(RecvTimeoutError::Timeout) {
                tree.sample();
            }
            tree.finish()
        };
        let thread = std::thread::Builder::new().name("trace".into()).spawn(sample).ok()?;
        Some(Self { stop, thread })
    }

    /// Ends the trace. The build must have ended, and this process must have waited for it.
    pub fn finish(self) -> Option<SampledBuild> {
        drop(self.stop);
        self.thread.join().ok()
    }
}

/// The processes below this one, as known so far. The first is this one.
struct SampledTree {
    processes: Vec<SampledProcess>,
    accounts: CpuAccounts,
    /// The indexes of the processes that have not ended, by their IDs.
    alive: BTreeMap<u32, usize>,
    /// The last ID that was looked at.
    last: u32,
    /// IDs that were given but belonged to no process yet.
    early: Vec<u32>,
    sample: u64,
    begun: Instant,
    uptime: u64,
    clock: SystemTime,
    /// The factor by which samples are more seldom than usual.
    slower: u32,
    /// The CPU time that this process had waited for at the start, in ticks.
    reaped: u64,
    /// The largest number of ticks that a process can use between two samples.
    cores: u64,
}

impl SampledTree {
    fn begin() -> Option<Self> {
        let own = std::process::id();
        let mut stat = StatFile::open(own)?;
        let ProcCounters { reaped, .. } = stat.read()?;
        let mut tree = Self {
            processes: Vec::new(),
            accounts: CpuAccounts::default(),
            alive: BTreeMap::new(),
            last: last_id()?,
            early: Vec::new(),
            sample: 0,
            begun: Instant::now(),
            uptime: uptime()?,
            clock: SystemTime::now(),
            slower: 1,
            reaped,
            cores: std::thread::available_parallelism().map_or(1, |n| n.get() as u64),
        };
        tree.accounts.open(None, 0, 0);
        tree.add(own, None, 0.0, stat, String::new());
        Some(tree)
    }

    /// Returns the time until the next sample.
    fn step(&self) -> Duration {
        (self.begun.elapsed() / STEP_PART).clamp(STEPS.0, STEPS.1) * self.slower
    }

    /// Keeps the cost of the sampler below its limit.
    fn pace(&mut self) {
        let cost = thread_s().unwrap_or(0.0) / self.accounts.sum_s().max(0.1);
        self.slower = if cost > COST_MAX { (self.slower * 2).min(SLOWEST) } else { (self.slower / 2).max(1) };
    }

    fn sample(&mut self) {
        self.sample += 1;
        let now = self.begun.elapsed().as_secs_f64();
        let mut gone = Vec::new();
        let known: Vec<usize> = self.alive.values().copied().collect();
        for index in &known {
            if !self.look(*index, now) {
                gone.push(*index);
            }
        }
        // Children come after their parents.
        gone.sort_unstable_by(|a, b| b.cmp(a));
        for index in gone {
            self.end(index, now);
        }
        // A process uses at most its cores in a step that was late, and a tick is lost where counters are rounded.
        let longest = (self.step().as_millis() as u64 / 10 + 2) * self.cores + 1;
        for index in known {
            self.accounts.settle(index, self.sample, longest);
        }
        self.arrive(now);
        if self.sample.is_multiple_of(COST_CHECK) {
            self.pace();
        }
    }

    /// Reads the counters of a process. Returns false if it is gone.
    fn look(&mut self, index: usize, now: f64) -> bool {
        let process = &mut self.processes[index];
        let Some(counters) = process.stat.as_mut().and_then(StatFile::read) else { return false };
        let base = if index == 0 { self.reaped } else { 0 };
        let own = if index == 0 { 0 } else { counters.own };
        self.accounts.enter(index, own, counters.reaped.saturating_sub(base));
        if index == 0 {
            return true;
        }
        if counters.ended {
            process.end.get_or_insert((process.seen + now) / 2.0);
            return true;
        }
        process.seen = now;
        process.age += 1;
        // A new process is a copy of its parent until it replaces itself by its program.
        if process.age == 2 || process.name != counters.name {
            process.name = counters.name;
            self.identify(index);
        }
        let process = &mut self.processes[index];
        if process.age <= 2 || (self.sample + index as u64).is_multiple_of(MEMORY) {
            process.peak_bytes = process.peak_bytes.max(peak_bytes(process.id).unwrap_or(0));
        }
        true
    }

    fn end(&mut self, index: usize, now: f64) {
        let process = &mut self.processes[index];
        process.end.get_or_insert((process.seen + now) / 2.0);
        process.stat = None;
        let id = process.id;
        self.alive.remove(&id);
        self.accounts.close(index, self.sample);
    }

    /// Adds the processes that are new since the last sample.
    fn arrive(&mut self, now: f64) {
        let Some(last) = last_id() else { return };
        let mut new = std::mem::take(&mut self.early);
        let again = new.len();
        match last.checked_sub(self.last) {
            Some(count) if count <= NEW_MAX => new.extend(self.last + 1..=last),
            // The IDs began anew.
            _ => new.extend(all_ids()),
        }
        self.last = last;
        for (at, id) in new.into_iter().enumerate() {
            let stat = StatFile::open(id).and_then(|mut stat| Some((stat.read()?, stat)));
            let Some((counters, stat)) = stat else {
                // A process is listed a moment after it got its ID. Most of these have ended already.
                if at >= again {
                    self.early.push(id);
                }
                continue;
            };
            let parent = self.alive.get(&counters.parent).copied();
            let is_new = counters.is_process && !self.alive.contains_key(&id);
            let Some(parent) = parent.filter(|_| is_new) else { continue };
            let start = seconds(counters.start.saturating_sub(self.uptime));
            let index = self.accounts.open(Some(parent), counters.own, counters.reaped);
            self.add(id, Some(parent), start.min(now), stat, counters.name);
            self.processes[index].seen = now;
            self.identify(index);
        }
    }

    fn add(&mut self, id: u32, parent: Option<usize>, start: f64, stat: StatFile, name: String) {
        self.alive.insert(id, self.processes.len());
        self.processes.push(SampledProcess {
            id,
            stat: Some(stat),
            parent,
            start,
            seen: start,
            end: None,
            peak_bytes: 0,
            label: name.clone(),
            name,
            age: 0,
            kind: None,
            clue: None,
        });
    }

    /// Reads what a process does.
    fn identify(&mut self, index: usize) {
        let Some(process) = self.processes.get(index) else { return };
        let words = arguments(process.id);
        if words.is_empty() {
            return;
        }
        let parent = process.parent.and_then(|parent| self.processes.get(parent));
        let linked = parent.is_some_and(|parent| parent.kind == Some(WorkKind::Rust));
        let clue = UnitClue::of(&words, || variables(process.id));
        let kind = command::kind(&process.name, &words, linked);
        let label = command::label(&process.name, &words);
        let process = &mut self.processes[index];
        (process.clue, process.kind, process.label) = (clue, kind, label);
    }

    fn finish(mut self) -> SampledBuild {
        // The build has ended, and this process has waited for it.
        self.sample();
        self.sample();
        let now = self.begun.elapsed().as_secs_f64();
        let left: Vec<usize> = self.alive.values().copied().filter(|index| *index > 0).collect();
        for index in left.into_iter().rev() {
            self.end(index, now);
        }
        let cpu = self.processes[0].stat.as_mut().and_then(StatFile::read);
        SampledBuild {
            cpu_s: seconds(cpu.map_or(0, |counters| counters.reaped.saturating_sub(self.reaped))),
            processes: self.processes,
            accounts: self.accounts,
            sampler_s: thread_s().unwrap_or(0.0),
            clock: self.clock,
        }
    }
}
