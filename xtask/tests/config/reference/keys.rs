//! docs/reference/targets-toml.md, from the list of keys, and the examples of that list.

use xtask_config::Config;
use xtask_config::keys::{ConfigKey, SECTIONS, Section, ValueKind};
use xtask_files::error::Result;

use super::{hold, table, top};
use crate::made_up::{triples, workspace};

#[test]
fn the_page_is_current() {
    let mut page =
        top("targets.toml", "Which keys does targets.toml have?", "xtask/crates/config/src/keys.rs");
    page += "`targets.toml` stands beside the `Cargo.toml` of the workspace; `--config` names another file. \
             `cargo xtask init` writes one, and `cargo xtask plan` shows what follows from it.\n\n\
             Every mistake in the file is reported with its line, all of them at once. An unknown key is an error, \
             with exit code 2.\n\nThe smallest file:\n\n";
    page += &format!("```toml\n{}```\n", file(|key| key.default.is_none()));
    for section in SECTIONS {
        page += &self::section(section);
    }
    hold("targets-toml.md", &page);
}

fn section(section: &Section) -> String {
    let row = |key: &ConfigKey| {
        let default = key.default.map_or("**required**".to_owned(), str::to_owned);
        let kind = key.kind.phrase();
        let kind = kind.strip_prefix("a ").or(kind.strip_prefix("one ")).unwrap_or(kind).to_owned();
        let values: Vec<String> = (key.values)().iter().map(|value| format!("`\"{value}\"`")).collect();
        let values = match values.is_empty() {
            true => String::new(),
            false => format!(" Values: {}.", values.join(", ")),
        };
        [format!("`{}`", key.name), kind, default, format!("{}{values}", key.meaning)]
    };
    let rows: Vec<_> = section.keys.iter().map(row).collect();
    let head = match section.name.starts_with("the ") {
        true => "The file".to_owned(),
        false => format!("`{}`", section.name),
    };
    let table = table(["key", "type", "default", "meaning"], &rows);
    let example = match section.name.starts_with("the ") {
        true => String::new(),
        false => format!("\n```toml\n{}```\n", written(section, |_| true)),
    };
    format!("\n## {head}\n\n{}\n\n{table}{example}", section.meaning)
}

/// A table with the examples of some of its keys.
fn written(section: &Section, with: impl Fn(&ConfigKey) -> bool) -> String {
    let lines: Vec<&str> = section.keys.iter().filter(|key| with(key)).map(|key| key.example).collect();
    match section.name.starts_with('[') {
        true => format!("{}\n{}\n", section.name, lines.join("\n")),
        false => format!("{} = {{ {} }}\n", section.name, lines.join(", ")),
    }
}

/// A whole file of the examples of its tables.
fn file(with: impl Fn(&ConfigKey) -> bool) -> String {
    let examples: Vec<&str> =
        SECTIONS[0].keys.iter().filter(|key| with(key)).map(|key| key.example).collect();
    format!("{}\n", examples.join("\n\n"))
}

/// A whole file in which one table has the examples of some keys, and the others what they must have.
fn around(section: &Section, with: impl Fn(&ConfigKey) -> bool) -> String {
    let mut text = format!("{}\n", SECTIONS[0].keys[0].example);
    for other in &SECTIONS[1..] {
        if other.name == section.name {
            text += &written(section, &with);
        } else if other.name.starts_with('[') {
            text += &written(other, |key| key.default.is_none());
        }
    }
    text
}

/// What a file means in a workspace that has what the examples name.
fn parse(text: &str) -> Result<Config> {
    let mut workspace = workspace();
    let shop = workspace.packages.iter_mut().find(|p| p.name == "shop").unwrap();
    (shop.name, shop.bins) = ("app".into(), vec!["app".into()]);
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("sysroots/arm64/usr/lib")).unwrap();
    Config::from_bytes(text.as_bytes(), &dir.path().join("targets.toml"), &workspace, &triples())
}

#[test]
fn every_example_is_valid() {
    let valid = |text: &str| drop(parse(text).unwrap_or_else(|e| panic!("{e}\n---\n{text}")));
    valid(&file(|key| key.default.is_none()));
    valid(&file(|_| true));
    for section in &SECTIONS[1..] {
        valid(&around(section, |_| true));
        for key in section.keys {
            let one = |other: &ConfigKey| other.default.is_none() || other.name == key.name;
            valid(&around(section, one));
        }
    }
}

#[test]
fn a_key_without_a_default_must_be_there() {
    for section in SECTIONS {
        for key in section.keys.iter().filter(|key| key.default.is_none()) {
            let without = |other: &ConfigKey| other.default.is_none() && other.name != key.name;
            let text = match section.name.starts_with("the ") {
                true => file(without),
                false => around(section, without),
            };
            let said = parse(&text).expect_err(&text).to_string();
            assert!(said.contains(&format!("{} has no ", section.name)), "{said}");
            // The edit that the message names is the example.
            assert!(said.contains(key.example.lines().last().unwrap()), "{said}");
        }
    }
}

#[test]
fn examples_have_the_type_of_their_key() {
    for section in &SECTIONS[1..] {
        for key in section.keys {
            let value = key.example.split_once(" = ").unwrap().1;
            let fits = match key.kind {
                ValueKind::String => value.starts_with('"'),
                ValueKind::Strings => value.starts_with('['),
                ValueKind::Words => value.starts_with(['"', '[']),
                ValueKind::Integer => value.parse::<u32>().is_ok(),
                ValueKind::Boolean => value.parse::<bool>().is_ok(),
                ValueKind::Map | ValueKind::Inline => value.starts_with('{'),
                ValueKind::Table | ValueKind::Tables => false,
            };
            assert!(fits && key.example.starts_with(key.name), "{}", key.example);
        }
    }
}
