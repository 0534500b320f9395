//! The units of Cargo's graph, and which of them a process compiles or runs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::command::{build_script, crate_name, value};

/// A unit of Cargo's graph: a crate that is compiled, or a build script that is run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TraceUnit {
    /// The name of the package.
    pub package: String,
    /// The version of the package.
    pub version: String,
    /// The name of the crate or the build script.
    pub name: String,
    /// The root source file.
    pub source: PathBuf,
    /// Whether a build script is run. Otherwise a crate is compiled.
    pub runs: bool,
    /// Whether the unit is compiled only to libraries for Rust. Such a unit can start when the interfaces of the
    /// libraries that it needs are known, before their code is generated.
    pub library: bool,
    /// The triple that it is for; none for units that run on the host.
    pub platform: Option<String>,
    /// The features that are on.
    pub features: BTreeSet<String>,
    /// The indexes of the units that it needs.
    pub needs: Vec<usize>,
}

/// What the command line and the variables of a process say of its unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum UnitClue {
    /// rustc compiles a crate.
    Compiles {
        name: String,
        source: PathBuf,
        platform: Option<String>,
        features: BTreeSet<String>,
        /// The file with the interface of the crate.
        interface: Option<PathBuf>,
    },
    /// A build script runs.
    Runs { package: String, version: Option<String>, features: BTreeSet<String>, out_dir: PathBuf },
}

impl UnitClue {
    /// Reads the command line of a process. `variables` is called only for a build script.
    pub(crate) fn of(words: &[String], variables: impl FnOnce() -> Vec<String>) -> Option<Self> {
        if let Some(package) = build_script(words) {
            return Some(Self::of_script(package, &variables()));
        }
        crate_name(words)?;
        let name = value(words, "--crate-name")?.to_owned();
        let values = |option: &'static str| {
            words.windows(2).filter(move |pair| pair[0] == option).map(|pair| pair[1].as_str())
        };
        let feature = |cfg: &str| Some(cfg.strip_prefix("feature=\"")?.strip_suffix('"')?.to_owned());
        let extra = values("-C").find_map(|value| value.strip_prefix("extra-filename="));
        let interface = value(words, "--out-dir").zip(extra);
        Some(Self::Compiles {
            source: words.iter().find(|word| word.ends_with(".rs")).map(PathBuf::from).unwrap_or_default(),
            platform: value(words, "--target").map(str::to_owned),
            features: values("--cfg").filter_map(feature).collect(),
            interface: interface.map(|(dir, extra)| Path::new(dir).join(format!("lib{name}{extra}.rmeta"))),
            name,
        })
    }

    fn of_script(package: &str, variables: &[String]) -> Self {
        let value = |name: &str| variables.iter().find_map(|v| v.strip_prefix(name)?.strip_prefix('='));
        let feature = |v: &String| Some(v.strip_prefix("CARGO_FEATURE_")?.split_once('=')?.0.to_owned());
        Self::Runs {
            package: value("CARGO_PKG_NAME").unwrap_or(package).to_owned(),
            version: value("CARGO_PKG_VERSION").map(str::to_owned),
            features: variables.iter().filter_map(feature).collect(),
            out_dir: value("OUT_DIR").map(PathBuf::from).unwrap_or_default(),
        }
    }

    /// Returns the package, if the clue names it.
    pub(crate) fn package(&self) -> Option<&str> {
        match self {
            Self::Compiles { .. } => None,
            Self::Runs { package, .. } => Some(package),
        }
    }

    /// Returns the index of the unit that this is.
    pub(crate) fn find(&self, units: &[TraceUnit]) -> Option<usize> {
        let fits = |features: bool| units.iter().position(|unit| self.is(unit, features));
        fits(true).or_else(|| fits(false))
    }

    fn is(&self, unit: &TraceUnit, by_features: bool) -> bool {
        match self {
            Self::Compiles { name, source, platform, features, .. } => {
                !unit.runs
                    && *name == unit.name.replace('-', "_")
                    && *platform == unit.platform
                    && unit.source.ends_with(source)
                    && (!by_features || *features == unit.features)
            }
            Self::Runs { package, version, features, out_dir } => {
                // The features of a variable are in capitals.
                let shouted = |feature: &String| feature.to_uppercase().replace('-', "_");
                let own: BTreeSet<String> = unit.features.iter().map(shouted).collect();
                let platform = unit.platform.as_deref();
                unit.runs
                    && *package == unit.package
                    && version.as_ref().is_none_or(|version| *version == unit.version)
                    && platform.is_none_or(|platform| has(out_dir, platform))
                    && (!by_features || own == *features)
            }
        }
    }
}

