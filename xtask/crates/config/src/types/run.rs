//! How an image is run, as targets.toml says it. What the file leaves out is none or empty here: the base has a word in
//! it too.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The keys of `[[image]]` that become the image's configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageRun {
    /// The program and the arguments that always stand, at least one; `["/<bin>"]` where left out.
    pub entrypoint: Option<Vec<String>>,
    /// The default arguments, which those of the user replace.
    pub cmd: Vec<String>,
    /// Variables, set over the defaults. Names hold no `=`.
    pub env: BTreeMap<String, String>,
    /// Who runs the program; the base's user, or 65532, where left out.
    pub user: Option<User>,
    /// The folder that the program starts in: absolute, normal. The base's, or `/`, where left out.
    pub workdir: Option<String>,
    /// The ports, always with the protocol, for instance `8080/tcp`.
    pub ports: BTreeSet<String>,
    /// Folders for data: absolute, normal, not the root.
    pub volumes: BTreeSet<String>,
    /// The signal that asks the program to end, by its name: `SIGTERM`, `SIGRTMIN+3`.
    pub stop_signal: Option<String>,
    /// How to ask the running program whether it is well.
    pub healthcheck: Option<HealthCheck>,
    /// Labels of the configuration, over the defaults. No key is one that this program decides on.
    pub labels: BTreeMap<String, String>,
    /// Annotations of manifests and index, over the defaults. No key is one that this program decides on.
    pub annotations: BTreeMap<String, String>,
}

/// `healthcheck`: Docker's, which the image specification keeps a place for. What is none is the engine's to choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// The program and its arguments, at least one; no shell comes between.
    pub cmd: Vec<String>,
    /// Time from one check to the next; 1 ms or more.
    pub interval: Option<Duration>,
    /// How long a check may take; 1 ms or more.
    pub timeout: Option<Duration>,
    /// How long the program may take to become well; 1 ms or more.
    pub start_period: Option<Duration>,
    /// How many checks must fail in a row; 1 or more.
    pub retries: Option<u32>,
}

/// `user`: who runs the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The user who runs the program, by number or by name.
    pub user: Id,
    /// The group; what the image's `/etc/passwd` says of the user, else the number of the user, where left out.
    pub group: Option<Id>,
}

impl User {
    /// The largest number of a user or a group that Docker takes.
    pub const MAX: u32 = 2_147_483_647;
}

/// A user or a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Id {
    /// By number, at most [`User::MAX`].
    Number(u32),
    /// By name, which the image's `/etc/passwd` or `/etc/group` must hold.
    Name(String),
}

/// The smoke run of an image: it is started once for each platform, read-only and without a network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageSmoke {
    /// Arguments after the entrypoint; `smoke` of `[app]` where left out.
    pub args: Option<Vec<String>>,
    /// The exit code that is right: 0 where left out.
    pub exit: u8,
    /// Text that its standard output must contain.
    pub stdout: Option<String>,
}
