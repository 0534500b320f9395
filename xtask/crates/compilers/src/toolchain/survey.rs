//! The survey of toolchains. For each target it says which candidates were probed, the result of each probe,
//! and which toolchain was chosen. Verdicts are kept in the cache folder, so that a plan probes again only
//! after a change.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Once, OnceLock};
use std::time::Duration;

use super::candidates::{Candidates, Wish, Zig, candidates};
use super::identity::Fingerprint;
use super::names::gnu_prefixes;
use super::probe::{self, ProbeFolder, ProbeSetting, Verdict};
use super::runner::Runner;
use super::{Candidate, Nothing, Provider, Toolchain, workers, wrapper};
use xtask_files::counted;
use xtask_files::error::Result;
use xtask_files::threads::side_by_side;
use xtask_process::host::Host;
use xtask_process::ui::{Doing, Task, Ui, far};
use xtask_triple::Triple;

/// The input of the survey for one target.
#[derive(Debug, Clone)]
pub struct SurveyInput<'a> {
    /// The conditions of the probe.
    pub setting: ProbeSetting<'a>,
    /// The restrictions on the toolchain.
    pub wish: Wish,
}

/// The result of the survey for one target.
#[derive(Debug, Clone)]
pub struct Survey {
    /// The candidates that were probed, in order, each with its verdict.
    pub tried: Vec<(Candidate, Verdict)>,
    /// The candidates that exist but were not probed.
    pub untried: Vec<Candidate>,
    /// The providers without a candidate.
    pub nothing: Vec<Nothing>,
    /// The first toolchain that works, if there is one.
    pub chosen: Option<Toolchain>,
}

/// A toolchain whose probe was prevented by a fault of the machine.
#[derive(Debug, Clone, Copy)]
pub struct Unprobed<'a> {
    /// The toolchain that was not probed.
    pub candidate: &'a Candidate,
    /// The fault of the machine.
    pub fault: &'a str,
    /// What to do about it.
    pub help: &'a str,
}

/// The folders and programs that a survey uses.
#[derive(Debug, Clone)]
pub struct SurveyPaths<'a> {
    /// The cache folder for verdicts, shared by all workspaces of a user.
    pub cache: &'a Path,
    /// The folder for wrappers, one for each workspace.
    pub wrappers: PathBuf,
    /// The path of this program.
    pub this: &'a Path,
    /// Every zig on this machine.
    pub zigs: &'a [Zig],
}

/// How many candidates the survey probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// No candidate. They are only listed. Setup needs this before it installs what they require.
    Names,
    /// The candidates up to the first that works. A plan needs this.
    First,
    /// Every candidate. `explain` shows them.
    All,
}

/// Surveys all targets, in parallel on all cores.
pub fn survey(
    questions: &BTreeMap<Triple, SurveyInput>,
    host: &Host,
    places: &SurveyPaths,
    depth: Depth,
    ui: &Ui,
) -> BTreeMap<Triple, Survey> {
    let list: Vec<_> = questions.values().collect();
    let talk = SurveyProgress {
        ui,
        total: list.len(),
        done: AtomicUsize::new(0),
        task: OnceLock::new(),
        told: Once::new(),
    };
    let workers = xtask_files::threads::cores().get();
    let answer = |question: &SurveyInput<'_>| {
        let found = one(question, host, places, depth, &talk);
        talk.done();
        (question.setting.target.clone(), found)
    };
    side_by_side(list, workers, answer).into_iter().collect()
}

/// The progress display of a survey, and the warning that it gives once.
struct SurveyProgress<'a> {
    ui: &'a Ui,
    /// The number of targets that are surveyed.
    total: usize,
    /// The number of targets that are done.
    done: AtomicUsize,
    /// The progress task. It begins with the first probe, because most surveys find all verdicts in the
    /// cache.
    task: OnceLock<Task>,
    /// Whether the warning about verdicts that cannot be kept was given.
    told: Once,
}

impl SurveyProgress<'_> {
    /// Shows that a candidate is being probed.
    fn probing(&self, what: String) -> Doing {
        let task = self.task.get_or_init(|| {
            let targets = counted(self.total as u64, "target");
            self.ui.task("Probing", format!("C compilers for {targets}"))
        });
        self.far();
        task.doing(what)
    }

    fn done(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
        self.far();
    }

    fn far(&self) {
        if let Some(task) = self.task.get() {
            task.far(far(self.done.load(Ordering::Relaxed) as u64, Some(self.total as u64), "target"));
        }
    }
}

