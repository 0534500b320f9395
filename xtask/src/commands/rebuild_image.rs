//! `cargo xtask verify REFERENCE --rebuild`: makes a published image again from the commit that its provenance records, and
//! compares the digests. The sources are a clone of that commit in the user's cache, and the release in it is a run of this
//! program, so that nothing of the checkout or of its target folder has a part in the result.

use std::path::{Path, PathBuf};

use xtask_attest::Statement;
use xtask_config::KeySource;
use xtask_config::cargo_config::WrapperKind;
use xtask_files::dist;
use xtask_files::error::{Error, Result};
use xtask_oci::Digest;
use xtask_process::exec::{Cmd, ProcessEnd, Stream, Undo};
use xtask_process::ui::CiService;
use xtask_registry::Reference;
use xtask_report::report::Report;
use xtask_triple::Triple;

use crate::cli::Common;
use crate::provenance::recorded::{RecordedRelease, input_differences};
use crate::provenance::{StatementKind, types, write};
use crate::published_image::{self, ImageCheckStatus, ImageVerdict, VerifiedSubject, VerifyContext};
use crate::rebuild::{checkout, compare};
use crate::session::Session;

/// How many of the last lines of a failed release are shown.
const LAST_LINES: usize = 30;
/// What a second release must state as the first did, beside the digests.
const COMPARED: [(StatementKind, &str); 3] = [
    (StatementKind::CycloneDx, "bill of materials"),
    (StatementKind::Gate, "gate statement"),
    (StatementKind::Purity, "purity statement"),
];

/// What the second build takes from the command and from the verification.
pub(super) struct ImageRebuild<'a> {
    pub(super) session: &'a Session,
    pub(super) common: &'a Common,
    pub(super) reference: &'a Reference,
    pub(super) context: &'a VerifyContext<'a>,
    /// Whether the release may install what it needs.
    pub(super) setup: bool,
    /// The private key that signs afterwards. Build scripts do not get its variable.
    pub(super) sign: Option<&'a KeySource>,
}

