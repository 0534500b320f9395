//! Cargo's JSON messages (<https://doc.rust-lang.org/cargo/reference/external-tools.html#json-messages>), of which
//! only the finished programs and the crates built so far matter here.

use std::path::PathBuf;

use serde::Deserialize;

/// One message, as far as it matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A crate was built or found fresh.
    Unit {
        /// The name of its target: `app`, `build-script-build`.
        name: String,
        /// Nothing had to be done.
        fresh: bool,
        /// The program, where it is one.
        executable: Option<PathBuf>,
    },
    /// Anything else.
    Other,
}

#[derive(Deserialize)]
struct Raw {
    reason: String,
    target: Option<RawTarget>,
    fresh: Option<bool>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct RawTarget {
    name: String,
}

/// Reads one line of Cargo's standard output. A line that is no message (a build tool that prints) is `Other`.
pub fn parse(line: &str) -> Message {
    match serde_json::from_str(line) {
        Ok(Raw { reason, target: Some(target), fresh, executable }) if reason == "compiler-artifact" => {
            Message::Unit { name: target.name, fresh: fresh.unwrap_or(false), executable }
        }
        _ => Message::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_and_noise_is_not() {
        let line = r#"{"reason":"compiler-artifact","package_id":"x","target":{"kind":["bin"],"name":"app"},
            "executable":"/t/x86_64-unknown-linux-musl/release/app","fresh":true}"#;
        let executable = Some(PathBuf::from("/t/x86_64-unknown-linux-musl/release/app"));
        assert_eq!(parse(line), Message::Unit { name: "app".into(), fresh: true, executable });
        for noise in ["", "hello", "{}", r#"{"reason":"build-finished","success":true}"#] {
            assert_eq!(parse(noise), Message::Other);
        }
    }
}
