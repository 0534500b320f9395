//! Makes the root file system of a scratch image: one program, and the few files that programs expect on any
//! system.

use super::{Node, RootFs};
use std::path::Path;
use xtask_files::error::Result;

mod accounts;
pub mod certificates;
pub mod zones;

pub use accounts::{GROUP, NONROOT, NSSWITCH, PASSWD};
pub use certificates::pem_bundle;

/// The path of the certificate bundle: that of Debian, where OpenSSL, Go and rustls-native-certs look.
pub const CERTIFICATES: &str = "etc/ssl/certs/ca-certificates.crt";

/// The default search path of shells and programs. It is the same in scratch images, in distroless ones, and
/// when an engine sets it for an image without one.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The folders in the root of every scratch image. No program can have such a name.
pub const FOLDERS: [&str; 4] = ["etc", "home", "root", "tmp"];

/// The folder in the root that the time zones add.
pub const ZONES_FOLDER: &str = "usr";

/// The content of a scratch image.
#[derive(Debug, Clone, Copy)]
pub struct ScratchImage<'a> {
    /// The name of the program in the root: `app` becomes `/app`.
    pub bin: &'a str,
    /// The path of the program.
    pub program: &'a Path,
    /// Whether `/usr/share/zoneinfo` is included (0.2 MB, 0.1 MB compressed).
    pub time_zones: bool,
}

/// Makes the tree of a scratch image: `/<bin>` with mode 0755 and the files of [`base_rootfs`].
///
/// # Errors
/// The program's name is not a plain file name, or is one of the names above.
pub fn scratch_rootfs(what: &ScratchImage<'_>) -> Result<RootFs> {
    let mut tree = base_rootfs(what.time_zones)?;
    tree.insert(what.bin, Node::disk(0o755, what.program))?;
    Ok(tree)
}

/// Makes everything except the program: `/tmp` 1777, accounts, `/home/nonroot` 0700 of 65532, certificates,
/// and on request time zones. Certificates and zones come from crates that Cargo.lock pins, never from this
/// machine.
///
/// # Errors
/// None in practice, because the names are fixed.
pub fn base_rootfs(time_zones: bool) -> Result<RootFs> {
    let mut tree = RootFs::new();
    tree.insert("tmp", Node::dir(0o1777))?;
    tree.insert("root", Node::dir(0o700))?;
    tree.insert("home/nonroot", Node::dir(0o700).owned(NONROOT, NONROOT))?;
    tree.insert("etc/passwd", Node::bytes(0o644, PASSWD.as_bytes()))?;
    tree.insert("etc/group", Node::bytes(0o644, GROUP.as_bytes()))?;
    tree.insert("etc/nsswitch.conf", Node::bytes(0o644, NSSWITCH.as_bytes()))?;
    tree.insert(CERTIFICATES, Node::bytes(0o644, pem_bundle()))?;
    if time_zones {
        for (name, data) in zones::all() {
            tree.insert(&format!("usr/share/zoneinfo/{name}"), Node::bytes(0o644, data))?;
        }
    }
    Ok(tree)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_and_owners() {
        let scratch = ScratchImage { bin: "app", program: Path::new("somewhere/app"), time_zones: true };
        let tree = scratch_rootfs(&scratch).unwrap();
        let node = |path: &str| tree.get(path).unwrap_or_else(|| panic!("{path} is missing")).clone();
        assert_eq!(node("app"), Node::disk(0o755, "somewhere/app"));
        assert_eq!(node("tmp"), Node::dir(0o1777));
        assert_eq!(node("home"), Node::dir(0o755));
        assert_eq!(node("home/nonroot"), Node::dir(0o700).owned(65532, 65532));
        assert_eq!(node("usr/share/zoneinfo/Europe").mode, 0o755);
        assert_eq!(node("usr/share/zoneinfo/Europe/Berlin").mode, 0o644);
    }

    #[test]
    fn folders_in_the_root() {
        let tops = |zones| -> Vec<String> {
            let tree = base_rootfs(zones).unwrap();
            tree.iter().map(|(path, _)| path.to_owned()).filter(|path| !path.contains('/')).collect()
        };
        assert_eq!(tops(false), FOLDERS);
        assert_eq!(tops(true), [&FOLDERS[..], &[ZONES_FOLDER]].concat());
    }

    #[test]
    fn names_that_would_take_the_place_of_something_else() {
        for bin in ["", "tmp", "etc", "../app", "a//b"] {
            let scratch = ScratchImage { bin, program: Path::new("x"), time_zones: false };
            assert!(scratch_rootfs(&scratch).is_err(), "{bin:?}");
        }
    }
}
