//! The text of a new targets.toml.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::modes::ModeDraft;
use crate::cargo::compilers::Compilers;
use xtask_compilers::toolchain::Provider;
use xtask_config::Need;
use xtask_config::workspace::Package;

/// Returns the text of a whole targets.toml.
pub(super) fn file(package: &Package, bin: &str, modes: &[ModeDraft], targets: &[&str]) -> String {
    let others = package.bins.iter().filter(|b| *b != bin).map(|b| string(b)).collect::<Vec<_>>().join(", ");
    let others = if others.is_empty() { others } else { format!("  # or {others}") };
    let mut text = format!(
        "# The configuration of `cargo xtask`. `cargo xtask plan` shows what follows from it and builds nothing.
schema = 1

[app]
package = {}
bin = {}{others}
# The program is started once with these arguments, to see that it runs.
smoke = [\"--version\"]

# Modes are named sets of Cargo features, in order of preference. A target is built in the first mode whose needs are met.
",
        string(&package.name),
        string(bin),
    );
    text += &modes.iter().map(mode).collect::<Vec<_>>().join("\n");
    let providers = Provider::choices().collect::<Vec<_>>().join(", ");
    let _ = write!(
        text,
        "
# One table for each target. Other keys, each with its default or an example:
#   mode = \"auto\"            # or the name of a mode: that mode or nothing is built
#   on-fallback = \"allow\"    # or \"fail\": a mode other than the first is an error
#   cc = \"zig\"               # the only C toolchain to use: {providers}, or a compiler; default: search
#   glibc = \"2.31\"           # for gnu targets: the oldest glibc on which the program runs
#   cpu = \"x86-64-v2\"        # for x86_64 targets: the oldest processor on which it runs
#   profile = \"release\"
#   env = {{ NAME = \"value\" }}
#   rustflags = [\"-C\", \"link-arg=-s\"]
"
    );
    for target in targets {
        let _ = write!(text, "[[target]]\ntriple = {}\n\n", string(target));
    }
    let listed: Vec<String> = targets.iter().map(|t| string(t)).collect();
    let _ = write!(
        text,
        "# A container image, with one program for each platform.
[[image]]
name = {}
base = \"scratch\"  # only the program, CA certificates, a user and /tmp
targets = [{}]
# tzdata = true   # adds the time zone database
",
        string(&image_name(bin)),
        listed.join(", ")
    );
    text
}

fn mode(ModeDraft { shape: mode, features, compilers, refused }: &ModeDraft) -> String {
    let list = |words: &mut dyn Iterator<Item = &str>| words.map(string).collect::<Vec<_>>().join(", ");
    let (name, features) = (string(mode.name), list(&mut features.iter().map(String::as_str)));
    let mut text = String::new();
    if mode.bare {
        text += "# Without the default features nothing compiles C. Remove this mode if such a program is of no use.\n";
    }
    let _ = writeln!(text, "[[mode]]\nname = {name}\nfeatures = [{features}]");
    text += if mode.default_features { "# default-features = false\n" } else { "default-features = false\n" };
    let Compilers { needs, packages, cxx } = compilers;
    if let Some(refused) = refused {
        let who = match refused.is_empty() {
            true => format!("{} could compile C, and did not", compiled_by(packages)),
            false => {
                format!("{} asked for a C compiler, and built without one", and(refused.iter().cloned()))
            }
        };
        let _ = writeln!(text, "# {who}, in a trial build with traps in place of all C compilers.");
    } else if !packages.is_empty() {
        let language = if needs.contains(&Need::C) { "C" } else { "C++" };
        let _ = writeln!(
            text,
            "# {language} is compiled by {}, judging by the dependencies of build scripts.",
            compiled_by(packages)
        );
        for (package, why) in cxx {
            let _ = writeln!(text, "# C++ is compiled by {package}: {why}.");
        }
        text += "# If none is compiled, remove `needs`: the build then proves that.\n";
    }
    let needs = list(&mut needs.iter().map(|need| need.as_str()));
    if !needs.is_empty() {
        let _ = writeln!(text, "needs = [{needs}]  # the compilers that it requires: \"c\", \"c++\"");
    } else if mode.default_features && refused.is_none() {
        text += "# needs = [\"c\"]  # if a dependency compiles C or C++ (\"c++\"); without it, the build proves that none does\n";
    }
    text
}

/// Returns a list such as `libsqlite3-sys (cc), mathc (cc, cmake) and 3 more`.
fn compiled_by(packages: &BTreeMap<String, BTreeSet<&str>>) -> String {
    and(packages.iter().map(|(package, crates)| {
        format!("{package} ({})", crates.iter().copied().collect::<Vec<_>>().join(", "))
    }))
}

/// Returns the first items of a list, and the number of the others.
fn and(items: impl ExactSizeIterator<Item = String>) -> String {
    const MOST: usize = 4;
    let count = items.len();
    let said: Vec<String> = items.take(MOST).collect();
    match (said.as_slice(), count.saturating_sub(MOST)) {
        ([first @ .., last], 0) if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        (all, 0) => all.join(", "),
        (all, more) => format!("{} and {more} more", all.join(", ")),
    }
}

/// Returns a name that can be a path component of a repository. Characters other than lower-case letters and
/// digits become `-`.
fn image_name(bin: &str) -> String {
    let lower = bin.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty());
    let name: String = words.collect::<Vec<_>>().join("-").chars().take(128).collect();
    let name = name.trim_end_matches('-');
    if name.is_empty() { "app".to_owned() } else { name.to_owned() }
}

/// Quotes a text as a TOML basic string.
fn string(text: &str) -> String {
    let mut quoted = "\"".to_owned();
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(quoted, "\\U{:08x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_names_from_programs() {
        for (bin, name) in
            [("app", "app"), ("My_App", "my-app"), ("__x__", "x"), ("日本", "app"), ("a--b", "a-b")]
        {
            assert_eq!(image_name(bin), name);
        }
        assert_eq!(image_name(&"x_".repeat(200)).len(), 127);
    }

    #[test]
    fn strings_are_escaped() {
        assert_eq!(string("a\"b\\c\n"), r#""a\"b\\c\U0000000a""#);
    }
}
