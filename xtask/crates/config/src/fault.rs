//! The fault of a file that is not TOML. It is derived from the tokens that the parser expected and from the
//! enclosing element. The parser's messages are not used, because they may change.

use std::collections::{BTreeMap, BTreeSet};

use toml::de::Error;
use toml_parser::decoder::{Encoding, ScalarKind};
use toml_parser::parser::{Event, EventKind, RecursionGuard, ValidateWhitespace, parse_document};
use toml_parser::{Expected, ParseError, Source, Span};

/// The fault at one position of a file that is not TOML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// `[a` is not closed.
    OpenHeader,
    /// `[[a` is not closed, or only by one bracket.
    OpenHeaders,
    /// A list is not closed.
    OpenList,
    /// An inline table is not closed.
    OpenTable,
    /// A string is not closed on its line.
    OpenString,
    /// A multi-line string that begins with these quotes is not closed.
    OpenText(&'static str),
    /// A key has no `=` after it.
    NoEquals,
    /// A complete line has more text after it.
    NoNewline,
    /// Two items of a list have no comma between them.
    NoComma,
    /// A list contains `=`.
    EqualsInList,
    /// An inline table contains `=` where a comma is expected.
    EqualsInTable,
    /// Another fault inside brackets or braces.
    InBrackets,
    /// A value that is neither a quoted text nor of another type.
    Bare,
    /// A value that begins like `true` or `false` but is neither.
    Boolean,
    /// A value that begins like a number but is not one.
    Number,
    /// A carriage return that does not end a line.
    Return,
    /// A key with too many parts. The parser gives no position for it.
    Deep,
    /// A key or table that is already defined.
    Duplicate,
    /// A fault without a variant of its own.
    Other,
}

impl Fault {
    /// Whether the parser notices it only at the end of the file, because something is not closed.
    pub(super) fn stays_open(self) -> bool {
        matches!(self, Fault::OpenList | Fault::OpenTable | Fault::OpenText(_))
    }

    /// Whether it may occur inside an element that is not closed.
    pub(super) fn of_several_lines(self) -> bool {
        let inside =
            matches!(self, Fault::NoComma | Fault::EqualsInList | Fault::EqualsInTable | Fault::InBrackets);
        inside || self.stays_open() || matches!(self, Fault::OpenHeader | Fault::OpenHeaders)
    }
}

/// A range of a text: its start and its end.
type TextRange = (usize, usize);

/// The faults of a text, by their positions.
pub(super) struct Faults {
    faults: BTreeMap<TextRange, Fault>,
    keys: BTreeSet<TextRange>,
}

/// The maximum depth in toml's own parser.
const DEPTH: u32 = 80;

impl Faults {
    /// Finds the faults of a text with the parser that toml itself uses.
    pub(super) fn of(text: &str) -> Self {
        let source = Source::new(text);
        let (mut events, mut errors): (Vec<Event>, Vec<ParseError>) = (Vec::new(), Vec::new());
        let mut checked = ValidateWhitespace::new(&mut events, source);
        let mut receiver = RecursionGuard::new(&mut checked, DEPTH);
        parse_document(&source.lex().into_vec(), &mut receiver, &mut errors);
        let (mut this, mut opened) =
            (Self { faults: BTreeMap::new(), keys: BTreeSet::new() }, BTreeMap::new());
        let mut values = Vec::new();
        for event in &events {
            let (kind, encoding, span) = (event.kind(), event.encoding(), event.span());
            let mut errors: Vec<ParseError> = Vec::new();
            let scalar = match (kind, source.get(event)) {
                (EventKind::SimpleKey, Some(raw)) => {
                    this.keys.insert((span.start(), span.end()));
                    raw.decode_key(&mut (), &mut errors);
                    None
                }
                (EventKind::Scalar, Some(raw)) => Some(raw.decode_scalar(&mut (), &mut errors)),
                (
                    EventKind::StdTableOpen
                    | EventKind::ArrayTableOpen
                    | EventKind::ArrayOpen
                    | EventKind::InlineTableOpen,
                    _,
                ) => {
                    opened.entry(span.start()).or_insert(kind);
                    continue;
                }
                _ => continue,
            };
            values.extend(errors.into_iter().map(|e| (place(&e), of_value(&e, scalar, encoding, span))));
        }
        let structure = errors.iter().map(|error| (place(error), of_structure(error, &opened, text)));
        for (place, fault) in structure.chain(values) {
            this.faults.entry(place).or_insert(fault);
        }
        this
    }

    /// Returns the fault that belongs to an error of toml's parser.
    pub(super) fn fault(&self, error: &Error) -> Fault {
        let Some(span) = error.span() else { return Fault::Deep };
        let place = (span.start, span.end);
        match self.faults.get(&place) {
            Some(fault) => *fault,
            None if self.keys.contains(&place) => Fault::Duplicate,
            None => Fault::Other,
        }
    }
}

