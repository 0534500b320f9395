//! Collects the licence texts of the packages in a program into one file that ships with it. Whoever
//! distributes a program must pass on the terms of everything in it. Cargo's unit graph names the packages.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::cargo::builder::Builder;
use crate::cargo::units;
use crate::plan::Job;
use crate::sbom::crates::{CratePackage, CratePackages, PackageSource};
use crate::sbom::manifest;
use xtask_files::error::Result;
use xtask_files::{counted, write_changed};

mod document;
mod gather;

use document::{LicensedPackage, document};

/// The name of the file with the texts.
pub const FILE: &str = "PACKAGE-LICENSES.txt";

/// Returns the folder of the file in an image, for a program of this name. On scratch a program may be called
/// `usr`. Then the root has no folder of that name.
pub fn folder(bin: &str) -> &'static str {
    if bin == "usr" { "etc/licenses" } else { "usr/share/licenses" }
}

/// A writer of the licence texts of programs.
#[derive(Debug)]
pub struct LicenseWriter<'a> {
    builder: &'a Builder<'a>,
    /// The folder that contains the whole project.
    top: PathBuf,
    written: BTreeSet<PathBuf>,
}

impl<'a> LicenseWriter<'a> {
    /// Makes a writer that has written nothing yet.
    pub fn new(builder: &'a Builder<'a>, top: PathBuf) -> Self {
        Self { builder, top, written: BTreeSet::new() }
    }

    /// Writes the texts for the program of a job, and warns about missing ones. Returns none if Cargo does
    /// not list its packages. The file is the same on every machine, because it depends only on the sources
    /// of the packages.
    ///
    /// # Errors
    /// Cargo cannot be run, or a file cannot be read or written.
    pub fn file(&mut self, job: &Job) -> Result<Option<PathBuf>> {
        let folder = format!("{}-{}", job.target.triple, job.mode.name);
        let path = self.builder.work.join("licenses").join(folder).join(FILE);
        if self.written.contains(&path) {
            return Ok(Some(path));
        }
        let Some(kept) = units::of_job(job, self.builder)? else { return Ok(None) };
        let Some(packages) = CratePackages::of(&kept.graph, job.target.triple.as_str()) else {
            return Ok(None);
        };
        let licensed: Vec<LicensedPackage> = packages
            .all
            .iter()
            .filter(|package| package.in_program || is_source(package))
            .map(|package| self.licensed(package))
            .collect();
        let lacking: Vec<String> =
            licensed.iter().filter(|package| package.texts.is_empty()).map(LicensedPackage::title).collect();
        if !lacking.is_empty() {
            let count = counted(lacking.len() as u64, "package");
            self.builder.ui.warn_once(format!(
                "{count} in the program without a licence text: {}; {FILE} names the licences of their manifests",
                lacking.join(", ")
            ));
        }
        write_changed(&path, document(&self.builder.app.bin, &licensed).as_bytes())?;
        self.written.insert(path.clone());
        Ok(Some(path))
    }

    fn licensed(&self, package: &CratePackage) -> LicensedPackage {
        let (name, version) = (package.name.clone(), package.version.clone());
        let Some((folder, manifest)) = manifest::locate(&package.name, &package.src_path) else {
            return LicensedPackage { name, version, license: None, texts: Vec::new() };
        };
        let texts = gather::texts(&folder, self.reach(package, &folder), manifest.license_file.as_deref());
        LicensedPackage { name, version, license: manifest.license, texts }
    }

    /// Returns the folders in which the texts of a package may lie.
    fn reach(&self, package: &CratePackage, folder: &Path) -> gather::Reach {
        let checkout = |folder: &Path| {
            let ends = |above: &&Path| above.join(".cargo-ok").is_file() || above.join(".git").exists();
            folder.ancestors().find(ends).map(Path::to_owned)
        };
        match &package.source {
            // An unrelated file in a folder of the workspace is not a source.
            PackageSource::Path => {
                let top = folder.starts_with(&self.top).then(|| self.top.clone());
                gather::Reach { top: top.unwrap_or_else(|| folder.to_owned()), deep: false }
            }
            PackageSource::Git(_) => {
                gather::Reach { top: checkout(folder).unwrap_or_else(|| folder.to_owned()), deep: true }
            }
            PackageSource::Registry(_) | PackageSource::Other(_) => {
                gather::Reach { top: folder.to_owned(), deep: true }
            }
        }
    }
}

/// Returns whether a package only contains the sources of a library that the build script of another package
/// compiles into the program. The names of such packages end with `-src` by convention.
fn is_source(package: &CratePackage) -> bool {
    package.name.ends_with("-src")
}
