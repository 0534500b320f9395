//! Runs an image without a container engine. The tree of the image becomes the root of a process in new
//! namespaces, made by `unshare` (util-linux) or bubblewrap. There is no network, the root is read-only, and
//! the process runs as the image's user.

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

/// How a process gets its own root and namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// `unshare` as root of this machine. The owners of files are those of the image.
    Root,
    /// bubblewrap, in a user namespace. All files belong to the user that runs the program. The owner part of
    /// each mode is what that user may do with the file in the image.
    Bubblewrap,
    /// `unshare` in a user namespace, with files as for bubblewrap.
    User,
}

/// The programs that the ways of isolation need, found on PATH.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamespaceTools {
    /// The path of `unshare` (util-linux); none if it is not on PATH.
    pub unshare: Option<PathBuf>,
    /// The path of `bwrap` (bubblewrap); none if it is not on PATH.
    pub bwrap: Option<PathBuf>,
    /// The path of `env`; none if it is not on PATH.
    pub env: Option<PathBuf>,
    /// The path of `setpriv`. Without it the program could gain privileges, which have no value in a user
    /// namespace.
    pub setpriv: Option<PathBuf>,
}

/// The ways of isolation that work on this machine.
#[derive(Debug)]
pub struct Namespaces {
    tools: NamespaceTools,
    ways: Vec<Isolation>,
    /// Why the other ways do not work.
    pub reasons: Vec<String>,
}

/// How long a test of one way may take.
const TRIAL: Duration = Duration::from_secs(15);

impl Isolation {
    /// Returns the name of its tool.
    pub fn name(self) -> &'static str {
        match self {
            Isolation::Root | Isolation::User => "unshare",
            Isolation::Bubblewrap => "bwrap",
        }
    }
}

impl Namespaces {
    /// Tests every way with a program of this machine in an empty root.
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

    /// Returns whether any way works.
    pub fn works(&self) -> bool {
        !self.ways.is_empty()
    }

    /// Returns the way for an image whose user has this number. The root user of an image never becomes root
    /// of this machine.
    fn way(&self, uid: u32) -> Option<Isolation> {
        self.ways.iter().copied().find(|way| !(*way == Isolation::Root && uid == 0))
    }

    /// Runs an image once with these arguments. Returns the output, the line that shows what was run, and the
    /// name of the runner.
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
        // As an engine does, the name is derived from the image, so that it is the same each time.
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
            // The image is not at fault if the emulator cannot be started.
            Ended::NotStarted(said) if with.is_empty() => Err(blamed(said)),
            Ended::NotStarted(said) | Ended::Tool(said) => Err(Cannot::Namespaces(said)),
        })
    }
}

/// Adds to the tree what engines add. Returns how the image is run there, and the paths of its volumes.
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
