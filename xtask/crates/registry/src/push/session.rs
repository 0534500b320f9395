//! An upload session: the address for the next bytes of a blob, and the number of bytes that the registry
//! has.

use ureq::http::{HeaderName, header};

use super::location;
use crate::http::HttpResponse;
use xtask_files::error::Result;

/// The header with the minimum chunk size of a registry. It does not apply to the last chunk.
const CHUNK_MIN: HeaderName = HeaderName::from_static("oci-chunk-min-length");

/// The state of an upload, from the registry's last answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UploadSession {
    /// The address for the next request.
    pub(super) url: String,
    /// The number of bytes that the registry has.
    pub(super) taken: u64,
    /// The size of the next chunk in bytes.
    pub(super) chunk: u64,
}

impl UploadSession {
    /// Makes the session that an answer with status 202 begins.
    pub(super) fn begun(asked: &str, response: &HttpResponse, chunk: u64) -> Result<Self> {
        let least = response.header(&CHUNK_MIN).and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        Ok(Self { url: location(asked, response)?, taken: 0, chunk: chunk.max(least) })
    }

    /// Updates the session from an answer. If the answer has no number of bytes, `taken` is used.
    pub(super) fn moved_on(&mut self, response: &HttpResponse, taken: u64) -> Result<()> {
        // Some registries leave it out if the address does not change.
        if response.header(&header::LOCATION).is_some() {
            self.url = location(&self.url, response)?;
        }
        self.taken = response.header(&header::RANGE).and_then(end_of).unwrap_or(taken);
        Ok(())
    }

    /// Returns the address that ends the upload with this digest.
    pub(super) fn closing(&self, digest: &str) -> String {
        let between = if self.url.contains('?') { '&' } else { '?' };
        format!("{}{between}digest={}", self.url, crate::url::encode(digest))
    }
}

/// Returns the number of bytes that `Range: 0-<last>` reports. Registries write `0-0` both for no byte and
/// for one. It is taken as no byte, because only the last chunk can have one byte.
fn end_of(range: &str) -> Option<u64> {
    let (begin, last) = range.trim().trim_start_matches("bytes=").split_once('-')?;
    let last: u64 = last.trim().parse().ok()?;
    (begin.trim() == "0").then(|| if last == 0 { 0 } else { last.saturating_add(1) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn how_far_a_registry_is() {
        assert_eq!(end_of("0-0"), Some(0));
        assert_eq!(end_of("0-1023"), Some(1024));
        assert_eq!(end_of("bytes=0-9"), Some(10));
        for no in ["", "5-9", "0", "0-x", "-9", "0--1"] {
            assert_eq!(end_of(no), None, "{no}");
        }
    }

    #[test]
    fn the_digest_joins_the_address() {
        let at = |url: &str| UploadSession { url: url.into(), taken: 0, chunk: 1 }.closing("sha256:0");
        assert_eq!(at("https://r/u"), "https://r/u?digest=sha256%3A0");
        assert_eq!(at("https://r/u?_state=x"), "https://r/u?_state=x&digest=sha256%3A0");
    }

    proptest! {
        #[test]
        fn any_range_is_read(text in "[ -~]{0,30}|0-[0-9]{0,25}") {
            let _ = end_of(&text);
        }
    }
}