fn place(error: &ParseError) -> TextRange {
    error.unexpected().map_or((0, 0), |span| (span.start(), span.end()))
}

/// Returns the fault for an error between values. `opened` holds the kind of the element that begins at each
/// offset.
fn of_structure(error: &ParseError, opened: &BTreeMap<usize, EventKind>, text: &str) -> Fault {
    let expected = error.expected().unwrap_or_default();
    let wants = |literal: &'static str| expected == [Expected::Literal(literal)];
    let (at, _) = place(error);
    let next = |wanted: char| text.get(at..).is_some_and(|rest| rest.starts_with(wanted));
    match error.context().and_then(|context| opened.get(&context.start())) {
        Some(EventKind::ArrayTableOpen) if wants("]") || wants("]]") => Fault::OpenHeaders,
        Some(EventKind::StdTableOpen) if wants("]") => Fault::OpenHeader,
        Some(EventKind::ArrayOpen) if wants("]") => Fault::OpenList,
        Some(EventKind::ArrayOpen) if wants(",") => Fault::NoComma,
        Some(EventKind::ArrayOpen) if next('=') => Fault::EqualsInList,
        Some(EventKind::InlineTableOpen) if wants("}") => Fault::OpenTable,
        Some(EventKind::InlineTableOpen) if next('=') => Fault::EqualsInTable,
        Some(EventKind::ArrayOpen | EventKind::InlineTableOpen) => Fault::InBrackets,
        _ if wants("=") => Fault::NoEquals,
        _ if expected == [Expected::Literal("\n"), Expected::Literal("#")] => Fault::NoNewline,
        _ if wants("\n") && is_return(text, at) => Fault::Return,
        _ => Fault::Other,
    }
}

/// Whether a carriage return is at this offset, or ends there.
fn is_return(text: &str, at: usize) -> bool {
    let bytes = text.as_bytes();
    [Some(at), at.checked_sub(1)].into_iter().flatten().any(|at| bytes.get(at) == Some(&b'\r'))
}

/// Returns the fault of a value of this kind, or of a key if `scalar` is none.
fn of_value(
    error: &ParseError,
    scalar: Option<ScalarKind>,
    encoding: Option<Encoding>,
    whole: Span,
) -> Fault {
    let expected = error.expected().unwrap_or_default();
    let closes = [Expected::Literal("\""), Expected::Literal("'")].iter().any(|quote| expected == [*quote]);
    let ends = closes && place(error).1 == whole.end();
    match (encoding, scalar) {
        (Some(Encoding::BasicString | Encoding::LiteralString), _) if ends => Fault::OpenString,
        (Some(Encoding::MlBasicString), _) if ends => Fault::OpenText("\"\"\""),
        (Some(Encoding::MlLiteralString), _) if ends => Fault::OpenText("'''"),
        (Some(_), _) if expected == [Expected::Literal("\n")] => Fault::Return,
        (None, Some(ScalarKind::Boolean(_))) => Fault::Boolean,
        (None, Some(ScalarKind::Float)) => Fault::Number,
        (None, Some(ScalarKind::String)) if place(error) == (whole.start(), whole.end()) => Fault::Bare,
        _ => Fault::Other,
    }
}

#[cfg(test)]
mod tests {
    use toml::de::DeTable;

    use super::*;

    #[test]
    fn faults_by_what_was_expected_where() {
        let first = |text: &str| {
            let (_, errors) = DeTable::parse_recoverable(text);
            errors.first().map(|error| Faults::of(text).fault(error))
        };
        for (text, fault) in [
            ("a = 1", None),
            ("[a", Some(Fault::OpenHeader)),
            ("[[a]", Some(Fault::OpenHeaders)),
            ("a = [1", Some(Fault::OpenList)),
            ("a = { b = 1", Some(Fault::OpenTable)),
            ("a = \"b", Some(Fault::OpenString)),
            ("a = '''b", Some(Fault::OpenText("'''"))),
            ("a", Some(Fault::NoEquals)),
            ("a = \"b\" c = 1", Some(Fault::NoNewline)),
            ("a = [\"b\" \"c\"]", Some(Fault::NoComma)),
            ("a = { b = \"c\" = 2 }", Some(Fault::EqualsInTable)),
            ("a = b", Some(Fault::Bare)),
            ("a = True", Some(Fault::Boolean)),
            ("a = 1.2.3", Some(Fault::Number)),
            ("a = 1\nb = 2\na = 3", Some(Fault::Duplicate)),
            ("a = { b = 1, b = 2 }", Some(Fault::Duplicate)),
            ("a = 2026-02-31", Some(Fault::Other)),
        ] {
            assert_eq!(first(text), fault, "{text}");
        }
        assert_eq!(first(&format!("{} = 1", ["a"; 90].join("."))), Some(Fault::Deep));
    }
}
