//! The names and values of a target for `cfg` expressions. rustc is asked once for each set of flags.

use std::path::Path;

use super::Rustc;
use super::facts::answer;
use crate::toolchain::identity::Fingerprint;
use xtask_process::exec::Cmd;
use xtask_process::host::Host;
use xtask_triple::Triple;

impl Rustc {
    /// Returns the lines of `rustc --print cfg` for a target with these flags, run in the folder `dir`. The
    /// answer is kept in `cache`. The result is empty if rustc rejects the flags; the build then reports the
    /// error.
    pub fn cfg(
        &self,
        target: &Triple,
        flags: &[String],
        host: &Host,
        dir: &Path,
        cache: &Path,
    ) -> Vec<String> {
        let print =
            Fingerprint::new("cfg 1").with(&self.identity).with_stat(&self.program).with(target.as_str());
        // The folder is part of the key, because flags may name an argument file or a target specification by
        // a relative path.
        let print =
            flags.iter().fold(print, |print, flag| print.with(flag)).with(dir.as_os_str().as_encoded_bytes());
        let file = cache.join("rustc").join(format!("cfg-{}.json", print.short()));
        let kept = std::fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok());
        if let Some(kept) = kept {
            return kept;
        }
        let cmd = Cmd::new(&self.program).args(["--print", "cfg", "--target", target.as_str()]).args(flags);
        let Ok(text) = answer(&host.settled(cmd, dir)) else { return Vec::new() };
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        // If the cache cannot be written, the next run asks rustc again.
        let _ = serde_json::to_vec(&lines).map(|bytes| xtask_files::write(&file, &bytes));
        lines
    }
}
