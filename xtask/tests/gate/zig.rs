//! Where the tests find zig.

use xtask_process::host::Host;
use xtask_triple::Triple;

/// The zig that xtask itself would use: on PATH, of Python's package ziglang, or installed by setup.
pub(crate) fn zig() -> Option<String> {
    let host = Host::read(Triple::parse("unknown"));
    let cache = xtask_process::cache::dir(&host, std::env::consts::OS).ok()?;
    let private = xtask_setup::zig::program(&cache);
    xtask_compilers::toolchain::zig::find(&host, private.as_deref()).into_iter().next().map(|zig| zig.program)
}
