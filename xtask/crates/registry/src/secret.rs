//! A text that no log and no error may show.

use std::fmt;

use base64::alphabet::STANDARD;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use base64::prelude::Engine as _;

/// A password or a token. Its debug output is `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Makes a secret of this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the text, to be sent.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }

    /// Returns the texts in which a value of `Authorization` would show a secret: without its scheme, and for a
    /// password also decoded.
    pub(super) fn spellings(&self) -> Vec<String> {
        let (scheme, value) = self.0.split_once(' ').unwrap_or(("", &self.0));
        let mut all = vec![value.to_owned()];
        if scheme.eq_ignore_ascii_case("basic") {
            let plain = from_base64(value).and_then(|bytes| String::from_utf8(bytes).ok());
            all.extend(
                plain.as_deref().and_then(|plain| plain.split_once(':')).map(|(_, word)| word.to_owned()),
            );
        }
        all.retain(|text| !text.is_empty());
        all
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Decodes base64, with or without padding. Returns none for other characters. Unused bits may be set, as
/// Docker allows.
pub(super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    const READ: GeneralPurpose = GeneralPurpose::new(&STANDARD, NO_PAD.with_decode_allow_trailing_bits(true));
    READ.decode(text.trim().trim_end_matches('=')).ok()
}

#[cfg(test)]
mod tests {
    use base64::prelude::BASE64_STANDARD;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_answers_of_rfc_4648() {
        for (plain, coded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(BASE64_STANDARD.encode(plain), coded);
            assert_eq!(from_base64(coded).as_deref(), Some(plain.as_bytes()));
            assert_eq!(from_base64(coded.trim_end_matches('=')).as_deref(), Some(plain.as_bytes()));
        }
        assert_eq!(from_base64("Zm9v Yg"), None);
        assert_eq!(format!("{:?}", Some(Secret::new("x"))), "Some(***)");
        assert_eq!(Secret::new("Basic bWU6cGE6c3M=").spellings(), ["bWU6cGE6c3M=", "pa:ss"]);
        assert_eq!(Secret::new("Bearer a.b").spellings(), ["a.b"]);
    }

    proptest! {
        #[test]
        fn what_is_coded_reads_back(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            prop_assert_eq!(from_base64(&BASE64_STANDARD.encode(&bytes)), Some(bytes));
        }
    }
}
