//! From staged images to those that ship: what failed on a platform is refused, the rest is committed.

use std::path::Path;

use super::Ran;
use crate::verify::Smoke;
use xtask_files::error::Result;
use xtask_oci::{PackedImage, StagedImages};

/// What became of staged images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// Those that are in the output folder now.
    pub packed: Vec<PackedImage>,
    /// The names of the others, and why each of them does not ship.
    pub failed: Vec<(String, String)>,
}

/// Commits the images of which no platform failed. The tars of the others go to `aside`, for those who look for the reason.
///
/// # Errors
/// A file cannot be moved or written.
pub fn commit(mut staged: StagedImages, ran: &[Ran], aside: &Path) -> Result<Proven> {
    let mut failed = Vec::new();
    for image in staged.images() {
        let said = |ran: &Ran| match &ran.smoke {
            Smoke::Failed(why) => {
                let first = why.lines().next().unwrap_or_default();
                Some(format!("it does not run on {}: {first}", ran.platform))
            }
            _ => None,
        };
        let said: Vec<String> = ran.iter().filter(|ran| ran.image == image.name).filter_map(said).collect();
        let kept = aside.join(format!("{}.tar", image.name));
        if said.is_empty() {
            // Of a run before this one.
            let _ = std::fs::remove_file(&kept);
            continue;
        }
        staged.refuse(&image.name, &kept)?;
        failed.push((image.name, format!("{}; {} has it", said.join("; "), kept.display())));
    }
    Ok(Proven { packed: staged.commit()?, failed })
}
