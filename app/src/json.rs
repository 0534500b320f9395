//! A writer for JSON (RFC 8259), as small as what is written with it.
//!
//! serde_json was measured in its place and in that of `serve::numbers` (x86_64-unknown-linux-gnu, release, SQLite): the
//! program grows from 3,362,288 to 3,411,312 bytes (1.5 %), the build from 41 to 51 units. serde_core, memchr and
//! serde_json are compiled for 26 s more on a busy machine, where the program itself takes 39 s. Some 90 lines would go.
//! Size and build time are what this project measures, so the lines stay.

/// One object under construction, written on one line.
#[derive(Debug)]
pub(crate) struct JsonObject(String);

impl JsonObject {
    /// An object without members.
    pub(crate) fn new() -> Self {
        Self("{".into())
    }

    /// Adds a member with an integer.
    pub(crate) fn number(&mut self, key: &str, value: i64) {
        self.key(key);
        self.0.push_str(&value.to_string());
    }

    /// Adds a member with a number that is finite; another one would be null.
    pub(crate) fn decimal(&mut self, key: &str, value: f64) {
        // Rust's debug format of a finite number is a number of JSON.
        if value.is_finite() { self.raw(key, &format!("{value:?}")) } else { self.raw(key, "null") }
    }

    /// Adds a member whose value is JSON already.
    pub(crate) fn raw(&mut self, key: &str, value: &str) {
        self.key(key);
        self.0.push_str(value);
    }

    /// Adds a member with a string.
    pub(crate) fn string(&mut self, key: &str, value: &str) {
        self.key(key);
        quote(&mut self.0, value);
    }

    /// Adds a member with a string, or null.
    pub(crate) fn optional_string(&mut self, key: &str, value: Option<&str>) {
        self.key(key);
        match value {
            Some(value) => quote(&mut self.0, value),
            None => self.0.push_str("null"),
        }
    }

    /// Adds a member with an array of strings.
    pub(crate) fn strings(&mut self, key: &str, values: &[&str]) {
        self.key(key);
        self.0.push('[');
        for (i, value) in values.iter().enumerate() {
            if i > 0 {
                self.0.push(',');
            }
            quote(&mut self.0, value);
        }
        self.0.push(']');
    }

    /// Closes the object and returns its text.
    pub(crate) fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }

    fn key(&mut self, key: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        quote(&mut self.0, key);
        self.0.push(':');
    }
}

/// Quotation marks, backslashes and control characters must be escaped (section 7); nothing else needs to be.
fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\x1f' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            _ => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    proptest! {
        /// A parser that we did not write reads back what went in.
        #[test]
        fn any_text_round_trips(
            key in prop::collection::vec(any::<char>(), 0..20).prop_map(String::from_iter),
            value in prop::collection::vec(prop_oneof![any::<char>(), prop::char::range('\0', '\x7f')], 0..40)
                .prop_map(String::from_iter),
            number in any::<i64>(),
        ) {
            let mut object = JsonObject::new();
            object.strings(&format!("{key}1"), &[&value, "", &key]);
            object.optional_string(&format!("{key}2"), Some(&value));
            object.optional_string(&format!("{key}3"), None);
            object.number(&format!("{key}4"), number);
            object.string(&format!("{key}5"), &key);
            let expected = json!({
                format!("{key}1"): [value, "", key],
                format!("{key}2"): value,
                format!("{key}3"): null,
                format!("{key}4"): number,
                format!("{key}5"): key,
            });
            let text = object.end();
            prop_assert!(!text.contains('\n'));
            prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
        }
    }

    #[test]
    fn empty() {
        assert_eq!(JsonObject::new().end(), "{}");
    }
}
