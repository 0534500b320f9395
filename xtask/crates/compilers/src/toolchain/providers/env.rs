//! A compiler that a variable names. The names of the variables and their order are those of the `cc` crate.

use super::{Definition, Provider};
use crate::toolchain::Candidate;
use crate::toolchain::named::{named, words};
use xtask_process::host::Host;
use xtask_triple::Triple;

pub(super) const ENV: Definition =
    Definition { name: "env", only: None, find: None, compilers: &[], supply: |_| None };

/// Returns the variables that name a tool for this target only, the strongest first: `CC_<triple>`,
/// `CC_<triple_with_underscores>`, `TARGET_CC`. They take precedence over `cc` in targets.toml.
pub(in crate::toolchain) fn for_target(variable: &str, target: &Triple) -> Vec<String> {
    vec![
        format!("{variable}_{target}"),
        format!("{variable}_{}", target.underscored()),
        format!("TARGET_{variable}"),
    ]
}

/// Returns the variables that name a tool of the host, if the target is the host: `HOST_CC` and `CC`. They
/// name the host's compiler in general, so `cc` in targets.toml takes precedence over them.
pub(in crate::toolchain) fn for_host(variable: &str, target: &Triple, host: &Host) -> Vec<String> {
    match *target == host.triple {
        true => vec![format!("HOST_{variable}"), variable.to_owned()],
        false => Vec::new(),
    }
}

/// Makes a candidate from the compiler in the variable `key`, with the other tools that variables name.
pub(in crate::toolchain) fn candidate(key: &str, value: &str, target: &Triple, host: &Host) -> Candidate {
    let mut candidate = named(Provider::Env, host.said(key), words(value), target, host);
    for (variable, slot) in
        [("CXX", &mut candidate.cxx), ("AR", &mut candidate.ar), ("RANLIB", &mut candidate.ranlib)]
    {
        let keys = for_target(variable, target).into_iter().chain(for_host(variable, target, host));
        if let Some(value) = keys.into_iter().find_map(|key| host.var(&key)) {
            let mut tool = words(value);
            // The path is absolute so that a change of the tool is noticed. The probe reports a tool that
            // does not exist.
            if let Some(path) = host.program(&tool[0]) {
                tool[0] = path.to_string_lossy().into_owned();
            }
            *slot = Some(tool);
        }
    }
    candidate
}
