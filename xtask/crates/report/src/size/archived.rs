//! The programs of a release that no image ships, such as those for Windows.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{ImageSize, ProgramSize, program};
use crate::report::{JobEntry, Report};
use xtask_files::error::Result;

/// A program that ships in an archive only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveProgramSize {
    /// The triple of its target.
    pub target: String,
    /// The name of its mode.
    pub mode: String,
    /// The parts of the program. Its path is that in `target/dist`.
    pub program: ProgramSize,
}

/// Returns the programs of a release that are in none of these images. A program that was built again since, and now has
/// another size, is left out. `twin` finds the program of a target in a mode with its symbols.
///
/// # Errors
/// As [`program`].
pub fn archived(
    report: &Report,
    images: &[ImageSize],
    dist: &Path,
    twin: impl Fn(&str, &str) -> Option<PathBuf>,
) -> Result<Vec<ArchiveProgramSize>> {
    let mut programs = Vec::new();
    let platforms = || images.iter().flat_map(|image| &image.platforms);
    for JobEntry { target, mode, artifact, contents, .. } in &report.jobs {
        let packed = |(of, in_mode): &(String, String)| of == target && in_mode == mode;
        let Some(artifact) = artifact else { continue };
        let file = dist.join(&artifact.path);
        let same = std::fs::metadata(&file).is_ok_and(|meta| meta.len() == artifact.size);
        if !same || platforms().any(|platform| platform.built.as_ref().is_some_and(packed)) {
            continue;
        }
        let mut program = program(&file, &artifact.path, twin(target, mode).as_deref())?;
        program.contents = contents.clone();
        programs.push(ArchiveProgramSize { target: target.clone(), mode: mode.clone(), program });
    }
    Ok(programs)
}
