//! Runs this program in place of another one. The scripts of [`xtask_compilers::toolchain::wrapper`] and of
//! [`crate::trap`] call it.

use crate::compile_cache;
use crate::trap;
use xtask_compilers::toolchain::stand_in;

/// Runs in place of another program if the arguments ask for it, and returns the exit code.
pub fn take_over(args: &[String]) -> Option<u8> {
    trap::take_over(args)
        .or_else(|| compile_cache::stand_in::take_over(args))
        .or_else(|| stand_in::take_over(args))
}
