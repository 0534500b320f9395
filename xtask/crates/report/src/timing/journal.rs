//! The samples of a run on disk, one JSON line each, so that a run that was killed can go on.
//!
//! The first line is the header. The last line of a finished run says so. A line that was being written when the run was
//! killed is dropped: its sample is taken again.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::HostFacts;
use super::run::TakenSample;
use super::schedule::Case;
use super::stop::StopRule;
use xtask_files as files;
use xtask_files::error::{Error, Result};

/// The first line of a journal: everything on which the samples depend.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JournalHeader {
    /// The version of the file's format, which is 1.
    pub schema: u32,
    /// The seed of the order of the samples.
    pub seed: u64,
    /// The cases, in the order in which they were named.
    pub cases: Vec<Case>,
    /// The rule by which the run ends.
    pub rule: StopRule,
    /// A digest of the sources, and of other revisions that are built.
    pub sources: String,
    /// A digest of the toolchains and their settings.
    pub tools: String,
    /// The machine.
    pub host: HostFacts,
}

/// The last line of a journal.
#[derive(Debug, Serialize, Deserialize)]
struct JournalEnd {
    finished: bool,
}

/// The journal of the run that is taking samples.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
}

/// What a new run can take from the journal of an earlier one.
#[derive(Debug, Clone, PartialEq)]
pub enum EarlierRun {
    /// Nothing: there was none, or it finished.
    None,
    /// It was interrupted and cannot be continued, for this reason.
    Changed(&'static str),
    /// It was interrupted after these samples, whose order has this seed.
    Interrupted(u64, Vec<TakenSample>),
}

impl JournalHeader {
    /// Returns the first thing that differs from another run, or none if this run can continue it. Seeds are not
    /// compared, since a run that continues takes the seed of the earlier one.
    fn differs(&self, earlier: &Self) -> Option<&'static str> {
        let checks = [
            (self.schema == earlier.schema, "it was started by another version of this program"),
            (self.host.comparable(&earlier.host), "the machine or the compiler is another one"),
            (self.tools == earlier.tools, "the toolchains or their settings have changed"),
            (self.cases == earlier.cases && self.rule == earlier.rule, "its options were other ones"),
            (self.sources == earlier.sources, "the sources have changed"),
        ];
        checks.into_iter().find(|(same, _)| !same).map(|(_, why)| why)
    }
}

impl EarlierRun {
    /// Reads the journal at `path`, for a run with this header.
    pub fn read(path: &Path, header: &JournalHeader) -> Self {
        let text =
            files::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        let mut lines = whole_lines(&text);
        let Some(first) = lines.next() else { return Self::None };
        let Ok(earlier) = serde_json::from_str::<JournalHeader>(first) else {
            return Self::Changed("it was started by another version of this program");
        };
        let mut taken = Vec::new();
        for line in lines {
            match serde_json::from_str::<TakenSample>(line) {
                Ok(sample) => taken.push(sample),
                Err(_) if serde_json::from_str::<JournalEnd>(line).is_ok() => return Self::None,
                Err(_) => break,
            }
        }
        match header.differs(&earlier) {
            _ if taken.is_empty() => Self::None,
            Some(why) => Self::Changed(why),
            None => Self::Interrupted(earlier.seed, taken),
        }
    }
}

/// Returns the lines that were written completely.
fn whole_lines(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'))
}

impl Journal {
    /// Begins a journal at `path` in place of an earlier one, with the samples of the run that it continues.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn begin(path: &Path, header: &JournalHeader, taken: &[TakenSample]) -> Result<Self> {
        let mut text = line(header)?;
        for sample in taken {
            text += &line(sample)?;
        }
        files::write(path, text.as_bytes())?;
        let file =
            File::options().append(true).open(path).map_err(|e| Error::io("cannot write", path, &e))?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Adds a sample. It is on disk when this returns.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn add(&mut self, taken: &TakenSample) -> Result<()> {
        self.append(&line(taken)?)
    }

    /// Notes that the run has finished, so that the next one does not continue it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn finish(mut self) -> Result<()> {
        self.append(&line(&JournalEnd { finished: true })?)
    }

    fn append(&mut self, text: &str) -> Result<()> {
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(|e| Error::io("cannot write", &self.path, &e))
    }
}

fn line(value: &impl Serialize) -> Result<String> {
    let text =
        serde_json::to_string(value).map_err(|e| Error::failed(format!("cannot write a sample: {e}")))?;
    Ok(text + "\n")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::{Sample, Scenario};
    use super::*;

    fn header() -> JournalHeader {
        let host = HostFacts { cores: 2, cpu: None, memory_bytes: None, os: "Linux".into(), rustc: None };
        JournalHeader {
            schema: 1,
            seed: 9,
            cases: vec![Case::new("t", Scenario::Cold, "pure")],
            rule: StopRule::fixed(3, "pure"),
            sources: "s".into(),
            tools: "t".into(),
            host,
        }
    }

    fn taken(round: usize) -> TakenSample {
        let sample = Sample { seconds: 0.3, ..Sample::default() };
        TakenSample { case: Case::new("t", Scenario::Cold, "pure"), round, sample }
    }

    #[test]
    fn a_killed_run_is_read_back_and_a_finished_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/samples.jsonl");
        let earlier = |header: &JournalHeader| EarlierRun::read(&path, header);
        assert_eq!(earlier(&header()), EarlierRun::None);
        let mut journal = Journal::begin(&path, &header(), &[]).unwrap();
        assert_eq!(earlier(&header()), EarlierRun::None, "there is no sample yet");
        journal.add(&taken(0)).unwrap();
        journal.add(&taken(1)).unwrap();
        let both = EarlierRun::Interrupted(9, vec![taken(0), taken(1)]);
        assert_eq!(earlier(&JournalHeader { seed: 1, ..header() }), both);
        // What was being written when the run was killed.
        let text = fs::read_to_string(&path).unwrap();
        for torn in ["{\"target\":\"t\"", "{\"target\":\"t\"}\n", "\u{0}\u{0}"] {
            fs::write(&path, format!("{text}{torn}")).unwrap();
            assert_eq!(earlier(&header()), both, "{torn:?}");
        }
        let mut journal = Journal::begin(&path, &header(), &[taken(0), taken(1)]).unwrap();
        journal.add(&taken(2)).unwrap();
        assert_eq!(earlier(&header()), EarlierRun::Interrupted(9, vec![taken(0), taken(1), taken(2)]));
        journal.finish().unwrap();
        assert_eq!(earlier(&header()), EarlierRun::None);
    }

    #[test]
    fn whatever_has_changed_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("samples.jsonl");
        Journal::begin(&path, &header(), &[taken(0)]).unwrap();
        let mut rust = header();
        rust.host.rustc = Some("rustc 1.96".into());
        for (changed, word) in [
            (JournalHeader { sources: "x".into(), ..header() }, "sources"),
            (JournalHeader { tools: "x".into(), ..header() }, "toolchains"),
            (JournalHeader { rule: StopRule::fixed(4, "pure"), ..header() }, "options"),
            (JournalHeader { cases: vec![], ..header() }, "options"),
            (rust, "machine or the compiler"),
        ] {
            let EarlierRun::Changed(why) = EarlierRun::read(&path, &changed) else { panic!("{word}") };
            assert!(why.contains(word), "{why}");
        }
        fs::write(&path, "{}\n").unwrap();
        assert!(matches!(EarlierRun::read(&path, &header()), EarlierRun::Changed(_)));
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert_eq!(EarlierRun::read(&path, &header()), EarlierRun::None);
        assert!(Journal::begin(&path, &header(), &[]).is_err());
    }
}
