//! An aarch64 root made of Debian's cross packages, held against that loader under qemu.

use std::path::Path;
use std::time::Duration;

use xtask_gate::{Limits, Program, Severity, Tree, check_in};
use xtask_oci::{Node, RootFs};
use xtask_process::exec::Cmd;
use xtask_test_support::process::starts;
use xtask_test_support::skip::skipped;
use xtask_triple::Triple;

use crate::programs::{Bench, THREADS};

const SYSROOT: &str = "/usr/aarch64-linux-gnu";
const ARM: &str = "aarch64-unknown-linux-gnu";

#[test]
fn the_same_libraries_as_the_loader_of_aarch64() {
    let test = "the_same_libraries_as_the_loader_of_aarch64";
    let cc = "aarch64-linux-gnu-gcc";
    let qemu = ["qemu-aarch64", "qemu-aarch64-static"].into_iter().find(|q| starts(q));
    let (true, Some(qemu), true) = (starts(cc), qemu, Path::new(SYSROOT).join("lib/libc.so.6").exists())
    else {
        return skipped(test, "aarch64-linux-gnu-gcc and qemu-aarch64");
    };
    let bench = Bench::new();
    let app = bench.compile(&[cc], &["-Wl,--no-as-needed", "-lm", "-pthread"], THREADS, "app");
    let mut files = RootFs::new();
    for name in ["ld-linux-aarch64.so.1", "libc.so.6", "libm.so.6"] {
        files
            .insert(&format!("lib/{name}"), Node::disk(0o755, Path::new(SYSROOT).join("lib").join(name)))
            .unwrap();
    }
    let judge = |files: &RootFs, triple: &str| {
        let tree = Tree::new("test", files);
        let findings =
            check_in(&Program::read(&app, "/app").unwrap(), &Triple::parse(triple), &tree, Limits::default());
        findings.into_iter().filter(|f| f.severity == Severity::Fail).map(|f| f.what).collect::<Vec<_>>()
    };
    assert_eq!(judge(&files, ARM), [""; 0]);
    let cmd = Cmd::new(qemu).args(["-L", SYSROOT]).arg(&app).env("LD_BIND_NOW", "1");
    assert!(cmd.capture(Duration::from_secs(30)).unwrap().ok());
    files.remove("lib/libm.so.6");
    assert_eq!(judge(&files, ARM), ["app needs libm.so.6, which test does not have"]);
    // The same under the manifest of another platform.
    let wrong = judge(&files, "x86_64-unknown-linux-gnu");
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert!(wrong[0].starts_with("the program is for aarch64"), "{wrong:?}");
}
