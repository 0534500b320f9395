//! Text from the file in messages: short, on one line, and without characters that control a terminal.

/// The maximum number of characters that are shown of one text.
const MOST: usize = 60;

/// The maximum number of names that are shown of one list.
const MOST_NAMES: usize = 12;

/// Returns the text in double quotes, shortened if it is long.
pub fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(MOST).map(visible).collect();
    if text.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    format!("\"{shown}\"")
}

/// Returns names as a list: `"a", "b" and "c"`. Of a long list, the rest is only counted.
pub fn names<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> String {
    let all: Vec<String> = names.into_iter().map(|n| quoted(n.as_ref())).collect();
    match all.as_slice() {
        [] => "none".to_owned(),
        [one] => one.clone(),
        [first @ .., last] if all.len() <= MOST_NAMES => format!("{} and {last}", first.join(", ")),
        _ => format!("{} and {} more", all[..MOST_NAMES].join(", "), all.len() - MOST_NAMES),
    }
}

/// Returns a symbol or a replacement for a character that would control a terminal or be invisible: control
/// characters, and format characters that reorder text (<https://www.unicode.org/reports/tr36/>,
/// "Bidirectional Text Spoofing").
pub(super) fn visible(c: char) -> char {
    match c {
        '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
        '\x7f' => '\u{2421}',
        '\u{80}'..='\u{9f}'
        | '\u{ad}'
        | '\u{61c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' => '\u{fffd}',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(quoted("a\x1b[31m\u{202e}b\n"), "\"a␛[31m\u{fffd}b␊\"");
        assert_eq!(quoted(&"x".repeat(100)).chars().count(), 63);
    }

    #[test]
    fn lists_end() {
        assert_eq!(names(["a"]), "\"a\"");
        assert_eq!(names(["a", "b", "c"]), "\"a\", \"b\" and \"c\"");
        assert!(names((0..100).map(|i| i.to_string())).ends_with("\"11\" and 88 more"));
        assert_eq!(names::<&str>([]), "none");
    }
}
