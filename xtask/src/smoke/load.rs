//! `image --load`: puts packed images into the local engine, and says by which name to run them.

use std::path::Path;
use std::time::Duration;

use super::{Engine, extract, place};
use crate::error::{Error, Result};
use crate::host::Host;
use crate::oci::document::Manifest;
use crate::oci::pack::{tag, tags};
use crate::oci::{Layout, PackedImage, Saved};
use crate::triple::Platform;

/// How long loading one image may take.
const LOAD: Duration = Duration::from_secs(600);

/// The engine to load into.
///
/// # Errors
/// None answers.
pub fn engine(host: &Host) -> Result<Engine> {
    Engine::find(host).map_err(|reasons| {
        reasons.iter().fold(Error::missing("no container engine answers"), |error, reason| error.found(reason)).help(
            "start Docker, or install podman; without one, the images are in target/dist/images and target/dist/oci",
        )
    })
}

/// Loads an image for all its platforms, each as `name:version-arch`, and the first as `name:version` too. Gives back the
/// name of the one for this machine; the first platform's where there is none.
///
/// # Errors
/// The engine refuses.
pub fn load(
    engine: &Engine,
    image: &PackedImage,
    version: &str,
    host: &Host,
    dist: &Path,
    work: &Path,
) -> Result<String> {
    let plain = format!("{}:{}", image.name, tag(version));
    let own = host.triple.platform();
    let own = image.manifests.iter().position(|m| Some(&m.platform) == own.as_ref());
    let platforms: Vec<&Platform> = image.manifests.iter().map(|m| &m.platform).collect();
    let wanted = match own {
        None | Some(0) => plain.clone(),
        Some(at) => format!("{}:{}", image.name, tags(version, &platforms)[at][0]),
    };
    let told = match engine.name {
        "podman" => by_platform(engine, image, &plain, dist, work)?,
        _ => told(engine, &image.tar)?,
    };
    let loaded = |name: &str| told.lines().any(|line| line.ends_with(&format!(": {name}")));
    // A store that keeps an image's platforms together has one name for all of them.
    Ok(if loaded(&wanted) || !loaded(&plain) { wanted } else { plain })
}

/// podman takes one platform out of a tar that has several; so it gets one tar for each.
fn by_platform(
    engine: &Engine,
    image: &PackedImage,
    plain: &str,
    dist: &Path,
    work: &Path,
) -> Result<String> {
    let blobs = Layout::new(dist.join("oci")).blobs();
    let mut all = String::new();
    let (name, version) = plain.rsplit_once(':').unwrap_or((plain, ""));
    let platforms: Vec<&Platform> = image.manifests.iter().map(|packed| &packed.platform).collect();
    for (packed, tags) in image.manifests.iter().zip(tags(version, &platforms)) {
        let manifest = blobs.read(&packed.digest)?;
        let manifest: Manifest = serde_json::from_slice(&manifest)
            .map_err(|e| Error::failed(format!("{} is no manifest: {e}", packed.digest.as_str())))?;
        let saved = Saved::find(&image.tar, &manifest.config.digest)?;
        let names: Vec<String> = tags.iter().map(|tag| format!("{name}:{tag}")).collect();
        let folder = extract::Scratch::new(work.join(format!("{}-{}", image.name, place(&packed.platform))))?;
        let tar = folder.path().join("image.tar");
        saved.write(&names, &tar)?;
        all.push_str(&told(engine, &tar)?);
    }
    Ok(all)
}

fn told(engine: &Engine, tar: &Path) -> Result<String> {
    let cmd = engine.cmd().args(["load", "--input"]).arg(tar);
    let output = cmd.capture(LOAD)?;
    match output.ok() {
        true => Ok(output.text() + "\n"),
        false => {
            Err(Error::failed(format!("{} ended with {}", cmd.line(), output.end)).found(output.errors()))
        }
    }
}
