//! What is said of a mode that promised no C and did not keep it: who broke the promise, how, and what to do. Pure.

use std::collections::BTreeSet;

use super::Hit;

/// A promise that was not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenPromise {
    /// One line that can stand alone, as it does in summaries.
    pub what: String,
    /// How the promise was broken, in one line each.
    pub found: Vec<String>,
    /// The help text: what to do about the broken promise.
    pub help: String,
}

/// What a build script left that no Rust compiler made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// The package, with its version.
    pub package: String,
    /// What the build script left, in one line.
    pub line: String,
}

impl BrokenPromise {
    /// What became of the promise of `mode` for `target`; none where it was kept. A compiler that was called says more
    /// than what it may have left.
    pub fn new(mode: &str, target: &str, hits: &[&Hit], left: &[Leftover]) -> Option<Self> {
        if !hits.is_empty() {
            let who = names(hits.iter().map(|hit| hit.krate.as_str()));
            return Some(Self {
                what: format!("mode {mode} must contain no C, but {who} called a C compiler for {target}"),
                found: hits.iter().map(|hit| hit.line()).collect(),
                help: format!(
                    "if mode {mode} may compile C, add to its [[mode]] in targets.toml: {}; otherwise build that crate without its C",
                    needs(hits)
                ),
            });
        }
        let who = names(left.iter().map(|left| left.package.as_str()));
        (!left.is_empty()).then(|| Self {
            what: format!(
                "mode {mode} must contain no C, but {who} left a file in the build for {target} that no Rust compiler made"
            ),
            found: left.iter().map(|left| left.line.clone()).collect(),
            help: "inspect the file, which stays there until the next run; if the mode may compile C, add to its [[mode]] in targets.toml: needs = [\"c\"]"
                .to_owned(),
        })
    }

    /// As the error of a job, around the words of the build itself, which may be many: the help comes last.
    pub fn text(&self, words: &str) -> String {
        let found: String = self.found.iter().map(|line| format!("\n  {line}")).collect();
        let words = words.trim_end();
        let words = if words.is_empty() { String::new() } else { format!("\n{words}") };
        format!("{}{found}{words}\nhelp: {}", self.what, self.help)
    }
}

/// `ring 0.17.14 and sly 0.7.1`, or how many they are.
fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect::<BTreeSet<_>>().into_iter().collect();
    match names.as_slice() {
        [one] => (*one).to_owned(),
        [one, two] => format!("{one} and {two}"),
        [one, rest @ ..] => format!("{one} and {} other crates", rest.len()),
        [] => String::new(),
    }
}

/// The key that lets these calls through.
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
        }
    }

    #[test]
    fn who_called_and_what_lets_it_through() {
        let one = hit("ring 0.17.14", "cc");
        let broken = BrokenPromise::new("default", "t", &[&one], &[]).unwrap();
        assert_eq!(
            broken.text("error: failed to run it\n"),
            "mode default must contain no C, but ring 0.17.14 called a C compiler for t
  ring 0.17.14 ran: cc x.c
error: failed to run it
help: if mode default may compile C, add to its [[mode]] in targets.toml: needs = [\"c\"]; otherwise build that crate without its C"
        );
        let (two, three) = (hit("sly 0.7.1", "c++"), hit("tls 1.0.0", "ar"));
        let broken = BrokenPromise::new("default", "t", &[&one, &two], &[]).unwrap();
        assert!(broken.what.contains("but ring 0.17.14 and sly 0.7.1 called"), "{broken:?}");
        assert!(broken.help.contains("needs = [\"c\", \"c++\"]"), "{broken:?}");
        let broken = BrokenPromise::new("default", "t", &[&one, &one, &two, &three], &[]).unwrap();
        assert!(broken.what.contains("but ring 0.17.14 and 2 other crates called"), "{broken:?}");
    }

    #[test]
    fn who_left_what() {
        let left = Leftover { package: "sly 0.7.1".into(), line: "sly 0.7.1 left x".into() };
        let text = BrokenPromise::new("pure", "t", &[], &[left]).unwrap().text("");
        let words =
            "mode pure must contain no C, but sly 0.7.1 left a file in the build for t that no Rust compiler made
  sly 0.7.1 left x
help: inspect the file";
        assert!(text.starts_with(words), "{text}");
        assert_eq!(BrokenPromise::new("pure", "t", &[], &[]), None);
    }
}
