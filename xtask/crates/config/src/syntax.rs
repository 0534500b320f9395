//! The errors of a file that is not TOML, without errors that only follow from others.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::de::Error;

use super::diag::Diag;
use super::fault::{Fault, Faults};
use super::quote::quoted;
use super::source::SourceFile;

/// The errors of a file that is not TOML, and the lines that they affect.
pub(super) struct Syntax {
    /// The errors, at most one for each line.
    pub(super) list: Vec<Diag<'static>>,
    /// The lines of the errors, counted from 0.
    pub(super) lines: BTreeSet<usize>,
    /// Whether the other lines are read as intended, because no bracket, string or header was left open
    /// before them.
    pub(super) contained: bool,
}

impl Default for Syntax {
    fn default() -> Self {
        Self { list: Vec::new(), lines: BTreeSet::new(), contained: true }
    }
}

impl Syntax {
    /// Adds the parser's errors for `text`, which is the file with some lines left blank. Returns whether any
    /// of them was new. Only the parser's first error of each line is kept, because the others result from
    /// it.
    pub(super) fn add(&mut self, errors: &[Error], text: &str, source: &SourceFile) -> bool {
        if errors.is_empty() {
            return false;
        }
        let faults = Faults::of(text);
        let found = |error| {
            let fault = faults.fault(error);
            (place(error, fault, source), fault, error.message())
        };
        let mut sorted: Vec<(Range<usize>, Fault, &str)> = errors.iter().map(found).collect();
        sorted.sort_by_key(|(span, ..)| source.line_of(span.start));
        let open = sorted.iter().any(|(_, fault, _)| fault.stays_open());
        let before = self.lines.len();
        // Keys below a broken header belong to the table above it, and may already exist there.
        let mut headless = false;
        for (span, fault, message) in sorted {
            let line = source.line_of(span.start);
            if !self.lines.insert(line) {
                continue;
            }
            let whole_line = &source.text[source.line(line)];
            let header = whole_line.trim_start().starts_with('[');
            let duplicate = fault == Fault::Duplicate;
            if duplicate && headless {
                continue;
            }
            headless |= header && !duplicate;
            self.contained &= !header && !open && stands_alone(whole_line);
            let text = source.text.get(span.clone()).unwrap_or_default();
            self.list.push(diag(span, fault, message, text, header));
            if open && fault.of_several_lines() {
                // The text after it was read as part of the element that is not closed.
                break;
            }
        }
        self.lines.len() > before
    }

    /// Whether another error of the file is shown. An error that may only be a consequence of the errors about
    /// TOML is not. `whole` says that the error is about how parts of the file fit together.
    pub(super) fn leaves(&self, span: Option<&Range<usize>>, whole: bool, source: &SourceFile) -> bool {
        let elsewhere = |span: &Range<usize>| !self.lines.contains(&source.line_of(span.start));
        self.lines.is_empty() || (self.contained && !whole && span.is_some_and(elsewhere))
    }
}

/// Returns the bytes of the file to which the message about an error points.
fn place(error: &Error, fault: Fault, source: &SourceFile) -> Range<usize> {
    let end = source.text.trim_end().len();
    let span = error.span().unwrap_or_else(|| deep_key(source));
    // A string that is not closed is noticed at the end of the file. It begins at the last opening quotes.
    let opening = match fault {
        Fault::OpenText(quotes) if span.start >= end => {
            source.text.rfind(quotes).map(|at| at..at + quotes.len())
        }
        _ => None,
    };
    match opening {
        Some(opening) => opening,
        // For an error at the end of the file, the position is the end of the last line, not the empty line
        // after it.
        None if span.start > end => end..end,
        None => span,
    }
}

/// The parser's limit for the parts of a key and for the depth of brackets.
const MOST_PARTS: usize = 80;

/// Returns the line of a key with too many parts, for which the parser gives no position.
fn deep_key(source: &SourceFile) -> Range<usize> {
    let deep = source.text.split('\n').position(|line| line.matches('.').count() + 1 >= MOST_PARTS);
    deep.map_or(0..0, |line| source.line(line))
}

/// Whether every bracket and string of a line begins and ends in it. A bracket in a string may lead to a
/// wrong "no". Then some errors are shown only in the next run.
fn stands_alone(line: &str) -> bool {
    let count = |c: char| line.matches(c).count();
    count('[') == count(']') && count('{') == count('}') && !line.contains("\"\"\"") && !line.contains("'''")
}

/// Makes an error with a message for people who edit the file. The parser's own message is used only if there
/// is no better one.
fn diag(span: Range<usize>, fault: Fault, message: &str, text: &str, header: bool) -> Diag<'static> {
    const LIST: &str = "lists are written [\"a\", \"b\"]; is an earlier [ never closed?";
    let (words, help) = match fault {
        Fault::OpenHeaders => ("`]]` is missing", None),
        Fault::OpenHeader => ("`]` is missing", None),
        Fault::OpenString => ("the string is not closed on its line", None),
        Fault::OpenText(_) => ("the string is never closed", None),
        Fault::NoEquals => ("`=` is missing here", Some("a line is `key = value`".to_owned())),
        Fault::NoNewline => ("this must stand on a line of its own", None),
        Fault::NoComma => ("`,` or `]` is missing here", Some(LIST.to_owned())),
        Fault::EqualsInTable => ("`,` is missing before this", None),
        Fault::EqualsInList => ("`]` is missing before this line", Some(LIST.to_owned())),
        Fault::Boolean => ("neither `true` nor `false`", None),
        Fault::Number => ("not a number", Some("text is written in quotes".to_owned())),
        Fault::Return => {
            ("a carriage return that ends no line", Some("lines end with \\n or \\r\\n".to_owned()))
        }
        Fault::Deep => ("a key has too many parts", None),
        Fault::Bare if text.trim().is_empty() => ("a value is missing here", None),
        Fault::Bare => ("text without quotes", Some(format!("write {}", quoted(text)))),
        Fault::Duplicate => {
            let help = match text {
                "mode" | "target" | "provider" | "image" if header => {
                    format!("several of them are written [[{text}]], each with both brackets doubled")
                }
                _ if header => format!("write [{text}] once, with all of its keys below it"),
                _ => "each key is written once".to_owned(),
            };
            ("this is defined already", Some(help))
        }
        Fault::OpenList | Fault::OpenTable | Fault::InBrackets | Fault::Other => (message, None),
    };
    let mut diag = Diag::new(Some(span), words);
    if let Some(help) = help {
        diag.help(help);
    }
    diag
}
