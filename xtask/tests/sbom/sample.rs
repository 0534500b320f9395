//! A small program with everything in it: packages of each source, a macro, C that says its version and C that does not.

use std::collections::BTreeMap;

use xtask::cargo::units::{self, UnitGraph};
use xtask::sbom::c::{Known, Library, LibraryOrigin};
use xtask::sbom::crates::CratePackages;
use xtask::sbom::lock::CargoLock;
use xtask::sbom::manifest::CargoManifest;
use xtask::sbom::program::{BillInputs, LinkedStd, ProgramSubject};

pub(crate) const TARGET: &str = "x86_64-unknown-linux-musl";
const INDEX: &str = "registry+https://example.org/rust-lang/crates.io-index";

pub(crate) fn program() -> ProgramSubject {
    ProgramSubject {
        name: "app".into(),
        version: "1.2.0".into(),
        description: Some("a program".into()),
        license: Some("MIT OR Apache-2.0".into()),
        repository: Some("https://example.org/app".into()),
        revision: Some("c0ffee".into()),
        target: TARGET.into(),
        mode: "native".into(),
        sha256: "ab".repeat(32),
        linkage: Some("static".into()),
        compiler: Some(("zig".into(), "zig 0.15.2".into())),
        std: LinkedStd {
            version: "1.95.0".into(),
            provider: "rustc".into(),
            identity: "0123456789abcdef".into(),
        },
        libc: Some(("musl", "musl-libc:musl")),
        ..ProgramSubject::default()
    }
}

fn graph() -> UnitGraph {
    let unit = |id: &str, platform: Option<&str>, kind: &str, mode: &str, needs: &[usize]| {
        let needs: Vec<_> = needs.iter().map(|index| serde_json::json!({ "index": index })).collect();
        serde_json::json!({ "pkg_id": id, "platform": platform, "mode": mode, "features": ["std"],
            "target": { "name": "x", "kind": [kind], "src_path": "/x/src/lib.rs" }, "dependencies": needs })
    };
    let target = Some(TARGET);
    let own = |name: &str| format!("path+file:///w/{name}#1.2.0");
    let units = [
        unit(&own("app"), target, "bin", "build", &[1, 2, 3, 4]),
        unit(&own("part"), target, "lib", "build", &[]),
        unit(&format!("{INDEX}#sqlite-sys@0.39.1"), target, "lib", "build", &[5]),
        unit("git+https://example.org/dep?branch=main#dep@0.3.0", target, "lib", "build", &[]),
        unit(&format!("{INDEX}#macros@2.0.0"), None, "proc-macro", "build", &[]),
        unit(&format!("{INDEX}#sqlite-sys@0.39.1"), target, "custom-build", "run-custom-build", &[6]),
        unit(&format!("{INDEX}#sqlite-sys@0.39.1"), None, "custom-build", "build", &[7]),
        unit("sparse+https://example.com/index/#builder@4.0.0", None, "lib", "build", &[]),
    ];
    let text = serde_json::json!({ "version": 1, "units": units, "roots": [0] }).to_string();
    units::read(text.as_bytes()).unwrap()
}

fn lock() -> CargoLock {
    let package = |name: &str, version: &str, source: &str, checksum: &str| {
        format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nsource = \"{source}\"\n{checksum}")
    };
    let checksum = |digits: &str| format!("checksum = \"{}\"\n", digits.repeat(32));
    let text = [
        package("sqlite-sys", "0.39.1", INDEX, &checksum("01")),
        package("macros", "2.0.0", INDEX, &checksum("02")),
        package("builder", "4.0.0", "sparse+https://example.com/index/", &checksum("03")),
        package("dep", "0.3.0", "git+https://example.org/dep?branch=main#deadbeef", ""),
    ];
    CargoLock::read(&text.concat())
}

fn manifests(packages: &CratePackages) -> BTreeMap<usize, CargoManifest> {
    let of = |name: &str| match name {
        "part" => CargoManifest { license: Some("MIT/Apache-2.0".into()), ..CargoManifest::default() },
        "dep" => CargoManifest {
            license_file: Some("COPYING".into()),
            published: true,
            ..CargoManifest::default()
        },
        "macros" => CargoManifest {
            license: Some("See the website".into()),
            published: true,
            ..CargoManifest::default()
        },
        _ => CargoManifest {
            license: Some("MIT".into()),
            description: Some("binds SQLite".into()),
            repository: Some("https://example.org/x".into()),
            published: true,
            ..CargoManifest::default()
        },
    };
    packages.all.iter().enumerate().map(|(at, package)| (at, of(&package.name))).collect()
}

pub(crate) fn read() -> BillInputs {
    let packages = CratePackages::of(&graph(), TARGET).unwrap();
    let library = |package: &str, name: &str, known| Library {
        package: package.to_owned(),
        name: name.to_owned(),
        linked: None,
        origin: LibraryOrigin::Made,
        known,
    };
    let sqlite = Known {
        name: "sqlite".into(),
        version: "3.50.4".into(),
        cpe: "sqlite:sqlite".into(),
        symbol: "sqlite3_version".into(),
    };
    BillInputs {
        manifests: manifests(&packages),
        lock: lock(),
        libraries: vec![
            library("path+file:///w/part#1.2.0", "part_c", None),
            library(&format!("{INDEX}#sqlite-sys@0.39.1"), "sqlite3", Some(sqlite)),
        ],
        libc: Some("1.2.5".into()),
        packages: Some(packages),
    }
}
