//! Checks the flags that choose a processor. rustc writes no note about them into the program, so the program
//! alone is not enough.

use super::Level;
use super::check::Finding;
use super::rules::{fail, warn};
use crate::{Processor, ProcessorFlag};

/// Compares flags with the level that all machines have (`cpu` in targets.toml). `shipped` means that the
/// program goes into an image, which is started on machines other than the one that builds.
pub fn check_flags(asked: &[ProcessorFlag], limit: Option<Level>, shipped: bool) -> Vec<Finding> {
    let judged = |asked: &ProcessorFlag| {
        let finding = one(asked, limit, shipped)?;
        let Some(origin) = &asked.origin else { return Some(finding) };
        Some(Finding { what: format!("{}; the flag is from {origin}", finding.what), ..finding })
    };
    asked.iter().filter_map(judged).collect()
}

fn one(asked: &ProcessorFlag, limit: Option<Level>, shipped: bool) -> Option<Finding> {
    let text = &asked.text;
    let have = |limit: Level| format!("but `cpu` in targets.toml is {limit}");
    match (asked.processor, limit) {
        (Processor::Level(level), Some(limit)) if level > limit => Some(fail(
            format!("`{text}` is for processors of level {level}, {}", have(limit)),
            format!("remove the flag, or set cpu = \"{level}\" if all machines have such a processor"),
        )),
        (Processor::Native, Some(limit)) => Some(fail(
            format!("`{text}` is for the processor of the machine that builds, {}", have(limit)),
            format!("use target-cpu={limit}"),
        )),
        (Processor::Native, None) if shipped => Some(warn(
            format!(
                "`{text}` makes an image that starts only on machines like the one that built it, and that differs with each of them"
            ),
            "use the level that all machines have, such as target-cpu=x86-64-v2, and set `cpu` in targets.toml to the same level",
        )),
        (Processor::Unknown, Some(limit)) => Some(warn(
            format!("the level that `{text}` needs is not known, {}", have(limit)),
            format!("use target-cpu={limit}, or check that all machines have that processor"),
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Severity;
    use super::*;
    use crate::processors;

    fn judged(flags: &str, limit: Option<Level>, shipped: bool) -> Vec<(Severity, String)> {
        let found = check_flags(&processors(flags.split(' ')), limit, shipped);
        found.into_iter().map(|f| (f.severity, f.what)).collect()
    }

    #[test]
    fn flags_are_held_against_the_level_of_the_machines() {
        let v2 = Some(Level::V2);
        let found = judged("-Ctarget-feature=+avx2,+popcnt -Ctarget-cpu=x86-64-v2", v2, false);
        let what = "`target-feature=+avx2` is for processors of level x86-64-v3, but `cpu` in targets.toml \
                    is x86-64-v2";
        assert_eq!(found, [(Severity::Fail, what.to_owned())]);
        assert_eq!(judged("-Ctarget-cpu=x86-64-v3", Some(Level::V3), true), []);
        assert_eq!(judged("-Ctarget-cpu=x86-64-v3", None, true), [], "whose machines are not said");
        assert_eq!(judged("-Ctarget-cpu=btver2", v2, false)[0].0, Severity::Warn);
    }

    #[test]
    fn who_set_a_flag_is_said() {
        let mut asked = processors(["-Ctarget-cpu=haswell"]);
        asked[0].origin = Some("RUSTFLAGS".into());
        let found = check_flags(&asked, Some(Level::V2), false);
        assert!(found[0].what.ends_with("is x86-64-v2; the flag is from RUSTFLAGS"), "{found:?}");
    }

    #[test]
    fn the_machine_that_builds_is_no_level() {
        let native = "-Ctarget-cpu=native";
        assert_eq!(judged(native, Some(Level::V4), false)[0].0, Severity::Fail);
        assert_eq!(judged(native, None, true)[0].0, Severity::Warn);
        assert_eq!(judged(native, None, false), []);
    }
}
