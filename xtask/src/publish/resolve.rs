//! Replaces `xtask://IMAGE` in Kubernetes and Compose files by the repository and the digest of the published image.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use xtask_config::suggest::nearest;
use xtask_files::error::{Error, Result};
use xtask_report::report::Report;

const SCHEME: &str = "xtask://";
const HELP: &str = "publish the images of the last release: cargo xtask publish";

/// The published images: the name in targets.toml, and `repository@digest`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResolvedImages(BTreeMap<String, String>);

#[derive(Deserialize)]
struct PublishedRecord {
    images: Vec<PublishedImageRecord>,
}

#[derive(Deserialize)]
struct PublishedImageRecord {
    name: String,
    #[serde(rename = "ref")]
    reference: String,
    index_digest: String,
}

impl ResolvedImages {
    /// Reads `publish.json` in `dist`. If `report.json` is beside it, both must belong to one release.
    ///
    /// # Errors
    /// Nothing was published, a file cannot be read, or a release was made since.
    pub fn read(dist: &Path) -> Result<Self> {
        let file = dist.join("publish.json");
        let text = xtask_files::read(&file).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => Error::usage("no image was published yet")
                .found(format!("{} does not exist", file.display()))
                .help(HELP),
            _ => Error::io("cannot read", &file, &e),
        })?;
        let unreadable = |file: &Path, e: serde_json::Error| {
            Error::failed(format!("cannot read {}: {e}", file.display())).help(HELP)
        };
        let record: PublishedRecord = serde_json::from_slice(&text).map_err(|e| unreadable(&file, e))?;
        let file = dist.join("report.json");
        match xtask_files::read(&file) {
            Ok(text) => {
                let report: Report = serde_json::from_slice(&text).map_err(|e| unreadable(&file, e))?;
                same_release(&record, &report)?;
            }
            // A pipeline may pass on only publish.json.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(Error::io("cannot read", &file, &e)),
        }
        Ok(Self(record.images.into_iter().map(|image| (image.name, image.reference)).collect()))
    }

    /// Replaces every reference in `text`; everything else stays byte for byte. Comments of YAML are not changed.
    ///
    /// # Errors
    /// One line for each reference that names no published image, with `file`, line and column, counted from 1.
    pub fn resolve(&self, file: &str, text: &str) -> Result<String, Vec<String>> {
        let (mut resolved, mut problems) = (String::with_capacity(text.len()), Vec::new());
        for (number, line) in text.split_inclusive('\n').enumerate() {
            let (content, comment) = line.split_at(comment_start(line));
            let mut rest = content;
            while let Some(at) = rest.find(SCHEME) {
                let after = &rest[at + SCHEME.len()..];
                let (name, tail) = after.split_at(after.find(ends_reference).unwrap_or(after.len()));
                resolved.push_str(&rest[..at]);
                match self.0.get(name) {
                    Some(reference) => resolved.push_str(reference),
                    None => {
                        let before = &content[..content.len() - rest.len() + at];
                        let column = before.chars().count() + 1;
                        problems.push(format!("{file}:{}:{column}: {}", number + 1, self.unknown(name)));
                    }
                }
                rest = tail;
            }
            resolved.push_str(rest);
            resolved.push_str(comment);
        }
        if problems.is_empty() { Ok(resolved) } else { Err(problems) }
    }

    fn unknown(&self, name: &str) -> String {
        let names = || self.0.keys().map(String::as_str);
        if let Some((image, _)) = name.split_once([':', '@'])
            && self.0.contains_key(image)
        {
            return format!("{SCHEME}{name} has a tag or a digest; write {SCHEME}{image}");
        }
        match nearest(name, names()) {
            Some(near) => format!("no image {name:?} was published; did you mean {SCHEME}{near}?"),
            None => {
                let names = names().collect::<Vec<_>>().join(", ");
                format!("no image {name:?} was published; published: {names}")
            }
        }
    }
}

