//! How an image is run: what targets.toml says, over what the base says, over what every image has.

use std::collections::BTreeMap;

use xtask_base::BaseImage;
use xtask_config::{HealthCheck, Id, ImageRun, User};
use xtask_files::error::{Error, Result};
use xtask_oci::document::{Health, Runtime};
use xtask_oci::scratch::{CERTIFICATES, NONROOT, PATH};
use xtask_oci::{FileKind, Node, Resolved, RootFs, kernel};

pub mod accounts;
mod sound;

use accounts::{Account, AccountSource};

/// The labels or annotations of an image, each value by its key.
pub type Labels = BTreeMap<String, String>;

/// What one part of `org.opencontainers.image` says of a base is not so of what stands on it.
const OF_THE_BASE: &str = "org.opencontainers.image.";

/// Something that is said of an image and does not fit what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// The key of targets.toml that says it; none where the base does.
    pub key: Option<&'static str>,
    /// The error that says what does not fit.
    pub error: Error,
}

impl Misfit {
    fn of(key: &'static str, error: Error) -> Self {
        Self { key: Some(key), error }
    }
}

impl From<Error> for Misfit {
    fn from(error: Error) -> Self {
        Self { key: None, error }
    }
}

/// What is said of an image below what targets.toml says: by its base, or by us where it has none.
#[derive(Debug, Clone)]
pub struct RuntimeDefaults {
    /// What messages call the base.
    pub name: String,
    /// The configuration that the base gives, or the default one without a base.
    pub runtime: Runtime,
}

impl RuntimeDefaults {
    /// Takes the configuration of a base; that of scratch where there is none.
    pub fn of(base: Option<&BaseImage>) -> Self {
        match base {
            Some(base) => Self { name: base.name.clone(), runtime: base.runtime.clone() },
            None => {
                let env = vec![format!("PATH={PATH}"), format!("SSL_CERT_FILE=/{CERTIFICATES}")];
                Self { name: "scratch".to_owned(), runtime: Runtime { env, ..Runtime::default() } }
            }
        }
    }
}

/// The configuration of an image whose root is `tree`, base and program together. The user stands in numbers, so that
/// everyone can see that it is not root.
///
/// # Errors
/// A user, group or program that the tree does not hold.
pub fn runtime(
    run: &ImageRun,
    bin: &str,
    base: &RuntimeDefaults,
    labels: Labels,
    tree: &RootFs,
) -> Result<Runtime, Misfit> {
    let user = match &run.user {
        Some(user) => {
            accounts::account(user, tree, AccountSource::File).map_err(|error| Misfit::of("user", error))?
        }
        None => match base.runtime.user.as_str() {
            "" => Account { uid: NONROOT, gid: NONROOT, further: Vec::new() },
            text => accounts::account(&of_base(text, &base.name)?, tree, AccountSource::Base(&base.name))?,
        },
    };
    let base_labels = base.runtime.labels.iter().filter(|(key, _)| !key.starts_with(OF_THE_BASE));
    let base_labels = base_labels.map(|(key, value)| (key.clone(), value.clone()));
    let runtime = Runtime {
        user: user.text(tree),
        labels: base_labels.chain(labels).chain(run.labels.clone()).collect(),
        ..started(run, bin, &base.runtime)
    };
    sound::check(&runtime, &base.name)?;
    for (key, command) in commands(&runtime) {
        starts(key, command, &runtime, tree).map_err(|error| Misfit::of(key, error))?;
    }
    Ok(runtime)
}

/// The part of the configuration that needs no look into the tree: what is started, and with what. Entrypoint, arguments
/// and health check of the base do not carry over: they are about programs of its own.
pub fn started(run: &ImageRun, bin: &str, base: &Runtime) -> Runtime {
    let workdir =
        run.workdir.clone().or_else(|| Some(base.working_dir.clone()).filter(|dir| !dir.is_empty()));
    Runtime {
        exposed_ports: base.exposed_ports.union(&run.ports).cloned().collect(),
        env: env(&base.env, run),
        entrypoint: run.entrypoint.clone().unwrap_or_else(|| vec![format!("/{bin}")]),
        cmd: run.cmd.clone(),
        volumes: base.volumes.union(&run.volumes).cloned().collect(),
        working_dir: workdir.unwrap_or_else(|| "/".to_owned()),
        stop_signal: run.stop_signal.clone().or_else(|| base.stop_signal.clone()),
        healthcheck: run.healthcheck.as_ref().map(health),
        ..Runtime::default()
    }
}

