//! A program that says what it sees of its image, and images that hold it.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use xtask::smoke::{self, PlatformStart, Ran, SmokeContext};
use xtask_config::ImageSmoke;
use xtask_oci::document::Runtime;
use xtask_oci::{
    Codec, ImageSpec, LayerSource, LayerSpec, Node, PackedImage, PackedManifest, Packer, PlatformSpec,
    RootFs, StagedImages,
};
use xtask_process::host::Host;
use xtask_process::ui::Ui;
use xtask_test_support::c::compile;
use xtask_test_support::skip::{on_path, on_x86_64, skipped};
use xtask_triple::Triple;

pub(crate) const AMD64: &str = "x86_64-unknown-linux-gnu";
pub(crate) const ARM64: &str = "aarch64-unknown-linux-gnu";

/// Says who it is and what it may; `sleep` sleeps, `exit N` ends with N, `much` says a word amid 6 MB, `flood` never ends, `complain`
/// does so on stderr.
const PROGRAM: &str = r#"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>
static const char *write_to(const char *path) {
    FILE *file = fopen(path, "w");
    if (file) return fclose(file) ? "broken" : "writable";
    return errno == EROFS ? "read-only" : errno == ENOENT ? "absent" : "denied";
}
static const char *groups(void) {
    static char text[200];
    gid_t all[20];
    int count = getgroups(20, all), at = 0;
    for (int i = 0; i < count; i++) at += sprintf(text + at, "%d,", all[i]);
    return text;
}
int main(int argc, char **argv) {
    struct utsname name;
    char folder[100];
    int links = 0;
    if (argc > 1 && !strcmp(argv[1], "sleep")) sleep(600);
    if (argc > 1 && !strcmp(argv[1], "much")) return printf("%3000000d needle %3000000d\n", 1, 2) < 0;
    if (argc > 1 && !strcmp(argv[1], "complain")) return fputs("no such table\n", stderr) < 0;
    while (argc > 1 && !strcmp(argv[1], "flood")) puts("still here");
    DIR *net = opendir("/sys/class/net");
    FILE *routes = fopen("/proc/net/dev", "r");
    for (char line[500]; routes && fgets(line, sizeof line, routes);) links += strchr(line, ':') != NULL;
    uname(&name);
    printf("%s uid=%d gid=%d pid=%d cwd=%s root=%s data=%s null=%s links=%d NAME=%s HOME=%s args=%d\n", name.machine,
        getuid(), getgid(), getpid(), getcwd(folder, sizeof folder), write_to("/file"), write_to("/data/file"),
        write_to("/dev/null"), links, getenv("NAME"), getenv("HOME"), argc - 1);
    if (getenv("GROUPS")) printf("groups=%s\n", groups());
    (void)net;
    return argc > 2 && !strcmp(argv[1], "exit") ? atoi(argv[2]) : 0;
}
"#;

/// What it says where all is as it should be.
pub(crate) fn seen(machine: &str, uid: u32) -> String {
    format!(
        "{machine} uid={uid} gid={uid} pid=1 cwd=/work root=read-only data=writable null=writable links=1 NAME=a b HOME=/"
    )
}

