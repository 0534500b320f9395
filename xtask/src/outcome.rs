//! What came of starting a program once, for programs and images alike: the bounds, the verdict, the words for it.

mod stack;

pub use stack::small_stack;

use serde::{Deserialize, Serialize};

use xtask_files::error::Result;
use xtask_files::escape::plain;
use xtask_files::{self as files, threads};
use xtask_process::exec::{Output, ProcessEnd};

/// How much a smoke run may print, of a program or an image, in bytes; then it is ended.
pub const SMOKE_MOST: u64 = 64_000_000;

/// The result of a smoke run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Smoke {
    /// The program ended as expected; a program outside of an image has to end with 0.
    Passed,
    /// The program did not end as expected; the text holds its last words.
    Failed(String),
    /// The program was not run; the text says why.
    Skipped(String),
}

/// What the engine that answers says to an image that something else ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objection {
    /// Its name and its words.
    pub said: String,
    /// It is not for want of an emulator: its users will meet it, so this is no proof where every proof is wanted.
    pub refused: bool,
}

/// Does something with each of a list, all of them at once: smoke runs wait for processes, and side by side they take as
/// long as the slowest.
///
/// # Errors
/// The first error in the order of the list, after all are done.
pub fn side_by_side<T: Send, R: Send>(list: Vec<T>, each: impl Fn(T) -> Result<R> + Sync) -> Result<Vec<R>> {
    let count = list.len();
    threads::side_by_side(list, count, each).into_iter().collect()
}

/// How a run ended, with the last words of the program.
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

/// The last lines of what a program said.
pub fn last_words(words: &str) -> Vec<String> {
    let last: Vec<String> = words.lines().rev().take(12).map(shortened).collect();
    last.into_iter().rev().collect()
}

/// A line of what a program said, as far as a person reads it.
pub fn shortened(line: &str) -> String {
    const MOST: usize = 500;
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line.to_owned(),
    }
}
