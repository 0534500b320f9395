//! The runners of images on this machine, in order: the engine that answers, then namespaces.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use super::engine::NoEngine;
use super::namespace::Namespaces;
use super::{
    Cannot, ContainerEngine, Emulator, PlatformStart, Ran, SmokeContext, SmokeRequest, Started, extract,
    judge, place, qemu,
};
use crate::outcome::{Objection, Smoke, small_stack};
use xtask_compilers::toolchain::identity::Fingerprint;
use xtask_files::Memo;
use xtask_files::dist;
use xtask_files::error::{Error, Result};
use xtask_oci::document::Manifest;
use xtask_oci::{Digest, Layout, Saved};
use xtask_process::exec::Output;

/// A remembered run that passed.
#[derive(Serialize, Deserialize)]
struct PassedRun {
    runner: String,
    manifest: Digest,
    objection: Option<Objection>,
}

/// The runners of images on this machine. Namespaces are tested when they are needed for the first time.
pub(super) struct Runners<'a> {
    engine: std::result::Result<ContainerEngine, NoEngine>,
    /// Set when the leftovers of killed runs are removed from the engine. This waits for the first image that
    /// is run: if all are known to have passed, the engine is not needed.
    swept: OnceLock<()>,
    namespaces: OnceLock<std::result::Result<Namespaces, String>>,
    site: &'a SmokeContext<'a>,
    memo: Memo,
}

impl<'a> Runners<'a> {
    /// # Errors
    /// As [`ContainerEngine::find`].
    pub(super) fn new(site: &'a SmokeContext<'a>) -> Result<Self> {
        let engine = ContainerEngine::find(site.host)?;
        let (swept, namespaces) = (OnceLock::new(), OnceLock::new());
        Ok(Self { engine, swept, namespaces, site, memo: Memo::new(site.memo) })
    }

    /// Runs one platform, unless it is known to have passed.
    pub(super) fn one(&self, task: &PlatformStart<'_>) -> Result<Ran> {
        let key = self.key(task);
        if let Some(PassedRun { runner, objection, .. }) = self.memo.get("smoke", &key) {
            return Ok(Ran { runner: Some(runner), smoke: Smoke::Passed, objection });
        }
        let ran = self.run(task)?;
        // An image that the engine rejected is tried again in the next run: the engine may have been at
        // fault, and `--strict` counts the rejection.
        let refused = ran.objection.as_ref().is_some_and(|objection| objection.refused);
        if let (Smoke::Passed, Some(runner), false) = (&ran.smoke, &ran.runner, refused) {
            let blobs = Layout::new(dist::layout(self.site.dist)).blobs();
            self.memo.retain("smoke", |known: &PassedRun| blobs.path(&known.manifest).is_file());
            let manifest = task.manifest.clone();
            let known = PassedRun { runner: runner.clone(), manifest, objection: ran.objection.clone() };
            self.memo.put("smoke", &key, &known);
        }
        Ok(ran)
    }

    /// Returns the key of a passed run: the image, the arguments, the expected result, and the runner.
    fn key(&self, task: &PlatformStart<'_>) -> String {
        let mut key = Fingerprint::new("smoke 3").with(task.manifest.as_str());
        for arg in task.args {
            key = key.with(arg);
        }
        key = key.with(format!("{} {:?}", task.expect.exit, task.expect.stdout));
        match &self.engine {
            Ok(engine) => key = key.with(engine.name).with(&engine.version).with_stat(&engine.program),
            Err(none) => {
                key = none.chosen.iter().fold(key, |key, chosen| key.with(chosen));
                for tool in ["bwrap", "unshare"].iter().filter_map(|name| self.site.host.program(name)) {
                    key = key.with_stat(&tool);
                }
            }
        }
        key.short()
    }

