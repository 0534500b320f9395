use super::*;
use xtask_oci::Node;

fn tree(files: &[(&str, &str)]) -> RootFs {
    let mut tree = RootFs::new();
    for (path, text) in files {
        tree.insert(path, Node::bytes(0o644, text.as_bytes().to_vec())).unwrap();
    }
    tree
}

#[test]
fn of_distroless_debian_and_alpine() {
    let mut files = tree(&[
        ("usr/lib/libc.so.6", ""),
        ("var/lib/dpkg/status.d/libc6", "Package: libc6\nVersion: 2.41-12\nDescription: x\n"),
        ("var/lib/dpkg/status.d/libc6.md5sums", "d41d8cd98f00b204e9800998ecf8427e  lib/libc.so.6\n"),
    ]);
    files.insert("lib", Node::symlink("usr/lib")).unwrap();
    let packages = DistroPackages::read(&files);
    assert_eq!(packages.owner("/usr/lib/libc.so.6").unwrap().to_string(), "libc6 2.41-12");
    assert_eq!(packages.owner("usr/lib/libm.so.6"), None);

    let files = tree(&[
        ("usr/lib/libz.so.1", ""),
        ("var/lib/dpkg/status", "Package: base\nVersion: 1\n\nPackage: zlib1g\nVersion: 1:1.3\n"),
        ("var/lib/dpkg/info/zlib1g:amd64.list", "/.\n/usr\n/usr/lib/libz.so.1\n"),
    ]);
    assert_eq!(DistroPackages::read(&files).owner("usr/lib/libz.so.1").unwrap().to_string(), "zlib1g 1:1.3");

    let files = tree(&[
        ("lib/ld-musl-x86_64.so.1", ""),
        (
            "lib/apk/db/installed",
            "C:Q1x\nP:musl\nV:1.2.5-r0\nF:lib\nR:ld-musl-x86_64.so.1\na:0:0:755\nZ:Q1y\n\nP:b\n",
        ),
    ]);
    assert_eq!(
        DistroPackages::read(&files).owner("lib/ld-musl-x86_64.so.1").unwrap().to_string(),
        "musl 1.2.5-r0"
    );
}

#[test]
fn how_much_of_a_package_ships() {
    let sum = "d41d8cd98f00b204e9800998ecf8427e";
    let files = tree(&[
        ("usr/lib/libc.so.6", ""),
        ("usr/lib/libm.so.6", ""),
        (
            "var/lib/dpkg/status.d/libc6",
            "Package: libc6\nSource: glibc\nVersion: 2.41-12\nArchitecture: amd64\n",
        ),
        (
            "var/lib/dpkg/status.d/libc6.md5sums",
            &format!("{sum}  usr/lib/libc.so.6\n{sum}  usr/lib/libm.so.6\n{sum}  usr/sbin/gone\n"),
        ),
        ("var/lib/dpkg/status.d/bare", "Package: bare\nSource: bare\nVersion: 1\n"),
    ]);
    let mut left = files.clone();
    left.remove("usr/lib/libm.so.6");
    let told = |shipped: &RootFs| -> Vec<_> {
        let all = records(&files, shipped);
        all.into_iter().map(|r| (r.package.to_string(), r.origin, r.shipped, r.listed)).collect()
    };
    let bare = ("bare 1".to_owned(), None, 0, 0);
    assert_eq!(told(&files), [bare.clone(), ("libc6 2.41-12".into(), Some("glibc".into()), 2, 3)]);
    assert_eq!(told(&left), [bare, ("libc6 2.41-12".into(), Some("glibc".into()), 1, 3)]);

    let files = tree(&[
        ("usr/lib/libz.so.1", ""),
        ("var/lib/dpkg/status", "Package: zlib1g\nVersion: 1:1.3\nArchitecture: arm64\n"),
        ("var/lib/dpkg/info/zlib1g:arm64.list", "/.\n/usr\n/usr/lib\n/usr/lib/libz.so.1\n/usr/gone\n"),
    ]);
    let zlib = &records(&files, &files)[0];
    assert_eq!((zlib.listed, zlib.shipped, zlib.architecture.as_str()), (1, 1, "arm64"), "folders are none");
}
