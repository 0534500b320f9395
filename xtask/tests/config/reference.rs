//! The generated pages of docs/reference: what they hold is what the code has. `XTASK_BLESS=1` rewrites them.

use std::path::Path;

mod commands;
mod keys;

/// Panics where the page in docs/reference is not this text.
fn hold(page: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference").join(page);
    if std::env::var_os("XTASK_BLESS").is_some_and(|v| v == "1") {
        std::fs::write(&file, text).unwrap();
    }
    let known = std::fs::read_to_string(&file).unwrap_or_default();
    let mut pairs = known.lines().zip(text.lines());
    let first = pairs.find(|(known, now)| known != now);
    assert!(
        known == text,
        "docs/reference/{page} is not current: {first:#?}\n\
         write it again: XTASK_BLESS=1 cargo test -p xtask --test config reference"
    );
}

/// The top of a generated page.
fn top(title: &str, question: &str, source: &str) -> String {
    format!(
        "# {title}\n\n*{question}*\n\n<!-- Generated from {source}. To write it again:\n     \
         XTASK_BLESS=1 cargo test -p xtask --test config reference -->\n\n"
    )
}

/// A Markdown table.
fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut text = line(&head.map(str::to_owned)) + &line(&head.map(|_| "---".to_owned()));
    text.extend(rows.iter().map(|row| line(&row.clone().map(|cell| cell.replace('|', "\\|")))));
    text
}
