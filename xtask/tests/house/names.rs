//! Type names are unique in the workspace, so that whoever greps one finds one thing.

use std::collections::{BTreeMap, BTreeSet};

use super::{crates, repository, sources};

/// What a comment begins with that argues for a name which another type has as well: `// Same name as in <file>: <why>`.
/// It stands above the definition, before its docs and attributes.
const ARGUMENT: &str = "// Same name as in ";

/// A definition of a type.
struct Definition {
    name: String,
    path: String,
    line: usize,
    /// The file that has the other type of this name, by the comment that argues for it.
    argued: Option<String>,
}

/// The name of the type that a line begins to define. Associated types, which are indented, have none.
fn defined(line: &str) -> Option<&str> {
    let mut code = line.trim_start();
    if let Some(rest) = code.strip_prefix("pub") {
        code = rest.strip_prefix('(').and_then(|r| r.split_once(')')).map_or(rest, |(_, r)| r).trim_start();
    }
    code = code.strip_prefix("unsafe ").unwrap_or(code);
    let (keyword, rest) = code.split_once(' ')?;
    let free = line.trim_start().len() == line.len();
    let defines = matches!(keyword, "struct" | "enum" | "trait" | "union") || (keyword == "type" && free);
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    (defines && rest.starts_with(|c: char| c.is_uppercase())).then_some(&rest[..end])
}

/// The types that a file defines, wherever in it they stand.
fn definitions(path: &str, text: &str) -> Vec<Definition> {
    let mut found = Vec::new();
    let mut argued = None;
    for (at, line) in text.lines().enumerate() {
        if let Some(argument) = line.trim_start().strip_prefix(ARGUMENT) {
            argued = argument.split_once(": ").map(|(file, _)| file.to_owned());
        } else if let Some(name) = defined(line) {
            let (name, path) = (name.to_owned(), path.to_owned());
            found.push(Definition { name, path, line: at + 1, argued: argued.take() });
        } else if line.trim().is_empty() {
            argued = None;
        }
    }
    found
}

/// Names that several types have though no comment argues for it, and comments that argue for nothing.
fn faults(definitions: Vec<Definition>) -> Vec<String> {
    let mut by_name: BTreeMap<String, Vec<Definition>> = BTreeMap::new();
    for definition in definitions {
        by_name.entry(definition.name.clone()).or_default().push(definition);
    }
    let mut faults = Vec::new();
    for (name, all) in by_name {
        let unargued: Vec<String> = all
            .iter()
            .filter(|one| one.argued.is_none())
            .map(|one| format!("{}:{}", one.path, one.line))
            .collect();
        if unargued.len() > 1 {
            faults.push(format!("{name}: {}", unargued.join(", ")));
        }
        for (at, one) in all.iter().enumerate() {
            let others: BTreeSet<&str> =
                all.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, o)| o.path.as_str()).collect();
            if let Some(file) = one.argued.as_deref().filter(|file| !others.contains(file)) {
                faults.push(format!("{name}: {}:{} says that {file} has one too", one.path, one.line));
            }
        }
    }
    faults
}

#[test]
fn names_of_types_are_unique() {
    let folders = crates().into_iter().chain(["native/src".to_owned(), "app/src".to_owned()]);
    let files = folders.flat_map(|folder| sources(&folder));
    let all: Vec<Definition> = files
        .flat_map(|path| {
            let text = std::fs::read_to_string(repository().join(&path)).unwrap();
            definitions(&path, &text)
        })
        .collect();
    assert!(all.len() > 700, "{} definitions found", all.len());
    let faults = faults(all);
    assert!(
        faults.is_empty(),
        "names of several types; give each a name of its own, or argue above a definition: \
         `{ARGUMENT}<file>: <why>`\n  {}",
        faults.join("\n  ")
    );
}

#[test]
fn names_that_two_types_share_are_seen() {
    let of = |files: &[(&str, &str)]| {
        faults(files.iter().flat_map(|(path, text)| definitions(path, text)).collect()).join("; ")
    };
    let a = ("a.rs", "/// A.\npub struct A;\nimpl X for A {\n    type Item = A;\n    type Error = A;\n}\n");
    assert_eq!(
        of(&[a, ("b.rs", "pub(crate) enum B { A(A) }\nuse crate::A;\nmod m {\n    type Item = A;\n}\n")]),
        ""
    );
    for second in
        ["pub(super) enum A {}", "unsafe trait A {}", "type A<'a> = &'a ();", "fn f() {\n    struct A;\n}"]
    {
        let found = of(&[a, ("b.rs", second)]);
        assert!(found.starts_with("A: a.rs:2, b.rs:"), "{second}: {found}");
    }
    let argued = "// Same name as in a.rs: it is the same on another system.\n/// A.\n#[cfg(x)]\nstruct A;\n";
    assert_eq!(of(&[a, ("b.rs", argued)]), "");
    assert_eq!(of(&[a, ("b.rs", argued), ("c.rs", "struct A;")]), "A: a.rs:2, c.rs:1");
    assert_eq!(of(&[("b.rs", argued)]), "A: b.rs:4 says that a.rs has one too");
    // An argument is of the definition below it, and of no later one; and without a reason it is none.
    assert_eq!(
        of(&[a, ("b.rs", "// Same name as in a.rs: yes.\nfn f() {}\n\nstruct A;\n")]),
        "A: a.rs:2, b.rs:4"
    );
    assert_eq!(of(&[a, ("b.rs", "// Same name as in a.rs\nstruct A;\n")]), "A: a.rs:2, b.rs:2");
}
