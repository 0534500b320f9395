//! Annotations and labels of images: the keys of
//! <https://github.com/opencontainers/image-spec/blob/v1.1.0/annotations.md> that the manifest can fill, and
//! our own.

use crate::plan::Job;
use crate::record::ProgramOrigin;
use crate::runtime::Labels;
use crate::sbom::license::License;
use xtask_base::{BaseImage, Distroless};
use xtask_config::Config;
use xtask_oci::document::{annotation, rfc3339};

/// Returns the annotations of the index and of the manifests, which are the same for every platform.
pub(super) fn annotations(config: &Config, origin: &ProgramOrigin) -> Labels {
    let package = origin.package;
    let authors = (!package.authors.is_empty()).then(|| package.authors.join(", "));
    let pairs = [
        (annotation::CREATED, Some(rfc3339(origin.created))),
        (annotation::TITLE, Some(config.app.bin.clone())),
        (annotation::VERSION, Some(package.version.to_string())),
        (annotation::REVISION, origin.revision.clone()),
        (annotation::DESCRIPTION, package.description.clone()),
        (annotation::LICENSES, package.license.as_deref().map(|text| License::of(text).spdx())),
        (annotation::SOURCE, package.repository.clone()),
        (annotation::URL, package.homepage.clone()),
        (annotation::DOCUMENTATION, package.documentation.clone()),
        (annotation::AUTHORS, authors),
    ];
    pairs.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}

/// Returns the labels in the configuration of one platform, without those of targets.toml.
pub(super) fn labels(config: &Config, origin: &ProgramOrigin, job: &Job) -> Labels {
    let mut labels = annotations(config, origin);
    labels.insert("xtask.mode".into(), job.mode.name.clone());
    labels.insert("xtask.target".into(), job.target.triple.to_string());
    if let Some(fallback) = &job.fallback {
        // A fixed code is used, because the content of an image must not depend on the machine. Its text is
        // in the report.
        labels.insert("xtask.fallback.from".into(), fallback.from.clone());
        labels.insert("xtask.fallback.reason".into(), fallback.reason.into());
    }
    labels
}

/// Returns the labels about the base. The specification has a key for the digest of a manifest, but none for
/// that of a lock.
pub(super) fn of_base(base: &BaseImage, trimmed: bool) -> Labels {
    let digest = match Distroless::parse(&base.name).is_some() {
        true => "xtask.base.lock",
        false => annotation::BASE_DIGEST,
    };
    let closure = trimmed.then(|| ("xtask.base.closure".to_owned(), "true".to_owned()));
    let named = [(annotation::BASE_NAME, base.name.clone()), (digest, base.digest.to_string())];
    named.map(|(key, value)| (key.to_owned(), value)).into_iter().chain(closure).collect()
}
