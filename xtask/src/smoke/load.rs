//! `image --load`: loads packed images into the local engine, and prints the names under which they can be
//! run.

use std::path::Path;
use std::time::Duration;

use super::{ContainerEngine, extract, place};
use xtask_files::dist;
use xtask_files::error::{Error, Result};
use xtask_oci::document::Manifest;
use xtask_oci::pack::{tag, tags};
use xtask_oci::{Layout, PackedManifest, Saved};
use xtask_process::host::Host;
use xtask_triple::Platform;

/// How long loading one image may take.
const LOAD: Duration = Duration::from_secs(600);

/// Finds the engine to load into.
///
/// # Errors
/// No engine answers, the one that the user chose does not answer, or Docker's `config.json` is broken.
pub fn engine(host: &Host) -> Result<ContainerEngine> {
    let none = match ContainerEngine::find(host)? {
        Ok(engine) => return Ok(engine),
        Err(none) => none,
    };
    let in_dist = "without an engine, the images are in target/dist/images and target/dist/oci";
    let (what, help) = match &none.chosen {
        Some(chosen) => (
            format!("the container engine that you chose does not answer: {chosen}"),
            "start it, or choose another one; no other engine is used in its place",
        ),
        None => ("no container engine answers".to_owned(), "start Docker, or install podman"),
    };
    Err(none.reasons.iter().fold(Error::missing(what), Error::found).help(help).help(in_dist))
}

/// An image that was loaded into an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedImage {
    /// The name of the image for this machine, or of the first platform if there is none for this machine.
    pub name: String,
    /// All names that the engine now has for it, the first platform's first.
    pub all: Vec<String>,
}

/// An image to load.
#[derive(Debug, Clone, Copy)]
pub struct Loading<'a> {
    /// The name of the image.
    pub name: &'a str,
    /// The version, which is the first part of the image's tag.
    pub version: &'a str,
    /// The packed manifests of the image, one for each platform.
    pub manifests: &'a [&'a PackedManifest],
    /// `target/dist`, the folder that contains it.
    pub dist: &'a Path,
    /// A folder for files that are unpacked meanwhile.
    pub work: &'a Path,
}

/// Loads an image for all its platforms. Each platform is named `name:version-arch`, and the first one also
/// `name:version`.
///
/// # Errors
/// The engine rejects the image.
pub fn load(engine: &ContainerEngine, image: &Loading<'_>, host: &Host) -> Result<LoadedImage> {
    let plain = format!("{}:{}", image.name, tag(image.version));
    let platforms: Vec<&Platform> = image.manifests.iter().map(|m| &m.platform).collect();
    let named = |tags: Vec<String>| tags.iter().map(|tag| format!("{}:{tag}", image.name)).collect();
    let names: Vec<Vec<String>> = tags(image.version, &platforms).into_iter().map(named).collect();
    let own = host.triple.platform();
    let wanted = match platforms.iter().position(|platform| Some(*platform) == own.as_ref()) {
        None | Some(0) => plain.clone(),
        Some(at) => names[at][0].clone(),
    };
    let told = match engine.name {
        "podman" => by_platform(engine, image, &names)?,
        _ => told(engine, &dist::tar(image.dist, image.name))?,
    };
    let own_names = names.iter().map(|names| names[0].clone());
    let all: Vec<String> = std::iter::once(plain).chain(own_names).collect();
    Ok(heard(&told, &all, wanted))
}

/// Reads from an engine's output which of the possible names it has loaded. Pure.
fn heard(told: &str, names: &[String], wanted: String) -> LoadedImage {
    // podman adds `localhost/`. Old versions print several names in one line.
    let words = || told.split([' ', ',', '\n']).map(|word| word.rsplit('/').next().unwrap_or(word));
    let loaded = |name: &&String| words().any(|word| word == name.as_str());
    let all: Vec<String> = names.iter().filter(loaded).cloned().collect();
    match all.first() {
        // An engine that prints no names has the names of the tar.
        None => LoadedImage { all: names.to_vec(), name: wanted },
        // A store that keeps all platforms of an image together has one name for all of them.
        Some(first) if !all.contains(&wanted) => LoadedImage { name: first.clone(), all },
        Some(_) => LoadedImage { name: wanted, all },
    }
}

/// Loads one tar per platform: podman takes only one platform out of a tar with several.
fn by_platform(engine: &ContainerEngine, image: &Loading<'_>, names: &[Vec<String>]) -> Result<String> {
    let blobs = Layout::new(dist::layout(image.dist)).blobs();
    let mut all = String::new();
    for (packed, names) in image.manifests.iter().zip(names) {
        let manifest = blobs.read(&packed.digest)?;
        let manifest: Manifest = serde_json::from_slice(&manifest)
            .map_err(|e| Error::failed(format!("{} is not a manifest: {e}", packed.digest.as_str())))?;
        let saved = Saved::find(&dist::tar(image.dist, image.name), &manifest.config.digest)?;
        let folder = extract::ScratchFolder::new(image.work.join(format!(
            "{}-{}",
            image.name,
            place(&packed.platform)
        )))?;
        let tar = folder.path().join("image.tar");
        saved.write(names, &tar)?;
        all.push_str(&told(engine, &tar)?);
    }
    Ok(all)
}

fn told(engine: &ContainerEngine, tar: &Path) -> Result<String> {
    let cmd = engine.cmd().args(["load", "--input"]).arg(tar);
    let output = cmd.capture(LOAD)?;
    match output.ok() {
        true => Ok(output.text() + "\n"),
        false => {
            Err(Error::failed(format!("{} ended with {}", cmd.line(), output.end)).found(output.errors()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_say_what_they_loaded() {
        let names = ["a:1", "a:1-amd64", "a:1-arm64"].map(str::to_owned);
        let heard = |told: &str| {
            let LoadedImage { name, all } = heard(told, &names, "a:1-arm64".to_owned());
            (name, all.join(" "))
        };
        let both = |name: &str, all: &str| (name.to_owned(), all.to_owned());
        // Docker with its own store, Docker with containerd's store, and podman.
        let told = "Loaded image: a:1-amd64\nLoaded image: a:1\nLoaded image: a:1-arm64\n";
        assert_eq!(heard(told), both("a:1-arm64", "a:1 a:1-amd64 a:1-arm64"));
        assert_eq!(heard("Loaded image: a:1\n"), both("a:1", "a:1"));
        let told = "Loaded image: localhost/a:1-amd64\nLoaded image(s): localhost/a:1,localhost/a:1-arm64\n";
        assert_eq!(heard(told), both("a:1-arm64", "a:1 a:1-amd64 a:1-arm64"));
        assert_eq!(heard(""), both("a:1-arm64", "a:1 a:1-amd64 a:1-arm64"));
    }
}
