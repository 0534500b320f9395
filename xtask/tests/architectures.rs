//! The four further architectures of Debian 13: locked, assembled, held against the gate, and started under qemu. From the
//! archive's main suite alone, since few mirrors carry all suites of these in step with their signatures, and some lack
//! packages of them for weeks. For that reason no other run includes this one: `cargo test -p xtask --test architectures`.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use xtask_base::BaseContext;
use xtask_base::distroless::{Assembled, load};
use xtask_base::{BaseLock, DebianArch, Distroless};
use xtask_gate::{Limits, Object, Severity, Tree, check_library_in};
use xtask_oci::{FileKind, RootFs};
use xtask_process::exec::{Cmd, Output};
use xtask_process::host::Host;
use xtask_process::ui::Ui;
use xtask_test_support::process::run_within;
use xtask_triple::Triple;

/// The base that has everything: libraries and a program.
const BASE: &str = "distroless:cc:debug";

const FURTHER: [DebianArch; 4] =
    [DebianArch::Armhf, DebianArch::Ppc64el, DebianArch::Riscv64, DebianArch::S390x];

#[test]
fn armhf() {
    starts(DebianArch::Armhf, "armv7-unknown-linux-gnueabihf", "qemu-arm-static", "armv7l");
}

#[test]
fn ppc64el() {
    starts(DebianArch::Ppc64el, "powerpc64le-unknown-linux-gnu", "qemu-ppc64le-static", "ppc64le");
}

#[test]
fn riscv64() {
    starts(DebianArch::Riscv64, "riscv64gc-unknown-linux-gnu", "qemu-riscv64-static", "riscv64");
}

#[test]
fn s390x() {
    starts(DebianArch::S390x, "s390x-unknown-linux-gnu", "qemu-s390x-static", "s390x");
}

fn starts(arch: DebianArch, triple: &str, qemu: &str, machine: &str) {
    let (folder, lock) = locked();
    // In a process of its own, whose apt knows that suite alone; then from the cache.
    call(folder, &["base", "show", BASE, "--arch", arch.as_str(), "--files"]);
    let Assembled { base, .. } = assembled(folder, arch);
    let triple = Triple::parse(triple);
    every_library_loads(&base.rootfs, &triple);

    let root = tempfile::tempdir().unwrap();
    let unpack = Cmd::new("tar").args(["--extract", "--gzip", "--file"]).arg(&base.layers[0].blob);
    run(&unpack.arg("-C").arg(root.path()));
    let start = |program: &str| Cmd::new(qemu).arg("-L").arg(root.path()).arg(root.path().join(program));
    assert_eq!(run(&start("busybox/busybox").args(["uname", "-m"])).text(), machine);
    // The loader is a program too, and says what it is part of.
    let loaders = base.rootfs.iter().filter(|(path, node)| {
        let name = path.rsplit('/').next().unwrap_or_default();
        (name.starts_with("ld-linux") || name.starts_with("ld64.so"))
            && matches!(node.kind, FileKind::File(_))
    });
    let loaders: Vec<&str> = loaders.map(|(path, _)| path).collect();
    let [loader] = loaders[..] else { panic!("{arch} has the loaders {loaders:?}") };
    let libc = &lock.packages[&arch]["libc6"].version;
    let says = run(&start(loader).arg("--version")).text();
    assert!(says.contains(&format!("GLIBC {libc})")), "{says}");
}

/// Whether the loader would find all that every shared library of a base takes.
fn every_library_loads(files: &RootFs, triple: &Triple) {
    let tree = Tree::new(BASE, files);
    let mut libraries = 0;
    for (path, node) in files.below("usr/lib/") {
        let FileKind::File(content) = &node.kind else { continue };
        let name = path.rsplit('/').next().unwrap_or_default();
        // The last is for debuggers, which give it what it takes.
        if !name.contains(".so") || path.contains("/gconv/") || name.starts_with("libthread_db") {
            continue;
        }
        let Ok(object) = Object::read(name, content) else { continue };
        let at = format!("/{path}");
        let findings = check_library_in(name, &object.into(), &at, triple, &tree, Limits::default());
        let failing: Vec<_> = findings.iter().filter(|f| f.severity == Severity::Fail).collect();
        assert!(failing.is_empty(), "{triple}: {path}: {failing:?}");
        libraries += 1;
    }
    assert!(libraries > 15, "{triple} has {libraries} libraries");
}

/// A workspace with a lock of all four.
fn locked() -> &'static (PathBuf, BaseLock) {
    static LOCKED: OnceLock<(PathBuf, BaseLock)> = OnceLock::new();
    LOCKED.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("architectures");
        let _ = std::fs::remove_dir_all(folder.join("docker"));
        std::fs::create_dir_all(folder.join("src")).unwrap();
        let manifest = "[package]\nname = \"w\"\nedition = \"2024\"\n[workspace]\n";
        std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
        std::fs::write(folder.join("src/main.rs"), "fn main() {}\n").unwrap();
        let archs = FURTHER.map(|arch| ["--arch", arch.as_str()]);
        let told = call(&folder, &[&["base", "update", "13"], archs.as_flattened()].concat());
        assert!(told.errors().contains("have no security updates"), "{}", told.errors());
        let file = folder.join("docker/bases").join(BaseLock::file_name(13));
        let lock = BaseLock::load(&file).unwrap().unwrap();
        assert_eq!(lock.releases.keys().collect::<Vec<_>>(), ["trixie"]);
        assert_eq!(lock.packages.keys().copied().collect::<Vec<_>>(), FURTHER);
        (folder, lock)
    })
}

fn assembled(folder: &Path, arch: DebianArch) -> Assembled {
    let host = Host::read(Triple::parse("x86_64-unknown-linux-gnu"));
    let (locks, cache) = (&*folder.join("docker/bases"), &*folder.join("cache"));
    let ui = &Ui::silent();
    let site = BaseContext {
        locks,
        cache,
        host: &host,
        ui,
        snapshots: &[],
        offline: true,
        may_refresh: false,
        strict: false,
        allow_superseded: false,
    };
    load(Distroless::parse(BASE).unwrap(), &arch.platform(), &site).unwrap()
}

/// `cargo xtask` with an apt that knows the main suite alone, of the host's own archive.
fn call(folder: &Path, args: &[&str]) -> Output {
    static CONFIG: OnceLock<PathBuf> = OnceLock::new();
    let config = CONFIG.get_or_init(|| {
        let format = ["--format", "$(RELEASE) $(REPO_URI)"];
        let known = Cmd::new("apt-get").args(["indextargets", "Created-By: Packages", "Component: main"]);
        let known = run(&known.args(format)).text();
        // `trixie`, but not `trixie-updates`.
        let main =
            known.lines().filter_map(|line| line.split_once(' ')).find(|(name, _)| !name.contains('-'));
        let (release, address) = main.expect("apt knows a main suite");
        let list = folder.join("sources.list");
        std::fs::write(&list, format!("deb {address} {release} main\n")).unwrap();
        let config = folder.join("apt.conf");
        let list = format!("Dir::Etc::SourceList \"{}\";\n", list.display());
        std::fs::write(&config, list + "Dir::Etc::SourceParts \"/dev/null\";\n").unwrap();
        config
    });
    let cmd = Cmd::new(env!("CARGO_BIN_EXE_cargo-xtask")).args(args).cwd(folder);
    run(&cmd.env("APT_CONFIG", config).env("XTASK_CACHE_DIR", folder.join("cache")))
}

/// Runs a command that has to succeed, and may fetch packages.
fn run(cmd: &Cmd) -> Output {
    run_within(cmd, std::time::Duration::from_secs(300))
}
