//! Pulls a base from a registry: finds the image of a reference for a platform, fetches it into the cache,
//! and unpacks its tree.

use std::io::{self, Write};

use super::client::Client;
use super::http::Http;
use super::manifest::{self, FetchedDocument};
use super::store::{RegistryStore, StoreFolder};
use super::{PullContext, Reference, lock};
use xtask_files::error::{Error, Result};
use xtask_oci::document::{Descriptor, ImageConfig, Manifest, PlatformJson, Runtime};
use xtask_oci::{Digest, RootFs, StoredLayer, unpack};
use xtask_process::cache::needed;
use xtask_triple::Platform;

mod layers;

/// An image of a registry for one platform in the cache: its stored layers, and their unpacked tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PulledImage {
    /// The reference by which it was pulled.
    pub name: String,
    /// The platform that the image is for.
    pub platform: Platform,
    /// The digest of its manifest for this platform.
    pub digest: Digest,
    /// Its layers, lowest first.
    pub layers: Vec<StoredLayer>,
    /// The unpacked layers. Files are [`xtask_oci::Content::Part`]s of tars in the cache.
    pub rootfs: RootFs,
    /// The image's settings for running programs.
    pub runtime: Runtime,
}

/// The maximum size of a configuration, in bytes. It contains no data, but the history may be long.
const CONFIG_MAX: u64 = 8 << 20;

/// Returns the base of a reference, for a platform. A reference without a digest uses the one in
/// `registry.lock`. A tag that is not there yet is looked up once and added. Everything is checked against
/// its digest and size when it arrives, and kept in the cache.
///
/// It is not on the registry, or access is denied. It has no such platform, is damaged, or exceeds a limit
/// for bases. Or a part is not in the cache and requests are forbidden.
pub fn base(reference: &Reference, platform: &Platform, site: &PullContext<'_>) -> Result<PulledImage> {
    let http = if site.offline { None } else { Some(Http::new(site.host, site.ui)?) };
    // There is one client for everything, so that a token is fetched once.
    let client = http.as_ref().map(|http| Client::new(http, reference.registry(), site.host));
    let pinned = pin(reference, client.as_ref(), site)?;
    let pull =
        Pull { reference: &pinned, site, store: RegistryStore::new(site.cache), client: client.as_ref() };
    let held = reference.digest().is_none();
    let about = |error: Error| about(error, reference);
    let (digest, manifest, config) = pull.choose(platform).map_err(about).map_err(|error| match held {
        true => error.help(
            "if the registry no longer has this digest, lock the current digest of the tag: cargo xtask base update",
        ),
        false => error,
    })?;
    pull.unpacked((digest, manifest, config), reference, platform).map_err(about)
}

/// Returns the image of a reference with a digest, for a platform, without a lock. Everything is fetched
/// through the cache of `site`, and is checked against its digests and sizes.
///
/// # Errors
/// As [`base`].
pub fn image(
    pinned: &Reference,
    platform: &Platform,
    client: &Client<'_>,
    site: &PullContext<'_>,
) -> Result<PulledImage> {
    let store = RegistryStore::new(site.cache);
    let pull = Pull { reference: pinned, site, store, client: Some(client) };
    let chosen = pull.choose(platform)?;
    pull.unpacked(chosen, pinned, platform)
}

/// Checks whether [`base`] could return a base, without the network. With `--offline`, all of it must be in
/// the cache.
///
/// # Errors
/// The locks cannot be read. Or requests are forbidden, and the tag is not locked or a part is not in the
/// cache.
pub fn check(reference: &Reference, platform: &Platform, site: &PullContext<'_>) -> Result<()> {
    if !site.offline {
        return lock::read(site.locks).map(drop);
    }
    let pinned = pin(reference, None, site)?;
    let pull = Pull { reference: &pinned, site, store: RegistryStore::new(site.cache), client: None };
    let about = |error: Error| about(error, reference);
    let (_, manifest, _) = pull.choose(platform).map_err(about)?;
    manifest.layers.iter().try_for_each(|layer| pull.blob(layer, &|_| {}).map(drop)).map_err(about)
}

