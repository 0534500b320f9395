//! The settings for running an image from targets.toml. A key that is left out is none or empty here, because
//! the base may provide the value.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The keys of `[[image]]` that become the image's configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageRun {
    /// The program and its fixed arguments, at least one string. The default is `["/<bin>"]`.
    pub entrypoint: Option<Vec<String>>,
    /// The default arguments, which the user of the image can replace.
    pub cmd: Vec<String>,
    /// The variables, which override the defaults. Their names contain no `=`.
    pub env: BTreeMap<String, String>,
    /// The user who runs the program. The default is the base's user, or 65532.
    pub user: Option<User>,
    /// The folder in which the program starts, as an absolute, normal path. The default is the base's, or
    /// `/`.
    pub workdir: Option<String>,
    /// The ports, always with the protocol, for example `8080/tcp`.
    pub ports: BTreeSet<String>,
    /// The folders for data, as absolute, normal paths. The root is not allowed.
    pub volumes: BTreeSet<String>,
    /// The name of the signal that asks the program to end: `SIGTERM`, `SIGRTMIN+3`.
    pub stop_signal: Option<String>,
    /// The check of whether the running program is healthy.
    pub healthcheck: Option<HealthCheck>,
    /// The labels of the configuration, which override the defaults. Keys that this program writes itself are
    /// not allowed.
    pub labels: BTreeMap<String, String>,
    /// The annotations of manifests and index, which override the defaults. Keys that this program writes
    /// itself are not allowed.
    pub annotations: BTreeMap<String, String>,
}

/// `healthcheck`: Docker's health check, for which the image specification reserves a place. The engine
/// chooses values that are none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// The program and its arguments, at least one string. No shell is involved.
    pub cmd: Vec<String>,
    /// The time from one check to the next, at least 1 ms.
    pub interval: Option<Duration>,
    /// The time limit of one check, at least 1 ms.
    pub timeout: Option<Duration>,
    /// The time that the program may take to become healthy, at least 1 ms.
    pub start_period: Option<Duration>,
    /// The number of checks that must fail in a row, at least 1.
    pub retries: Option<u32>,
}

/// `user`: the user who runs the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The user who runs the program, by number or by name.
    pub user: Id,
    /// The group. The default is the user's group in the image's `/etc/passwd`, or else the number of the
    /// user.
    pub group: Option<Id>,
}

impl User {
    /// The largest number of a user or a group that Docker accepts.
    pub const MAX: u32 = 2_147_483_647;
}

/// A user or a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Id {
    /// A number, at most [`User::MAX`].
    Number(u32),
    /// A name, which must be in the image's `/etc/passwd` or `/etc/group`.
    Name(String),
}

/// The smoke run of an image: one start for each platform, read-only and without a network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageSmoke {
    /// The arguments after the entrypoint. The default is `smoke` of `[app]`.
    pub args: Option<Vec<String>>,
    /// The expected exit code. The default is 0.
    pub exit: u8,
    /// A text that its standard output must contain.
    pub stdout: Option<String>,
}
