//! Names and tags that Docker and registries take.

use super::{ImageSpec, distinct};
use crate::error::{Error, Result};

/// A version as a tag (distribution-spec, "Pulling manifests"): `1.2.0+build` becomes `1.2.0-build`.
pub fn tag(version: &str) -> String {
    version.replace('+', "-")
}

/// Refuses what cannot be packed, before anything is written.
pub(super) fn check(images: &[ImageSpec]) -> Result<()> {
    for (at, image) in images.iter().enumerate() {
        let ImageSpec { name, version, platforms, .. } = image;
        if !is_name(name) {
            let rule = "a name has lowercase letters and digits, with one '.', '_' or '-' between them";
            return Err(Error::usage(format!("{name:?} cannot be the name of an image")).found(rule));
        }
        if images[..at].iter().any(|other| other.name == *name) {
            return Err(Error::usage(format!("two images have the name {name:?}")));
        }
        if !is_tag(&tag(version)) {
            let rule =
                "a tag has up to 128 letters, digits, '_', '.' and '-', the first of them no '.' or '-'";
            return Err(Error::usage(format!("{version:?} cannot be the tag of image {name:?}")).found(rule));
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

/// The tags of each platform: `name:version-arch`, and for the first platform `name:version` too. Where two platforms
/// have the same architecture, the variant tells them apart: `name:version-armv7`.
pub(super) fn docker_tags(image: &ImageSpec) -> Vec<Vec<String>> {
    let base = format!("{}:{}", image.name, tag(&image.version));
    let tags = |(at, spec): (usize, &super::PlatformSpec)| {
        let arch = spec.platform.architecture;
        let alike = image.platforms.iter().filter(|other| other.platform.architecture == arch).count();
        let variant = spec.platform.variant.filter(|_| alike > 1).unwrap_or_default();
        let mut tags = vec![format!("{base}-{arch}{variant}")];
        if at == 0 {
            tags.push(base.clone());
        }
        tags
    };
    image.platforms.iter().enumerate().map(tags).collect()
}

fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = name.as_bytes();
    let inside = bytes.windows(2).all(|pair| pair.iter().any(|b| plain(*b)));
    let legal = bytes.iter().all(|b| plain(*b) || b"._-".contains(b));
    let ends = [bytes.first(), bytes.last()].iter().all(|b| b.is_some_and(|b| plain(*b)));
    legal && inside && ends && name.len() <= 128
}

fn is_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let legal = tag.bytes().all(|b| word(b) || b == b'.' || b == b'-');
    legal && tag.len() <= 128 && tag.bytes().next().is_some_and(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_tags() {
        for name in ["app", "a", "my-app_2.x"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "App", "-a", "a-", "a..b", "a/b", "a b", "ä", "../a"] {
            assert!(!is_name(name), "{name}");
        }
        assert!(is_tag(&tag("1.0.0-rc.1+build.5")));
        for tag in ["", ".1", "-1", "1+2", "a/b", &"x".repeat(129)] {
            assert!(!is_tag(tag), "{tag}");
        }
    }
}
