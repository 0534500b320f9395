//! Many owned texts in one piece of memory.

use std::fmt;

/// The texts that one call made, in one piece of memory that is freed once.
pub struct Texts(TextsRepr);

enum TextsRepr {
    Rust {
        bytes: String,
        ends: Vec<usize>,
    },
    #[cfg(ffi)]
    C(crate::ffi::CTexts),
}

impl Texts {
    /// `ends` are ascending offsets of scalar values in `bytes`.
    pub(crate) fn new(bytes: String, ends: Vec<usize>) -> Self {
        Self(TextsRepr::Rust { bytes, ends })
    }

    /// All texts one after the other, and where each of them ends.
    fn parts(&self) -> (&str, &[usize]) {
        match &self.0 {
            TextsRepr::Rust { bytes, ends } => (bytes, ends),
            #[cfg(ffi)]
            TextsRepr::C(texts) => (texts.bytes(), texts.ends()),
        }
    }

    /// The number of texts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parts().1.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The text at this place, if there is one.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&str> {
        let (bytes, ends) = self.parts();
        let begin = index.checked_sub(1).map_or(0, |before| ends.get(before).copied().unwrap_or(0));
        bytes.get(begin..*ends.get(index)?)
    }

    /// All texts in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        let (bytes, ends) = self.parts();
        let mut begin = 0;
        ends.iter().map(move |&end| &bytes[std::mem::replace(&mut begin, end)..end])
    }
}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(ffi)]
impl From<crate::ffi::CTexts> for Texts {
    fn from(texts: crate::ffi::CTexts) -> Self {
        Self(TextsRepr::C(texts))
    }
}
