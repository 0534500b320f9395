//! Finds the lines of a failed build that belong to its first error, and the most informative one among them.

use crate::cargo::messages::first_error;

/// The lines that belong to the first error of a build.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Excerpt {
    /// The package that failed.
    pub(super) package: Option<String>,
    /// The lines of the error, without the indentation and the labels that Cargo and `cc` add.
    pub(super) lines: Vec<String>,
    /// The most informative line.
    pub(super) line: String,
}

/// The text with which Cargo begins an error about a build script.
const SCRIPT: &str = "error: failed to run custom build command for `";
/// The text with which rustc begins an error about linking.
const LINKING: &str = "error: linking with `";
/// The text with which Cargo begins its last message about a package.
const COULD_NOT: &str = "error: could not compile `";

/// Texts in the error lines of tools, the most informative first. They are compared with the line in lower
/// case.
const TELLING: [&str; 10] = [
    "fatal error:",
    "cmake error",
    "configure: error:",
    " error: ",
    "error: ",
    "undefined reference to",
    "cannot find -l",
    "file in wrong format",
    ": not found",
    "no such file or directory",
];

/// Texts of lines that only report that something else failed.
const SECONDARY: [&str; 5] = [
    "error occurred in cc-rs",
    "collect2: error: ld returned",
    "linker command failed",
    "error: could not compile",
    "clang: error: ",
];

impl Excerpt {
    /// Finds the excerpt in the output of a build.
    pub(super) fn of(words: &str) -> Self {
        let lines: Vec<&str> = words.lines().collect();
        let first = lines.iter().position(|line| line.trim_start().starts_with("error"));
        let Some(first) = first else {
            let line = first_error(words).unwrap_or_default().to_owned();
            return Self { package: None, lines: words.lines().map(stripped).collect(), line };
        };
        let after = lines[first + 1..].iter().position(|line| begins(line));
        let block = &lines[first..after.map_or(lines.len(), |at| first + 1 + at)];
        let own: Vec<String> =
            block.iter().map(|line| stripped(line)).filter(|line| !line.is_empty()).collect();
        let head = lines[first].trim();
        let could_not = || lines[first..].iter().find_map(|line| quoted(line.strip_prefix(COULD_NOT)?));
        if let Some(rest) = head.strip_prefix(SCRIPT) {
            let package = quoted(rest).map(named);
            let line = telling(&own[1..]).or_else(|| panicked(&own)).unwrap_or_else(|| head.to_owned());
            return Self { package, line, lines: own };
        }
        let package = could_not().map(str::to_owned);
        let line = match head.starts_with(LINKING) {
            // The command line alone may have thousands of words.
            true => telling(&own[1..]).unwrap_or_else(|| head.to_owned()),
            false => head.to_owned(),
        };
        Self { package, lines: own, line }
    }

    /// Returns the first line for which `find` returns a value, with that value.
    pub(super) fn find<T>(&self, find: impl Fn(&str) -> Option<T>) -> Option<(String, T)> {
        self.lines.iter().find_map(|line| Some((line.clone(), find(line)?)))
    }
}

/// Returns whether a line begins another message of Cargo or rustc. Such messages are not indented.
fn begins(line: &str) -> bool {
    line.starts_with("error") || line.starts_with("warning")
}

/// Returns a line without the text that Cargo, rustc and the crate `cc` put in front of a tool's message.
fn stripped(line: &str) -> String {
    let mut line = line.trim();
    for label in ["= note:", "cargo:warning=", "cargo::warning="] {
        line = line.strip_prefix(label).map_or(line, str::trim_start);
    }
    line.to_owned()
}

/// Returns the text up to the next backtick.
fn quoted(text: &str) -> Option<&str> {
    text.split_once('`').map(|(text, _)| text)
}

/// Returns `ring 0.17.14` for `ring v0.17.14 (/path)`.
fn named(package: &str) -> String {
    let mut words = package.split(' ');
    let name = words.next().unwrap_or_default();
    match words.next().and_then(|version| version.strip_prefix('v')) {
        Some(version) => format!("{name} {version}"),
        None => name.to_owned(),
    }
}