/// The folders that an image lacks and its program needs: those for data, of the user that runs it, and the one that it
/// starts in. An engine would make them as root's, and a read-only root would not let it make the second.
///
/// # Errors
/// One of them is no folder in the tree.
pub fn folders(runtime: &Runtime, tree: &RootFs) -> Result<Vec<(String, Node)>, Misfit> {
    let mut missing = Vec::new();
    let Account { uid, gid, .. } = Account::of(&runtime.user, tree);
    let data = runtime.volumes.iter().map(|path| ("volumes", path, Node::dir(0o755).owned(uid, gid)));
    let workdir = ("workdir", &runtime.working_dir, Node::dir(0o755));
    for (key, path, node) in data.chain([workdir]) {
        let (place, there) = folder(path, tree).map_err(|why| {
            Misfit::of(key, Error::usage(format!("`{key}` of an image names {path}, which is {why}")))
        })?;
        if !there {
            missing.push((place, node));
        }
    }
    Ok(missing)
}

/// Where a folder lies in an image, links followed, and whether it is there; the root's place is empty.
///
/// # Errors
/// What is there instead of it.
pub fn folder(path: &str, tree: &RootFs) -> std::result::Result<(String, bool), String> {
    match tree.resolve(path) {
        Resolved::Missing(place) => Ok((place, false)),
        Resolved::Found(place) => match tree.get(&place).map(|node| &node.kind) {
            None | Some(FileKind::Dir) => Ok((place, true)),
            Some(_) => Err("a file in it".to_owned()),
        },
        Resolved::NotAFolder(other) => Err(format!("below /{other}, a file")),
        Resolved::Loop => Err("a circle of links".to_owned()),
    }
}

/// The folders for data that are in the base and that the image's user cannot write to, each with what says so: an engine
/// makes a volume with the mode and owner that the folder has in the image, and neither is changed here.
pub fn unwritable(runtime: &Runtime, tree: &RootFs) -> Vec<String> {
    let Account { uid, gid, further } = Account::of(&runtime.user, tree);
    // Who is in the folder's group by any of its groups has that group's rights.
    let rights =
        |node: &Node| node.rights(uid, further.iter().copied().find(|g| *g == node.gid).unwrap_or(gid));
    let mut found = Vec::new();
    for path in runtime.volumes.iter().filter(|_| uid != 0) {
        let Resolved::Found(place) = tree.resolve(path) else { continue };
        let Some(folder) = tree.get(&place) else { continue };
        let above = place.match_indices('/').filter_map(|(slash, _)| tree.get(&place[..slash]));
        let entered = above.into_iter().all(|node| rights(node) & 1 != 0);
        if folder.kind == FileKind::Dir && !(entered && rights(folder) & 3 == 3) {
            let Node { mode, uid: owner, gid: group, .. } = folder;
            found.push(format!("in its base, {path} belongs to {owner}:{group} and has mode {mode:04o}"));
        }
    }
    found
}

/// The base's variables in their order, with ours in their places, then the rest of ours by name.
fn env(base: &[String], run: &ImageRun) -> Vec<String> {
    let name = |entry: &str| entry.split_once('=').map_or(entry, |(name, _)| name).to_owned();
    let ours = |name: &str| run.env.get(name).map(|value| format!("{name}={value}"));
    let kept = base.iter().map(|entry| ours(&name(entry)).unwrap_or_else(|| entry.clone()));
    let known: Vec<String> = base.iter().map(|entry| name(entry)).collect();
    let added = run.env.keys().filter(|name| !known.contains(name)).filter_map(|name| ours(name));
    kept.chain(added).collect()
}

