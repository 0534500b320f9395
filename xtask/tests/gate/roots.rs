//! Root file systems made of this machine's own C libraries: as a tree for the gate, and as a folder in which the real
//! loader can be asked the same question.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use xtask_gate::{Finding, Limits, Program, Severity, Tree, check_in};
use xtask_oci::{Node, RootFs};
use xtask_process::exec::Cmd;
use xtask_test_support::process::{run, starts};
use xtask_test_support::skip::skipped;
use xtask_triple::Triple;

use crate::programs::Bench;

pub(crate) const GNU: &str = "x86_64-unknown-linux-gnu";
/// Where Debian has glibc on x86-64.
pub(crate) const LIB: &str = "/lib/x86_64-linux-gnu";
pub(crate) const GLIBC: [&str; 2] = ["libc.so.6", "libm.so.6"];
pub(crate) const CXX: [&str; 2] = ["libstdc++.so.6", "libgcc_s.so.1"];

/// A root file system on disk.
pub(crate) struct Root {
    pub(crate) bench: Bench,
    name: String,
    /// Variables that programs are started with, and the folder that they start in.
    pub(crate) env: Vec<String>,
    pub(crate) folder: String,
}

impl Root {
    /// An empty one.
    pub(crate) fn empty(name: &str) -> Self {
        let bench = Bench::new();
        std::fs::create_dir(bench.path("root")).unwrap();
        Self { bench, name: name.to_owned(), env: Vec::new(), folder: "/".to_owned() }
    }

    /// This machine's glibc, laid out as Debian has it, with these libraries beside it.
    pub(crate) fn glibc(name: &str, libraries: &[&str]) -> Self {
        let root = Self::empty(name);
        root.copy("/lib64/ld-linux-x86-64.so.2", "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2");
        root.link("usr/lib", "lib");
        root.link("/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", "lib64/ld-linux-x86-64.so.2");
        for library in GLIBC.iter().chain(libraries) {
            root.copy(&format!("{LIB}/{library}"), &format!("usr/lib/x86_64-linux-gnu/{library}"));
        }
        root
    }

    pub(crate) fn path(&self, at: &str) -> PathBuf {
        let path = self.bench.path("root").join(at.trim_start_matches('/'));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    pub(crate) fn copy(&self, from: &str, at: &str) {
        std::fs::copy(from, self.path(at)).unwrap();
    }

    pub(crate) fn link(&self, target: &str, at: &str) {
        symlink(target, self.path(at)).unwrap();
    }

    pub(crate) fn write(&self, at: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(at), bytes).unwrap();
    }

    pub(crate) fn remove(&self, at: &str) {
        std::fs::remove_file(self.path(at)).unwrap();
    }

    /// Compiles a shared library to a place in the root.
    pub(crate) fn library(&self, at: &str, source: &str, flags: &[&str]) -> PathBuf {
        let file = self.bench.path("library.c");
        std::fs::write(&file, source).unwrap();
        let output = self.path(at);
        let soname = format!("-Wl,-soname,{}", output.file_name().unwrap().to_str().unwrap());
        let cmd = Cmd::new("gcc").args(["-shared", "-fPIC", &soname]).arg("-o").arg(&output).arg(&file);
        run(&cmd.args(flags));
        output
    }

    /// Compiles a program to a place in the root.
    pub(crate) fn program(&self, cc: &str, at: &str, source: &str, flags: &[&str]) -> PathBuf {
        let file = self.bench.path("program.c");
        std::fs::write(&file, source).unwrap();
        let output = self.path(at);
        run(&Cmd::new(cc).arg("-o").arg(&output).arg(&file).args(flags));
        output
    }

