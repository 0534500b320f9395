//! Lists the requests of a publication in order, and sends none.

use std::fmt::Write;

use super::Publication;
use super::attach::statements_about;
use xtask_attest::Statement;
use xtask_config::SigningSource;
use xtask_files::{counted, human_size};
use xtask_oci::document::Descriptor;

/// The requests of publications, a line each: what a registry that has nothing yet is sent. `signing` is what signs and the
/// statements that are attached. cosign is not called.
pub fn requests(publications: &[Publication], signing: Option<(&SigningSource, &[Statement])>) -> String {
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
            let _ = writeln!(text, "POST /v2/{repository}/blobs/uploads/ (if it is absent)");
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
        let mut cosign = String::new();
        if let Some((source, statements)) = signing {
            if let SigningSource::Service(key) = source {
                let _ = writeln!(text, "# {key}: cosign sign-blob, once for each document that is signed");
            }
            for subject in publication.subjects() {
                let about = statements_about(statements, &subject.digest);
                match source {
                    SigningSource::Keyless => keyless(&mut cosign, publication, subject, about),
                    _ => attached(&mut text, repository, subject, about.count()),
                }
            }
        }
        for (descriptor, what) in &documents {
            let _ =
                writeln!(text, "GET  /v2/{repository}/manifests/{} ({what}, read back)", descriptor.digest);
        }
        for blob in publication.blobs() {
            let _ = writeln!(text, "HEAD /v2/{repository}/blobs/{} (read back)", blob.digest);
        }
        text += &cosign;
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

/// Writes the calls of cosign that sign a manifest and attach statements to it.
fn keyless<'a>(
    text: &mut String,
    publication: &Publication,
    subject: &Descriptor,
    statements: impl Iterator<Item = &'a Statement>,
) {
    let image = format!("{}@{}", publication.to.name(), subject.digest);
    let _ = writeln!(text, "cosign sign --yes {image}");
    for statement in statements {
        let kind = &statement.predicate_type;
        let _ = writeln!(text, "cosign attest --type {kind} --predicate … --yes {image}");
    }
}

/// The requests that sign a manifest and attach `statements` statements to it.
fn attached(text: &mut String, repository: &str, subject: &Descriptor, statements: usize) {
    let (digest, hex) = (&subject.digest, subject.digest.hex());
    let _ = writeln!(text, "GET  /v2/{repository}/referrers/{digest} (list of referrers)");
    let documents = [("sig", 1), ("att", statements)].into_iter().filter(|(_, documents)| *documents > 0);
    for (tag, documents) in documents {
        let what = if tag == "sig" { "signature" } else { "attestation" };
        let _ = writeln!(text, "GET  /v2/{repository}/manifests/sha256-{hex}.{tag}");
        let _ = writeln!(
            text,
            "PUT  /v2/{repository}/blobs/uploads/… ({} and config)",
            counted(documents as u64, what)
        );
        let _ = writeln!(text, "PUT  /v2/{repository}/manifests/sha256-{hex}.{tag}");
    }
    for bundle in 0..=statements {
        let what = if bundle == 0 { "signature" } else { "attestation" };
        let _ = writeln!(text, "PUT  /v2/{repository}/blobs/uploads/… (bundle with a {what}, and config)");
        let _ = writeln!(text, "PUT  /v2/{repository}/manifests/… (referrer)");
    }
    let _ =
        writeln!(text, "PUT  /v2/{repository}/manifests/sha256-{hex} (if the registry lists no referrers)");
    let _ = writeln!(text, "GET  /v2/{repository}/referrers/{digest} (read back, with every document)");
}
