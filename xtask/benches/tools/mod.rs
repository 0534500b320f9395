//! The others: what each of them is asked to do for the same image. Each is asked in the way that its documentation shows
//! for it, and without what it would do beside it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use xtask_oci::{Content, FileKind, RootFs};
use xtask_process::exec::Cmd;
use xtask_test_support::process::version;

use super::support::tree;

/// Longer than any of them takes.
pub(crate) const LIMIT: Duration = Duration::from_secs(600);

/// One of the others.
pub(crate) struct Tool {
    /// What it is called in the table.
    pub(crate) name: &'static str,
    /// Its version; or why it cannot take part.
    pub(crate) there: Result<String, String>,
    /// Makes what a round begins with; not counted.
    pub(crate) before: Vec<Cmd>,
    /// Packs.
    pub(crate) pack: Vec<Cmd>,
    /// Removes what it made; not counted.
    pub(crate) after: Vec<Cmd>,
    /// Where it leaves a layout with a compressed layer; none where it compresses nothing.
    pub(crate) layout: Option<PathBuf>,
}

impl Tool {
    /// All of them, ready to pack the program in this folder.
    pub(crate) fn all(dir: &Path) -> Vec<Self> {
        let context = dir.join("context");
        lay_out(&tree("app", &dir.join("program")), &context.join("root")).expect("the files of the image");
        let dockerfile = "FROM scratch\nCOPY root/ /\nENTRYPOINT [\"/app\"]\n";
        std::fs::write(context.join("Dockerfile"), dockerfile).expect("a Dockerfile");
        vec![docker(&context), buildah(dir, &context), umoci(dir, &context), skopeo(dir, &context)]
    }

    /// Runs commands that have to succeed.
    pub(crate) fn run(&self, commands: &[Cmd]) {
        for cmd in commands {
            let output = cmd.capture(LIMIT).expect("started");
            assert!(output.ok(), "{}\n{}\n{}", cmd.line(), output.text(), output.errors());
        }
    }
}

const TAG: &str = "xtask-bench-peers:1";

/// The classic builder: BuildKit needs a plugin that Debian 12 does not have.
fn docker(context: &Path) -> Tool {
    let docker = || Cmd::new("docker").env("DOCKER_BUILDKIT", "0");
    Tool {
        name: "docker build",
        there: version(&docker().args(["version", "--format", "{{.Server.Version}}"])),
        before: Vec::new(),
        pack: vec![docker().args(["build", "--quiet", "--no-cache", "--tag", TAG]).arg(context)],
        after: vec![docker().args(["image", "rm", "--force", TAG])],
        layout: None,
    }
}

fn buildah(dir: &Path, context: &Path) -> Tool {
    let buildah = || {
        let store = [dir.join("buildah"), dir.join("buildah-run")];
        Cmd::new("buildah").arg("--root").arg(&store[0]).arg("--runroot").arg(&store[1])
    };
    Tool {
        name: "buildah",
        there: version(&Cmd::new("buildah").arg("--version")),
        before: Vec::new(),
        pack: vec![buildah().args(["build", "--quiet", "--no-cache", "--tag", TAG]).arg(context)],
        after: vec![buildah().args(["rmi", "--force", TAG])],
        layout: None,
    }
}

fn umoci(dir: &Path, context: &Path) -> Tool {
    let layout = dir.join("umoci");
    let image = format!("{}:x", layout.display());
    let umoci = || Cmd::new("umoci");
    Tool {
        name: "umoci",
        there: version(&umoci().arg("--version")),
        before: vec![Cmd::new("rm").arg("-rf").arg(&layout)],
        pack: vec![
            umoci().args(["init", "--layout"]).arg(&layout),
            umoci().args(["new", "--image", &image]),
            umoci().args(["insert", "--rootless", "--image", &image]).arg(context.join("root")).arg("/"),
            umoci().args(["config", "--image", &image, "--config.entrypoint", "/app"]),
        ],
        after: Vec::new(),
        layout: Some(layout),
    }
}

/// skopeo makes no image of files. It is asked for what it can do of this: take an image as `docker save` writes it, with
/// a layer that is not compressed, and put it into a layout, compressed.
fn skopeo(dir: &Path, context: &Path) -> Tool {
    let layout = dir.join("skopeo");
    let saved = dir.join("saved.tar");
    let docker = || Cmd::new("docker").env("DOCKER_BUILDKIT", "0");
    let there = version(&docker().args(["version", "--format", "{{.Server.Version}}"]))
        .map_err(|why| format!("it needs an image that Docker saved: {why}"))
        .and_then(|_| version(&Cmd::new("skopeo").arg("--version")));
    if there.is_ok() {
        for cmd in [
            docker().args(["build", "--quiet", "--tag", TAG]).arg(context),
            docker().args(["save", "--output"]).arg(&saved).arg(TAG),
            docker().args(["image", "rm", "--force", TAG]),
        ] {
            let output = cmd.capture(LIMIT).expect("started");
            assert!(output.ok(), "{}\n{}", cmd.line(), output.errors());
        }
    }
    let (from, to) = (format!("docker-archive:{}", saved.display()), format!("oci:{}:x", layout.display()));
    Tool {
        name: "skopeo copy",
        there,
        before: vec![Cmd::new("rm").arg("-rf").arg(&layout)],
        pack: vec![Cmd::new("skopeo").args(["copy", "--quiet", &from, &to])],
        after: Vec::new(),
        layout: Some(layout),
    }
}

/// The files of a tree, for those who pack a folder. All of them are this user's.
fn lay_out(tree: &RootFs, root: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(root)?;
    for (path, node) in tree.iter() {
        let place = root.join(path);
        match &node.kind {
            FileKind::Dir => std::fs::create_dir(&place)?,
            FileKind::File(Content::Disk(from)) => drop(std::fs::copy(from, &place)?),
            FileKind::File(content) => std::fs::write(&place, content.read()?)?,
            FileKind::Symlink(target) => std::os::unix::fs::symlink(target, &place)?,
        }
        if node.kind == FileKind::Dir || matches!(node.kind, FileKind::File(_)) {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(node.mode);
            std::fs::set_permissions(&place, mode)?;
        }
    }
    Ok(())
}
