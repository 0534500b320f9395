//! A workspace and a list of targets that exist only in tests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use xtask_config::Config;
use xtask_config::cargo_config::CargoConfig;
use xtask_config::workspace::{Dependency, Package, Version, Workspace};
use xtask_files::error::Result;

/// The workspace of the golden files: package `shop` with the programs `shop` and `till`, and a library `engine`.
pub(crate) fn workspace() -> Workspace {
    let mut shop = package("shop");
    shop.bins = vec!["shop".into(), "till".into()];
    shop.features = ["default", "native", "pure", "tracing"].map(|f| (f.to_owned(), Vec::new())).into();
    shop.required_features = [("till".to_owned(), vec!["tracing".to_owned(), "engine/x".to_owned()])].into();
    let engine = Dependency { package: "engine".into(), ..Dependency::default() };
    shop.dependencies = BTreeMap::from([("engine".to_owned(), engine)]);
    Workspace {
        root: "/made/up".into(),
        target_directory: "/made/up/target".into(),
        lock_file: "/made/up/Cargo.lock".into(),
        packages: vec![package("engine"), shop],
        profiles: ["bench", "dev", "release", "small", "test"].map(String::from).into(),
        configuration: CargoConfig::default(),
    }
}

fn package(name: &str) -> Package {
    Package {
        name: name.to_owned(),
        id: format!("path+file:///made/up/{name}#{name}@1.2.3"),
        version: Version::new(1, 2, 3),
        dir: Path::new("/made/up").join(name),
        default_member: true,
        bins: Vec::new(),
        required_features: BTreeMap::new(),
        default_run: None,
        features: BTreeMap::new(),
        dependencies: BTreeMap::new(),
        license: None,
        license_files: Vec::new(),
        rust_version: None,
        repository: None,
        description: None,
        homepage: None,
        documentation: None,
        authors: Vec::new(),
    }
}

/// Some of the targets that rustc knows, so that the golden files do not depend on which rustc runs the tests.
pub(crate) fn triples() -> BTreeSet<String> {
    [
        "aarch64-apple-darwin",
        "aarch64-unknown-linux-gnu",
        "aarch64-unknown-linux-musl",
        "armv7-unknown-linux-musleabihf",
        "riscv64gc-unknown-linux-musl",
        "wasm32-wasip1",
        "x86_64-pc-windows-gnullvm",
        "x86_64-unknown-linux-gnu",
        "x86_64-unknown-linux-musl",
    ]
    .map(String::from)
    .into()
}

/// What targets.toml with this text means in the made-up workspace.
pub(crate) fn parse(bytes: &[u8]) -> Result<Config> {
    Config::from_bytes(bytes, Path::new("targets.toml"), &workspace(), &triples())
}

/// A whole valid file, to which tests add.
pub(crate) const VALID: &str = "schema = 1
[app]
package = \"shop\"
bin = \"shop\"
[[mode]]
name = \"native\"
features = [\"native\"]
needs = [\"c\"]
[[mode]]
name = \"pure\"
features = [\"pure\"]
default-features = false
[[target]]
triple = \"x86_64-unknown-linux-musl\"
[[target]]
triple = \"aarch64-unknown-linux-gnu\"
";
