//! Checks the programs of a base that an image starts: by `entrypoint` in place of our program, or by
//! `healthcheck`.

use crate::runtime;
use xtask_files::error::Result;
use xtask_gate::{Finding, Level, Severity, Start, Tree, left_out, trail};
use xtask_oci::document::Runtime;
use xtask_oci::{Node, RootFs};
use xtask_triple::Triple;

/// A command whose program exists.
#[derive(Debug)]
pub(super) struct NamedCommand {
    /// The key of targets.toml that names the command.
    key: &'static str,
    /// The path by which the program is started.
    path: String,
    /// How it starts; none for our own program, which is checked separately.
    start: Option<Start>,
}

/// Returns the commands of an image on its base. Missing programs and programs without the right to be
/// executed are left out: [`runtime::runtime`] reports them, with the place in targets.toml.
pub(super) fn named(image: &Runtime, bin: &str, tree: &Tree<'_>) -> Vec<NamedCommand> {
    let commands = runtime::commands(image);
    if commands.iter().all(|(_, command)| command.first().is_none_or(|name| *name == format!("/{bin}"))) {
        return Vec::new();
    }
    let mut whole: RootFs = tree.files().clone();
    if whole.put(bin, Node::bytes(0o755, &b""[..])).is_err() {
        return Vec::new();
    }
    let of = |(key, command): &(&'static str, &[String])| {
        let place = runtime::starts(key, command, image, &whole).ok()??;
        let start = (place.place != bin).then(|| Start::of(&place.path, tree));
        Some(NamedCommand { key, path: place.path, start })
    };
    commands.iter().filter_map(of).collect()
}

impl NamedCommand {
    /// Returns what prevents the program from starting.
    pub(super) fn judge(&self, triple: &Triple, tree: &Tree<'_>, level: Option<Level>) -> Vec<Finding> {
        let who = format!("`{}` of an image names {}", self.key, self.path);
        self.start.iter().flat_map(|start| start.check(&who, triple, tree, level)).collect()
    }

    /// Returns the paths of the base that the program needs.
    ///
    /// # Errors
    /// A library is missing.
    pub(super) fn paths(&self, tree: &Tree<'_>, level: Level) -> Result<Vec<String>> {
        match &self.start {
            Some(start) => start.paths(tree, level),
            None => Ok(trail(tree.files(), &self.path)),
        }
    }

    /// Warns about files that the program may need at run time and that the `kept` part of the base does not
    /// contain.
    pub(super) fn left_out(&self, tree: &Tree<'_>, kept: &RootFs, level: Level) -> Vec<Finding> {
        let Some(start) = &self.start else { return Vec::new() };
        let mut found = Vec::new();
        if start.is_script() {
            found.push(Finding {
                severity: Severity::Warn,
                what: format!(
                    "`{}` of an image names the script {}: the programs that it calls are unknown, and `closure = true` ships only its interpreter",
                    self.key, self.path
                ),
                fix: "check that the script needs no other program, or ship the whole base: closure = false".to_owned(),
                symbols: Vec::new(),
            });
        }
        let loads = start.program().map(|program| left_out(program, tree, kept, level));
        found.extend(loads.into_iter().flatten());
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xtask_oci::document::Health;

    fn text(list: &[&str]) -> Vec<String> {
        list.iter().map(|item| (*item).to_owned()).collect()
    }

    #[test]
    fn programs_of_the_base_are_judged_and_kept() {
        let mut files = RootFs::new();
        let mut put = |path: &str, node: Node| files.insert(path, node).unwrap();
        put("usr/bin/check", Node::bytes(0o755, &b"\x7fELF\x02\x01\x01"[..]));
        put("usr/bin/entry", Node::bytes(0o755, &b"#!/bin/absent\n"[..]));
        put("usr/bin/plain", Node::bytes(0o644, &b"x"[..]));
        put("usr/bin/ours", Node::symlink("/app"));
        put("bin", Node::symlink("usr/bin"));
        let tree = Tree::new("base", &files);
        let triple = Triple::parse("x86_64-unknown-linux-musl");
        let judged = |entrypoint: &[&str], check: &[&str]| {
            let test = [text(&["CMD"]), text(check)].concat();
            let runtime = Runtime {
                env: text(&["PATH=/nowhere:/bin"]),
                entrypoint: text(entrypoint),
                healthcheck: (!check.is_empty()).then(|| Health { test, ..Health::default() }),
                ..Runtime::default()
            };
            let named = named(&runtime, "app", &tree);
            let found = named.iter().flat_map(|named| named.judge(&triple, &tree, None));
            let what: Vec<String> = found.map(|finding| finding.what).collect();
            let paths = named.iter().flat_map(|named| named.paths(&tree, Level::V1).unwrap());
            (what, paths.collect::<Vec<_>>())
        };
        let none = (text(&[]), text(&[]));
        assert_eq!(judged(&["/app"], &[]), none);
        // Missing programs and those that may not be executed are reported with the place in targets.toml.
        assert_eq!(judged(&["absent"], &["plain"]), none);
        assert_eq!(judged(&["ours"], &[]), (text(&[]), text(&["bin", "usr/bin/ours"])));
        let (found, paths) = judged(&["entry", "/app"], &["/bin/check", "-x"]);
        assert_eq!(
            found,
            [
                "`entrypoint` of an image names /bin/entry, which cannot be executed: its interpreter /bin/absent is not in base",
                "`healthcheck` of an image names /bin/check, which cannot be executed: it is damaged or cut off: its ELF \
                 header is not valid",
            ]
        );
        assert_eq!(paths, ["bin", "usr/bin/entry", "bin", "bin", "usr/bin/check"]);
    }
}
