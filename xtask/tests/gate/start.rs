//! What images name to be started beside our program, held against what the kernel and the loader do with it.

use std::os::unix::fs::PermissionsExt;

use xtask_base as base;
use xtask_gate::{Level, Program, Start, Tree};
use xtask_oci::{FileKind, Node};
use xtask_triple::Triple;

use crate::programs::HELLO;
use crate::roots::{GNU, LIB, Root, ready};

fn executable(root: &Root, at: &str, bytes: impl AsRef<[u8]>) {
    root.write(at, bytes);
    mode(root, at, 0o755);
}

fn mode(root: &Root, at: &str, mode: u32) {
    std::fs::set_permissions(root.path(at), PermissionsExt::from_mode(mode)).unwrap();
}

/// What keeps a file from starting; the kernel agrees.
fn agree(root: &Root, at: &str) -> Vec<String> {
    let files = root.tree();
    let tree = Tree::new("test", &files).starting_with(&root.env, &root.folder);
    let found = Start::of(at, &tree).check("x names it", &Triple::parse(GNU), &tree, None);
    let (started, said) = root.start(at);
    assert_eq!(found.is_empty(), started, "{at}: {found:#?}\n{said}");
    found.into_iter().map(|finding| finding.what).collect()
}

#[test]
fn programs_scripts_and_what_is_neither() {
    if !ready("programs_scripts_and_what_is_neither") {
        return;
    }
    let mut root = Root::glibc("test", &[]);
    let tool = root.program("gcc", "usr/bin/tool", HELLO, &[]);
    let bytes = std::fs::read(tool).unwrap();
    // No /bin/sh: what starts programs here would hand it what the kernel refuses.
    root.link("/usr/bin/tool", "bin/run");
    let starts = |root: &Root, at: &str| assert_eq!(agree(root, at), [""; 0], "{at}");
    let refused = |root: &Root, at: &str, why: &str| {
        let found = agree(root, at);
        assert_eq!(found, [format!("x names it, which cannot be executed: {why}")], "{at}");
    };
    starts(&root, "/bin/run");
    executable(&root, "bin/cut", &bytes[..100]);
    let found = agree(&root, "/bin/cut");
    assert!(
        found[0].starts_with("x names it, which cannot be executed: it is damaged or cut off"),
        "{found:?}"
    );
    executable(&root, "bin/text", "no program\n");
    refused(&root, "/bin/text", "it is a text file");
    executable(&root, "bin/nothing", "");
    refused(&root, "/bin/nothing", "it is an empty file");

    executable(&root, "bin/script", "#! /bin/run -e\n");
    starts(&root, "/bin/script");
    executable(&root, "bin/of-a-script", "#!/bin/script\n");
    starts(&root, "/bin/of-a-script");
    executable(&root, "bin/dos", "#!/bin/run\r\n");
    refused(&root, "/bin/dos", "its interpreter \"/bin/run\\r\" is not in test");
    executable(&root, "bin/absent", "#!/bin/bash\n");
    refused(&root, "/bin/absent", "its interpreter /bin/bash is not in test");
    executable(&root, "bin/no-mode", "#!/bin/plain\n");
    executable(&root, "bin/plain", &bytes);
    mode(&root, "bin/plain", 0o644);
    refused(&root, "/bin/no-mode", "its interpreter /bin/plain may not be executed (mode 0644)");
    executable(&root, "bin/itself", "#!/bin/itself\n");
    refused(&root, "/bin/itself", "its interpreter is a script, and so on");
    executable(&root, "bin/relative", "#!bin/tool\n");
    refused(&root, "/bin/relative", "its interpreter /bin/tool is not in test");
    root.folder = "/usr".to_owned();
    starts(&root, "/bin/relative");
    root.folder = "/".to_owned();

    // A loader is a program; a library is none.
    let loader = root.start("/lib64/ld-linux-x86-64.so.2").1;
    assert!(!loader.contains("xec format") && !loader.contains("cannot"), "{loader}");
    let files = root.tree();
    let tree = Tree::new("test", &files);
    let check = |at: &str| Start::of(at, &tree).check("x", &Triple::parse(GNU), &tree, None);
    assert_eq!(check("/lib64/ld-linux-x86-64.so.2"), []);
    starts(&root, &format!("{LIB}/libc.so.6"));

    // What it needs is found by the image's variables.
    let b = root.library("opt/b/libb.so", "int b(void) { return 0; }", &[]);
    let main = "int b(void); int main(void) { return b(); }";
    root.program("gcc", "bin/dyn", main, &[b.to_str().unwrap()]);
    executable(&root, "bin/of-dyn", "#!/bin/dyn\n");
    for at in ["/bin/dyn", "/bin/of-dyn"] {
        root.env.clear();
        let found = agree(&root, at);
        let why = "dyn needs libb.so, which test has at /opt/b/libb.so, where the loader does not search";
        assert_eq!(found, [format!("x names it, which does not start: {why}")]);
        root.env = vec!["LD_LIBRARY_PATH=/opt/b".to_owned()];
        starts(&root, at);
    }
}

#[test]
fn what_is_left_of_a_base_is_enough_for_them_too() {
    if !ready("what_is_left_of_a_base_is_enough_for_them_too") {
        return;
    }
    let root = Root::glibc("test", &[]);
    let b = root.library("opt/b/libb.so", "int b(void) { return 0; }", &["-Wl,-rpath,/opt"]);
    let main = "int b(void); int main(void) { return b(); }";
    root.program("gcc", "usr/bin/dyn", main, &["-Wl,-rpath,/opt/b", b.to_str().unwrap()]);
    root.link("dyn", "usr/bin/sh");
    root.link("usr/bin", "bin");
    executable(&root, "usr/bin/other", "x");
    executable(&root, "opt/check", "#!/bin/sh\n");
    root.program("gcc", "app", HELLO, &[]);
    let files = root.tree();
    let tree = Tree::new("test", &files);
    let program = Program::read(&root.path("app"), "/app").unwrap();
    let start = Start::of("/opt/check", &tree);
    assert!(start.is_script() && start.program().is_some_and(|program| program.at == "/usr/bin/dyn"));
    let also = start.paths(&tree, Level::V1).unwrap();
    let cut = base::closure(&tree, &program, Level::V1, &also).unwrap();
    assert!(cut.get("usr/bin/other").is_none() && cut.get("app").is_none());
    let small = Root::empty("cut");
    for (path, node) in cut.iter() {
        match &node.kind {
            FileKind::Dir => std::fs::create_dir_all(small.path(path)).unwrap(),
            FileKind::Symlink(target) => small.link(target, path),
            FileKind::File(content) => {
                small.write(path, content.read().unwrap());
                mode(&small, path, node.mode);
            }
        }
    }
    assert_eq!(small.start("/opt/check"), (true, String::new()));
    assert_eq!(cut.get("opt/check").map(|node: &Node| node.mode), Some(0o755));
}
