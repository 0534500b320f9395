//! Bills of materials (SBOM) in CycloneDX: of every released program, and of every platform of every image. Only this module
//! decides what a bill says: from what Cargo compiled, what build scripts left, and what the base's records say.
//! docs/concepts/bills-of-materials.md lists the properties.
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

use crate::build::Builder;
use crate::cargo::units::{self, Manifests};
use crate::place::{Ground, Placed};
use crate::ship::{Origin, brings_zones};
use crate::verify::Verified;
use xtask_files::Memo;
use xtask_files::error::{Error, Result};
use xtask_oci::{Digest, PackedImage, PackedManifest};
use xtask_triple::{Platform, Triple};

use base::Below;
use bill::Bill;
use image::Image;
use program::Program;

pub use write::{FOLDER, Written, withdraw};

/// Counts the versions of what is written: one that an older version wrote is made again.
const FORMAT: u32 = 1;

/// What bills are made from and where they go.
#[derive(Debug)]
pub struct Writer<'a> {
    /// What built the programs.
    pub builder: &'a Builder<'a>,
    /// Where the programs come from.
    pub origin: &'a Origin<'a>,
    /// target/dist.
    pub dist: &'a Path,
    /// Where it is remembered what was written.
    pub memo: &'a Memo,
    /// The bills of programs that were made in this run, by target.
    made: BTreeMap<Triple, (Bill, Manifests)>,
}

impl<'a> Writer<'a> {
    /// Nothing is made yet.
    pub fn new(builder: &'a Builder<'a>, origin: &'a Origin<'a>, dist: &'a Path, memo: &'a Memo) -> Self {
        Self { builder, origin, dist, memo, made: BTreeMap::new() }
    }

    /// Writes the bill of a program that may ship; none where it may not.
    ///
    /// # Errors
    /// Where Cargo cannot be run or a file cannot be written.
    pub fn program(&mut self, verified: &Verified) -> Result<Option<Written>> {
        let Some(program) = self.subject(verified) else { return Ok(None) };
        let name = format!("{}-{}-{}.cdx.json", program.name, program.version, program.target);
        let key = self.key(&program, verified)?;
        let (dist, memo, created) = (self.dist, self.memo, self.origin.created);
        let make = || {
            let (bill, manifests) = self.bill(&program, verified)?;
            Ok((bill.document(created).text(), manifests))
        };
        write::write(&name, &key, dist, memo, make).map(Some)
    }

    /// Writes the bills of an image, in the order of its manifests.
    ///
    /// # Errors
    /// As [`Writer::program`].
    pub fn image(
        &mut self,
        placed: &Placed,
        packed: &PackedImage,
        verified: &[Verified],
    ) -> Result<Vec<Written>> {
        let one = |(ground, manifest): (&Ground, &PackedManifest)| {
            let verified = verified.iter().find(|v| v.job().target.triple == ground.target);
            let verified =
                verified.ok_or_else(|| Error::failed(format!("{} was not built", ground.target)))?;
            self.platform(placed, ground, manifest, verified)
        };
        placed.grounds.iter().zip(&packed.manifests).map(one).collect()
    }

    fn platform(
        &mut self,
        placed: &Placed,
        ground: &Ground,
        manifest: &PackedManifest,
        verified: &Verified,
    ) -> Result<Written> {
        let title = verified.job().title();
        let program = self.subject(verified);
        let program = program.ok_or_else(|| Error::failed(format!("{title} has no program")))?;
        let left = ground.trimmed.as_ref();
        let zones = match ground.base.as_deref() {
            None => placed.image.tzdata,
            Some(base) => brings_zones(&placed.image, left.unwrap_or(&base.rootfs)),
        };
        let version = &program.version;
        let name = &placed.image.name;
        let file = format!("{name}-{version}-{}.cdx.json", hyphenated(&manifest.platform));
        // The manifest decides every byte of the image. What a base is called and where it is from, it does not say.
        let below = ground.base.as_deref().map(|base| (&base.name, &base.digest, &base.packages));
        let facts = format!("{} {:?} {} {zones}", manifest.digest, below, left.is_some());
        let key = Digest::of(format!("{}\n{name}\n{facts}", self.key(&program, verified)?).as_bytes());
        let (dist, memo, created) = (self.dist, self.memo, self.origin.created);
        let make = || {
            let (program, manifests) = self.bill(&program, verified)?;
            let below = ground.base.as_deref().map(|base| Below { name: &placed.base, base, left });
            let image = Image { name, version, manifest, below, brings_zones: zones };
            Ok((image::bill(&image, program).document(created).text(), manifests))
        };
        write::write(&file, &key, dist, memo, make)
    }

    fn subject(&self, verified: &Verified) -> Option<Program> {
        if !verified.ok() {
            return None;
        }
        Program::of(verified, &self.builder.app.bin, self.origin)
    }

    /// Everything that decides the bill of a program, but for the manifests that only its unit graph names.
    fn key(&self, program: &Program, verified: &Verified) -> Result<Digest> {
        let json = serde_json::to_string(program);
        let json = json.map_err(|e| Error::failed(format!("cannot write JSON: {e}")))?;
        let units = units::key_of_job(verified.job(), self.builder);
        let (version, created) = (env!("CARGO_PKG_VERSION"), self.origin.created);
        let text = format!("{FORMAT} {version} {created} {units:?}\n{json}\n{:?}", verified.built.scripts);
        Ok(Digest::of(text.as_bytes()))
    }

    fn bill(&mut self, program: &Program, verified: &Verified) -> Result<(Bill, Manifests)> {
        let target = &verified.job().target.triple;
        if let Some(made) = self.made.get(target) {
            return Ok(made.clone());
        }
        let (read, manifests) = read::read(&verified.built, self.builder)?;
        let made = (program::bill(program, &read), manifests);
        self.made.insert(target.clone(), made.clone());
        Ok(made)
    }
}

/// `linux-arm64-v8`.
fn hyphenated(platform: &Platform) -> String {
    platform.to_string().replace('/', "-")
}
