//! Pushes an image to a repository in the order that keeps tags right.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::attach::{AttachedRecord, Attestor};
use super::journal::PushJournal;
use super::keyless::KeylessSigner;
use super::tags::{TagFate, TagTarget, fate};
use super::{OutgoingPlatform, PlannedTag, Publication};
use crate::session::Session;
use xtask_files::dist;
use xtask_files::error::{Error, Result};
use xtask_files::threads::{both, lock, side_by_side};
use xtask_files::{counted, human_size};
use xtask_oci::document::{Descriptor, Index, Manifest, annotation, media_type};
use xtask_oci::{Blobs, Layout};
use xtask_process::ui::Ui;
use xtask_registry::Reference;
use xtask_registry::client::Client;
use xtask_registry::http::Http;
use xtask_registry::push::PushLimits;

/// The number of blobs that are sent at a time.
pub(super) const AT_A_TIME: usize = 6;
/// The number of requests at a time that read back documents and look for blobs.
const READ_AT_A_TIME: usize = 8;

/// Publishes to one registry.
pub struct Publisher<'p> {
    /// The client of the registry.
    pub client: Client<'p>,
    /// The HTTP layer of the client, which counts requests.
    pub http: &'p Http<'p>,
    /// The verified blobs of the release.
    pub blobs: Blobs,
    /// The remembered repositories of blobs.
    pub journal: Mutex<PushJournal>,
    /// The limits of uploads.
    pub limits: PushLimits,
    /// The bytes of blobs that were sent.
    pub sent: Arc<AtomicU64>,
    /// A folder for documents while they are sent.
    pub documents: PathBuf,
    /// Signs what is published; none where nothing is signed.
    pub attestor: Option<Arc<Attestor>>,
    /// Signs by an identity; none if a key signs, or nothing is signed.
    pub keyless: Option<Arc<KeylessSigner>>,
    /// Whether the tag of a release may move.
    pub force: bool,
    /// The printer of the run.
    pub ui: &'p Ui,
}

/// An image that was pushed and read back.
#[derive(Debug)]
pub struct Published<'p> {
    /// The image.
    pub publication: &'p Publication,
    /// The tags, with whether they moved.
    pub tags: Vec<PublishedTag>,
    /// The signatures and attestations that it has.
    pub attached: Vec<AttachedRecord>,
    /// The number of bytes of blobs that were sent. Bytes that were sent twice count twice.
    pub bytes_sent: u64,
    /// The number of requests.
    pub requests: u64,
    /// The wall time, in seconds.
    pub seconds: f64,
}

/// A tag after a publication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedTag {
    /// The tag.
    pub tag: String,
    /// Whether it moved.
    pub fate: TagFate,
}

impl PublishedTag {
    /// Whether the tag points at the image now.
    pub fn points_here(&self) -> bool {
        matches!(self.fate, TagFate::Unchanged | TagFate::Moves)
    }
}

impl Published<'_> {
    /// Whether no tag moved and nothing was sent.
    pub fn unchanged(&self) -> bool {
        self.tags.iter().all(|tag| matches!(tag.fate, TagFate::Unchanged | TagFate::Stays(_)))
            && self.bytes_sent == 0
    }
}

impl<'p> Publisher<'p> {
    /// Makes a publisher to the registry of `to` for the workspace of a session. It signs nothing and moves no fixed tag.
    pub fn new(to: &Reference, http: &'p Http<'p>, limits: PushLimits, session: &'p Session) -> Self {
        let (registry, work) = (to.registry(), session.work());
        Self {
            client: Client::new(http, registry, &session.host),
            http,
            blobs: Layout::new(dist::layout(&session.dist())).blobs(),
            journal: Mutex::new(PushJournal::open(&work, &registry.to_string())),
            limits,
            sent: Arc::default(),
            documents: work.join("publish").join("documents"),
            attestor: None,
            keyless: None,
            force: false,
            ui: &session.ui,
        }
    }
}

