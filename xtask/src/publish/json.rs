//! Writes `publish.json`, the record of a publication. Keys may be added to it, but not renamed or removed.

use serde::Serialize;

use super::files::SignedFile;
use super::{AttachedRecord, Published};

/// The version of the file's format.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct PublishDocument<'a> {
    schema: u32,
    images: Vec<PublishedImageJson<'a>>,
    /// The signatures and attestations of files.
    signed_files: &'a [SignedFile],
}

#[derive(Serialize)]
struct PublishedImageJson<'a> {
    name: &'a str,
    #[serde(rename = "ref")]
    reference: String,
    index_digest: &'a str,
    tags: Vec<&'a str>,
    platforms: Vec<PublishedPlatformJson<'a>>,
    /// The signatures and attestations of the image.
    referrers: &'a [AttachedRecord],
    bytes_sent: u64,
    requests: u64,
    seconds: f64,
}

#[derive(Serialize)]
struct PublishedPlatformJson<'a> {
    platform: &'a str,
    digest: &'a str,
}

/// Returns the document as text.
pub fn document(published: &[Published<'_>], signed_files: &[SignedFile]) -> String {
    let images = published.iter().map(|published| {
        let publication = published.publication;
        let platforms = publication.platforms.iter();
        PublishedImageJson {
            name: &publication.name,
            reference: publication.pinned(),
            index_digest: publication.index.0.digest.as_str(),
            tags: published.tags.iter().filter(|tag| tag.points_here()).map(|tag| tag.tag.as_str()).collect(),
            platforms: platforms
                .map(|platform| PublishedPlatformJson {
                    platform: &platform.platform,
                    digest: platform.descriptor.digest.as_str(),
                })
                .collect(),
            referrers: &published.attached,
            bytes_sent: published.bytes_sent,
            requests: published.requests,
            seconds: (published.seconds * 1e3).round() / 1e3,
        }
    });
    let document = PublishDocument { schema: SCHEMA, images: images.collect(), signed_files };
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

/// Returns the text of `digests.txt` for tools that attest: in each line the digits of a digest, two spaces, and the
/// repository.
pub fn digests(published: &[Published<'_>]) -> String {
    let lines = published.iter().map(|published| {
        let to = &published.publication.to;
        let name = format!("{}/{}", to.registry(), to.repository());
        format!("{}  {name}\n", published.publication.index.0.digest.hex())
    });
    lines.collect()
}
