use crate::cli::{Common, Planning};
use crate::error::Result;
pub(super) fn run(_c: &Common, _p: &Planning, _json: bool) -> Result<()> { Ok(()) }
