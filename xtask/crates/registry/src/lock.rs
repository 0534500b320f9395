//! `docker/bases/registry.lock`: the digest to which each tag is locked, so that a moved tag has no effect
//! until a user updates it. It has one line for each tag, in order: the reference, and the digest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{PullContext, Reference};
use xtask_files as files;
use xtask_files::error::{Error, Result};
use xtask_oci::Digest;

/// The name of the file.
pub const FILE: &str = "registry.lock";
/// The comment at the beginning of the file.
const HEAD: &str =
    "# Tags of bases, each with the digest that it is held at. `cargo xtask base update` moves them.\n";

/// Digests by reference. Every reference has a tag and no digest.
pub type Locks = BTreeMap<Reference, Digest>;

/// A tag that was looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The reference with the tag.
    pub reference: Reference,
    /// The previous digest of the tag; none if the tag is new.
    pub from: Option<Digest>,
    /// The present digest of the tag.
    pub to: Digest,
}

/// Returns the path of the file in a folder of locks.
pub fn path(locks: &Path) -> PathBuf {
    locks.join(FILE)
}

/// Reads the locks of a folder. There are none if there is no file.
///
/// # Errors
/// The file cannot be read or parsed. The error names every invalid line.
pub fn read(locks: &Path) -> Result<Locks> {
    let path = path(locks);
    match std::fs::read_to_string(&path) {
        Ok(text) => parse(&text, &path),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Locks::new()),
        Err(e) => Err(Error::io("cannot read", &path, &e)),
    }
}

/// Parses the text of the file. Pure.
fn parse(text: &str, path: &Path) -> Result<Locks> {
    let mut locks = Locks::new();
    let mut wrong = Vec::new();
    let lines = text.lines().zip(1..).map(|(line, at)| (line.trim(), at));
    for (line, at) in lines.filter(|(line, _)| !line.is_empty() && !line.starts_with('#')) {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let read = match words[..] {
            [name, digest] => Reference::parse(name).ok().zip(Digest::parse(digest)),
            _ => None,
        };
        match read.filter(|(reference, _)| reference.tag().is_some() && reference.digest().is_none()) {
            None => wrong.push(format!("line {at}: not a reference with a tag, then a digest")),
            Some((reference, digest)) => {
                if locks.insert(reference.clone(), digest).is_some() {
                    wrong.push(format!("line {at}: {reference} is listed twice"));
                }
            }
        }
    }
    if wrong.is_empty() {
        return Ok(locks);
    }
    let error = Error::usage(format!("{} cannot be parsed", path.display()));
    let error = wrong.into_iter().fold(error, Error::found);
    Err(error.help("fix it, or remove those lines and run: cargo xtask base update"))
}

/// Returns the text of the file. Pure.
fn write(locks: &Locks) -> String {
    let lines = locks.iter().map(|(reference, digest)| format!("{reference} {digest}\n"));
    std::iter::once(HEAD.to_owned()).chain(lines).collect()
}

/// Locks tags to digests.
pub(super) fn hold(found: Vec<(Reference, Digest)>, site: &PullContext<'_>) -> Result<Vec<Moved>> {
    change(site, |locks| {
        let hold = |(reference, to): (Reference, Digest)| {
            let from = locks.insert(reference.clone(), to.clone());
            Moved { reference, from, to }
        };
        found.into_iter().map(hold).collect()
    })
}

/// Removes the locks of tags that are not wanted, and returns them.
///
/// # Errors
/// The file cannot be read or written.
pub fn retain(wanted: &[Reference], site: &PullContext<'_>) -> Result<Vec<Reference>> {
    change(site, |locks| {
        let gone: Vec<Reference> = locks.keys().filter(|r| !wanted.contains(r)).cloned().collect();
        locks.retain(|reference, _| wanted.contains(reference));
        gone
    })
}

/// Changes the file. Only one process at a time may do that.
fn change<T>(site: &PullContext<'_>, how: impl FnOnce(&mut Locks) -> T) -> Result<T> {
    let guard = site.cache.join("registry").join("locks").join(FILE);
    let _guard = xtask_process::cache::lock(&guard, || {})?;
    let before = read(site.locks)?;
    let mut after = before.clone();
    let answer = how(&mut after);
    if after != before {
        files::write(&path(site.locks), write(&after).as_bytes())?;
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_file_reads_back_and_is_in_order() {
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        let reference = |text: &str| Reference::parse(text).unwrap();
        let locks = Locks::from([
            (reference("localhost:5000/b:1"), one.clone()),
            (reference("debian:12"), two.clone()),
        ]);
        let text = write(&locks);
        assert_eq!(text, format!("{HEAD}docker.io/library/debian:12 {two}\nlocalhost:5000/b:1 {one}\n"));
        assert_eq!(parse(&text, Path::new("x")).unwrap(), locks);
    }

    #[test]
    fn every_wrong_line_is_named() {
        let digest = Digest::of(b"1");
        let text = format!(
            "# x\n\ndebian:12 {digest}\ndebian {digest} x\nX {digest}\ndebian:12 {digest}\nx@{digest} {digest}\n"
        );
        let error = parse(&text, Path::new("registry.lock")).unwrap_err().to_string();
        for words in ["line 4", "line 5", "line 6: docker.io/library/debian:12 is listed twice", "line 7"] {
            assert!(error.contains(words), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(# x|[a-z:0-9@/ ]{0,30}|\n){0,9}") {
            if let Ok(locks) = parse(&text, Path::new("x")) {
                prop_assert_eq!(parse(&write(&locks), Path::new("x")).unwrap(), locks);
            }
        }
    }
}
