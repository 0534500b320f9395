//! The tables that show sizes on a terminal and in a comment.

use super::changes::{ChangedThing, SizeChange};
use super::origins::rows;
use super::{
    ArchiveProgramSize, DEPENDENCY_LIST, ImageSize, PlatformSize, ProgramSize, Sizes, SymbolSource, total,
};
use xtask_files::escape::markdown as escape;
use xtask_files::{counted, human_size};
use xtask_process::table::{Align, Cell, Table, Tone};

/// Returns the sizes of all images and of programs that no image ships, with the `top` largest files and crates of each platform.
pub fn text(sizes: &Sizes, top: usize, color: bool) -> String {
    let mut parts = Vec::new();
    for image in &sizes.images {
        for platform in &image.platforms {
            parts.push(headline(image, platform));
            parts.push(layers(platform).terminal(color));
            parts.push(files(platform, top).terminal(color));
            let title = |program: &ProgramSize| format!("/{}", program.path);
            parts.extend(
                platform.program.as_ref().map(|program| made_of(&title(program), program, top, color)),
            );
        }
    }
    for ArchiveProgramSize { target, mode, program } in &sizes.programs {
        parts.push(made_of(&format!("{} for {target}, mode {mode}", sizes.app), program, top, color));
    }
    parts.join("\n")
}

fn headline(image: &ImageSize, platform: &PlatformSize) -> String {
    let mut line = format!(
        "{} for {}: {} to pull, {} unpacked",
        image.name,
        platform.platform,
        human_size(platform.pull),
        human_size(platform.unpacked)
    );
    if let Some(budget) = image.budget {
        let part = platform.pull as f64 / budget as f64 * 100.0;
        line += &format!("; {part:.1} % of its budget of {}", human_size(budget));
    }
    line + "\n"
}

fn layers(platform: &PlatformSize) -> Table {
    use Align::{Left, Right};
    let mut table = Table::new(&[
        ("layer", Right),
        ("stored", Right),
        ("unpacked", Right),
        ("entries", Right),
        ("made by", Left),
    ]);
    for (at, layer) in platform.layers.iter().enumerate() {
        table.row([
            at.to_string().into(),
            format!("{} {}", human_size(layer.stored), layer.compression).into(),
            human_size(layer.unpacked).into(),
            layer.entries.to_string().into(),
            layer.created_by.as_str().into(),
        ]);
    }
    table
}

fn files(platform: &PlatformSize, top: usize) -> Table {
    use Align::{Left, Right};
    let mut table = Table::new(&[("size", Right), ("layer", Right), ("file", Left)]);
    for file in platform.files.iter().take(top) {
        let note = if file.hidden { " (hidden by a higher layer)" } else { "" };
        let tone = if file.hidden { Tone::Warn } else { Tone::Plain };
        table.row([
            human_size(file.size).into(),
            file.layer.to_string().into(),
            Cell::new(format!("/{}{note}", file.path), tone),
        ]);
    }
    rest(&mut table, platform.files.iter().skip(top).map(|file| file.size), "more file");
    table
}

fn made_of(title: &str, program: &ProgramSize, top: usize, color: bool) -> String {
    use Align::{Left, Right};
    let mut sections = Table::new(&[("size", Right), ("section", Left)]);
    // The dependency list is small, and named in any case: it is what somebody asked for.
    let (named, others): (Vec<_>, Vec<_>) = program
        .sections
        .iter()
        .enumerate()
        .partition(|(at, section)| *at < top || section.name == DEPENDENCY_LIST);
    for (_, section) in named {
        let note = if section.name == DEPENDENCY_LIST { " (dependency list)" } else { "" };
        sections.row([human_size(section.size).into(), format!("{}{note}", section.name).into()]);
    }
    rest(&mut sections, others.iter().map(|(_, section)| section.size), "more section");
    let mut text = format!("{title}, {}\n\n{}", human_size(program.size), sections.terminal(color));
    if let Some(contents) = &program.contents {
        let mut origins = Table::new(&[("size", Right), ("origin", Left)]);
        for (name, bytes) in rows(contents) {
            origins.row([human_size(bytes).into(), name.into()]);
        }
        text += &format!("\nC and Rust, by the map of its link:\n\n{}", origins.terminal(color));
    }
    text += match program.symbols {
        SymbolSource::Own => "\n",
        SymbolSource::Built => {
            "\nCrates, by the symbols of the same program, built once more without stripping:\n\n"
        }
        SymbolSource::Stripped => {
            return text
                + "\nThe program is stripped, so the sizes of its crates are unknown: --crates builds it once more with its symbols.\n";
        }
    };
    let mut crates = Table::new(&[("code", Right), ("data", Right), ("crate", Left)]);
    for one in program.crates.iter().take(top) {
        crates.row([human_size(one.code).into(), human_size(one.data).into(), one.name.as_str().into()]);
    }
    let others = program.crates.iter().skip(top);
    let code = total(others.clone().map(|c| c.code));
    let data = total(others.clone().map(|c| c.data));
    if code > 0 || data > 0 {
        let name = counted(others.count() as u64, "more crate");
        crates.row([human_size(code).into(), human_size(data).into(), name.into()]);
    }
    text + &crates.terminal(color)
}

