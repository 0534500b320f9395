use crate::cli::{Common, Planning, SetupFlag};
use crate::error::Result;
pub(super) fn run(_c: &Common, _p: &Planning, _s: SetupFlag, _a: &[String]) -> Result<()> { Ok(()) }
