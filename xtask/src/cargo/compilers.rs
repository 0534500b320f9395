//! Finds the packages of a program that compile C for its target, in a workspace without a targets.toml.
//! Cargo's unit graph lists every build script that runs for the target, and the crates that the script is
//! compiled from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::units::{Unit, UnitGraph};
use crate::package_id::name_and_version;
use xtask_config::Need;
use xtask_process::exec::Cmd;

mod languages;

/// Crates that run compilers, with the language that they compile at least. Some also compile C++ if a build
/// script asks for it. A build script with such a dependency may not use it; only a build shows that.
const KNOWN: [(&str, Need); 5] = [
    ("cc", Need::C),
    ("cmake", Need::C),
    ("meson", Need::C),
    ("cpp_build", Need::Cxx),
    ("cxx-build", Need::Cxx),
];

/// A program to ask Cargo about, with its features and its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuildQuery<'a> {
    /// The package that the program belongs to: its package ID, or its name.
    pub package: &'a str,
    /// The name of the program in the package.
    pub bin: &'a str,
    /// The triple of the target.
    pub target: &'a str,
    /// The features that `--features` turns on.
    pub features: &'a [String],
    /// Whether default features are on; if not, Cargo gets `--no-default-features`.
    pub default_features: bool,
}

impl BuildQuery<'_> {
    /// Returns the cargo call that prints the unit graph and builds nothing. `manifest` is the workspace's.
    /// Cargo fetches packages of the lock file that are not on this machine, unless `offline` is set.
    pub fn command(&self, cargo: &Path, manifest: &Path, offline: bool) -> Cmd {
        let cmd = Cmd::new(cargo).args(["build", "--unit-graph", "-Zunstable-options"]);
        self.finish(cmd, manifest, offline).env("RUSTC_BOOTSTRAP", "1")
    }

    /// Returns the cargo call that runs all build scripts but generates no machine code (`cargo check`).
    pub fn trial(&self, cargo: &Path, manifest: &Path, offline: bool) -> Cmd {
        self.finish(Cmd::new(cargo).arg("check"), manifest, offline)
    }

    fn finish(&self, cmd: Cmd, manifest: &Path, offline: bool) -> Cmd {
        let mut cmd = cmd.args(["--color", "never", "--manifest-path"]).arg(manifest).args([
            "--package",
            self.package,
            "--bin",
            self.bin,
            "--target",
            self.target,
        ]);
        if !self.default_features {
            cmd = cmd.arg("--no-default-features");
        }
        if !self.features.is_empty() {
            cmd = cmd.args(["--features", &self.features.join(",")]);
        }
        if offline { cmd.arg("--offline") } else { cmd }
    }
}

/// Packages whose build scripts run compilers for the target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compilers {
    /// The kinds of compilers that the build scripts need.
    pub needs: BTreeSet<Need>,
    /// The packages, each with the crates in its build script that run compilers.
    pub packages: BTreeMap<String, BTreeSet<&'static str>>,
    /// The packages that compile C++ in addition to C, each with the reason.
    pub cxx: BTreeMap<String, &'static str>,
}

impl Compilers {
    /// Finds the packages in a graph. A build script that runs for the host is left out.
    pub fn of(graph: &UnitGraph, target: &str) -> Self {
        let mut all = Self::default();
        let runs = |unit: &&Unit| unit.mode == "run-custom-build" && unit.platform.as_deref() == Some(target);
        for run in graph.units.iter().filter(runs) {
            let (package, _) = name_and_version(&run.pkg_id);
            let (crates, own): (Vec<&Unit>, Vec<&Unit>) =
                script(graph, run).into_iter().partition(|unit| known(unit).is_some());
            for (name, need) in crates.into_iter().filter_map(known) {
                all.needs.insert(need);
                all.packages.entry(package.to_owned()).or_default().insert(name);
                let cxx = match name {
                    "cc" => languages::by_cc(&own),
                    "cmake" => languages::by_cmake(&own),
                    _ => None,
                };
                if let Some(why) = cxx {
                    all.needs.insert(Need::Cxx);
                    all.cxx.insert(package.to_owned(), why);
                }
            }
        }
        all
    }
}

