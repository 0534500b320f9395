//! The bytes of targets.toml as text, and the lines and columns of its offsets.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

use xtask_files::error::{Error, Result};

/// The maximum size of the file in bytes. A file with several thousand targets is smaller. The limit bounds
/// time and memory if another file is named by mistake.
pub(super) const MOST_BYTES: usize = 256 * 1024;

/// The text of a file and its name in messages.
pub(super) struct SourceFile {
    /// The file name, as the caller wrote it.
    pub(super) name: String,
    /// The text without a byte order mark.
    pub(super) text: String,
    /// The offset at which each line begins.
    lines: Vec<usize>,
}

/// A position as editors count it: both numbers start at 1. The column counts characters; a tab is one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl SourceFile {
    /// Reads a regular file. It reads at most one byte more than the limit.
    pub(super) fn read(file: &Path) -> Result<Self> {
        let name = file.display();
        let cannot = |e: &std::io::Error| match e.kind() {
            std::io::ErrorKind::NotFound => Error::usage(format!("there is no {name}"))
                .help("`cargo xtask init` writes one for this workspace")
                .help("`--config FILE` names another file"),
            _ => Error::usage(format!("cannot read {name}: {e}")),
        };
        let metadata = std::fs::metadata(file).map_err(|e| cannot(&e))?;
        if metadata.is_dir() {
            let inside = file.join(super::FILE_NAME);
            let error = Error::usage(format!("{name} is a directory"));
            return Err(if inside.is_file() {
                error.help(format!("did you mean {}?", inside.display()))
            } else {
                error
            });
        }
        if !metadata.is_file() {
            return Err(Error::usage(format!("{name} is not a regular file")));
        }
        let mut bytes = Vec::new();
        let limit = MOST_BYTES as u64 + 1;
        File::open(file).and_then(|f| f.take(limit).read_to_end(&mut bytes)).map_err(|e| cannot(&e))?;
        if bytes.len() > MOST_BYTES {
            return Err(too_big(file, metadata.len()));
        }
        Self::from_bytes(&bytes, file)
    }

    /// Makes a source from bytes. They must be UTF-8, within the limit and not empty.
    pub(super) fn from_bytes(bytes: &[u8], file: &Path) -> Result<Self> {
        if bytes.len() > MOST_BYTES {
            return Err(too_big(file, bytes.len() as u64));
        }
        let name = file.display().to_string();
        let text = std::str::from_utf8(bytes).map_err(|e| not_utf8(bytes, e.valid_up_to(), &name))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
        if text.trim().is_empty() {
            return Err(Error::usage(format!("{name} is empty"))
                .help("remove it; `cargo xtask init` then writes one for this workspace"));
        }
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(i, _)| i + 1)).collect();
        Ok(Self { name, text, lines })
    }

    /// Returns the line of `offset`, counted from 0.
    pub(super) fn line_of(&self, offset: usize) -> usize {
        self.lines.partition_point(|begin| *begin <= offset).saturating_sub(1)
    }

    /// Returns the bytes of a line, counted from 0, without its line end.
    pub(super) fn line(&self, line: usize) -> Range<usize> {
        let begin = self.lines.get(line).copied().unwrap_or(self.text.len());
        let end = self.lines.get(line + 1).copied().unwrap_or(self.text.len());
        let text = self.text.get(begin..end).unwrap_or_default();
        begin..begin + text.trim_end_matches('\n').trim_end_matches('\r').len()
    }

    /// Returns the bytes of a part of a string. `span` is the string with its quotes, `value` its value and `part`
    /// the part. With escapes in it, the whole string is returned.
    pub(super) fn inside(&self, span: Range<usize>, value: &str, part: Range<usize>) -> Range<usize> {
        let written = self.text.get(span.clone()).unwrap_or_default();
        let between = |quote| written.strip_prefix(quote)?.strip_suffix(quote);
        match ['"', '\''].into_iter().any(|quote| between(quote) == Some(value)) {
            true => span.start + 1 + part.start..span.start + 1 + part.end,
            false => span,
        }
    }

    /// Returns the position of an offset in the form in which messages begin: `targets.toml:12:8`.
    pub(super) fn place(&self, offset: usize) -> String {
        let Position { line, column } = self.position(offset);
        format!("{}:{line}:{column}", self.name)
    }

    /// Returns the position of an offset. An offset after the end of its line counts as the end of the line.
    pub(super) fn position(&self, offset: usize) -> Position {
        let line = self.line_of(offset);
        let bytes = self.line(line);
        let before = self.text.get(bytes.start..offset.min(bytes.end)).unwrap_or_default();
        Position { line: line + 1, column: before.chars().count() + 1 }
    }
}

fn too_big(file: &Path, bytes: u64) -> Error {
    Error::usage(format!(
        "{} has {bytes} bytes; the limit for a targets.toml is {MOST_BYTES}",
        file.display()
    ))
    .help("`--config FILE` names another file")
}

fn not_utf8(bytes: &[u8], offset: usize, name: &str) -> Error {
    let before = &bytes[..offset];
    let line = before.iter().filter(|b| **b == b'\n').count() + 1;
    let begin = before.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
    let column = String::from_utf8_lossy(&before[begin..]).chars().count() + 1;
    let error = Error::usage(format!("{name}:{line}:{column}: not UTF-8"))
        .found(format!("byte {offset} of the file is 0x{:02x}", bytes[offset]));
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return error.help("the file is UTF-16: save it as UTF-8");
    }
    error.help("save the file as UTF-8")
}
