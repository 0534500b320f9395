//! The outcome of starting a program once, for programs and images: the limits, the verdict, and its text.

mod stack;

pub use stack::small_stack;

use serde::{Deserialize, Serialize};

use xtask_files::error::Result;
use xtask_files::escape::plain;
use xtask_files::{self as files, threads};
use xtask_process::exec::{Output, ProcessEnd};

/// The maximum output of a smoke run in bytes, for programs and images. A run that prints more is ended.
pub const SMOKE_MOST: u64 = 64_000_000;

/// The result of a smoke run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Smoke {
    /// The program ended as expected. A program outside of an image must end with exit code 0.
    Passed,
    /// The program did not end as expected; the text has its last output.
    Failed(String),
    /// The program was not run; the text gives the reason.
    Skipped(String),
}

/// The objection of the answering engine to an image that another runner has run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objection {
    /// The name of the engine and its message.
    pub said: String,
    /// Whether the engine rejected the image, other than for lack of an emulator. Users with such an engine
    /// will have the same problem. So with `--strict` the smoke run does not count as proof.
    pub refused: bool,
}

/// Calls a function for each item of a list, all at once. Smoke runs wait for processes, so together they
/// take as long as the slowest one.
///
/// # Errors
/// The first error in the order of the list, after all calls have ended.
pub fn side_by_side<T: Send, R: Send>(list: Vec<T>, each: impl Fn(T) -> Result<R> + Sync) -> Result<Vec<R>> {
    let count = list.len();
    threads::side_by_side(list, count, each).into_iter().collect()
}

/// Returns how a run ended, with the last output of the program.
pub fn how_it_ended(output: &Output) -> String {
    let words = [output.errors(), plain(&output.text())];
    let words = words.into_iter().find(|words| !words.is_empty()).unwrap_or_default();
    let last = last_words(&words);
    let end = match output.end {
        ProcessEnd::TimedOut(limit) => {
            format!("was still running after {} s, and was ended", limit.as_secs())
        }
        end @ ProcessEnd::Signal(_) => format!("was killed by {end}"),
        ProcessEnd::TooMuch(most) => format!("printed more than {}, and was ended", files::human_size(most)),
        end => format!("ended with {end}"),
    };
    format!("{end}\n  {}", last.join("\n  "))
}

/// Returns the last lines of a program's output.
pub fn last_words(words: &str) -> Vec<String> {
    let last: Vec<String> = words.lines().rev().take(12).map(shortened).collect();
    last.into_iter().rev().collect()
}

/// Returns a line of a program's output, shortened for a person to read.
pub fn shortened(line: &str) -> String {
    const MOST: usize = 500;
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line.to_owned(),
    }
}
