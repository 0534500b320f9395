//! The Dockerfiles of docker/ against the trees that we pack: the same names, kinds, modes, owners and contents, whether
//! Docker builds the image or this program packs it.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use xtask::image_spec::docker::{OnBase, base_tars};
use xtask_oci::{Content, FileKind, Node, RootFs, ScratchImage, scratch_rootfs};
use xtask_process::exec::Cmd;
use xtask_test_support::docker::{LoadedNames, daemon};
use xtask_test_support::process::{LIMIT, run};
use xtask_triple::Triple;

use crate::docker::{program, saved_layer};

/// What is compared of an entry. Times are left out: Docker keeps those of the files it copies.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    kind: &'static str,
    mode: u32,
    owner: (u64, u64),
    bytes: Vec<u8>,
}

type Tree = BTreeMap<String, Seen>;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn tree(program: &Path) -> RootFs {
    scratch_rootfs(&ScratchImage { bin: "app", program, time_zones: false }).unwrap()
}

fn bytes_of(content: &Content) -> Vec<u8> {
    content.read().unwrap().into_owned()
}

fn seen_in(rootfs: &RootFs) -> Tree {
    let seen = rootfs.iter().map(|(path, node)| {
        let (kind, bytes) = match &node.kind {
            FileKind::Dir => ("folder", Vec::new()),
            FileKind::File(content) => ("file", bytes_of(content)),
            FileKind::Symlink(target) => ("link", target.as_bytes().to_vec()),
        };
        let owner = (node.uid.into(), node.gid.into());
        (path.to_owned(), Seen { kind, mode: node.mode, owner, bytes })
    });
    seen.collect()
}

/// What an image of `docker save` unpacks to: its layers, one over the other.
fn seen_in_saved(saved: &[u8]) -> Tree {
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(saved).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_string_lossy().into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        files.insert(path, bytes);
    }
    let manifest: serde_json::Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    let mut seen = Tree::new();
    for layer in manifest[0]["Layers"].as_array().unwrap() {
        add_layer(&mut seen, &saved_layer(&files[layer.as_str().unwrap()]));
    }
    seen
}

fn add_layer(seen: &mut Tree, layer: &[u8]) {
    for entry in tar::Archive::new(layer).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_string_lossy().trim_matches(['/', '.']).to_owned();
        let header = entry.header();
        let kind = match header.entry_type() {
            tar::EntryType::Directory => "folder",
            tar::EntryType::Regular => "file",
            tar::EntryType::Symlink => "link",
            other => panic!("{path} is a {other:?}"),
        };
        // Docker also writes the type of the file into the mode, where it says nothing that the entry does not say.
        let mode = header.mode().unwrap() & 0o7777;
        let owner = (header.uid().unwrap(), header.gid().unwrap());
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        bytes.extend(entry.link_name_bytes().unwrap_or_default().iter());
        if !path.is_empty() {
            seen.insert(path, Seen { kind, mode, owner, bytes });
        }
    }
}

/// The repository as `docker build` finds it, with a program in its place and something that must stay outside.
fn context(dir: &Path, program: &Path) -> PathBuf {
    let context = dir.join("context");
    let place = context.join("target/dist/bin/some-target/some-mode");
    std::fs::create_dir_all(&place).unwrap();
    std::fs::create_dir_all(context.join("docker")).unwrap();
    std::fs::copy(program, place.join("app")).unwrap();
    std::fs::write(context.join("target/secret"), "x").unwrap();
    for file in [".dockerignore", "docker/scratch.Dockerfile", "docker/distroless.Dockerfile"] {
        std::fs::copy(repository().join(file), context.join(file)).unwrap();
    }
    context
}

/// Builds an image and holds its tree against ours; gives back its configuration.
fn built(context: &Path, dockerfile: &str, args: &[&str], image: &str, ours: &RootFs) -> String {
    let build = Cmd::new("docker").args(["build", "--file", dockerfile, "--tag", image]);
    let pairs = args.iter().flat_map(|arg| ["--build-arg", *arg]);
    run(&build.args(pairs).arg(".").cwd(context));

    let tar = context.parent().unwrap().join("saved.tar");
    run(&Cmd::new("docker").args(["save", "--output"]).args([tar.as_os_str(), image.as_ref()]));
    let (theirs, ours) = (seen_in_saved(&std::fs::read(&tar).unwrap()), seen_in(ours));
    let names = |tree: &Tree| tree.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&theirs), names(&ours));
    for (path, entry) in &ours {
        let (theirs, ours) = (&theirs[path], entry);
        assert_eq!((theirs.kind, theirs.mode, theirs.owner), (ours.kind, ours.mode, ours.owner), "{path}");
        assert!(theirs.bytes == ours.bytes, "{path} has other bytes");
    }
    let format = "{{.Config.User}} {{.Config.WorkingDir}} {{json .Config.Entrypoint}} {{json .Config.Env}}";
    run(&Cmd::new("docker").args(["image", "inspect", "--format", format, image])).text()
}