impl ImageRebuild<'_> {
    /// Makes the image again, and adds what came of it to the verdict.
    ///
    /// # Errors
    /// The provenance does not say how, the commit or a tool is not here, or the release fails.
    pub(super) fn run(&self, verdict: &mut ImageVerdict) -> Result<()> {
        let stated = verdict.subjects.first().and_then(|subject| subject.predicate(types::SLSA));
        let stated = stated.ok_or_else(|| {
            Error::failed(format!("{} cannot be built again", self.reference))
                .found("the key signed no provenance for it")
                .help("publish it with statements: cargo xtask publish --key KEY")
        })?;
        let release = RecordedRelease::read(stated)?;
        let folder = self.session.cache.join("rebuild").join(std::process::id().to_string());
        // As large as the repository and a release of it, and of no use afterwards, however this ends.
        let _gone = Undo::removing(&folder);
        let root = self.checked_out(&release, &folder.join("source"))?;
        self.check_files(&release, &root)?;
        let target = folder.join("target");
        self.released(&release, &root, &target)?;
        let second = SecondRelease { dist: target.join("dist"), release: &release };
        for subject in verdict.subjects.clone() {
            self.compare(&subject, &second, verdict)?;
        }
        Ok(())
    }

    /// Clones the commit. Returns the folder of the workspace in the clone.
    fn checked_out(&self, release: &RecordedRelease, into: &Path) -> Result<PathBuf> {
        let (root, commit) = (&self.session.workspace.root, &release.commit);
        checkout::top(root).map_err(|error| {
            error.help("run the command in a clone of the repository that the image was released from")
        })?;
        if checkout::commit(root, commit).is_err() {
            return Err(Error::missing(format!(
                "this checkout does not have the commit of the image, {commit}"
            ))
            .help(format!("fetch it: git fetch origin {commit}"))
            .help("or run the command in a clone of the repository that the image was released from"));
        }
        let _task = self.session.ui.task("Cloning", format!("the sources at commit {commit:.12}"));
        checkout::clone_at(root, commit, into)
    }

    /// Checks that the clone has the locks and the targets.toml that the provenance names.
    fn check_files(&self, release: &RecordedRelease, root: &Path) -> Result<()> {
        let mut wrong = Vec::new();
        for (name, recorded) in &release.files {
            let path = match (name.as_str(), &self.common.config) {
                ("targets.toml", Some(_)) => self.config(root),
                _ => root.join(name),
            };
            match xtask_files::read(&path).map(|bytes| Digest::of(&bytes)) {
                Ok(found) if found == *recorded => {}
                Ok(found) => wrong.push(format!("{name}: recorded {recorded}; in the commit {found}")),
                Err(error) => wrong.push(format!("{name}: recorded {recorded}; in the commit: {error}")),
            }
        }
        if wrong.is_empty() {
            return Ok(());
        }
        let what = format!("commit {} does not have the files that the image was made with", release.commit);
        Err(wrong
            .into_iter()
            .fold(Error::failed(what), Error::found)
            .help(
                "the commit does not contain files that git ignores: commit them, release and publish again",
            )
            .help("if the release used another file of targets: pass --config"))
    }

    /// The file of targets for the clone: that of `--config`, in the clone where it lies in the workspace.
    fn config(&self, root: &Path) -> PathBuf {
        let file = std::path::absolute(&self.session.config_file);
        let file = file.unwrap_or_else(|_| self.session.config_file.clone());
        match file.strip_prefix(&self.session.workspace.root) {
            Ok(inside) => root.join(inside),
            Err(_) => file,
        }
    }

    /// Releases the clone into a target folder of its own, as the image was released; of the targets only those of the
    /// image.
    fn released(&self, release: &RecordedRelease, root: &Path, target: &Path) -> Result<()> {
        let mut cmd = Cmd::new(&self.session.this)
            .args(["release", "--json", "--manifest-path"])
            .arg(root.join("Cargo.toml"))
            .cwd(root)
            .env("CARGO_TARGET_DIR", target);
        for build in &release.builds {
            cmd = cmd.args(["--target", &build.target]);
        }
        if self.common.config.is_some() {
            cmd = cmd.arg("--config").arg(self.config(root));
        }
        if let Some(mode) = release.mode() {
            cmd = cmd.args(["--mode", mode]);
        }
        if !release.providers.is_empty() {
            cmd = cmd.args(["--providers", &release.providers.join(",")]);
        }
        if release.files.iter().any(|(name, _)| name == "toolchains.lock") {
            cmd = cmd.arg("--locked");
        }
        if self.setup {
            cmd = cmd.arg("--setup");
        }
        cmd = match release.created {
            0 => cmd.env_remove("SOURCE_DATE_EPOCH"),
            seconds => cmd.env("SOURCE_DATE_EPOCH", seconds.to_string()),
        };
        if self.session.compile_cache.is_some() {
            // What a cache gives back was not built a second time.
            cmd = cmd.env(WrapperKind::All.variable(), "");
        }
        // What it prints is read here, and it reports to nobody else.
        cmd = CiService::VARIABLES.iter().fold(cmd, |cmd, name| cmd.env_remove(name));
        if let Some(KeySource::Variable(name)) = self.sign {
            cmd = cmd.env_remove(name);
        }
        // Rustup chose the toolchain for this checkout; the commit may name another one.
        if ["rust-toolchain.toml", "rust-toolchain"].iter().any(|name| root.join(name).is_file()) {
            cmd = cmd.env_remove("RUSTUP_TOOLCHAIN");
        }
        let ui = &self.session.ui;
        ui.step("Rebuilding", format!("{} from commit {:.12}", self.reference, release.commit));
        ui.detail("Running", cmd.line());
        let task = ui.task("Releasing", format!("commit {:.12} a second time", release.commit));
        let mut said: Vec<String> = Vec::new();
        let (end, _) = cmd.lines(|stream, line| {
            if stream == Stream::Stderr {
                let line = xtask_files::escape::plain(line);
                task.note(line.trim());
                said.push(line);
            }
        })?;
        drop(task);
        if end == ProcessEnd::Code(0) {
            return Ok(());
        }
        let what = format!("the release of commit {} failed", release.commit);
        let error = match end {
            ProcessEnd::Code(3) => Error::missing(what),
            _ => Error::failed(what),
        };
        let first = said.iter().position(|line| line.starts_with("error")).unwrap_or_default();
        let last = &said[first.max(said.len().saturating_sub(LAST_LINES))..];
        let error = error.found(format!("{} ended with {end}", cmd.line())).found(last.join("\n"));
        Err(match self.setup {
            true => error,
            false => error.help("to install what is missing: cargo xtask verify … --rebuild --setup"),
        })
    }

    /// Compares one manifest with its counterpart in the second release.
    fn compare(
        &self,
        subject: &VerifiedSubject,
        second: &SecondRelease<'_>,
        verdict: &mut ImageVerdict,
    ) -> Result<()> {
        let (name, recorded) = (subject.name.as_str(), &subject.descriptor.digest);
        let Some(made) = second.statement(name, StatementKind::Slsa)? else {
            let detail = "the second release has no such platform".to_owned();
            verdict.add(name, "rebuild", ImageCheckStatus::Fail, detail);
            return Ok(());
        };
        let inputs = subject.predicate(types::SLSA).map(|then| input_differences(then, &made.predicate));
        let inputs = inputs.unwrap_or_default();
        if !made.is_about(recorded) {
            let mut lines = vec!["a second build gives another image".to_owned()];
            lines.extend(inputs);
            lines.extend(self.program_difference(subject, second)?);
            verdict.add(name, "rebuild", ImageCheckStatus::Fail, lines.join("; "));
            return Ok(());
        }
        let mut lines = vec![format!("a second build gives {recorded} again")];
        if !inputs.is_empty() {
            lines.push(format!("although its inputs differ: {}", inputs.join(", ")));
        }
        verdict.add(name, "rebuild", ImageCheckStatus::Pass, lines.join("; "));
        for (kind, title) in COMPARED {
            let Some(then) = subject.predicate(kind.predicate_type()) else { continue };
            let now = second.statement(name, kind)?.map(|statement| statement.predicate);
            let check = format!("rebuild: {title}");
            match now.as_ref() == Some(then) {
                true => verdict.add(name, &check, ImageCheckStatus::Pass, "is the same".to_owned()),
                false => {
                    let detail = "the second release states something else".to_owned();
                    verdict.add(name, &check, ImageCheckStatus::Fail, detail);
                }
            }
        }
        Ok(())
    }

    /// Says whether the programs of a platform differ, and where.
    fn program_difference(
        &self,
        subject: &VerifiedSubject,
        second: &SecondRelease<'_>,
    ) -> Result<Option<String>> {
        let builds = &second.release.builds;
        let build = builds.iter().find(|build| build.platform == subject.name || subject.name == "image");
        let Some(build) = build else { return Ok(None) };
        let Some(platform) = Triple::parse(&build.target).platform() else { return Ok(None) };
        let then =
            published_image::program(self.reference, &subject.descriptor.digest, &platform, self.context)?;
        let (Some(then), Some(now)) = (then, second.program(&build.target)?) else { return Ok(None) };
        Ok(Some(match compare(&then, &now) {
            None => "the programs are equal: base, labels or settings of the image differ".to_owned(),
            Some(found) => {
                format!("the programs differ, first {}; the usual cause: {}", found.place(), found.cause)
            }
        }))
    }
}