fn one(
    question: &SurveyInput,
    host: &Host,
    places: &SurveyPaths,
    depth: Depth,
    talk: &SurveyProgress<'_>,
) -> Survey {
    let target = question.setting.target;
    let Candidates { list, nothing } = candidates(target, host, &question.wish, places.zigs);
    let mut survey = Survey { tried: Vec::new(), untried: Vec::new(), nothing, chosen: None };
    let mut open = false;
    for mut candidate in list {
        let enough = survey.chosen.as_ref().is_some_and(|t| t.cxx.is_some() || !question.setting.cxx);
        let is_last = (enough || open) && depth == Depth::First || depth == Depth::Names;
        if is_last && candidate.absent.is_none() {
            survey.untried.push(candidate);
            continue;
        }
        if matches!(candidate.provider, Provider::Own(_)) {
            workers::complete(&mut candidate, target, host, places.cache);
        }
        let verdict = match wrapper::tools(&candidate, target, &places.wrappers, places.this) {
            Ok(tools) => {
                let verdict = verdict(&candidate, &tools, question, host, places, talk);
                if let Verdict::Works(works) = &verdict
                    && !open
                {
                    let toolchain = toolchain(&candidate, tools, works);
                    // The first toolchain that works. If C++ is needed, the first one that has it, or else
                    // the first one.
                    if survey.chosen.is_none() || !enough && toolchain.cxx.is_some() {
                        survey.chosen = Some(toolchain);
                    }
                }
                verdict
            }
            Err(error) => Verdict::without_files(&error),
        };
        // This candidate might be the right choice, so no later one is chosen.
        open |= !enough && matches!(verdict, Verdict::Unprobed { .. });
        survey.tried.push((candidate, verdict));
    }
    survey
}

fn toolchain(candidate: &Candidate, tools: wrapper::WrappedTools, works: &probe::Works) -> Toolchain {
    Toolchain {
        provider: candidate.provider,
        version: works.version.clone(),
        id: works.id.clone(),
        driver: candidate.cc[0].clone().into(),
        cxx: tools.cxx.filter(|_| works.cxx),
        cc: tools.cc,
        ar: tools.ar,
        ranlib: tools.ranlib,
        linker: tools.linker,
        link: candidate.link,
    }
}

fn verdict(
    candidate: &Candidate,
    tools: &wrapper::WrappedTools,
    question: &SurveyInput,
    host: &Host,
    places: &SurveyPaths,
    talk: &SurveyProgress<'_>,
) -> Verdict {
    let key = probe::key(candidate, &question.setting, places.this);
    let dir = places.cache.join("probes");
    let file = dir.join(format!("{key}.json"));
    let broken = dir.join(format!("{key}-{}.json", surroundings(question.setting.target, host)));
    // A kept verdict that cannot be read is ignored, and the probe runs again.
    for file in [&file, &broken] {
        if let Some(known) = std::fs::read(file).ok().and_then(|text| serde_json::from_slice(&text).ok()) {
            return known;
        }
    }
    if let Err(error) = question.setting.runner.prepare(talk.ui) {
        talk.ui.warn_once(error.to_string());
        let runner = Runner::None { reason: error.what };
        let setting = ProbeSetting { runner: &runner, ..question.setting.clone() };
        let question = SurveyInput { setting, wish: question.wish.clone() };
        return verdict(candidate, tools, &question, host, places, talk);
    }
    let made = candidate.link.rules().preparation.as_ref().map(|made| made.note).unwrap_or_default();
    let _doing = talk.probing(format!("{} for {}{made}", candidate.origin, question.setting.target));
    let scratch = match scratch(&format!("{key}.{}{PROBING}", std::process::id()), &dir, &places.wrappers) {
        Ok(scratch) => scratch,
        Err(error) => return Verdict::without_files(&error),
    };
    let verdict = probe::probe(candidate, tools, &question.setting, &scratch.0);
    let file = match verdict {
        Verdict::Unprobed { .. } => return verdict,
        // A toolchain of one's own is repaired in folders that nobody knows.
        Verdict::Broken { .. } if matches!(candidate.provider, Provider::Own(_)) => return verdict,
        Verdict::Broken { .. } => broken,
        Verdict::Works(_) | Verdict::Absent { .. } => file,
    };
    let text = serde_json::to_vec_pretty(&verdict).unwrap_or_default();
    if let Err(error) = xtask_files::write(&file, &text) {
        // The only effect is that every run probes again.
        talk.told.call_once(|| {
            let help = "set XTASK_CACHE_DIR to a folder that can be written";
            talk.ui.warn(format!(
                "the results of the probes of C toolchains cannot be kept: {}\n  help: {help}",
                error.what
            ));
        });
    }
    verdict
}