    /// What the gate judges against: the same files.
    pub(crate) fn tree(&self) -> RootFs {
        fn walk(dir: &Path, at: &str, tree: &mut RootFs) {
            for entry in std::fs::read_dir(dir).unwrap() {
                let entry = entry.unwrap();
                let name = entry.file_name().into_string().unwrap();
                let place = if at.is_empty() { name } else { format!("{at}/{name}") };
                let meta = std::fs::symlink_metadata(entry.path()).unwrap();
                let mode = meta.permissions().mode() & 0o7777;
                if meta.is_dir() {
                    tree.insert(&place, Node::dir(mode)).unwrap();
                    walk(&entry.path(), &place, tree);
                } else if meta.is_symlink() {
                    let target =
                        std::fs::read_link(entry.path()).unwrap().into_os_string().into_string().unwrap();
                    tree.insert(&place, Node::symlink(target)).unwrap();
                } else {
                    tree.insert(&place, Node::disk(mode, entry.path())).unwrap();
                }
            }
        }
        let mut tree = RootFs::new();
        walk(&self.bench.path("root"), "", &mut tree);
        tree
    }

    /// The gate's findings about the program at a place in the root.
    pub(crate) fn findings(&self, at: &str, triple: &str) -> Vec<Finding> {
        let files = self.tree();
        let tree = Tree::new(&self.name, &files).starting_with(&self.env, &self.folder);
        let program = Program::read(&self.path(at), at).unwrap();
        check_in(&program, &Triple::parse(triple), &tree, Limits::default())
    }

    /// What keeps the program from starting, by the gate.
    pub(crate) fn failures(&self, at: &str) -> Vec<String> {
        let findings = self.findings(at, GNU);
        findings.into_iter().filter(|f| f.severity == Severity::Fail).map(|f| f.what).collect()
    }

    /// Starts the program with this folder as its root, all symbols bound at once: what the real loader says, and
    /// whether it went well.
    pub(crate) fn start(&self, at: &str) -> (bool, String) {
        self.inside(&[at])
    }

    fn inside(&self, line: &[&str]) -> (bool, String) {
        // The loader reads the place of the program ($ORIGIN) in /proc, which containers have. The mount ends with the
        // process.
        std::fs::create_dir_all(self.bench.path("root/proc")).unwrap();
        let script = "mount --bind /proc \"$0/proc\" && cd / && wd=$1 && shift && \
            exec unshare --root \"$0\" --wd \"$wd\" \"$@\"";
        let cmd = Cmd::new("unshare").args(["--mount", "sh", "-c", script]).arg(self.bench.path("root"));
        let cmd = cmd.arg(&self.folder).args(line).env("LD_BIND_NOW", "1");
        let named = self.env.iter().filter_map(|entry| entry.split_once('='));
        let cmd = named.fold(cmd, |cmd, (name, value)| cmd.env(name, value));
        let output = cmd.capture(Duration::from_secs(30)).unwrap();
        (output.ok(), format!("{}{}", output.text(), output.errors()))
    }

    /// The files that the real loader maps for the program, in its order, without the kernel's own.
    pub(crate) fn mapped(&self, at: &str) -> Vec<String> {
        let (_, said) = self.inside(&["/lib64/ld-linux-x86-64.so.2", "--list", at]);
        let lines = said.lines().filter_map(|line| {
            let path = line.split_once(" => ").map_or(line, |(_, path)| path).trim().split(' ').next()?;
            // A path that is not absolute begins in the folder that the loader was started in.
            let path = match path {
                path if path.starts_with('/') => path.to_owned(),
                "linux-vdso.so.1" => return None,
                path => format!("{}/{path}", self.folder.trim_end_matches('/')),
            };
            line.contains(" (0x").then_some(path)
        });
        lines.collect()
    }
}

/// Whether the real loader can be asked: x86-64 Linux with glibc and gcc, and root for chroot.
pub(crate) fn ready(test: &str) -> bool {
    let linux = cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"));
    let debian =
        Path::new(LIB).join("libc.so.6").exists() && Path::new("/lib64/ld-linux-x86-64.so.2").exists();
    if !linux || !debian || !starts("gcc") {
        skipped(test, "gcc and glibc as Debian has them on x86-64");
        return false;
    }
    let root = std::fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0);
    if !root || !starts("unshare") {
        skipped(test, "root, for unshare");
        return false;
    }
    true
}
