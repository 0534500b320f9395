//! Sizes on disk: those of this release, of the previous one, and those that a user has saved.

use std::path::{Path, PathBuf};

use super::{ImageSize, PlatformSize, Sizes};
use crate::report::Report;
use xtask_files as files;
use xtask_files::error::{Error, Result};

/// The paths of the files with the sizes of a workspace's images.
#[derive(Debug, Clone)]
pub struct SizeFiles {
    /// `target/dist/size.json`: the sizes of the last release.
    current: PathBuf,
    /// `target/xtask/size/before.json`: the sizes of the last release with other images.
    before: PathBuf,
    /// `target/xtask/size/saved.json`: the sizes of the last `size --save`.
    saved: PathBuf,
}

/// Earlier sizes to compare with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Against {
    /// A description of the earlier sizes' source.
    pub source: String,
    /// The earlier sizes themselves.
    pub sizes: Sizes,
}

impl SizeFiles {
    /// Returns the files of a workspace. `dist` is target/dist, `work` is target/xtask.
    pub fn new(dist: &Path, work: &Path) -> Self {
        let folder = work.join("size");
        Self {
            current: dist.join("size.json"),
            before: folder.join("before.json"),
            saved: folder.join("saved.json"),
        }
    }

    /// Writes the sizes of a release. The previous sizes are kept if they belong to other images or programs.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn release(&self, sizes: &Sizes) -> Result<()> {
        let old = files::read(&self.current).ok();
        let images = |sizes: &Sizes| -> Vec<(String, String)> {
            sizes.images.iter().map(|i| (i.name.clone(), i.index_digest.clone())).collect()
        };
        // Unreadable sizes, for example of an older version, cannot be compared.
        let differs = |old: Sizes| images(&old) != images(sizes) || old.programs != sizes.programs;
        let other = |json: &Vec<u8>| parse(json).is_some_and(differs);
        if let Some(old) = old.filter(other) {
            files::write(&self.before, &old)?;
        }
        files::write(&self.current, sizes.json().as_bytes())
    }

    /// Saves sizes until the next call, for `--save` and for publishing.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, sizes: &Sizes) -> Result<PathBuf> {
        files::write(&self.saved, sizes.json().as_bytes())?;
        Ok(self.saved.clone())
    }

    /// Returns the default for a comparison with `now`, the sizes in target/dist. It is the saved sizes if
    /// there are any. Otherwise it is the last release if an image was made since, or else the release before
    /// it.
    pub fn last(&self, now: &Sizes) -> Option<Against> {
        let read = |path: &Path| parse(&files::read(path).ok()?);
        let named = |source: &str, sizes: Sizes| Against {
            source: format!("{source} ({} {})", sizes.app, sizes.version),
            sizes,
        };
        if let Some(saved) = read(&self.saved) {
            return Some(named("the saved sizes", saved));
        }
        let (current, before) = (read(&self.current), read(&self.before));
        if let Some(current) = current.filter(|current| newer(now, current, before.as_ref())) {
            return Some(named("the last release", current));
        }
        before.map(|before| named("the release before", before))
    }
}

/// Returns whether an image was made since a release. An image that the release did not make may be older
/// than the release. Then it is in the previous release.
fn newer(now: &Sizes, release: &Sizes, before: Option<&Sizes>) -> bool {
    let digest = |sizes: &Sizes, name: &str| {
        sizes.images.iter().find(|image| image.name == name).map(|image| image.index_digest.clone())
    };
    now.images.iter().any(|image| {
        let of = digest(release, &image.name).or_else(|| before.and_then(|b| digest(b, &image.name)));
        of.as_ref() != Some(&image.index_digest)
    })
}

impl Against {
    /// Reads a `size.json` or a `report.json`, or the one of them in a folder. A report has the bytes of a
    /// pull, but no files.
    ///
    /// # Errors
    /// There is no such file, or it has another format.
    pub fn read(path: &Path) -> Result<Self> {
        let file = match path.is_dir() {
            false => path.to_owned(),
            true => ["size.json", "report.json"]
                .map(|name| path.join(name))
                .into_iter()
                .find(|f| f.is_file())
                .ok_or_else(|| {
                    Error::usage(format!("{} contains neither size.json nor report.json", path.display()))
                })?,
        };
        let json =
            files::read(&file).map_err(|e| Error::usage(format!("cannot read {}: {e}", file.display())))?;
        let sizes = parse(&json).or_else(|| of_report(&json)).ok_or_else(|| {
            Error::usage(format!("{} is neither a size.json nor a report.json", file.display()))
                .help("both are written by `cargo xtask release` into target/dist")
        })?;
        Ok(Self { source: file.display().to_string(), sizes })
    }
}

fn parse(json: &[u8]) -> Option<Sizes> {
    serde_json::from_slice(json).ok().filter(|sizes: &Sizes| sizes.schema == 1)
}

fn of_report(json: &[u8]) -> Option<Sizes> {
    let report: Report = serde_json::from_slice(json).ok()?;
    let images = report.images.into_iter().map(|image| ImageSize {
        name: image.name,
        index_digest: image.index_digest,
        budget: None,
        platforms: image
            .manifests
            .into_iter()
            .map(|manifest| PlatformSize {
                platform: manifest.platform,
                built: None,
                pull: manifest.size,
                unpacked: 0,
                layers: Vec::new(),
                files: Vec::new(),
                program: None,
            })
            .collect(),
    });
    let programs = Vec::new();
    Some(Sizes { schema: 1, app: report.app, version: report.version, images: images.collect(), programs })
}
