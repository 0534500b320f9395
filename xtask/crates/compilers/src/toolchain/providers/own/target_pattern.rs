//! Patterns of targets: a triple in which `*` stands for any text.

use xtask_triple::Triple;

/// A triple, or a pattern such as `aarch64-*-linux-gnu`. A `*` stands for any text, also an empty one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetPattern(String);

impl TargetPattern {
    /// Makes a pattern. Every text is one.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the pattern as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the name of one target.
    pub fn is_triple(&self) -> bool {
        !self.0.contains('*')
    }

    /// Whether it stands for this target, among others.
    pub fn matches(&self, target: &Triple) -> bool {
        self.fits(target.as_str())
    }

    /// Whether it stands for this triple.
    pub fn fits(&self, triple: &str) -> bool {
        let mut parts = self.0.split('*');
        let Some(mut rest) = triple.strip_prefix(parts.next().unwrap_or_default()) else { return false };
        let Some(last) = parts.next_back() else { return rest.is_empty() };
        // The first place of each part leaves the longest rest for those after it.
        for part in parts {
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, triple, fits) in [
            ("aarch64-unknown-linux-gnu", "aarch64-unknown-linux-gnu", true),
            ("aarch64-unknown-linux-gnu", "aarch64-unknown-linux-gnu_ilp32", false),
            ("aarch64-*-linux-gnu", "aarch64-unknown-linux-gnu", true),
            ("*-linux-gnu*", "armv7-unknown-linux-gnueabihf", true),
            ("*-linux-gnu", "armv7-unknown-linux-gnueabihf", false),
            ("*", "wasm32-wasip1", true),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("*ab*b", "abab", true),
            ("*linux*linux", "x-linux", false),
            ("", "x", false),
        ] {
            assert_eq!(
                TargetPattern::new(pattern).matches(&Triple::parse(triple)),
                fits,
                "{pattern} {triple}"
            );
        }
    }
}
