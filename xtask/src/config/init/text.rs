//! The words of a new targets.toml.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::config::types::Need;
use crate::workspace::Package;

/// The whole file. `needs` says which compilers the package's build scripts run, and which package and dependency show
/// it.
pub(super) fn file(
    package: &Package,
    bin: &str,
    needs: &BTreeMap<Need, (&str, &str)>,
    targets: &[&str],
) -> String {
    let others = package.bins.iter().filter(|b| *b != bin).map(|b| string(b)).collect::<Vec<_>>().join(", ");
    let others = if others.is_empty() { others } else { format!("  # or {others}") };
    let mut text = format!(
        "# What `cargo xtask` builds. `cargo xtask plan` shows what comes of it and builds nothing.
schema = 1

[app]
package = {}
bin = {}{others}
# Arguments with which the program is started once, to see that it runs.
smoke = [\"--version\"]

# Modes are named sets of Cargo features, in order of preference: a target takes the first whose needs are met.
",
        string(&package.name),
        string(bin),
    );
    text += &modes(package, needs);
    text += "
# One table for each target. More keys, with what they are where left out:
#   mode = \"auto\"            # or the name of a mode, which is then built or nothing
#   on-fallback = \"allow\"    # or \"fail\": only the first mode will do
#   cc = \"zig\"               # the only C toolchain to use: host, gnu, musl, clang, mingw, zig, or a compiler; else searched for
#   glibc = \"2.31\"           # for gnu targets: the oldest glibc to run on
#   cpu = \"x86-64-v2\"        # for x86_64 targets: the oldest processor to run on
#   profile = \"release\"
#   env = { NAME = \"value\" }
#   rustflags = [\"-C\", \"link-arg=-s\"]
";
    for target in targets {
        let _ = write!(text, "[[target]]\ntriple = {}\n\n", string(target));
    }
    let listed: Vec<String> = targets.iter().map(|t| string(t)).collect();
    let _ = write!(
        text,
        "# A container image, with one program for each platform.
[[image]]
name = {}
base = \"scratch\"  # nothing but the program, CA certificates, a user and /tmp
targets = [{}]
# tzdata = true   # ships the time zones
",
        string(&image_name(bin)),
        listed.join(", ")
    );
    text
}

fn modes(package: &Package, needs: &BTreeMap<Need, (&str, &str)>) -> String {
    let words = |needs: &mut dyn Iterator<Item = &Need>| {
        needs.map(|n| string(n.as_str())).collect::<Vec<_>>().join(", ")
    };
    if ["native", "pure"].iter().all(|f| package.features.contains_key(*f)) {
        let with_c: std::collections::BTreeSet<_> = needs.keys().chain([&Need::C]).collect();
        return format!(
            "[[mode]]
name = \"native\"
features = [\"native\"]
default-features = false
needs = [{}]  # compilers that it must have: \"c\", \"c++\"

[[mode]]
name = \"pure\"
features = [\"pure\"]
default-features = false
",
            words(&mut with_c.into_iter())
        );
    }
    let mut text = "[[mode]]\nname = \"default\"\nfeatures = []\n# default-features = false\n".to_owned();
    if needs.is_empty() {
        text += "# needs = [\"c\"]  # where a dependency compiles C or C++ (\"c++\"); a build without it proves that none does\n";
        return text;
    }
    for (need, (package, dependency)) in needs {
        let _ = writeln!(text, "# {}: the build script of {package} uses {dependency}", need.as_str());
    }
    let _ = writeln!(text, "needs = [{}]", words(&mut needs.keys()));
    text
}

/// A path component of a repository name: what is no lower-case letter or digit joins by `-`.
fn image_name(bin: &str) -> String {
    let lower = bin.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty());
    let name: String = words.collect::<Vec<_>>().join("-").chars().take(128).collect();
    let name = name.trim_end_matches('-');
    if name.is_empty() { "app".to_owned() } else { name.to_owned() }
}

/// A TOML basic string.
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
