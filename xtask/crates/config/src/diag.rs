//! The errors of a file, which are collected and shown together.

use std::ops::Range;

use super::snippet::snippet;
use super::source::{Position, SourceFile};
use super::syntax::Syntax;
use xtask_files::error::{Error, Result, SourcePlace};
use xtask_files::escape::masked;

/// The maximum number of errors that are shown. The others are only counted.
const MOST: usize = 20;

/// A function that makes the help for an error. It is called only for errors that are shown: a search for the
/// nearest of 300 triples takes time, and a file may contain thousands of errors.
type Help<'a> = Box<dyn FnOnce() -> Vec<String> + Send + 'a>;

/// One error of the file.
pub(super) struct Diag<'a> {
    /// The bytes of the file; none for an error about something that is missing.
    span: Option<Range<usize>>,
    message: String,
    also: Option<(&'static str, usize)>,
    help: Option<Help<'a>>,
    whole: bool,
}

/// All errors of the file.
#[derive(Default)]
pub(super) struct Diags<'a> {
    list: Vec<Diag<'a>>,
    syntax: Syntax,
}

impl<'a> Diag<'a> {
    /// Makes an error at these bytes of the file.
    pub(super) fn new(span: Option<Range<usize>>, message: impl Into<String>) -> Self {
        Self { whole: span.is_none(), span, message: message.into(), also: None, help: None }
    }

    /// Adds a line of help.
    pub(super) fn help(&mut self, help: impl Into<String>) -> &mut Self {
        let help = help.into();
        self.help_with(move || vec![help])
    }

    /// Adds lines of help that take time to make.
    pub(super) fn help_with(&mut self, help: impl FnOnce() -> Vec<String> + Send + 'a) -> &mut Self {
        self.help = Some(match self.help.take() {
            None => Box::new(help),
            Some(first) => Box::new(move || [first(), help()].concat()),
        });
        self
    }

    /// Adds a second position to the error: `what` and the line of this offset.
    pub(super) fn also(&mut self, what: &'static str, offset: usize) -> &mut Self {
        self.also = Some((what, offset));
        self
    }

    /// Marks the error as one about how parts of the file fit together. If other parts are not TOML, it may
    /// only be a consequence of that, and is not shown.
    pub(super) fn whole(&mut self) -> &mut Self {
        self.whole = true;
        self
    }

    fn render(self, source: &SourceFile) -> String {
        let mut text = match &self.span {
            Some(span) => {
                let head = format!("{}: {}", source.place(span.start), self.message);
                format!("{head}\n{}", snippet(source, span))
            }
            None => format!("{}: {}", source.name, self.message),
        };
        let gutter = self.span.map_or(1, |s| (source.line_of(s.start) + 1).to_string().len());
        let note =
            self.also.map(|(what, offset)| format!("note: {what} line {}", source.line_of(offset) + 1));
        let help = self.help.map(|help| help()).unwrap_or_default();
        for line in note.into_iter().chain(help.into_iter().map(|h| format!("help: {h}"))) {
            let indent = " ".repeat(gutter);
            let next = format!("\n{indent}         ");
            text.push_str(&format!("\n{indent} = {}", line.replace('\n', &next)));
        }
        text
    }
}

impl<'a> Diags<'a> {
    /// Adds an error at these bytes of the file.
    pub(super) fn at(&mut self, span: Range<usize>, message: impl Into<String>) -> &mut Diag<'a> {
        self.add(Some(span), message.into())
    }

    /// Adds an error without a position, about something that is missing.
    pub(super) fn nowhere(&mut self, message: impl Into<String>) -> &mut Diag<'a> {
        self.add(None, message.into())
    }

    fn add(&mut self, span: Option<Range<usize>>, message: String) -> &mut Diag<'a> {
        let at = self.list.len();
        self.list.push(Diag::new(span, message));
        &mut self.list[at]
    }

    /// Removes the errors that were found so far, except those about TOML.
    pub(super) fn clear(&mut self) {
        self.list.clear();
    }

    /// Adds the errors about TOML.
    pub(super) fn set_syntax(&mut self, syntax: Syntax) {
        self.syntax = syntax;
    }

    /// Returns `config` if the file has no error, or one [`Error`] with all errors in the file's order.
    pub(super) fn finish<T>(mut self, source: &SourceFile, config: Option<T>) -> Result<T> {
        let syntax = std::mem::take(&mut self.syntax);
        self.list.retain(|diag| syntax.leaves(diag.span.as_ref(), diag.whole, source));
        self.list.extend(syntax.list);
        match config {
            Some(config) if self.list.is_empty() => Ok(config),
            // The quoted lines of the file may contain secrets, which must not appear in a log.
            _ => {
                let places = self.places(source);
                Err(Error { places, ..Error::usage(masked(&self.render(source))) })
            }
        }
    }

    /// Returns the places of the errors that have one, in the file's order.
    fn places(&self, source: &SourceFile) -> Box<[SourcePlace]> {
        let mut spans: Vec<(usize, &str)> =
            self.list.iter().filter_map(|diag| Some((diag.span.as_ref()?.start, &*diag.message))).collect();
        spans.sort_by_key(|(start, _)| *start);
        let place = |(start, message): (usize, &str)| {
            let Position { line, column } = source.position(start);
            SourcePlace {
                file: source.name.clone().into(),
                line,
                column: Some(column),
                what: masked(message),
            }
        };
        spans.into_iter().take(MOST).map(place).collect()
    }

    fn render(mut self, source: &SourceFile) -> String {
        let total = self.list.len();
        self.list.sort_by_key(|d| d.span.as_ref().map_or((1, 0), |s| (0, s.start)));
        let shown: Vec<String> = self.list.into_iter().take(MOST).map(|d| d.render(source)).collect();
        let text = match shown.as_slice() {
            [one] => one.clone(),
            _ => format!("{} has {total} errors\n\n{}", source.name, shown.join("\n\n")),
        };
        match total.saturating_sub(MOST) {
            0 => text,
            more => format!("{text}\n\nand {more} more"),
        }
    }
}