    fn run(&self, task: &PlatformStart<'_>) -> Result<Ran> {
        let layout = Layout::new(dist::layout(self.site.dist));
        let manifest = layout.blobs().read(task.manifest)?;
        let manifest: Manifest = serde_json::from_slice(&manifest).map_err(|e| {
            Error::failed(format!("{} is not a manifest", task.manifest.as_str())).found(e.to_string())
        })?;
        let image = Saved::find(task.tar, &manifest.config.digest)?;
        let folder = self.site.work.join(format!("{}-{}", task.image, place(task.platform)));
        let folder = extract::ScratchFolder::new(folder)?;

        let emulator = qemu::find(task.target, self.site.host);
        let request = SmokeRequest {
            image: &image,
            platform: task.platform,
            foreign: !matches!(emulator, Ok(None)),
            args: task.args,
            folder: folder.path(),
            wanted: task.expect.stdout.as_deref(),
            limit: self.site.limit,
        };
        let (mut reasons, mut blamed) = (Vec::new(), None);
        let objection;
        match &self.engine {
            Err(none) => {
                reasons.extend(none.reasons.iter().cloned());
                objection = none.refusal().map(|said| Objection { said, refused: false });
            }
            Ok(engine) => match self.swept(engine).run(&request)? {
                Ok((output, line)) => {
                    let (runner, smoke) = (Some(engine.name.into()), verdict(&output, task, &line));
                    return Ok(Ran { runner, smoke, objection: None });
                }
                Err(cannot) => {
                    let refused = !matches!(cannot, Cannot::Foreign(_));
                    let image = matches!(cannot, Cannot::Image(_));
                    let words = cannot.words();
                    let named = words.starts_with(&format!("{}: ", engine.name));
                    let said = if named { words.clone() } else { format!("{}: {words}", engine.name) };
                    blamed = image.then_some((engine.name, words));
                    reasons.push(said.clone());
                    objection = Some(Objection { said, refused });
                }
            },
        }
        let (runner, smoke) = match (self.in_namespaces(&request, emulator)?, blamed) {
            (Ok((output, line, runner)), _) => {
                let smoke = verdict(&output, task, &line);
                return Ok(Ran { runner: Some(runner), smoke, objection });
            }
            // If the engine says that the image is at fault and nothing else can run it, the engine's message
            // is the result.
            (Err(_), Some((name, said))) => (Some(name.into()), Smoke::Failed(said)),
            (Err(Cannot::Image(said)), None) => (None, Smoke::Failed(said)),
            (Err(other), None) => {
                reasons.push(other.words());
                (None, Smoke::Skipped(reasons.join("; ")))
            }
        };
        Ok(Ran { runner, smoke, objection: None })
    }

    fn swept<'e>(&self, engine: &'e ContainerEngine) -> &'e ContainerEngine {
        self.swept.get_or_init(|| {
            let left = engine.sweep();
            if !left.is_empty() {
                let what = format!("{} from {}, of a run that was killed", left.join(", "), engine.name);
                self.site.ui.step("Removed", what);
            }
        });
        engine
    }

    /// Runs an image without an engine.
    fn in_namespaces(
        &self,
        request: &SmokeRequest<'_>,
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

fn verdict(output: &Output, task: &PlatformStart<'_>, line: &str) -> Smoke {
    let Some(said) = judge(output, task.expect, line) else { return Smoke::Passed };
    let help = match output.end.is_ours() {
        true => "set `smoke` of [[image]] to arguments with which it exits by itself".to_owned(),
        false => small_stack(task.target, task.stack, output.end).unwrap_or_else(|| {
            "`smoke` of [[image]] sets its arguments, `expect` its exit code and its output".to_owned()
        }),
    };
    Smoke::Failed(format!("{said}\nhelp: {help}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use xtask_config::ImageSmoke;
    use xtask_process::exec::ProcessEnd;
    use xtask_triple::{Platform, Triple};

    #[test]
    fn an_image_that_dies_of_a_small_stack_says_so() {
        let target = Triple::parse("x86_64-unknown-linux-musl");
        let platform: Platform = target.platform().unwrap();
        let expect = ImageSmoke { args: None, exit: 0, stdout: None };
        let digest = Digest::of(b"");
        let said = |code, stack| {
            let task = PlatformStart {
                image: "app",
                tar: Path::new("app.tar"),
                platform: &platform,
                target: &target,
                manifest: &digest,
                args: &[],
                expect: &expect,
                stack,
            };
            let end = ProcessEnd::Code(code);
            let output = Output { end, stdout: Vec::new(), stderr: Vec::new(), found: false, seconds: 0.0 };
            match verdict(&output, &task, "docker run app") {
                Smoke::Failed(said) => said,
                other => panic!("{other:?}"),
            }
        };
        assert!(said(139, Some(0)).contains("stack of 128 KiB on musl"));
        for (code, stack) in [(1, Some(0)), (139, Some(16 << 20)), (139, None)] {
            assert!(said(code, stack).contains("`expect` its exit code"), "{code} {stack:?}");
        }
    }
}
