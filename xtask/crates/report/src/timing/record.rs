//! The types of the file timings.json.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::HostFacts;
use super::compare::TimingComparison;
use super::ratio::{IntervalMethod, Ratio};
use super::run::Sample;
use super::schedule::{Case, Scenario};
use super::stages::StageRecord;
use super::stats::{Timing, micro};
use super::stop::StopRule;
use xtask_files as files;
use xtask_files::error::{Error, Result};

/// The version of the file's format.
const SCHEMA: u32 = 1;

/// The document timings.json: the build times of the modes on this machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Timings {
    /// The version of the file's format, which is 1.
    pub schema: u32,
    /// The machine on which the samples were taken.
    pub host: HostFacts,
    /// The cases that were timed, ordered by target, scenario and mode.
    pub cases: Vec<CaseRecord>,
    /// The ratios of the first mode to the pure one, for each target and scenario that `bench` timed in both.
    pub ratios: Vec<RatioRecord>,
    /// How the last `bench` took its samples; none if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<MethodRecord>,
    /// What the last `bench` was compared with, and what came of it; none if it was not compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison: Option<TimingComparison>,
    /// The times of the stages of the last release on this machine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageRecord>,
}

/// How a run of `bench` took its samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MethodRecord {
    /// The seed of the order of the samples.
    pub seed: u64,
    /// The rule by which the run ended.
    pub rule: StopRule,
    /// Whether each mode was built once before the first sample.
    pub warm_up: bool,
    /// Whether the time limit ended the run.
    pub out_of_time: bool,
}

/// One timed case, with its samples and their summary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseRecord {
    /// The target triple of the build.
    pub target: String,
    /// The name of the mode that was built.
    pub mode: String,
    /// The state in which the build starts.
    #[serde(rename = "case")]
    pub scenario: Scenario,
    /// The samples in seconds, in the order in which they were taken, rounded to microseconds.
    pub samples_s: Vec<f64>,
    /// The median of the samples, in seconds.
    pub median_s: f64,
    /// The median of the samples' distances from the median, in seconds.
    pub mad_s: f64,
    /// The parts of the median sample's time.
    pub parts: Option<BuildSeconds>,
    /// The size of the program, in bytes.
    pub binary_bytes: Option<u64>,
    /// The size of its image's stored layers, in bytes.
    pub image_bytes: Option<u64>,
    /// The command that took the samples.
    #[serde(default)]
    pub by: SampledBy,
    /// The number of targets in the timed cargo call, whose times are not known separately. It is 1 in a
    /// bench.
    #[serde(default = "one")]
    pub targets_in_call: usize,
    /// The part of the median that belongs to this target if the call built several, in seconds: each moment belongs in
    /// equal parts to the processes that work in it, and work for the host to the targets that need it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_s: Option<f64>,
    /// The machine on which the samples were taken, if it is not that of the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostFacts>,
    /// The samples of a bench with all that was measured, in the order of `samples_s`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taken: Vec<Sample>,
}

fn one() -> usize {
    1
}

/// The parts of a build's time, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BuildSeconds {
    /// The time in C compilers that build scripts ran.
    pub c_s: f64,
    /// The time in rustc, without linking.
    pub rustc_s: f64,
    /// The time in linking the programs.
    pub link_s: f64,
    /// The time in everything else.
    pub other_s: f64,
}

/// The command that took samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SampledBy {
    /// A release, which timed a build that it ran anyway, once.
    #[default]
    Release,
    /// `bench`, under controlled conditions.
    Bench,
}

/// The time of one mode divided by that of another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RatioRecord {
    /// The target triple of the builds.
    pub target: String,
    /// The state in which the builds start.
    #[serde(rename = "case")]
    pub scenario: Scenario,
    /// The mode in the numerator.
    pub of: String,
    /// The mode in the denominator.
    pub to: String,
    /// The quotient of the medians.
    pub ratio: f64,
    /// The lower end of its interval.
    pub low: f64,
    /// The upper end of its interval.
    pub high: f64,
    /// The probability that such an interval contains the true value, 0 to 1: see [`Ratio::confidence`].
    #[serde(default)]
    pub confidence: f64,
    /// How the interval was computed.
    #[serde(default)]
    pub method: IntervalMethod,
}

