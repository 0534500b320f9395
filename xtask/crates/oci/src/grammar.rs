//! The rules for names and tags of images
//! (<https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#pulling-manifests>).

/// The maximum number of characters in a tag.
pub const TAG_MAX: usize = 128;

/// The rule of [`is_component`], for messages.
pub const COMPONENT: &str = "lower-case letters and digits, joined by one of . _ __ or any number of -";

/// The rule of [`is_tag`], for messages.
pub const TAG: &str =
    "a tag has up to 128 letters, digits, '_', '.' and '-', and does not begin with '.' or '-'";

/// Returns whether the text is a component of a repository name: `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
pub fn is_component(part: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let joins = part.split(is_letter).filter(|join| !join.is_empty());
    part.starts_with(is_letter)
        && part.ends_with(is_letter)
        && joins.into_iter().all(|join| matches!(join, "." | "_" | "__") || join.bytes().all(|b| b == b'-'))
}

/// Returns whether the text is the name of an image. It is one component that is not longer than a tag, so
/// that it always fits into a reference and a file name.
pub fn is_name(name: &str) -> bool {
    is_component(name) && name.len() <= TAG_MAX
}

/// Returns whether the text is a tag of an image: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
pub fn is_tag(tag: &str) -> bool {
    let first = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    tag.len() <= TAG_MAX
        && tag.bytes().next().is_some_and(first)
        && tag.bytes().all(|b| first(b) || matches!(b, b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for name in ["app", "a", "my-app_2.x", "a--b", "a---b", "a__b", "1"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "App", "-a", "a-", "a..b", "a___b", "a._b", "a-_b", "a/b", "a b", "ä", "../a"] {
            assert!(!is_name(name), "{name}");
        }
        let long = "x".repeat(129);
        assert!(is_component(&long) && !is_name(&long));
    }

    #[test]
    fn tags() {
        for tag in ["1.0.0-rc.1-build.5", "_", "A", &"x".repeat(128)] {
            assert!(is_tag(tag), "{tag}");
        }
        for tag in ["", ".1", "-1", "1+2", "a/b", "ä", &"x".repeat(129)] {
            assert!(!is_tag(tag), "{tag}");
        }
    }
}
