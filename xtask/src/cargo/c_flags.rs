//! Collects the user's flags of C compilers for a target, and leaves out those that the crate `cc` adds itself.
//! Pure.

use xtask_config::Target;
use xtask_process::host::Host;

/// A variable with flags of a C compiler that the crate `cc` reads for a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CFlags {
    /// The value of the variable.
    pub words: String,
    /// `NAME=value`, with the place that sets it unless that is the environment.
    pub text: String,
    /// Whether `cc` reads the variable even if the one with the target's name is set. It does so since
    /// 1.2.15. Older releases read only the variable with the strongest name.
    pub joined: bool,
}

/// Returns the set variables with a user's flags for C (`CFLAGS`) or C++ (`CXXFLAGS`), the weakest first.
/// targets.toml takes precedence over the environment.
pub fn c_flags(name: &str, target: &Target, host: &Host) -> Vec<CFlags> {
    let triple = &target.triple;
    let is_host = *triple == host.triple;
    let of_host = is_host.then(|| (format!("HOST_{name}"), true));
    let keys = std::iter::once((name.to_owned(), true)).chain(of_host).chain([
        // `cc` takes a target that is the host for the host.
        (format!("TARGET_{name}"), !is_host),
        (format!("{name}_{}", triple.underscored()), false),
        (format!("{name}_{triple}"), false),
    ]);
    keys.filter_map(|(key, joined)| {
        let (words, text) = match target.env.get(&key) {
            Some(words) => (words.as_str(), format!("{key}={words} (env in targets.toml)")),
            None => (host.var(&key)?, host.said(&key)),
        };
        Some(CFlags { words: words.to_owned(), text, joined })
    })
    .collect()
}