impl BuildSeconds {
    pub(super) fn rounded(self) -> Self {
        let Self { c_s, rustc_s, link_s, other_s } = self;
        Self { c_s: micro(c_s), rustc_s: micro(rustc_s), link_s: micro(link_s), other_s: micro(other_s) }
    }
}

impl CaseRecord {
    /// Summarises the samples of a case.
    ///
    /// # Errors
    /// There is no sample, or one is not a duration.
    pub fn of(case: &Case, samples: &[Sample], by: SampledBy) -> Result<Self> {
        let seconds: Vec<f64> = samples.iter().map(|s| micro(s.seconds)).collect();
        let timing = Timing::of(&seconds)?;
        // Parts of different samples do not add up. Those of one real sample, the nearest to the median, do.
        let distance = |s: &&Sample| (s.seconds - timing.median).abs();
        let typical = samples.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)));
        let last = |size: fn(&Sample) -> Option<u64>| samples.iter().rev().find_map(size);
        Ok(Self {
            target: case.target.clone(),
            mode: case.mode.clone(),
            scenario: case.scenario,
            samples_s: seconds,
            median_s: micro(timing.median),
            mad_s: micro(timing.mad),
            parts: typical.and_then(|s| s.parts).map(BuildSeconds::rounded),
            binary_bytes: last(|s| s.binary_bytes),
            image_bytes: last(|s| s.image_bytes),
            by,
            targets_in_call: 1,
            share_s: None,
            host: None,
            taken: if by == SampledBy::Bench { samples.to_vec() } else { Vec::new() },
        })
    }

    fn key(&self) -> (&str, Scenario, &str) {
        (&self.target, self.scenario, &self.mode)
    }
}

impl Timings {
    /// Adds new cases to those of an older file. A case of `bench` is kept until `bench` measures it again. A
    /// case of a release is replaced by any newer one. Cases of another machine or compiler (its memory is
    /// ignored) are dropped, because they cannot be compared with these. `of` is the first mode, `to` the
    /// pure one. The ratios are computed again, only from cases of `bench`.
    pub fn merge(older: Option<Self>, host: HostFacts, newer: Vec<CaseRecord>, of: &str, to: &str) -> Self {
        let mut cases = Vec::new();
        let (mut method, mut stages) = (None, Vec::new());
        if let Some(older) = older {
            method = older.method;
            stages = if older.host.comparable(&host) { older.stages } else { Vec::new() };
            let here = |case: &CaseRecord| case.host.as_ref().unwrap_or(&older.host).comparable(&host);
            cases.extend(older.cases.into_iter().filter(here).map(|case| CaseRecord { host: None, ..case }));
        }
        for case in newer {
            match cases.iter_mut().find(|c| c.key() == case.key()) {
                Some(known) if known.by == SampledBy::Bench && case.by == SampledBy::Release => {}
                Some(known) => *known = case,
                None => cases.push(case),
            }
        }
        cases.sort_by(|a, b| a.key().cmp(&b.key()));
        let ratios = ratios(&cases, of, to);
        let method = method.filter(|_| cases.iter().any(|case| case.by == SampledBy::Bench));
        Self { schema: SCHEMA, host, cases, ratios, method, comparison: None, stages }
    }

    /// Joins the timings that several machines took for one release, and adds them to those of an older file, as
    /// [`Timings::merge`] does. The document names the first machine; cases of other machines name their own. Returns
    /// none if there are no parts.
    pub fn joined(older: Option<Self>, parts: Vec<Self>, of: &str, to: &str) -> Option<Self> {
        let host = parts.first()?.host.clone();
        let taken = |part: Self| {
            let elsewhere = (!part.host.comparable(&host)).then_some(part.host);
            part.cases.into_iter().map(move |case| CaseRecord { host: elsewhere.clone(), ..case })
        };
        let cases = parts.into_iter().flat_map(taken).collect();
        // The stages of a release on several machines are not those of one.
        Some(Self { stages: Vec::new(), ..Self::merge(older, host.clone(), cases, of, to) })
    }