/// What the second release wrote.
struct SecondRelease<'a> {
    dist: PathBuf,
    release: &'a RecordedRelease,
}

impl SecondRelease<'_> {
    /// The statement about the counterpart of a subject; none where the release has none.
    fn statement(&self, subject: &str, kind: StatementKind) -> Result<Option<Statement>> {
        let Some(first) = self.release.builds.first() else { return Ok(None) };
        let name = match subject {
            "index" => subject.to_owned(),
            "image" => first.platform.replace('/', "-"),
            platform => platform.replace('/', "-"),
        };
        let file = format!("{name}.{}.json", kind.name());
        let file = dist::provenance(&self.dist).join(&first.image).join(file);
        match file.is_file() {
            true => write::read(&file).map(Some),
            false => Ok(None),
        }
    }

    /// The program for a target; none where the release has none.
    fn program(&self, target: &str) -> Result<Option<Vec<u8>>> {
        let report = Report::last(&self.dist);
        let job = report.and_then(|report| report.jobs.into_iter().find(|job| job.target == target));
        let Some(path) = job.and_then(|job| job.artifact).map(|artifact| self.dist.join(artifact.path))
        else {
            return Ok(None);
        };
        xtask_files::read(&path).map(Some).map_err(|e| Error::io("cannot read", &path, &e))
    }
}
