//! The origins of programs' bytes (C or Rust), from the report of the same images.

use super::ImageSize;
use crate::report::{ContentsEntry, Report};

/// Adds the contents from the link map to the program of each platform. Nothing is added to an image that
/// differs from that of the report, or to a program without a link map.
pub fn add_origins(images: &mut [ImageSize], report: &Report) {
    for image in images {
        let same = |entry: &crate::report::ImageEntry| {
            entry.name == image.name && entry.index_digest == image.index_digest
        };
        if !report.images.iter().any(same) {
            continue;
        }
        for platform in &mut image.platforms {
            let (Some((target, mode)), Some(program)) = (&platform.built, &mut platform.program) else {
                continue;
            };
            let job = report.jobs.iter().find(|job| job.target == *target && job.mode == *mode);
            program.contents = job.and_then(|job| job.contents.clone());
        }
    }
}

/// Returns the origins of a program's bytes, with the bytes of each. Foreign bytes are listed by package, the
/// largest first.
pub(super) fn rows(contents: &ContentsEntry) -> Vec<(String, u64)> {
    let mut rows: Vec<(String, u64)> = Vec::new();
    for foreign in &contents.foreign {
        let by = foreign.package.as_deref().unwrap_or("no package");
        let name = format!("C of {by}");
        let bytes = foreign.bytes.unwrap_or_default();
        match rows.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum = sum.saturating_add(bytes),
            None => rows.push((name, bytes)),
        }
    }
    let own = [
        ("Rust of packages", contents.rust),
        ("Rust's std", contents.std),
        ("C library", contents.c_library),
    ];
    rows.extend(own.map(|(name, bytes)| (name.to_owned(), bytes)));
    rows.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    rows
}
