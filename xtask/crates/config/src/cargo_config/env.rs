//! `[env]`: variables that Cargo sets for the programs that it starts.

use std::ffi::OsString;

use super::{CargoConfig, ConfiguredValue, base};
use xtask_process::host::{Host, names_tool};

/// A variable of `[env]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfiguredVariable {
    /// The name of the variable.
    pub name: String,
    /// Its value. A path that is relative to its file is made absolute, as in Cargo.
    pub value: OsString,
    /// Whether it replaces a variable of the environment (`force = true`).
    pub force: bool,
    /// The place of the variable, as text for the user: `[env] in /w/.cargo/config.toml`.
    pub origin: String,
}

impl CargoConfig {
    /// Returns the variables of `[env]`, by name.
    pub fn variables(&self) -> Vec<ConfiguredVariable> {
        let table = self.table(&["env"]).into_iter().flatten();
        table.filter_map(|(name, value)| variable(name, value)).collect()
    }
}

impl CargoConfig {
    /// Adds to `host` the values in files that replace variables which this program reads: C tools and their
    /// flags in `[env]`, `PATH`, and `build.rustc`. Build scripts get these C tools as if they were set in
    /// the environment.
    pub fn configure(&self, host: &mut Host) {
        for ConfiguredVariable { name, value, force, origin } in self.variables() {
            if names_tool(&name) || name == "PATH" {
                host.configure(&name, &value, force, &origin);
            }
        }
        if let Some(rustc) = self.rustc(host) {
            host.configure("CARGO_BUILD_RUSTC", rustc.program.as_os_str(), false, &rustc.origin);
        }
    }
}

fn variable(name: &str, value: &ConfiguredValue) -> Option<ConfiguredVariable> {
    let (text, switches) = match value {
        ConfiguredValue::Table(table) => (table.get("value")?, Some(table)),
        text => (text, None),
    };
    let is_on = |switch: &str| {
        switches.and_then(|table| table.get(switch)).is_some_and(|v| *v == ConfiguredValue::Switch(true))
    };
    let (text, file) = text.text()?;
    let value = match is_on("relative") {
        true => base(file).join(text).into_os_string(),
        false => text.into(),
    };
    let origin = format!("[env] in {}", file.display());
    Some(ConfiguredVariable { name: name.to_owned(), value, force: is_on("force"), origin })
}