/// Makes a new folder for a probe, in the cache or else in the folder of the wrappers.
fn scratch(name: &str, cache: &Path, wrappers: &Path) -> Result<ProbeFolder> {
    let make = |dir: &Path| {
        let place = dir.join(name);
        // Remove the leftovers of a killed process with the same number, and old leftovers of others.
        let _ = std::fs::remove_dir_all(&place);
        sweep(dir);
        xtask_files::folder(&place).map(|()| ProbeFolder(place))
    };
    make(cache).or_else(|_| make(wrappers))
}

/// The suffix of the names of probe folders.
const PROBING: &str = ".tmp";

/// Far longer than any probe takes.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Removes the folders of killed probes.
fn sweep(dir: &Path) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let old = entry
            .metadata()
            .and_then(|meta| meta.modified())
            .is_ok_and(|made| made.elapsed().is_ok_and(|age| age > DAY));
        if old && entry.file_name().as_encoded_bytes().ends_with(PROBING.as_bytes()) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Returns a fingerprint of folders that can repair a compiler without changing it. A package with its
/// headers, libraries or assembler changes one of these folders. The verdict "broken" holds only while none
/// of them changes.
fn surroundings(target: &Triple, host: &Host) -> String {
    let usr = Path::new("/usr");
    let own = gnu_prefixes(target).into_iter().flat_map(|prefix| {
        [usr.join(&prefix).join("include"), usr.join(&prefix).join("lib"), usr.join("lib").join(prefix)]
    });
    let common = ["include", "lib", "local/include", "local/lib"].map(|dir| usr.join(dir));
    let all = host.path().iter().cloned().chain(common).chain(own);
    all.fold(Fingerprint::new("surroundings 1"), |print, dir| print.with_stat(&dir)).short()
}

impl Survey {
    /// Returns a toolchain whose probe was prevented by a fault of the machine, and which might be the right
    /// choice. None if a toolchain was chosen that has C++ or does not need it.
    pub fn unprobed(&self, cxx: bool) -> Option<Unprobed<'_>> {
        let has = |toolchain: &Toolchain| !cxx || toolchain.cxx.is_some();
        self.tried.iter().filter(|_| !self.chosen.as_ref().is_some_and(has)).find_map(
            |(candidate, verdict)| {
                let Verdict::Unprobed { fault, help, .. } = verdict else { return None };
                Some(Unprobed { candidate, fault, help })
            },
        )
    }

    /// Returns one line for each candidate and for each provider without one: what was tried and what was
    /// found.
    pub fn lines(&self) -> Vec<String> {
        let tried = self.tried.iter().map(|(candidate, verdict)| {
            let what = match verdict {
                Verdict::Works(works) => format!("works ({}; {})", works.version, works.steps.join(", ")),
                Verdict::Broken { step, said, .. } => format!("broken at {step}: {said}"),
                Verdict::Unprobed { fault, .. } => format!("could not be probed: {fault}"),
                Verdict::Absent { what } => format!("missing: {what}"),
            };
            (candidate.provider, format!("{}: {}: {what}", candidate.provider, candidate.origin))
        });
        let missing = |n: &Nothing| (n.provider, format!("{}: missing: {}", n.provider, n.looked_for));
        let mut lines: Vec<_> = tried.chain(self.nothing.iter().map(missing)).collect();
        lines.sort_by_key(|(provider, _)| *provider);
        lines.into_iter().map(|(_, line)| line).collect()
    }
}

/// Returns the runner of each target.
pub fn runners<'t>(targets: impl IntoIterator<Item = &'t Triple>, host: &Host) -> BTreeMap<Triple, Runner> {
    targets.into_iter().map(|t| (t.clone(), super::runner::find(t, host))).collect()
}
