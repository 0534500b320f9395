//! The form of JSON in which xtask writes documents.

/// Returns the text of a document: indented, with a final newline. Types with string keys and finite numbers
/// can always be serialised.
pub fn pretty(value: &impl serde::Serialize) -> String {
    let text = serde_json::to_string_pretty(value).expect("types with string keys serialise");
    text + "\n"
}
