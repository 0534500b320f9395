//! `/etc/os-release`, from which scanners read the release (os-release(5)).

use crate::contents::codename;
use xtask_files::error::{Error, Result};
use xtask_oci::RootFs;

use super::certificates::read;

/// The path of the file. `/etc/os-release` is a link to it from base-files.
pub(super) const PATH: &str = "usr/lib/os-release";

/// Returns the fields of the published images. The addresses are those of Debian's own file, because the
/// distroless project does not make the bases here.
pub(super) fn text(tree: &RootFs, debian: u8) -> Result<String> {
    let (path, content) =
        tree.file(PATH).ok_or_else(|| Error::failed(format!("the package base-files has no /{PATH}")))?;
    let theirs = read(&path, content)?;
    let theirs = String::from_utf8_lossy(&theirs);
    let mut text = format!(
        "PRETTY_NAME=\"Distroless\"\nNAME=\"Debian GNU/Linux\"\nID=\"debian\"\nVERSION_ID=\"{debian}\"\n\
         VERSION=\"Debian GNU/Linux {debian} ({})\"\n",
        codename(debian)
    );
    for key in ["HOME_URL=", "SUPPORT_URL=", "BUG_REPORT_URL="] {
        for line in theirs.lines().filter(|line| line.starts_with(key)) {
            text += line;
            text.push('\n');
        }
    }
    Ok(text)
}
