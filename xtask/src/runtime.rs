//! Decides how an image is run: the settings of targets.toml, over those of the base, over the defaults of
//! every image.

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

/// The prefix of the base's labels that do not apply to an image on top of it.
const OF_THE_BASE: &str = "org.opencontainers.image.";

/// A setting of an image that does not fit its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// The key of targets.toml that sets it; none if the base does.
    pub key: Option<&'static str>,
    /// The error that describes what does not fit.
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

/// The settings of an image before those of targets.toml: those of its base, or our own without a base.
#[derive(Debug, Clone)]
pub struct RuntimeDefaults {
    /// The name of the base in messages.
    pub name: String,
    /// The configuration that the base gives, or the default one without a base.
    pub runtime: Runtime,
}

impl RuntimeDefaults {
    /// Takes the configuration of a base, or the one for scratch without a base.
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

/// Returns the configuration of an image whose root is `tree`, with base and program. The user is written as
/// a number, so that it is visible that it is not root.
///
/// # Errors
/// The tree does not contain a user, group or program.
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

/// Returns the part of the configuration that does not depend on the tree: what is started, and with which
/// settings. Entrypoint, arguments and health check of the base are dropped, because they are about the
/// base's own programs.
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

/// Returns the folders that an image lacks and its program needs: volumes, owned by the image's user, and the
/// working directory. An engine would make them as root. On a read-only root it could not make the working
/// directory.
///
/// # Errors
/// One of them is not a folder in the tree.
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

/// Returns the path of a folder in an image, with links resolved, and whether it exists. The path of the root
/// is empty.
///
/// # Errors
/// A description of what is there instead.
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

/// Returns one message for each volume of the base that the image's user cannot write to. An engine makes a
/// volume with the mode and owner of the folder in the image, and neither is changed here.
pub fn unwritable(runtime: &Runtime, tree: &RootFs) -> Vec<String> {
    let Account { uid, gid, further } = Account::of(&runtime.user, tree);
    // A user has the rights of the folder's group if any of its groups is that group.
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

/// Returns the base's variables in their order, with ours replacing those of the same name, then our other
/// variables by name.
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

/// Reads the `User` of a base, which has not been checked yet.
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
    /// The path to which it leads in the tree, with links resolved: `usr/bin/tool`.
    pub place: String,
}

/// Finds the program of a command in the same way as a container does. An absolute name is used as it is. A
/// name with a `/` is relative to the working directory. Another name is looked up on PATH.
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

/// Returns whether a file has any execute bit.
fn may_run(place: &str, tree: &RootFs) -> bool {
    tree.get(place).is_some_and(|node| node.mode & 0o111 != 0)
}

/// Returns the PATH of the image.
fn path(runtime: &Runtime) -> &str {
    runtime.env.iter().find_map(|entry| entry.strip_prefix("PATH=")).unwrap_or_default()
}

/// Returns the commands of an image, with the keys of targets.toml that set them.
pub fn commands(runtime: &Runtime) -> Vec<(&'static str, &[String])> {
    let check = runtime.healthcheck.as_ref().and_then(|check| check.test.get(1..));
    let check = check.map(|command| ("healthcheck", command));
    [("entrypoint", runtime.entrypoint.as_slice())].into_iter().chain(check).collect()
}

/// Returns the program of a command, or none if the command is empty. The gate checks the program itself.
///
/// # Errors
/// The tree does not contain it, or it is not executable.
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
