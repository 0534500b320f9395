//! The smoke run of images. Each platform of each image is started once, exactly as it was packed, read-only,
//! without a network and as its own user. Docker or podman runs it if one answers. Otherwise it runs in
//! namespaces, with qemu for other architectures.

use std::path::Path;
use std::time::Duration;

use crate::outcome::{Objection, SMOKE_MOST, Smoke, side_by_side};
use xtask_config::ImageSmoke;
use xtask_files::counted;
use xtask_files::error::Result;
use xtask_oci::{Digest, Saved};
use xtask_process::exec::{Capture, Output};
use xtask_process::host::Host;
use xtask_process::ui::Ui;
use xtask_triple::{Platform, Triple};

mod blame;
mod chosen;
mod engine;
mod expect;
mod extract;
pub mod load;
mod mark;
pub mod namespace;
mod proven;
mod qemu;
mod runners;

pub use chosen::{EngineChoice, chosen};
pub use engine::{ContainerEngine, NoEngine};
pub use expect::judge;
pub use proven::{Unstarted, refuse};
pub use qemu::Emulator;

use runners::Runners;

/// How long a container may run, including its start, before it is ended.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Why a runner could not run an image. A program that fails in its image is not such a reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cannot {
    /// The engine did not accept or start the image. Only this message of the engine shows what is at fault,
    /// and another runner may succeed.
    Engine(String),
    /// The engine says that the image is at fault; its message.
    Image(String),
    /// The kernel does not run programs of this architecture.
    Foreign(String),
    /// There is no way to make namespaces.
    Namespaces(String),
}

impl Cannot {
    fn words(self) -> String {
        let (Self::Engine(why) | Self::Image(why) | Self::Foreign(why) | Self::Namespaces(why)) = self;
        why
    }
}

/// The result of the smoke run of one platform of one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// The tool that ran it: `docker`, `podman`, `unshare`, `bwrap`. The last two may be followed by `+qemu`.
    pub runner: Option<String>,
    /// The result of the smoke run.
    pub smoke: Smoke,
    /// Why the answering engine did not run it. Users of the image will use such an engine.
    pub objection: Option<Objection>,
}

/// A request to run one image.
#[derive(Debug, Clone, Copy)]
pub struct SmokeRequest<'a> {
    /// The image whose program is started.
    pub image: &'a Saved,
    /// The platform that the image is for.
    pub platform: &'a Platform,
    /// Whether the image needs an emulator, because this machine's processor cannot run it.
    pub foreign: bool,
    /// Arguments after the entrypoint.
    pub args: &'a [String],
    /// The text to look for in the output of the program.
    pub wanted: Option<&'a str>,
    /// A folder for the files of the run.
    pub folder: &'a Path,
    /// How long the run may take.
    pub limit: Duration,
}

impl SmokeRequest<'_> {
    /// Returns the limits of the run and the text to look for.
    fn capture(&self) -> Capture<'_> {
        Capture::within(self.limit).at_most(SMOKE_MOST).finding(self.wanted)
    }
}

/// The output of a program, the line that shows what was run, and the name of the runner. Or the reason why
/// nothing was run.
type Started = std::result::Result<(Output, String, String), Cannot>;

/// The context in which images are run.
#[derive(Debug, Clone, Copy)]
pub struct SmokeContext<'a> {
    /// `target/dist`, the folder of the images.
    pub dist: &'a Path,
    /// A folder in which a run unpacks files. No other run uses it meanwhile.
    pub work: &'a Path,
    /// The folder in which passed runs are remembered.
    pub memo: &'a Path,
    /// How long a run may take: [`LIMIT`].
    pub limit: Duration,
    /// The environment of this machine.
    pub host: &'a Host,
    /// The printer that shows progress and warnings.
    pub ui: &'a Ui,
}

/// One platform of an image that has to be started.
#[derive(Debug, Clone, Copy)]
pub struct PlatformStart<'a> {
    /// The name of the image.
    pub image: &'a str,
    /// The path of the image's tar.
    pub tar: &'a Path,
    /// The platform of the image that is started.
    pub platform: &'a Platform,
    /// The target of its program.
    pub target: &'a Triple,
    /// The digest of its manifest in the layout.
    pub manifest: &'a Digest,
    /// Arguments after the entrypoint.
    pub args: &'a [String],
    /// The result that targets.toml expects of the smoke run.
    pub expect: &'a ImageSmoke,
    /// The stack size that the program asks for, in bytes; none if it is not known.
    pub stack: Option<u64>,
}

/// Images, each with a list of its platforms.
pub type Grouped<I, P> = Vec<(I, Vec<P>)>;

/// Runs all platforms of all images in parallel. A platform that is known to have passed on this machine,
/// unchanged, is not run again. The result has each platform with its outcome. `start` describes how to start
/// a platform. The caller holds the lock of the output folder, as every holder of staged images does.
///
/// # Errors
/// An image cannot be read back or unpacked. An image that fails is in [`Ran::smoke`].
pub fn images<I: Send + Sync, P: Send + Sync>(
    images: Grouped<I, P>,
    start: impl for<'a> Fn(&'a I, &'a P) -> PlatformStart<'a> + Sync,
    site: &SmokeContext<'_>,
) -> Result<Grouped<I, (P, Ran)>> {
    let titles = images.iter().flat_map(|(image, platforms)| {
        let start = &start;
        platforms.iter().map(move |platform| start(image, platform).title())
    });
    let shown: Vec<String> = titles.collect();
    if !shown.is_empty() {
        // Killed runs may have left files. The caller holds the lock of the workspace.
        extract::remove(site.work);
    }
    let runners = Runners::new(site)?;
    let task = (!shown.is_empty()).then(|| site.ui.task("Starting", counted(images.len() as u64, "image")));
    task.iter().for_each(|task| task.parts(shown.len(), "platform"));
    let ran = side_by_side(images, |(image, platforms)| {
        let platforms = side_by_side(platforms, |platform| {
            let asked = start(&image, &platform);
            let _doing = task.as_ref().map(|task| task.doing(asked.title()));
            let ran = runners.one(&asked)?;
            Ok((platform, ran))
        })?;
        Ok((image, platforms))
    });
    drop(task);
    if !shown.is_empty() {
        extract::remove(site.work);
    }
    let ran = ran?;
    for (image, platforms) in &ran {
        for (platform, ran) in platforms {
            say(&start(image, platform), ran, site.ui);
        }
    }
    Ok(ran)
}

fn say(start: &PlatformStart<'_>, ran: &Ran, ui: &Ui) {
    let what = start.title();
    if let (Some(Objection { said, .. }), Some(runner)) = (&ran.objection, &ran.runner) {
        ui.warn(format!("image {what} was started with {runner}, because {said}"));
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

impl PlatformStart<'_> {
    /// Returns the title for messages, such as `app on linux/arm64/v8`.
    fn title(&self) -> String {
        format!("{} on {}", self.image, self.platform)
    }
}

/// Returns a platform as a part of a path: `linux-arm64-v8`.
fn place(platform: &Platform) -> String {
    platform.to_string().replace('/', "-")
}