    /// Reads the file at `path`; none if there is none.
    ///
    /// # Errors
    /// The file cannot be read, or does not have this format.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        let bytes = match files::read(path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::io("cannot read", path, &e)),
        };
        let parsed: Result<Self, _> = serde_json::from_slice(&bytes);
        match parsed {
            Ok(timings) if timings.schema == SCHEMA => Ok(Some(timings)),
            Ok(other) => Err(unusable(path, &format!("its schema is {}, not {SCHEMA}", other.schema))),
            Err(e) => Err(unusable(path, &e.to_string())),
        }
    }

    /// Writes the file at `path` in one step.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        files::write(path, self.json().as_bytes())
    }

    /// Returns the file's text: indented, with keys in a fixed order and a final newline.
    pub fn json(&self) -> String {
        crate::json::pretty(self)
    }
}

fn unusable(path: &Path, why: &str) -> Error {
    Error::failed(format!("{} cannot be used: {why}", path.display()))
        .help("remove it; `cargo xtask bench` writes a new one")
}

fn ratios(cases: &[CaseRecord], of: &str, to: &str) -> Vec<RatioRecord> {
    let measured = |c: &&CaseRecord| c.by == SampledBy::Bench;
    let first = cases.iter().filter(measured).filter(|c| c.mode == of && of != to);
    first
        .filter_map(|a| {
            let key = (a.target.as_str(), a.scenario, to);
            let b = cases.iter().filter(measured).find(|b| b.key() == key)?;
            // A file from elsewhere may have any samples. Samples without a ratio get no row.
            let Ratio { ratio, low, high, confidence, method } =
                Ratio::of(&a.samples_s, &b.samples_s).ok()?;
            Some(RatioRecord {
                target: a.target.clone(),
                scenario: a.scenario,
                of: of.to_owned(),
                to: to.to_owned(),
                ratio: micro(ratio),
                low: micro(low),
                high: micro(high),
                confidence: micro(confidence),
                method,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(rustc: &str, memory: u64) -> HostFacts {
        HostFacts {
            cores: 2,
            cpu: None,
            memory_bytes: Some(memory),
            os: "Linux".into(),
            rustc: Some(rustc.into()),
        }
    }

    fn seen(mode: &str, seconds: &[f64], by: SampledBy) -> CaseRecord {
        let case = Case::new("t", Scenario::Cold, mode);
        let sample = |s: &f64| Sample { seconds: *s, ..Sample::default() };
        CaseRecord::of(&case, &seconds.iter().map(sample).collect::<Vec<_>>(), by).unwrap()
    }

    fn merge(older: Option<Timings>, newer: Vec<CaseRecord>) -> Timings {
        Timings::merge(older, host("1.95", 8), newer, "native", "pure")
    }

    #[test]
    fn bench_overwrites_and_release_does_not() {
        let release = merge(
            None,
            vec![seen("native", &[9.0], SampledBy::Release), seen("pure", &[3.0], SampledBy::Release)],
        );
        assert_eq!((release.cases.len(), release.ratios.len()), (2, 0));
        let benched = vec![
            seen("pure", &[1.0, 1.0, 1.1], SampledBy::Bench),
            seen("native", &[4.0, 4.1, 4.2], SampledBy::Bench),
        ];
        let both = merge(Some(release), benched);
        assert_eq!(both.cases.iter().map(|c| c.samples_s.len()).collect::<Vec<_>>(), [3, 3]);
        assert_eq!((both.ratios.len(), both.ratios[0].ratio), (1, 4.1));
        let again = merge(Some(both.clone()), vec![seen("native", &[77.0], SampledBy::Release)]);
        assert_eq!(again, both);
        let anew = merge(Some(both), vec![seen("native", &[5.0], SampledBy::Bench)]);
        assert_eq!(anew.ratios[0].ratio, 5.0);
    }

    #[test]
    fn another_machine_or_compiler_starts_anew() {
        let old = merge(None, vec![seen("pure", &[1.0], SampledBy::Bench)]);
        let same = Timings::merge(Some(old.clone()), host("1.95", 9), vec![], "native", "pure");
        assert_eq!(same.cases.len(), 1, "memory differs from boot to boot");
        let other = Timings::merge(Some(old), host("1.96", 8), vec![], "native", "pure");
        assert_eq!(other.cases.len(), 0);
    }

    #[test]
    fn cases_of_several_machines_say_so() {
        let part = |target: &str, rustc: &str| {
            let mut case = seen("pure", &[1.0], SampledBy::Release);
            case.target = target.into();
            Timings::merge(None, host(rustc, 8), vec![case], "native", "pure")
        };
        let older = merge(None, vec![seen("pure", &[4.0, 4.0], SampledBy::Bench)]);
        let parts = vec![part("a", "1.95"), part("b", "1.95"), part("c", "1.96")];
        let joined = Timings::joined(Some(older), parts, "native", "pure").unwrap();
        let hosts: Vec<_> =
            joined.cases.iter().map(|c| (c.target.as_str(), c.host.clone().and_then(|h| h.rustc))).collect();
        assert_eq!(hosts, [("a", None), ("b", None), ("c", Some("1.96".into())), ("t", None)]);
        assert!(crate::timing::markdown(&joined).contains("c cold pure was timed on another machine"));
        // The next run of the first machine keeps what can be compared with it.
        let next = merge(Some(joined), vec![]);
        assert_eq!(next.cases.iter().map(|c| c.target.as_str()).collect::<Vec<_>>(), ["a", "b", "t"]);
        assert_eq!(Timings::joined(None, vec![], "native", "pure"), None);
    }

    #[test]
    fn parts_are_those_of_the_sample_next_to_the_median() {
        let case = Case::new("t", Scenario::Cold, "m");
        let sample = |seconds: f64, c_s: f64| Sample {
            seconds,
            parts: Some(BuildSeconds { c_s, rustc_s: 0.0, link_s: 0.0, other_s: 0.0 }),
            binary_bytes: Some((seconds * 10.0) as u64),
            ..Sample::default()
        };
        let record =
            CaseRecord::of(&case, &[sample(9.0, 9.0), sample(2.0, 2.0), sample(1.0, 1.0)], SampledBy::Bench)
                .unwrap();
        assert_eq!((record.parts.unwrap().c_s, record.binary_bytes), (2.0, Some(10)));
    }

    #[test]
    fn reads_back_what_it_wrote_and_refuses_the_rest() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("timings.json");
        assert_eq!(Timings::read(&path).unwrap(), None);
        let timings = merge(
            None,
            vec![seen("pure", &[0.1 + 0.2], SampledBy::Bench), seen("native", &[1.0], SampledBy::Bench)],
        );
        timings.write(&path).unwrap();
        assert_eq!(Timings::read(&path).unwrap(), Some(timings.clone()));
        // A file of an earlier version has neither single samples nor a method.
        let mut earlier: serde_json::Value = serde_json::from_str(&timings.json()).unwrap();
        for (list, keys) in [("cases", &["taken", "by"][..]), ("ratios", &["method"])] {
            for record in earlier[list].as_array_mut().unwrap() {
                keys.iter().for_each(|key| assert!(record.as_object_mut().unwrap().remove(*key).is_some()));
            }
        }
        std::fs::write(&path, earlier.to_string()).unwrap();
        assert_eq!(Timings::read(&path).unwrap().unwrap().cases.len(), 2);
        for bad in ["", "[]", "{\"schema\":1}", &timings.json().replace("\"schema\": 1", "\"schema\": 2")] {
            std::fs::write(&path, bad).unwrap();
            assert!(!Timings::read(&path).unwrap_err().help.is_empty(), "{bad}");
        }
    }
}
