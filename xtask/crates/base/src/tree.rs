//! Makes the tree of a base: the files of its packages, one over the other, and the files that installing the
//! packages would have made. No maintainer script runs, so its other effects are missing.

use xtask_files::error::{Error, Result};
use xtask_oci::scratch::{CERTIFICATES as BUNDLE, GROUP, NONROOT, NSSWITCH, PASSWD};
use xtask_oci::{FileKind, Node, RootFs};

use super::Distroless;
use super::contents::{BUSYBOX, CERTIFICATES};

mod busybox;
mod certificates;
mod merge;
mod os_release;

/// The version of the rules in this folder. Equal packages and an equal version give equal trees.
pub const ASSEMBLER: u32 = 1;

/// The folder in which scanners look for the installed packages of a distroless image (its
/// PACKAGE_METADATA.md).
pub const STATUS: &str = "var/lib/dpkg/status.d";

/// A package whose files have been unpacked.
#[derive(Debug, Clone)]
pub struct Unpacked {
    /// The name of the package.
    pub name: String,
    /// The contents of the package's control file.
    pub control: Vec<u8>,
    /// The MD5 sums of its files, if the package has them.
    pub md5sums: Option<Vec<u8>>,
    /// The files of the package, as a file tree.
    pub files: RootFs,
}

/// Assembles a base. `packages` are ordered lowest first.
///
/// # Errors
/// Two packages have entries of different kinds at a path, a package lacks a required file, or a file cannot
/// be read.
pub fn assemble(what: Distroless, packages: &[Unpacked]) -> Result<RootFs> {
    let mut tree = RootFs::new();
    for package in packages {
        let whole;
        let files = match package.name.as_str() {
            CERTIFICATES => {
                whole = certificates::files(&package.files)?;
                &whole
            }
            BUSYBOX => {
                whole = busybox::files(&package.files)?;
                &whole
            }
            _ => &package.files,
        };
        merge::onto(&mut tree, files, &package.name, what.debian)?;
        status(&mut tree, package)?;
    }
    generated(&mut tree, what)?;
    Ok(tree)
}

/// Writes the records of the package manager.
fn status(tree: &mut RootFs, package: &Unpacked) -> Result<()> {
    let file = format!("{STATUS}/{}", package.name);
    tree.insert(&file, Node::bytes(0o644, package.control.clone()))?;
    match &package.md5sums {
        Some(sums) => tree.insert(&format!("{file}.md5sums"), Node::bytes(0o644, sums.clone())),
        None => Ok(()),
    }
}

/// Writes the files that scripts make on an installed system.
fn generated(tree: &mut RootFs, what: Distroless) -> Result<()> {
    let os_release = os_release::text(tree, what.debian)?;
    let mut files = RootFs::new();
    files.insert("tmp", Node::dir(0o1777))?;
    files.insert("root", Node::dir(0o700))?;
    files.insert("home", Node::dir(0o755))?;
    files.insert("home/nonroot", Node::dir(0o700).owned(NONROOT, NONROOT))?;
    files.insert("etc/passwd", Node::bytes(0o644, PASSWD.as_bytes()))?;
    files.insert("etc/group", Node::bytes(0o644, GROUP.as_bytes()))?;
    files.insert("etc/nsswitch.conf", Node::bytes(0o644, NSSWITCH.as_bytes()))?;
    files.insert(os_release::PATH, Node::bytes(0o555, os_release.into_bytes()))?;
    merge::onto(tree, &files, "the generated files", what.debian)?;
    match tree.get(BUNDLE) {
        Some(Node { kind: FileKind::File(_), .. }) => Ok(()),
        _ => Err(Error::failed(format!("the base has no {BUNDLE}"))),
    }
}

#[cfg(test)]
mod tests;
