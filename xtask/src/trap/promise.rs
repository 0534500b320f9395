//! Describes a mode that promised to use no C and broke the promise: which package broke it, how, and what to
//! do. Pure.

use std::collections::BTreeSet;

use super::Hit;

/// A broken promise of a pure mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenPromise {
    /// The summary in one line that can stand alone.
    pub what: String,
    /// The ways in which the promise was broken, one line each.
    pub found: Vec<String>,
    /// The help text: what to do about the broken promise.
    pub help: String,
}

/// A file that a package left in a build, or had linked, and that rustc did not make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// The package, with its version.
    pub package: String,
    /// A description of the file, in one line.
    pub line: String,
}

impl BrokenPromise {
    /// Decides whether `mode` broke its promise for `target`; none if it was kept. `refused` are the calls of
    /// compilers that made the build fail. `linked` are the parts of its program. `left` are the files of its
    /// build scripts. A called compiler is stronger evidence than a file it may have left.
    pub fn new(
        mode: &str,
        target: &str,
        refused: &[&Hit],
        linked: &[Leftover],
        left: &[Leftover],
    ) -> Option<Self> {
        if !refused.is_empty() {
            let who = names(refused.iter().map(|hit| hit.krate.as_str()));
            let did = match refused.iter().all(|hit| hit.asked) {
                true => "queries a C compiler and does not build without it",
                false => "called a C compiler",
            };
            let lines: BTreeSet<(bool, String)> = refused.iter().map(|hit| (hit.asked, hit.line())).collect();
            return Some(Self {
                what: format!("mode {mode} must contain no C, but {who} {did} for {target}"),
                found: lines.into_iter().map(|(_, line)| line).collect(),
                help: format!(
                    "if mode {mode} may compile C, add to its [[mode]] in targets.toml: {}; otherwise build that crate without its C",
                    needs(refused)
                ),
            });
        }
        let leftovers = left.iter().map(|left| left.line.clone());
        if !linked.is_empty() {
            let who = names(linked.iter().map(|linked| linked.package.as_str()));
            return Some(Self {
                what: format!(
                    "mode {mode} must contain no C, but {who} has machine code linked for {target} that rustc did not make"
                ),
                found: linked.iter().map(|linked| linked.line.clone()).chain(leftovers).collect(),
                help: format!(
                    "if mode {mode} may contain C, add to its [[mode]] in targets.toml: needs = [\"c\"]; otherwise build without that library"
                ),
            });
        }
        let who = names(left.iter().map(|left| left.package.as_str()));
        (!left.is_empty()).then(|| Self {
            what: format!(
                "mode {mode} must contain no C, but {who} left a file in the build for {target} that no Rust compiler made"
            ),
            found: leftovers.collect(),
            help: "inspect the file, which stays there until the next run; if the mode may compile C, add to its [[mode]] in targets.toml: needs = [\"c\"]"
                .to_owned(),
        })
    }

    /// Adds features of the crate to the help whose names suggest a build without C: the `switches` of its
    /// manifest.
    #[must_use]
    pub fn with_switches(mut self, krate: &str, switches: &[String]) -> Self {
        let names: Vec<String> = switches.iter().map(|name| format!("`{name}`")).collect();
        match names.as_slice() {
            [] => {}
            [one] => self.help.push_str(&format!(": {krate} has the feature {one}")),
            all => self.help.push_str(&format!(": {krate} has the features {}", all.join(", "))),
        }
        self
    }

    /// Returns the text for the error of a job, including the output of the build. The output may be long, so
    /// the help comes last.
    pub fn text(&self, words: &str) -> String {
        let found: String = self.found.iter().map(|line| format!("\n  {line}")).collect();
        let words = words.trim_end();
        let words = if words.is_empty() { String::new() } else { format!("\n{words}") };
        format!("{}{found}{words}\nhelp: {}", self.what, self.help)
    }
}

/// Returns the features of a package whose names suggest a build without C: `pure`, `rust_backend`, `no-asm`.
pub fn switches(manifest: &str) -> Vec<String> {
    let table: toml::Table = manifest.parse().unwrap_or_default();
    let features = table.get("features").and_then(toml::Value::as_table);
    let names = features.into_iter().flat_map(|features| features.keys());
    let is_switch = |name: &&String| {
        let words: Vec<&str> = name.split(['-', '_']).collect();
        words.iter().any(|word| ["pure", "rust", "portable", "purerust", "noasm"].contains(word))
            || matches!(words.as_slice(), ["no", "c" | "cc" | "asm"])
    };
    names.filter(is_switch).cloned().collect()
}

/// Returns the names, such as `ring 0.17.14 and sly 0.7.1`, or one name and the number of the others.
fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect::<BTreeSet<_>>().into_iter().collect();
    match names.as_slice() {
        [one] => (*one).to_owned(),
        [one, two] => format!("{one} and {two}"),
        [one, rest @ ..] => format!("{one} and {} other crates", rest.len()),
        [] => String::new(),
    }
}

