//! Reads from flags which processor they require. rustc writes no note about it into a program, so the gate
//! has only the flags. This module is pure. Source: the features that LLVM gives each processor
//! (llvm/lib/TargetParser/X86TargetParser.cpp), and the levels of the x86-64 psABI.

use xtask_triple::flags::codegen_options;

use crate::Level;

/// A flag that chooses a processor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessorFlag {
    /// The index of the flag in the list of flags.
    pub at: usize,
    /// The text of the flag, such as `target-cpu=x86-64-v3`.
    pub text: String,
    /// The processor that the flag chooses.
    pub processor: Processor,
    /// The place of the flag, as text for the user; none if it is not known.
    pub origin: Option<String>,
}

/// The kind of processor that a flag chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Processor {
    /// The processor of the machine that builds.
    Native,
    /// A processor with at least this level.
    Level(Level),
    /// A processor whose level is not known here.
    Unknown,
}

/// The names of processors, grouped by the lowest level that has all their instructions that code may use.
const NAMED: [(Level, &[&str]); 4] = [
    (Level::V1, &["x86-64", "generic", "k8", "opteron", "athlon64", "athlon-fx"]),
    (Level::V2, &["x86-64-v2", "nocona", "core2", "penryn", "nehalem", "corei7", "westmere"]),
    (
        Level::V3,
        &[
            "x86-64-v3",
            "sandybridge",
            "corei7-avx",
            "ivybridge",
            "core-avx-i",
            "haswell",
            "core-avx2",
            "broadwell",
            "skylake",
            "alderlake",
            "znver1",
            "znver2",
            "znver3",
        ],
    ),
    (
        Level::V4,
        &[
            "x86-64-v4",
            "skylake-avx512",
            "cascadelake",
            "icelake-client",
            "icelake-server",
            "sapphirerapids",
            "znver4",
            "znver5",
        ],
    ),
];

/// The features of each level. The features of the fourth level all begin with `avx512`.
const FEATURES: [(Level, &[&str]); 2] = [
    (Level::V2, &["cmpxchg16b", "lahfsahf", "popcnt", "sse3", "ssse3", "sse4.1", "sse4.2"]),
    (Level::V3, &["avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "lzcnt", "movbe", "xsave"]),
];

/// Returns the flags that require, or may require, more than every x86-64 processor has. Of several
/// `target-cpu`, the last one applies.
pub fn processors<'f>(flags: impl IntoIterator<Item = &'f str>) -> Vec<ProcessorFlag> {
    let mut asked = Vec::new();
    let mut cpu = None;
    for (at, name, value) in codegen_options(flags.into_iter()) {
        let text = |value: &str| format!("{name}={value}");
        let asked_by = |text, processor| ProcessorFlag { at, text, processor, origin: None };
        match name.as_str() {
            "target-cpu" => cpu = Some(asked_by(text(value), processor(value))),
            "target-feature" => asked.extend(value.split(',').filter_map(|feature| {
                let level = level_of(feature.strip_prefix('+')?)?;
                Some(asked_by(text(feature), Processor::Level(level)))
            })),
            _ => {}
        }
    }
    asked.extend(cpu.filter(|asked| asked.processor != Processor::Level(Level::V1)));
    asked.sort_by_key(|asked| asked.at);
    asked
}

fn processor(name: &str) -> Processor {
    if name == "native" {
        return Processor::Native;
    }
    let level = NAMED.iter().find(|(_, names)| names.contains(&name)).map(|(level, _)| *level);
    level.map_or(Processor::Unknown, Processor::Level)
}

fn level_of(feature: &str) -> Option<Level> {
    let named = FEATURES.iter().find(|(_, names)| names.contains(&feature)).map(|(level, _)| *level);
    named.or_else(|| feature.starts_with("avx512").then_some(Level::V4))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(flags: &str) -> Vec<(usize, String, Processor)> {
        processors(flags.split(' ')).into_iter().map(|a| (a.at, a.text, a.processor)).collect()
    }

    #[test]
    fn every_spelling_is_read_and_the_last_processor_counts() {
        let v3 = Processor::Level(Level::V3);
        for flags in ["-Ctarget-cpu=haswell", "--codegen=target-cpu=haswell", "-Ctarget_cpu=haswell"] {
            assert_eq!(asked(flags), [(0, "target-cpu=haswell".to_owned(), v3)], "{flags}");
        }
        assert_eq!(
            asked("-Ctarget-cpu=native -C target-cpu=x86-64-v3"),
            [(2, "target-cpu=x86-64-v3".to_owned(), v3)]
        );
        assert_eq!(asked("-Ctarget-cpu=x86-64-v3 -Ctarget-cpu=x86-64"), []);
        assert_eq!(asked("--cfg target-cpu=x86-64-v3 -Copt-level=3 -C"), []);
    }

    #[test]
    fn features_count_by_their_level_and_others_do_not() {
        let level = |feature: &str| asked(&format!("-Ctarget-feature={feature}")).pop().map(|(_, _, p)| p);
        assert_eq!(level("-sse3,+crt-static,+popcnt"), Some(Processor::Level(Level::V2)));
        assert_eq!(level("+avx512f"), Some(Processor::Level(Level::V4)));
        assert_eq!([level("+sse2"), level("-avx2"), level("+crt-static")], [None; 3]);
        let flags = "-Ctarget-feature=+avx2,+popcnt -Ctarget-cpu=btver2";
        let [avx, popcnt, cpu] = asked(flags).try_into().unwrap();
        assert_eq!((avx.1.as_str(), popcnt.1.as_str()), ("target-feature=+avx2", "target-feature=+popcnt"));
        assert_eq!(cpu, (1, "target-cpu=btver2".to_owned(), Processor::Unknown));
    }
}