impl Publisher<'_> {
    /// Publishes an image. If every tag points at it already, and an earlier run read back its signatures and attestations, no
    /// further request is sent.
    ///
    /// # Errors
    /// A tag must not move, or the registry refuses something or does not have what was pushed. Even then, no tag points at
    /// something that was not read back.
    pub fn publish<'i>(&self, publication: &'i Publication) -> Result<Published<'i>> {
        let (begun, before) = (Instant::now(), self.http.requests());
        let sent = self.sent.load(Ordering::Relaxed);
        let fates = self.fates(publication)?;
        let whole = !fates.is_empty() && fates.iter().all(|fate| *fate == TagFate::Unchanged);
        let (fates, attached) = if whole {
            let mut attached = self.attached(publication, true)?;
            attached.extend(self.attached_keyless(publication, true)?);
            (fates, attached)
        } else {
            self.push_blobs(publication)?;
            // A blob that is not seen yet is looked for again after the manifests, which a registry accepts only with
            // their blobs.
            let (pushed, unseen) =
                both(|| self.push_manifests(publication), || self.unseen(publication, publication.blobs()));
            pushed?;
            let (same, attached) =
                both(|| self.read_back(publication, unseen), || self.attached(publication, false));
            same?;
            let mut attached = attached?;
            // Last, because an entry of a public log cannot be removed.
            attached.extend(self.attached_keyless(publication, false)?);
            // Another publisher may have moved a tag meanwhile. Most registries cannot prevent that between this request
            // and the move.
            let fates = self.fates(publication)?;
            for (tag, fate) in publication.tags.iter().zip(&fates) {
                if *fate == TagFate::Moves {
                    self.move_tag(publication, tag)?;
                }
            }
            (fates, attached)
        };
        let tags = publication.tags.iter().zip(fates);
        Ok(Published {
            publication,
            tags: tags.map(|(tag, fate)| PublishedTag { tag: tag.tag.clone(), fate }).collect(),
            attached,
            bytes_sent: self.sent.load(Ordering::Relaxed) - sent,
            requests: self.http.requests() - before,
            seconds: begun.elapsed().as_secs_f64(),
        })
    }

    /// Attaches signatures and attestations to an image. With `whole`, those that an earlier run read back are not requested
    /// again.
    fn attached(&self, publication: &Publication, whole: bool) -> Result<Vec<AttachedRecord>> {
        let Some(attestor) = &self.attestor else { return Ok(Vec::new()) };
        let name = attestor.name(publication);
        let known = lock(&self.journal).attached(&name).filter(|_| whole);
        if let Some(known) = known {
            return Ok(known);
        }
        let target = publication.attach_target();
        let attached = self.attach(&target, attestor)?;
        lock(&self.journal).keep_attached(&name, &attached);
        Ok(attached)
    }

    /// Attaches keyless signatures. With `whole`, what an earlier run has read back is not attached again.
    fn attached_keyless(&self, publication: &Publication, whole: bool) -> Result<Vec<AttachedRecord>> {
        let Some(signer) = &self.keyless else { return Ok(Vec::new()) };
        let name = signer.name(publication);
        let known = lock(&self.journal).attached(&name).filter(|_| whole);
        if let Some(known) = known {
            return Ok(known);
        }
        let attached = self.attach_keyless(publication, signer)?;
        lock(&self.journal).keep_attached(&name, &attached);
        Ok(attached)
    }

    /// Returns a function that counts the bytes that are sent.
    pub(super) fn counting(&self) -> Arc<dyn Fn(u64) + Send + Sync> {
        let sent = Arc::clone(&self.sent);
        Arc::new(move |bytes| {
            sent.fetch_add(bytes, Ordering::Relaxed);
        })
    }

    /// Decides for each tag whether it moves.
    fn fates(&self, publication: &Publication) -> Result<Vec<TagFate>> {
        let ours = &publication.index.0.digest;
        let looked = side_by_side(publication.tags.iter().collect(), AT_A_TIME, |tag: &PlannedTag| {
            let reference = publication.to.tagged(&tag.tag)?;
            let there = match self.client.remote(&reference)? {
                None => None,
                Some(remote) if remote.digest == *ours => {
                    Some(TagTarget { digest: remote.digest, version: None })
                }
                Some(remote) => {
                    let version =
                        if tag.fixed { None } else { self.version(&reference.at(remote.digest.clone()))? };
                    Some(TagTarget { digest: remote.digest, version })
                }
            };
            let fate = fate(tag, ours, &publication.version, there.as_ref(), self.force);
            match fate {
                TagFate::Refused(why) => Err(Error::failed(format!("{reference} must not move"))
                    .found(why)
                    .found(format!("this release is {ours}"))
                    .help("publish another version; or, to replace it: cargo xtask publish --force")),
                fate => Ok(fate),
            }
        });
        looked.into_iter().collect()
    }

    /// Returns the version in the annotations of an image, or none if there is no valid one.
    ///
    /// # Errors
    /// The registry does not send the image, so that its version is not known.
    fn version(&self, reference: &Reference) -> Result<Option<xtask_config::Version>> {
        Ok(self.client.document(reference)?.and_then(|there| annotated_version(&there.bytes)))
    }

    /// Pushes the manifests of the platforms, then the index, each by its digest.
    fn push_manifests(&self, publication: &Publication) -> Result<()> {
        let push = |platform: &OutgoingPlatform| self.push_platform(publication, platform);
        let platforms = publication.platforms.iter().collect();
        side_by_side(platforms, AT_A_TIME, push).into_iter().collect::<Result<()>>()?;
        self.push_index(publication, &publication.to.at(publication.index.0.digest.clone()))
    }

    fn push_platform(&self, publication: &Publication, platform: &OutgoingPlatform) -> Result<()> {
        let OutgoingPlatform { descriptor, bytes, blobs, .. } = platform;
        let reference = publication.to.at(descriptor.digest.clone());
        let mend =
            || blobs.iter().try_for_each(|b| self.push_blob(publication, b, &Arc::default()).map(|_| ()));
        self.client.push_manifest(&reference, kind_of(descriptor), bytes, mend).map(|_| ())
    }

    /// Puts the index under its digest or a tag.
    fn push_index(&self, publication: &Publication, reference: &Reference) -> Result<()> {
        let mend = || {
            publication.platforms.iter().try_for_each(|platform| {
                let there = self.client.remote(&publication.to.at(platform.descriptor.digest.clone()))?;
                if there.is_some() { Ok(()) } else { self.push_platform(publication, platform) }
            })
        };
        self.client.push_manifest(reference, media_type::INDEX, &publication.index.1, mend).map(|_| ())
    }

    /// Returns the blobs that the registry does not report as present.
    fn unseen<'i>(&self, publication: &Publication, blobs: Vec<&'i Descriptor>) -> Vec<&'i Descriptor> {
        let unseen = |blob| match self.client.has_blob(&publication.to, blob) {
            Ok(true) => None,
            Ok(false) | Err(_) => Some(blob),
        };
        side_by_side(blobs, READ_AT_A_TIME, unseen).into_iter().flatten().collect()
    }

    /// Compares the content of the registry with what was pushed: documents byte by byte, `blobs` by
    /// presence.
    fn read_back(&self, publication: &Publication, blobs: Vec<&Descriptor>) -> Result<()> {
        let documents = publication.platforms.iter().map(|platform| (&platform.descriptor, &platform.bytes));
        let documents = documents.chain([(&publication.index.0, &publication.index.1)]);
        let documents = documents.map(|(descriptor, bytes)| (descriptor, Some(bytes)));
        let blobs = blobs.into_iter().map(|blob| (blob, None));
        let same = |(descriptor, bytes): (&Descriptor, Option<&Vec<u8>>)| match bytes {
            Some(bytes) => {
                let reference = publication.to.at(descriptor.digest.clone());
                match self.client.manifest(&reference)? == *bytes {
                    true => Ok(()),
                    false => Err(Error::failed(format!("{reference} differs from the pushed manifest"))),
                }
            }
            None => match self.client.has_blob(&publication.to, descriptor)? {
                true => Ok(()),
                false => {
                    let what = format!("the registry accepted {}, but does not have it", descriptor.digest);
                    Err(Error::failed(what).help("publish again: missing blobs are sent"))
                }
            },
        };
        side_by_side(documents.chain(blobs).collect(), READ_AT_A_TIME, same).into_iter().collect()
    }

    /// Points a tag at the image and reads it back.
    fn move_tag(&self, publication: &Publication, tag: &PlannedTag) -> Result<()> {
        let (reference, ours) = (publication.to.tagged(&tag.tag)?, &publication.index.0.digest);
        self.push_index(publication, &reference)?;
        match self.client.remote(&reference)? {
            Some(remote) if remote.digest == *ours => Ok(()),
            found => {
                let found = found.map_or_else(|| "nothing".to_owned(), |remote| remote.digest.to_string());
                Err(Error::failed(format!("{reference} does not point at the published image"))
                    .found(format!("it points at {found}, not at {ours}"))
                    .help("another user or machine publishes this tag: find out which, and publish again"))
            }
        }
    }
}

