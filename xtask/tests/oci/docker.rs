//! A real Docker daemon takes the tar and runs what is in it: read-only, without network, not as root.

use std::path::{Path, PathBuf};

use xtask_oci::document::Runtime;
use xtask_oci::{Codec, ImageSpec, LayerSource, LayerSpec, PlatformSpec, ScratchImage, scratch_rootfs};
use xtask_process::exec::Cmd;
use xtask_test_support::c::compile;
use xtask_test_support::docker::{LoadedNames, binfmt, daemon, keeps_the_index};
use xtask_test_support::process::{LIMIT, run};
use xtask_test_support::skip::{have, on_x86_64, skipped};
use xtask_triple::Triple;

use crate::support::pack_with;

/// Prints what a program sees of its image.
const PROGRAM: &str = r#"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>
static int has(const char *path, const char *text) {
    char buffer[300000];
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    buffer[fread(buffer, 1, sizeof buffer - 1, file)] = 0;
    fclose(file);
    return strstr(buffer, text) != NULL;
}
int main(int argc, char **argv) {
    struct utsname name;
    struct stat tmp, home;
    uname(&name);
    if (stat("/tmp", &tmp) || stat("/home/nonroot", &home)) return 1;
    FILE *write = fopen("/file", "w");
    printf("%s uid=%d gid=%d tmp=%o home=%o:%d root=%s passwd=%d certificates=%d zone=%d arg=%s\n", name.machine,
        getuid(), getgid(), tmp.st_mode & 07777, home.st_mode & 07777, home.st_uid,
        write ? "writable" : errno == EROFS ? "read-only" : "denied", has("/etc/passwd", "nonroot:x:65532:65532:"),
        has("/etc/ssl/certs/ca-certificates.crt", "-----END CERTIFICATE-----"),
        has("/usr/share/zoneinfo/Europe/Berlin", "TZif"), argc > 1 ? argv[1] : "none");
    return 0;
}
"#;

/// Compiles the program for the machine of this compiler.
pub(crate) fn program(test: &str, cc: &str, dir: &Path) -> Option<PathBuf> {
    let cc = have(test, cc)?;
    Some(compile(&cc, &["-static", "-O1"], PROGRAM, dir.join(cc.file_name()?)))
}

pub(crate) fn platform(triple: &str, program: &Path) -> PlatformSpec {
    let scratch = ScratchImage { bin: "prog", program, time_zones: true };
    PlatformSpec {
        platform: Triple::parse(triple).platform().unwrap(),
        layers: vec![LayerSource::Tree(LayerSpec {
            rootfs: scratch_rootfs(&scratch).unwrap(),
            created_by: "test".into(),
        })],
        runtime: Runtime {
            user: "65532:65532".into(),
            entrypoint: vec!["/prog".into()],
            working_dir: "/".into(),
            ..Runtime::default()
        },
    }
}

/// A layer of `docker save` as a tar: Docker's older store keeps layers as they are unpacked, containerd's as they came.
pub(crate) fn saved_layer(bytes: &[u8]) -> Vec<u8> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return bytes.to_vec();
    }
    let mut tar = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(bytes), &mut tar).unwrap();
    tar
}

/// Loads an image of one platform and runs it with one argument; what it printed.
fn load_and_run(dir: &Path, name: &str, platform: PlatformSpec) -> String {
    let arch = platform.platform.architecture;
    let image = ImageSpec {
        // Of its own for each test and process, so that tests can run side by side.
        name: format!("xtask-test-{name}-{}", std::process::id()),
        version: "1".into(),
        platforms: vec![platform],
        annotations: Default::default(),
        codec: Codec::Gzip,
        created: 0,
    };
    let (first, tagged) = (format!("{}:1", image.name), format!("{}:1-{arch}", image.name));
    let _loaded = LoadedNames(vec![first.clone(), tagged.clone()]);
    let packed = pack_with(&[image], dir, 2).remove(0);
    let told = run(&Cmd::new("docker").args(["load", "--input"]).arg(&packed.tar)).text();
    let name = if keeps_the_index() { &first } else { &tagged };
    assert!(told.contains(&first) && told.contains(name), "{told}");
    let strict = ["run", "--rm", "--read-only", "--network=none", "--cap-drop=ALL", "--platform"];
    run(&Cmd::new("docker").args(strict).args([&format!("linux/{arch}"), name, "hello"])).text()
}

