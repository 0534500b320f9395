//! Every request of a publication, in order, without sending one.

use std::fmt::Write;

use super::Publication;
use xtask_files::human_size;

/// The requests of publications, a line each: what a registry that has nothing yet is sent.
pub fn requests(publications: &[Publication]) -> String {
    let mut text = String::new();
    for publication in publications {
        let (name, to) = (&publication.name, &publication.to);
        let repository = to.repository();
        let _ = writeln!(text, "# {name} → {}", publication.pinned());
        for tag in &publication.tags {
            let rule = if tag.fixed { "must be absent, or this image" } else { "moves forward only" };
            let _ = writeln!(text, "HEAD /v2/{repository}/manifests/{} ({rule})", tag.tag);
        }
        for blob in publication.blobs() {
            let (digest, size) = (&blob.digest, human_size(blob.size));
            let _ = writeln!(text, "HEAD /v2/{repository}/blobs/{digest}");
            let _ = writeln!(text, "POST /v2/{repository}/blobs/uploads/ (where it is absent)");
            let _ = writeln!(text, "PUT  /v2/{repository}/blobs/uploads/… {digest} {size}");
        }
        let documents =
            publication.platforms.iter().map(|platform| (&platform.descriptor, platform.platform.as_str()));
        let documents: Vec<_> = documents.chain([(&publication.index.0, "index")]).collect();
        for (descriptor, what) in &documents {
            let _ = writeln!(
                text,
                "PUT  /v2/{repository}/manifests/{} {} ({what})",
                descriptor.digest,
                human_size(descriptor.size)
            );
        }
        for (descriptor, what) in &documents {
            let _ =
                writeln!(text, "GET  /v2/{repository}/manifests/{} ({what}, read back)", descriptor.digest);
        }
        for tag in &publication.tags {
            let digest = &publication.index.0.digest;
            let _ = writeln!(text, "HEAD /v2/{repository}/manifests/{} (again)", tag.tag);
            let _ = writeln!(text, "PUT  /v2/{repository}/manifests/{} {digest}", tag.tag);
            let _ = writeln!(text, "HEAD /v2/{repository}/manifests/{} (read back)", tag.tag);
        }
    }
    text.truncate(text.trim_end().len());
    text
}
