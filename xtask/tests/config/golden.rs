//! Compares text with a file under tests/golden; `XTASK_BLESS=1` writes the file instead.

use std::path::{Path, PathBuf};

/// The directory of this test's golden files.
pub(crate) fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/config")
}

/// Panics with both texts where `actual` is not what the file `name` holds.
pub(crate) fn check(name: &str, actual: &str) {
    let file = dir().join(name);
    let actual = format!("{actual}\n");
    if std::env::var_os("XTASK_BLESS").is_some_and(|v| v == "1") {
        std::fs::write(&file, &actual).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(expected == actual, "{} differs.\n--- expected\n{expected}--- actual\n{actual}", file.display());
}
