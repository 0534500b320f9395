//! In-toto statements: facts about artifacts, which are named by their digests.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use xtask_oci::Digest;

/// The type of every statement (in-toto attestation framework 1).
const STATEMENT: &str = "https://in-toto.io/Statement/v1";

/// A statement about some artifacts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    /// The artifacts that the statement is about.
    pub subject: Vec<Subject>,
    /// The URI of the predicate's format.
    #[serde(rename = "predicateType")]
    pub predicate_type: String,
    /// The content of the statement.
    #[serde(default)]
    pub predicate: Value,
}

/// An artifact that a statement is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Its name, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its digests, by algorithm: `sha256` and 64 hexadecimal digits.
    pub digest: BTreeMap<String, String>,
}

impl Subject {
    /// Makes a subject from the digest of an artifact.
    pub fn new(name: Option<&str>, digest: &Digest) -> Self {
        let digest = BTreeMap::from([("sha256".to_owned(), digest.hex().to_owned())]);
        Self { name: name.map(str::to_owned), digest }
    }
}

impl Statement {
    /// Makes a statement of version 1.
    pub fn new(subject: Vec<Subject>, predicate_type: &str, predicate: Value) -> Self {
        Self { kind: STATEMENT.to_owned(), subject, predicate_type: predicate_type.to_owned(), predicate }
    }

    /// Reads a statement of version 1, or of version 0.1, which older tools write. Returns none if the bytes
    /// are not such a statement.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let statement: Self = serde_json::from_slice(bytes).ok()?;
        [STATEMENT, "https://in-toto.io/Statement/v0.1"]
            .contains(&statement.kind.as_str())
            .then_some(statement)
    }

    /// Returns the statement as JSON, without white space.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Returns whether it is about the artifact with this digest.
    pub fn is_about(&self, digest: &Digest) -> bool {
        self.subject.iter().any(|subject| subject.digest.get("sha256").is_some_and(|hex| hex == digest.hex()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_statement_is_written_as_in_toto_has_it() {
        let digest = Digest::of(b"x");
        let statement = Statement::new(
            vec![Subject::new(None, &digest)],
            "https://example.com/p/v1",
            json!({"b": 1, "a": 2}),
        );
        let text = format!(
            "{{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{{\"digest\":{{\"sha256\":\"{}\"}}}}],\
             \"predicateType\":\"https://example.com/p/v1\",\"predicate\":{{\"a\":2,\"b\":1}}}}",
            digest.hex()
        );
        assert_eq!(String::from_utf8(statement.to_json()).unwrap(), text);
        assert_eq!(Statement::parse(text.as_bytes()), Some(statement.clone()));
        assert!(statement.is_about(&digest) && !statement.is_about(&Digest::of(b"y")));
        let older = text.replace("/v1\",\"subject", "/v0.1\",\"subject");
        assert!(Statement::parse(older.as_bytes()).is_some());
        assert_eq!(Statement::parse(text.replace("Statement/v1", "Statement/v2").as_bytes()), None);
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in ".{0,200}") {
            let _ = Statement::parse(text.as_bytes());
        }
    }
}
