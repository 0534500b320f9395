//! The user's own flags for rustc. Cargo uses only the first place that contains some
//! (<https://doc.rust-lang.org/cargo/reference/config.html#buildrustflags>). So a list of xtask's flags for a
//! target could disable the user's flags. This module finds the flags that Cargo would have used, and decides
//! how xtask's flags are combined with them.

use std::str::FromStr as _;

use cargo_platform::{Cfg, CfgExpr};

use xtask_process::host::Host;
use xtask_triple::Triple;

use super::{CargoConfig, ConfiguredValue, ConfiguredWord};

/// A flag that the user set for rustc.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserFlag {
    /// The flag, one argument of rustc.
    pub text: String,
    /// The place of the flag, as text for the user: `the variable RUSTFLAGS`,
    /// `build.rustflags in /w/.cargo/config.toml`.
    pub origin: String,
}

/// The flags that Cargo would pass to rustc for a target, and the way in which xtask's flags are added.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserFlags {
    /// The flags from files that Cargo puts before xtask's list.
    pub before: Vec<UserFlag>,
    /// The flags that are passed in one list with xtask's, before them.
    pub handed: Vec<UserFlag>,
    /// The flags from files that Cargo puts after xtask's list.
    pub after: Vec<UserFlag>,
    /// The way in which xtask's flags reach rustc.
    pub road: FlagRoad,
}

/// The ways in which xtask's flags for a target reach rustc.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FlagRoad {
    /// As a list for the target, to which Cargo adds the flags of its files.
    #[default]
    Config,
    /// As `CARGO_ENCODED_RUSTFLAGS`, which replaces all flags in files. This is needed if Cargo would
    /// otherwise add flags that it would not have used, or refuse to join a list with a text. The variable
    /// applies to a whole cargo call, so the target is built in a cargo call of its own.
    Variable,
}

impl UserFlags {
    /// Returns all flags in the order in which rustc gets them, with `ours` as xtask's flags.
    pub fn around<'f>(&'f self, ours: impl IntoIterator<Item = &'f str>) -> Vec<&'f str> {
        let texts = |flags: &'f [UserFlag]| flags.iter().map(|flag| flag.text.as_str());
        let front = texts(&self.before).chain(texts(&self.handed));
        front.chain(ours).chain(texts(&self.after)).collect()
    }

    /// Returns the origin of the flag at index `at` in the result of [`UserFlags::around`], or none for a
    /// flag of xtask. `ours` is the number of xtask's flags.
    pub fn origin(&self, at: usize, ours: usize) -> Option<&str> {
        let front = self.before.len() + self.handed.len();
        let user = self.before.iter().chain(&self.handed).chain(&self.after);
        let at = if at < front { at } else { at.checked_sub(ours).filter(|at| *at >= front)? };
        user.map(|flag| flag.origin.as_str()).nth(at)
    }

    /// Returns every flag of the user, in order.
    pub fn all(&self) -> impl Iterator<Item = &UserFlag> {
        self.before.iter().chain(&self.handed).chain(&self.after)
    }
}

