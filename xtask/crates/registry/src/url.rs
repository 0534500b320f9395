//! Functions on addresses for a registry client.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::host::is_local;

/// Returns scheme and authority of an `http` or `https` address. A password is only sent to an address with
/// the same ones.
pub(super) fn origin(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let plain = !authority.is_empty() && !authority.contains('@');
    (plain && matches!(scheme, "http" | "https")).then_some((scheme, authority))
}

/// Returns whether two addresses have the same origin, as browsers compare them: without regard to case, and with the
/// default port of the scheme where none is written.
pub(super) fn same_origin(one: &str, other: &str) -> bool {
    let parts = |url| {
        let (scheme, authority) = origin(url)?;
        let default = if scheme == "https" { ":443" } else { ":80" };
        let authority = authority.strip_suffix(default).unwrap_or(authority);
        Some((scheme, authority.to_ascii_lowercase()))
    };
    parts(one).is_some_and(|one| Some(one) == parts(other))
}

/// Returns the address for messages, without the parts that may contain a signature.
pub(super) fn shown(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or(url)
}

/// Returns the target of a redirect: an address, one without a scheme, or a path on the same host. Returns
/// none for anything else.
pub(super) fn join(base: &str, location: &str) -> Option<String> {
    let (scheme, authority) = origin(base)?;
    let url = if let Some(rest) = location.strip_prefix("//") {
        format!("{scheme}://{rest}")
    } else if location.starts_with('/') {
        format!("{scheme}://{authority}{location}")
    } else {
        location.to_owned()
    };
    origin(&url).is_some().then_some(url)
}

/// Returns whether bytes that were sent to one address may be sent to the other. They may not go from https
/// to http, except on this machine.
pub(super) fn as_safe(from: &str, to: &str) -> bool {
    match (origin(from), origin(to)) {
        (Some((from, _)), Some((to, host))) => to == "https" || from == "http" || is_local(host),
        _ => false,
    }
}

/// Percent-encodes the characters that a value in a query may not contain: all except [`UNRESERVED`].
pub(super) fn encode(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// The characters that need no encoding anywhere in an address (RFC 3986, "unreserved"), as the set of those
/// that are encoded.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects() {
        let base = "https://r.example:5000/v2/x";
        assert_eq!(join(base, "/y?z").as_deref(), Some("https://r.example:5000/y?z"));
        assert_eq!(join(base, "//cdn/y").as_deref(), Some("https://cdn/y"));
        assert_eq!(join(base, "http://cdn/y").as_deref(), Some("http://cdn/y"));
        for bad in ["file:///etc/passwd", "ftp://x/", "https://", "https://user@host/", "y"] {
            assert_eq!(join(base, bad), None, "{bad}");
        }
        assert!(
            !as_safe(base, "http://cdn/y") && as_safe(base, "https://cdn") && as_safe("http://r", "http://c")
        );
        assert!(as_safe(base, "http://127.0.0.1:1/"));
        assert_eq!(origin("https://h:1?x"), Some(("https", "h:1")));
        assert!(same_origin("https://h/a", "https://H:443/b") && same_origin("http://h:80", "http://h/x"));
        for (one, other) in
            [("https://h", "http://h"), ("https://h", "https://h:80"), ("https://h", "https://i"), ("", "")]
        {
            assert!(!same_origin(one, other), "{one} {other}");
        }
        assert_eq!(shown("https://h/a?secret=1"), "https://h/a");
        assert_eq!(encode("repository:a/b:pull é"), "repository%3Aa%2Fb%3Apull%20%C3%A9");
    }
}
