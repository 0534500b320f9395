//! What becomes of a staged image that does not run: it gets no name, and its tar is kept for those who look for the reason.

use std::path::{Path, PathBuf};

use crate::outcome::Smoke;
use xtask_files::error::Result;
use xtask_oci::StagedImages;
use xtask_triple::Platform;

/// An image that does not run as it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unstarted {
    /// The platforms on which it does not, each with what stands against it.
    pub failed: Vec<(Platform, String)>,
    /// Where its tar is kept.
    pub kept: PathBuf,
}

/// Refuses a staged image where a platform of it failed, and puts its tar into the folder `aside`; none where none failed.
///
/// # Errors
/// The tar cannot be moved.
pub fn refuse<'r>(
    staged: &mut StagedImages,
    image: &str,
    ran: impl IntoIterator<Item = (&'r Platform, &'r Smoke)>,
    aside: &Path,
) -> Result<Option<Unstarted>> {
    let failed = ran.into_iter().filter_map(|(platform, smoke)| match smoke {
        Smoke::Failed(why) => Some((platform.clone(), why.clone())),
        Smoke::Passed | Smoke::Skipped(_) => None,
    });
    let failed: Vec<(Platform, String)> = failed.collect();
    let kept = aside.join(format!("{image}.tar"));
    if failed.is_empty() {
        // Of a run before this one.
        let _ = std::fs::remove_file(&kept);
        return Ok(None);
    }
    staged.refuse(image, &kept)?;
    Ok(Some(Unstarted { failed, kept }))
}
