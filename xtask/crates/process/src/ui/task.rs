//! A task: work that takes some time, shown with its duration, its progress and the running activities. On a
//! terminal, one line is redrawn. Elsewhere, a line is printed at the start and every 15 seconds; the log of a CI
//! service folds the lines after the first. Work that is usually short is shown only after some seconds.

use std::io::Write as _;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Ui;
use super::line::{Moment, far, fit, rest, whole};

/// A running task. Dropping it removes its line from the terminal.
#[derive(Debug)]
pub struct Task {
    state: Arc<Mutex<TaskState>>,
    /// The sender whose drop ends the thread.
    running: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A function that observes the progress. It is called at most once a second, and only if the progress is
/// shown.
pub type TaskWatcher = Box<dyn Fn() -> Moment + Send>;

/// The progress that was reported to a task.
#[derive(Debug, Default)]
struct TaskState {
    far: String,
    parts: Option<TaskParts>,
    /// Every [`Doing`] that exists, with its number.
    doing: Vec<(u64, String, Instant)>,
    next: u64,
    note: Option<(String, Instant)>,
}

/// The parts of a task, which are done one after the other.
#[derive(Debug)]
struct TaskParts {
    done: u64,
    of: u64,
    name: &'static str,
}

/// A part of a task. It runs until this value is dropped.
#[derive(Debug)]
pub struct Doing {
    state: Arc<Mutex<TaskState>>,
    id: u64,
}

/// The control sequence that moves to the beginning of the line and clears it.
pub(super) const START: &str = "\r\x1b[2K";

const REDRAW: Duration = Duration::from_millis(120);
const REMIND: Duration = Duration::from_secs(15);
/// The time for which an observation is shown before the task observes again.
const LOOK: Duration = Duration::from_secs(1);
/// The time after which a late task is shown.
pub(super) const LATE: Duration = Duration::from_secs(5);

impl Task {
    /// Starts a task. Nothing is shown during `silence`. An observation by `look` takes precedence over
    /// reported progress.
    pub(super) fn start(
        ui: Ui,
        verb: &str,
        text: String,
        silence: Duration,
        look: Option<TaskWatcher>,
    ) -> Self {
        let begun = Instant::now();
        let state = Arc::new(Mutex::new(TaskState::default()));
        if ui.quiet {
            return Self { state, running: None, thread: None };
        }
        if !ui.live && silence.is_zero() {
            ui.step(verb, &text);
        }
        let (running, ended) = mpsc::channel::<()>();
        let (verb, shared) = (verb.to_owned(), Arc::clone(&state));
        let show = move || {
            let pause = if ui.live { REDRAW } else { REMIND };
            let mut wait = if silence.is_zero() { pause } else { silence };
            let mut seen: Option<(Instant, Moment)> = None;
            let mut group = None;
            while ended.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                if let Some(look) = &look
                    && seen.as_ref().is_none_or(|(when, _)| when.elapsed() >= LOOK)
                {
                    seen = Some((Instant::now(), look()));
                }
                let seen = seen.as_ref().map(|(_, moment)| moment.clone()).unwrap_or_default();
                let rest = rest(begun.elapsed(), &lock(&shared).moment(seen));
                match ui.live {
                    true => draw(&ui, &verb, &text, &rest),
                    false => {
                        let still = format!("still {}", verb.to_lowercase());
                        group.get_or_insert_with(|| ui.group(&format!("{still}: {text}")));
                        ui.step("", format!("{still}: {}", whole(&text, &rest)));
                    }
                }
                wait = pause;
            }
            if ui.live {
                print(START);
            }
        };
        // If the system has no more threads, the progress is not shown.
        let thread = std::thread::Builder::new().spawn(show).ok();
        Self { state, running: thread.is_some().then_some(running), thread }
    }

    /// Reports the progress: see [`super::far`]. It is shown after the count of [`Task::parts`].
    pub fn far(&self, text: impl Into<String>) {
        lock(&self.state).far = text.into();
    }

