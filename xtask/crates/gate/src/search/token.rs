//! `$ORIGIN` and related tokens in search paths: ld.so(8), "Dynamic string tokens".

/// The values of the tokens in a search path.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tokens<'a> {
    /// The folder of the object that contains the path.
    pub(super) origin: &'a str,
    /// `lib`, `lib64` or `lib/x86_64-linux-gnu`, depending on the loader's build.
    pub(super) lib: &'a str,
    /// The loader's name of the processor; none if it differs between machines.
    pub(super) platform: Option<&'a str>,
}

/// Returns the folder of a path.
pub(super) fn folder(path: &str) -> &str {
    path.trim_end_matches('/').rsplit_once('/').map_or("", |(folder, _)| folder)
}

impl Tokens<'_> {
    /// Replaces the tokens by their values; other text stays. Returns none if the value of a token is not
    /// known.
    pub(super) fn expand(&self, path: &str) -> Option<String> {
        let known = [("ORIGIN", Some(self.origin)), ("LIB", Some(self.lib)), ("PLATFORM", self.platform)];
        let mut out = String::new();
        let mut rest = path;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            let token = known.iter().find_map(|(name, value)| {
                let braced = after.strip_prefix('{').and_then(|a| a.strip_prefix(name)?.strip_prefix('}'));
                let plain = || after.strip_prefix(name).filter(|rest| !rest.starts_with(word));
                braced.or_else(plain).map(|rest| (*value, rest))
            });
            match token {
                Some((value, after)) => {
                    out.push_str(value?);
                    rest = after;
                }
                None => {
                    out.push('$');
                    rest = after;
                }
            }
        }
        out.push_str(rest);
        Some(out)
    }
}

fn word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_whole_words() {
        let tokens = Tokens { origin: "/opt/app/bin", lib: "lib64", platform: Some("aarch64") };
        for (path, expanded) in [
            ("$ORIGIN/../lib", "/opt/app/bin/../lib"),
            ("${ORIGIN}", "/opt/app/bin"),
            ("/usr/$LIB/${PLATFORM}/x", "/usr/lib64/aarch64/x"),
            ("$ORIGINAL/$LIBS/${LIB", "$ORIGINAL/$LIBS/${LIB"),
            ("a$", "a$"),
            ("$$LIB", "$lib64"),
        ] {
            assert_eq!(tokens.expand(path).as_deref(), Some(expanded));
        }
        assert_eq!(Tokens { platform: None, ..tokens }.expand("/$LIB/$PLATFORM"), None);
        assert_eq!((folder("/app"), folder("/usr/bin/app"), folder("app")), ("", "/usr/bin", ""));
    }
}