fn health(check: &HealthCheck) -> Health {
    let nanoseconds = |time: std::time::Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    Health {
        test: std::iter::once("CMD".to_owned()).chain(check.cmd.iter().cloned()).collect(),
        interval: check.interval.map(nanoseconds),
        timeout: check.timeout.map(nanoseconds),
        start_period: check.start_period.map(nanoseconds),
        retries: check.retries,
    }
}

/// The `User` of a base: it went through no check of ours.
fn of_base(text: &str, base: &str) -> Result<User> {
    let id = |text: &str| match text.parse() {
        Ok(number) => Id::Number(number),
        Err(_) => Id::Name(text.to_owned()),
    };
    let (user, group) = text.split_once(':').unwrap_or((text, ""));
    if user.is_empty() {
        return Err(Error::failed(format!(
            "the base {base} names {text:?} as its user, which is not a valid user"
        ))
        .help("set a user in targets.toml: user = \"65532:65532\""));
    }
    Ok(User { user: id(user), group: Some(group).filter(|g| !g.is_empty()).map(id) })
}

/// A program of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundProgram {
    /// The path by which it is started.
    pub path: String,
    /// Where that leads to in the tree, links followed: `usr/bin/tool`.
    pub place: String,
}

/// The program of a command. It is looked for where a container looks: as it stands where it is absolute, in the folder
/// that the image starts in where it has a `/`, else on PATH.
pub fn program(name: &str, runtime: &Runtime, tree: &RootFs) -> Option<FoundProgram> {
    let at = |path: String| tree.file(&path).map(|(place, _)| FoundProgram { path, place });
    if name.starts_with('/') {
        return at(name.to_owned());
    }
    if name.contains('/') {
        return at(format!("{}/{name}", runtime.working_dir.trim_end_matches('/')));
    }
    let on_path = || path(runtime).split(':').filter_map(|dir| at(format!("{dir}/{name}")));
    on_path().find(|found| may_run(&found.place, tree)).or_else(|| on_path().next())
}

/// Whether a file has a bit that lets somebody execute it.
fn may_run(place: &str, tree: &RootFs) -> bool {
    tree.get(place).is_some_and(|node| node.mode & 0o111 != 0)
}

/// Returns the PATH of the image.
fn path(runtime: &Runtime) -> &str {
    runtime.env.iter().find_map(|entry| entry.strip_prefix("PATH=")).unwrap_or_default()
}

/// The commands of an image, with the keys of targets.toml that say them.
pub fn commands(runtime: &Runtime) -> Vec<(&'static str, &[String])> {
    let check = runtime.healthcheck.as_ref().and_then(|check| check.test.get(1..));
    let check = check.map(|command| ("healthcheck", command));
    [("entrypoint", runtime.entrypoint.as_slice())].into_iter().chain(check).collect()
}

/// The program of a command; none where the command is empty. What it is made of, the gate judges.
///
/// # Errors
/// The tree does not hold it, or nobody may execute it there.
pub fn starts(
    key: &str,
    command: &[String],
    runtime: &Runtime,
    tree: &RootFs,
) -> Result<Option<FoundProgram>> {
    let Some(name) = command.first() else { return Ok(None) };
    let Some(found) = program(name, runtime, tree) else {
        let error = Error::usage(format!("`{key}` of an image names {name}, which is not in it"));
        return Err(match name.contains('/') {
            true => error,
            false => error.found(format!("its PATH is {}", path(runtime))),
        });
    };
    let place = &found.place;
    if let Some(top) = kernel::hides(place) {
        return Err(Error::usage(format!(
            "`{key}` of an image names {name}, which is hidden when the image starts"
        ))
        .found(format!(
            "it lies in /{place}, and the kernel mounts its own file system on /{top}, which hides it"
        )));
    }
    if !may_run(place, tree) {
        return Err(Error::usage(format!("`{key}` of an image names {name}, which is not a program"))
            .found(format!("/{place} may not be executed")));
    }
    Ok(Some(found))
}

#[cfg(test)]
mod tests;