/// A folder with programs, images and what is remembered of them.
pub(crate) struct Bench {
    dir: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        // Not in /tmp, where nothing may be executable.
        let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
        Self { dir: tempfile::tempdir_in(target).unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Compiles the program with this compiler.
    pub(crate) fn program(&self, cc: &str) -> PathBuf {
        self.compile(cc, PROGRAM)
    }

    /// Compiles another one.
    pub(crate) fn compile(&self, cc: &str, text: &str) -> PathBuf {
        compile(cc, &["-static", "-O1"], text, self.path(cc))
    }

    /// A PATH of these programs alone, out of the one of this process.
    pub(crate) fn host(&self, tools: &[&str]) -> Host {
        let dir = self.path(&format!("bin-{}", tools.join("-")));
        std::fs::create_dir_all(&dir).unwrap();
        for tool in tools {
            let place = dir.join(tool);
            if !place.exists() {
                std::os::unix::fs::symlink(on_path(tool).unwrap(), place).unwrap();
            }
        }
        host_with(&dir)
    }

    /// Packs an image with a program for each target, run as `run` says.
    pub(crate) fn pack(&self, programs: &[(&str, &Path)], run: &Runtime) -> PackedImage {
        self.pack_as(Codec::Gzip, programs, run)
    }

    /// The same, with layers that are compressed so.
    pub(crate) fn pack_as(&self, codec: Codec, programs: &[(&str, &Path)], run: &Runtime) -> PackedImage {
        self.stage(codec, programs, run).commit().unwrap().remove(0)
    }

    /// An image with more in its tree, or something else.
    pub(crate) fn pack_with(&self, program: &Path, run: &Runtime, more: &[(&str, Node)]) -> PackedImage {
        self.stage_with(Codec::Gzip, &[(AMD64, program)], run, more).commit().unwrap().remove(0)
    }

    /// The same, and not yet in its place.
    pub(crate) fn stage(&self, codec: Codec, programs: &[(&str, &Path)], run: &Runtime) -> StagedImages {
        self.stage_with(codec, programs, run, &[])
    }

    fn stage_with(
        &self,
        codec: Codec,
        programs: &[(&str, &Path)],
        run: &Runtime,
        more: &[(&str, Node)],
    ) -> StagedImages {
        let platforms = programs.iter().map(|(target, program)| {
            let mut rootfs = RootFs::new();
            let (uid, gid) = run.user.split_once(':').unwrap_or((&run.user, &run.user));
            // A user without a group is one that the image knows, with a further group.
            if !run.user.contains(':') {
                let files = [
                    ("etc/passwd", format!("web:x:{uid}:{gid}::/:\n")),
                    ("etc/group", "more:x:2000:x,web\n".to_owned()),
                ];
                for (path, text) in files {
                    rootfs.insert(path, Node::bytes(0o644, text.into_bytes())).unwrap();
                }
            }
            rootfs.insert("app", Node::disk(0o755, *program)).unwrap();
            rootfs.insert("work", Node::dir(0o755)).unwrap();
            rootfs
                .insert("data", Node::dir(0o755).owned(uid.parse().unwrap(), gid.parse().unwrap()))
                .unwrap();
            for (path, node) in more {
                rootfs.put(path, node.clone()).unwrap();
            }
            PlatformSpec {
                platform: Triple::parse(target).platform().unwrap(),
                layers: vec![LayerSource::Tree(LayerSpec { rootfs, created_by: "test".into() })],
                runtime: run.clone(),
            }
        });
        let spec = ImageSpec {
            name: format!("smoke-test-{}", std::process::id()),
            version: "1".into(),
            platforms: platforms.collect(),
            annotations: Default::default(),
            codec,
            created: 0,
        };
        let (dist, cache) = (self.path("dist"), self.path("memo"));
        Packer { dist: &dist, cache: &cache, threads: NonZeroUsize::MIN }.stage(&[spec]).unwrap()
    }

    /// Runs an image as a release does, `limit` seconds at most.
    pub(crate) fn run(&self, image: &PackedImage, smoke: &ImageSmoke, host: &Host, limit: u64) -> Vec<Ran> {
        let (dist, work, memo) = (self.path("dist"), self.path("work"), self.path("memo"));
        let limit = Duration::from_secs(limit);
        let site = SmokeContext { dist: &dist, work: &work, memo: &memo, limit, host, ui: &Ui::silent() };
        let args = smoke.args.clone().unwrap_or_else(|| vec!["hello".into()]);
        let subject = StartedImage { image: image.clone(), args, smoke: smoke.clone() };
        let platforms = image.manifests.iter().map(|manifest| {
            let of = |target: &Triple| target.platform().as_ref() == Some(&manifest.platform);
            (manifest.clone(), [AMD64, ARM64].map(Triple::parse).into_iter().find(of).unwrap())
        });
        let images = vec![(subject, platforms.collect())];
        let mut ran = smoke::images(images, StartedImage::platform, &site).unwrap();
        assert!(!work.exists(), "nothing that was unpacked stays");
        ran.remove(0).1.into_iter().map(|(_, ran)| ran).collect()
    }
}

/// An image that is run, with what is asked and expected of it.
struct StartedImage {
    image: PackedImage,
    args: Vec<String>,
    smoke: ImageSmoke,
}

impl StartedImage {
    fn platform<'a>(&'a self, (manifest, target): &'a (PackedManifest, Triple)) -> PlatformStart<'a> {
        PlatformStart {
            image: &self.image.name,
            tar: &self.image.tar,
            platform: &manifest.platform,
            target,
            manifest: &manifest.digest,
            args: &self.args,
            expect: &self.smoke,
            stack: Some(0),
        }
    }
}

/// The configuration of most images here.
pub(crate) fn runtime(uid: u32) -> Runtime {
    Runtime {
        user: format!("{uid}:{uid}"),
        env: vec!["PATH=/bin:/".into(), "NAME=a b".into()],
        entrypoint: vec!["app".into()],
        working_dir: "/work".into(),
        volumes: ["/data".to_owned()].into(),
        ..Runtime::default()
    }
}

/// A run that must print this.
pub(crate) fn prints(text: impl Into<String>) -> ImageSmoke {
    ImageSmoke { stdout: Some(text.into()), ..ImageSmoke::default() }
}

pub(crate) fn host_with(dir: &Path) -> Host {
    Host::new(Triple::parse(AMD64), [(OsString::from("PATH"), dir.as_os_str().to_owned())])
}

/// Whether the machine can do what the test wants; a visible line where not.
pub(crate) fn can(test: &str, programs: &[&str]) -> bool {
    if !on_x86_64(test) {
        return false;
    }
    let missing: Vec<&str> = programs.iter().copied().filter(|p| on_path(p).is_none()).collect();
    if !missing.is_empty() {
        skipped(test, &format!("{} not on PATH", missing.join(", ")));
    }
    missing.is_empty()
}
