//! Dynamic programs for musl, held against musl's own loader.

use std::path::Path;
use std::time::Duration;

use xtask_gate::Severity;
use xtask_process::exec::Cmd;
use xtask_test_support::process::starts;
use xtask_test_support::skip::skipped;

use crate::programs::HELLO;
use crate::roots::{Root, ready};

const MUSL: &str = "x86_64-unknown-linux-musl";
const LOADER: &str = "/lib/ld-musl-x86_64.so.1";

fn agree(root: &Root, at: &str) -> Vec<String> {
    let findings = root.findings(at, MUSL);
    let failures: Vec<String> =
        findings.into_iter().filter(|f| f.severity == Severity::Fail).map(|f| f.what).collect();
    let (started, said) = root.start(at);
    assert_eq!(failures.is_empty(), started, "the gate: {failures:#?}\nthe loader: {said}");
    failures
}

#[test]
fn folders_paths_and_symbols_as_musl_has_them() {
    let test = "folders_paths_and_symbols_as_musl_has_them";
    if !ready(test) {
        return;
    }
    if !starts("musl-gcc") || !Path::new(LOADER).exists() {
        return skipped(test, "musl-gcc");
    }
    let mut root = Root::empty("alpine");
    root.copy(LOADER, LOADER);
    root.program("musl-gcc", "app", HELLO, &[]);
    assert_eq!(agree(&root, "/app"), [""; 0]);

    let library = |root: &Root, at: &str, source: &str, flags: &[&str]| {
        let file = root.bench.path("library.c");
        std::fs::write(&file, source).unwrap();
        let output = root.path(at);
        let cmd =
            Cmd::new("musl-gcc").args(["-shared", "-fPIC"]).arg("-o").arg(&output).arg(&file).args(flags);
        assert!(cmd.capture(Duration::from_secs(60)).unwrap().ok());
        output
    };
    let b = library(&root, "opt/b/libb.so", "int b(void) { return 0; }", &["-Wl,-soname,libb.so"]);
    let b = b.to_str().unwrap();
    let main = "int b(void); int main(void) { return b(); }";
    root.program("musl-gcc", "app", main, &[b]);
    assert_eq!(
        agree(&root, "/app"),
        ["app needs libb.so, which alpine has at /opt/b/libb.so, where the loader does not search"]
    );
    // The image's variables come first; they are no more than lists of folders.
    for (folder, list, starts) in [
        ("/", "/opt/b", true),
        ("/", "/nowhere:/opt/b/", true),
        ("/", "/nowhere;/opt/b", false),
        ("/", "/nowhere\n/opt/b", true),
        ("/bin", "$ORIGIN/opt/b", false),
        ("/", "opt/b", true),
        ("/opt/b", ".", true),
        ("/opt/b", ":", false),
        ("/opt", "", false),
    ] {
        root.folder = folder.to_owned();
        root.env = vec![format!("LD_LIBRARY_PATH={list}")];
        root.path("bin/x");
        assert_eq!(agree(&root, "/app").is_empty(), starts, "{folder} {list:?}");
    }
    root.folder = "/".to_owned();
    root.env = vec!["LD_PRELOAD=/none.so:libb.so".to_owned(), "LD_LIBRARY_PATH=/opt/b".to_owned()];
    assert_eq!(agree(&root, "/app"), [""; 0]);
    // By its path it is loaded, and not known by its name.
    root.env = vec!["LD_PRELOAD=/none.so /opt/b/libb.so".to_owned()];
    assert_eq!(agree(&root, "/app").len(), 1);
    root.env = vec!["LD_LIBRARY_PATH=/opt/bad".to_owned()];
    root.write("opt/bad/libb.so", "no library");
    root.program("musl-gcc", "app", main, &[b, "-Wl,-rpath,/opt/b"]);
    assert_eq!(agree(&root, "/app").len(), 1, "it comes before what the program says");
    root.env.clear();
    root.program("musl-gcc", "app", main, &[b]);
    // The list of folders stands in for the default ones.
    root.write("etc/ld-musl-x86_64.path", "/nowhere\n/opt/b\n");
    assert_eq!(agree(&root, "/app"), [""; 0]);
    root.write("etc/ld-musl-x86_64.path", "/nowhere");
    root.copy(b, "lib/libb.so");
    assert_eq!(agree(&root, "/app").len(), 1);
    root.remove("etc/ld-musl-x86_64.path");
    assert_eq!(agree(&root, "/app"), [""; 0]);
    root.remove("lib/libb.so");
    for folder in ["usr/local/lib", "usr/lib"] {
        root.copy(b, &format!("{folder}/libb.so"));
        assert_eq!(agree(&root, "/app"), [""; 0], "{folder}");
        root.remove(&format!("{folder}/libb.so"));
    }
    // A runpath is inherited, unlike with glibc.
    let a = library(
        &root,
        "opt/a/liba.so",
        "int b(void); int a(void) { return b(); }",
        &["-Wl,-soname,liba.so", b],
    );
    let uses_a = "int a(void); int main(void) { return a(); }";
    let flags = [
        "-Wl,--enable-new-dtags,-rpath,/opt/a:$ORIGIN/../opt/b",
        "-Wl,--allow-shlib-undefined",
        a.to_str().unwrap(),
    ];
    root.program("musl-gcc", "bin/app", uses_a, &flags);
    assert_eq!(agree(&root, "/bin/app"), [""; 0]);
    // One token that musl does not know, and the whole list is ignored.
    let flags = ["-Wl,-rpath,/opt/a:/opt/b:/$LIB", "-Wl,--allow-shlib-undefined", a.to_str().unwrap()];
    root.program("musl-gcc", "bin/app", uses_a, &flags);
    assert_eq!(agree(&root, "/bin/app").len(), 1);
    // A symbol that is gone.
    root.program("musl-gcc", "bin/app", main, &["-Wl,-rpath,/opt/b", b]);
    library(&root, "opt/b/libb.so", "int c(void) { return 0; }", &["-Wl,-soname,libb.so"]);
    assert_eq!(
        agree(&root, "/bin/app"),
        ["app uses b, which is not defined in any of its libraries: libb.so, libc.so"]
    );
}
