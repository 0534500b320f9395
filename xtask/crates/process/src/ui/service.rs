//! The CI services whose logs are more than text. GitHub Actions executes commands that stand in the output of a step
//! (`::error::…`, and `##[error]…` anywhere in a line), and GitLab CI folds what stands between its markers. So what others
//! wrote is made harmless before it is printed, and only this module writes commands. Pure.
//!
//! GitHub's rules are those of `ActionCommand.cs` in its runner; its documentation does not mention `##[`.

use std::ffi::OsString;
use std::path::{Component, Path};

use xtask_files::escape::plain;

/// A CI service with commands or markers of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CiService {
    /// GitHub Actions.
    GitHub,
    /// GitLab CI.
    GitLab,
}

/// A message that a CI service shows beside the log: at the top of the run, and at a line of a file if one is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Annotation<'a> {
    /// Whether it is an error. Otherwise it is a warning.
    pub error: bool,
    /// What it is about, in a few words; may be empty.
    pub title: &'a str,
    /// The text, which may have several lines.
    pub message: &'a str,
    /// The file below the root of the checkout, with `/`, the line and the column.
    pub place: Option<(&'a str, usize, Option<usize>)>,
}

impl CiService {
    /// The variables by which a program knows that it runs in a CI service, and reports to it.
    pub const VARIABLES: [&str; 3] = ["GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITLAB_CI"];

    /// Finds out which service runs this program, from its variables.
    pub fn of(var: impl Fn(&str) -> Option<OsString>) -> Option<Self> {
        let is = |name: &str| var(name).is_some_and(|value| value == "true");
        match (is("GITHUB_ACTIONS"), is("GITLAB_CI")) {
            (true, _) => Some(CiService::GitHub),
            (false, true) => Some(CiService::GitLab),
            (false, false) => None,
        }
    }

