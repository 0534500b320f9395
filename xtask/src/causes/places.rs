//! Finds the place in the sources that a compiler's error is about.

use std::path::PathBuf;

use xtask_files::error::SourcePlace;

/// Returns the first place in the lines of an error: `src/x.c:1:10: error: …` of a C compiler, or `--> src/main.rs:3:22` of
/// rustc. The file is named as the compiler named it. `what` is the line that stands for the error.
pub(super) fn place(lines: &[String], what: &str) -> Option<SourcePlace> {
    let position = |line: &String| of_rustc(line).or_else(|| of_c(line));
    let (file, line, column) = lines.iter().find_map(position)?;
    // The place is not repeated in the text.
    let text = [" fatal error: ", " error: "].iter().find_map(|label| what.find(label)).map(|at| &what[at..]);
    Some(SourcePlace { file, line, column, what: text.unwrap_or(what).trim().to_owned() })
}

/// Reads `--> src/main.rs:3:22`.
fn of_rustc(line: &str) -> Option<(PathBuf, usize, Option<usize>)> {
    position(line.strip_prefix("--> ")?)
}

/// Reads `src/x.c:1:10: fatal error: …`, of gcc, clang and zig.
fn of_c(line: &str) -> Option<(PathBuf, usize, Option<usize>)> {
    let end = [": fatal error: ", ": error: "].iter().find_map(|label| line.find(label))?;
    position(&line[..end])
}

/// Reads `file:line` or `file:line:column`.
fn position(text: &str) -> Option<(PathBuf, usize, Option<usize>)> {
    let (before, last) = text.trim().rsplit_once(':')?;
    let last: usize = last.parse().ok()?;
    match before.rsplit_once(':').and_then(|(file, line)| Some((file, line.parse().ok()?))) {
        Some((file, line)) if !file.is_empty() => Some((file.into(), line, Some(last))),
        _ if before.is_empty() => None,
        _ => Some((before.into(), last, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::excerpt::Excerpt;
    use super::*;

    fn found(words: &str) -> Option<(String, usize, Option<usize>, String)> {
        let excerpt = Excerpt::of(words);
        let place = place(&excerpt.lines, &excerpt.line)?;
        Some((place.file.display().to_string(), place.line, place.column, place.what))
    }

    #[test]
    fn the_line_of_the_sources_is_told_by_compilers() {
        let script = "error: failed to run custom build command for `sly v0.7.1 (/x/sly)`\n\n\
                      Caused by:\n  process didn't exit successfully: `/t/build-script-build` (exit status: 1)\n  \
                      --- stdout\n  cargo:warning=src/x.c:1:10: fatal error: odd.h: No such file or directory\n\n";
        let said = "fatal error: odd.h: No such file or directory";
        assert_eq!(found(script), Some(("src/x.c".into(), 1, Some(10), said.into())));
        let rustc = "warning: unused\n --> src/lib.rs:1:1\n\nerror[E0308]: mismatched types\n --> src/main.rs:3:22\n\n\
                     error: could not compile `paint`\n";
        assert_eq!(
            found(rustc),
            Some(("src/main.rs".into(), 3, Some(22), "error[E0308]: mismatched types".into()))
        );
        let linker =
            "error: linking with `cc` failed: exit status: 1\n  = note: /usr/bin/ld: cannot find -lodd\n";
        assert_eq!(found(linker), None);
        for (text, expected) in [
            ("/a b/x.c:7", Some(("/a b/x.c", 7, None))),
            ("x.c:7:1", Some(("x.c", 7, Some(1)))),
            ("x.c:y", None),
            (":7", None),
            ("7", None),
            ("ld.lld", None),
        ] {
            assert_eq!(
                position(text),
                expected.map(|(file, line, column)| (file.into(), line, column)),
                "{text}"
            );
        }
    }
}
