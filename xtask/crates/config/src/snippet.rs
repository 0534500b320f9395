//! Returns a line of the file with a part of it underlined, for any content of the line.

use std::ops::Range;

use unicode_width::UnicodeWidthChar;

use super::quote::visible;
use super::source::SourceFile;

/// The maximum number of columns that are shown of a line. A longer line is cut around the position.
const COLUMNS: usize = 100;

/// The number of columns that stay before the position in a line that is cut.
const BEFORE: usize = 30;

/// The replacement for a tab, with the same width at every column.
const TAB: &str = "    ";

/// Returns the line in which `span` begins, with `span` underlined up to the end of that line:
///
/// ```text
///    |
/// 12 | triple = "x86"
///    |          ^^^^^
/// ```
pub(super) fn snippet(source: &SourceFile, span: &Range<usize>) -> String {
    let line = source.line_of(span.start);
    let bytes = source.line(line);
    let number = (line + 1).to_string();
    let (text, indent, length) = underlined(&source.text, bytes, span);
    let gutter = " ".repeat(number.len());
    let carets = "^".repeat(length);
    format!("{gutter} |\n{number} | {text}\n{gutter} | {}{carets}", " ".repeat(indent)).replace("| \n", "|\n")
}

/// Returns the text to show, the columns before the underline, and the columns of the underline (at least
/// one).
fn underlined(text: &str, line: Range<usize>, span: &Range<usize>) -> (String, usize, usize) {
    let begin = span.start.clamp(line.start, line.end);
    let before = text.get(line.start..begin).unwrap_or_default();
    let from = text.get(begin..line.end).unwrap_or_default();

    // The loop goes backwards from the position, so that a very long line takes no more time than its shown
    // part.
    let mut head: Vec<(String, usize)> = Vec::new();
    let mut indent = 0;
    let mut cut = false;
    for c in before.chars().rev() {
        let (shown, width) = cell(c);
        if indent + width > COLUMNS - BEFORE {
            cut = true;
            break;
        }
        indent += width;
        head.push((shown, width));
    }
    if cut {
        // In a line that is cut, most columns are used for the position and the text after it.
        while indent > BEFORE {
            indent -= head.pop().map_or(indent, |(_, width)| width);
        }
    }
    let mut shown = String::new();
    if cut {
        shown.push('…');
        indent += 1;
    }
    shown.extend(head.iter().rev().map(|(s, _)| s.as_str()));

    let mut columns = indent;
    let mut length = 0;
    for (i, c) in from.char_indices() {
        let (s, width) = cell(c);
        if columns + width > COLUMNS {
            shown.push('…');
            break;
        }
        if begin + i < span.end {
            length += width;
        }
        columns += width;
        shown.push_str(&s);
    }
    (shown.trim_end().to_owned(), indent, length.max(1))
}

/// Returns a character as it is shown, and its width in columns.
fn cell(c: char) -> (String, usize) {
    if c == '\t' {
        return (TAB.to_owned(), TAB.len());
    }
    let c = visible(c);
    (c.to_string(), c.width().unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str, piece: &str) -> String {
        let source = SourceFile::from_bytes(text.as_bytes(), "t".as_ref()).unwrap();
        let start = text.find(piece).unwrap();
        snippet(&source, &(start..start + piece.len()))
    }

    #[test]
    fn tabs_and_wide_characters_keep_the_underline_right() {
        assert_eq!(show("\ta = \"x\"\r\n", "\"x\""), "  |\n1 |     a = \"x\"\n  |         ^^^");
        assert_eq!(show("a = '日本' # x", "'日本'"), "  |\n1 | a = '日本' # x\n  |     ^^^^^^");
        assert_eq!(show("'日本' = x1", "x1"), "  |\n1 | '日本' = x1\n  |          ^^");
        // An `e` with a combining accent takes one column.
        assert_eq!(show("'e\u{301}' = x1", "x1"), "  |\n1 | 'e\u{301}' = x1\n  |       ^^");
    }

    #[test]
    fn long_lines_are_cut_around_the_place() {
        let text = format!("a = \"{}\" here {}", "y".repeat(5000), "z".repeat(5000));
        let shown = show(&text, "here");
        let lines: Vec<_> = shown.lines().collect();
        assert!(lines[1].starts_with("1 | …yyyy") && lines[1].ends_with("zzz…"), "{shown}");
        assert!(lines[1].chars().count() <= COLUMNS + 6);
        let column = lines[2].find('^').unwrap();
        assert_eq!(lines[1].chars().skip(column).take(4).collect::<String>(), "here");
    }

    #[test]
    fn a_span_over_lines_ends_with_its_first_line() {
        assert_eq!(show("a = [\n1,\n]", "[\n1,\n]"), "  |\n1 | a = [\n  |     ^");
        assert_eq!(show("a =\n", "\n"), "  |\n1 | a =\n  |    ^");
    }
}
