//! Text from elsewhere (compilers, file names) made harmless for a terminal, Markdown and HTML.

/// Returns the text without characters that control a terminal. Escape sequences (ECMA-48: `ESC [` up to a final byte,
/// `ESC ]` up to BEL or ST) and Unicode's bidirectional embeddings, overrides and isolates are removed. Other control
/// characters except line ends become spaces.
pub fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\x1b', Some('[')) => {
                chars.next();
                while chars.next().is_some_and(|c| !('@'..='~').contains(&c)) {}
            }
            ('\x1b', Some(']')) => {
                while chars.next().is_some_and(|c| c != '\x07' && c != '\x1b') {}
                chars.next_if_eq(&'\\');
            }
            ('\x1b', _) => {}
            ('\r', Some('\n')) => {}
            ('\n', _) => plain.push('\n'),
            ('\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}', _) => {}
            (c, _) if c.is_control() => plain.push(' '),
            (c, _) => plain.push(c),
        }
    }
    plain
}

/// Returns the text with `*` in place of what is secret wherever it stands: the login in an address (`https://user:password@…`,
/// `user:password@…`), a key in PEM after its `-----BEGIN`, up to a quote or the end of the line, and the PIN in the address of a token
/// (`pin-value=…`). Places in a line stay where they are.
pub fn masked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((at, length)) = secret(rest) {
        out.push_str(&rest[..at]);
        out.extend(rest[at..at + length].chars().map(|_| '*'));
        rest = &rest[at + length..];
    }
    out + rest
}

/// The first secret of a text: where it begins, and how many bytes it has.
fn secret(text: &str) -> Option<(usize, usize)> {
    const ADDRESS: &str = "://";
    const KEY: &str = "-----BEGIN";
    const PIN: &str = "pin-value=";
    let login = text.match_indices(ADDRESS).find_map(|(at, _)| {
        let begin = at + ADDRESS.len();
        let authority = text[begin..].split(['/', '"', '\'', ' ', '\n', '\t']).next()?;
        Some((begin, authority.rfind('@')?)).filter(|(_, length)| *length > 0)
    });
    // Without a scheme: `user:password@host`. The tag in front of a digest has the same form.
    let bare = text.match_indices('@').find_map(|(at, _)| {
        let begin = text[..at].rfind(['/', '"', '\'', ' ', '\n', '\t', '@']).map_or(0, |before| before + 1);
        let digest = ["sha256:", "sha512:"].iter().any(|kind| text[at + 1..].starts_with(kind));
        Some((begin, at - begin)).filter(|_| !digest && text[begin..at].contains(':'))
    });
    let key = text.find(KEY).and_then(|at| {
        let begin = at + KEY.len();
        let length = text[begin..].find(['"', '\'', '\n']).unwrap_or(text.len() - begin);
        Some((begin, length)).filter(|(_, length)| *length > 0)
    });
    let pin = text.find(PIN).and_then(|at| {
        let begin = at + PIN.len();
        let length = text[begin..].find(['&', ';', '"', '\'', ' ', '\n']).unwrap_or(text.len() - begin);
        Some((begin, length)).filter(|(_, length)| *length > 0)
    });
    // What is masked holds none of them, so that this ends.
    let fresh = |found: &(usize, usize)| !text[found.0..found.0 + found.1].bytes().all(|b| b == b'*');
    [login, bare, key, pin].into_iter().flatten().filter(fresh).min()
}

/// Escapes text for Markdown, inside or outside of a table, so that nothing in it is read as markup or HTML.
pub fn markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in plain(text).chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '\n' => escaped.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' => escaped.extend(['\\', c]),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Escapes text for HTML, in elements and in quoted attributes.
pub fn html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in plain(text).chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_and_keys_are_masked_in_their_places() {
        for (text, shown) in [
            ("to = \"https://u:hunter2@r.io/x\"", "to = \"https://*********@r.io/x\""),
            ("a://b@c://d@e/ f", "a://*@c://*@e/ f"),
            ("https://r.io/a@b, mail@example.com", "https://r.io/a@b, mail@example.com"),
            ("sign = \"-----BEGIN X-----\\nAAAA\" # k", "sign = \"-----BEGIN*************\" # k"),
            ("-----BEGIN", "-----BEGIN"),
            ("pkcs11:a?pin-value=12&b=3", "pkcs11:a?pin-value=**&b=3"),
            ("\"pin-value=12\", pin-value=", "\"pin-value=**\", pin-value="),
            ("://@", "://@"),
            ("--to \"bob:p*w@r.io/x\"", "--to \"*******@r.io/x\""),
            ("r.io/app:1.2@sha256:ab, pkg:cargo/a@1", "r.io/app:1.2@sha256:ab, pkg:cargo/a@1"),
            ("x", "x"),
        ] {
            assert_eq!(masked(text), shown);
            assert_eq!(masked(shown), shown);
        }
    }

    #[test]
    fn escape_sequences_are_left_out_whole() {
        let text = "\x1b[1;31merror\x1b[0m: \x1b]8;;file:x\x1b\\a\x1b]8;;\x07b\tc\r\nd\x1b";
        assert_eq!(plain(text), "error: ab c\nd");
        assert_eq!(plain("\x1b["), "");
        assert_eq!(plain("a\u{202e}b\u{2066}c\u{9b}2Jd\x08"), "abc 2Jd ");
        assert_eq!(plain("\x1b]never ended"), "");
    }
}
