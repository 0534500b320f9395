//! The machines of a rehearsal: each has a folder for a checkout, and a home of its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::ci::init::PROGRAM;
use crate::rebuild::{checkout, repository};
use crate::session::Session;
use xtask_compilers::toolchain::wrapper::executable;
use xtask_files::error::{Error, Result};
use xtask_process::exec::{Cmd, quoted};

/// How long git may take.
const LIMIT: Duration = Duration::from_secs(600);

/// The variables of this machine that reach a step, beside those of [`PREFIXES`]. All others may hold credentials, or lead a
/// script to what belongs to the user.
const VARIABLES: [&str; 24] = [
    "ALL_PROXY",
    "CARGO_BUILD_JOBS",
    "CARGO_HTTP_CAINFO",
    "DOCKER_CONTEXT",
    "DOCKER_HOST",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "LANG",
    "LOGNAME",
    "NO_COLOR",
    "NO_PROXY",
    "RUSTC_WRAPPER",
    "RUSTUP_DIST_SERVER",
    "RUSTUP_TOOLCHAIN",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TERM",
    "TMPDIR",
    "TZ",
    "USER",
    "XDG_RUNTIME_DIR",
    "all_proxy",
    "https_proxy",
    "no_proxy",
];
const PREFIXES: [&str; 5] = ["CARGO_NET_", "CARGO_REGISTRIES_", "CARGO_SOURCE_", "LC_", "SCCACHE_"];

/// The program that asks the service: a stand-in notes what it was asked.
const GH: &str = "gh";
/// The engine of containers, which has the same stand-in where a step has a token of the service.
const DOCKER: &str = "docker";
const STAND_IN: &str = include_str!("stand_in.sh");

/// The program to which `cargo xtask` leads in a workspace that would compile it.
const ALIAS: &str = "xtask-rehearsed";

/// The checkout that is cloned for each machine.
#[derive(Debug)]
pub struct RehearsedCheckout {
    top: PathBuf,
    /// The folder of the workspace in it.
    within: PathBuf,
    /// The last commit.
    pub(super) commit: String,
}

impl RehearsedCheckout {
    /// Finds the checkout around the workspace.
    ///
    /// # Errors
    /// There is none with a commit, or git refuses.
    pub fn of(session: &Session) -> Result<Self> {
        let root = &session.workspace.root;
        let refuses = |said: String| Error::failed("git refuses").found(said);
        let around = repository::around(root).map_err(refuses)?;
        let commit = repository::commit(root).map_err(refuses)?;
        let (around, commit) = around.zip(commit).ok_or_else(|| {
            Error::usage("only a commit can be rehearsed")
                .found(format!("{} is in no git checkout with a commit", root.display()))
                .help("commit the workspace: git init, git add, git commit")
        })?;
        Ok(Self { top: around.top, within: around.within, commit })
    }

    /// Whether the commit has a file, whose path begins at the workspace.
    ///
    /// # Errors
    /// As [`Self::file`].
    pub(super) fn has(&self, path: &Path) -> Result<bool> {
        let path = self.within.join(path);
        Ok(self.file(&path.to_string_lossy())?.is_some())
    }

    /// Returns the text of a file in the commit, whose path begins at the top of the checkout, or none.
    ///
    /// # Errors
    /// git cannot be started.
    pub fn file(&self, path: &str) -> Result<Option<String>> {
        let show = ["show".to_owned(), format!("{}:{path}", self.commit)];
        let output = repository::git().args(show).cwd(&self.top).capture_whole(LIMIT)?;
        Ok(output.ok().then(|| String::from_utf8_lossy(&output.stdout).into_owned()))
    }
}

/// The programs in front of PATH, in folders of the rehearsal.
pub(super) struct RehearsedTools {
    /// This program, as runners find it.
    own: PathBuf,
    /// The stand-in for the engine, where a step asks the service.
    asking: PathBuf,
    /// Whether the workspace compiles this program by itself.
    member: bool,
}

impl RehearsedTools {
    /// Writes them below `folder`.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(super) fn new(folder: &Path, session: &Session) -> Result<Self> {
        let bins = session.workspace.packages.iter().flat_map(|package| &package.bins);
        let member = bins.into_iter().any(|bin| bin == PROGRAM);
        let (own, asking) = (folder.join("own"), folder.join("asking"));
        let this = session.this.to_string_lossy().into_owned();
        if member {
            // Cargo calls it with the name of the alias as the first argument.
            let script = format!("#!/bin/sh\nshift\nexec {} \"$@\"\n", quoted(&this));
            executable(&own.join(format!("cargo-{ALIAS}")), &script)?;
        } else {
            // The program itself: the workflow packs it for the job that publishes, and its bytes are counted.
            own_program(session, &own.join(PROGRAM))?;
        }
        executable(&own.join(GH), STAND_IN)?;
        executable(&asking.join(DOCKER), STAND_IN)?;
        Ok(Self { own, asking, member })
    }
}

/// A machine of the rehearsal.
pub(super) struct RehearsedMachine {
    /// The folder of everything of this machine.
    pub(super) folder: PathBuf,
    /// The folder in which its steps run: that of the workspace, once the sources are there.
    pub(super) root: PathBuf,
    top: PathBuf,
}

