//! The state of the machine while a sample is taken: what else used it, and how fast it ran. On Linux, from `/proc` (see
//! proc(5)); other systems give nothing.

use std::fs;

use serde::{Deserialize, Serialize};
use xtask_process::exec::processes::stat_fields;

/// What the system showed about itself during a build. A value that it does not show is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct SampleConditions {
    /// The mean number of processes that ran or wanted to run in the minute before the build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<f64>,
    /// The share of the processors' time that other programs of this system used, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub others: Option<f64>,
    /// The share of the processors' time that the hypervisor gave to other systems, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steal: Option<f64>,
    /// The mean frequency of the processors at the end of the build, in MHz.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mhz: Option<f64>,
}

/// A share of the processors' time above which a sample counts as disturbed.
const DISTURBED: f64 = 0.05;

impl SampleConditions {
    /// Returns whether other programs or systems took more than 5 % of the processors' time.
    pub fn is_disturbed(&self) -> bool {
        [self.others, self.steal].into_iter().flatten().any(|share| share > DISTURBED)
    }
}

/// Ticks of the clock since the system started, of all processors together.
#[derive(Debug, Clone, Copy, PartialEq)]
struct ProcessorTicks {
    busy: f64,
    steal: f64,
    all: f64,
}

/// An observation that is running.
#[derive(Debug)]
pub struct ConditionsWatch {
    load: Option<f64>,
    ticks: Option<ProcessorTicks>,
    own: Option<f64>,
}

impl ConditionsWatch {
    /// Begins to observe.
    pub fn start() -> Self {
        let load = read("loadavg").and_then(|text| text.split_whitespace().next()?.parse().ok());
        let (ticks, own) = now();
        Self { load, ticks, own }
    }

    /// Ends the observation. All processes that this one started meanwhile must have ended.
    pub fn finish(self) -> SampleConditions {
        let (ticks, own) = now();
        let mhz = read("cpuinfo").and_then(|text| frequency(&text));
        let shares = self.ticks.zip(ticks).and_then(|(from, to)| shares(from, to, own? - self.own?));
        SampleConditions {
            load: self.load,
            others: shares.map(|(others, _)| rounded(others)),
            steal: shares.map(|(_, steal)| rounded(steal)),
            mhz: mhz.map(f64::round),
        }
    }
}

fn read(name: &str) -> Option<String> {
    fs::read_to_string(format!("/proc/{name}")).ok()
}

fn now() -> (Option<ProcessorTicks>, Option<f64>) {
    (read("stat").and_then(|text| ticks(&text)), read("self/stat").and_then(|text| own_ticks(&text)))
}

fn rounded(share: f64) -> f64 {
    (share * 1e4).round() / 1e4
}

/// Reads the first line of `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal.
fn ticks(stat: &str) -> Option<ProcessorTicks> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let fields: Vec<f64> = line.split_whitespace().map_while(|field| field.parse().ok()).collect();
    let [user, nice, system, idle, wait, irq, softirq, steal, ..] = fields[..] else { return None };
    let busy = user + nice + system + irq + softirq;
    Some(ProcessorTicks { busy, steal, all: busy + idle + wait + steal })
}

/// Reads the ticks of this process and of the ended ones that it started: `/proc/self/stat`, fields 14 to 17.
fn own_ticks(stat: &str) -> Option<f64> {
    let mut fields = stat_fields(stat)?.1.skip(11);
    (0..4).map(|_| fields.next()?.parse::<f64>().ok()).sum()
}

/// Returns the shares of other programs and of other systems in the time between two readings.
fn shares(from: ProcessorTicks, to: ProcessorTicks, own: f64) -> Option<(f64, f64)> {
    let all = to.all - from.all;
    let share = |ticks: f64| (ticks / all).clamp(0.0, 1.0);
    (all > 0.0).then(|| (share(to.busy - from.busy - own), share(to.steal - from.steal)))
}

/// Returns the mean of `cpu MHz` in `/proc/cpuinfo`. Arm kernels have none.
fn frequency(cpuinfo: &str) -> Option<f64> {
    let lines = cpuinfo.lines().filter(|line| line.starts_with("cpu MHz"));
    let all: Vec<f64> = lines.filter_map(|line| line.split_once(':')?.1.trim().parse().ok()).collect();
    (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_used_is_what_is_left() {
        let from = ticks("cpu  100 10 40 800 50 0 0 0 0 0\ncpu0 1 1 1 1 1 1 1 1\n").unwrap();
        assert_eq!(from, ProcessorTicks { busy: 150.0, steal: 0.0, all: 1000.0 });
        let to = ticks("cpu  150 10 80 850 60 5 5 40 0 0\n").unwrap();
        let own = own_ticks("7 (a b) c) S 1 2 3 4 5 6 7 8 9 10 10 20 30 20 9 9\n").unwrap();
        assert_eq!(own, 80.0);
        assert_eq!(shares(from, to, own), Some((0.1, 0.2)));
        assert_eq!(shares(from, from, 0.0), None);
        assert_eq!(shares(from, to, 1e9), Some((0.0, 0.2)), "clocks differ by a tick");
        for bad in ["", "cpu  1 2 3\n", "cpu x\n"] {
            assert_eq!(ticks(bad), None);
        }
        assert_eq!(own_ticks("7 (a) S 1"), None);
        assert_eq!(frequency("cpu MHz\t\t: 2000.0\nx\ncpu MHz\t\t: 3000.0\n"), Some(2500.0));
        assert_eq!(frequency("BogoMIPS: 1\n"), None);
    }

    #[test]
    fn another_program_disturbs_and_an_own_one_does_not() {
        let of = |others: f64, steal: f64| SampleConditions {
            others: Some(others),
            steal: Some(steal),
            ..SampleConditions::default()
        };
        assert!(of(0.2, 0.0).is_disturbed() && of(0.0, 0.2).is_disturbed() && !of(0.03, 0.03).is_disturbed());
        assert!(!SampleConditions::default().is_disturbed());
        let found = ConditionsWatch::start().finish();
        if cfg!(target_os = "linux") {
            assert!(found.load.is_some());
        }
    }
}
