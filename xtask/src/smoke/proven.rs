//! Handles a staged image that failed its smoke run: it gets no name, and its tar is kept so that the cause
//! can be examined.

use std::path::{Path, PathBuf};

use crate::outcome::Smoke;
use xtask_files::error::Result;
use xtask_oci::StagedImages;
use xtask_triple::Platform;

/// An image that failed its smoke run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unstarted {
    /// The platforms on which it failed, each with the reason.
    pub failed: Vec<(Platform, String)>,
    /// The path of its tar.
    pub kept: PathBuf,
}

/// Rejects a staged image if one of its platforms failed, and moves its tar into the folder `aside`. Returns
/// none if no platform failed.
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
        // It may exist from an earlier run.
        let _ = std::fs::remove_file(&kept);
        return Ok(None);
    }
    staged.refuse(image, &kept)?;
    Ok(Some(Unstarted { failed, kept }))
}
