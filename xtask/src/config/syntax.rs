//! What is not TOML, in the parser's words, without the errors that follow from others.

use toml::de::Error;

use super::diag::{Diag, Syntax};
use super::quote::quoted;
use super::source::Source;

/// Keeps one error for each line: the parser names what is wrong first, and then what it made of the rest.
pub(super) fn syntax<'a>(errors: &[Error], source: &Source) -> Option<Syntax<'a>> {
    if errors.is_empty() {
        return None;
    }
    let mut syntax = Syntax { contained: true, ..Syntax::default() };
    let open = errors.iter().any(|e| stays_open(e.message()));
    for error in in_order(errors, source) {
        let message = error.message();
        let end = source.text.trim_end().len();
        let span = error.span().unwrap_or(0..0);
        // An error at the end of the file belongs to its last line, not to the empty one below it.
        let span = if span.start > end { end..end } else { span };
        let line = source.line_of(span.start);
        if !syntax.lines.insert(line) {
            continue;
        }
        let text = source.text.get(span.clone()).unwrap_or_default();
        let header = source.text[source.line(line)].trim_start().starts_with('[');
        syntax.contained &= !header && !of_several_lines(message);
        let mut diag = Diag::new(Some(span.clone()), words(message));
        if let Some(help) = help(message, text, header) {
            diag.help(help);
        }
        syntax.list.push(diag);
        if open && of_several_lines(message) {
            // Everything after it was read as part of what stayed open.
            break;
        }
    }
    Some(syntax)
}

/// By line; within a line in the order in which the parser found them.
fn in_order<'e>(errors: &'e [Error], source: &Source) -> Vec<&'e Error> {
    let mut sorted: Vec<&Error> = errors.iter().collect();
    sorted.sort_by_key(|e| source.line_of(e.span().unwrap_or_default().start));
    sorted
}

/// A bracket that is never closed is only noticed at the end of the file.
fn stays_open(message: &str) -> bool {
    message.starts_with("unclosed array,") || message.starts_with("unclosed inline table")
}

fn of_several_lines(message: &str) -> bool {
    let several = ["in array", "array elements", "unclosed", "inline table", "key-value pairs", "multi-line"];
    several.iter().any(|s| message.contains(s))
}

fn words(message: &str) -> String {
    match message {
        "recursion limit" => "a key has too many parts".to_owned(),
        _ => message.to_owned(),
    }
}

fn help(message: &str, text: &str, header: bool) -> Option<String> {
    if message.starts_with("string values must be quoted") {
        return Some(if text.trim().is_empty() {
            "the value is missing".to_owned()
        } else {
            format!("text is written in quotes: {}", quoted(text))
        });
    }
    if message.starts_with("duplicate key") && header {
        let several = matches!(text, "mode" | "target" | "image");
        return Some(if several {
            format!("several of them are written [[{text}]], each with both brackets doubled")
        } else {
            format!("[{text}] is written once, with all of its keys below it")
        });
    }
    let known = [
        ("duplicate key", "each key is written once"),
        ("key with no value", "a line is `key = value`"),
        ("invalid basic string", "the string ends on the line it begins on, with \""),
        ("invalid literal string", "the string ends on the line it begins on, with '"),
        ("invalid multi-line", "the string is never closed"),
        ("missing comma between array", "lists are written [\"a\", \"b\"]; is an earlier [ never closed?"),
        ("unexpected `=` in array", "lists are written [\"a\", \"b\"]; is an earlier [ never closed?"),
        ("carriage return", "lines end with a newline, or a carriage return and a newline"),
    ];
    known.iter().find(|(begin, _)| message.starts_with(begin)).map(|(_, help)| (*help).to_owned())
}
