//! What assembling a base takes from its surroundings.

use std::path::Path;

use xtask_process::host::Host;
use xtask_process::ui::Ui;

use super::snapshot::SnapshotArchive;

/// Where things are and what is allowed.
#[derive(Debug, Clone, Copy)]
pub struct BaseContext<'a> {
    /// The folder of the locks: `docker/bases` in the workspace.
    pub locks: &'a Path,
    /// The user's cache folder.
    pub cache: &'a Path,
    /// The environment, for finding apt.
    pub host: &'a Host,
    /// The printer that shows progress and warnings.
    pub ui: &'a Ui,
    /// Where locked packages are taken from that the archive no longer has, the first ones first.
    pub snapshots: &'a [SnapshotArchive],
    /// The network is not to be used.
    pub offline: bool,
    /// Where the archive has other packages than the lock, a lock made now may be used instead: what `--setup` agrees to.
    pub may_refresh: bool,
    /// Then that is an error all the same.
    pub strict: bool,
    /// Except where the archive has superseded locked packages: what changes without a change of the repository.
    pub allow_superseded: bool,
}

impl BaseContext<'_> {
    /// Whether a lock may be made now where the repository has none of a base.
    pub(crate) fn locks_anew(&self) -> bool {
        self.may_refresh && !self.strict && !self.offline
    }

    /// Whether a lock may be made now where the archive has superseded packages of the repository's.
    pub(crate) fn refreshes(&self) -> bool {
        self.may_refresh && (!self.strict || self.allow_superseded) && !self.offline
    }
}
