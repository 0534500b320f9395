//! The golden files of this test, whose texts end with a line break that the messages do not have.

use std::path::{Path, PathBuf};

use xtask_test_support::golden;

/// The directory of this test's golden files.
pub(crate) fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/config")
}

/// Panics with both texts where `actual` is not what the file `name` holds.
#[track_caller]
pub(crate) fn check(name: &str, actual: &str) {
    golden!(&format!("config/{name}"), &format!("{actual}\n"));
}
