//! Golden files: texts that are compared byte by byte with files under `tests/golden` of the tested package.

use std::path::Path;

/// Compares a text with a file under `tests/golden` of the calling package:
/// `golden!("report/report.json", &text)`. `XTASK_BLESS=1` rewrites the file instead.
#[macro_export]
macro_rules! golden {
    ($name:expr, $text:expr $(,)?) => {
        $crate::golden::compare(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden"), $name, $text)
    };
}

/// Compares a text with the file `name` in a folder, or rewrites the file. See [`golden!`](crate::golden!).
///
/// # Panics
/// The texts differ (the message has the first different line and both texts), or there is no such file.
#[track_caller]
pub fn compare(folder: &str, name: &str, text: &str) {
    let path = Path::new(folder).join(name);
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
    let first = match pairs.find(|(_, (a, b))| a != b) {
        Some((i, (a, b))) => format!("line {}:\n  known: {a}\n  now:   {b}", i + 1),
        None => format!("{} bytes known, {} now, the first lines are equal", known.len(), text.len()),
    };
    panic!("{name}, {first}\n--- known\n{known}\n--- now\n{text}\n---");
}
