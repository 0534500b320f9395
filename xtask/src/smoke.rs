//! The smoke run of images: each platform of each image is started once, exactly as it was packed, read-only, without a
//! network and as its own user. By Docker or podman where one answers, else in namespaces of its own, with qemu for
//! other architectures.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::verify::{SMOKE_MOST, Smoke};
use xtask_config::{Config, ImageSmoke};
use xtask_files::error::{Error, Result};
use xtask_oci::{PackedImage, PackedManifest, Saved};
use xtask_process::exec::{Capture, Output};
use xtask_process::host::Host;
use xtask_process::ui::Ui;
use xtask_triple::{Platform, Triple};

mod blame;
mod engine;
mod expect;
mod extract;
pub mod load;
mod mark;
pub mod namespace;
mod proven;
mod qemu;
mod runners;

pub use engine::Engine;
pub use expect::judge;
pub use proven::{Proven, commit};
pub use qemu::Emulator;

use runners::Runners;

/// How long a container may run, its start included; then it is ended.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Why something could not run an image. What the image itself is to blame for is no reason of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cannot {
    /// The engine's own words where it did not take or start the image, and whose fault that is, they alone tell; the next
    /// may do better.
    Engine(String),
    /// The engine's own words about the image, which it could not start.
    Image(String),
    /// The kernel does not run programs of this architecture.
    Foreign(String),
    /// No way into namespaces of its own.
    Namespaces(String),
}

impl Cannot {
    fn words(self) -> String {
        let (Self::Engine(why) | Self::Image(why) | Self::Foreign(why) | Self::Namespaces(why)) = self;
        why
    }
}

/// What came of one platform of one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// The image's name.
    pub image: String,
    /// The platform.
    pub platform: Platform,
    /// What ran it: `docker`, `podman`, `unshare`, `bwrap`, the last two also with `+qemu`.
    pub runner: Option<String>,
    /// How it went.
    pub smoke: Smoke,
    /// Why something else ran it than the engine that answers, which is what its users will have.
    pub objection: Option<Objection>,
}

/// What the engine that answers says to an image that something else ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objection {
    /// Its name and its words.
    pub said: String,
    /// It is not for want of an emulator: its users will meet it, so this is no proof where every proof is wanted.
    pub refused: bool,
}

/// A run of one image.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The image.
    pub image: &'a Saved,
    /// What it is for.
    pub platform: &'a Platform,
    /// This machine's processor does not run it.
    pub foreign: bool,
    /// Arguments after the entrypoint.
    pub args: &'a [String],
    /// Text to look for in all that it prints.
    pub wanted: Option<&'a str>,
    /// A folder for what the run needs on disk.
    pub folder: &'a Path,
    /// How long it may take.
    pub limit: Duration,
}

impl Request<'_> {
    /// Within which bounds the program is run, and what is looked for.
    fn capture(&self) -> Capture<'_> {
        Capture::within(self.limit).at_most(SMOKE_MOST).finding(self.wanted)
    }
}

/// What a program printed, the line that says what was run, and the name of what ran it; or why nothing was run.
type Started = std::result::Result<(Output, String, String), Cannot>;

/// Where images are run.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// target/dist, where the images are.
    pub dist: &'a Path,
    /// A folder for what a run unpacks. Nobody else uses it meanwhile.
    pub work: &'a Path,
    /// Where passed runs are remembered.
    pub memo: &'a Path,
    /// How long a run may take: [`LIMIT`].
    pub limit: Duration,
    /// This machine.
    pub host: &'a Host,
    /// The printer.
    pub ui: &'a Ui,
}

/// One platform to run.
struct Task<'a> {
    image: &'a PackedImage,
    manifest: &'a PackedManifest,
    target: &'a Triple,
    args: &'a [String],
    expect: &'a ImageSmoke,
}

/// Runs all platforms of all images, side by side; those that are known to have passed, as they are and here, not again.
/// The caller holds the lock of the output folder, as whoever has staged images does.
///
/// # Errors
/// An image cannot be read back or unpacked. An image that fails is in [`Ran::smoke`].
pub fn images(packed: &[PackedImage], config: &Config, site: &Site<'_>) -> Result<Vec<Ran>> {
    let tasks: Vec<Task<'_>> = packed.iter().flat_map(|image| tasks(image, config)).collect();
    if tasks.is_empty() {
        return Ok(Vec::new());
    }
    // Runs that were killed left theirs; the caller holds the lock of the workspace.
    extract::remove(site.work);
    let runners = Runners::new(site);
    let shown: Vec<String> =
        tasks.iter().map(|t| format!("{} on {}", t.image.name, t.manifest.platform)).collect();
    let task = site.ui.task("Starting", shown.join(", "));
    let ran: Vec<Result<Ran>> = std::thread::scope(|scope| {
        let threads: Vec<_> = tasks.iter().map(|task| scope.spawn(|| runners.one(task))).collect();
        let early = |_| Err(Error::failed("a smoke run ended unexpectedly"));
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(early)).collect()
    });
    drop(task);
    extract::remove(site.work);
    let ran = ran.into_iter().collect::<Result<Vec<_>>>()?;
    for one in &ran {
        say(one, site.ui);
    }
    Ok(ran)
}

fn say(ran: &Ran, ui: &Ui) {
    let what = format!("{} on {}", ran.image, ran.platform);
    if let (Some(Objection { said, .. }), Some(runner)) = (&ran.objection, &ran.runner) {
        ui.warn(format!("image {what} was run by {runner}, since {said}"));
    }
    match (&ran.smoke, &ran.runner) {
        (Smoke::Passed, Some(runner)) => ui.step("Ran", format!("{what} by {runner}")),
        (Smoke::Passed, None) => ui.step("Ran", what),
        (Smoke::Failed(said), _) => {
            ui.raw(&format!("error: image {what} does not run\n  {}", said.replace('\n', "\n  ")));
        }
        (Smoke::Skipped(why), _) => ui.warn(format!("image {what} was not run: {why}")),
    }
}

fn tasks<'a>(image: &'a PackedImage, config: &'a Config) -> Vec<Task<'a>> {
    let Some(of) = config.images.iter().find(|i| i.name == image.name) else { return Vec::new() };
    let task = |manifest: &'a PackedManifest| {
        let target = &of.targets.iter().find(|target| target.platform == manifest.platform)?.triple;
        let args = of.smoke.args.as_ref().unwrap_or(&config.app.smoke);
        Some(Task { image, manifest, target, args, expect: &of.smoke })
    };
    image.manifests.iter().filter_map(task).collect()
}

/// A platform as a part of a path: `linux-arm64-v8`.
fn place(platform: &Platform) -> String {
    platform.to_string().replace('/', "-")
}