/// Returns the version in the annotations of an index or a manifest, or none if there is no valid one.
fn annotated_version(bytes: &[u8]) -> Option<xtask_config::Version> {
    let index = serde_json::from_slice::<Index>(bytes).ok().map(|index| index.annotations);
    let said = index.or_else(|| serde_json::from_slice::<Manifest>(bytes).ok().map(|m| m.annotations))?;
    said.get(annotation::VERSION)?.parse().ok()
}

/// Returns the media type for the upload of a manifest or an index.
fn kind_of(descriptor: &Descriptor) -> &'static str {
    match descriptor.media_type == media_type::INDEX {
        true => media_type::INDEX,
        false => media_type::MANIFEST,
    }
}

/// Returns the last line of a publication: what was sent, and the tags.
pub(crate) fn summary(published: &Published<'_>) -> String {
    let tags = published.tags.iter().map(|tag| match &tag.fate {
        TagFate::Moves => tag.tag.clone(),
        TagFate::Unchanged => format!("{} (unchanged)", tag.tag),
        TagFate::Stays(why) | TagFate::Refused(why) => format!("{} (stays: {why})", tag.tag),
    });
    let tags: Vec<String> = tags.collect();
    let requests = counted(published.requests, "request");
    let attached = match published.attached.len() {
        0 => String::new(),
        some => format!("; signed, {} attached", counted(some as u64, "document")),
    };
    format!("{} sent, {requests}{attached}; tags: {}", human_size(published.bytes_sent), tags.join(", "))
}