impl CargoConfig {
    /// Returns the flags of a target. `ours` are xtask's flags for it that `cfg` expressions may depend on.
    /// `cfg` returns the output of `rustc --print cfg` with the given flags.
    pub fn user_flags(
        &self,
        target: &Triple,
        host: &Host,
        ours: &[String],
        cfg: &dyn Fn(&[String]) -> Vec<String>,
    ) -> UserFlags {
        let own = self.value(&["target", target.as_str(), "rustflags"]);
        let listed = sourced(own, &format!("target.{target}.rustflags"));
        let variable = words_of_variable(host, &format!("CARGO_TARGET_{}_RUSTFLAGS", target.shouted()));
        let tables = self.flag_tables();
        let matching = |flags: &mut dyn Iterator<Item = &UserFlag>| -> Vec<UserFlag> {
            if tables.is_empty() {
                return Vec::new();
            }
            let flags: Vec<String> =
                flags.map(|flag| flag.text.clone()).chain(ours.iter().cloned()).collect();
            let is: Vec<Cfg> = cfg(&flags).iter().filter_map(|line| Cfg::from_str(line).ok()).collect();
            let holds = |(key, _): &&(&str, Vec<UserFlag>)| CfgExpr::matches_key(key, &is);
            tables.iter().filter(holds).flat_map(|(_, flags)| flags.clone()).collect()
        };
        // Cargo would join xtask's list with the one in its files.
        let is_free = matches!(own, None | Some(ConfiguredValue::List(_))) && listed.is_empty();
        let alone = |handed: Vec<UserFlag>| match is_free && matching(&mut handed.iter()).is_empty() {
            true => UserFlags { handed, ..UserFlags::default() },
            false => UserFlags { handed, road: FlagRoad::Variable, ..UserFlags::default() },
        };
        if let Some(flags) = of_environment(host) {
            return alone(flags);
        }
        let build = || {
            let files = sourced(self.value(&["build", "rustflags"]), "build.rustflags");
            files.into_iter().chain(words_of_variable(host, "CARGO_BUILD_RUSTFLAGS")).collect::<Vec<_>>()
        };
        let is_named = !listed.is_empty() || !variable.is_empty();
        let after = match is_named {
            true => matching(&mut listed.iter().chain(&variable)),
            false => matching(&mut build().iter()),
        };
        match own {
            _ if !is_named && after.is_empty() => alone(build()),
            None | Some(ConfiguredValue::List(_)) => {
                UserFlags { before: listed, handed: variable, after, road: FlagRoad::Config }
            }
            Some(_) => {
                let handed = listed.into_iter().chain(variable).chain(after).collect();
                UserFlags { handed, road: FlagRoad::Variable, ..UserFlags::default() }
            }
        }
    }

    /// Returns the flags of `[target.'cfg(…)']` tables in Cargo's order: sorted by the text of the
    /// expression.
    fn flag_tables(&self) -> Vec<(&str, Vec<UserFlag>)> {
        let tables = self.table(&["target"]).into_iter().flatten().filter(|(key, _)| key.starts_with("cfg("));
        let flags = tables.map(|(key, table)| {
            let flags = match table {
                ConfiguredValue::Table(table) => table.get("rustflags"),
                _ => None,
            };
            (key.as_str(), sourced(flags, &format!("target.'{key}'.rustflags")))
        });
        flags.filter(|(_, flags)| !flags.is_empty()).collect()
    }
}

/// Returns the flags of the environment. A variable that is set but empty counts as set: it disables the
/// flags in files.
fn of_environment(host: &Host) -> Option<Vec<UserFlag>> {
    let flag = |origin: &str, text: &str| UserFlag {
        text: text.to_owned(),
        origin: format!("the variable {origin}"),
    };
    if let Some(encoded) = host.given("CARGO_ENCODED_RUSTFLAGS") {
        let flags = encoded.split('\x1f').filter(|_| !encoded.is_empty());
        return Some(flags.map(|text| flag("CARGO_ENCODED_RUSTFLAGS", text)).collect());
    }
    // The text is split at spaces only, as in Cargo.
    let flags = host.given("RUSTFLAGS")?.split(' ').map(str::trim).filter(|text| !text.is_empty());
    Some(flags.map(|text| flag("RUSTFLAGS", text)).collect())
}

fn words_of_variable(host: &Host, key: &str) -> Vec<UserFlag> {
    let words = host.given(key).unwrap_or_default().split_whitespace();
    words.map(|text| UserFlag { text: text.to_owned(), origin: format!("the variable {key}") }).collect()
}

fn sourced(value: Option<&ConfiguredValue>, key: &str) -> Vec<UserFlag> {
    let words = value.map(ConfiguredValue::words).unwrap_or_default();
    let flag =
        |ConfiguredWord { text, file }| UserFlag { text, origin: format!("{key} in {}", file.display()) };
    words.into_iter().map(flag).collect()
}
