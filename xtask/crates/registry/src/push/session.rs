//! An upload session: where the registry takes the next bytes of a blob, and how many it has.

use ureq::http::{HeaderName, header};

use super::location;
use crate::http::HttpResponse;
use xtask_files::error::Result;

/// The smallest chunk that a registry takes, but for the last.
const CHUNK_MIN: HeaderName = HeaderName::from_static("oci-chunk-min-length");

/// The state of an upload, as the registry said last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UploadSession {
    /// The address for the next request.
    pub(super) url: String,
    /// How many bytes the registry has.
    pub(super) taken: u64,
    /// The size of the next chunk in bytes.
    pub(super) chunk: u64,
}

impl UploadSession {
    /// The session that an answer with status 202 begins.
    pub(super) fn begun(asked: &str, response: &HttpResponse, chunk: u64) -> Result<Self> {
        let least = response.header(&CHUNK_MIN).and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        Ok(Self { url: location(asked, response)?, taken: 0, chunk: chunk.max(least) })
    }

    /// Takes over what an answer says of the session. Where it does not say how many bytes there are, `taken` holds.
    pub(super) fn moved_on(&mut self, response: &HttpResponse, taken: u64) -> Result<()> {
        // Some leave it out where the address stays.
        if response.header(&header::LOCATION).is_some() {
            self.url = location(&self.url, response)?;
        }
        self.taken = response.header(&header::RANGE).and_then(end_of).unwrap_or(taken);
        Ok(())
    }

    /// The address that ends the upload with this digest.
    pub(super) fn closing(&self, digest: &str) -> String {
        let between = if self.url.contains('?') { '&' } else { '?' };
        format!("{}{between}digest={}", self.url, crate::url::encode(digest))
    }
}

/// The number of bytes that `Range: 0-<last>` says are there. Registries write `0-0` for none as well as for one; none is
/// what it means here, since no chunk but the last has one byte.
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
