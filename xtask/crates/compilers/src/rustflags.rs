//! Decides from rustc's flags whether a program is static.

use xtask_triple::flags::codegen_options;
use xtask_triple::{Triple, system};

/// The flag that makes rustc link static programs.
pub const STATIC: &str = "-Ctarget-feature=+crt-static";

/// Whether programs of a target are static, and therefore cannot load shared libraries at run time. The flags
/// are read in the order in which rustc gets them: the user's, those of xtask, those of targets.toml. The
/// last one that sets `crt-static` decides.
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
