//! Suggestions ("did you mean"): the known name that is nearest to the written one.

/// The maximum length of a name for suggestions. A longer name is no typing mistake, and comparing it takes
/// time.
const LONGEST: usize = 64;

/// The maximum number of different letters. Two triples that differ in more letters differ by a word.
const MOST_SLIPS: usize = 4;

/// Other tools' names for the first word of a triple, with Rust's name.
const ALIASES: [(&str, &str); 3] = [("amd64", "x86_64"), ("x64", "x86_64"), ("arm64", "aarch64")];

/// Returns the candidate that is most likely meant, or none if no candidate is near. Of equally near ones, it
/// returns the first.
pub fn nearest<'a>(written: &str, among: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if written.is_empty() || written.chars().nth(LONGEST).is_some() {
        return None;
    }
    let written = written.to_lowercase();
    let few = (written.chars().count() / 3).clamp(1, MOST_SLIPS);
    let rank = |candidate: &str| {
        let lower = candidate.to_lowercase();
        if leaves_words_out(&written, &lower) {
            // Omitted words rank before all but the smallest typing mistakes. The more words are omitted, the
            // worse is the rank.
            return Some((1, lower.len()));
        }
        // Two swapped neighbours count as one mistake.
        let distance = strsim::osa_distance(&written, &lower);
        (distance <= few).then_some((distance, 0))
    };
    among.into_iter().filter_map(|c| Some((rank(c)?, c))).min_by_key(|(rank, _)| *rank).map(|(_, c)| c)
}

/// Whether `written` equals `candidate` with words omitted in the middle (`x86_64-linux-musl`). Aliases count
/// as equal.
fn leaves_words_out(written: &str, candidate: &str) -> bool {
    let mut words: Vec<&str> = written.split('-').collect();
    if let Some((_, name)) = ALIASES.iter().find(|(alias, _)| words.first() == Some(alias)) {
        words[0] = name;
    }
    let all: Vec<&str> = candidate.split('-').collect();
    let mut rest = all.iter();
    words.len() >= 2
        && words.first() == all.first()
        && words.last() == all.last()
        && words.iter().all(|word| rest.any(|w| w == word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn triples_as_people_write_them() {
        let known = [
            "aarch64-apple-darwin",
            "aarch64-unknown-linux-gnu",
            "aarch64-unknown-linux-musl",
            "armv7-unknown-linux-musleabihf",
            "x86_64-linux-android",
            "x86_64-unikraft-linux-musl",
            "x86_64-unknown-linux-gnu",
            "x86_64-unknown-linux-musl",
        ];
        for (written, expected) in [
            ("x86_64-linux-musl", Some("x86_64-unknown-linux-musl")),
            ("amd64-linux-gnu", Some("x86_64-unknown-linux-gnu")),
            ("arm64-apple-darwin", Some("aarch64-apple-darwin")),
            ("X86_64-Unknown-Linux-GNU", Some("x86_64-unknown-linux-gnu")),
            ("aarch64-unknwon-linux-musl", Some("aarch64-unknown-linux-musl")),
            ("armv7-linux-musleabihf", Some("armv7-unknown-linux-musleabihf")),
            ("windows", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, known), expected, "{written}");
        }
    }

    #[test]
    fn short_names_need_more_in_common() {
        assert_eq!(nearest("ap", ["app", "zig"]), Some("app"));
        assert_eq!(nearest("x", ["app", "zig"]), None);
        assert_eq!(nearest("default_features", ["features", "default-features"]), Some("default-features"));
        assert_eq!(nearest(&"x".repeat(1_000_000), ["app"]), None);
    }
}