    /// Returns the text so that no line of it is a command or a marker for the service. Everything else stays.
    pub(super) fn harmless(self, text: &str) -> String {
        // The runner of GitHub takes a carriage return for the end of a line. GitLab's markers contain one.
        let text = text.replace('\r', " ");
        if self == CiService::GitLab {
            return text;
        }
        let lines = text.split('\n').map(|line| {
            let line = line.replace("##[", "## [");
            // The runner skips white space. It may also skip what has no width.
            let begins = line.find(|c: char| c.is_ascii_graphic() || c.is_alphanumeric());
            match begins.map(|at| line.split_at(at)) {
                Some((before, rest)) if rest.starts_with("::") => format!("{before}: {}", &rest[1..]),
                _ => line,
            }
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Works as [`CiService::harmless`] for a JSON document, whose value stays the same.
    pub(super) fn harmless_json(self, text: &str) -> String {
        match self {
            CiService::GitHub => text.replace("##[", "##\\u005b"),
            CiService::GitLab => text.to_owned(),
        }
    }

    /// Returns the line that begins a group of lines. `id` differs for each group of a log.
    pub(super) fn begin(self, title: &str, id: u64, seconds: u64) -> String {
        let title = plain(title).replace('\n', " ");
        match self {
            CiService::GitHub => format!("::group::{}", data(&title)),
            CiService::GitLab => {
                format!("\x1b[0Ksection_start:{seconds}:xtask_{id}[collapsed=true]\r\x1b[0K{title}")
            }
        }
    }

    /// Returns the line that ends the group `id`.
    pub(super) fn end(self, id: u64, seconds: u64) -> String {
        match self {
            CiService::GitHub => "::endgroup::".to_owned(),
            CiService::GitLab => format!("\x1b[0Ksection_end:{seconds}:xtask_{id}\r\x1b[0K"),
        }
    }

    /// Returns the command for an annotation, or none if the service has no such thing.
    pub(super) fn annotation(self, annotation: &Annotation<'_>) -> Option<String> {
        if self == CiService::GitLab {
            return None;
        }
        let Annotation { error, title, message, place } = *annotation;
        let mut properties = Vec::new();
        if let Some((file, line, column)) = place {
            properties.push(format!("file={}", property(file)));
            properties.push(format!("line={line}"));
            properties.extend(column.map(|column| format!("col={column}")));
        }
        if !title.is_empty() {
            properties.push(format!("title={}", property(title)));
        }
        let space = if properties.is_empty() { "" } else { " " };
        let kind = if error { "error" } else { "warning" };
        Some(format!("::{kind}{space}{}::{}", properties.join(","), data(&plain(message))))
    }
}

/// Returns a file's path from the root of the checkout, as an annotation names it. Returns none for a file elsewhere.
pub(super) fn below(checkout: &Path, file: &Path) -> Option<String> {
    let file = std::path::absolute(file).ok()?;
    let parts = file.strip_prefix(checkout).ok()?.components();
    let name = |part: Component<'_>| match part {
        Component::Normal(name) => name.to_str().map(str::to_owned),
        _ => None,
    };
    let parts: Option<Vec<String>> = parts.map(name).collect();
    Some(parts?.join("/")).filter(|path| !path.is_empty())
}

/// Escapes the text of a command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes a property of a command.
fn property(text: &str) -> String {
    data(&plain(text)).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The commands that GitHub's runner knows.
    const COMMANDS: [&str; 16] = [
        "add-mask",
        "add-matcher",
        "add-path",
        "debug",
        "echo",
        "endgroup",
        "error",
        "group",
        "notice",
        "remove-matcher",
        "save-state",
        "set-env",
        "set-output",
        "stop-commands",
        "warning",
        "internal-set-repo-path",
    ];

    /// Whether a runner of GitHub executes a line, by the rules of both of its parsers, and more strictly: it compares
    /// texts by the rules of a language, which skip what has no width.
    fn is_command(line: &str) -> bool {
        let visible: String =
            line.chars().filter(|c| !matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{feff}')).collect();
        let known = |words: &str| {
            let name = words.split(' ').next().unwrap_or_default().to_ascii_lowercase();
            COMMANDS.contains(&name.as_str())
        };
        let new = visible.trim_start_matches(|c: char| c.is_whitespace() || c.is_control());
        let new = new.strip_prefix("::").and_then(|rest| rest.split_once("::"));
        let old = visible.split_once("##[").and_then(|(_, rest)| rest.split_once(']'));
        new.is_some_and(|(words, _)| known(words)) || old.is_some_and(|(words, _)| known(words))
    }

    /// The lines as the runner reads them.
    fn lines(text: &str) -> impl Iterator<Item = &str> {
        text.split(['\n', '\r'])
    }

    #[test]
    fn the_service_is_known_by_its_variable() {
        let of = |set: &str, value: &str| CiService::of(|name| (name == set).then(|| value.into()));
        assert_eq!(of("GITHUB_ACTIONS", "true"), Some(CiService::GitHub));
        assert_eq!(of("GITLAB_CI", "true"), Some(CiService::GitLab));
        assert_eq!(
            (of("GITHUB_ACTIONS", "false"), of("GITLAB_CI", ""), of("CI", "true")),
            (None, None, None)
        );
    }

    #[test]
    fn what_a_build_script_prints_commands_nothing() {
        for (text, shown) in [
            ("::error file=a.rs,line=1::gone", ": :error file=a.rs,line=1::gone"),
            ("a\n  ::stop-commands::x", "a\n  : :stop-commands::x"),
            ("a\r::add-mask::e", "a ::add-mask::e"),
            ("\u{200b}\u{a0}::set-env name=PATH::/x", "\u{200b}\u{a0}: :set-env name=PATH::/x"),
            ("made: ##[add-path]/x ##[group]", "made: ## [add-path]/x ## [group]"),
            ("std::fmt::Debug and a::b", "std::fmt::Debug and a::b"),
            ("# [x] #[y]", "# [x] #[y]"),
            ("::", ": :"),
            ("", ""),
        ] {
            assert!(!shown.lines().any(is_command), "{shown}");
            assert_eq!(CiService::GitHub.harmless(text), shown, "{text:?}");
        }
        assert!(
            is_command(" ::ERROR::x") && is_command("a ##[set-output name=x;]y") && !is_command("a::b::c")
        );
        assert_eq!(
            CiService::GitLab.harmless("\x1b[0Ksection_end:1:a\r\x1b[0K"),
            "\x1b[0Ksection_end:1:a \x1b[0K"
        );
        let json = serde_json::json!({ "said": "##[error]x" });
        let printed = CiService::GitHub.harmless_json(&serde_json::to_string_pretty(&json).unwrap());
        assert!(!printed.lines().any(is_command), "{printed}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&printed).unwrap(), json);
    }

    #[test]
    fn annotations_have_their_place() {
        let place = Some(("a, b/c:d.toml", 3, Some(8)));
        let annotation =
            Annotation { error: true, title: "x (native)", message: "100 %\nno\x1b[1m such file", place };
        assert_eq!(
            CiService::GitHub.annotation(&annotation).unwrap(),
            "::error file=a%2C b/c%3Ad.toml,line=3,col=8,title=x (native)::100 %25%0Ano such file"
        );
        assert_eq!(CiService::GitLab.annotation(&annotation), None);
        let bare = Annotation { error: false, title: "", message: "::error::x", place: None };
        assert_eq!(CiService::GitHub.annotation(&bare).unwrap(), "::warning::::error::x");
    }

    #[test]
    fn groups_are_those_of_the_service() {
        assert_eq!(CiService::GitHub.begin("Building\n50 %", 1, 7), "::group::Building 50 %25");
        assert_eq!(CiService::GitHub.end(1, 9), "::endgroup::");
        assert_eq!(
            CiService::GitLab.begin("Building a", 1, 7),
            "\x1b[0Ksection_start:7:xtask_1[collapsed=true]\r\x1b[0KBuilding a"
        );
        assert_eq!(CiService::GitLab.end(1, 9), "\x1b[0Ksection_end:9:xtask_1\r\x1b[0K");
    }

    #[test]
    fn only_files_of_the_checkout_are_named() {
        let below = |file: &str| below(Path::new("/checkout"), Path::new(file));
        assert_eq!(below("/checkout/a/b.c").as_deref(), Some("a/b.c"));
        for elsewhere in ["/checkout", "/other/a.c", "/checkout/../etc/x"] {
            assert_eq!(below(elsewhere), None, "{elsewhere}");
        }
    }

    proptest! {
        #[test]
        fn no_text_has_a_command(
            text in "(\\PC|[ \\t\\r\\n\u{200b}\u{ad}:#\\[\\]]|::error::|##\\[group\\]|:: *debug::){0,30}"
        ) {
            let shown = CiService::GitHub.harmless(&text);
            for line in lines(&shown) {
                prop_assert!(!is_command(line), "{line:?}");
            }
            prop_assert_eq!(shown.split('\n').count(), text.split('\n').count());
        }

        #[test]
        fn no_annotation_has_a_second_command(title in "\\PC{0,20}", message in "(\\PC|[\\r\\n]|::error::x){0,20}") {
            let annotation = Annotation { error: false, title: &title, message: &message, place: None };
            let printed = CiService::GitHub.annotation(&annotation).unwrap();
            prop_assert_eq!(lines(&printed).count(), 1);
            prop_assert!(printed.starts_with("::warning"));
        }
    }
}
