//! What an image is made of for one platform: the base's layers, and one of ours on top.

use super::run::Misfit;
use super::{Origin, labels, run};
use crate::place::Ground;
use crate::verify::Verified;
use xtask_base::BaseImage;
use xtask_config::{Config, Image};
use xtask_files::error::{Error, Result};
use xtask_oci::scratch::zones;
use xtask_oci::{self as oci, Kind, LayerSource, LayerSpec, Node, PlatformSpec, RootFs, Scratch};

/// A platform of an image, and what is to be warned of.
///
/// # Errors
/// What targets.toml says of the image does not fit what is in it.
pub(super) fn platform(
    image: &Image,
    ground: &Ground,
    config: &Config,
    verified: &Verified,
    origin: &Origin,
) -> Result<(PlatformSpec, Vec<String>)> {
    let job = verified.job();
    let (Some(artifact), Some(platform)) = (&verified.artifact, &job.platform) else {
        return Err(Error::failed(format!("{} has no program or no platform", job.title())));
    };
    let bin = &config.app.bin;
    let mut labels = labels::labels(config, origin, job);
    let (below, top) = match &ground.base {
        None => {
            let scratch = Scratch { bin, program: &artifact.path, time_zones: image.tzdata };
            (RootFs::new(), oci::scratch_rootfs(&scratch)?)
        }
        Some(base) => {
            labels.extend(labels::of_base(base, ground.trimmed.is_some()));
            let below = ground.trimmed.as_ref().unwrap_or(&base.rootfs);
            (below.clone(), top(image, bin, &artifact.path, below)?)
        }
    };
    let mut whole = below.clone();
    for (path, node) in top.iter() {
        whole.put(path, node.clone())?;
    }
    let of_image = |misfit| placed(misfit, image).found(format!("in image {} for {platform}", image.name));
    let base = run::Below::of(ground.base.as_deref());
    let runtime = run::runtime(&image.run, bin, &base, labels, &whole).map_err(of_image)?;
    let mut top = top;
    for (path, node) in run::folders(&runtime, &whole).map_err(of_image)? {
        lay(&mut top, &below, &path, node)?;
    }
    let mut layers = ground.base.as_deref().map(|base| layers(base, ground)).unwrap_or_default();
    let name = ground.base.as_deref().map_or("scratch", |base| base.name.as_str());
    let created_by = format!("xtask: {name} with /{bin}");
    layers.push(LayerSource::Tree(LayerSpec { rootfs: top, created_by }));
    let warned = run::unwritable(&runtime, &whole).into_iter().map(|said| {
        format!(
            "image {} keeps data where its user {} cannot write: {said}, and an engine makes the volume so; \
             `user` or `volumes` of its [[image]] can say otherwise",
            image.name, runtime.user
        )
    });
    let warned = warned.collect();
    Ok((PlatformSpec { platform: platform.clone(), layers, runtime }, warned))
}

/// The error with the place of what it is about, where targets.toml says that.
fn placed(Misfit { key, mut error }: Misfit, image: &Image) -> Error {
    if let Some(place) = key.and_then(|key| image.places.get(key)) {
        error.what = format!("{place}: {}", error.what);
    }
    error
}

/// The layers below ours: the base's own, or one of what is left of it.
fn layers(base: &BaseImage, ground: &Ground) -> Vec<LayerSource> {
    match &ground.trimmed {
        None => base.layers.iter().cloned().map(LayerSource::Stored).collect(),
        Some(tree) => {
            let created_by = format!("xtask: what /{} needs of {}", ground.bin, base.name);
            vec![LayerSource::Tree(LayerSpec { rootfs: tree.clone(), created_by })]
        }
    }
}

/// Our layer: the program, and time zones where they are wanted and the base has none.
fn top(image: &Image, bin: &str, program: &std::path::Path, below: &RootFs) -> Result<RootFs> {
    let mut top = RootFs::new();
    if below.get(bin).is_some_and(|node| !matches!(node.kind, Kind::File(_))) {
        return Err(Error::usage(format!(
            "the program of image {} would take the place of /{bin}",
            image.name
        ))
        .found("its base has a folder or a link there, and with it would go what is in it")
        .help("give the program another name, in a [[bin]] of its package, and in `bin` of targets.toml"));
    }
    lay(&mut top, below, bin, Node::disk(0o755, program))?;
    if brings_zones(image, below) {
        for (name, data) in zones::all() {
            lay(&mut top, below, &format!("usr/share/zoneinfo/{name}"), Node::bytes(0o644, data))?;
        }
    }
    Ok(top)
}

/// Whether our layer has the time zones: they are wanted, and what lies below has none.
pub(crate) fn brings_zones(image: &Image, below: &RootFs) -> bool {
    image.tzdata && below.file("usr/share/zoneinfo/UTC").is_none()
}

/// Puts an entry into our layer. A folder above it that the base has stands in it as the base has it: an entry of ours
/// would change its mode and owner.
fn lay(top: &mut RootFs, below: &RootFs, path: &str, node: Node) -> Result<()> {
    for (slash, _) in path.match_indices('/') {
        let above = &path[..slash];
        let there = below.get(above).filter(|node| node.kind == Kind::Dir);
        if let (Some(folder), None) = (there, top.get(above)) {
            top.put(above, folder.clone())?;
        }
    }
    top.put(path, node)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_the_base_keep_mode_and_owner() {
        let mut below = RootFs::new();
        below.put("home/nonroot", Node::dir(0o700).owned(65532, 65532)).unwrap();
        let mut top = RootFs::new();
        lay(&mut top, &below, "home/nonroot/data/x", Node::dir(0o755)).unwrap();
        assert_eq!(top.get("home/nonroot"), Some(&Node::dir(0o700).owned(65532, 65532)));
        assert_eq!(top.get("home/nonroot/data"), Some(&Node::dir(0o755)));
    }
}
