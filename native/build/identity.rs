//! The C compiler's name and version, read from what it prints for `--version`. Pure text work: no processes, no paths
//! in the result, so that it may enter a program that must not depend on the machine.

use std::path::Path;

/// What is recorded where a compiler does not say what it is.
pub(crate) const UNKNOWN: &str = "unknown";

/// Names the compiler whose `--version` printed `text`: `gcc 12.2.0`, `clang 14.0.6`, `Apple clang 15.0.0`,
/// `zig cc 0.15.2 (clang 20.1.2)`. `zig` is what `zig version` printed, where that could be asked.
pub(crate) fn identify(text: &str, zig: Option<&str>) -> String {
    let line = text.lines().next().unwrap_or("");
    if let Some((vendor, rest)) = line.split_once("clang version ") {
        let Some(clang) = version(rest) else { return UNKNOWN.into() };
        return match zig.and_then(version) {
            _ if !is_zig(text) && vendor.trim() == "Apple" => format!("Apple clang {clang}"),
            _ if !is_zig(text) => format!("clang {clang}"),
            Some(zig) => format!("zig cc {zig} (clang {clang})"),
            None => format!("zig cc (clang {clang})"),
        };
    }
    // GCC's first word is the name it was called by, which says little (`cc`, `c99`, a wrapper's own): its copyright
    // line is what all of its builds have in common.
    if text.contains("Free Software Foundation") {
        let found = outside_parentheses(line).split_whitespace().skip(1).find_map(version).map(str::to_owned);
        return found.map_or(UNKNOWN.into(), |v| format!("gcc {v}"));
    }
    UNKNOWN.into()
}

/// Whether this is the clang inside zig, which names the repository that zig builds its LLVM from.
pub(crate) fn is_zig(text: &str) -> bool {
    text.lines().next().is_some_and(|line| line.contains("/zig-bootstrap "))
}

/// The folder that clang says it is installed in; for `zig cc`, through any wrapper, the folder of `zig` itself.
pub(crate) fn installed_dir(text: &str) -> Option<&Path> {
    let dir = text.lines().find_map(|line| line.strip_prefix("InstalledDir: "))?.trim();
    let dir = Path::new(dir);
    dir.is_absolute().then_some(dir)
}

/// The first word, if it looks like a version: begins with a digit, and has nothing that could be a path or a quote.
fn version(text: &str) -> Option<&str> {
    let word = text.split_whitespace().next()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "._+-~".contains(c);
    (word.starts_with(|c: char| c.is_ascii_digit()) && word.len() <= 40 && word.chars().all(plain))
        .then_some(word)
}

/// Drops what stands in parentheses: a vendor's own words, which may hold a version of the package.
fn outside_parentheses(line: &str) -> String {
    let mut depth = 0usize;
    let mut kept = String::new();
    for c in line.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => kept.push(c),
            _ => {}
        }
    }
    kept
}
