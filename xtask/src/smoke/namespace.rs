//! Without a container engine: the tree of an image is the root of a process in namespaces of its own, made by
//! `unshare` (util-linux) or bubblewrap. No network, a root that is read-only, the image's user.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::blame::wrong_format;
use super::extract::{self, Owners, ScratchFolder};
use super::qemu::Emulator;
use super::{Cannot, SmokeRequest, Started};
use crate::runtime::accounts::Account;
use crate::runtime::program;
use ended::Ended;
use xtask_files::error::Result;
use xtask_oci::RootFs;
use xtask_oci::document::Runtime;
use xtask_process::host::{self, Host};

mod commands;
mod ended;
mod furnish;
mod mount;

pub use commands::{NamespaceCommand, command};

/// How a process gets a root and namespaces of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// `unshare` as root of this machine: owners are those of the image.
    Root,
    /// bubblewrap, in a user namespace: all files belong to the user that the program runs as, with what it may do with them
    /// in the image as the owner's part of their modes.
    Bubblewrap,
    /// `unshare` in a user namespace: the same.
    User,
}

/// The programs that the ways need, found on PATH.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamespaceTools {
    /// The path of `unshare` (util-linux); none where it is not on PATH.
    pub unshare: Option<PathBuf>,
    /// The path of `bwrap` (bubblewrap); none where it is not on PATH.
    pub bwrap: Option<PathBuf>,
    /// The path of `env`; none where it is not on PATH.
    pub env: Option<PathBuf>,
    /// `setpriv`; without it the program could gain privileges, which in a user namespace are worth nothing.
    pub setpriv: Option<PathBuf>,
}

/// The ways that work on this machine.
#[derive(Debug)]
pub struct Namespaces {
    tools: NamespaceTools,
    ways: Vec<Isolation>,
    /// Why the others do not.
    pub reasons: Vec<String>,
}

/// How long trying a way may take.
const TRIAL: Duration = Duration::from_secs(15);

impl Isolation {
    /// The name of its tool.
    pub fn name(self) -> &'static str {
        match self {
            Isolation::Root | Isolation::User => "unshare",
            Isolation::Bubblewrap => "bwrap",
        }
    }
}

impl Namespaces {
    /// Tries every way with a program of this machine in an empty root.
    ///
    /// # Errors
    /// A folder cannot be made in `work`.
    pub fn find(host: &Host, work: &Path) -> Result<Self> {
        let tools = NamespaceTools {
            unshare: host.program("unshare"),
            bwrap: host.program("bwrap"),
            env: host.program("env"),
            setpriv: host.program("setpriv"),
        };
        let root = ScratchFolder::new(work.join("trial"))?;
        extract::onto(&RootFs::new(), root.path(), Owners::Image)?;
        let mut this = Self { tools, ways: Vec::new(), reasons: Vec::new() };
        let candidates = if host::is_root() {
            [Isolation::Root, Isolation::Bubblewrap, Isolation::User].as_slice()
        } else {
            [Isolation::Bubblewrap, Isolation::User].as_slice()
        };
        for way in candidates {
            let why = match commands::trial(*way, &this.tools, root.path()).map(|cmd| cmd.capture(TRIAL)) {
                None => format!("{} is not on PATH", way.name()),
                Some(Ok(output)) if output.ok() => {
                    this.ways.push(*way);
                    continue;
                }
                Some(Ok(output)) => {
                    let errors = output.errors();
                    let said = errors.lines().next().unwrap_or_default();
                    format!("{} does not work here: {} ({said})", way.name(), output.end)
                }
                Some(Err(error)) => error.what,
            };
            // Two ways may lack the same tool.
            if !this.reasons.contains(&why) {
                this.reasons.push(why);
            }
        }
        Ok(this)
    }

    /// Whether there is any.
    pub fn works(&self) -> bool {
        !self.ways.is_empty()
    }

    /// The way for an image whose user has this number. Root of an image is not made root of this machine.
    fn way(&self, uid: u32) -> Option<Isolation> {
        self.ways.iter().copied().find(|way| !(*way == Isolation::Root && uid == 0))
    }

    /// Runs an image once with these arguments and hands back what it printed, the line that says what was run, and the
    /// name of what ran it.
    ///
    /// # Errors
    /// The tree cannot be unpacked.
    pub fn run(&self, request: &SmokeRequest<'_>, emulator: Option<&Emulator>) -> Result<Started> {
        let SmokeRequest { image, args, folder, .. } = *request;
        let mut tree = image.tree(folder)?;
        let user = &Account::of(&image.config.config.user, &tree);
        let (uid, gid) = (user.uid, user.gid);
        let Some(way) = self.way(uid) else {
            return Ok(Err(Cannot::Namespaces(self.reasons.join("; "))));
        };
        // As an engine names it, after the image, so that it is the same each time.
        let host = &image.id.hex()[..12];
        let (runtime, volumes) = match furnished(&mut tree, &image.config.config, uid, host) {
            Ok(furnished) => furnished,
            Err(why) => return Ok(Err(Cannot::Image(why))),
        };
        let root = ScratchFolder::new(folder.join("root"))?;
        let owners = if way == Isolation::Root { Owners::Image } else { Owners::One { uid, gid } };
        extract::onto(&tree, root.path(), owners)?;
        let argv: Vec<&str> = runtime.entrypoint.iter().chain(args).map(String::as_str).collect();
        let name = argv.first().copied().unwrap_or_default();
        let Some(found) = program(name, &runtime, &tree) else {
            return Ok(Err(Cannot::Image(format!("the image has no program {name}"))));
        };
        let cell = NamespaceCommand {
            root: root.path(),
            runtime: &runtime,
            volumes: &volumes,
            name: host,
            user,
            program: &found.place,
            argv: &argv,
            emulator,
        };
        let Some(cmd) = command(way, &self.tools, &cell) else {
            return Ok(Err(Cannot::Namespaces(format!("{} is no longer on PATH", way.name()))));
        };
        let output = match cmd.captured(&request.capture()) {
            Ok(output) => output,
            Err(error) => return Ok(Err(Cannot::Namespaces(error.what))),
        };
        let with = emulator.filter(|e| e.program.is_some()).map(|_| "+qemu").unwrap_or_default();
        let runner = format!("{}{with}", way.name());
        let line = format!("{} in {} by {runner}", argv.join(" "), image.id.as_str());
        let blamed = |told: String| Cannot::Image(format!("{told}\nthe command was: {line}"));
        Ok(match ended::of(way, &output, root.path()) {
            _ if wrong_format(&output) && request.foreign => Err(Cannot::Foreign(output.errors())),
            _ if wrong_format(&output) => Err(blamed(output.errors())),
            Ended::Program => Ok((output, line, runner)),
            // An emulator that cannot be started is nothing that the image has.
            Ended::NotStarted(said) if with.is_empty() => Err(blamed(said)),
            Ended::NotStarted(said) | Ended::Tool(said) => Err(Cannot::Namespaces(said)),
        })
    }
}

/// The tree with what engines put in, how it is run there, and where its folders for data lie.
fn furnished(
    tree: &mut RootFs,
    runtime: &Runtime,
    uid: u32,
    name: &str,
) -> std::result::Result<(Runtime, Vec<String>), String> {
    let env = furnish::variables(runtime, uid, tree, name)?;
    let volumes = furnish::volumes(tree, runtime)?;
    furnish::furnish(tree, name).map_err(|error| error.to_string())?;
    Ok((Runtime { env, ..runtime.clone() }, volumes))
}
