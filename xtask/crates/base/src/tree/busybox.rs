//! The shell and the tools of the `:debug` variants: one program under many names.

use xtask_files::error::{Error, Result};
use xtask_oci::{FileKind, Node, RootFs};

use super::certificates::read;

/// The folder of the tools. It is the last one in the image's PATH.
const FOLDER: &str = "busybox";
/// The beginning of the program's own table of names, in every configuration that has the other spellings of
/// `test`.
const FIRST: &[u8] = b"[\0[[\0";

/// Returns the files that a base takes from the package: the program, a link for each of its names, and the
/// files that are not programs.
pub(super) fn files(package: &RootFs) -> Result<RootFs> {
    let program = ["usr/bin/busybox", "bin/busybox"].into_iter().find_map(|path| package.file(path));
    let (path, content) =
        program.ok_or_else(|| Error::failed("the package busybox-static has no /usr/bin/busybox"))?;
    let bytes = read(&path, content)?;
    let names = applets(&bytes).ok_or_else(|| {
        Error::failed("the names of its applets were not found in the program of busybox-static")
    })?;
    let mut files = RootFs::new();
    for name in names.iter().filter(|name| *name != "busybox") {
        files.insert(&format!("{FOLDER}/{name}"), Node::symlink("busybox"))?;
    }
    files.insert(&format!("{FOLDER}/busybox"), Node::bytes(0o755, bytes))?;
    for (path, node) in package.below("usr/share/doc/") {
        if !matches!(node.kind, FileKind::Dir) {
            files.insert(path, node.clone())?;
        }
    }
    Ok(files)
}

/// Returns the names that `busybox --list` prints. They are read from the program's bytes, because it may be
/// for another processor. The names are in ascending order, each followed by a zero byte (busybox,
/// `applet_names`).
fn applets(program: &[u8]) -> Option<Vec<String>> {
    let begin = program.windows(FIRST.len()).position(|window| window == FIRST)?;
    let mut names: Vec<String> = Vec::new();
    for name in program[begin..].split(|byte| *byte == 0) {
        let plain = name.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.[".contains(b));
        let name = std::str::from_utf8(name).ok().filter(|name| plain && !name.is_empty());
        match name {
            Some(name) if names.last().is_none_or(|last| last.as_str() < name) => names.push(name.to_owned()),
            _ => break,
        }
    }
    // Debian's program has 272 names. A truncated table is not accepted.
    (names.len() > 100 && names.iter().any(|name| name == "sh")).then_some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_until_they_descend() {
        let table: Vec<String> = (0..120).map(|at| format!("a{at:03}")).chain(["sh".to_owned()]).collect();
        let mut program = b"\x7fELF [\0 [[ \0".to_vec();
        program.extend(FIRST);
        program.extend(table.iter().flat_map(|name| name.bytes().chain([0])));
        program.extend(b"Usage: x\0zz\0");
        let names = applets(&program).unwrap();
        assert_eq!((names.len(), names[1].as_str(), names[122].as_str()), (123, "[[", "sh"));
        assert_eq!(applets(&program[..200]), None);
        assert_eq!(applets(b"no table"), None);
    }
}
