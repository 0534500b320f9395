//! What is not a file to read, and what is too much of one.

use std::path::Path;
use std::time::{Duration, Instant};

use xtask_config::Config;
use xtask_files::error::{Error, ExitKind};

use crate::made_up::{VALID, triples, workspace};

/// The error for this file, with the made-up directory taken out of it.
fn refused(file: &Path) -> Error {
    let mut error = Config::load(file, &workspace(), &triples()).expect_err("this file must be refused");
    assert_eq!(error.kind, ExitKind::Usage, "{error}");
    let dir = file.parent().unwrap().display().to_string() + "/";
    error.what = error.what.replace(&dir, "");
    error.help.iter_mut().for_each(|h| *h = h.replace(&dir, ""));
    error
}

#[test]
fn no_file() {
    let dir = tempfile::tempdir().unwrap();
    let error = refused(&dir.path().join("targets.toml"));
    assert_eq!(
        error.to_string(),
        "there is no targets.toml
  help: `cargo xtask init` writes one for this workspace
  help: `--config FILE` names another file"
    );
}

#[test]
fn a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let inner = dir.path().join("project");
    std::fs::create_dir(&inner).unwrap();
    assert_eq!(refused(&inner).to_string(), "project is a directory");
    std::fs::write(inner.join("targets.toml"), VALID).unwrap();
    assert_eq!(
        refused(&inner).to_string(),
        "project is a directory\n  help: did you mean project/targets.toml?"
    );
}

#[test]
fn a_path_through_a_file() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("f"), VALID).unwrap();
    let error = Config::load(&dir.path().join("f/targets.toml"), &workspace(), &triples()).unwrap_err();
    assert_eq!(error.kind, ExitKind::Usage);
    assert!(error.what.starts_with("cannot read "), "{error}");
}

/// A pipe could make the program wait for ever, a device could have no end.
#[cfg(unix)]
#[test]
fn not_a_regular_file() {
    let error = Config::load(Path::new("/dev/zero"), &workspace(), &triples()).unwrap_err();
    assert_eq!(error.to_string(), "/dev/zero is not a regular file");
}

#[test]
fn ten_megabytes_of_junk() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("targets.toml");
    let junk: Vec<u8> = (0..10_000_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    std::fs::write(&file, junk).unwrap();
    let begun = Instant::now();
    let error = refused(&file);
    assert_eq!(
        error.to_string(),
        "targets.toml has 10000000 bytes; the limit for a targets.toml is 262144
  help: `--config FILE` names another file"
    );
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

/// As much junk as is looked at, of every kind that makes the parser find many errors, many tables or deep ones.
#[test]
fn junk_that_is_just_small_enough() {
    let most = 262_144;
    let deep_key = ["a"; 75].join(".");
    let deep = (0..78).fold("1".to_owned(), |inner, _| format!("{{{deep_key} = {inner}}}"));
    let junk = [
        "=".repeat(most),
        "a\n".repeat(most / 2),
        "[".repeat(most),
        "a = [".repeat(most / 5),
        "[[a]]\n".repeat(most / 6),
        "[[target]]\n".repeat(most / 11),
        "[[target]]\ntriple=\"x86_64-unknown-linux-mussl\"\n".repeat(most / 50),
        "\"".repeat(most),
        "'''".repeat(most / 3),
        "a.".repeat(most / 2),
        "\u{1}".repeat(most),
        "\r".repeat(most),
        "日".repeat(most / 3),
        "\u{202e}=1\n".repeat(most / 6),
        "x = {".repeat(most / 5),
        (0..most / 14).map(|i| format!("[a{i:06}]\nx=\n")).collect(),
        format!("[{deep_key}]\n{deep_key} = {deep}\n"),
        format!("[app]\nsmoke = [{}]\n", "\"\\u0000\",".repeat(most / 10)),
    ];
    for text in junk {
        let begun = Instant::now();
        let error = crate::made_up::parse(text.as_bytes()).expect_err("junk must be refused").to_string();
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}: {}", begun.elapsed(), &error[..80]);
        assert!(error.len() < 20_000, "{} bytes", error.len());
        assert!(!error.contains("at most 262144"), "junk of {} bytes is not even looked at", text.len());
    }
}
