//! The machines of a rehearsal: each has a folder for a checkout, and a home of its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::ci::init::PROGRAM;
use crate::rebuild::repository;
use crate::session::Session;
use xtask_compilers::toolchain::wrapper::{executable, script_of};
use xtask_files::error::{Error, Result};
use xtask_process::exec::{Cmd, quoted};

/// How long git may take.
const LIMIT: Duration = Duration::from_secs(600);

/// The programs that ask the service, for which stand-ins note what they were asked.
const ASKING: [&str; 2] = ["docker", "gh"];
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
        let output = Cmd::new("git").args(show).cwd(&self.top).capture_whole(LIMIT)?;
        Ok(output.ok().then(|| String::from_utf8_lossy(&output.stdout).into_owned()))
    }
}

/// The programs in front of PATH, in folders of the rehearsal.
pub(super) struct RehearsedTools {
    /// This program, as runners find it.
    own: PathBuf,
    /// The stand-ins for programs that ask the service.
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
            executable(&own.join(PROGRAM), &script_of(&[this]))?;
        }
        for name in ASKING {
            executable(&asking.join(name), STAND_IN)?;
        }
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
    pub(super) fn new(folder: PathBuf, checkout: &RehearsedCheckout) -> Result<Self> {
        let top = folder.join("checkout");
        let root = match checkout.within.as_os_str().is_empty() {
            true => top.clone(),
            false => top.join(&checkout.within),
        };
        for needed in [&root, &folder.join("home")] {
            xtask_files::folder(needed)?;
        }
        Ok(Self { folder, root, top })
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
        let clone = ["clone", "--quiet", "--shared", "--recurse-submodules", "--"];
        let output = Cmd::new("git").args(clone).arg(&checkout.top).arg(&self.top).capture(LIMIT)?;
        if !output.ok() {
            return Err(Error::failed("git does not clone the checkout").found(output.errors()));
        }
        if tools.member {
            // Where Cargo would put what it compiles.
            let place = self.root.join("target").join("debug").join(PROGRAM);
            let copy = |staged: &Path| std::fs::copy(&session.this, staged).map(|_| ());
            xtask_files::folder(place.parent().unwrap_or(&self.root))?;
            xtask_files::place(&place, copy)?;
        }
        Ok(())
    }

    /// Returns a command as it runs on this machine. What services keep between runs is shared: crates, toolchains, and the
    /// caches of this program and of zig. `asking` says whether stand-ins take the place of programs that ask the service.
    pub(super) fn command(&self, cmd: Cmd, tools: &RehearsedTools, session: &Session, asking: bool) -> Cmd {
        let host = &session.host;
        let home = host.var("HOME").map(PathBuf::from).unwrap_or_default();
        let first = [Some(&tools.own), asking.then_some(&tools.asking)];
        let path = std::env::split_paths(host.var_os("PATH").unwrap_or_default()).collect::<Vec<_>>();
        let path = std::env::join_paths(first.into_iter().flatten().chain(&path)).unwrap_or_default();
        let cmd = cmd
            .cwd(&self.root)
            .env("PATH", path)
            .env("HOME", self.folder.join("home"))
            .env("CARGO_TARGET_DIR", self.root.join("target"))
            .env("XTASK_CACHE_DIR", &session.cache)
            .env("REHEARSAL_CALLS", self.folder.join("calls"));
        let cmd = if tools.member { cmd.env("CARGO_ALIAS_XTASK", ALIAS) } else { cmd };
        let kept = [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")];
        kept.into_iter().fold(cmd, |cmd, (name, folder)| {
            let place = host.var(name).map_or_else(|| home.join(folder), PathBuf::from);
            if place.is_dir() { cmd.env(name, place) } else { cmd }
        })
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

/// Whether a word of a command is neither an option nor a name of something.
fn plain(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase())
}