/// Adds a last row for everything that was left out.
fn rest(table: &mut Table, sizes: impl Iterator<Item = u64> + Clone, what: &str) {
    let count = sizes.clone().count();
    if count == 0 {
        return;
    }
    let mut cells: Vec<Cell> = vec![human_size(total(sizes)).into()];
    if table.columns() == 3 {
        cells.push("".into());
    }
    cells.push(counted(count as u64, what).into());
    table.row(cells);
}

/// The first line of [`markdown`], by which a program finds a comment that it wrote before.
pub const MARKDOWN_MARK: &str = "<!-- cargo xtask size -->";

/// Returns the sizes of all images and what changed, in Markdown for a comment. `since` says with what they are compared.
pub fn markdown(sizes: &Sizes, since: Option<&str>, changes: &[SizeChange], top: usize) -> String {
    use Align::{Left, Right};
    let mut table = Table::new(&[
        ("image", Left),
        ("platform", Left),
        ("to pull", Right),
        ("unpacked", Right),
        ("budget", Right),
    ]);
    for image in &sizes.images {
        for platform in &image.platforms {
            table.row([
                image.name.as_str().into(),
                platform.platform.as_str().into(),
                human_size(platform.pull).into(),
                human_size(platform.unpacked).into(),
                image.budget.map_or_else(|| "-".to_owned(), human_size).into(),
            ]);
        }
    }
    for ArchiveProgramSize { target, mode, program } in &sizes.programs {
        let size = human_size(program.size);
        table.row(["-".into(), format!("{target} ({mode})").into(), "-".into(), size.into(), "-".into()]);
    }
    let title = format!("### Sizes of {} {}", escape(&sizes.app), escape(&sizes.version));
    let text = format!("{MARKDOWN_MARK}\n{title}\n\n{}", table.markdown());
    match since.map(escape) {
        None => text + "\nThere are no earlier sizes to compare with.\n",
        Some(since) if changes.is_empty() => format!("{text}\nNo size changed since {since}.\n"),
        Some(since) => {
            let (table, more) = changed(changes, top);
            let more: String = more.iter().map(|line| format!("\n{}\n", escape(line))).collect();
            format!("{text}\nChanged since {since}:\n\n{}{more}", table.markdown())
        }
    }
}

/// Returns the changes, at most `top` rows of each kind for each platform.
pub fn changes_table(changes: &[SizeChange], top: usize, color: bool) -> String {
    let (table, more) = changed(changes, top);
    more.into_iter().fold(table.terminal(color), |text, line| format!("{text}{line}\n"))
}

/// Returns the table of changes, and a line for each kind of rows that are left out.
fn changed(changes: &[SizeChange], top: usize) -> (Table, Vec<String>) {
    use Align::{Left, Right};
    let mut table = Table::new(&[
        ("image", Left),
        ("platform", Left),
        ("what", Left),
        ("before", Right),
        ("after", Right),
        ("by", Right),
    ]);
    let mut shown: Vec<(&str, &str, ChangedThing, usize)> = Vec::new();
    for change in changes {
        let key = (change.image.as_str(), change.platform.as_str(), change.what);
        let count = match shown.iter_mut().find(|(i, p, w, _)| (*i, *p, *w) == key) {
            Some(entry) => &mut entry.3,
            None => {
                shown.push((key.0, key.1, key.2, 0));
                let last = shown.len() - 1;
                &mut shown[last].3
            }
        };
        *count += 1;
        if *count <= top {
            table.row(row(change));
        }
    }
    let mut more = Vec::new();
    for (image, platform, what, count) in shown.into_iter().filter(|entry| entry.3 > top) {
        let kind = match what {
            ChangedThing::Pull => "image",
            ChangedThing::Program => "program",
            ChangedThing::File => "file",
            ChangedThing::Crate => "crate",
        };
        let count = counted((count - top) as u64, &format!("more {kind}"));
        let place = if image.is_empty() { platform.to_owned() } else { format!("{image} for {platform}") };
        more.push(format!("{place}: {count} changed"));
    }
    (table, more)
}

fn row(change: &SizeChange) -> Vec<Cell> {
    let what = match change.what {
        ChangedThing::Pull => "to pull".to_owned(),
        ChangedThing::Program => "program".to_owned(),
        ChangedThing::File => format!("/{}", change.name),
        ChangedThing::Crate => format!("crate {}", change.name),
    };
    let size = |size: Option<u64>| size.map_or_else(|| "-".to_owned(), human_size);
    let by = change.by();
    let sign = if by < 0 { "-" } else { "+" };
    let bytes = u64::try_from(by.unsigned_abs()).unwrap_or(u64::MAX);
    vec![
        if change.image.is_empty() { "-" } else { change.image.as_str() }.into(),
        change.platform.as_str().into(),
        what.into(),
        size(change.before).into(),
        size(change.after).into(),
        Cell::new(format!("{sign}{}", human_size(bytes)), if by > 0 { Tone::Warn } else { Tone::Good }),
    ]
}
