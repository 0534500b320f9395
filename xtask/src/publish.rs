//! Publishes the images of a release from `target/dist` to registries. Blobs are pushed first, then manifests and indexes by
//! digest. All of it is read back before a tag moves.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use xtask_attest::Statement;
use xtask_config::{PublishSection, RepositoryTemplate, TagTemplate, TagValues, Version};
use xtask_files::Memo;
use xtask_files::error::{Error, Result};
use xtask_files::escape::masked;
use xtask_oci::document::{Descriptor, Index, Manifest, media_type};
use xtask_oci::{Blobs, Digest, Layout};
use xtask_registry::Reference;
use xtask_report::report::Report;

mod attach;
mod blobs;
mod dry;
pub mod files;
pub mod journal;
pub mod json;
mod keyless;
mod push;
mod resolve;
mod tags;

pub use attach::{AttachTarget, AttachedRecord, Attestor, statements};
pub use dry::requests;
pub use keyless::KeylessSigner;
pub(crate) use push::summary;
pub use push::{Published, PublishedTag, Publisher};
pub use resolve::ResolvedImages;
pub use tags::{TagFate, TagTarget, fate};

/// The options of the command line about publishing.
#[derive(Debug, Clone, Default)]
pub struct PublishRequest {
    /// The repository of `--to`, which replaces that of targets.toml.
    pub to: Option<String>,
    /// The tags of `--tag`, which replace those of targets.toml.
    pub tags: Vec<String>,
    /// The key of `--key`, which replaces that of targets.toml.
    pub key: Option<String>,
    /// Whether `--force` lets the tag of a release move to another image.
    pub force: bool,
}

/// An image of a release, with the repository and the tags that it gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// The name of the image in targets.toml.
    pub name: String,
    /// The repository.
    pub to: Reference,
    /// The tags, in the order in which they move.
    pub tags: Vec<PlannedTag>,
    /// The version of the release.
    pub version: Version,
    /// The index: its descriptor and its bytes.
    pub index: (Descriptor, Vec<u8>),
    /// The manifests of the platforms.
    pub platforms: Vec<OutgoingPlatform>,
}

/// A tag that is to point at an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedTag {
    /// The tag.
    pub tag: String,
    /// Whether the tag belongs to one release and never moves to another image.
    pub fixed: bool,
}

/// The manifest of a platform, with the blobs that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingPlatform {
    /// The platform as OCI writes it: `linux/arm64/v8`.
    pub platform: String,
    /// The descriptor of the manifest.
    pub descriptor: Descriptor,
    /// The bytes of the manifest.
    pub bytes: Vec<u8>,
    /// The layers and the configuration.
    pub blobs: Vec<Descriptor>,
}

impl Publication {
    /// Returns every blob of the image once.
    pub fn blobs(&self) -> Vec<&Descriptor> {
        let mut seen = BTreeSet::new();
        let all = self.platforms.iter().flat_map(|platform| &platform.blobs);
        all.filter(|blob| seen.insert(&blob.digest)).collect()
    }

    /// Returns the manifests that signatures and attestations are attached to: the index and those of the platforms.
    pub fn subjects(&self) -> Vec<&Descriptor> {
        let platforms = self.platforms.iter().map(|platform| &platform.descriptor);
        std::iter::once(&self.index.0).chain(platforms).collect()
    }

    /// Returns the key under which the journal remembers what `signer` attached to the image: a digest of the image, the
    /// signer and every statement about it.
    fn attachments(&self, signer: &str, statements: &[Statement]) -> String {
        let mut text = format!("{} {} {signer}", self.to.name(), self.index.0.digest);
        for subject in self.subjects() {
            for statement in attach::statements_about(statements, &subject.digest) {
                text += &format!(" {}", Digest::of(&statement.to_json()));
            }
        }
        xtask_files::sha256_hex(text.as_bytes())
    }

    /// Returns the manifests of [`Self::subjects`] with their repository.
    pub fn attach_target(&self) -> AttachTarget<'_> {
        AttachTarget { name: &self.name, to: &self.to, subjects: self.subjects() }
    }

    /// Returns the repository with the digest of the image, as other tools accept it:
    /// `registry.example/team/app@sha256:…`.
    pub fn pinned(&self) -> String {
        format!("{}@{}", self.to.name(), self.index.0.digest)
    }
}

/// Plans the publication of every image of the release in `dist`, and verifies every blob.
///
/// # Errors
/// There is no release, a name cannot be used, or a blob is damaged. Nothing is sent.
pub fn plan(
    dist: &Path,
    config: &PublishSection,
    several: bool,
    request: &PublishRequest,
    values: &TagValues<'_>,
    memo: &Memo,
) -> Result<Vec<Publication>> {
    let to = repository(config, several, request)?;
    let tags = planned_tags(config, request, values)?;
    let report = released(dist)?;
    let layout = Layout::new(dist.join("oci"));
    let images = report.images.iter();
    images
        .map(|image| {
            let digest = Digest::parse(&image.index_digest)
                .ok_or_else(|| Error::failed(format!("report.json has no digest of image {}", image.name)))?;
            let read = platforms(&layout, &digest, memo);
            let (index, platforms) = read.map_err(|error| Error {
                what: format!("image {} cannot be published: {}", image.name, error.what),
                ..error
            })?;
            Ok(Publication {
                name: image.name.clone(),
                to: to.of(&image.name)?,
                tags: tags.clone(),
                version: values.version.clone(),
                index,
                platforms,
            })
        })
        .collect()
}

