//! A base cut down to what a program needs, and the smallest base that a program starts on.

use xtask_base as base;
use xtask_gate::{Level, Program, Tree, closure_paths};
use xtask_oci::{FileKind, Node, RootFs};

use crate::programs::THREADS;
use crate::roots::{CXX, LIB, Root, ready};

/// Writes a tree into an empty root.
fn unpack(tree: &RootFs) -> Root {
    let root = Root::empty("cut");
    for (path, node) in tree.iter() {
        match &node.kind {
            FileKind::Dir => std::fs::create_dir_all(root.path(path)).unwrap(),
            FileKind::Symlink(target) => root.link(target, path),
            FileKind::File(content) => {
                root.write(path, content.read().unwrap());
                let mode = std::os::unix::fs::PermissionsExt::from_mode(node.mode);
                std::fs::set_permissions(root.path(path), mode).unwrap();
            }
        }
    }
    root
}

#[test]
fn what_is_left_of_a_base_is_enough() {
    if !ready("what_is_left_of_a_base_is_enough") {
        return;
    }
    let root = Root::glibc("distroless:cc", &CXX);
    root.link("/etc/../usr/lib/os-release", "etc/os-release");
    root.write("usr/lib/os-release", "NAME=x\n");
    root.write("etc/ssl/certs/ca-certificates.crt", "certificates\n");
    root.write("etc/passwd", "root:x:0:0::/root:/sbin/nologin\n");
    root.write("usr/share/zoneinfo/Europe/Berlin", "x");
    root.write("usr/share/doc/libc6/copyright", "c\n");
    root.write("usr/share/doc/gcc-14-base/copyright", "gcc\n");
    root.link("gcc-14-base", "usr/share/doc/libgcc-s1");
    let folder = &LIB[1..];
    for (package, file) in
        [("libc6", "libc.so.6"), ("libgcc-s1", "libgcc_s.so.1"), ("libstdc++6", "libstdc++.so.6")]
    {
        root.write(&format!("var/lib/dpkg/status.d/{package}"), format!("Package: {package}\nVersion: 1\n"));
        let sum = "0".repeat(32);
        root.write(&format!("var/lib/dpkg/status.d/{package}.md5sums"), format!("{sum}  {folder}/{file}\n"));
    }
    let gcc = format!("{LIB}/libgcc_s.so.1");
    let uses = THREADS.replace("int main", "int _Unwind_Backtrace(void *, void *);\nint main");
    let uses = uses
        .replace("fputs", "if (!t) _Unwind_Backtrace(0, 0); fputs")
        .replace("pthread_t t;", "pthread_t t = 1;");
    root.program("gcc", "app", &uses, &[&gcc]);
    assert!(root.start("/app").0);

    let files = root.tree();
    let tree = Tree::new("distroless:cc", &files);
    let program = Program::read(&root.path("app"), "/app").unwrap();
    let paths = closure_paths(&program, &tree, Level::V1).unwrap();
    assert_eq!(
        paths,
        [
            "lib",
            "lib64/ld-linux-x86-64.so.2",
            "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
            "usr/lib/x86_64-linux-gnu/libc.so.6",
            "usr/lib/x86_64-linux-gnu/libgcc_s.so.1",
        ]
    );
    let mut cut = base::closure(&tree, &program, Level::V1, &[]).unwrap();
    let left: Vec<&str> = cut.iter().filter(|(_, n)| n.kind != FileKind::Dir).map(|(path, _)| path).collect();
    assert_eq!(
        left,
        [
            "etc/os-release",
            "etc/passwd",
            "etc/ssl/certs/ca-certificates.crt",
            "lib",
            "lib64/ld-linux-x86-64.so.2",
            "usr/lib/os-release",
            "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
            "usr/lib/x86_64-linux-gnu/libc.so.6",
            "usr/lib/x86_64-linux-gnu/libgcc_s.so.1",
            "usr/share/doc/gcc-14-base/copyright",
            "usr/share/doc/libc6/copyright",
            "usr/share/doc/libgcc-s1",
            "var/lib/dpkg/status.d/libc6",
            "var/lib/dpkg/status.d/libc6.md5sums",
            "var/lib/dpkg/status.d/libgcc-s1",
            "var/lib/dpkg/status.d/libgcc-s1.md5sums",
        ]
    );
    assert_eq!(cut, base::closure(&tree, &program, Level::V1, &[]).unwrap());
    cut.insert("app", Node::disk(0o755, root.path("app"))).unwrap();
    let started = unpack(&cut).start("/app");
    assert!(started.0, "{}", started.1);
    // Nothing that is left over could be left out.
    for path in paths.iter().filter(|path| path.contains("so")) {
        let small = unpack(&cut);
        small.remove(path);
        assert!(!small.start("/app").0, "it starts without {path}");
    }
}

#[test]
fn lists_of_debian_and_alpine_are_cut_too() {
    let mut files = RootFs::new();
    let mut put =
        |path: &str, text: &str| files.insert(path, Node::bytes(0o644, text.as_bytes().to_vec())).unwrap();
    put("etc/issue", "x");
    put("var/lib/dpkg/status", "Package: base-files\nVersion: 1\n\nPackage: bash\nVersion: 2\n");
    put("var/lib/dpkg/info/base-files.list", "/.\n/etc/issue\n");
    put("lib/apk/db/installed", "P:alpine\nV:3\nF:etc\nR:issue2\n\nP:busybox\nV:1\n");
    let tree = Tree::new("debian", &files);
    let empty = program_without_needs();
    let cut = base::closure(&tree, &empty, Level::V1, &[]).unwrap();
    let text =
        |path: &str| String::from_utf8(cut.file(path).unwrap().1.read().unwrap().into_owned()).unwrap();
    assert_eq!(text("var/lib/dpkg/status"), "Package: base-files\nVersion: 1\n\n");
    assert_eq!(text("lib/apk/db/installed"), "");
}

/// This test program, made static: only what it names counts here.
fn program_without_needs() -> Program {
    let bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let mut program = Program::parse("test", &bytes, "/test").unwrap();
    program.facts.interpreter = None;
    program
}