fn known(unit: &Unit) -> Option<(&'static str, Need)> {
    let (package, _) = name_and_version(&unit.pkg_id);
    KNOWN.into_iter().find(|(name, _)| *name == package)
}

/// Returns the crates that the build script of a run is compiled from, including itself. Their own build
/// scripts and macros are left out: these run while the crates are compiled.
fn script<'g>(graph: &'g UnitGraph, run: &Unit) -> Vec<&'g Unit> {
    let is_code =
        |unit: &Unit| unit.mode == "build" && !unit.target.kind.iter().any(|kind| kind == "proc-macro");
    // A run also depends on the runs of other packages, for their `links`.
    let needed = run.dependencies.iter().map(|edge| edge.index);
    graph.reached(needed, is_code).into_iter().map(|index| &graph.units[index]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::units;

    /// Makes a graph of these units: package, mode, kind, platform (`-` for the host), indexes of
    /// dependencies.
    fn graph(list: &[(&str, &str, &str, &str, &[usize])]) -> UnitGraph {
        let unit = |(package, mode, kind, platform, needs): &(&str, &str, &str, &str, &[usize])| {
            let needs: Vec<_> = needs.iter().map(|index| serde_json::json!({ "index": index })).collect();
            serde_json::json!({ "pkg_id": format!("registry+https://x/index#{package}@1.0.0"), "mode": mode,
                "platform": (*platform != "-").then_some(platform), "features": [], "dependencies": needs,
                "target": { "name": package, "kind": [kind], "src_path": "/x.rs" } })
        };
        let units: Vec<_> = list.iter().map(unit).collect();
        units::read(serde_json::json!({ "roots": [0], "units": units }).to_string().as_bytes()).unwrap()
    }

    #[test]
    fn what_a_build_script_for_the_target_is_made_of() {
        let found = Compilers::of(
            &graph(&[
                ("app", "build", "bin", "t", &[1, 6]),
                // It uses `cc` through a helper crate.
                ("ssl-sys", "run-custom-build", "custom-build", "t", &[2, 4]),
                ("ssl-sys", "build", "custom-build", "-", &[3]),
                ("ssl-src", "build", "lib", "-", &[5]),
                ("z-sys", "run-custom-build", "custom-build", "t", &[]),
                ("cc", "build", "lib", "-", &[]),
                ("z-sys", "build", "lib", "t", &[4]),
            ]),
            "t",
        );
        assert_eq!(found.needs, [Need::C].into());
        assert_eq!(found.packages, [("ssl-sys".to_owned(), ["cc"].into())].into());
    }

    #[test]
    fn what_is_compiled_for_the_host_is_not_for_the_target() {
        let found = Compilers::of(
            &graph(&[
                ("app", "run-custom-build", "custom-build", "t", &[1]),
                ("app", "build", "custom-build", "-", &[2, 5]),
                ("git2", "build", "lib", "-", &[3]),
                ("git2", "run-custom-build", "custom-build", "-", &[4]),
                ("cc", "build", "lib", "-", &[]),
                ("derive", "build", "proc-macro", "-", &[4]),
            ]),
            "t",
        );
        assert_eq!(found, Compilers::default());
    }

    #[test]
    fn the_command_says_which_features() {
        let question = BuildQuery {
            package: "a",
            bin: "b",
            target: "t",
            features: &["x".to_owned(), "y".to_owned()],
            default_features: false,
        };
        let line = |question: &BuildQuery<'_>, offline| {
            question.command(Path::new("cargo"), Path::new("/w/Cargo.toml"), offline).line()
        };
        let said = line(&question, true);
        assert!(
            said.ends_with("--package a --bin b --target t --no-default-features --features x,y --offline"),
            "{said}"
        );
        let said = line(&BuildQuery { features: &[], default_features: true, ..question }, false);
        assert!(said.ends_with("--target t"), "{said}");
    }
}
