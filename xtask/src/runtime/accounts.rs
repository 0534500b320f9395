//! Reads the numbers of users and groups of an image from its own `/etc/passwd` and `/etc/group` (passwd(5),
//! group(5)).

use xtask_config::{Id, User};
use xtask_files::error::{Error, Result};
use xtask_oci::RootFs;

/// A user of an image, as an engine sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// The number of the user.
    pub uid: u32,
    /// The number of the group.
    pub gid: u32,
    /// The further groups of the user in `/etc/group`. Engines add them if the user is given without a group.
    pub further: Vec<u32>,
}

/// The source of the setting that names the user of an image.
#[derive(Debug, Clone, Copy)]
pub(super) enum AccountSource<'a> {
    /// The `user` key in targets.toml.
    File,
    /// The configuration of the base with this name.
    Base(&'a str),
}

impl AccountSource<'_> {
    /// Makes an error that begins with the source of the setting.
    fn error(self, what: &str) -> Error {
        match self {
            AccountSource::File => Error::usage(format!("`user` of an image {what}")),
            AccountSource::Base(name) => Error::failed(format!("the `User` of the base {name} {what}")),
        }
    }
}

/// Returns the numbers of a user. Without a group, the user's own group in `/etc/passwd` is used. A user by
/// number who is not in that file gets the group of the same number.
///
/// # Errors
/// The tree does not contain a name, or a number is above [`User::MAX`].
pub(super) fn account(user: &User, tree: &RootFs, by: AccountSource<'_>) -> Result<Account> {
    let passwd = read(tree, "etc/passwd")?;
    let entry = entries(&passwd).find(|fields| matches(&user.user, fields));
    let uid = match &user.user {
        Id::Number(number) => *number,
        Id::Name(name) => {
            entry.as_ref().and_then(|f| number(f, 2)).ok_or_else(|| absent(by, "user", name, &passwd))?
        }
    };
    let groups = read(tree, "etc/group")?;
    let gid = match &user.group {
        Some(Id::Number(number)) => *number,
        Some(Id::Name(name)) => {
            let entry = entries(&groups).find(|fields| fields.first() == Some(&name.as_str()));
            entry.and_then(|f| number(&f, 2)).ok_or_else(|| absent(by, "group", name, &groups))?
        }
        None => entry.as_ref().and_then(|f| number(f, 3)).unwrap_or(uid),
    };
    let name = entry.as_ref().and_then(|fields| fields.first().copied()).filter(|_| user.group.is_none());
    let further = name.map(|name| further(name, gid, &groups)).unwrap_or_default();
    match [uid, gid].into_iter().find(|id| *id > User::MAX) {
        Some(id) => Err(by
            .error(&format!("is the number {id}, which container engines reject"))
            .found(format!("they accept 0 to {}", User::MAX))
            .help("write numbers in targets.toml: user = \"65532:65532\"")),
        None => Ok(Account { uid, gid, further }),
    }
}

/// Returns the groups of a user other than `own`.
fn further(name: &str, own: u32, groups: &str) -> Vec<u32> {
    let lists = |fields: &Vec<&str>| fields.get(3).is_some_and(|list| list.split(',').any(|n| n == name));
    let all = entries(groups).filter(lists).filter_map(|fields| number(&fields, 2));
    all.filter(|gid| *gid != own).collect()
}

impl Account {
    /// Returns the `User` of a configuration: `uid:gid`, or only `uid` if the user has further groups that
    /// only this form selects.
    pub(super) fn text(&self, tree: &RootFs) -> String {
        let alone = self.uid.to_string();
        if !self.further.is_empty() && Self::of(&alone, tree) == *self {
            return alone;
        }
        format!("{alone}:{}", self.gid)
    }

    /// Returns the account for a numeric `User` in the image with this tree.
    pub fn of(text: &str, tree: &RootFs) -> Self {
        let id = |text: &str| Id::Number(text.parse().unwrap_or(0));
        let (user, group) = text.split_once(':').map_or((text, None), |(user, group)| (user, Some(group)));
        account(&User { user: id(user), group: group.map(id) }, tree, AccountSource::File).unwrap_or_default()
    }
}

/// Returns the home folder of a user, or none if the tree does not contain the user.
pub fn home(uid: u32, tree: &RootFs) -> Option<String> {
    let passwd = read(tree, "etc/passwd").ok()?;
    let entry = entries(&passwd).find(|fields| matches(&Id::Number(uid), fields))?;
    entry.get(5).filter(|home| !home.is_empty()).map(|home| (*home).to_owned())
}

/// Returns the file's text, or an empty text if there is no file.
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

fn absent(by: AccountSource<'_>, what: &str, name: &str, file: &str) -> Error {
    let known: Vec<&str> =
        entries(file).filter_map(|f| f.first().copied()).filter(|n| !n.is_empty()).collect();
    let known = if known.is_empty() { "nobody".to_owned() } else { known.join(", ") };
    by.error(&format!("names the {what} {name}, which is not in the image"))
        .found(format!("it has {known}"))
        .help("write numbers in targets.toml: user = \"65532:65532\"")
}