const ENV: &str = "[\"/app\"] [\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\",\
                   \"SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt\"]";

#[test]
fn docker_builds_the_tree_that_we_pack() {
    let test = "docker_builds_the_tree_that_we_pack";
    if !daemon(test) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let Some(program) = program(test, "gcc", dir.path()) else { return };
    let context = context(dir.path(), &program);
    xtask::image_spec::rootfs_tar(&context.join("target/dist")).unwrap();
    let image = format!("xtask-test-dockerfile-{}:1", std::process::id());
    let _loaded = LoadedNames(vec![image.clone()]);
    let args = ["TARGET=some-target", "MODE=some-mode"];
    let told = built(&context, "docker/scratch.Dockerfile", &args, &image, &tree(&program));
    assert_eq!(told, format!("65532:65532 / {ENV}"));
    let container = ["run", "--rm", "--read-only", "--network=none", "--cap-drop=ALL", &image, "hello"];
    let said = Cmd::new("docker").args(container).capture(LIMIT).unwrap();
    assert!(said.ok(), "{}", said.errors());
    let said = said.text();
    // Which of two reasons keeps nonroot from writing to the root is the storage driver's to say.
    assert!(
        said.contains("uid=65532 gid=65532 tmp=1777 home=700:65532") && !said.contains("writable"),
        "{said}"
    );
    assert!(said.ends_with("passwd=1 certificates=1 zone=0 arg=hello"), "{said}");
}

/// What a distroless base has that a scratch image has not: links in the place of folders, folders of other owners, files
/// that nobody may write. The base itself needs Debian's packages; that it is packed as it is, its own tests show.
fn base_like() -> RootFs {
    let mut tree = xtask_oci::scratch::base_rootfs(false).unwrap();
    for (link, target) in [("lib", "usr/lib"), ("lib64", "usr/lib64"), ("usr/lib64/ld.so", "../lib/ld.so")] {
        tree.put(link, Node::symlink(target)).unwrap();
    }
    tree.put("usr/lib/ld.so", Node::bytes(0o755, &b"loader"[..])).unwrap();
    tree.put("usr/lib/os-release", Node::bytes(0o555, &b"NAME=x\n"[..])).unwrap();
    tree.put("var/lib/dpkg/status.d/libc6", Node::bytes(0o644, &b"Package: libc6\n"[..])).unwrap();
    tree.put("var/spool/mail", Node::dir(0o2775).owned(0, 8)).unwrap();
    tree
}

#[test]
fn docker_builds_the_tree_that_we_pack_on_a_base() {
    let test = "docker_builds_the_tree_that_we_pack_on_a_base";
    if !daemon(test) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let Some(program) = program(test, "gcc", dir.path()) else { return };
    let context = context(dir.path(), &program);
    let base = base_like();
    let mut top = RootFs::new();
    top.put("app", Node::disk(0o755, &program)).unwrap();
    top.put("data", Node::dir(0o755).owned(65532, 65532)).unwrap();
    let mut ours = base.clone();
    for (path, node) in top.iter() {
        ours.put(path, node.clone()).unwrap();
    }
    let target = Triple::parse("some-target");
    let (dist, memo) = (context.join("target/dist"), dir.path().join("memo"));
    let on_base = OnBase { image: "app", target: &target, below: &base, ours: &top };
    let write = || base_tars([on_base], "app", 0, &dist, &memo);
    let written = write().unwrap();
    assert_eq!(written, [dist.join("docker/app/some-target.tar")]);
    let before = std::fs::metadata(&written[0]).unwrap().modified().unwrap();
    write().unwrap();
    assert_eq!(std::fs::metadata(&written[0]).unwrap().modified().unwrap(), before, "written again");

    let name = format!("xtask-test-distroless-{}:1", std::process::id());
    let _loaded = LoadedNames(vec![name.clone()]);
    let args = ["TARGET=some-target", "MODE=some-mode"];
    let told = built(&context, "docker/distroless.Dockerfile", &args, &name, &ours);
    assert_eq!(told, format!("65532:65532 /home/nonroot {ENV}"));
    let said = run(&Cmd::new("docker").args(["run", "--rm", "--read-only", &name, "hello"])).text();
    assert!(said.contains("uid=65532 gid=65532 tmp=1777 home=700:65532"), "{said}");
}