/// Returns notes on refused calls that did not fail the build, one line for each crate:
/// `blake3 1.8.7 asked for a C compiler 4 times and built without`.
pub fn survived(hits: &[&Hit]) -> Vec<String> {
    let crates: BTreeSet<&str> = hits.iter().map(|hit| hit.krate.as_str()).collect();
    let line = |name: &&str| {
        let own = || hits.iter().filter(|hit| hit.krate == **name);
        let (all, compiled) = (own().count(), own().filter(|hit| !hit.asked).count());
        let times = |count: usize| if count == 1 { "once".to_owned() } else { format!("{count} times") };
        match compiled {
            0 => format!("{name} asked for a C compiler {} and built without", times(all)),
            _ => format!("{name} called a C compiler {}, was refused, and built without", times(all)),
        }
    };
    crates.iter().map(line).collect()
}

/// Returns the `needs` key that allows these calls.
fn needs(hits: &[&Hit]) -> &'static str {
    match hits.iter().any(|hit| hit.program.contains("++") || hit.program.starts_with("CXX")) {
        true => "needs = [\"c\", \"c++\"]",
        false => "needs = [\"c\"]",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(krate: &str, program: &str) -> Hit {
        Hit {
            krate: krate.into(),
            program: program.into(),
            args: vec!["x.c".into()],
            target: Some("t".into()),
            asked: false,
            out_dir: None,
            at: 0,
        }
    }

    #[test]
    fn who_called_and_what_lets_it_through() {
        let one = hit("ring 0.17.14", "cc");
        let broken = BrokenPromise::new("default", "t", &[&one], &[], &[]).unwrap();
        assert_eq!(
            broken.text("error: failed to run it\n"),
            "mode default must contain no C, but ring 0.17.14 called a C compiler for t
  ring 0.17.14 ran: cc x.c
error: failed to run it
help: if mode default may compile C, add to its [[mode]] in targets.toml: needs = [\"c\"]; otherwise build that crate without its C"
        );
        let (two, three) = (hit("sly 0.7.1", "c++"), hit("tls 1.0.0", "ar"));
        let broken = BrokenPromise::new("default", "t", &[&one, &two], &[], &[]).unwrap();
        assert!(broken.what.contains("but ring 0.17.14 and sly 0.7.1 called"), "{broken:?}");
        assert!(broken.help.contains("needs = [\"c\", \"c++\"]"), "{broken:?}");
        let broken = BrokenPromise::new("default", "t", &[&one, &one, &two, &three], &[], &[]).unwrap();
        assert!(broken.what.contains("but ring 0.17.14 and 2 other crates called"), "{broken:?}");
    }

    #[test]
    fn questions_are_told_from_calls() {
        let asked = Hit { asked: true, ..hit("b3 1.0.0", "cc") };
        let what = |hits: &[&Hit]| BrokenPromise::new("pure", "t", hits, &[], &[]).unwrap().what;
        assert!(
            what(&[&asked]).contains("b3 1.0.0 queries a C compiler and does not build"),
            "{}",
            what(&[&asked])
        );
        let called = hit("b3 1.0.0", "cc");
        assert!(what(&[&asked, &called]).contains("b3 1.0.0 called a C compiler for t"));
        assert_eq!(survived(&[&asked]), ["b3 1.0.0 asked for a C compiler once and built without"]);
        let both = [&asked, &called, &hit("sly 0.7.1", "cc")];
        let lines = [
            "b3 1.0.0 called a C compiler 2 times, was refused, and built without",
            "sly 0.7.1 called a C compiler once, was refused, and built without",
        ];
        assert_eq!(survived(&both), lines);
    }

    #[test]
    fn features_that_may_do_without_c() {
        let manifest =
            "[features]\npure = []\nneon = []\nno_neon = []\nrust-backend = []\nno-asm = []\ntrust = []\n";
        let found = switches(manifest);
        assert_eq!(found, ["no-asm", "pure", "rust-backend"]);
        let broken = BrokenPromise::new("bare", "t", &[&hit("b3 1.0.0", "cc")], &[], &[]).unwrap();
        let one = broken.clone().with_switches("b3 1.0.0", &found[1..2]).help;
        assert!(one.ends_with("without its C: b3 1.0.0 has the feature `pure`"), "{one}");
        assert_eq!(broken.clone().with_switches("b3 1.0.0", &[]), broken);
        assert!(switches("no manifest [").is_empty());
    }

    #[test]
    fn what_is_linked() {
        let linked = Leftover { package: "sly 0.7.1".into(), line: "libsly.a(sly.o) in /x".into() };
        let text = BrokenPromise::new("pure", "t", &[], &[linked], &[]).unwrap().text("");
        let words =
            "mode pure must contain no C, but sly 0.7.1 has machine code linked for t that rustc did not make
  libsly.a(sly.o) in /x
help: if mode pure may contain C";
        assert!(text.starts_with(words), "{text}");
    }

    #[test]
    fn who_left_what() {
        let left = Leftover { package: "sly 0.7.1".into(), line: "sly 0.7.1 left x".into() };
        let text = BrokenPromise::new("pure", "t", &[], &[], &[left]).unwrap().text("");
        let words =
            "mode pure must contain no C, but sly 0.7.1 left a file in the build for t that no Rust compiler made
  sly 0.7.1 left x
help: inspect the file";
        assert!(text.starts_with(words), "{text}");
        assert_eq!(BrokenPromise::new("pure", "t", &[], &[], &[]), None);
    }
}
