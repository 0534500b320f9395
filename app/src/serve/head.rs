//! The head of a request: method, target, and the few fields that say where the body ends and what comes behind it.

use httparse::{EMPTY_HEADER, Error, Status};

/// The most bytes of a head.
pub(super) const MAX_HEAD: usize = 16 << 10;
/// The most fields of a head.
const MAX_FIELDS: usize = 64;

/// What matters of a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    /// `GET`, …
    pub(super) method: String,
    /// The path before the question mark, as it came.
    pub(super) path: String,
    /// What follows the question mark, as it came.
    pub(super) query: String,
    /// Where the body ends.
    pub(super) body: Body,
    /// The client waits for a word before it sends the body.
    pub(super) expects_continue: bool,
    /// Another request may follow.
    pub(super) keep_alive: bool,
}

/// Where a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    /// After so many bytes.
    Length(u64),
    /// Each chunk says where it ends.
    Chunked,
}

/// Status and reason of a head that is not answered otherwise.
pub(super) type Bad = (u16, &'static str);

/// Reads the head at the begin of these bytes, and says how long it is. `None` where its end has not come yet.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Head, usize)>, Bad> {
    let mut fields = [EMPTY_HEADER; MAX_FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    let length = match request.parse(bytes) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Ok(None),
        Err(Error::TooManyHeaders) => return Err((431, "the head has too many fields")),
        Err(Error::Version) => return Err((505, "this is not HTTP/1")),
        Err(_) => return Err((400, "the head of the request is malformed")),
    };
    let (Some(method), Some(target), Some(version)) = (request.method, request.path, request.version) else {
        return Err((400, "the request line is incomplete"));
    };
    let values = |name: &str| {
        let name = name.to_owned();
        request
            .headers
            .iter()
            .filter(move |field| field.name.eq_ignore_ascii_case(&name))
            .map(|field| field.value)
    };
    // RFC 9112, 3.2: exactly one Host; what it names does not matter here.
    let hosts = values("host").count();
    if hosts > 1 || (version == 1 && hosts == 0) {
        return Err((400, "there must be one Host field"));
    }
    let body = body(values("content-length"), values("transfer-encoding"), version)?;
    let says = |name: &str, word: &str| {
        values(name).any(|value| {
            value.split(|b| *b == b',').any(|v| v.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
        })
    };
    let close = says("connection", "close") || (version == 0 && !says("connection", "keep-alive"));
    // The target of a request to a proxy has a scheme and a host before the path.
    let path =
        target.strip_prefix("http://").map_or(target, |rest| rest.find('/').map_or("/", |at| &rest[at..]));
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let head = Head {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        body,
        expects_continue: version == 1 && says("expect", "100-continue"),
        keep_alive: !close,
    };
    Ok(Some((head, length)))
}

/// RFC 9112, 6: two ways to say where the body ends, and a client that uses both wants to be understood in two ways.
fn body<'h>(
    mut lengths: impl Iterator<Item = &'h [u8]>,
    mut codings: impl Iterator<Item = &'h [u8]>,
    version: u8,
) -> Result<Body, Bad> {
    match (lengths.next(), codings.next()) {
        (None, None) => Ok(Body::Length(0)),
        (Some(length), None) => {
            let digits = !length.is_empty() && length.iter().all(u8::is_ascii_digit);
            let length = std::str::from_utf8(length).ok().filter(|_| digits).and_then(|l| l.parse().ok());
            match (length, lengths.next()) {
                (Some(length), None) => Ok(Body::Length(length)),
                _ => Err((400, "Content-Length is no number, or there are two")),
            }
        }
        (None, Some(coding)) if version == 1 && codings.next().is_none() => {
            let chunked = coding.trim_ascii().eq_ignore_ascii_case(b"chunked");
            if chunked { Ok(Body::Chunked) } else { Err((501, "the only transfer coding here is chunked")) }
        }
        _ => Err((400, "Content-Length and Transfer-Encoding contradict each other")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn head(text: &str) -> Result<Head, u16> {
        parse(text.as_bytes()).map(|head| head.unwrap().0).map_err(|(status, _)| status)
    }

    #[test]
    fn heads() {
        let head_1 = head(
            "POST /v1/sum?a=b&c HTTP/1.1\r\nhost: x\r\ncontent-length: 12\r\nExpect: 100-continue\r\n\r\n",
        );
        let expected = Head {
            method: "POST".into(),
            path: "/v1/sum".into(),
            query: "a=b&c".into(),
            body: Body::Length(12),
            expects_continue: true,
            keep_alive: true,
        };
        assert_eq!(head_1, Ok(expected));
        let chunked = head("PUT http://a:80/b HTTP/1.1\r\nHost: x\r\nConnection: x, Close\r\nTransfer-Encoding: Chunked\r\n\r\n").unwrap();
        assert_eq!((chunked.path.as_str(), chunked.body, chunked.keep_alive), ("/b", Body::Chunked, false));
        assert!(!head("GET / HTTP/1.0\r\n\r\n").unwrap().keep_alive);
        assert!(head("GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n").unwrap().keep_alive);
    }

    #[test]
    fn bad_heads() {
        for (fields, status) in [
            ("", 400),
            ("Host: a\r\nHost: b\r\n", 400),
            ("Host: a\r\nContent-Length: -1\r\n", 400),
            ("Host: a\r\nContent-Length: +1\r\n", 400),
            ("Host: a\r\nContent-Length: 1, 1\r\n", 400),
            ("Host: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n", 400),
            ("Host: a\r\nContent-Length: 99999999999999999999999\r\n", 400),
            ("Host: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n", 400),
            ("Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400),
            ("Host: a\r\nTransfer-Encoding: gzip, chunked\r\n", 501),
            ("Host : a\r\n", 400),
            ("Host: a\0\r\n", 400),
        ] {
            assert_eq!(head(&format!("GET / HTTP/1.1\r\n{fields}\r\n")), Err(status), "{fields:?}");
        }
        assert_eq!(head("GET / HTTP/2.0\r\n\r\n"), Err(505));
        assert_eq!(head("\x16\x03\x01\r\n\r\n"), Err(400));
        assert_eq!(head(&format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(65))), Err(431));
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..80), cut in 0_usize..120) {
            let _ = parse(&bytes);
            let text = b"GET /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
            let mut mixed = text[..cut.min(text.len())].to_vec();
            mixed.extend(bytes);
            let _ = parse(&mixed);
        }
    }
}