fn same_release(record: &PublishedRecord, report: &Report) -> Result<()> {
    for image in &record.images {
        let released = report.images.iter().find(|released| released.name == image.name);
        if released.is_none_or(|released| released.index_digest != image.index_digest) {
            return Err(Error::failed(format!(
                "image {} of the last release is not the one that was published",
                image.name
            ))
            .found(format!("published: {}", image.index_digest))
            .found(match released {
                Some(released) => format!("released: {}", released.index_digest),
                None => "the last release has no image of this name".to_owned(),
            })
            .help(HELP));
        }
    }
    Ok(())
}

fn ends_reference(c: char) -> bool {
    c.is_whitespace() || "\"'`,;()[]{}<>|&#\\$".contains(c)
}

/// Returns where the comment of a line begins: at a `#` outside of quotes, first in the line or after white space.
fn comment_start(line: &str) -> usize {
    let (mut quote, mut before, mut escaped) = (None, ' ', false);
    for (at, c) in line.char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some('"') if c == '\\' => escaped = true,
            Some(open) if open == c => quote = None,
            Some(_) => {}
            None if c == '#' && before.is_whitespace() => return at,
            // An apostrophe inside a word opens no quote.
            None if (c == '"' || c == '\'') && (before.is_whitespace() || "[{,:(=".contains(before)) => {
                quote = Some(c);
            }
            None => {}
        }
        before = c;
    }
    line.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images() -> ResolvedImages {
        let image = |name: &str| (name.to_owned(), format!("registry.example/team/{name}@sha256:0"));
        ResolvedImages([image("app"), image("worker")].into())
    }

    #[test]
    fn references_are_replaced_and_nothing_else_is() {
        let text = "# xtask://app stays\r\na: &x xtask://app # xtask://app\r\n  b: 'xtask://worker'\n\
            c: {\"image\":\"xtask://app\", d: \"# xtask://app\"}\n- it's xtask://app";
        let expected = "# xtask://app stays\r\na: &x registry.example/team/app@sha256:0 # xtask://app\r\n  \
            b: 'registry.example/team/worker@sha256:0'\n\
            c: {\"image\":\"registry.example/team/app@sha256:0\", d: \"# registry.example/team/app@sha256:0\"}\n\
            - it's registry.example/team/app@sha256:0";
        assert_eq!(images().resolve("f", text).as_deref(), Ok(expected));
    }

    #[test]
    fn every_unknown_name_is_reported_with_its_place() {
        let text = "a: xtask://app\nä: xtask://wroker, xtask://app:1\nb: xtask://";
        let problems = images().resolve("k8s.yaml", text).unwrap_err();
        assert_eq!(
            problems,
            [
                "k8s.yaml:2:4: no image \"wroker\" was published; did you mean xtask://worker?",
                "k8s.yaml:2:20: xtask://app:1 has a tag or a digest; write xtask://app",
                "k8s.yaml:3:4: no image \"\" was published; published: app, worker",
            ]
        );
    }

    #[test]
    fn text_without_a_reference_passes_unchanged() {
        let parts =
            ["xtask:/", "app", "#", "'", "\"", "\\", "\r\n", "\n", " ", "é", "&x", ": ", "\u{feff}", "\0"];
        let mut state = 1_u64;
        for _ in 0..2000 {
            let mut text = String::new();
            for _ in 0..24 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                text.push_str(parts[(state >> 33) as usize % parts.len()]);
            }
            assert_eq!(images().resolve("f", &text).as_deref(), Ok(text.as_str()));
        }
    }

    #[test]
    fn nothing_published_and_another_release_are_errors() {
        let dir = tempfile::tempdir().unwrap();
        let error = ResolvedImages::read(dir.path()).unwrap_err();
        assert_eq!((error.kind.code(), error.what.as_str()), (2, "no image was published yet"));
        let published = r#"{"images":[{"name":"app","ref":"r/app@sha256:1","index_digest":"sha256:1"}]}"#;
        std::fs::write(dir.path().join("publish.json"), published).unwrap();
        assert_eq!(ResolvedImages::read(dir.path()).unwrap().0["app"], "r/app@sha256:1");
    }
}
