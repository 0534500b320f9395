//! Checks the documentation as a whole: length of the pages, links between them, and the table of contents.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use xtask_compilers::toolchain::Provider;

/// The most words that README.md may have.
const README_WORDS: usize = 900;

/// The most words that a page below docs may have.
const PAGE_WORDS: usize = 1300;

/// Pages that are generated from the code, from docs. The test that generates them also checks that they exist, and their
/// length follows from the code.
const GENERATED: [&str; 3] = ["reference/commands.md", "reference/targets-toml.md", "reference/targets.md"];

/// Pages outside docs whose links are checked.
const OTHERS: [&str; 9] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "app/README.md",
    "native/README.md",
    "docker/README.md",
    "docker/bases/README.md",
    "xtask/crates/README.md",
];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn words(text: &str) -> usize {
    text.split_whitespace().count()
}

/// Every Markdown file below `folder`, as paths from it.
fn pages(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "md") {
                found.insert(entry.strip_prefix(folder).unwrap().to_owned());
            }
        }
    }
    found
}

/// The lines of a page that are not in a fenced block of code.
fn prose(text: &str) -> Vec<&str> {
    let mut fenced = false;
    text.lines()
        .filter(|line| {
            let fence = line.trim_start().starts_with("```");
            fenced ^= fence;
            !fenced && !fence
        })
        .collect()
}

/// The targets of the links of a page, `[text](target)`, without those that lead to another host.
fn links(text: &str) -> Vec<&str> {
    let parts = prose(text).into_iter().flat_map(|line| line.split("](").skip(1));
    let targets = parts.filter_map(|part| Some(part.split_once(')')?.0));
    targets.filter(|target| !target.contains("://")).collect()
}

/// The anchors of a page's headings, as GitHub and mdBook write them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text).into_iter().filter(|line| line.starts_with('#'));
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    headings
        .map(|line| line.trim_matches(['#', ' ']).to_lowercase().chars().filter(kept).collect::<String>())
        .map(|heading| heading.replace(' ', "-"))
        .collect()
}

/// `path` without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut plain, component| {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            other => plain.push(other),
        }
        plain
    })
}

/// Why a link of the page `from` leads nowhere.
fn broken(root: &Path, from: &Path, link: &str) -> Option<String> {
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = if file.is_empty() { from.to_owned() } else { plain(&from.parent()?.join(file)) };
    if GENERATED.iter().any(|page| target == root.join("docs").join(page)) {
        return None;
    }
    if !target.exists() {
        return Some(format!("{link}: there is no such file"));
    }
    (!anchor.is_empty() && !anchors(&read(&target)).contains(anchor))
        .then(|| format!("{link}: there is no such heading"))
}

#[test]
fn every_link_leads_somewhere() {
    let root = repository();
    let docs = pages(&root.join("docs")).into_iter().map(|page| root.join("docs").join(page));
    let mut wrong = Vec::new();
    for page in OTHERS.map(|page| root.join(page)).into_iter().chain(docs) {
        let text = read(&page);
        let found = links(&text).into_iter().filter_map(|link| broken(&root, &page, link));
        wrong.extend(found.map(|why| format!("{}: {why}", page.strip_prefix(&root).unwrap().display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_summary_lists_every_page_once() {
    let docs = repository().join("docs");
    let summary = read(&docs.join("SUMMARY.md"));
    let mut listed = links(&summary);
    let count = listed.len();
    listed.sort_unstable();
    listed.dedup();
    assert_eq!(listed.len(), count, "docs/SUMMARY.md lists a page twice");
    let mut there = pages(&docs);
    there.remove(Path::new("SUMMARY.md"));
    there.extend(GENERATED.map(PathBuf::from));
    assert_eq!(listed.into_iter().map(PathBuf::from).collect::<BTreeSet<_>>(), there);
}

#[test]
fn no_page_is_too_long() {
    let root = repository();
    let count = words(&read(&root.join("README.md")));
    assert!(count <= README_WORDS, "README.md has {count} words, the limit is {README_WORDS}");
    for page in pages(&root.join("docs")) {
        if !GENERATED.iter().any(|generated| page == Path::new(generated)) {
            let count = words(&read(&root.join("docs").join(&page)));
            assert!(count <= PAGE_WORDS, "{} has {count} words, the limit is {PAGE_WORDS}", page.display());
        }
    }
}

#[test]
fn a_link_that_leads_nowhere_is_seen() {
    let root = repository();
    let readme = root.join("README.md");
    assert_eq!(links("[a](b.md) and [c](https://d)\n```\n[e](f)\n```\n[g](h#i)"), ["b.md", "h#i"]);
    assert_eq!(broken(&root, &readme, "docs/glossary.md"), None);
    assert_eq!(broken(&root, &root.join("docs/guide/ci.md"), "../../README.md#start"), None);
    assert!(broken(&root, &readme, "docs/no-such-page.md").is_some());
    assert!(broken(&root, &readme, "#no-such-heading").is_some());
    assert_eq!(anchors("# What \"proven\" means\n## `target/dist`"), {
        BTreeSet::from(["what-proven-means".to_owned(), "targetdist".to_owned()])
    });
}

/// `cc` takes what the table of providers offers.
#[test]
fn the_page_on_toolchains_lists_every_provider() {
    let page = read(&repository().join("docs/concepts/toolchains.md"));
    let names: Vec<String> = Provider::choices().map(|name| format!("`{name}`")).collect();
    assert!(page.contains(&format!("takes a provider ({})", names.join(", "))), "{names:?}");
}
