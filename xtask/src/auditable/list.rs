//! What the section contains: the packages of a program, as cargo-auditable.schema.json describes them. Pure.

use serde::Serialize;

use crate::sbom::crates::{CratePackages, PackageSource};
use xtask_files::error::{Error, Result};

/// The revision of the format. 1 promises that macros and what they need count as `build`. 8 would promise the same and name
/// another source: Cargo's SBOM precursor, which only a nightly Cargo writes. Readers take an unknown number for the next
/// lower one that they know.
const FORMAT: u32 = 1;

/// The format's word for the default registry.
const DEFAULT_REGISTRY: &str = "crates.io";

/// The document in the section. The order of its fields and packages is fixed, so equal packages give equal bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DependencyList {
    packages: Vec<ListedPackage>,
    format: u32,
}

/// A package of the list. What is left out has the format's default: `runtime`, no dependencies, not the root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct ListedPackage {
    name: String,
    version: String,
    source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dependencies: Vec<usize>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    root: bool,
}

impl DependencyList {
    /// Lists the packages of a program in their order. One whose code ran during the build only, in build scripts and
    /// macros, has the kind `build`.
    pub fn of(packages: &CratePackages) -> Self {
        let listed = packages.all.iter().enumerate().map(|(at, package)| ListedPackage {
            name: package.name.clone(),
            version: package.version.clone(),
            source: source(&package.source),
            kind: (!package.in_program).then_some("build"),
            dependencies: package.needs.iter().copied().collect(),
            root: at == packages.root,
        });
        Self { packages: listed.collect(), format: FORMAT }
    }

    /// Returns the bytes of the section: the JSON text without white space, as a zlib stream.
    ///
    /// # Errors
    /// It cannot be written as JSON or not be compressed.
    pub fn compressed(&self) -> Result<Vec<u8>> {
        let failed =
            |e: &dyn std::fmt::Display| Error::failed(format!("cannot write a dependency list: {e}"));
        let json = serde_json::to_vec(self).map_err(|e| failed(&e))?;
        xtask_oci::zlib::compress(&json).map_err(|e| failed(&e))
    }
}

/// `local`, `registry`, `git`, the word for the default registry, or the protocol of a source that is not known here. An
/// address is not part of the format.
fn source(source: &PackageSource) -> String {
    match source {
        PackageSource::Path => "local".to_owned(),
        PackageSource::Git(_) => "git".to_owned(),
        PackageSource::Registry(_) if source.is_default() => DEFAULT_REGISTRY.to_owned(),
        PackageSource::Registry(_) => "registry".to_owned(),
        PackageSource::Other(url) => url.split('+').next().unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::io::Read;
    use std::str::FromStr;

    use auditable_serde::{DependencyKind, Source, VersionInfo};

    use super::*;
    use crate::sbom::crates::CratePackage;

    fn package(name: &str, source: PackageSource, in_program: bool, needs: &[usize]) -> CratePackage {
        CratePackage {
            name: name.to_owned(),
            version: "1.2.3-rc.1+build".to_owned(),
            source,
            id: String::new(),
            in_program,
            features: BTreeSet::new(),
            needs: needs.iter().copied().collect(),
            src_path: "/secret/place/lib.rs".into(),
        }
    }

    fn packages() -> CratePackages {
        let registry = |index: &str| PackageSource::Registry(index.to_owned());
        let all = vec![
            package("app", PackageSource::Path, true, &[1, 2, 3, 4]),
            package("default", registry("https://mirror.example/rust-lang/crates.io-index"), true, &[2]),
            package("git", PackageSource::Git("https://git.example/dep?branch=main".into()), true, &[]),
            package("macros", registry("sparse+https://own.example/index/"), false, &[]),
            package("other", PackageSource::Other("hg+https://hg.example/x".into()), true, &[]),
        ];
        CratePackages { all, root: 0 }
    }

    #[test]
    fn the_text_that_readers_get() {
        let text = serde_json::to_string(&DependencyList::of(&packages())).unwrap();
        let expected = r#"{"packages":[
            {"name":"app","version":"1.2.3-rc.1+build","source":"local","dependencies":[1,2,3,4],"root":true},
            {"name":"default","version":"1.2.3-rc.1+build","source":"crates.io","dependencies":[2]},
            {"name":"git","version":"1.2.3-rc.1+build","source":"git"},
            {"name":"macros","version":"1.2.3-rc.1+build","source":"registry","kind":"build"},
            {"name":"other","version":"1.2.3-rc.1+build","source":"hg"}],"format":1}"#;
        assert_eq!(text, expected.split_whitespace().collect::<String>());
    }

    #[test]
    fn the_reader_of_cargo_auditable_understands_it() {
        let stream = DependencyList::of(&packages()).compressed().unwrap();
        assert_eq!(stream, DependencyList::of(&packages()).compressed().unwrap());
        let mut text = String::new();
        flate2::read::ZlibDecoder::new(&stream[..]).read_to_string(&mut text).unwrap();
        let info = VersionInfo::from_str(&text).unwrap();
        let kinds: Vec<_> = info.packages.iter().map(|p| (p.source.clone(), p.kind, p.root)).collect();
        assert_eq!(
            kinds,
            [
                (Source::Local, DependencyKind::Runtime, true),
                (Source::CratesIo, DependencyKind::Runtime, false),
                (Source::Git, DependencyKind::Runtime, false),
                (Source::Registry, DependencyKind::Build, false),
                (Source::Other("hg".to_owned()), DependencyKind::Runtime, false),
            ]
        );
        assert_eq!((info.format, &info.packages[0].dependencies), (1, &vec![1, 2, 3, 4]));
        assert!(!text.contains("example") && !text.contains("/secret"), "{text}");
    }
}