impl RehearsedMachine {
    /// Makes the folders of a machine.
    ///
    /// # Errors
    /// A folder cannot be made.
    pub(super) fn new(folder: PathBuf, checkout: &RehearsedCheckout, session: &Session) -> Result<Self> {
        let top = folder.join("checkout");
        let root = match checkout.within.as_os_str().is_empty() {
            true => top.clone(),
            false => top.join(&checkout.within),
        };
        for needed in [&root, &folder.join("home")] {
            xtask_files::folder(needed)?;
        }
        let machine = Self { folder, root, top };
        machine.share_cargo(session)?;
        Ok(machine)
    }

    fn home(&self) -> PathBuf {
        self.folder.join("home")
    }

    /// Shares with the machine what Cargo keeps for the user, except the tokens for registries.
    fn share_cargo(&self, session: &Session) -> Result<()> {
        let (from, to) = (home_of(session, "CARGO_HOME", CARGO), self.home().join(CARGO));
        xtask_files::folder(&to)?;
        for entry in std::fs::read_dir(&from).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if name.as_encoded_bytes().starts_with(b"credentials") {
                continue;
            }
            let place = to.join(&name);
            #[cfg(unix)]
            let linked = std::os::unix::fs::symlink(entry.path(), &place);
            #[cfg(not(unix))]
            let linked = std::fs::copy(entry.path(), &place).map(|_| ());
            linked.map_err(|e| Error::io("cannot make", &place, &e))?;
        }
        Ok(())
    }

    /// Clones the commit.
    ///
    /// # Errors
    /// git does not clone it.
    pub(super) fn check_out(
        &self,
        checkout: &RehearsedCheckout,
        tools: &RehearsedTools,
        session: &Session,
    ) -> Result<()> {
        // git wants an empty folder.
        let _ = std::fs::remove_dir_all(&self.top);
        checkout::clone_at(&session.workspace.root, &checkout.commit, &self.top)?;
        // Nothing that a script pushes reaches the checkout of the user.
        let output = repository::git().args(["remote", "remove", "origin"]).cwd(&self.top).capture(LIMIT)?;
        if !output.ok() {
            return Err(Error::failed("git does not forget where the clone is from").found(output.errors()));
        }
        if tools.member {
            // Where Cargo would put what it compiles.
            own_program(session, &self.root.join("target").join("debug").join(PROGRAM))?;
        }
        Ok(())
    }

    /// Returns a command as it runs on this machine. What services keep between runs is shared: crates, toolchains, and the
    /// caches of this program and of zig. No credentials of the user are there. `asking` says whether a stand-in takes the place of
    /// the engine, too.
    pub(super) fn command(&self, cmd: Cmd, tools: &RehearsedTools, session: &Session, asking: bool) -> Cmd {
        let host = &session.host;
        let first = [Some(&tools.own), asking.then_some(&tools.asking)];
        let path = std::env::split_paths(host.var_os("PATH").unwrap_or_default()).collect::<Vec<_>>();
        let path = std::env::join_paths(first.into_iter().flatten().chain(&path)).unwrap_or_default();
        let dropped = host.vars().filter(|(name, _)| !name.to_str().is_some_and(reaches_steps));
        let cmd = dropped.fold(cmd, |cmd, (name, _)| cmd.env_remove_default(name));
        let cmd = cmd
            .cwd(&self.root)
            .env("PATH", path)
            .env_default("HOME", self.home())
            .env_default("CARGO_HOME", self.home().join(CARGO))
            .env_default("CARGO_TARGET_DIR", self.root.join("target"))
            .env("XTASK_CACHE_DIR", &session.cache)
            .env("REHEARSAL_CALLS", self.folder.join("calls"));
        let cmd = if tools.member { cmd.env("CARGO_ALIAS_XTASK", ALIAS) } else { cmd };
        let rustup = home_of(session, "RUSTUP_HOME", ".rustup");
        if rustup.is_dir() { cmd.env("RUSTUP_HOME", rustup) } else { cmd }
    }

    /// Returns what the stand-ins were asked since the last call: the first words of each.
    pub(super) fn calls(&self) -> Vec<String> {
        let file = self.folder.join("calls");
        let text = xtask_files::read(&file).unwrap_or_default();
        let _ = std::fs::remove_file(&file);
        let words =
            |line: &str| line.split(' ').take_while(|word| plain(word)).take(3).collect::<Vec<_>>().join(" ");
        String::from_utf8_lossy(&text).lines().map(words).collect()
    }
}

/// The folder of Cargo below a home.
const CARGO: &str = ".cargo";

/// Returns the folder that a variable names, or that of the user.
fn home_of(session: &Session, variable: &str, folder: &str) -> PathBuf {
    let home = session.host.var("HOME").map(PathBuf::from).unwrap_or_default();
    session.host.var(variable).map_or_else(|| home.join(folder), PathBuf::from)
}

/// Whether a variable of this machine reaches the steps.
fn reaches_steps(name: &str) -> bool {
    VARIABLES.contains(&name)
        || PREFIXES.iter().any(|prefix| name.starts_with(prefix)) && !name.ends_with("_TOKEN")
}

/// Copies this program to a place.
fn own_program(session: &Session, place: &Path) -> Result<()> {
    place.parent().map_or(Ok(()), xtask_files::folder)?;
    xtask_files::place(place, |staged| std::fs::copy(&session.this, staged).map(|_| ()))
}

/// Whether a word of a command is neither an option nor a name of something.
fn plain(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase())
}
