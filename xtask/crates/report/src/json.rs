//! JSON as this program writes it.

/// The text of a document: indented, with a final newline. Our types have string keys and finite numbers only, which
/// always serialise.
pub fn pretty(value: &impl serde::Serialize) -> String {
    let text = serde_json::to_string_pretty(value).expect("types with string keys serialise");
    text + "\n"
}
