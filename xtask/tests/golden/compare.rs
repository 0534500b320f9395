//! Compares text with a file under tests/golden; `XTASK_BLESS=1` rewrites the file instead.

use std::path::Path;

/// Panics where `text` differs from `tests/golden/<name>`, naming the first line that does.
pub(crate) fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("XTASK_BLESS").is_some_and(|v| v == "1") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        return;
    }
    let known =
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{name}: {e}; XTASK_BLESS=1 writes it"));
    if known == text {
        return;
    }
    let mut pairs = known.lines().zip(text.lines()).enumerate();
    match pairs.find(|(_, (a, b))| a != b) {
        Some((i, (a, b))) => panic!("{name}, line {}:\n  known: {a}\n  now:   {b}", i + 1),
        None => panic!("{name}: {} bytes known, {} now, the first lines are equal", known.len(), text.len()),
    }
}