const SEEN: &str =
    "uid=65532 gid=65532 tmp=1777 home=700:65532 root=read-only passwd=1 certificates=1 zone=1 arg=hello";

#[test]
fn runs_on_the_host() {
    let test = "runs_on_the_host";
    if !on_x86_64(test) || !daemon(test) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let Some(program) = program(test, "gcc", dir.path()) else { return };
    let told = load_and_run(dir.path(), "amd64", platform("x86_64-unknown-linux-gnu", &program));
    assert_eq!(told, format!("x86_64 {SEEN}"));
}

#[test]
fn runs_on_arm64() {
    let test = "runs_on_arm64";
    if !daemon(test) {
        return;
    }
    if std::env::consts::ARCH != "aarch64" && !binfmt() {
        return skipped(test, "binfmt_misc knows no qemu-aarch64, and it could not be enabled");
    }
    let dir = tempfile::tempdir().unwrap();
    let Some(program) = program(test, "aarch64-linux-gnu-gcc", dir.path()) else { return };
    let told = load_and_run(dir.path(), "arm64", platform("aarch64-unknown-linux-gnu", &program));
    assert_eq!(told, format!("aarch64 {SEEN}"));
}

#[test]
fn one_tar_loads_every_platform() {
    let test = "one_tar_loads_every_platform";
    if !daemon(test) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut image = crate::support::fixed_image(dir.path());
    image.name = format!("xtask-test-all-{}", std::process::id());
    let tags: Vec<String> = ["", "-amd64", "-arm64"].map(|end| format!("{}:1.2.3-x{end}", image.name)).into();
    let _loaded = LoadedNames(tags.clone());
    let packed = pack_with(&[image], dir.path(), 2).remove(0);
    run(&Cmd::new("docker").args(["load", "--input"]).arg(&packed.tar));
    let inspect = |tag: &String| {
        let format = "{{.Architecture}} {{.Id}} {{.Config.User}} {{index .Config.Labels \"mode\"}}";
        run(&Cmd::new("docker").args(["image", "inspect", "--format", format, tag])).text()
    };
    if keeps_the_index() {
        let told = inspect(&tags[0]);
        return assert_eq!(told, format!("amd64 {} 65532:65532 native", packed.index_digest.as_str()));
    }
    let told: Vec<String> = tags.iter().map(inspect).collect();
    assert_eq!(told[0], told[1], "the first platform has the plain tag");
    assert!(told[1].starts_with("amd64 sha256:") && told[1].ends_with(" 65532:65532 native"), "{told:?}");
    assert!(told[2].starts_with("arm64 sha256:") && told[2].ends_with(" 65532:65532 pure"), "{told:?}");
}

#[test]
fn containerd_imports_under_the_same_name() {
    let test = "containerd_imports_under_the_same_name";
    let Some(ctr) = have(test, "ctr") else { return };
    let sockets = ["/run/containerd/containerd.sock", "/var/run/docker/containerd/containerd.sock"];
    let namespace = format!("xtask-test-{}", std::process::id());
    let ctr = |socket: &str| Cmd::new(&ctr).args(["--address", socket, "--namespace", &namespace]);
    let answers = |socket: &&str| ctr(socket).arg("version").capture(LIMIT).is_ok_and(|output| output.ok());
    let Some(socket) = sockets.into_iter().find(answers) else {
        return skipped(test, "no containerd answers");
    };
    let dir = tempfile::tempdir().unwrap();
    let packed = pack_with(&[crate::support::fixed_image(dir.path())], dir.path(), 2).remove(0);
    let imported =
        ctr(socket).args(["image", "import", "--all-platforms"]).arg(&packed.tar).capture(LIMIT).unwrap();
    let listed = run(&ctr(socket).args(["image", "ls"])).text();
    let name = "docker.io/library/fixed:1.2.3-x";
    let _ = ctr(socket).args(["image", "rm", "--sync", name]).capture(LIMIT);
    let _ = ctr(socket).args(["namespace", "rm", &namespace]).capture(LIMIT);
    assert!(imported.ok(), "{}", imported.errors());
    let line = listed.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{listed}"));
    assert!(line.contains(packed.index_digest.as_str()), "{line}");
    assert!(line.contains("linux/amd64") && line.contains("linux/arm64"), "{line}");
}
