//! Every wrong file under tests/golden/config, with its errors in full beside it.

use std::collections::BTreeSet;

use xtask_files::error::ExitKind;

use crate::golden;
use crate::made_up::{VALID, parse};

/// The message for these bytes. They must be refused as bad usage.
fn refused(bytes: &[u8]) -> String {
    let error = parse(bytes).expect_err("this file must be refused");
    assert_eq!(error.kind, ExitKind::Usage, "{error}");
    error.to_string()
}

#[test]
fn golden_files() {
    let files = std::fs::read_dir(golden::dir()).unwrap().map(|f| f.unwrap().path());
    let cases: BTreeSet<_> = files.filter(|f| f.extension().is_some_and(|e| e == "toml")).collect();
    assert!(cases.len() >= 20, "only {} cases: were they moved?", cases.len());
    for case in cases {
        let bytes = std::fs::read(&case).unwrap();
        let name = case.with_extension("txt");
        golden::check(name.file_name().unwrap().to_str().unwrap(), &refused(&bytes));
    }
}

/// Files that an editor or Git might change are made here.
#[test]
fn carriage_returns_tabs_and_wide_characters() {
    let text = VALID.replace('\n', "\r\n")
        + "[[target]]\r\n\ttriple\t=\t'x'\r\n\t'日本語' = \"e\u{301}\"\tx = 1\r\n";
    golden::check("made-crlf.txt", &refused(text.as_bytes()));
    let text = VALID
        .replace("smoke", "")
        .replace("bin = \"shop\"", "bin = \"日本\" # 日本\n'ключ' = 1\n\"\\u202e\" = 2");
    golden::check("made-wide.txt", &refused(text.as_bytes()));
}

#[test]
fn a_byte_order_mark_moves_nothing() {
    let marked = |text: &str| ["\u{feff}", text].concat().into_bytes();
    assert_eq!(parse(&marked(VALID)), parse(VALID.as_bytes()));
    let wrong = "schema = 2\n";
    assert_eq!(refused(&marked(wrong)), refused(wrong.as_bytes()));
}

#[test]
fn not_utf8() {
    let mut latin1 = b"schema = 1\n# caf".to_vec();
    latin1.extend(b"\xe9\n[app]\n");
    golden::check("made-latin1.txt", &refused(&latin1));
    let utf16: Vec<u8> = "\u{feff}schema = 1\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    golden::check("made-utf16.txt", &refused(&utf16));
    golden::check("made-cut.txt", &refused("schema = 1 # é".as_bytes().split_last().unwrap().1));
}

#[test]
fn nothing_in_it() {
    for empty in ["", " ", "\n\n\t\r\n", "\u{feff}"] {
        golden::check("made-empty.txt", &refused(empty.as_bytes()));
    }
    golden::check("made-comment.txt", &refused(b"# only a comment\n"));
}

#[test]
fn many_errors_are_counted_not_shown() {
    let text = format!("{VALID}{}", "[[target]]\ntriple = \"x86_64-unknown-linux-mussel\"\n".repeat(500));
    let message = refused(text.as_bytes());
    assert!(message.starts_with("targets.toml has 999 errors\n"), "{}", &message[..80]);
    assert!(message.ends_with("\n\nand 979 more"));
    assert_eq!(message.matches("targets.toml:").count(), 20);
}
