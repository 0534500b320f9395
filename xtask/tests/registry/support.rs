//! What the tests here share.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use xtask_base::BaseImage;
use xtask_files::error::Result;
use xtask_process::host::Host;
use xtask_process::ui::Ui;
use xtask_registry::{PullContext, Reference, base};
use xtask_triple::{Platform, Triple};

/// A cache, locks and variables of its own.
pub(crate) struct Machine {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) offline: bool,
    pub(crate) ui: Ui,
    pub(crate) host: Host,
}

impl Machine {
    /// A machine on which nobody is logged in and nothing is cached.
    pub(crate) fn new() -> Self {
        Self::with(&[])
    }

    /// The same with these variables beside PATH.
    pub(crate) fn with(vars: &[(&str, &Path)]) -> Self {
        let path = (OsString::from("PATH"), std::env::var_os("PATH").unwrap_or_default());
        let vars = vars.iter().map(|(key, value)| (OsString::from(*key), value.as_os_str().to_owned()));
        let host = Host::new(Triple::parse("x86_64-unknown-linux-gnu"), std::iter::once(path).chain(vars));
        Self { dir: tempfile::tempdir().unwrap(), offline: false, ui: Ui::silent(), host }
    }

    pub(crate) fn cache(&self) -> PathBuf {
        self.dir.path().join("cache")
    }

    pub(crate) fn locks(&self) -> PathBuf {
        self.dir.path().join("bases")
    }

    /// The text of the file of locks; empty where there is none.
    pub(crate) fn lock_file(&self) -> String {
        std::fs::read_to_string(self.locks().join("registry.lock")).unwrap_or_default()
    }

    pub(crate) fn site<T>(&self, f: impl FnOnce(&PullContext<'_>) -> T) -> T {
        let (cache, locks) = (self.cache(), self.locks());
        f(&PullContext {
            cache: &cache,
            locks: &locks,
            offline: self.offline,
            ui: &self.ui,
            host: &self.host,
        })
    }

    pub(crate) fn base(&self, reference: &str, triple: &str) -> Result<BaseImage> {
        let reference = Reference::parse(reference)?;
        self.site(|site| base(&reference, &platform(triple), site).map(BaseImage::from))
    }

    /// The error of a base that must not be had, as a person reads it.
    pub(crate) fn refused(&self, reference: &str) -> String {
        self.base(reference, AMD64).unwrap_err().to_string()
    }

    /// Every file in the cache that is a blob or a tar.
    pub(crate) fn cached(&self) -> Vec<PathBuf> {
        let folders = ["blobs", "tars"].map(|part| self.cache().join("registry").join(part).join("sha256"));
        let files = folders.iter().flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten());
        files.map(|entry| entry.unwrap().path()).collect()
    }
}

pub(crate) const AMD64: &str = "x86_64-unknown-linux-gnu";
pub(crate) const ARM64: &str = "aarch64-unknown-linux-gnu";

pub(crate) fn platform(triple: &str) -> Platform {
    Triple::parse(triple).platform().unwrap()
}
