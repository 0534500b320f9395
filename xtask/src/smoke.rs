//! The smoke run of images: each platform of each image is started once, exactly as it was packed, read-only, without a
//! network and as its own user. By Docker or podman where one answers, else in namespaces of its own, with qemu for
//! other architectures.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::{Config, Image, ImageSmoke};
use crate::error::{Error, Result};
use crate::exec::{End, Output};
use crate::host::Host;
use crate::oci::document::Manifest;
use crate::oci::{Digest, Layout, Memo, PackedImage, PackedManifest, Saved};
use crate::toolchain::identity::Fingerprint;
use crate::triple::{Platform, Triple};
use crate::ui::Ui;
use crate::verify::Smoke;

mod engine;
mod expect;
mod extract;
pub mod load;
pub mod namespace;
mod proven;
mod qemu;

pub use engine::Engine;
pub use expect::judge;
pub use proven::{Proven, commit};
pub use qemu::Emulator;

use namespace::Namespaces;

/// How long a container may run, its start included; then it is ended.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Why something could not run an image. What the image itself is to blame for is no reason of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cannot {
    /// The engine's own words about itself; the next may do better.
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
    /// A folder for what the run needs on disk.
    pub folder: &'a Path,
    /// How long it may take.
    pub limit: Duration,
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

/// A run that passed, remembered.
#[derive(Serialize, Deserialize)]
struct Known {
    runner: String,
    manifest: Digest,
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
/// An image cannot be read back, or a tool cannot be started. An image that fails is in [`Ran::smoke`].
pub fn images(packed: &[PackedImage], config: &Config, site: &Site<'_>) -> Result<Vec<Ran>> {
    let tasks: Vec<Task<'_>> = packed.iter().flat_map(|image| tasks(image, config)).collect();
    if tasks.is_empty() {
        return Ok(Vec::new());
    }
    // Runs that were killed left theirs; the caller holds the lock of the workspace.
    extract::remove(site.work);
    let engine = Engine::find(site.host);
    let runners = Runners { engine, namespaces: OnceLock::new(), site, memo: Memo::new(site.memo) };
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
        let target = target(of, &manifest.platform)?;
        let args = of.smoke.args.as_ref().unwrap_or(&config.app.smoke);
        Some(Task { image, manifest, target, args, expect: &of.smoke })
    };
    image.manifests.iter().filter_map(task).collect()
}

fn target<'a>(image: &'a Image, platform: &Platform) -> Option<&'a Triple> {
    image.targets.iter().find(|target| target.platform().as_ref() == Some(platform))
}

/// What can run images here. Namespaces are tried where they are needed for the first time.
struct Runners<'a> {
    engine: std::result::Result<Engine, Vec<String>>,
    namespaces: OnceLock<std::result::Result<Namespaces, String>>,
    site: &'a Site<'a>,
    memo: Memo,
}

