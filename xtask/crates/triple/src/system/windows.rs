//! Windows: PE programs and zip archives. No target can be built yet.

use super::{ArchiveFormat, ObjectFormat, System};
use crate::Os;

pub(super) const WINDOWS: System = System {
    os: Os::Windows,
    name: "Windows",
    objects: ObjectFormat::Pe,
    targets: None,
    archive: ArchiveFormat::Zip,
    images: false,
    runs_on: &[],
    links_statically: |_| false,
};
