//! `cargo xtask init`: a commented targets.toml for the workspace it stands in.

use crate::cli::Common;
use crate::config::init;
use crate::error::Result;
use crate::session::Session;

pub(super) fn run(common: &Common, package: Option<&str>) -> Result<()> {
    let session = Session::open(common, false)?;
    let known = session.rustc.known_targets();
    let file = init::write(&session.workspace.root, &session.workspace, known, package)?;
    session.ui.step("Wrote", file.display().to_string());
    session.ui.step("Next", "cargo xtask plan");
    Ok(())
}
