//! Tables for a terminal and for Markdown, from one description.

use unicode_width::UnicodeWidthStr;

use xtask_files::escape::{html, markdown, plain};

/// The side of the column on which a cell's text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// The left side, for words.
    Left,
    /// The right side, for numbers.
    Right,
}

/// The meaning of a cell, which decides its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// The cell has no particular meaning and no colour.
    Plain,
    /// The thing that the cell describes is done or has passed.
    Good,
    /// The cell contains a remark that the reader should notice.
    Warn,
    /// The thing that the cell describes has failed.
    Bad,
}

/// The text and the tone of a cell. Text becomes a plain cell by `into()`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    text: String,
    tone: Tone,
}

/// A table: its columns and rows.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<Cell>>,
}

impl Cell {
    /// Makes a cell with a tone.
    pub fn new(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: text.into(), tone }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text, Tone::Plain)
    }
}

impl Table {
    /// Makes a table without rows.
    pub fn new(columns: &[(&'static str, Align)]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row. Missing cells are empty; cells beyond the last column are ignored.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        let empty = std::iter::repeat_with(|| Cell::from(""));
        self.rows.push(cells.into_iter().map(one_line).chain(empty).take(self.columns.len()).collect());
    }

    /// Returns the number of columns.
    pub fn columns(&self) -> usize {
        self.columns.len()
    }

    /// Returns whether the table has no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns the table as aligned text, with a line of titles and one line for each row. Widths are those
    /// of a terminal's cells. Lines end without white space.
    pub fn terminal(&self, color: bool) -> String {
        let width = |i: usize| {
            let cells = self.rows.iter().map(|r| r[i].text.width());
            cells.chain([self.columns[i].0.width()]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let titles = self.columns.iter().map(|(title, _)| (*title, if color { "1" } else { "" }));
        let mut lines = self.line(&widths, titles);
        for row in &self.rows {
            let cells = row.iter().map(|c| (c.text.as_str(), if color { c.tone.code() } else { "" }));
            lines += &self.line(&widths, cells);
        }
        lines
    }

    fn line<'a>(&self, widths: &[usize], cells: impl Iterator<Item = (&'a str, &'static str)>) -> String {
        let mut line = String::new();
        // White space is counted here and written only before the next text.
        let mut owed = 0;
        for (((text, code), width), (_, align)) in cells.zip(widths).zip(&self.columns) {
            let pad = width - text.width();
            owed += if *align == Align::Right { pad } else { 0 };
            if !text.is_empty() {
                line += &" ".repeat(owed);
                owed = 0;
                match code {
                    "" => line += text,
                    code => line += &format!("\x1b[{code}m{text}\x1b[0m"),
                }
            }
            owed += 2 + if *align == Align::Left { pad } else { 0 };
        }
        line + "\n"
    }

    /// Returns the table in Markdown (GitHub's dialect).
    pub fn markdown(&self) -> String {
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let mut text = line(self.columns.iter().map(|(title, _)| markdown(title)).collect());
        text += &line(
            self.columns
                .iter()
                .map(|(_, a)| if *a == Align::Right { "---:" } else { "---" }.to_owned())
                .collect(),
        );
        for row in &self.rows {
            text += &line(row.iter().map(|c| markdown(&c.text)).collect());
        }
        text
    }

    /// Returns the table in HTML. Cells have their tone as a class (`good`, `warn`, `bad`), numbers the class
    /// `n`.
    pub fn html(&self) -> String {
        let mut text = String::from("<div class=\"scroll\"><table>\n<thead><tr>");
        for (title, align) in &self.columns {
            text += &format!("<th scope=\"col\"{}>{}</th>", class(Tone::Plain, *align), html(title));
        }
        text += "</tr></thead>\n<tbody>\n";
        for row in &self.rows {
            let cells = row.iter().zip(&self.columns);
            let cells: String =
                cells.map(|(c, (_, a))| format!("<td{}>{}</td>", class(c.tone, *a), html(&c.text))).collect();
            text += &format!("<tr>{cells}</tr>\n");
        }
        text + "</tbody>\n</table></div>\n"
    }
}

impl Tone {
    fn code(self) -> &'static str {
        match self {
            Tone::Plain => "",
            Tone::Good => "32",
            Tone::Warn => "33",
            Tone::Bad => "31",
        }
    }
}

/// Makes a cell one line without terminal controls, because its text may come from a compiler.
fn one_line(cell: Cell) -> Cell {
    Cell { text: plain(cell.text.trim()).replace('\n', " "), ..cell }
}

fn class(tone: Tone, align: Align) -> &'static str {
    match (tone, align) {
        (Tone::Plain, Align::Left) => "",
        (Tone::Plain, Align::Right) => " class=\"n\"",
        (Tone::Good, Align::Left) => " class=\"good\"",
        (Tone::Good, Align::Right) => " class=\"good n\"",
        (Tone::Warn, Align::Left) => " class=\"warn\"",
        (Tone::Warn, Align::Right) => " class=\"warn n\"",
        (Tone::Bad, Align::Left) => " class=\"bad\"",
        (Tone::Bad, Align::Right) => " class=\"bad n\"",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table() -> Table {
        let mut table =
            Table::new(&[("target", Align::Left), ("size", Align::Right), ("status", Align::Left)]);
        table.row(["grün".into(), "1 B".into(), Cell::new("ok", Tone::Good)]);
        table.row(["日本".into(), "12.3 MB".into(), Cell::new("a|b\n<c>", Tone::Bad)]);
        table.row(["x".into()]);
        table
    }

    #[test]
    fn columns_line_up_by_what_a_terminal_shows() {
        let text = "target     size  status\ngrün        1 B  ok\n日本    12.3 MB  a|b <c>\nx\n";
        assert_eq!(table().terminal(false), text);
        assert_eq!(
            table().terminal(true).lines().nth(1),
            Some("grün        1 B  \x1b[32mok\x1b[0m"),
            "colour does not move columns"
        );
    }

    #[test]
    fn markdown_and_html_are_escaped() {
        assert!(table().markdown().ends_with("| 日本 | 12.3 MB | a\\|b &lt;c> |\n| x |  |  |\n"));
        assert!(table().html().contains("<td class=\"bad\">a|b &lt;c&gt;</td>"));
        assert_eq!(html("<a href='x'>\"&\x1b"), "&lt;a href=&#39;x&#39;&gt;&quot;&amp;");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn any_text_stays_in_its_cell(cells in proptest::collection::vec(any::<String>(), 0..12)) {
            let mut table = Table::new(&[("a", Align::Left), ("b", Align::Right)]);
            for pair in cells.chunks(2) {
                table.row(pair.iter().map(|c| Cell::from(c.as_str())));
            }
            let rows = cells.len().div_ceil(2);
            let terminal = table.terminal(false);
            prop_assert_eq!(terminal.matches('\n').count(), rows + 1);
            prop_assert!(terminal.chars().all(|c| c == '\n' || !c.is_control()));
            prop_assert_eq!(table.markdown().matches('\n').count(), rows + 2);
            let html = table.html();
            prop_assert_eq!(html.matches("<td").count(), rows * 2);
            prop_assert_eq!(html.matches('<').count(), html.matches('>').count());
        }
    }
}
