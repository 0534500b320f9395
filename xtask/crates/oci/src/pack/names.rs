//! Names and tags that Docker and registries accept.

use super::{ImageSpec, distinct};
use crate::grammar;
use xtask_files::error::{Error, Result};
use xtask_triple::Platform;

/// Converts a version to a tag (distribution-spec, "Pulling manifests"): `1.2.0+build` becomes `1.2.0-build`.
pub fn tag(version: &str) -> String {
    version.replace('+', "-")
}

/// Returns the tags of each platform of an image: `version-arch`, and for the first platform also the version
/// alone. If two platforms have the same architecture, the variant is added: `version-armv7`.
pub fn tags(version: &str, platforms: &[&Platform]) -> Vec<Vec<String>> {
    let tag = tag(version);
    let tags = |(at, platform): (usize, &&Platform)| {
        let arch = platform.architecture;
        let alike = platforms.iter().filter(|other| other.architecture == arch).count();
        let variant = platform.variant.filter(|_| alike > 1).unwrap_or_default();
        let mut tags = vec![format!("{tag}-{arch}{variant}")];
        if at == 0 {
            tags.push(tag.clone());
        }
        tags
    };
    platforms.iter().enumerate().map(tags).collect()
}

/// Rejects images that cannot be packed, before anything is written.
pub(super) fn check(images: &[ImageSpec]) -> Result<()> {
    for (at, image) in images.iter().enumerate() {
        let ImageSpec { name, version, platforms, .. } = image;
        if !grammar::is_name(name) {
            return Err(Error::usage(format!("{name:?} cannot be the name of an image"))
                .found(format!("a name has {}", grammar::COMPONENT)));
        }
        if images[..at].iter().any(|other| other.name == *name) {
            return Err(Error::usage(format!("two images have the name {name:?}")));
        }
        if let Some(tag) = tags(version, &all(image)).iter().flatten().find(|tag| !grammar::is_tag(tag)) {
            return Err(
                Error::usage(format!("{tag:?} cannot be a tag of image {name:?}")).found(grammar::TAG)
            );
        }
        if platforms.is_empty() || platforms.iter().any(|spec| spec.layers.is_empty()) {
            return Err(Error::usage(format!(
                "image {name:?} has no platform, or a platform without layers"
            )));
        }
        if !distinct(platforms) {
            return Err(Error::usage(format!("image {name:?} lists a platform twice")));
        }
    }
    Ok(())
}

/// Returns the names of each platform in Docker: the image's name followed by each of [`tags`].
pub(super) fn docker_tags(image: &ImageSpec) -> Vec<Vec<String>> {
    let named = |tags: Vec<String>| tags.into_iter().map(|tag| format!("{}:{tag}", image.name)).collect();
    tags(&image.version, &all(image)).into_iter().map(named).collect()
}

fn all(image: &ImageSpec) -> Vec<&Platform> {
    image.platforms.iter().map(|spec| &spec.platform).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_platform_has_a_tag_of_its_own() {
        let platform = |architecture, variant| Platform { os: "linux", architecture, variant };
        let (amd64, v7, v6) =
            (platform("amd64", None), platform("arm", Some("v7")), platform("arm", Some("v6")));
        assert_eq!(tags("1.0.0+b", &[&amd64, &v7]), [vec!["1.0.0-b-amd64", "1.0.0-b"], vec!["1.0.0-b-arm"]]);
        assert_eq!(tags("1", &[&v7, &v6]), [vec!["1-armv7", "1"], vec!["1-armv6"]]);
    }
}
