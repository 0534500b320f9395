//! The context in which bases are assembled.

use std::path::Path;

use xtask_process::host::Host;
use xtask_process::ui::Ui;

use super::snapshot::SnapshotArchive;

/// The places and permissions for assembling bases.
#[derive(Debug, Clone, Copy)]
pub struct BaseContext<'a> {
    /// The folder of the locks: `docker/bases` in the workspace.
    pub locks: &'a Path,
    /// The user's cache folder.
    pub cache: &'a Path,
    /// The environment, in which apt is searched for.
    pub host: &'a Host,
    /// The printer that shows progress and warnings.
    pub ui: &'a Ui,
    /// The sources of locked packages that the archive no longer has, in order.
    pub snapshots: &'a [SnapshotArchive],
    /// Whether the network must not be used.
    pub offline: bool,
    /// Whether a new lock may be used if the archive has other packages than the lock. `--setup` allows this.
    pub may_refresh: bool,
    /// Whether such a new lock is an error anyway.
    pub strict: bool,
    /// Whether `strict` makes an exception for locked packages that the archive has superseded. This change
    /// does not come from the repository.
    pub allow_superseded: bool,
}

impl BaseContext<'_> {
    /// Returns whether a lock may be made now if the repository has none for a base.
    pub(crate) fn locks_anew(&self) -> bool {
        self.may_refresh && !self.strict && !self.offline
    }

    /// Returns whether a lock may be made now if the archive has superseded packages of the repository's
    /// lock.
    pub(crate) fn refreshes(&self) -> bool {
        self.may_refresh && (!self.strict || self.allow_superseded) && !self.offline
    }
}
