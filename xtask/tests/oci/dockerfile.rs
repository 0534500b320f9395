//! docker/scratch.Dockerfile against `oci::scratch_rootfs`: the same names, kinds, modes, owners and contents, whether
//! Docker builds the image or this program packs it.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use xtask::exec::Cmd;
use xtask::oci::{Content, Kind, RootFs, Scratch, scratch_rootfs};

use crate::docker::{Loaded, compile, daemon};
use crate::support::{LIMIT, run};

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
    scratch_rootfs(&Scratch { bin: "app", program, time_zones: false }).unwrap()
}

fn bytes_of(content: &Content) -> Vec<u8> {
    content.read().unwrap().into_owned()
}

fn seen_in(rootfs: &RootFs) -> Tree {
    let seen = rootfs.iter().map(|(path, node)| {
        let (kind, bytes) = match &node.kind {
            Kind::Dir => ("folder", Vec::new()),
            Kind::File(content) => ("file", bytes_of(content)),
            Kind::Symlink(target) => ("link", target.as_bytes().to_vec()),
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
        add_layer(&mut seen, &files[layer.as_str().unwrap()]);
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
            other => panic!("{path} is a {other:?}"),
        };
        // Docker also writes the type of the file into the mode, where it says nothing that the entry does not say.
        let mode = header.mode().unwrap() & 0o7777;
        let owner = (header.uid().unwrap(), header.gid().unwrap());
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        if !path.is_empty() {
            seen.insert(path, Seen { kind, mode, owner, bytes });
        }
    }
}

#[test]
fn docker_builds_the_tree_that_we_pack() {
    let test = "docker_builds_the_tree_that_we_pack";
    if !daemon(test) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let Some(program) = compile(test, "gcc", dir.path()) else { return };
    // The repository as `docker build` finds it, with a program in its place and something that must stay outside.
    let context = dir.path().join("context");
    let place = context.join("target/dist/bin/some-target/some-mode");
    std::fs::create_dir_all(&place).unwrap();
    std::fs::create_dir_all(context.join("docker")).unwrap();
    xtask::ship::rootfs_tar(&context.join("target/dist")).unwrap();
    std::fs::copy(&program, place.join("app")).unwrap();
    std::fs::write(context.join("target/secret"), "x").unwrap();
    for file in [".dockerignore", "docker/scratch.Dockerfile"] {
        std::fs::copy(repository().join(file), context.join(file)).unwrap();
    }
    let image = format!("xtask-test-dockerfile-{}:1", std::process::id());
    let _loaded = Loaded(vec![image.clone()]);
    let args = ["--build-arg", "TARGET=some-target", "--build-arg", "MODE=some-mode"];
    let build = Cmd::new("docker").args(["build", "--file", "docker/scratch.Dockerfile", "--tag", &image]);
    run(&build.args(args).arg(".").cwd(&context));

    let tar = dir.path().join("saved.tar");
    run(&Cmd::new("docker").args(["save", "--output"]).args([tar.as_os_str(), image.as_ref()]));
    let (theirs, ours) = (seen_in_saved(&std::fs::read(&tar).unwrap()), seen_in(&tree(&program)));
    let names = |tree: &Tree| tree.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&theirs), names(&ours));
    for (path, entry) in &ours {
        let (theirs, ours) = (&theirs[path], entry);
        assert_eq!((theirs.kind, theirs.mode, theirs.owner), (ours.kind, ours.mode, ours.owner), "{path}");
        assert!(theirs.bytes == ours.bytes, "{path} has other bytes");
    }

    let format = "{{.Config.User}} {{.Config.WorkingDir}} {{json .Config.Entrypoint}} {{json .Config.Env}}";
    let told = run(&Cmd::new("docker").args(["image", "inspect", "--format", format, &image])).text();
    assert_eq!(
        told,
        "65532:65532 / [\"/app\"] [\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\",\
         \"SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt\"]"
    );
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
