//! What this program does when it stands in for another one. Called by the scripts of [`xtask_compilers::toolchain::wrapper`] and
//! of [`crate::trap`].

use crate::trap;
use xtask_compilers::toolchain::stand_in;

/// Takes over if the arguments ask for it; returns the exit code.
pub fn take_over(args: &[String]) -> Option<u8> {
    trap::take_over(args).or_else(|| stand_in::take_over(args))
}
