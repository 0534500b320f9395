//! Reduces a base to the part that one program needs.

use std::collections::BTreeSet;

use xtask_files::error::Result;
use xtask_gate::{self as gate, Level, Program, Tree};
use xtask_oci::{FileKind, Node, Resolved, RootFs};

/// The folders that every image keeps: accounts, name service, certificates, licences, writable folders.
const ALWAYS: [&str; 7] =
    ["etc/", "home/", "root/", "tmp/", "var/tmp/", "run/", "usr/share/common-licenses/"];

/// The packages of a distroless base that own the files below `etc`. Files that a user may change are in no
/// list of digests, so the tree does not show their owners.
const OWNERS_OF_ETC: [&str; 4] = ["base-files", "ca-certificates", "media-types", "netbase"];

/// The files in which dpkg and apk list the installed packages, in paragraphs, with the field of the
/// package's name.
const LISTS: [(&str, &str); 2] = [("var/lib/dpkg/status", "Package: "), ("lib/apk/db/installed", "P:")];

/// Returns the part of a base that `program` needs: its interpreter and libraries with the links that lead
/// there, `etc` with the certificates, home and temporary folders. For each package with a remaining file, it
/// includes the package's record for scanners and its copyright. It also includes the paths in `also`. Modes
/// and owners are those of the base. Equal trees give equal results. `level` is what all machines support.
///
/// # Errors
/// The program's libraries are not all in the base.
pub fn closure(tree: &Tree<'_>, program: &Program, level: Level, also: &[String]) -> Result<RootFs> {
    let files = tree.files();
    let mut keep: BTreeSet<String> = gate::closure_paths(program, tree, level)?.into_iter().collect();
    keep.extend(also.iter().cloned());
    for folder in ALWAYS {
        let here = folder.trim_end_matches('/');
        keep.extend(files.get(here).map(|_| here.to_owned()));
        for (path, node) in files.below(folder) {
            keep.insert(path.to_owned());
            if matches!(node.kind, FileKind::Symlink(_)) {
                keep.extend(end(files, path));
            }
        }
    }
    // All paths go through the links at the top (`lib` → `usr/lib`).
    let top =
        files.iter().filter(|(path, node)| !path.contains('/') && matches!(node.kind, FileKind::Symlink(_)));
    keep.extend(top.map(|(path, _)| path.to_owned()));
    let mut packages: BTreeSet<&str> =
        keep.iter().filter_map(|path| tree.package(path)).map(|package| package.name.as_str()).collect();
    packages.extend(OWNERS_OF_ETC);
    for package in &packages {
        for record in
            [format!("var/lib/dpkg/status.d/{package}"), format!("var/lib/dpkg/status.d/{package}.md5sums")]
        {
            keep.extend(files.get(&record).map(|_| record));
        }
        keep.extend(end(files, &format!("usr/share/doc/{package}/copyright")));
    }
    assemble(files, &keep, &packages)
}

/// Returns the links of a path and the file at its end, or nothing if the path leads nowhere.
fn end(files: &RootFs, path: &str) -> Vec<String> {
    match files.resolve(path) {
        Resolved::Found(_) => gate::trail(files, path),
        _ => Vec::new(),
    }
}

fn assemble(files: &RootFs, keep: &BTreeSet<String>, packages: &BTreeSet<&str>) -> Result<RootFs> {
    let mut out = RootFs::new();
    let mut put = |path: &str, node: &Node| -> Result<()> {
        // The parent folders have the mode and owner of the base.
        for (slash, _) in path.match_indices('/') {
            let above = &path[..slash];
            if let (None, Some(folder)) = (out.get(above), files.get(above)) {
                out.insert(above, folder.clone())?;
            }
        }
        out.insert(path, node.clone())
    };
    for path in keep {
        if let Some(node) = files.get(path) {
            put(path, node)?;
        }
    }
    for (list, field) in LISTS {
        let Some((place, content)) = files.file(list) else { continue };
        let Some(Ok(bytes)) = Some(content.read()) else { continue };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let ours = |paragraph: &&str| {
            paragraph.lines().any(|line| line.strip_prefix(field).is_some_and(|name| packages.contains(name)))
        };
        let kept: Vec<&str> = text.split("\n\n").filter(ours).map(str::trim).collect();
        let text = kept.iter().map(|paragraph| format!("{paragraph}\n\n")).collect::<String>();
        let mode = files.get(&place).map_or(0o644, |node| node.mode);
        put(&place, &Node::bytes(mode, text.into_bytes()))?;
    }
    Ok(out)
}
