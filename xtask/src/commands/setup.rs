//! `cargo xtask setup`.
use crate::cli::Common;
use crate::config::Config;
use crate::error::Result;
use crate::session::Session;
use crate::triple::Triple;
pub(super) fn run(_common: &Common, _targets: &[String], _tests: bool, _yes: bool) -> Result<()> {
    Ok(())
}
pub(super) fn provide(
    _session: &Session,
    _config: &Config,
    _targets: &[Triple],
    _tests: bool,
    _yes: bool,
) -> Result<()> {
    Ok(())
}
