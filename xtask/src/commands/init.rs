//! `cargo xtask init`: a commented targets.toml for the workspace it stands in.

use std::time::Duration;

use crate::cargo::compilers::BuildQuery;
use crate::cargo::inherited::clean;
use crate::cargo::units::{self, UnitGraph};
use crate::cli::Common;
use crate::init;
use crate::session::Session;
use xtask_files::error::{Error, Result};

/// How long Cargo may take to say what a program is made of: it may have to fetch all of it first.
const LIMIT: Duration = Duration::from_secs(600);

pub(super) fn run(common: &Common, package: Option<&str>) -> Result<()> {
    let session = Session::open(common, false)?;
    let known = session.rustc.known_targets();
    let (root, ask) = (&session.workspace.root, |question: &BuildQuery<'_>| ask(&session, question));
    let (file, untold) = init::write(root, &session.workspace, known, package, &ask)?;
    if let Some(error) = untold {
        let error = error.help("if a dependency compiles C, add to its [[mode]]: needs = [\"c\"]");
        session.ui.warn(error.to_string());
    }
    session.ui.step("Wrote", file.display().to_string());
    session.ui.step("Next", "cargo xtask plan");
    Ok(())
}

/// What Cargo says of a program. It fetches what it lacks for that, as any build would.
fn ask(session: &Session, question: &BuildQuery<'_>) -> Result<UnitGraph> {
    let root = &session.workspace.root;
    let cmd = question.command(&session.host.cargo(), &root.join("Cargo.toml"), session.offline);
    let cmd = clean(cmd, &session.host, &session.workspace.target_directory);
    let cmd = session.host.settled(cmd.env("RUSTC", &session.rustc.program), root);
    // Nothing is compiled, so that a wrapper that is not here need not be.
    let cmd = match session.absent_wrapper() {
        Some(_) => cmd.env("RUSTC_WRAPPER", "").env("RUSTC_WORKSPACE_WRAPPER", ""),
        None => cmd,
    };
    session.ui.detail("Running", cmd.line());
    let _task = session.ui.late_task("Asking", "Cargo which packages compile C");
    let output = cmd.capture_whole(LIMIT)?;
    units::read(&output.stdout).ok_or_else(|| {
        let error = Error::failed(
            "Cargo did not list the packages of the program, so it is unknown whether C is compiled",
        );
        let words = output.errors();
        match words.find("error: ") {
            Some(at) => error.found(words[at..].trim_end()),
            None => error,
        }
    })
}
