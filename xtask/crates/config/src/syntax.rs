//! What is not TOML, without the errors that only follow from others.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::de::Error;

use super::diag::Diag;
use super::quote::quoted;
use super::source::Source;

/// Why a file is not TOML, and how far that reaches.
pub(super) struct Syntax {
    /// The errors: at most one for each line.
    pub(super) list: Vec<Diag<'static>>,
    /// Their lines, counted from 0.
    pub(super) lines: BTreeSet<usize>,
    /// What stands on other lines means what it says: no bracket, string or header that stayed open swallowed it.
    pub(super) contained: bool,
}

impl Default for Syntax {
    fn default() -> Self {
        Self { list: Vec::new(), lines: BTreeSet::new(), contained: true }
    }
}

impl Syntax {
    /// Adds what the parser found; says whether any of it was new. For each line one error is kept, the parser's first:
    /// the others are what it made of the rest of the line.
    pub(super) fn add(&mut self, errors: &[Error], source: &Source) -> bool {
        let mut sorted: Vec<(Range<usize>, &str)> =
            errors.iter().map(|e| (place(e, source), e.message())).collect();
        sorted.sort_by_key(|(span, _)| source.line_of(span.start));
        let open = errors.iter().any(|e| stays_open(e.message()));
        let before = self.lines.len();
        // The keys below a header that is not one fall to the table above it, where they are there already.
        let mut headless = false;
        for (span, message) in sorted {
            let line = source.line_of(span.start);
            if !self.lines.insert(line) {
                continue;
            }
            let whole_line = &source.text[source.line(line)];
            let header = whole_line.trim_start().starts_with('[');
            let duplicate = message.starts_with("duplicate key");
            if duplicate && headless {
                continue;
            }
            headless |= header && !duplicate;
            self.contained &= !header && !open && stands_alone(whole_line);
            let text = source.text.get(span.clone()).unwrap_or_default();
            self.list.push(diag(span, message, text, header));
            if open && of_several_lines(message) {
                // Everything after it was read as part of what stayed open.
                break;
            }
        }
        self.lines.len() > before
    }

    /// Whether another error of the file is more than a consequence of its not being TOML. `whole` says that the error
    /// is about how parts of the file fit together.
    pub(super) fn leaves(&self, span: Option<&Range<usize>>, whole: bool, source: &Source) -> bool {
        let elsewhere = |span: &Range<usize>| !self.lines.contains(&source.line_of(span.start));
        self.lines.is_empty() || (self.contained && !whole && span.is_some_and(elsewhere))
    }
}

/// Where to point.
fn place(error: &Error, source: &Source) -> Range<usize> {
    let end = source.text.trim_end().len();
    let span = error.span().unwrap_or_else(|| deep_key(source));
    // A string that stays open is noticed at the end of the file; the last opening of one is its beginning.
    let quotes = match error.message() {
        m if m.starts_with("invalid multi-line basic") => "\"\"\"",
        m if m.starts_with("invalid multi-line literal") => "'''",
        _ => "",
    };
    let opening = source.text.rfind(quotes).filter(|_| !quotes.is_empty() && span.start >= end);
    match opening {
        Some(opening) => opening..opening + quotes.len(),
        // The end of the file is the end of its last line, not the empty one below it.
        None if span.start > end => end..end,
        None => span,
    }
}

/// The parser's limit for the parts of a key, and for the depth of brackets.
const MOST_PARTS: usize = 80;

/// The line with a key of too many parts, for which the parser names no place.
fn deep_key(source: &Source) -> Range<usize> {
    let deep = source.text.split('\n').position(|line| line.matches('.').count() + 1 >= MOST_PARTS);
    deep.map_or(0..0, |line| source.line(line))
}

/// A bracket or a string of several lines that is never closed is only noticed at the end of the file.
fn stays_open(message: &str) -> bool {
    ["unclosed array,", "unclosed inline table", "invalid multi-line"].iter().any(|m| message.starts_with(m))
}

/// Whether a line begins and ends everything that it holds. Brackets in strings make it look as if not, which costs
/// no more than another run.
fn stands_alone(line: &str) -> bool {
    let count = |c: char| line.matches(c).count();
    count('[') == count(']') && count('{') == count('}') && !line.contains("\"\"\"") && !line.contains("'''")
}

/// What the parser finds inside of a bracket that stays open.
fn of_several_lines(message: &str) -> bool {
    let several = ["in array", "array elements", "unclosed", "inline table", "key-value pairs", "multi-line"];
    several.iter().any(|s| message.contains(s))
}

/// The parser's message in the words of someone who edits the file; its own words where none of ours fit.
fn diag(span: Range<usize>, message: &str, text: &str, header: bool) -> Diag<'static> {
    let list = "lists are written [\"a\", \"b\"]; is an earlier [ never closed?";
    let ours = [
        ("unclosed array table", "`]]` is missing", ""),
        ("unclosed table", "`]` is missing", ""),
        ("invalid basic string, expected `\"`", "the string is not closed on its line", ""),
        ("invalid literal string, expected `'`", "the string is not closed on its line", ""),
        ("invalid multi-line basic string, expected `\"`", "the string is never closed", ""),
        ("invalid multi-line literal string, expected `'`", "the string is never closed", ""),
        ("key with no value", "`=` is missing here", "a line is `key = value`"),
        ("unexpected key or value, expected newline", "this must stand on a line of its own", ""),
        ("missing comma between array", "`,` or `]` is missing here", list),
        ("extra assignment between key-value pairs", "`,` is missing before this", ""),
        ("unexpected `=` in array", "`]` is missing before this line", list),
        ("invalid boolean", "neither `true` nor `false`", ""),
        ("invalid float", "not a number", "text is written in quotes"),
        ("carriage return", "a carriage return that ends no line", "lines end with \\n or \\r\\n"),
        ("recursion limit", "a key has too many parts", ""),
    ];
    if message.starts_with("string values must be quoted") {
        if text.trim().is_empty() {
            return Diag::new(Some(span), "a value is missing here");
        }
        let mut diag = Diag::new(Some(span), "text without quotes");
        diag.help(format!("write {}", quoted(text)));
        return diag;
    }
    if message.starts_with("duplicate key") {
        let mut diag = Diag::new(Some(span), "this is defined already");
        diag.help(match text {
            "mode" | "target" | "image" if header => {
                format!("several of them are written [[{text}]], each with both brackets doubled")
            }
            _ if header => format!("write [{text}] once, with all of its keys below it"),
            _ => "each key is written once".to_owned(),
        });
        return diag;
    }
    let (_, words, help) =
        ours.into_iter().find(|(begin, ..)| message.starts_with(begin)).unwrap_or(("", message, ""));
    let mut diag = Diag::new(Some(span), words);
    if !help.is_empty() {
        diag.help(help);
    }
    diag
}
