//! Something that takes a while: shown with what it is doing now and how long it has taken. On a terminal one line is
//! redrawn; elsewhere a line is printed at the start and every 15 seconds. What is mostly done at once is shown late.

use std::io::Write as _;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Ui;

/// A running task. Dropping it takes its line from the terminal.
#[derive(Debug)]
pub struct Task {
    notes: Option<Sender<String>>,
    thread: Option<JoinHandle<()>>,
}

/// Goes to the beginning of the line and empties it.
pub(super) const START: &str = "\r\x1b[2K";

const REDRAW: Duration = Duration::from_millis(120);
const REMIND: Duration = Duration::from_secs(15);
/// When a task that is shown late is.
pub(super) const LATE: Duration = Duration::from_secs(5);

impl Task {
    /// `silence` is how long nothing is shown.
    pub(super) fn start(ui: Ui, verb: &str, text: String, silence: Duration) -> Self {
        let begun = Instant::now();
        if ui.quiet {
            return Self { notes: None, thread: None };
        }
        if !ui.live && silence.is_zero() {
            ui.step(verb, &text);
        }
        let (notes, received) = mpsc::channel::<String>();
        let verb = verb.to_owned();
        let thread = std::thread::spawn(move || {
            let mut note = String::new();
            let pause = if ui.live { REDRAW } else { REMIND };
            let mut wait = if silence.is_zero() { pause } else { silence };
            loop {
                let deadline = Instant::now() + wait;
                loop {
                    match received.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                        Ok(new) => note = new,
                        Err(RecvTimeoutError::Timeout) => break,
                        Err(RecvTimeoutError::Disconnected) => {
                            if ui.live {
                                draw("");
                            }
                            return;
                        }
                    }
                }
                let now = if note.is_empty() { String::new() } else { format!(" · {note}") };
                let line = format!("{text} · {} s{now}", begun.elapsed().as_secs());
                if ui.live {
                    let color = if ui.color { ("\x1b[1;36m", "\x1b[0m") } else { ("", "") };
                    // A line that wraps could not be redrawn.
                    let line: String = line.chars().take(100).collect();
                    draw(&format!("{}{verb:>12}{} {line}", color.0, color.1));
                } else {
                    ui.step("", format!("still {}: {line}", verb.to_lowercase()));
                }
                wait = pause;
            }
        });
        Self { notes: Some(notes), thread: Some(thread) }
    }

    /// Says what is being done now.
    pub fn note(&self, text: impl Into<String>) {
        if let Some(notes) = &self.notes {
            let _ = notes.send(text.into());
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.notes = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn draw(line: &str) {
    let mut err = std::io::stderr().lock();
    let _ = write!(err, "{START}{line}");
    let _ = err.flush();
}
