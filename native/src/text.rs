//! An owned text, whoever allocated it.

use std::fmt;
use std::ops::Deref;

/// An owned, immutable text that a backend made. It derefs to [`str`], and gives its memory back to the allocator that
/// it came from, once, when it is dropped.
pub struct Text(TextRepr);

enum TextRepr {
    Rust(String),
    #[cfg(ffi)]
    C(crate::ffi::CText),
}

impl Text {
    /// Returns the text as a string slice.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            TextRepr::Rust(text) => text,
            #[cfg(ffi)]
            TextRepr::C(text) => text.as_str(),
        }
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(TextRepr::Rust(text))
    }
}

#[cfg(ffi)]
impl From<crate::ffi::CText> for Text {
    fn from(text: crate::ffi::CText) -> Self {
        Self(TextRepr::C(text))
    }
}

/// Moves the text where Rust allocated it, and copies it where C did.
impl From<Text> for String {
    fn from(text: Text) -> Self {
        match text.0 {
            TextRepr::Rust(text) => text,
            #[cfg(ffi)]
            TextRepr::C(text) => text.as_str().to_owned(),
        }
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text {}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}
