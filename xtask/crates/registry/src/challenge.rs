//! Parses `WWW-Authenticate` (RFC 9110, section 11.6.1): how a registry authenticates clients. Pure.

/// A way to authenticate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// A name and a password are sent with every request.
    Basic,
    /// Another server issues a token.
    Bearer {
        /// The address of that server.
        realm: String,
        /// The service for which the token is issued.
        service: Option<String>,
        /// The scope of the token.
        scope: Option<String>,
    },
}

/// Returns the supported challenges in the header's lines. A token comes before a password, because it allows
/// less.
pub(super) fn parse(lines: &[&str]) -> Vec<Challenge> {
    let mut found = Vec::new();
    for (scheme, params) in lines.iter().flat_map(|line| schemes(line)) {
        let param = |name: &str| params.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        match scheme.as_str() {
            "basic" => found.push(Challenge::Basic),
            "bearer" => found.extend(param("realm").map(|realm| Challenge::Bearer {
                realm,
                service: param("service"),
                scope: param("scope"),
            })),
            _ => {}
        }
    }
    found.sort_by_key(|challenge| *challenge == Challenge::Basic);
    found
}

type Params = Vec<(String, String)>;

/// Returns the schemes with their parameters, with names in lower case. A comma ends both a parameter and a
/// challenge. The text after it is a parameter if a `=` comes before any space.
fn schemes(line: &str) -> Vec<(String, Params)> {
    let mut all: Vec<(String, Params)> = Vec::new();
    let mut rest = line.trim_start_matches([' ', '\t', ',']);
    while !rest.is_empty() {
        let end = rest.find([' ', '\t', ',', '=']).unwrap_or(rest.len());
        let (name, after) = (rest[..end].to_ascii_lowercase(), rest[end..].trim_start_matches([' ', '\t']));
        match after.strip_prefix('=') {
            Some(value) if !all.is_empty() => {
                let (value, after) = value_of(value.trim_start_matches([' ', '\t']));
                if let Some((_, params)) = all.last_mut() {
                    params.push((name, value));
                }
                rest = after;
            }
            // A token68 or an invalid challenge is skipped.
            Some(_) => rest = after.trim_start_matches(|c| c != ','),
            None => {
                if !name.is_empty() {
                    all.push((name, Vec::new()));
                }
                rest = after;
            }
        }
        rest = rest.trim_start_matches([' ', '\t', ',']);
    }
    all
}

/// Returns a token or a quoted string, and the text after it.
fn value_of(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            c => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Challenge::Bearer { realm: realm.into(), service: owned(service), scope: owned(scope) }
    }

    #[test]
    fn what_registries_say() {
        let docker = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#;
        let full = bearer(
            "https://auth.docker.io/token",
            Some("registry.docker.io"),
            Some("repository:a/b:pull,push"),
        );
        assert_eq!(parse(&[docker]), std::slice::from_ref(&full));
        assert_eq!(parse(&[r#"Basic realm="Registry Realm""#]), [Challenge::Basic]);
        assert_eq!(
            parse(&["Basic", "bearer Realm = x , service=y"]),
            [bearer("x", Some("y"), None), Challenge::Basic]
        );
        assert_eq!(parse(&[r#"Negotiate, Basic realm="a \"b\", c", Bearer realm="r""#]).len(), 2);
        for nothing in
            ["", ",", "Bearer", "Bearer service=x", "Digest realm=x", "=", "a=b", "Negotiate abc=="]
        {
            assert_eq!(parse(&[nothing]), [], "{nothing}");
        }
    }

    proptest! {
        #[test]
        fn any_header_is_read(lines in proptest::collection::vec("[ -~\t]{0,60}", 0..3)) {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let _ = parse(&lines);
        }

        #[test]
        fn any_value_can_be_quoted(realm in "[ -~]{1,30}") {
            let quoted = realm.replace('\\', "\\\\").replace('"', "\\\"");
            let line = format!("Bearer service=s, realm=\"{quoted}\"");
            prop_assert_eq!(parse(&[&line]), [bearer(&realm, Some("s"), None)]);
        }
    }
}
