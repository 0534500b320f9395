//! Other people's eyes on what was packed: skopeo, umoci, gzip, tar.

use std::fs;
use std::path::Path;

use xtask_oci::{Digest, Layout, Node, RootFs};
use xtask_process::exec::Cmd;
use xtask_test_support::process::run;
use xtask_test_support::skip::have;

use crate::support::{first_tree, fixed_image, pack_with, program_bytes};

#[test]
fn skopeo_reads_layout_and_tar() {
    let Some(skopeo) = have("skopeo_reads_layout_and_tar", "skopeo") else { return };
    let dir = tempfile::tempdir().unwrap();
    let packed = pack_with(&[fixed_image(dir.path())], dir.path(), 2).remove(0);
    let dist = dir.path().join("dist");
    let (layout, tar) = (dist.join("oci").display().to_string(), packed.tar.display().to_string());
    let skopeo = || Cmd::new(&skopeo).arg("--override-os=linux");

    let raw = run(&skopeo().args(["inspect", "--raw", &format!("oci:{layout}:fixed")]));
    assert_eq!(Digest::of(&raw.stdout), packed.index_digest);
    for (arch, mode) in [("amd64", "native"), ("arm64", "pure")] {
        let docker = format!("docker-archive:{tar}:fixed:1.2.3-x-{arch}");
        for source in [format!("oci:{layout}:fixed"), format!("oci-archive:{tar}"), docker] {
            let override_arch = format!("--override-arch={arch}");
            let told = run(&skopeo().arg(&override_arch).args(["inspect", "--config", &source])).text();
            let config: serde_json::Value = serde_json::from_str(&told).unwrap();
            assert_eq!(config["architecture"], arch, "{source}");
            assert_eq!(config["config"]["User"], "65532:65532", "{source}");
            assert_eq!(config["config"]["Labels"]["mode"], mode, "{source}");
        }
    }
    // A copy of everything checks every digest on its way.
    let copy = dir.path().join("copy");
    let target = format!("oci:{}:x", copy.display());
    run(&skopeo().args(["copy", "--all", &format!("oci-archive:{tar}"), &target]));
    for manifest in &packed.manifests {
        assert_eq!(
            Layout::new(&copy).blobs().read(&manifest.digest).unwrap(),
            Layout::new(dist.join("oci")).blobs().read(&manifest.digest).unwrap()
        );
    }
    assert!(Layout::new(&copy).blobs().open(&packed.index_digest).is_ok());
}

#[cfg(unix)]
#[test]
fn umoci_unpacks_what_went_in() {
    use std::os::unix::fs::PermissionsExt;
    let Some(umoci) = have("umoci_unpacks_what_went_in", "umoci") else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut image = fixed_image(dir.path());
    // umoci wants a name that leads to one manifest, so this image has one platform; it follows the index by itself.
    image.platforms.truncate(1);
    pack_with(&[image], dir.path(), 2);
    let bundle = dir.path().join("bundle");
    let layout = format!("{}:fixed", dir.path().join("dist/oci").display());
    run(&Cmd::new(umoci).args(["unpack", "--rootless", "--image", &layout]).arg(&bundle));
    let root = bundle.join("rootfs");
    assert!(fs::read(root.join("app")).unwrap() == program_bytes());
    let mode = |path: &str| fs::symlink_metadata(root.join(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("app"), mode("tmp"), mode("home/nonroot"), mode("etc")), (0o755, 0o1777, 0o700, 0o755));
    assert_eq!(fs::read_link(root.join("bin/sh")).unwrap(), Path::new("../app"));
    assert!(root.join("long/".repeat(60)).is_dir());
}

#[cfg(unix)]
#[test]
fn no_layer_is_larger_than_umocis() {
    let Some(umoci) = have("no_layer_is_larger_than_umocis", "umoci") else { return };
    let dir = tempfile::tempdir().unwrap();
    // A real program: this test.
    let program = fs::read(std::env::current_exe().unwrap()).unwrap();
    let mut image = fixed_image(dir.path());
    image.platforms.truncate(1);
    let mut rootfs = RootFs::new();
    fs::write(dir.path().join("program"), &program).unwrap();
    rootfs.insert("app", Node::disk(0o755, dir.path().join("program"))).unwrap();
    *first_tree(&mut image) = rootfs;
    pack_with(&[image], dir.path(), 2);

    let theirs = dir.path().join("theirs");
    let (layout, bundle) = (theirs.display().to_string(), dir.path().join("bundle"));
    let reference = format!("{layout}:x");
    run(&Cmd::new(&umoci).args(["init", "--layout", &layout]));
    run(&Cmd::new(&umoci).args(["new", "--image", &reference]));
    run(&Cmd::new(&umoci).args(["unpack", "--rootless", "--image", &reference]).arg(&bundle));
    fs::write(bundle.join("rootfs/app"), &program).unwrap();
    run(&Cmd::new(&umoci).args(["repack", "--image", &reference]).arg(&bundle));
    let largest = |layout: &Path| {
        let blobs = fs::read_dir(layout.join("blobs/sha256")).unwrap();
        blobs.map(|blob| blob.unwrap().metadata().unwrap().len()).max().unwrap()
    };
    let (ours, theirs) = (largest(&dir.path().join("dist/oci")), largest(&theirs));
    assert!(ours <= theirs, "ours has {ours} bytes, umoci's {theirs}");
}

#[test]
fn gzip_and_tar_take_the_layer() {
    let test = "gzip_and_tar_take_the_layer";
    let (Some(gzip), Some(tar)) = (have(test, "gzip"), have(test, "tar")) else { return };
    let dir = tempfile::tempdir().unwrap();
    pack_with(&[fixed_image(dir.path())], dir.path(), 2);
    let blobs = dir.path().join("dist/oci/blobs/sha256");
    let is_layer = |bytes: &[u8]| bytes.starts_with(&[0x1f, 0x8b]);
    let layers: Vec<_> = fs::read_dir(blobs)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| is_layer(&fs::read(p).unwrap()))
        .collect();
    assert_eq!(layers.len(), 2);
    for layer in layers {
        let copy = dir.path().join("layer.tar.gz");
        fs::copy(layer, &copy).unwrap();
        run(&Cmd::new(&gzip).arg("--test").arg(&copy));
        let list = run(&Cmd::new(&tar)
            .args(["--numeric-owner", "-tvzf"])
            .arg(&copy)
            .env("TZ", "UTC")
            .env("LC_ALL", "C"));
        let text = list.text();
        assert_eq!(list.errors(), "");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "drwxr-xr-x 0/0               0 2023-11-14 22:13 ./");
        assert!(lines.contains(&"-rwxr-xr-x 0/0          300007 2023-11-14 22:13 app"), "{text}");
        assert!(lines.contains(&"drwx------ 65532/65532       0 2023-11-14 22:13 home/nonroot/"), "{text}");
        assert!(lines.contains(&"drwxrwxrwt 0/0               0 2023-11-14 22:13 tmp/"), "{text}");
    }
}
