//! Reads the part of YAML in which [`crate::ci::init`] writes: mappings and lists in blocks, texts on one line, and literal
//! blocks. Everything else is refused with its line, so that no file means something else to the service that reads it. Pure.

use xtask_files::error::{Error, Result};

/// The deepest indentation that is read, in spaces.
const DEEPEST: usize = 100;

/// A value with the line on which it begins, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YamlValue {
    /// The line.
    pub line: usize,
    /// The value.
    pub node: YamlNode,
}

/// A value without its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum YamlNode {
    /// A text as it is written, without quotes. Numbers, `true` and `null` are texts too.
    Text(String),
    /// A list.
    List(Vec<YamlValue>),
    /// A mapping, in the file's order. No key is there twice.
    Map(Vec<(String, YamlValue)>),
}

/// A line that is neither empty nor a comment, or a line of any kind in a literal block.
#[derive(Debug, Clone, Copy)]
struct YamlLine<'t> {
    number: usize,
    indent: usize,
    text: &'t str,
}

struct YamlReader<'t> {
    name: &'t str,
    lines: Vec<&'t str>,
    /// The number of lines that were read.
    at: usize,
}

/// Reads a file whose top level is a mapping. `name` is the name of the file in errors.
///
/// # Errors
/// The file has something that is not in this part of YAML.
pub fn read(name: &str, text: &str) -> Result<YamlValue> {
    let mut reader = YamlReader { name, lines: text.lines().collect(), at: 0 };
    let Some(first) = reader.peek()? else { return Err(reader.refuse(1, "the file is empty")) };
    if first.indent > 0 {
        return Err(reader.refuse(first.number, "the first line is indented"));
    }
    let value = reader.block(0)?;
    match reader.peek()? {
        Some(line) => Err(reader.refuse(line.number, "the line is indented less than the one before")),
        None => Ok(value),
    }
}

impl<'t> YamlReader<'t> {
    fn refuse(&self, line: usize, why: &str) -> Error {
        Error::usage(format!("{}:{line}: {why}", self.name))
            .found("only the part of YAML that `cargo xtask ci init` writes is read")
    }

