//! Decides the content of an image for one platform: the base's layers, and one of ours on top.

use std::collections::BTreeSet;
use std::path::Path;

use super::labels;
use super::zone::missing_zone;
use crate::licenses;
use crate::record::{PackedPlatform, PlacedProgram, ProgramOrigin};
use crate::runtime::{self, Misfit};
use xtask_base::BaseImage;
use xtask_config::{Config, Image};
use xtask_files::error::{Error, Result};
use xtask_oci::scratch::zones;
use xtask_oci::{
    self as oci, FileKind, LayerSource, LayerSpec, Node, PackedManifest, PlatformSpec, RootFs, ScratchImage,
};

/// A platform of an image that is ready to be packed.
pub(super) struct PlatformDraft {
    pub(super) placed: PlacedProgram,
    ours: RootFs,
    brings_zones: bool,
}

impl PlatformDraft {
    /// Turns the draft into the record of the packed platform.
    pub(super) fn packed(self, manifest: PackedManifest) -> PackedPlatform {
        let Self { placed, ours, brings_zones } = self;
        PackedPlatform { placed, manifest, ours, brings_zones }
    }
}

/// The inputs that all platforms of an image share, in addition to their programs.
pub(super) struct Makings<'a> {
    pub(super) config: &'a Config,
    pub(super) origin: &'a ProgramOrigin<'a>,
    /// The file with the licence texts of the program's packages.
    pub(super) texts: Option<&'a Path>,
}

/// Returns the content of an image for one platform. Warnings are added to `warned`.
///
/// # Errors
/// A setting of targets.toml does not fit the content of the image.
pub(super) fn platform(
    image: &Image,
    placed: PlacedProgram,
    &Makings { config, origin, texts }: &Makings<'_>,
    warned: &mut BTreeSet<String>,
) -> Result<(PlatformDraft, PlatformSpec)> {
    let (bin, platform) = (&config.app.bin, &placed.platform);
    let program = &placed.program.stored.artifact.path;
    let mut labels = labels::labels(config, origin, placed.program.job());
    let base = placed.base.as_deref();
    let below = placed.below().cloned().unwrap_or_else(RootFs::new);
    let brings_zones = image.tzdata && (base.is_none() || below.file("usr/share/zoneinfo/UTC").is_none());
    let mut top = match base {
        None => oci::scratch_rootfs(&ScratchImage { bin, program, time_zones: brings_zones })?,
        Some(base) => {
            labels.extend(labels::of_base(base, placed.trimmed.is_some()));
            top(image, bin, program, &below, brings_zones)?
        }
    };
    if let Some(texts) = texts {
        let path = format!("{}/{bin}/{}", licenses::folder(bin), licenses::FILE);
        lay(&mut top, &below, &path, Node::disk(0o644, texts))?;
    }
    let mut whole = below.clone();
    for (path, node) in top.iter() {
        whole.put(path, node.clone())?;
    }
    let of_image = |misfit| located(misfit, image).found(format!("in image {} for {platform}", image.name));
    let runtime = runtime::runtime(&image.run, bin, &runtime::RuntimeDefaults::of(base), labels, &whole);
    let runtime = runtime.map_err(of_image)?;
    for (path, node) in runtime::folders(&runtime, &whole).map_err(of_image)? {
        lay(&mut top, &below, &path, node)?;
    }
    let mut layers = base.map(|base| layers(base, &placed, bin)).unwrap_or_default();
    let name = base.map_or("scratch", |base| base.name.as_str());
    let created_by = format!("xtask: {name} with /{bin}");
    layers.push(LayerSource::Tree(LayerSpec { rootfs: top.clone(), created_by }));
    warned.extend(runtime::unwritable(&runtime, &whole).into_iter().map(|said| {
        format!(
            "image {}: its user {} cannot write to a volume ({said}); engines create the volume with that owner and mode. To change it, set `user` or `volumes` of its [[image]]",
            image.name, runtime.user
        )
    }));
    warned.extend(missing_zone(&image.name, &runtime.env, &whole));
    let spec = PlatformSpec { platform: platform.clone(), layers, runtime };
    Ok((PlatformDraft { placed, ours: top, brings_zones }, spec))
}

/// Adds the place in targets.toml to an error, if there is one.
fn located(Misfit { key, mut error }: Misfit, image: &Image) -> Error {
    if let Some(place) = key.and_then(|key| image.places.get(key)) {
        error.what = format!("{place}: {}", error.what);
    }
    error
}

/// Returns the layers below ours: the base's own layers, or one layer with the part of the base that ships.
fn layers(base: &BaseImage, placed: &PlacedProgram, bin: &str) -> Vec<LayerSource> {
    match &placed.trimmed {
        None => base.layers.iter().cloned().map(LayerSource::Stored).collect(),
        Some(tree) => {
            let created_by = format!("xtask: what /{bin} needs of {}", base.name);
            vec![LayerSource::Tree(LayerSpec { rootfs: tree.clone(), created_by })]
        }
    }
}

/// Makes our layer on a base: the program, and the time zones if the image brings them.
fn top(image: &Image, bin: &str, program: &Path, below: &RootFs, brings_zones: bool) -> Result<RootFs> {
    let mut top = RootFs::new();
    if below.get(bin).is_some_and(|node| !matches!(node.kind, FileKind::File(_))) {
        return Err(Error::usage(format!("the program of image {} would replace /{bin}", image.name))
            .found("its base has a folder or a link there, whose content would be lost")
            .help(
                "give the program another name, in a [[bin]] of its package, and in `bin` of targets.toml",
            ));
    }
    lay(&mut top, below, bin, Node::disk(0o755, program))?;
    if brings_zones {
        for (name, data) in zones::all() {
            lay(&mut top, below, &format!("usr/share/zoneinfo/{name}"), Node::bytes(0o644, data))?;
        }
    }
    Ok(top)
}

/// Adds an entry to our layer. A parent folder that exists in the base gets the entry of the base. An entry
/// of our own would change its mode and owner.
fn lay(top: &mut RootFs, below: &RootFs, path: &str, node: Node) -> Result<()> {
    for (slash, _) in path.match_indices('/') {
        let above = &path[..slash];
        let there = below.get(above).filter(|node| node.kind == FileKind::Dir);
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