/// Returns the most informative line of a tool. Lines that are commands are left out.
fn telling(lines: &[String]) -> Option<String> {
    let small: Vec<(String, &String)> = lines
        .iter()
        .filter(|line| {
            !line.starts_with('"') && !line.starts_with("LC_ALL") && !line.starts_with("running: ")
        })
        .map(|line| (line.to_ascii_lowercase(), line))
        .filter(|(line, _)| !SECONDARY.iter().any(|secondary| line.contains(secondary)))
        .collect();
    TELLING.iter().find_map(|word| {
        // `error: ` alone begins a line; in the middle it is ` error: `.
        let tells =
            |line: &str| if *word == "error: " { line.starts_with(word) } else { line.contains(word) };
        small.iter().find(|(line, _)| tells(line)).map(|(_, line)| (*line).clone())
    })
}

/// Returns the message of a panic. It follows the line with the panic's place; old versions of Rust print
/// both on one line.
fn panicked(lines: &[String]) -> Option<String> {
    let at = lines.iter().position(|line| line.starts_with("thread '") && line.contains("panicked at"))?;
    lines.get(at + 1).filter(|line| !line.starts_with("note:")).or(lines.get(at)).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headline(words: &str) -> (Option<String>, String) {
        let excerpt = Excerpt::of(words);
        (excerpt.package, excerpt.line)
    }

    #[test]
    fn a_build_script_is_told_by_the_line_of_its_compiler() {
        let words = "warning: sly@0.7.1: src/x.c:1:10: fatal error: odd.h: No such file or directory\n\
                     error: failed to run custom build command for `sly v0.7.1 (/x/sly)`\n\n\
                     Caused by:\n  process didn't exit successfully: `/t/build-script-build` (exit status: 1)\n  \
                     --- stdout\n  cargo:warning=src/x.c:1:10: fatal error: odd.h: No such file or directory\n\n  \
                     --- stderr\n\n  error occurred in cc-rs: command did not execute successfully\n";
        let line = "src/x.c:1:10: fatal error: odd.h: No such file or directory";
        assert_eq!(headline(words), (Some("sly 0.7.1".into()), line.into()));
        let words = "error: failed to run custom build command for `a v1.0.0`\n\nCaused by:\n  --- stderr\n\n  \
                     thread 'main' (7) panicked at build.rs:3:5:\n  the moon is not full\n  note: run with x\n";
        assert_eq!(headline(words), (Some("a 1.0.0".into()), "the moon is not full".into()));
        assert!(
            headline("error: failed to run custom build command for `a v1.0.0`\n")
                .1
                .starts_with("error: failed")
        );
    }

    #[test]
    fn a_linker_is_told_by_its_own_line() {
        let words = "error: linking with `cc` failed: exit status: 1\n  |\n  = note:  \"cc\" \"-m64\" \"error: no\"\n  \
                     = note: some arguments are omitted\n  = note: /usr/bin/ld: cannot find -lodd: No such file\n          \
                     collect2: error: ld returned 1 exit status\n          \n\nerror: could not compile `app` (bin \"app\")\n";
        assert_eq!(
            headline(words),
            (Some("app".into()), "/usr/bin/ld: cannot find -lodd: No such file".into())
        );
        let words = "error: linking with `rust-lld` failed: exit status: 1\n  = note: rust-lld: error: undefined symbol: x\n\n\
                     error: could not compile `app`\n";
        assert_eq!(headline(words).1, "rust-lld: error: undefined symbol: x");
    }

    #[test]
    fn an_error_of_rustc_is_its_first_line() {
        let words = "error[E0308]: mismatched types\n --> src/main.rs:3:22\n\nerror: could not compile `paint` (bin \"paint\")\n";
        assert_eq!(headline(words), (Some("paint".into()), "error[E0308]: mismatched types".into()));
        assert_eq!(headline("said nothing of it\nmore"), (None, "said nothing of it".into()));
        assert_eq!(headline(""), (None, String::new()));
    }
}
