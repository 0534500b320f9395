//! The programs that Cargo's configuration names: rustc, its wrappers, linkers and runners.

use std::path::PathBuf;
use std::str::FromStr as _;

use cargo_platform::{Cfg, CfgExpr};

use xtask_process::host::{Host, PathLookup};
use xtask_triple::Triple;

use super::{CargoConfig, ConfiguredValue, base};

/// A program that a variable or a configuration file names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfiguredProgram {
    /// The program as it is written there.
    pub named: String,
    /// The program on this machine: a path, or a name to search on PATH.
    pub program: PathBuf,
    /// The place of the name, as text for the user: `RUSTC_WRAPPER`,
    /// `build.rustc-wrapper in /w/.cargo/config.toml`.
    pub origin: String,
}

/// The calls that a wrapper intercepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrapperKind {
    /// All calls of rustc.
    All,
    /// The calls for members of the workspace.
    Workspace,
}

impl WrapperKind {
    /// Both kinds of wrappers.
    pub const ALL: [Self; 2] = [Self::All, Self::Workspace];

    /// Returns the variable that names such a wrapper, or disables it if it is empty.
    pub fn variable(self) -> &'static str {
        match self {
            Self::All => "RUSTC_WRAPPER",
            Self::Workspace => "RUSTC_WORKSPACE_WRAPPER",
        }
    }

    fn key(self) -> &'static str {
        match self {
            Self::All => "rustc-wrapper",
            Self::Workspace => "rustc-workspace-wrapper",
        }
    }
}

impl ConfiguredProgram {
    /// Searches the program on this machine.
    pub fn find(&self, host: &Host) -> PathLookup {
        host.find(&self.program.to_string_lossy())
    }
}

impl CargoConfig {
    /// Returns the wrapper of rustc, or none if none is named or an empty variable disables it.
    pub fn wrapper(&self, kind: WrapperKind, host: &Host) -> Option<ConfiguredProgram> {
        self.build_program(kind.variable(), kind.key(), host)
    }

    /// Returns the rustc that the configuration names.
    pub fn rustc(&self, host: &Host) -> Option<ConfiguredProgram> {
        self.build_program("RUSTC", "rustc", host)
    }

    fn build_program(&self, variable: &str, key: &str, host: &Host) -> Option<ConfiguredProgram> {
        let build = format!("CARGO_BUILD_{}", variable.trim_start_matches("CARGO_BUILD_"));
        let program = of_variable(variable, host)
            .or_else(|| of_variable(&build, host))
            .or_else(|| of_file(self.value(&["build", key])?, &format!("build.{key}")))?;
        Some(program).filter(|program| !program.named.is_empty())
    }

    /// Returns the linker that is named for a target. `cfg` returns the output of `rustc --print cfg`.
    pub fn linker(
        &self,
        target: &Triple,
        host: &Host,
        cfg: &dyn Fn() -> Vec<String>,
    ) -> Option<ConfiguredProgram> {
        let variable = format!("CARGO_TARGET_{}_LINKER", target.shouted());
        of_variable(&variable, host).filter(|program| !program.named.is_empty()).or_else(|| {
            let (key, value) = self.of_target(target, "linker", cfg)?;
            of_file(value, &key)
        })
    }

    /// Whether the user has a runner for the target. `cfg` returns the output of `rustc --print cfg`.
    pub fn has_runner(&self, target: &Triple, host: &Host, cfg: &dyn Fn() -> Vec<String>) -> bool {
        let variable = format!("CARGO_TARGET_{}_RUNNER", target.shouted());
        host.var(&variable).is_some() || self.of_target(target, "runner", cfg).is_some()
    }

    /// Returns the value of a key for a target, with the full key: from the table with its name, or else from
    /// a table whose `cfg` expression holds.
    fn of_target(
        &self,
        target: &Triple,
        key: &str,
        cfg: &dyn Fn() -> Vec<String>,
    ) -> Option<(String, &ConfiguredValue)> {
        if let Some(value) = self.value(&["target", target.as_str(), key]) {
            return Some((format!("target.{target}.{key}"), value));
        }
        let mut tables = self.table(&["target"])?.iter().filter_map(|(expression, table)| match table {
            ConfiguredValue::Table(table) if expression.starts_with("cfg(") => {
                Some((expression, table.get(key)?))
            }
            _ => None,
        });
        let mut is = None;
        tables.find_map(|(expression, value)| {
            let is = is.get_or_insert_with(|| -> Vec<Cfg> {
                cfg().iter().filter_map(|line| Cfg::from_str(line).ok()).collect()
            });
            let key = || format!("target.'{expression}'.{key}");
            CfgExpr::matches_key(expression, is).then(|| (key(), value))
        })
    }
}

fn of_variable(key: &str, host: &Host) -> Option<ConfiguredProgram> {
    let named = host.given(key)?.to_owned();
    Some(ConfiguredProgram { program: PathBuf::from(&named), named, origin: key.to_owned() })
}

/// Makes a program from a value in a file. A path is relative to the base folder of the file; a name is
/// searched on PATH.
fn of_file(value: &ConfiguredValue, key: &str) -> Option<ConfiguredProgram> {
    let (named, file) = value.text()?;
    let is_path = named.contains(['/', '\\']);
    let program = if is_path { base(file).join(named) } else { PathBuf::from(named) };
    Some(ConfiguredProgram {
        named: named.to_owned(),
        program,
        origin: format!("{key} in {}", file.display()),
    })
}
