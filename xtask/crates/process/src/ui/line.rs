//! The text about work in progress, with the same parts for everything that takes some time:
//! `native for 4 targets · 1 min 12 s · 66 of 141 units · C: sqlite3.c of libsqlite3-sys (48 s), rustc: tokio (3 s)`.

use std::collections::BTreeMap;
use std::time::Duration;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use xtask_files::{counted, escape, human_seconds};

/// The maximum number of parallel activities that are named.
const NAMED: usize = 3;

/// The separator between the parts of a line.
const DOT: &str = " · ";

/// The state of some work at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moment {
    /// The progress, such as `66 of 141 units`. Empty if it is not known.
    pub far: String,
    /// The running activities, each with its duration.
    pub now: Vec<(String, Duration)>,
}

/// Returns the progress of work with equal parts: `66 of 141 units`, or `66 units done` if the total is not
/// known.
pub fn far(done: u64, of: Option<u64>, name: &str) -> String {
    match of.filter(|of| *of >= done) {
        Some(of) => format!("{done} of {}", counted(of, name)),
        None => format!("{} done", counted(done, name)),
    }
}

/// Returns the text after the title: the time, the progress and the running activities, if they are known.
pub(super) fn rest(elapsed: Duration, moment: &Moment) -> String {
    let now = running(&moment.now);
    let parts = [human(elapsed), plain(&moment.far), plain(&now)];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(DOT)
}

/// Returns a line with at most this number of columns. A title that takes more than half of them is cut off.
/// Then the rest is cut off; its end is the least important part.
pub(super) fn fit(title: &str, rest: &str, columns: usize) -> String {
    let title = plain(title);
    let line = format!("{title}{DOT}{rest}");
    if line.width() <= columns {
        return line;
    }
    cut(&format!("{}{DOT}{rest}", cut(&title, columns / 2)), columns)
}

/// Returns a line of any length.
pub(super) fn whole(title: &str, rest: &str) -> String {
    format!("{}{DOT}{rest}", plain(title))
}

/// Returns the running activities, the longest first. Activities with the same name (a file that is compiled
/// for each target) are shown once, with the age of the oldest.
fn running(all: &[(String, Duration)]) -> String {
    let mut groups: BTreeMap<&str, (usize, Duration)> = BTreeMap::new();
    for (name, age) in all {
        let (count, oldest) = groups.entry(name).or_default();
        *count += 1;
        *oldest = (*oldest).max(*age);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, (_, age))| std::cmp::Reverse(age.as_secs()));
    let one = |(name, (count, age)): &(&str, (usize, Duration))| {
        let times = if *count > 1 { format!(" ×{count}") } else { String::new() };
        let age = if age.as_secs() > 0 { format!(" ({})", human(*age)) } else { String::new() };
        format!("{name}{times}{age}")
    };
    let named: Vec<String> = groups.iter().take(NAMED).map(one).collect();
    let more = groups.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", named.join(", "))
}

/// Returns a duration in whole seconds: `48 s`, `1 min 12 s`.
fn human(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds => human_seconds(seconds as f64),
    }
}

/// Returns the text without terminal controls, on one line.
fn plain(text: &str) -> String {
    escape::plain(text).replace('\n', " ")
}

/// Returns the beginning of a text that is wider than `columns`, with `…` for the rest.
fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut left = columns.saturating_sub(1);
    let fits = |c: &char| {
        let width = c.width().unwrap_or(0);
        let fits = width <= left;
        left = left.saturating_sub(width);
        fits
    };
    let kept: String = text.chars().take_while(fits).collect();
    let mark = if columns == 0 { "" } else { "…" };
    format!("{}{mark}", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(list: &[(&str, u64)]) -> Vec<(String, Duration)> {
        list.iter().map(|(name, age)| ((*name).to_owned(), Duration::from_secs(*age))).collect()
    }

    #[test]
    fn a_build_says_how_long_how_far_and_what_runs() {
        let moment = Moment {
            far: far(66, Some(141), "unit"),
            now: seconds(&[("rustc: tokio", 3), ("C: sqlite3.c of libsqlite3-sys", 48)]),
        };
        assert_eq!(
            whole("native for 4 targets", &rest(Duration::from_secs(72), &moment)),
            "native for 4 targets · 1 min 12 s · 66 of 141 units · C: sqlite3.c of libsqlite3-sys (48 s), \
             rustc: tokio (3 s)"
        );
        assert_eq!(rest(Duration::from_millis(3900), &Moment::default()), "3 s");
    }

    #[test]
    fn how_far_it_is_without_a_total_and_past_a_wrong_one() {
        assert_eq!(far(0, Some(1), "unit"), "0 of 1 unit");
        assert_eq!(far(141, Some(141), "unit"), "141 of 141 units");
        assert_eq!(far(66, None, "unit"), "66 units done");
        assert_eq!(far(1, None, "unit"), "1 unit done");
        assert_eq!(far(142, Some(141), "unit"), "142 units done");
    }

    #[test]
    fn the_longest_are_named_and_the_others_are_counted() {
        let all = [("a", 0), ("b", 61), ("c", 2), ("a", 1), ("d", 0), ("e", 0)];
        assert_eq!(running(&seconds(&all)), "b (1 min 01 s), c (2 s), a ×2 (1 s) and 2 more");
        assert_eq!(running(&seconds(&[("a", 0)])), "a");
        assert_eq!(running(&[]), "");
    }

    #[test]
    fn a_line_is_cut_to_the_columns_that_there_are() {
        let rest = "12 s · 3 of 4 units";
        assert_eq!(fit("native for a", rest, 34), "native for a · 12 s · 3 of 4 units");
        assert_eq!(fit("native for a", rest, 33), "native for a · 12 s · 3 of 4 uni…");
        assert_eq!(fit("a title that is far too long", rest, 40), "a title that is far… · 12 s · 3 of 4 un…");
        // Each of these characters takes two columns.
        assert_eq!(fit("日本語日本語", "1 s", 11), "日本… · 1 s");
        for columns in 0..40 {
            assert!(fit("日本語 and more", rest, columns).width() <= columns, "{columns}");
        }
    }

    #[test]
    fn nothing_in_a_line_steers_a_terminal() {
        let moment = Moment { far: "1\r\n2".into(), now: seconds(&[("C: \x1b[31mx\x07.c", 2)]) };
        let line = whole("a\nb\x1b]0;c\x07", &rest(Duration::ZERO, &moment));
        assert_eq!(line, "a b · 0 s · 1 2 · C: x .c (2 s)");
    }
}
