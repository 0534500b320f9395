//! What flags of rustc say of a program: whether it is static. Pure.

use xtask_triple::flags::codegen_options;
use xtask_triple::{Triple, system};

/// The flag that makes programs static.
pub const STATIC: &str = "-Ctarget-feature=+crt-static";

/// Whether programs of a target are static, and so cannot load shared libraries when they run: by the user's own flags,
/// ours, and those of targets.toml, in the order in which rustc gets them. The last one that says so decides.
pub fn is_static(target: &Triple, user: &[String], own: &[String]) -> bool {
    let ours = (system::of(target).links_statically)(target).then(|| STATIC.to_owned());
    let mut is_static = false;
    for (_, name, value) in codegen_options(user.iter().chain(&ours).chain(own).map(String::as_str)) {
        for feature in value.split(',').filter(|_| name == "target-feature") {
            match feature {
                "+crt-static" => is_static = true,
                "-crt-static" => is_static = false,
                _ => {}
            }
        }
    }
    is_static
}
