//! Users and groups of an image as numbers, out of its own `/etc/passwd` and `/etc/group` (passwd(5), group(5)).

use crate::config::{Id, User};
use crate::error::{Error, Result};
use crate::oci::RootFs;

/// The numbers of user and group. A group that is not said is the user's own in `/etc/passwd`; a user by number who is
/// not there has the group of the same number.
///
/// # Errors
/// A name that the tree does not hold; a number above [`User::MAX`].
pub(super) fn numbers(user: &User, tree: &RootFs) -> Result<(u32, u32)> {
    let passwd = read(tree, "etc/passwd")?;
    let entry = entries(&passwd).find(|fields| matches(&user.user, fields));
    let uid = match &user.user {
        Id::Number(number) => *number,
        Id::Name(name) => {
            entry.as_ref().and_then(|f| number(f, 2)).ok_or_else(|| absent("user", name, &passwd))?
        }
    };
    let gid = match &user.group {
        Some(Id::Number(number)) => *number,
        Some(Id::Name(name)) => {
            let groups = read(tree, "etc/group")?;
            let entry = entries(&groups).find(|fields| fields.first() == Some(&name.as_str()));
            entry.and_then(|f| number(&f, 2)).ok_or_else(|| absent("group", name, &groups))?
        }
        None => entry.as_ref().and_then(|f| number(f, 3)).unwrap_or(uid),
    };
    match [uid, gid].into_iter().find(|id| *id > User::MAX) {
        Some(id) => {
            Err(Error::usage(format!("`user` of an image means the number {id}, which engines refuse"))
                .found(format!("they take 0 to {}", User::MAX)))
        }
        None => Ok((uid, gid)),
    }
}

/// The home of a user; none where the tree does not know the user.
pub fn home(uid: u32, tree: &RootFs) -> Option<String> {
    let passwd = read(tree, "etc/passwd").ok()?;
    let entry = entries(&passwd).find(|fields| matches(&Id::Number(uid), fields))?;
    entry.get(5).filter(|home| !home.is_empty()).map(|home| (*home).to_owned())
}

/// The file's text; empty where there is none.
fn read(tree: &RootFs, path: &str) -> Result<String> {
    let Some((_, content)) = tree.file(path) else { return Ok(String::new()) };
    let bytes = content.read().map_err(|e| Error::failed(format!("cannot read /{path} of an image: {e}")))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn entries(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().map(|line| line.split(':').collect())
}

fn matches(user: &Id, fields: &[&str]) -> bool {
    match user {
        Id::Number(wanted) => number(fields, 2) == Some(*wanted),
        Id::Name(name) => fields.first() == Some(&name.as_str()),
    }
}

fn number(fields: &[&str], at: usize) -> Option<u32> {
    fields.get(at)?.parse().ok()
}

fn absent(what: &str, name: &str, file: &str) -> Error {
    let known: Vec<&str> =
        entries(file).filter_map(|f| f.first().copied()).filter(|n| !n.is_empty()).collect();
    let known = if known.is_empty() { "nobody".to_owned() } else { known.join(", ") };
    Error::usage(format!("`user` of an image names the {what} {name}, which is not in it"))
        .found(format!("it knows {known}"))
        .help("write numbers: user = \"65532:65532\"")
}
