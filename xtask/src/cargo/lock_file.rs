//! Reads from Cargo.lock which package depends on which. The file has the dependencies of all targets,
//! features and kinds together, so it shows what a build may contain. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use xtask_config::workspace::Version;

/// The packages of a Cargo.lock with their dependencies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct LockedGraph {
    #[serde(default, rename = "package")]
    packages: Vec<LockedNode>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct LockedNode {
    name: String,
    version: String,
    /// Each is `name`, `name version` or `name version (source)`: as much as makes it unique.
    #[serde(default)]
    dependencies: Vec<String>,
}

impl LockedGraph {
    /// Reads the file. Returns none if it is not a lock file of Cargo.
    pub fn read(text: &str) -> Option<Self> {
        toml::from_str(text).ok()
    }

    /// Whether the crate `cc` is locked, and every locked release of it joins `CFLAGS`, `TARGET_CFLAGS` (or
    /// `HOST_CFLAGS`) and `CFLAGS_<target>`. It does so since 1.2.15. Older ones read only the last of them.
    pub fn cc_joins_flags(&self) -> bool {
        const SINCE: Version = Version::new(1, 2, 15);
        let mut locked = self.packages.iter().filter(|node| node.name == "cc").peekable();
        let joins = |node: &LockedNode| Version::parse(&node.version).is_ok_and(|version| version >= SINCE);
        locked.peek().is_some() && locked.all(joins)
    }

    /// Returns the name of each package that a program of the package `root` may contain or need, with the
    /// name of each package on which it depends.
    pub fn edges_below(&self, root: &str) -> Vec<(String, String)> {
        let mut by_name: BTreeMap<&str, Vec<&LockedNode>> = BTreeMap::new();
        for node in &self.packages {
            by_name.entry(&node.name).or_default().push(node);
        }
        let mut edges = Vec::new();
        let mut seen = BTreeSet::new();
        let mut ahead = vec![(root, None)];
        while let Some((name, version)) = ahead.pop() {
            let nodes = by_name.get(name).into_iter().flatten();
            for node in nodes.filter(|node| version.is_none_or(|version| node.version == version)) {
                if !seen.insert((&node.name, &node.version)) {
                    continue;
                }
                for dependency in &node.dependencies {
                    let mut words = dependency.split(' ');
                    let name = words.next().unwrap_or_default();
                    edges.push((node.name.clone(), name.to_owned()));
                    ahead.push((name, words.next()));
                }
            }
        }
        edges.sort();
        edges.dedup();
        edges
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cc_joins_flags_if_every_locked_release_does() {
        let joins = |versions: &[&str]| {
            let package = |version: &&str| format!("[[package]]\nname = \"cc\"\nversion = \"{version}\"\n");
            let text: String = versions.iter().map(package).collect();
            LockedGraph::read(&text).unwrap().cc_joins_flags()
        };
        assert!(joins(&["1.2.15"]) && joins(&["1.11.1", "1.2.30"]));
        assert!(!joins(&["1.2.14"]) && !joins(&["1.2.15", "1.0.79"]) && !joins(&[]));
    }

    #[test]
    fn edges_of_the_packages_below_a_root() {
        let text = "version = 4\n\
            [[package]]\nname = \"app\"\nversion = \"1.0.0\"\ndependencies = [\"a 2.0.0\", \"b\"]\n\
            [[package]]\nname = \"a\"\nversion = \"1.0.0\"\ndependencies = [\"bindgen\"]\n\
            [[package]]\nname = \"a\"\nversion = \"2.0.0\"\ndependencies = [\"cmake\", \"b\"]\n\
            [[package]]\nname = \"b\"\nversion = \"0.1.0\"\ndependencies = [\"app\"]\n\
            [[package]]\nname = \"other\"\nversion = \"0.1.0\"\ndependencies = [\"prost-build\"]\n";
        let lock = LockedGraph::read(text).unwrap();
        let edges = lock.edges_below("app");
        let edges: Vec<_> = edges.iter().map(|(by, of)| format!("{by} {of}")).collect();
        assert_eq!(edges, ["a b", "a cmake", "app a", "app b", "b app"]);
        assert_eq!(lock.edges_below("none"), []);
        assert_eq!(LockedGraph::read("version = "), None);
    }
}
