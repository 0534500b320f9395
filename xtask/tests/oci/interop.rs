//! The images as other people's tools take them, for each platform: podman, buildah, containerd, skopeo, umoci.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use xtask_oci::{ImageSpec, Layout, PackedImage};
use xtask_process::exec::Cmd;
use xtask_test_support::docker::binfmt;
use xtask_test_support::process::{LIMIT, run};
use xtask_test_support::skip::{have, on_x86_64, skipped};

use crate::docker::{platform, program};
use crate::support::pack_with;

/// An image with a program for two platforms that says what it sees.
struct Sample {
    dir: TempDir,
    packed: PackedImage,
    /// Each platform as Go names it, and the machine that its program sees.
    platforms: [(&'static str, &'static str); 2],
    programs: [PathBuf; 2],
}

/// What the program says in each; the root is not read-only everywhere.
const SEEN: &str = "uid=65532 gid=65532 tmp=1777 home=700:65532 root=";

fn sample(test: &str) -> Option<Sample> {
    if !on_x86_64(test) {
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    let amd64 = program(test, "gcc", dir.path())?;
    let arm64 = program(test, "aarch64-linux-gnu-gcc", dir.path())?;
    let image = ImageSpec {
        name: format!("xtask-interop-{}", std::process::id()),
        version: "1".into(),
        platforms: vec![
            platform("x86_64-unknown-linux-gnu", &amd64),
            platform("aarch64-unknown-linux-gnu", &arm64),
        ],
        annotations: Default::default(),
        codec: Default::default(),
        created: 0,
    };
    let packed = pack_with(&[image], dir.path(), 2).remove(0);
    let platforms = [("amd64", "x86_64"), ("arm64", "aarch64")];
    Some(Sample { dir, packed, platforms, programs: [amd64, arm64] })
}

impl Sample {
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The image in the layout, as skopeo and others name it, from the folder that everything is in: podman and buildah
    /// make a name of the path, and a name has no upper-case letters.
    fn layout(&self) -> String {
        format!("oci:dist/oci:{}", self.packed.name)
    }
}

/// podman or buildah with a store of its own, of plain folders, which works wherever the temporary folder is.
fn stored(tool: &Path, sample: &Sample) -> Cmd {
    let store =
        Cmd::new(tool).arg("--root").arg(sample.path("store")).arg("--runroot").arg(sample.path("run"));
    store.args(["--storage-driver", "vfs"]).cwd(sample.dir.path())
}

#[test]
fn podman_loads_and_runs() {
    let test = "podman_loads_and_runs";
    let Some(podman) = have(test, "podman") else { return };
    let Some(sample) = sample(test) else { return };
    let podman = || stored(&podman, &sample);
    // Limits that podman need not raise, which not every root may.
    let strict = ["--read-only", "--network=none", "--cap-drop=ALL", "--pull=never"];
    let limits = ["--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024", "--cgroups=no-conmon"];
    let start = |name: &str| {
        let cmd = podman().args(["run", "--rm"]).args(strict).args(limits).args([name, "hello"]);
        run(&cmd).text()
    };
    // The tar as it is: podman takes the platform of this machine out of it.
    let told = run(&podman().args(["load", "--input"]).arg(&sample.packed.tar)).text();
    let name = told.rsplit_once(": ").unwrap_or_else(|| panic!("{told}")).1.to_owned();
    assert!(name.ends_with(&format!("/{}:1", sample.packed.name)), "{told}");
    let said = start(&name);
    assert!(said.starts_with(&format!("x86_64 {SEEN}read-only")) && said.ends_with("arg=hello"), "{said}");
    if !binfmt() {
        return skipped(test, "binfmt_misc knows no qemu-aarch64, and it could not be enabled");
    }
    let id = run(&podman().args(["pull", "--quiet", "--arch=arm64", &sample.layout()])).text();
    let said = start(&id);
    assert!(said.starts_with(&format!("aarch64 {SEEN}read-only")), "{said}");
}

#[test]
fn buildah_takes_every_platform() {
    let test = "buildah_takes_every_platform";
    let Some(buildah) = have(test, "buildah") else { return };
    let Some(sample) = sample(test) else { return };
    let buildah = || stored(&buildah, &sample);
    for ((arch, _), program) in sample.platforms.iter().zip(&sample.programs) {
        let of = format!("--arch={arch}");
        let container = run(&buildah().args(["from", &of, &sample.layout()])).text();
        let container = container.lines().last().unwrap();
        let told = run(&buildah().args(["inspect", "--format", "{{.OCIv1.Architecture}}", container])).text();
        assert_eq!(told, *arch);
        let root = run(&buildah().args(["mount", container])).text();
        assert!(std::fs::read(Path::new(&root).join("prog")).unwrap() == std::fs::read(program).unwrap());
        run(&buildah().args(["rm", container]));
    }
}

#[test]
fn skopeo_copies_in_and_out_with_equal_digests() {
    let test = "skopeo_copies_in_and_out_with_equal_digests";
    let Some(skopeo) = have(test, "skopeo") else { return };
    let Some(sample) = sample(test) else { return };
    let copy = |from: &str, to: &str| {
        let args = ["--override-os=linux", "copy", "--all", "--preserve-digests", from, to];
        run(&Cmd::new(&skopeo).args(args).cwd(sample.dir.path()));
    };
    let (out, back) = (format!("dir:{}", sample.path("out").display()), sample.path("back"));
    copy(&sample.layout(), &out);
    copy(&out, &format!("oci:{}:x", back.display()));
    let (ours, theirs) = (Layout::new(sample.path("dist/oci")).blobs(), Layout::new(&back).blobs());
    let manifests = sample.packed.manifests.iter().map(|m| &m.digest);
    for digest in manifests.chain([&sample.packed.index_digest]) {
        assert!(ours.read(digest).unwrap() == theirs.read(digest).unwrap());
    }
    // Everything that the layout of one image has, blob by blob, under the same names.
    let names = |dir: PathBuf| {
        let mut names: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names(sample.path("dist/oci/blobs/sha256")), names(back.join("blobs/sha256")));
}

#[test]
fn umoci_unpacks_every_platform() {
    let test = "umoci_unpacks_every_platform";
    let (Some(umoci), Some(skopeo)) = (have(test, "umoci"), have(test, "skopeo")) else { return };
    let Some(sample) = sample(test) else { return };
    for ((arch, _), program) in sample.platforms.iter().zip(&sample.programs) {
        // umoci takes a name that leads to one manifest.
        let (one, bundle) = (sample.path(&format!("one-{arch}")), sample.path(&format!("bundle-{arch}")));
        let target = format!("{}:{arch}", one.display());
        let of = format!("--override-arch={arch}");
        let copy = ["--override-os=linux", &of, "copy", "--preserve-digests", &sample.layout()];
        run(&Cmd::new(&skopeo).args(copy).arg(format!("oci:{target}")).cwd(sample.dir.path()));
        run(&Cmd::new(&umoci).args(["unpack", "--rootless", "--image", &target]).arg(&bundle));
        assert!(
            std::fs::read(bundle.join("rootfs/prog")).unwrap() == std::fs::read(program).unwrap(),
            "{arch}"
        );
        let config = std::fs::read_to_string(bundle.join("config.json")).unwrap();
        let config: serde_json::Value = serde_json::from_str(&config).unwrap();
        assert_eq!(config["process"]["args"], serde_json::json!(["/prog"]));
    }
}

/// A namespace of containerd that is ours alone; everything in it goes with it.
struct Namespace {
    ctr: PathBuf,
    socket: &'static str,
    name: String,
    image: String,
}

impl Namespace {
    fn cmd(&self) -> Cmd {
        Cmd::new(&self.ctr).args(["--address", self.socket, "--namespace", &self.name])
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.cmd().args(["image", "rm", "--sync", &self.image]).capture(LIMIT);
        // Snapshots are collected a moment after the image that they were made for.
        for _ in 0..50 {
            let removed = self.cmd().args(["namespace", "rm", &self.name]).capture(LIMIT);
            if removed.is_ok_and(|output| output.ok()) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }
}

#[test]
fn containerd_imports_and_runs() {
    let test = "containerd_imports_and_runs";
    let Some(ctr) = have(test, "ctr") else { return };
    let Some(sample) = sample(test) else { return };
    let image = format!("docker.io/library/{}:1", sample.packed.name);
    let name = format!("xtask-interop-{}", std::process::id());
    let sockets = [
        "/run/containerd/containerd.sock",
        "/run/docker/containerd/containerd.sock",
        "/var/run/docker/containerd/containerd.sock",
    ];
    let with = |socket| Namespace { ctr: ctr.clone(), socket, name: name.clone(), image: image.clone() };
    let answers = |n: &Namespace| n.cmd().arg("version").capture(LIMIT).is_ok_and(|output| output.ok());
    let found = sockets.into_iter().filter(|socket| Path::new(socket).exists()).map(with).find(answers);
    let Some(namespace) = found else { return skipped(test, "no containerd answers") };
    for (arch, machine) in sample.platforms {
        if arch == "arm64" && !binfmt() {
            return skipped(test, "binfmt_misc knows no qemu-aarch64, and it could not be enabled");
        }
        // The snapshotter that needs nothing of the file system below it.
        let (platform, native) = (format!("--platform=linux/{arch}"), "--snapshotter=native");
        run(&namespace.cmd().args(["image", "import", &platform, native]).arg(&sample.packed.tar));
        let id = format!("{name}-{arch}");
        let start = ["run", "--rm", &platform, native, "--read-only", &image, &id, "/prog", "hello"];
        let said = run(&namespace.cmd().args(start)).text();
        assert!(said.starts_with(&format!("{machine} {SEEN}")) && said.ends_with("arg=hello"), "{said}");
    }
}
