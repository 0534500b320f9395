//! Bills of materials (SBOM) in CycloneDX, for every released program and every platform of every image. Only
//! this module decides the content of a bill. Its sources are the units that Cargo compiled, the output of
//! build scripts, and the records of the base. docs/concepts/bills-of-materials.md lists the properties.
//!
//! ```text
//! unit graph, Cargo.lock, manifests, build scripts ── read ──→ program::bill ──┐
//! base's packages and records, what of them ships ── base::bill ──→ image::bill ┴→ document → sbom/*.cdx.json
//! ```

pub mod base;
pub mod bill;
pub mod c;
pub mod component;
pub mod crates;
pub mod document;
pub mod image;
pub mod license;
pub mod lock;
pub mod manifest;
mod package;
pub mod program;
pub mod purl;
mod read;
mod subject;
mod write;

use std::collections::BTreeMap;
use std::path::Path;

use crate::cargo::builder::Builder;
use crate::cargo::units::{self, Manifests};
use crate::record::{
    BillFile, ImageOf, ListedPlatform, PackedPlatform, PlacedImage, ProgramOrigin, StartedPlatform,
    VerifiedProgram,
};
use xtask_files::Memo;
use xtask_files::error::{Error, Result};
use xtask_oci::Digest;
use xtask_triple::{Platform, Triple};

use base::ShippedBase;
use bill::Bill;
use image::ImageSubject;
use program::ProgramSubject;

pub use write::withdraw;

/// The version of the format. A bill that an older version wrote is made again.
const FORMAT: u32 = 2;

/// A writer of bills, with the inputs of all bills and the place where they go.
#[derive(Debug)]
pub struct BillWriter<'a> {
    /// The builder of the programs.
    pub builder: &'a Builder<'a>,
    /// The origin of the programs.
    pub origin: &'a ProgramOrigin<'a>,
    /// The folder `target/dist`, below which the bills are written.
    pub dist: &'a Path,
    /// The memo that remembers which bills were written.
    pub memo: &'a Memo,
    /// The bills of programs that were made in this run, by target.
    made: BTreeMap<Triple, (Bill, Manifests)>,
}

impl<'a> BillWriter<'a> {
    /// Makes a writer that has no bills yet.
    pub fn new(
        builder: &'a Builder<'a>,
        origin: &'a ProgramOrigin<'a>,
        dist: &'a Path,
        memo: &'a Memo,
    ) -> Self {
        Self { builder, origin, dist, memo, made: BTreeMap::new() }
    }

    /// Writes the bill of a program.
    ///
    /// # Errors
    /// Cargo cannot be run, or a file cannot be written.
    pub fn program(&mut self, verified: &VerifiedProgram) -> Result<BillFile> {
        let program = self.subject(verified);
        let name = format!("{}-{}-{}.cdx.json", program.name, program.version, program.target);
        let key = self.key(&program, verified)?;
        let (dist, memo, created) = (self.dist, self.memo, self.origin.created);
        let make = || {
            let (bill, manifests) = self.bill(&program, verified)?;
            Ok((bill.document(created).text(), manifests))
        };
        write::write(&name, &key, dist, memo, make)
    }

    /// Writes the bills of an image, one for each platform.
    ///
    /// # Errors
    /// As [`BillWriter::program`].
    pub fn image(&mut self, image: ImageOf<StartedPlatform>) -> Result<ImageOf<ListedPlatform>> {
        let ImageOf { placed, whole, platforms } = image;
        let listed = |started: StartedPlatform| {
            let bill = self.platform(&placed, &started.packed)?;
            Ok(ListedPlatform { started, bill })
        };
        let platforms = platforms.into_iter().map(listed).collect::<Result<Vec<_>>>()?;
        Ok(ImageOf { placed, whole, platforms })
    }

    fn platform(&mut self, image: &PlacedImage, packed: &PackedPlatform) -> Result<BillFile> {
        let PackedPlatform { placed, manifest, brings_zones, .. } = packed;
        let verified = &placed.program;
        let program = self.subject(verified);
        let (left, zones) = (placed.trimmed.as_ref(), *brings_zones);
        let version = &program.version;
        let name = &image.config.name;
        let file = format!("{name}-{version}-{}.cdx.json", hyphenated(&manifest.platform));
        // The manifest determines every byte of the image. It does not contain the name and origin of a base.
        let below = placed.base.as_deref().map(|base| (&base.name, &base.digest, &base.packages));
        let facts = format!("{} {:?} {} {zones}", manifest.digest, below, left.is_some());
        let key = Digest::of(format!("{}\n{name}\n{facts}", self.key(&program, verified)?).as_bytes());
        let (dist, memo, created) = (self.dist, self.memo, self.origin.created);
        let make = || {
            let (program, manifests) = self.bill(&program, verified)?;
            let below = placed.base.as_deref().map(|base| ShippedBase { name: &image.base, base, left });
            let image = ImageSubject { name, version, manifest, below, brings_zones: zones };
            Ok((image::bill(&image, program).document(created).text(), manifests))
        };
        write::write(&file, &key, dist, memo, make)
    }

    fn subject(&self, verified: &VerifiedProgram) -> ProgramSubject {
        ProgramSubject::of(verified, &self.builder.app.bin, self.origin)
    }

    /// Returns the key of a program's bill: all of its inputs except the manifests that only its unit graph
    /// names.
    fn key(&self, program: &ProgramSubject, verified: &VerifiedProgram) -> Result<Digest> {
        let json = serde_json::to_string(program);
        let json = json.map_err(|e| Error::failed(format!("cannot write JSON: {e}")))?;
        let units = units::key_of_job(verified.job(), self.builder);
        let (version, created) = (env!("CARGO_PKG_VERSION"), self.origin.created);
        let built = &verified.stored.built;
        let text = format!(
            "{FORMAT} {version} {created} {units:?}\n{json}\n{:?}\n{:?}",
            built.scripts, built.contents
        );
        Ok(Digest::of(text.as_bytes()))
    }

    fn bill(&mut self, program: &ProgramSubject, verified: &VerifiedProgram) -> Result<(Bill, Manifests)> {
        let target = &verified.job().target.triple;
        if let Some(made) = self.made.get(target) {
            return Ok(made.clone());
        }
        let (read, manifests) = read::read(&verified.stored.built, self.builder)?;
        let made = (program::bill(program, &read), manifests);
        self.made.insert(target.clone(), made.clone());
        Ok(made)
    }
}

/// Writes a platform as a part of a file name, such as `linux-arm64-v8`.
fn hyphenated(platform: &Platform) -> String {
    platform.to_string().replace('/', "-")
}
