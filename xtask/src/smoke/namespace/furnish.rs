//! Adds what an engine gives an image before it starts the program: mounted folders and files, volumes, and
//! variables. Pure.

use std::collections::BTreeSet;

use crate::runtime::accounts;
use crate::runtime::folder;
use xtask_files::error::Result;
use xtask_oci::document::Runtime;
use xtask_oci::scratch::PATH;
use xtask_oci::{FileKind, Node, RootFs};

/// The folders on which the kernel's file systems are mounted.
const KERNELS: [&str; 3] = ["proc", "sys", "dev"];

/// A name server that cannot be reached, since there is no network: an address for documentation (RFC 5737).
/// An engine's name servers cannot be reached either. Some programs reject a file without a name server.
const RESOLV: &str = "nameserver 192.0.2.1\n";

const HOSTS: &str = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";

/// Adds the files that engines add, and replaces those of the image, as engines do. `name` is the host name.
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

/// Returns the paths of the volumes in the tree, with links resolved inside it, an outer volume before the
/// inner ones. Missing folders are made as engines make them, owned by root.
///
/// # Errors
/// The reason why a folder cannot be made.
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

/// Returns the image's variables that have a value, and the variables that engines add if the image does not
/// set them. These are PATH, the host name, and HOME. HOME is the user's folder from the image's
/// `/etc/passwd`, or `/`.
///
/// # Errors
/// A variable has no name, which engines reject.
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