impl Runners<'_> {
    fn one(&self, task: &Task<'_>) -> Result<Ran> {
        let ran = |runner: Option<String>, smoke| Ran {
            image: task.image.name.clone(),
            platform: task.manifest.platform.clone(),
            runner,
            smoke,
        };
        let key = self.key(task);
        if let Some(known) = self.memo.get::<Known>("smoke", &key) {
            return Ok(ran(Some(known.runner), Smoke::Passed));
        }
        let (runner, smoke) = self.run(task)?;
        if let (Smoke::Passed, Some(runner)) = (&smoke, &runner) {
            let blobs = Layout::new(self.site.dist.join("oci")).blobs();
            self.memo.retain("smoke", |known: &Known| blobs.path(&known.manifest).is_file());
            let known = Known { runner: runner.clone(), manifest: task.manifest.digest.clone() };
            self.memo.put("smoke", &key, &known);
        }
        Ok(ran(runner, smoke))
    }

    /// Everything that a passed run depends on: the image, what was asked and expected, and what would run it.
    fn key(&self, task: &Task<'_>) -> String {
        let mut key = Fingerprint::new("smoke 2").with(task.manifest.digest.as_str());
        for arg in task.args {
            key = key.with(arg);
        }
        key = key.with(format!("{} {:?}", task.expect.exit, task.expect.stdout));
        match &self.engine {
            Ok(engine) => key = key.with(engine.name).with(&engine.version).with_stat(&engine.program),
            Err(_) => {
                for tool in ["bwrap", "unshare"].iter().filter_map(|name| self.site.host.program(name)) {
                    key = key.with_stat(&tool);
                }
            }
        }
        key.short()
    }

    fn run(&self, task: &Task<'_>) -> Result<(Option<String>, Smoke)> {
        let layout = Layout::new(self.site.dist.join("oci"));
        let manifest = layout.blobs().read(&task.manifest.digest)?;
        let manifest: Manifest = serde_json::from_slice(&manifest).map_err(|e| {
            Error::failed(format!("{} is no manifest", task.manifest.digest.as_str())).found(e.to_string())
        })?;
        let image = Saved::find(&task.image.tar, &manifest.config.digest)?;
        let folder = self.site.work.join(format!("{}-{}", task.image.name, place(&task.manifest.platform)));
        let folder = extract::Scratch::new(folder)?;

        let emulator = qemu::find(task.target, self.site.host);
        let request = Request {
            image: &image,
            platform: &task.manifest.platform,
            foreign: !matches!(emulator, Ok(None)),
            args: task.args,
            folder: folder.path(),
            limit: self.site.limit,
        };
        let (mut reasons, mut blamed) = (Vec::new(), None);
        match &self.engine {
            Err(why) => reasons.extend(why.iter().cloned()),
            Ok(engine) => match engine.run(&request)? {
                Ok((output, line)) => return Ok((Some(engine.name.into()), verdict(&output, task, &line))),
                Err(Cannot::Image(said)) => blamed = Some((engine.name, said)),
                Err(other) => reasons.push(format!("{}: {}", engine.name, other.words())),
            },
        }
        Ok(match (self.in_namespaces(&request, emulator)?, blamed) {
            (Ok((output, line, runner)), blamed) => {
                // An engine that answers and does not run the image is what its users will meet.
                let said = blamed.map(|(name, said)| format!("{name}: {said}"));
                for said in said.iter().chain(reasons.iter().filter(|_| self.engine.is_ok())) {
                    let (image, platform) = (&task.image.name, &task.manifest.platform);
                    self.site
                        .ui
                        .warn(format!("image {image} on {platform} was run by {runner}, since {said}"));
                }
                (Some(runner), verdict(&output, task, &line))
            }
            // What an engine says against an image has the last word where nothing else can run it.
            (Err(_), Some((name, said))) => (Some(name.into()), Smoke::Failed(said)),
            (Err(Cannot::Image(said)), None) => (None, Smoke::Failed(said)),
            (Err(other), None) => {
                reasons.push(other.words());
                (None, Smoke::Skipped(reasons.join("; ")))
            }
        })
    }

    /// A run without an engine.
    fn in_namespaces(
        &self,
        request: &Request<'_>,
        emulator: std::result::Result<Option<Emulator>, String>,
    ) -> Result<Started> {
        let emulator = match emulator {
            Ok(emulator) => emulator,
            Err(why) => return Ok(Err(Cannot::Foreign(why))),
        };
        let found = self.namespaces.get_or_init(|| {
            Namespaces::find(self.site.host, self.site.work).map_err(|error| error.to_string())
        });
        match found {
            Ok(namespaces) => namespaces.run(request, emulator.as_ref()),
            Err(why) => Ok(Err(Cannot::Namespaces(why.clone()))),
        }
    }
}

fn verdict(output: &Output, task: &Task<'_>, line: &str) -> Smoke {
    match judge(output, task.expect, line) {
        None => Smoke::Passed,
        Some(said) if matches!(output.end, End::TimedOut(_)) => Smoke::Failed(format!(
            "{said}\nhelp: `smoke` of [[image]] names arguments with which it ends by itself"
        )),
        Some(said) => Smoke::Failed(said),
    }
}

/// A platform as a part of a path: `linux-arm64-v8`.
fn place(platform: &Platform) -> String {
    platform.to_string().replace('/', "-")
}
