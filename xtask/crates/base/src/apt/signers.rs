//! Finds the keys that signed a Release file. apt has already checked the signatures; this check shows the
//! keys.

use std::path::{Path, PathBuf};

use xtask_files::error::{Error, Result};
use xtask_process::exec::Cmd;
use xtask_process::host::Host;
use xtask_process::ui::Ui;

/// The program with which apt checks signatures: gpgv up to Debian 12, sqv since 13.
#[derive(Debug)]
pub(super) enum Verifier {
    Gpgv(PathBuf),
    Sqv(PathBuf),
}

impl Verifier {
    pub(super) fn find(host: &Host) -> Option<Self> {
        let gpgv = host.program("gpgv").map(Self::Gpgv);
        gpgv.or_else(|| host.program("sqv").map(Self::Sqv))
    }

    /// Returns the fingerprints of the keys with a good signature under the file, in ascending order.
    /// `scratch` is a folder that may be written to.
    pub(super) fn signers(&self, file: &Path, keyring: &Path, scratch: &Path, ui: Ui) -> Result<Vec<String>> {
        let cmd = match self {
            Self::Gpgv(program) => {
                Cmd::new(program).args(["--status-fd", "1", "--keyring"]).arg(keyring).arg(file)
            }
            Self::Sqv(program) => {
                // sqv does not overwrite a file.
                let text = scratch.join("verified");
                let _ = std::fs::remove_file(&text);
                let cmd = Cmd::new(program).arg("--keyring").arg(keyring).arg("--output").arg(&text);
                cmd.arg("--cleartext").arg(file)
            }
        };
        let output = super::run_any(&cmd, ui)?;
        let told = output.text();
        let good = match self {
            Self::Gpgv(_) => gpgv_says(&told),
            Self::Sqv(_) if output.ok() => sqv_says(&told),
            Self::Sqv(_) => None,
        };
        good.ok_or_else(|| {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let words = output.errors();
            let failed = Error::failed(format!("{name} has no valid signature of Debian's archive"));
            words.lines().take(5).fold(failed, |error, line| error.found(xtask_files::escape::plain(line)))
        })
    }
}

/// Reads gpgv's status lines (GnuPG, doc/DETAILS): `VALIDSIG` ends with the fingerprint of the primary key. A
/// bad signature invalidates the good ones; a signature of an unknown key does not.
fn gpgv_says(status: &str) -> Option<Vec<String>> {
    let mut good = Vec::new();
    for line in status.lines() {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        match words[..] {
            ["[GNUPG:]", "VALIDSIG", .., primary] => good.push(primary.to_owned()),
            ["[GNUPG:]", "BADSIG", ..] => return None,
            _ => {}
        }
    }
    sorted(good)
}

/// Reads the output of sqv: the fingerprint of each certificate with a good signature, one line each.
fn sqv_says(told: &str) -> Option<Vec<String>> {
    sorted(told.lines().map(|line| line.trim().to_owned()).collect())
}

fn sorted(mut good: Vec<String>) -> Option<Vec<String>> {
    good.retain(|print| print.len() >= 40 && print.bytes().all(|b| b.is_ascii_hexdigit()));
    good.sort();
    good.dedup();
    (!good.is_empty()).then_some(good)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "B8B80B5B623EAB6AD8775C45B7C5D7D6350947F8";
    const TWO: &str = "04B54C3CDCA79751B16BC6B5225629DF75B188BD";

    #[test]
    fn what_gpgv_and_sqv_say() {
        let valid = |key: &str| format!("[GNUPG:] VALIDSIG {ONE} 2026-09-12 1789199778 0 4 0 1 8 01 {key}\n");
        let status =
            format!("[GNUPG:] NEWSIG\n{}[GNUPG:] ERRSIG 0E98404D386FA1D9 1\n{}", valid(ONE), valid(TWO));
        assert_eq!(gpgv_says(&status), Some(vec![TWO.into(), ONE.into()]));
        assert_eq!(gpgv_says(&format!("{status}[GNUPG:] BADSIG 6ED0E7B82643E131 x\n")), None);
        assert_eq!(gpgv_says("[GNUPG:] ERRSIG 0E98404D386FA1D9 1\n"), None);
        assert_eq!(sqv_says(&format!("{ONE}\n{TWO}\n")), Some(vec![TWO.into(), ONE.into()]));
        assert_eq!(sqv_says("no fingerprint\n"), None);
    }
}