/// Returns the reference with its locked digest.
fn pin(reference: &Reference, client: Option<&Client<'_>>, site: &PullContext<'_>) -> Result<Reference> {
    if reference.digest().is_some() {
        return Ok(reference.clone());
    }
    if let Some(digest) = lock::read(site.locks)?.remove(reference) {
        return Ok(reference.at(digest));
    }
    let digest = resolve(reference, client, site)?;
    lock::hold(vec![(reference.clone(), digest.clone())], site)?;
    site.ui.step("Locked", format!("{reference} at {digest} in {}", lock::path(site.locks).display()));
    Ok(reference.at(digest))
}

/// Asks the registry for the present digest of a tag. The document is put into the cache.
fn resolve(reference: &Reference, client: Option<&Client<'_>>, site: &PullContext<'_>) -> Result<Digest> {
    let client = client.ok_or_else(|| {
        Error::missing(format!("{reference} is not locked yet, and cannot be looked up with --offline"))
            .help("run once without --offline, or name the base by its digest")
    })?;
    let about = |error: Error| about(error, reference);
    let bytes = client.manifest(reference).map_err(about)?;
    manifest::read(&bytes).map_err(about)?;
    let digest = Digest::of(&bytes);
    RegistryStore::new(site.cache).make(StoreFolder::Blobs, &digest, |out| keep(out, &bytes))?;
    Ok(digest)
}

/// Asks the registries for the present digests of these tags, and locks them. References with a digest need
/// no lock and are skipped. The file is not written if nothing has changed, or if one of the registries
/// fails.
///
/// # Errors
/// A registry does not answer or lacks the tag, or the file cannot be read or written.
pub fn update(references: &[Reference], site: &PullContext<'_>) -> Result<Vec<lock::Moved>> {
    let tags = references.iter().filter(|reference| reference.digest().is_none());
    lock::hold(resolve_all(tags, site)?, site)
}

/// Returns the present digests of these tags in their registries.
fn resolve_all<'a>(
    references: impl Iterator<Item = &'a Reference>,
    site: &PullContext<'_>,
) -> Result<Vec<(Reference, Digest)>> {
    let http = if site.offline { None } else { Some(Http::new(site.host, site.ui)?) };
    let one = |reference: &Reference| {
        let client = http.as_ref().map(|http| Client::new(http, reference.registry(), site.host));
        Ok((reference.clone(), resolve(reference, client.as_ref(), site)?))
    };
    references.map(one).collect()
}

fn keep(out: &mut dyn Write, bytes: &[u8]) -> Result<()> {
    out.write_all(bytes)
        .map_err(|e: io::Error| needed(Error::failed(format!("cannot write into the cache: {e}"))))
}

/// Puts the name of the base in front of an error.
fn about(mut error: Error, reference: &Reference) -> Error {
    error.what = format!("cannot use {reference} as a base: {}", error.what);
    error
}

/// A pull of one reference with a digest.
struct Pull<'a> {
    reference: &'a Reference,
    site: &'a PullContext<'a>,
    store: RegistryStore,
    /// The client; none if requests are forbidden.
    client: Option<&'a Client<'a>>,
}

