//! Reads Cargo's JSON messages
//! (<https://doc.rust-lang.org/cargo/reference/external-tools.html#json-messages>). Only finished programs,
//! the crates built so far, and the output of build scripts are used here.

use std::path::PathBuf;

use serde::Deserialize;

use crate::trap::Script;

/// One message of Cargo, with the fields that are used here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A crate was built or found fresh.
    Unit {
        /// The name of its target: `app`, `build-script-build`.
        name: String,
        /// Whether Cargo had nothing to do.
        fresh: bool,
        /// The path of the program, if the crate is one.
        executable: Option<PathBuf>,
        /// The files that Cargo made from the crate.
        files: Vec<PathBuf>,
        /// The package ID and the manifest of its package.
        package: Option<(String, PathBuf)>,
    },
    /// A build script ran, or its result was fresh.
    Script(Script),
    /// A message that is not used here.
    Other,
}

#[derive(Deserialize)]
struct RawMessage {
    reason: String,
    target: Option<MessageTarget>,
    fresh: Option<bool>,
    executable: Option<PathBuf>,
    filenames: Option<Vec<PathBuf>>,
    package_id: Option<String>,
    manifest_path: Option<PathBuf>,
    out_dir: Option<PathBuf>,
    linked_libs: Option<Vec<String>>,
    linked_paths: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct MessageTarget {
    name: String,
}

/// Reads one line of Cargo's standard output. A line that is not a message, for example of a build tool that
/// prints, is `Other`.
pub fn parse(line: &str) -> Message {
    let Ok(raw) = serde_json::from_str::<RawMessage>(line) else { return Message::Other };
    match (raw.reason.as_str(), raw.target, raw.package_id, raw.out_dir) {
        ("compiler-artifact", Some(target), package, _) => Message::Unit {
            name: target.name,
            fresh: raw.fresh.unwrap_or(false),
            executable: raw.executable,
            files: raw.filenames.unwrap_or_default(),
            package: package.zip(raw.manifest_path),
        },
        ("build-script-executed", _, Some(package), Some(out_dir)) => Message::Script(Script {
            package,
            folder: None,
            out_dir,
            linked_libs: raw.linked_libs.unwrap_or_default(),
            linked_paths: raw.linked_paths.unwrap_or_default(),
        }),
        _ => Message::Other,
    }
}

/// The word with which an error of Cargo or rustc begins: `error: …`, `error[E0425]: …`.
const ERROR: &str = "error";

/// Returns the first error that Cargo or a compiler reports on standard error. If there is no such line, it
/// returns the first line with text.
pub fn first_error(words: &str) -> Option<&str> {
    let labelled = words.lines().map(str::trim).find(|line| line.starts_with(ERROR));
    labelled.or_else(|| words.lines().find(|line| !line.trim().is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_and_noise_is_not() {
        let line = r#"{"reason":"compiler-artifact","package_id":"x","target":{"kind":["bin"],"name":"app"},
            "executable":"/t/x86_64-unknown-linux-musl/release/app","fresh":true,"manifest_path":"/x/Cargo.toml"}"#;
        let package = Some(("x".to_owned(), PathBuf::from("/x/Cargo.toml")));
        let executable = Some(PathBuf::from("/t/x86_64-unknown-linux-musl/release/app"));
        assert_eq!(
            parse(line),
            Message::Unit { name: "app".into(), fresh: true, executable, files: Vec::new(), package }
        );
        for noise in ["", "hello", "{}", r#"{"reason":"build-finished","success":true}"#] {
            assert_eq!(parse(noise), Message::Other);
        }
    }
}