fn repository(
    config: &PublishSection,
    several: bool,
    request: &PublishRequest,
) -> Result<RepositoryTemplate> {
    match (&request.to, &config.to) {
        (Some(to), _) => RepositoryTemplate::parse(to, several)
            .map_err(|why| Error::usage(format!("--to {:?} cannot be used", masked(to))).found(masked(&why))),
        (None, Some(to)) => Ok(to.clone()),
        (None, None) => Err(Error::usage("no repository is given to publish to")
            .help("name the repository: cargo xtask publish --to registry.example/team/app")
            .help("or write `to` into the table [publish] of targets.toml")),
    }
}

fn planned_tags(
    config: &PublishSection,
    request: &PublishRequest,
    values: &TagValues<'_>,
) -> Result<Vec<PlannedTag>> {
    let parse = |text: &str| {
        TagTemplate::parse(text)
            .map_err(|why| Error::usage(format!("--tag {text:?} cannot be used")).found(why))
    };
    let templates: Vec<TagTemplate> = match (request.tags.as_slice(), &config.tags) {
        ([], Some(tags)) => tags.clone(),
        ([], None) => vec![parse("{version}")?],
        (tags, _) => tags.iter().map(|tag| parse(tag)).collect::<Result<_>>()?,
    };
    let mut tags: Vec<PlannedTag> = Vec::new();
    for template in templates {
        let (tag, fixed) = (template.fill(values)?, template.is_fixed());
        match tags.iter_mut().find(|known| known.tag == tag) {
            Some(known) => known.fixed |= fixed,
            None => tags.push(PlannedTag { tag, fixed }),
        }
    }
    Ok(tags)
}

/// Returns the report of the release in `dist`, if it has images and all of them were made.
fn released(dist: &Path) -> Result<Report> {
    let file = dist.join("report.json");
    let help = "make a release: cargo xtask release";
    let text = xtask_files::read(&file).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => Error::usage("there is no release to publish")
            .found(format!("{} does not exist", file.display()))
            .help(help),
        _ => Error::io("cannot read", &file, &e),
    })?;
    let report: Report = serde_json::from_slice(&text).map_err(|e| {
        Error::failed(format!("{} is not a report of a release: {e}", file.display())).help(help)
    })?;
    if let Some(unmade) = report.unmade.first() {
        return Err(Error::failed(format!(
            "the release is not complete: image {} was not made",
            unmade.name
        ))
        .found(unmade.words())
        .help(help));
    }
    if let Some(image) = report.images.iter().find(|image| !image.left_out.is_empty()) {
        return Err(Error::failed(format!("image {} lacks platforms of targets.toml", image.name))
            .found(format!("left out by --target: {}", image.left_out.join(", ")))
            .help(help));
    }
    if report.images.is_empty() {
        return Err(Error::usage("the release has no image to publish")
            .help("add an [[image]] table to targets.toml, and make a release"));
    }
    Ok(report)
}

type IndexAndPlatforms = ((Descriptor, Vec<u8>), Vec<OutgoingPlatform>);

/// Reads an index of a layout with its manifests, and verifies all blobs.
fn platforms(layout: &Layout, digest: &Digest, memo: &Memo) -> Result<IndexAndPlatforms> {
    let blobs = layout.blobs();
    let help = "make the image again: cargo xtask release";
    let document = |digest: &Digest| {
        let bytes = blobs.read(digest)?;
        match Digest::of(&bytes) == *digest {
            true => Ok(bytes),
            false => Err(damaged(&blobs, digest)),
        }
    };
    let unreadable = |digest: &Digest, e: serde_json::Error| {
        Error::failed(format!("{} cannot be read: {e}", blobs.path(digest).display())).help(help)
    };
    let bytes = document(digest)?;
    let index: Index = serde_json::from_slice(&bytes).map_err(|e| unreadable(digest, e))?;
    let mut platforms = Vec::new();
    for descriptor in &index.manifests {
        let bytes = document(&descriptor.digest)?;
        let manifest: Manifest =
            serde_json::from_slice(&bytes).map_err(|e| unreadable(&descriptor.digest, e))?;
        let mut all = manifest.layers;
        all.push(manifest.config);
        if let Some(blob) = all.iter().find(|blob| !blobs.is_intact(blob, memo)) {
            return Err(damaged(&blobs, &blob.digest));
        }
        let platform = descriptor.platform.as_ref().map_or_else(|| "unknown".to_owned(), ToString::to_string);
        platforms.push(OutgoingPlatform { platform, descriptor: descriptor.clone(), bytes, blobs: all });
    }
    let index = Descriptor::new(media_type::INDEX, digest.clone(), bytes.len() as u64);
    Ok(((index, bytes), platforms))
}

fn damaged(blobs: &Blobs, digest: &Digest) -> Error {
    Error::failed(format!("{} is missing or damaged", blobs.path(digest).display()))
        .found("its bytes do not have the digest of its name")
        .help("make the image again: cargo xtask release")
}

/// Groups publications by registry.
pub fn by_registry(publications: &[Publication]) -> BTreeMap<String, Vec<&Publication>> {
    let mut all: BTreeMap<String, Vec<&Publication>> = BTreeMap::new();
    for publication in publications {
        all.entry(publication.to.registry().to_string()).or_default().push(publication);
    }
    all
}