impl Pull<'_> {
    /// Returns all layers of a manifest, and their unpacked tree.
    fn unpacked(
        &self,
        (digest, manifest, config): (Digest, Manifest, ImageConfig),
        name: &Reference,
        platform: &Platform,
    ) -> Result<PulledImage> {
        let layers = self.layers(&manifest, &config)?;
        let mut rootfs = RootFs::new();
        for (layer, tar) in &layers {
            unpack::apply(tar, &mut rootfs)
                .map_err(|error| error.found(format!("in its layer {}", layer.layer.descriptor.digest)))?;
        }
        Ok(PulledImage {
            name: name.to_string(),
            platform: platform.clone(),
            digest,
            layers: layers.into_iter().map(|(layer, _)| layer).collect(),
            rootfs,
            runtime: config.config,
        })
    }

    fn client(&self, what: &Digest) -> Result<&Client<'_>> {
        self.client.ok_or_else(|| {
            Error::missing(format!("{what} is not in the cache, and cannot be fetched with --offline"))
                .found(format!("the cache is {}", self.site.cache.display()))
                .help("run once without --offline")
        })
    }

    /// Returns the bytes of a manifest or an index, from the cache or from the registry.
    fn document(&self, digest: &Digest) -> Result<Vec<u8>> {
        let path = match self.store.find(StoreFolder::Blobs, digest) {
            Some(path) => path,
            None => {
                let client = self.client(digest)?;
                self.store.make(StoreFolder::Blobs, digest, |out| {
                    keep(out, &client.manifest(&self.reference.at(digest.clone()))?)
                })?
            }
        };
        std::fs::read(&path).map_err(|e| Error::io("cannot read", &path, &e))
    }

    /// Returns the manifest for a platform, with its digest and configuration.
    fn choose(&self, platform: &Platform) -> Result<(Digest, Manifest, ImageConfig)> {
        let digest = self.reference.digest().cloned();
        let digest = digest.ok_or_else(|| Error::failed("it has no digest"))?;
        let candidates = match manifest::read(&self.document(&digest)?)? {
            FetchedDocument::Manifest(_) => vec![digest],
            FetchedDocument::Index(index) => {
                manifest::pick(&index, platform)?.into_iter().map(|found| found.digest.clone()).collect()
            }
        };
        let mut has = Vec::new();
        for digest in candidates {
            let FetchedDocument::Manifest(manifest) = manifest::read(&self.document(&digest)?)? else {
                return Err(Error::failed("it is not an image").found("its index leads to another index"));
            };
            let config = self.config(&manifest.config)?;
            if manifest::is(platform, &config.os, &config.architecture, config.variant.as_deref()) {
                return Ok((digest, manifest, config));
            }
            has.push(PlatformJson {
                architecture: config.architecture,
                os: config.os,
                variant: config.variant,
            });
        }
        Err(manifest::lacks(platform, has.iter()))
    }

    fn config(&self, blob: &Descriptor) -> Result<ImageConfig> {
        if blob.size > CONFIG_MAX {
            return Err(Error::failed(format!("its configuration has {} bytes", blob.size))
                .found(format!("more than {CONFIG_MAX} are not read")));
        }
        let path = self.blob(blob, &|_| {})?;
        let bytes = std::fs::read(&path).map_err(|e| Error::io("cannot read", &path, &e))?;
        let config: ImageConfig = serde_json::from_slice(&bytes).map_err(|e| {
            Error::failed("its configuration cannot be parsed")
                .found(xtask_files::escape::plain(&e.to_string()))
        })?;
        Ok(config)
    }

    /// Returns the file of a blob, from the cache or from the registry.
    fn blob(&self, blob: &Descriptor, progress: &dyn Fn(u64)) -> Result<std::path::PathBuf> {
        if let Some(path) = self.store.find(StoreFolder::Blobs, &blob.digest) {
            let size = std::fs::metadata(&path).map(|meta| meta.len()).ok();
            if size == Some(blob.size) {
                return Ok(path);
            }
            // The bytes have the right digest, so the size in the manifest is wrong.
            return Err(Error::failed(format!(
                "{} does not have the size that its manifest states",
                blob.digest
            ))
            .found(format!("{} bytes instead of {}", size.unwrap_or_default(), blob.size)));
        }
        let client = self.client(&blob.digest)?;
        self.store
            .make(StoreFolder::Blobs, &blob.digest, |out| client.blob(self.reference, blob, out, progress))
    }
}
