//! Serves the store over HTTP.

use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use hyper::Method;

use super::service::{ServiceRequest, ServiceResponse, not_allowed};
use crate::store::command::row_as_json;
use crate::store::text::digit;
use crate::store::{Batch, Range, Store, StoreError};

/// The most rows of one answer, and how many there are where the client says nothing.
const MAX_ROWS: usize = 1000;
/// An answer with this many bytes ends with the row that made it so long. The client asks for the rest by `after`.
const MAX_BYTES: usize = 4 << 20;

type RowJob = Box<dyn FnOnce() -> ServiceResponse + Send>;

/// What is to be done in the pool, or the answer where that is clear without.
pub(super) fn job(request: ServiceRequest, store: Arc<dyn Store>) -> Result<RowJob, ServiceResponse> {
    let ServiceRequest { method, path, query, body } = request;
    let Some(key) = path.strip_prefix("/v1/store/") else {
        return match method {
            Method::GET | Method::HEAD => {
                let (range, limit) = asked(&query).map_err(|what| ServiceResponse::error(422, &what))?;
                Ok(Box::new(move || answer(list(&*store, &range, limit))))
            }
            _ => Err(not_allowed("GET, HEAD")),
        };
    };
    let key = unescape(key.as_bytes(), false)
        .ok_or_else(|| ServiceResponse::error(422, "an escape in the key is malformed"))?;
    let work: RowJob = match method {
        Method::GET | Method::HEAD => Box::new(move || {
            answer(store.get(&key).map(|value| match value {
                Some(value) => ServiceResponse::ok("application/octet-stream", value),
                None => ServiceResponse::error(404, "there is no such key"),
            }))
        }),
        Method::PUT => Box::new(move || answer(store.put(&key, &body).map(|()| ServiceResponse::done()))),
        Method::DELETE => Box::new(move || {
            answer(store.delete(&key).map(|there| match there {
                true => ServiceResponse::done(),
                false => ServiceResponse::error(404, "there is no such key"),
            }))
        }),
        _ => return Err(not_allowed("GET, HEAD, PUT, DELETE")),
    };
    Ok(work)
}

fn answer(result: Result<ServiceResponse, StoreError>) -> ServiceResponse {
    result.unwrap_or_else(|error| match error {
        StoreError::LongKey(_) | StoreError::LongValue(_) => ServiceResponse::error(422, &error.to_string()),
        error => {
            // It may name the file, which is nothing that a client should know.
            crate::complain(&format!("error: {error}\n"));
            ServiceResponse::error(500, "the store failed")
        }
    })
}

/// Rows as JSON, one object a line.
fn list(store: &dyn Store, range: &Range, limit: usize) -> Result<ServiceResponse, StoreError> {
    let (mut text, mut left) = (String::new(), limit);
    store.scan(range, &mut |batch: &Batch| {
        for (key, value) in batch.rows() {
            if left == 0 || text.len() > MAX_BYTES {
                return Ok(ControlFlow::Break(()));
            }
            left -= 1;
            row_as_json(key, value, &mut text);
            text.push('\n');
        }
        Ok(if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(ServiceResponse::ok("application/x-ndjson", text))
}

/// The range and the number of rows that a query asks for.
fn asked(query: &str) -> Result<(Range, usize), String> {
    let (mut range, mut limit) = (Range::all(), MAX_ROWS);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = unescape(value.as_bytes(), true).ok_or("an escape in the query is malformed")?;
        let part = match name {
            "prefix" => Range::prefix(&value),
            "from" => Range { from: Bound::Included(value), to: Bound::Unbounded },
            "after" => Range { from: Bound::Excluded(value), to: Bound::Unbounded },
            "to" => Range { from: Bound::Unbounded, to: Bound::Excluded(value) },
            "limit" => {
                let number = std::str::from_utf8(&value).ok().and_then(|text| text.parse::<usize>().ok());
                limit = number.ok_or("limit needs a number")?.min(MAX_ROWS);
                continue;
            }
            _ => return Err("a query has prefix, from, after, to and limit".into()),
        };
        range = range.and(part);
    }
    Ok((range, limit))
}

/// `%` and two hexadecimal digits are a byte; in a query `+` is a space, as forms send it.
fn unescape(text: &[u8], plus: bool) -> Option<Vec<u8>> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        bytes.push(match first {
            b'%' => {
                let [high, low, ..] = tail else { return None };
                rest = &tail[2..];
                digit(*high)? << 4 | digit(*low)?
            }
            b'+' if plus => b' ',
            other => other,
        });
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_key_can_be_asked_for(key in prop::collection::vec(any::<u8>(), 0..20)) {
            let escaped: String = key.iter().map(|byte| format!("%{byte:02x}")).collect();
            prop_assert_eq!(unescape(escaped.as_bytes(), true), Some(key));
        }

        #[test]
        fn nothing_panics(
            query in "[a-z%0-9=&+]{0,12}|((prefix|from|to|after|limit)=[%0-9a-f]{0,6}&?){0,4}",
            bytes in prop::collection::vec(any::<u8>(), 0..12),
        ) {
            let _ = (asked(&query), unescape(&bytes, true), unescape(&bytes, false));
        }
    }

    #[test]
    fn escapes() {
        assert_eq!(unescape(b"a%20+%fF%00", false).unwrap(), b"a +\xff\0");
        assert_eq!(unescape(b"a+b", true).unwrap(), b"a b");
        for bad in ["%", "%1", "%g0", "%+1"] {
            assert_eq!(unescape(bad.as_bytes(), true), None, "{bad}");
        }
    }

    #[test]
    fn queries() {
        let (range, limit) = asked("prefix=a%2Fb&limit=7&").unwrap();
        assert_eq!((range, limit), (Range::prefix(b"a/b"), 7));
        assert_eq!(asked("").unwrap(), (Range::all(), MAX_ROWS));
        assert_eq!(asked("limit=99999").unwrap().1, MAX_ROWS);
        assert_eq!(asked("after=x").unwrap().0.from, Bound::Excluded(b"x".to_vec()));
        for bad in ["limit=-1", "limit", "what=1", "from=%"] {
            asked(bad).unwrap_err();
        }
    }
}
