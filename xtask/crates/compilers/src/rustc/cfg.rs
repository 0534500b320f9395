//! What rustc knows of a target: the names and values that `cfg` expressions are about, asked once for each set of flags.

use std::path::Path;

use super::Rustc;
use super::facts::answer;
use crate::toolchain::identity::Fingerprint;
use xtask_process::exec::Cmd;
use xtask_process::host::Host;
use xtask_triple::Triple;

impl Rustc {
    /// The lines of `rustc --print cfg` for a target with these flags, as it answers in the folder `dir`. They are kept in
    /// `cache`. None where rustc does not take the flags, which the build will say.
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
        // A file of arguments or a specification of a target may be named from there.
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
        // A cache that cannot be written costs time only.
        let _ = serde_json::to_vec(&lines).map(|bytes| xtask_files::write(&file, &bytes));
        lines
    }
}
