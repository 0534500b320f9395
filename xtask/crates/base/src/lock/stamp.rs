//! Points in time in the forms of Release files and locks.

use std::fmt;

/// A second in UTC, in the form of RFC 3339: `2026-09-12T07:55:41Z`. Ordered by time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(String);

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

impl Stamp {
    /// Parses a time in the form `2026-09-12T07:55:41Z`. Returns none if the text has another form.
    pub fn parse(text: &str) -> Option<Self> {
        let shape = b"0000-00-00T00:00:00Z";
        let fits = text.len() == shape.len()
            && text.bytes().zip(shape).all(|(b, s)| if *s == b'0' { b.is_ascii_digit() } else { b == *s });
        if !fits {
            return None;
        }
        let number = |from: usize| text[from..from + 2].parse::<u32>().ok();
        Self::of(&text[..4], number(5)?, number(8)?, [number(11)?, number(14)?, number(17)?])
    }

    /// Parses the date of a Release file: `Sat, 12 Sep 2026 07:55:41 UTC` (Debian's repository format,
    /// "Date").
    pub fn parse_release(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let [_, day, month, year, time, "UTC" | "GMT" | "+0000"] = words[..] else { return None };
        let month = MONTHS.iter().position(|name| *name == month)?;
        let parts = time.split(':').map(|part| part.parse().ok()).collect::<Option<Vec<u32>>>()?;
        let year = Some(year).filter(|y| y.len() == 4 && y.bytes().all(|b| b.is_ascii_digit()))?;
        Self::of(year, u32::try_from(month).ok()? + 1, day.parse().ok()?, <[u32; 3]>::try_from(parts).ok()?)
    }

    fn of(year: &str, month: u32, day: u32, [hour, minute, second]: [u32; 3]) -> Option<Self> {
        // 60 is a leap second.
        let valid =
            (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
        valid.then(|| Self(format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")))
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings() {
        let stamp = Stamp::parse_release("Sat, 12 Sep 2026 07:55:41 UTC").unwrap();
        assert_eq!(stamp.to_string(), "2026-09-12T07:55:41Z");
        assert_eq!(Stamp::parse("2026-09-12T07:55:41Z"), Some(stamp.clone()));
        assert!(stamp < Stamp::parse_release("Thu,  1 Oct 2026 00:00:00 GMT").unwrap());
        for text in
            ["", "Sat, 12 Sep 2026 07:55:41", "Sat, 12 Foo 2026 07:55:41 UTC", "Sat, 12 Sep 26 7:5 UTC"]
        {
            assert_eq!(Stamp::parse_release(text), None, "{text}");
        }
        for text in [
            "",
            "2026-13-12T07:55:41Z",
            "2026-09-12T24:55:41Z",
            "2026-09-12 07:55:41Z",
            "2026-09-1äT07:5:41Z",
        ] {
            assert_eq!(Stamp::parse(text), None, "{text}");
        }
    }
}