    /// Reports the current activity, which replaces the previous one.
    pub fn note(&self, text: impl Into<String>) {
        lock(&self.state).note = Some((text.into(), Instant::now()));
    }

    /// Reports the number of parts and their name. From now on, each [`Doing`] is one of them.
    pub fn parts(&self, of: usize, name: &'static str) {
        lock(&self.state).parts = Some(TaskParts { done: 0, of: of as u64, name });
    }

    /// Starts one of several parallel activities.
    #[must_use]
    pub fn doing(&self, text: impl Into<String>) -> Doing {
        let mut state = lock(&self.state);
        let id = state.next;
        state.next += 1;
        state.doing.push((id, text.into(), Instant::now()));
        Doing { state: Arc::clone(&self.state), id }
    }
}

impl TaskState {
    /// Returns the state to show, from the observation and the reported progress.
    fn moment(&self, seen: Moment) -> Moment {
        let parts = self.parts.as_ref().map(|parts| far(parts.done, Some(parts.of), parts.name));
        let told = [parts.as_deref(), Some(&self.far)].into_iter().flatten().filter(|text| !text.is_empty());
        let far = if seen.far.is_empty() { told.collect::<Vec<_>>().join(", ") } else { seen.far };
        if !seen.now.is_empty() {
            return Moment { far, now: seen.now };
        }
        let doing = self.doing.iter().map(|(_, text, since)| (text, since));
        let note = self.note.iter().map(|(text, since)| (text, since));
        let now = |(text, since): (&String, &Instant)| (text.clone(), since.elapsed());
        let now = if self.doing.is_empty() { note.map(now).collect() } else { doing.map(now).collect() };
        Moment { far, now }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.running = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Doing {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        state.doing.retain(|(id, ..)| *id != self.id);
        state.parts.iter_mut().for_each(|parts| parts.done += 1);
    }
}

fn lock(state: &Mutex<TaskState>) -> MutexGuard<'_, TaskState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Draws the line of a task within the terminal's width, because a wrapped line could not be redrawn.
fn draw(ui: &Ui, verb: &str, text: &str, rest: &str) {
    let color = if ui.color { ("\x1b[1;36m", "\x1b[0m") } else { ("", "") };
    // 14 columns are the verb's column, a space, and an empty last column, because some terminals wrap after
    // it.
    let line = fit(text, rest, super::columns().saturating_sub(14));
    print(&format!("{START}{}{verb:>12}{} {line}", color.0, color.1));
}

fn print(text: &str) {
    let mut err = std::io::stderr().lock();
    let _ = write!(err, "{text}");
    let _ = err.flush();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(state: &TaskState, seen: Moment) -> Vec<String> {
        state.moment(seen).now.into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn what_is_seen_goes_before_what_was_told() {
        let task = Ui::silent().task("Testing", "nothing");
        let state = || lock(&task.state);
        task.far("1 of 2 parts");
        task.note("last a");
        assert_eq!(names(&state(), Moment::default()), ["last a"]);
        let (one, two) = (task.doing("b"), task.doing("c"));
        assert_eq!(names(&state(), Moment::default()), ["b", "c"]);
        drop(one);
        assert_eq!(names(&state(), Moment::default()), ["c"]);
        let seen = Moment { far: String::new(), now: vec![("d".into(), Duration::ZERO)] };
        assert_eq!(names(&state(), seen.clone()), ["d"]);
        assert_eq!(state().moment(seen).far, "1 of 2 parts");
        assert_eq!(
            state().moment(Moment { far: "2 of 2 parts".into(), now: Vec::new() }).far,
            "2 of 2 parts"
        );
        drop(two);
    }

    #[test]
    fn parts_are_counted_when_they_end() {
        let task = Ui::silent().task("Testing", "nothing");
        task.parts(2, "image");
        let far = || lock(&task.state).moment(Moment::default()).far;
        let one = task.doing("a");
        assert_eq!(far(), "0 of 2 images");
        drop(one);
        assert_eq!(far(), "1 of 2 images");
        task.far("3 MB of 4 MB");
        assert_eq!(far(), "1 of 2 images, 3 MB of 4 MB");
    }
}
