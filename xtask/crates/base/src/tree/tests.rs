use super::*;
use crate::Flavour;

fn file(bytes: &'static str) -> Node {
    Node::bytes(0o644, bytes.as_bytes())
}

fn package(name: &str, files: &[(&str, Node)]) -> Unpacked {
    let mut tree = RootFs::new();
    for (path, node) in files {
        tree.insert(path, node.clone()).unwrap();
    }
    let control = format!("Package: {name}\nVersion: 1\n").into_bytes();
    Unpacked { name: name.into(), control, md5sums: Some(b"0  x\n".to_vec()), files: tree }
}

fn base_files() -> Unpacked {
    let os_release = file("PRETTY_NAME=\"Debian\"\nHOME_URL=\"home\"\nBUG_REPORT_URL=\"bugs\"\n");
    let mut files = vec![("usr/lib/os-release", os_release), ("tmp", Node::dir(0o755))];
    for link in ["bin", "lib", "lib64", "sbin"] {
        files.push((link, Node::symlink(format!("usr/{link}"))));
    }
    package("base-files", &files)
}

fn certificates() -> Unpacked {
    package(
        "ca-certificates",
        &[
            ("usr/share/ca-certificates/mozilla/B.crt", file("b")),
            ("usr/share/ca-certificates/mozilla/A.crt", file("a\n")),
            ("usr/share/doc/ca-certificates/copyright", file("mine")),
            ("usr/sbin/update-ca-certificates", file("#!/bin/sh")),
        ],
    )
}

fn text(tree: &RootFs, path: &str) -> String {
    String::from_utf8(tree.file(path).unwrap().1.read().unwrap().into_owned()).unwrap()
}

const STATIC: Distroless = Distroless::of(Flavour::Static);

#[test]
fn packages_and_what_scripts_would_have_made() {
    let libc =
        package("libc6", &[("lib64", Node::dir(0o755)), ("lib64/ld.so", file("l")), ("sbin/x", file("x"))]);
    let tree = assemble(STATIC, &[base_files(), certificates(), libc]).unwrap();
    assert_eq!(text(&tree, "etc/ssl/certs/ca-certificates.crt"), "a\nb\n");
    assert_eq!(tree.get("etc/ssl/certs/ca-certificates.crt").unwrap().mode, 0o555);
    assert!(tree.get("usr/sbin/update-ca-certificates").is_none());
    assert_eq!(text(&tree, "usr/share/doc/ca-certificates/copyright"), "mine");
    assert_eq!(tree.get("lib64"), Some(&Node::symlink("usr/lib64")), "a folder of a package is hoisted");
    assert_eq!(text(&tree, "usr/lib64/ld.so"), "l");
    assert_eq!(text(&tree, "usr/sbin/x"), "x");
    assert_eq!(text(&tree, "var/lib/dpkg/status.d/libc6"), "Package: libc6\nVersion: 1\n");
    assert_eq!(text(&tree, "var/lib/dpkg/status.d/libc6.md5sums"), "0  x\n");
    let os_release = text(&tree, "usr/lib/os-release");
    assert!(os_release.starts_with("PRETTY_NAME=\"Distroless\"\n"), "{os_release}");
    assert!(os_release.ends_with("(trixie)\"\nHOME_URL=\"home\"\nBUG_REPORT_URL=\"bugs\"\n"), "{os_release}");
    assert_eq!(tree.get("tmp"), Some(&Node::dir(0o1777)));
    assert_eq!(tree.get("home/nonroot"), Some(&Node::dir(0o700).owned(65532, 65532)));
}

#[test]
fn twelve_has_a_real_lib() {
    let base = package("base-files", &[("usr/lib/os-release", file("")), ("lib", Node::dir(0o755))]);
    let libc = package("libc6", &[("lib/libc.so.6", file("c"))]);
    let tree = assemble(Distroless { debian: 12, ..STATIC }, &[base, certificates(), libc]).unwrap();
    assert_eq!(tree.get("lib").map(|node| &node.kind), Some(&FileKind::Dir));
    assert!(tree.get("lib/libc.so.6").is_some() && tree.get("usr/lib/libc.so.6").is_none());
}

#[test]
fn the_last_counts_but_not_over_another_kind() {
    let (one, two) = (package("one", &[("etc/x", file("1"))]), package("two", &[("etc/x", file("2"))]));
    let three = package("three", &[("etc/x", Node::dir(0o755))]);
    let tree = assemble(STATIC, &[base_files(), certificates(), one.clone(), two]).unwrap();
    assert_eq!(text(&tree, "etc/x"), "2");
    let error = assemble(STATIC, &[base_files(), certificates(), one, three]).unwrap_err().to_string();
    assert!(error.contains("/etc/x") && error.contains("a folder in three, and a file"), "{error}");
}

#[test]
fn what_a_file_is_made_from_has_to_be_there() {
    let cases = [
        (vec![package("base-files", &[]), certificates()], "base-files has no /usr/lib/os-release"),
        (vec![base_files()], "the base has no etc/ssl/certs/ca-certificates.crt"),
        (vec![base_files(), package("ca-certificates", &[])], "ca-certificates has no file"),
        (vec![base_files(), package("busybox-static", &[])], "busybox-static has no /usr/bin/busybox"),
        (
            vec![base_files(), package("busybox-static", &[("bin/busybox", file("#!"))])],
            "names of its applets were not found",
        ),
    ];
    for (packages, words) in cases {
        let error = assemble(STATIC, &packages).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}
