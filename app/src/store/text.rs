//! Bytes as text on one line.
//!
//! UTF-8 stands for itself, but for control characters and the backslash, which are escaped as are all other bytes:
//! `\\`, `\t`, `\n`, `\r`, and `\x` with two hexadecimal digits for the rest. What [`escape`] writes, [`unescape`] reads.

/// Adds the bytes to the text.
pub(crate) fn escape(bytes: &[u8], out: &mut String) {
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => out.push_str("\\\\"),
                '\t' => out.push_str("\\t"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                c if c.is_ascii_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
                // A control character of two bytes, which a terminal would obey.
                c if c.is_control() => {
                    c.encode_utf8(&mut [0; 4]).bytes().for_each(|b| out.push_str(&format!("\\x{b:02x}")));
                }
                c => out.push(c),
            }
        }
        chunk.invalid().iter().for_each(|b| out.push_str(&format!("\\x{b:02x}")));
    }
}

/// The bytes that this text stands for.
///
/// # Errors
/// If a backslash is followed by something else than an escape.
pub(crate) fn unescape(text: &[u8]) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first != b'\\' {
            bytes.push(first);
            continue;
        }
        let (byte, used) = match tail {
            [b'\\', ..] => (b'\\', 1),
            [b't', ..] => (b'\t', 1),
            [b'n', ..] => (b'\n', 1),
            [b'r', ..] => (b'\r', 1),
            [b'x', high, low, ..] => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, 3),
                _ => return Err("after \\x two hexadecimal digits must come".into()),
            },
            _ => return Err("a backslash is followed by none of \\ t n r x".into()),
        };
        bytes.push(byte);
        rest = &tail[used..];
    }
    Ok(bytes)
}

/// A row as one line, with its end or without: a key, a tab, a value.
///
/// # Errors
/// What is wrong with the line.
pub(crate) fn row(line: &[u8]) -> Result<(Vec<u8>, Vec<u8>), String> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let tab = line.iter().position(|&byte| byte == b'\t').ok_or("there is no tab")?;
    Ok((unescape(&line[..tab])?, unescape(&line[tab + 1..])?))
}

/// The value of a hexadecimal digit.
pub(crate) fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(bytes: &[u8]) -> String {
        let mut text = String::new();
        escape(bytes, &mut text);
        text
    }

    proptest! {
        #[test]
        fn any_bytes_round_trip(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let text = escaped(&bytes);
            prop_assert!(!text.contains(char::is_control));
            prop_assert_eq!(unescape(text.as_bytes()), Ok(bytes));
        }

        #[test]
        fn any_row_round_trips(key in prop::collection::vec(any::<u8>(), 0..20), value in prop::collection::vec(any::<u8>(), 0..20)) {
            let line = format!("{}\t{}\n", escaped(&key), escaped(&value));
            prop_assert_eq!(row(line.as_bytes()), Ok((key, value)));
        }

        #[test]
        fn nothing_panics(text in "[\\\\xtn0-9g\t\n]{0,12}", bytes in prop::collection::vec(any::<u8>(), 0..12)) {
            let _ = (unescape(text.as_bytes()), unescape(&bytes), row(text.as_bytes()), row(&bytes));
        }
    }

    #[test]
    fn examples() {
        assert_eq!(escaped("wäg\t\\\0\u{85}".as_bytes()), r"wäg\t\\\x00\xc2\x85");
        assert_eq!(escaped(b"\xff\xc3"), r"\xff\xc3");
        for bad in [r"\", r"\q", r"\x", r"\x1", r"\x1g"] {
            unescape(bad.as_bytes()).unwrap_err();
        }
    }
}
