//! Compares the tables of the pages in [`PAGES`] with the sources: everything that a row names
//! as its proof must exist.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The pages whose tables have a last column "shown by".
const PAGES: [&str; 3] =
    ["docs/concepts/c-boundary.md", "docs/concepts/untrusted-bytes.md", "docs/design/pipeline-faults.md"];

/// The topics that docs/concepts/c-boundary.md must have.
const TOPICS: [&str; 23] = [
    "vectors",
    "strings",
    "arrays in place",
    "owned records",
    "kept buffers",
    "callbacks",
    "panics",
    "callback contexts",
    "readers",
    "zero-copy cursors",
    "blocking calls",
    "errors",
    "order of clean-up",
    "memory held by C",
    "unsafe code",
    "cost of a crossing",
    "batches",
    "heavy C library",
    "profiling",
    "dlopen",
    "wasm",
    "store engines",
    "store durability",
];

/// The rows of all tables, as their cells.
fn rows() -> Vec<Vec<String>> {
    let pages = PAGES.map(|page| std::fs::read_to_string(repository().join(page)).unwrap());
    let text = pages.concat();
    let lines = text.lines().filter(|line| line.starts_with("| ") && !line.contains("shown by"));
    lines
        .map(|line| line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect())
        .collect()
}

/// What stands in backticks.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// Whether a file has a test of this name, or a function that its tests call.
fn has_test(text: &str, name: &str) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    let Some(at) = lines.iter().position(|line| line.starts_with(&format!("fn {name}("))) else {
        return false;
    };
    let attributes =
        lines[..at].iter().rev().take_while(|line| line.starts_with("#[") || line.starts_with("//"));
    attributes.into_iter().any(|line| *line == "#[test]") || text.matches(&format!("{name}(")).count() > 1
}

/// What is wrong with something that the table names.
fn wrong(shown: &str) -> Option<String> {
    let root = repository();
    if let Some((file, name)) = shown.split_once("::") {
        let Ok(text) = std::fs::read_to_string(root.join(file)) else {
            return Some(format!("there is no file {file}"));
        };
        return (!has_test(&text, name)).then(|| format!("{file} has no test {name}"));
    }
    let source = |file: &str| std::fs::read_to_string(root.join(file)).unwrap();
    let words: Vec<&str> = shown.split(' ').collect();
    match words.as_slice() {
        ["cargo", "xtask", command, ..] => {
            let file = format!("xtask/src/commands/{command}.rs");
            (!root.join(&file).exists()).then(|| format!("there is no command {command}"))
        }
        ["cargo", "run", "-p", package, "--example", example] => {
            let file = format!("{package}/examples/{example}.rs");
            (!root.join(&file).exists()).then(|| format!("there is no file {file}"))
        }
        ["cargo", "bench", "-p", package, ..] => {
            (!root.join(package).join("benches").exists()).then(|| format!("{package} has no bench"))
        }
        ["app", command, ..] => (!source("app/src/args.rs").contains(&format!("\"{command}\"")))
            .then(|| format!("app has no command {command}")),
        [path] if path.contains('/') => {
            (!root.join(path).exists()).then(|| format!("there is no file {path}"))
        }
        _ => Some("it is no test, no file and no command that this test knows".into()),
    }
}

#[test]
fn everything_named_in_the_table_is_there() {
    let mut broken = Vec::new();
    for row in rows() {
        let last = row.last().unwrap();
        let shown = quoted(last);
        if shown.is_empty() {
            broken.push(format!("{}: nothing shows it", row[0]));
        }
        broken.extend(shown.iter().filter_map(|s| Some(format!("{}: {s}: {}", row[0], wrong(s)?))));
        // Nothing but the list: words beside it would not be checked.
        let rest = last.split('`').step_by(2).any(|part| !matches!(part.trim(), "" | ","));
        if rest {
            broken.push(format!("{}: words beside what shows it", row[0]));
        }
    }
    assert!(broken.is_empty(), "tables of the C boundary:\n  {}", broken.join("\n  "));
}

#[test]
fn no_row_is_left_out() {
    let rows = rows();
    let there: BTreeSet<&str> = rows.iter().map(|row| row[0].as_str()).collect();
    let missing: Vec<&str> = TOPICS.into_iter().filter(|topic| !there.contains(topic)).collect();
    assert!(missing.is_empty(), "docs/concepts/c-boundary.md lacks {missing:?}");
    // Every program that must not compile belongs to a row.
    let shown: BTreeSet<&str> = rows.iter().flat_map(|row| quoted(row.last().unwrap())).collect();
    for folder in ["native/tests/misuse", "native/tests/misuse/std"] {
        for entry in std::fs::read_dir(repository().join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let path = format!("{folder}/{name}");
            assert!(!name.ends_with(".rs") || shown.contains(path.as_str()), "{path} is in no row");
        }
    }
}

/// The check sees what it is there for.
#[test]
fn what_is_not_there_is_seen() {
    for shown in [
        "native/tests/pool.rs::no_such_test",
        "native/tests/no_such_file.rs::no_room",
        "native/tests/misuse/no_such_program.rs",
        "cargo xtask fly",
        "cargo run -p native --example fly",
        "app fly",
        "a promise",
    ] {
        assert!(wrong(shown).is_some(), "{shown}");
    }
    assert_eq!(wrong("native/tests/pool.rs::no_room"), None);
    assert!(!has_test("fn helper(a: u8) {}", "helper"));
    assert!(has_test("#[test]\n/// Why.\nfn helper(a: u8) {}", "helper"));
}