/// Whether one of the folders of a path has this name.
fn has(path: &Path, name: &str) -> bool {
    path.components().any(|part| part.as_os_str() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    fn units() -> Vec<TraceUnit> {
        let unit = |name: &str, platform: Option<&str>, features: &[&str], runs: bool| TraceUnit {
            package: "libz-sys".into(),
            version: "1.1.0".into(),
            name: name.into(),
            source: format!("/c/libz-sys-1.1.0/{}", if runs { "build.rs" } else { "src/lib.rs" }).into(),
            runs,
            platform: platform.map(str::to_owned),
            features: features.iter().map(|f| (*f).to_owned()).collect(),
            ..TraceUnit::default()
        };
        vec![
            unit("libz-sys", None, &[], false),
            unit("libz-sys", Some("t"), &["std"], false),
            unit("libz-sys", Some("t"), &["std", "no-asm"], false),
            unit("build-script-build", Some("t"), &["no-asm"], true),
            unit("build-script-build", None, &["no-asm"], true),
        ]
    }

    #[test]
    fn a_rustc_is_found_by_crate_target_and_features() {
        let find = |line: &str| UnitClue::of(&words(line), Vec::new).and_then(|clue| clue.find(&units()));
        let rustc = "rustc --crate-name libz_sys --edition=2021 /c/libz-sys-1.1.0/src/lib.rs --out-dir /t";
        assert_eq!(find(rustc), Some(0));
        assert_eq!(find(&format!("{rustc} --target t --cfg feature=\"std\"")), Some(1));
        let both = format!("{rustc} --target t --cfg feature=\"no-asm\" --cfg feature=\"std\"");
        assert_eq!(find(&both), Some(2));
        // The crate of a workspace is named by its path from the root.
        assert_eq!(find("rustc --crate-name libz_sys libz-sys-1.1.0/src/lib.rs --target u"), None);
        assert_eq!(find("rustc --crate-name libz_sys libz-sys-1.1.0/src/lib.rs"), Some(0));
        assert_eq!(find("cc1 x.c"), None);
    }

    #[test]
    fn the_interface_of_a_crate_has_its_hash() {
        let line = "rustc --crate-name a src/lib.rs -C extra-filename=-0f --out-dir /t/deps";
        let Some(UnitClue::Compiles { interface, .. }) = UnitClue::of(&words(line), Vec::new) else {
            panic!()
        };
        assert_eq!(interface, Some("/t/deps/liba-0f.rmeta".into()));
    }

    #[test]
    fn a_build_script_is_found_by_its_variables() {
        let find = |out_dir: &str| {
            let variables = [
                "CARGO_PKG_NAME=libz-sys",
                "CARGO_PKG_VERSION=1.1.0",
                "CARGO_FEATURE_NO_ASM=1",
                out_dir,
                "X=y",
            ];
            let variables = variables.map(str::to_owned).to_vec();
            let program = "/t/release/build/libz-sys-0123456789abcdef/build-script-build";
            UnitClue::of(&words(program), || variables).and_then(|clue| clue.find(&units()))
        };
        assert_eq!(find("OUT_DIR=/t/t/release/build/libz-sys-1/out"), Some(3));
        assert_eq!(find("OUT_DIR=/x/release/build/libz-sys-1/out"), Some(4));
    }
}