    /// Returns the next line that is neither empty nor a comment, without consuming it.
    fn peek(&mut self) -> Result<Option<YamlLine<'t>>> {
        while let Some(line) = self.lines.get(self.at) {
            let text = line.trim_start_matches(' ');
            if text.is_empty() || text.starts_with('#') {
                self.at += 1;
                continue;
            }
            let number = self.at + 1;
            if line.contains('\t') {
                return Err(self.refuse(number, "the line contains a tab"));
            }
            if ["---", "...", "%"].iter().any(|mark| line.starts_with(mark)) {
                return Err(self.refuse(number, "the file has marks of documents"));
            }
            let indent = line.len() - text.len();
            // Each level is a call of a function.
            if indent > DEEPEST {
                return Err(self.refuse(number, "the line is indented by more than 100 spaces"));
            }
            return Ok(Some(YamlLine { number, indent, text }));
        }
        Ok(None)
    }

    /// Reads the block whose lines have this indentation.
    fn block(&mut self, indent: usize) -> Result<YamlValue> {
        match self.peek()? {
            Some(line) if is_item(line.text) => self.list(indent),
            Some(_) => self.map(indent, None),
            None => Err(self.refuse(self.lines.len(), "a value is missing at the end of the file")),
        }
    }

    fn list(&mut self, indent: usize) -> Result<YamlValue> {
        let mut items = Vec::new();
        let mut first = None;
        while let Some(line) = self.peek()?.filter(|line| line.indent >= indent) {
            if line.indent > indent || !is_item(line.text) {
                return Err(self.refuse(line.number, "an item of the list was expected here"));
            }
            first.get_or_insert(line.number);
            let rest = line.text.strip_prefix("- ").map(str::trim_start).unwrap_or_default();
            let inner = YamlLine { indent: indent + 2, text: rest, ..line };
            if rest.is_empty() {
                return Err(self.refuse(line.number, "the item is empty"));
            }
            self.at += 1;
            items.push(match key(rest) {
                Some(_) => self.map(indent + 2, Some(inner))?,
                None if without_comment(rest) == "|" => {
                    YamlValue { line: line.number, node: YamlNode::Text(self.literal(line)?) }
                }
                None => YamlValue { line: line.number, node: self.scalar(inner, rest)? },
            });
        }
        Ok(YamlValue { line: first.unwrap_or_default(), node: YamlNode::List(items) })
    }

    /// Reads a mapping. `begun` is its first line if that is behind the `-` of an item; it is consumed already.
    fn map(&mut self, indent: usize, begun: Option<YamlLine<'t>>) -> Result<YamlValue> {
        let mut entries: Vec<(String, YamlValue)> = Vec::new();
        let mut next = begun;
        let mut first = begun.map(|line| line.number);
        loop {
            let line = match next.take() {
                Some(line) => line,
                None => match self.peek()?.filter(|line| line.indent >= indent) {
                    Some(line) if line.indent == indent && !is_item(line.text) => {
                        self.at += 1;
                        line
                    }
                    Some(line) => return Err(self.refuse(line.number, "the indentation fits no block")),
                    None => break,
                },
            };
            first.get_or_insert(line.number);
            let Some((key, rest)) = key(line.text) else {
                return Err(self.refuse(line.number, "a key was expected here: `key: value`"));
            };
            if entries.iter().any(|(other, _)| other == key) {
                return Err(self.refuse(line.number, &format!("the key `{key}` is there twice")));
            }
            let value = self.value(line, rest)?;
            entries.push((key.to_owned(), value));
        }
        Ok(YamlValue { line: first.unwrap_or_default(), node: YamlNode::Map(entries) })
    }

    /// Reads the value of a key, whose rest of the line is `rest`.
    fn value(&mut self, line: YamlLine<'t>, rest: &'t str) -> Result<YamlValue> {
        let node = match without_comment(rest) {
            "" => {
                return match self.peek()? {
                    Some(below) if below.indent > line.indent => self.block(below.indent),
                    _ => Err(self.refuse(line.number, "the key has no value")),
                };
            }
            "{}" => YamlNode::Map(Vec::new()),
            "[]" => YamlNode::List(Vec::new()),
            "|" => YamlNode::Text(self.literal(line)?),
            _ => self.scalar(line, rest)?,
        };
        Ok(YamlValue { line: line.number, node })
    }

    /// Reads the lines of a literal block. Each line ends with a line end, and empty lines at the end are left out.
    fn literal(&mut self, key: YamlLine<'t>) -> Result<String> {
        let mut lines = Vec::new();
        let mut indent = None;
        while let Some(line) = self.lines.get(self.at) {
            let own = line.len() - line.trim_start_matches(' ').len();
            if !line.trim().is_empty() && own <= key.indent {
                break;
            }
            if !line.trim().is_empty() {
                let indent = *indent.get_or_insert(own);
                if own < indent {
                    return Err(self.refuse(self.at + 1, "the line is indented less than the block"));
                }
            }
            lines.push(line.get(indent.unwrap_or_default()..).unwrap_or_default());
            self.at += 1;
        }
        let text = lines.join("\n");
        match text.trim_end_matches('\n') {
            "" => Err(self.refuse(key.number, "the block is empty")),
            text if text.starts_with('\n') => {
                Err(self.refuse(key.number, "the block begins with an empty line"))
            }
            text => Ok(format!("{text}\n")),
        }
    }

    /// Reads a text on one line: plain, or in quotes without anything that quotes would change.
    fn scalar(&self, line: YamlLine<'t>, rest: &'t str) -> Result<YamlNode> {
        let refuse = |why: &str| Err(self.refuse(line.number, why));
        for quote in ['"', '\''] {
            let Some(inner) = rest.strip_prefix(quote) else { continue };
            let Some((text, after)) = inner.split_once(quote) else { return refuse("a quote is not closed") };
            if !without_comment(after).is_empty() || after.starts_with(quote) || text.contains('\\') {
                return refuse("a text in quotes contains a quote or a backslash, or something follows it");
            }
            return Ok(YamlNode::Text(text.to_owned()));
        }
        let text = without_comment(rest);
        let odd = |c: char| "&*!|>{}[]%@`?,-:".contains(c);
        // `-x` and `:x` are texts, and `?x` too.
        let marks = text.starts_with(odd) && !text.starts_with("--");
        match marks || text.contains(": ") || text.ends_with(':') {
            true => refuse("the text needs quotes, or is not in this part of YAML"),
            false => Ok(YamlNode::Text(text.to_owned())),
        }
    }
}

fn is_item(text: &str) -> bool {
    text == "-" || text.starts_with("- ")
}

/// Returns the key and the rest of a line `key: value` or `key:`.
fn key(text: &str) -> Option<(&str, &str)> {
    let (key, rest) = text.split_once(':')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let is_key = !key.is_empty() && !key.starts_with('-') && key.chars().all(plain);
    (is_key && (rest.is_empty() || rest.starts_with(' '))).then(|| (key, rest.trim()))
}

/// Returns a text without the comment at its end. A comment begins after a space.
fn without_comment(text: &str) -> &str {
    match text.strip_prefix('#') {
        Some(_) => "",
        None => text.split_once(" #").map_or(text, |(text, _)| text).trim_end(),
    }
}

impl YamlValue {
    /// Returns the text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match &self.node {
            YamlNode::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the items, if it is a list.
    pub fn items(&self) -> Option<&[YamlValue]> {
        match &self.node {
            YamlNode::List(items) => Some(items),
            _ => None,
        }
    }

    /// Returns the entries, if it is a mapping.
    pub fn entries(&self) -> Option<&[(String, YamlValue)]> {
        match &self.node {
            YamlNode::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// Returns the value of a key, if it is a mapping that has the key.
    pub fn get(&self, key: &str) -> Option<&YamlValue> {
        self.entries()?.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests;
