//! What an engine gives an image before it starts the program: the folders and files that it mounts, the folders for data,
//! and variables. Pure.

use std::collections::BTreeSet;

use crate::runtime::accounts;
use crate::runtime::folder;
use xtask_files::error::Result;
use xtask_oci::document::Runtime;
use xtask_oci::scratch::PATH;
use xtask_oci::{FileKind, Node, RootFs};

/// Folders that the kernel's file systems are mounted on.
const KERNELS: [&str; 3] = ["proc", "sys", "dev"];

/// Where names are looked up without a network: an address for documentation (RFC 5737), to which there is no way, as
/// there is none to those that an engine writes. A file without any is refused by some programs.
const RESOLV: &str = "nameserver 192.0.2.1\n";

const HOSTS: &str = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";

/// Puts in what engines put in, in the place of what the image has there, as they do. `name` is the machine's.
///
/// # Errors
/// The image has a file where a folder must be.
pub(super) fn furnish(tree: &mut RootFs, name: &str) -> Result<()> {
    for folder in KERNELS {
        if tree.get(folder).is_none_or(|node| node.kind != FileKind::Dir) {
            tree.put(folder, Node::dir(0o755))?;
        }
    }
    tree.put("etc/hosts", Node::bytes(0o644, HOSTS.as_bytes()))?;
    tree.put("etc/hostname", Node::bytes(0o644, format!("{name}\n").into_bytes()))?;
    tree.put("etc/resolv.conf", Node::bytes(0o644, RESOLV.as_bytes()))?;
    tree.put("etc/mtab", Node::symlink("/proc/mounts"))
}

/// Where the folders for data lie in the tree, links followed inside it, an outer one before those in it. Those that are
/// missing are made as engines make them: root's.
///
/// # Errors
/// Why there can be no folder.
pub(super) fn volumes(tree: &mut RootFs, runtime: &Runtime) -> std::result::Result<Vec<String>, String> {
    let mut places = BTreeSet::new();
    for path in &runtime.volumes {
        let refused = |why: String| format!("the image has its data in {path}, which is {why}");
        let (place, there) = folder(path, tree).map_err(refused)?;
        if place.is_empty() {
            return Err(refused("its root".to_owned()));
        }
        if !there {
            tree.put(&place, Node::dir(0o755)).map_err(|error| error.to_string())?;
        }
        places.insert(place);
    }
    Ok(places.into_iter().collect())
}

/// The image's variables, those without a value left out, and what engines add where it does not set them: PATH, the
/// machine's name, and HOME, which is what its `/etc/passwd` says of the user, else `/`.
///
/// # Errors
/// One has no name, which engines refuse.
pub(super) fn variables(
    runtime: &Runtime,
    uid: u32,
    tree: &RootFs,
    name: &str,
) -> std::result::Result<Vec<String>, String> {
    if let Some(entry) = runtime.env.iter().find(|entry| entry.starts_with('=')) {
        return Err(format!("the image sets a variable without a name: {entry:?}"));
    }
    let mut env: Vec<String> = runtime.env.iter().filter(|entry| entry.contains('=')).cloned().collect();
    let home = accounts::home(uid, tree).unwrap_or_else(|| "/".to_owned());
    for (key, value) in [("PATH", PATH), ("HOSTNAME", name), ("HOME", &home)] {
        if !env.iter().any(|entry| entry.strip_prefix(key).is_some_and(|rest| rest.starts_with('='))) {
            env.push(format!("{key}={value}"));
        }
    }
    Ok(env)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_image_has_in_the_way_is_replaced() {
        let mut tree = RootFs::new();
        tree.put("etc/resolv.conf", Node::symlink("../run/resolv.conf")).unwrap();
        tree.put("dev", Node::symlink("/nowhere")).unwrap();
        tree.put("sys", Node::dir(0o555)).unwrap();
        furnish(&mut tree, "me").unwrap();
        assert_eq!(tree.get("etc/resolv.conf"), Some(&Node::bytes(0o644, RESOLV.as_bytes())));
        assert_eq!(tree.get("etc/hostname"), Some(&Node::bytes(0o644, b"me\n".to_vec())));
        assert_eq!((tree.get("dev"), tree.get("sys")), (Some(&Node::dir(0o755)), Some(&Node::dir(0o555))));
        let mut tree = RootFs::new();
        tree.put("etc", Node::bytes(0o644, &b""[..])).unwrap();
        assert!(furnish(&mut tree, "me").is_err());
    }

    #[test]
    fn folders_for_data_are_where_links_lead() {
        let mut tree = RootFs::new();
        tree.put("var/run", Node::symlink("/run")).unwrap();
        tree.put("data", Node::dir(0o700).owned(7, 7)).unwrap();
        tree.put("file", Node::bytes(0o644, &b""[..])).unwrap();
        let mut of = |volumes: &[&str]| {
            let volumes = volumes.iter().map(|path| (*path).to_owned()).collect();
            super::volumes(&mut tree, &Runtime { volumes, ..Runtime::default() })
        };
        let places = ["data", "data/sub", "run/app"].map(str::to_owned).to_vec();
        assert_eq!(of(&["/data/sub", "/var/run/app", "/run/app", "/data"]), Ok(places));
        assert!(of(&["/"]).unwrap_err().ends_with("its root"));
        assert!(of(&["/file"]).unwrap_err().ends_with("/file, which is a file in it"));
        assert!(of(&["/file/x"]).unwrap_err().ends_with("below /file, a file"));
        assert_eq!(tree.get("run/app"), Some(&Node::dir(0o755)));
        assert_eq!(tree.get("data"), Some(&Node::dir(0o700).owned(7, 7)));
    }

    #[test]
    fn variables_are_those_that_engines_give() {
        let of = |env: &[&str]| {
            let env = env.iter().map(|entry| (*entry).to_owned()).collect();
            variables(&Runtime { env, ..Runtime::default() }, 7, &RootFs::new(), "me")
        };
        assert_eq!(
            of(&["A=b", "B", "HOME="]).unwrap(),
            ["A=b", "HOME=", &format!("PATH={PATH}"), "HOSTNAME=me"]
        );
        assert_eq!(of(&["PATH=/x", "HOSTNAME=y"]).unwrap(), ["PATH=/x", "HOSTNAME=y", "HOME=/"]);
        assert!(of(&["=x"]).unwrap_err().contains("without a name"));
    }
}
