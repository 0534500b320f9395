//! `app store`, as a script sees it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

const ENGINES: &[&str] = &[
    #[cfg(feature = "native")]
    "sqlite",
    #[cfg(feature = "pure")]
    "redb",
];

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Runs `app store` in this folder: exit code, standard output, standard error.
    fn store(&self, args: &[&str], input: &[u8]) -> (i32, Vec<u8>, String) {
        #[expect(clippy::disallowed_methods, reason = "the program under test is what this test is about")]
        let mut command = Command::new(env!("CARGO_BIN_EXE_app"));
        command.arg("store").args(args).current_dir(&self.0);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A command that does not read its input may be gone by now.
        let _ = child.stdin.take().unwrap().write_all(input);
        let output = child.wait_with_output().unwrap();
        (output.status.code().unwrap(), output.stdout, String::from_utf8(output.stderr).unwrap())
    }

    /// What a command prints that does what it should.
    fn ok(&self, args: &[&str], input: &[u8]) -> String {
        let (code, out, error) = self.store(args, input);
        assert_eq!((code, error.as_str()), (0, ""), "{args:?}");
        String::from_utf8(out).unwrap()
    }

    /// What a command complains about.
    fn err(&self, code: i32, args: &[&str]) -> String {
        let (got, out, error) = self.store(args, b"");
        assert_eq!((got, out.as_slice()), (code, &b""[..]), "{args:?}: {error}");
        error
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn rows_go_in_and_come_out() {
    for engine in ENGINES {
        let folder = Folder::new(&format!("rows-{engine}"));
        assert_eq!(folder.ok(&["put", "s", "key", "value", "--engine", engine], b""), "");
        folder.ok(&["put", "s", "stdin"], b"from\0standard\ninput\xff");
        folder.ok(&["put", "s", r"a\tb\xff", "", "--escaped"], b"");
        folder.ok(&["put", "s", "--", "--json", "-"], b"");
        assert_eq!(
            folder.ok(&["put", "s", "--lines"], b"k1\tone\nk2\ttw\\no\nk1\tagain"),
            "ok k1\nok k2\nok k1\n"
        );
        assert_eq!(folder.ok(&["get", "s", "key"], b""), "value");
        assert_eq!(folder.store(&["get", "s", "stdin"], b"").1, b"from\0standard\ninput\xff");
        let all = "--json\t-\na\\tb\\xff\t\nk1\tagain\nk2\ttw\\no\nkey\tvalue\nstdin\tfrom\\x00standard\\ninput\\xff\n";
        assert_eq!(folder.ok(&["scan", "s"], b""), all);
        // What scan prints, put reads.
        folder.ok(&["put", "copy", "--lines", "--engine", engine], all.as_bytes());
        assert_eq!(folder.ok(&["scan", "copy"], b""), all);

        assert_eq!(folder.ok(&["scan", "s", "--prefix=k", "--limit=2"], b""), "k1\tagain\nk2\ttw\\no\n");
        assert_eq!(
            folder.ok(&["scan", "s", "--from", "k2", "--to", "stdin"], b""),
            "k2\ttw\\no\nkey\tvalue\n"
        );
        assert_eq!(folder.ok(&["scan", "s", "--from", "z", "--to", "a"], b""), "");
        let rows = folder.ok(&["scan", "s", "--json", "--to=k2"], b"");
        let rows: Vec<Value> = rows.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
        assert_eq!(rows[0], json!({"key": "--json", "value": "-"}));
        assert_eq!(rows[1], json!({"key_hex": "610962ff", "value": ""}));

        let stats: Value = serde_json::from_str(&folder.ok(&["stats", "s", "--json"], b"")).unwrap();
        assert_eq!((&stats["engine"], &stats["rows"]), (&json!(engine), &json!(6)));
        assert_eq!(stats["file_bytes"], fs::metadata(folder.0.join("s")).unwrap().len());
        assert!(folder.ok(&["stats", "s"], b"").contains(stats["checksum"].as_str().unwrap()));

        assert_eq!(folder.ok(&["delete", "s", "key", "no such", "k1"], b""), "deleted 2\n");
        assert_eq!(folder.err(1, &["get", "s", "key"]), "error: there is no key \"key\"\n");
    }
}

#[test]
fn dumps_carry_rows_between_programs() {
    for engine in ENGINES {
        let folder = Folder::new(&format!("dump-{engine}"));
        folder.ok(&["put", "s", "a", "1", "--engine", engine], b"");
        folder.ok(&["put", "s", "b", "2"], b"");
        assert_eq!(folder.ok(&["export", "s", "rows.dump"], b""), "exported 2 rows\n");
        let dump = fs::read(folder.0.join("rows.dump")).unwrap();
        // The format as the documentation has it, put together by hand; the checksum was computed with Python.
        let mut expected = b"APPDUMP\n\x01\0\0\0".to_vec();
        expected.extend(b"\x01\0\0\0\x01\0\0\0a1\x01\0\0\0\x01\0\0\0b2");
        expected.extend(b"\xff\xff\xff\xff\x02\0\0\0\0\0\0\0");
        expected.extend(CHECKSUM.to_le_bytes());
        assert_eq!(dump, expected);
        assert_eq!(folder.store(&["export", "s"], b"").1, dump);
        assert_eq!(folder.ok(&["import", "t", "rows.dump", "--engine", engine], b""), "imported 2 rows\n");
        assert_eq!(folder.ok(&["import", "t", "-"], &dump), "imported 2 rows\n");
        assert_eq!(folder.ok(&["scan", "t"], b""), "a\t1\nb\t2\n");

        // A dump that breaks off changes nothing, and makes nothing.
        fs::write(folder.0.join("half"), &dump[..dump.len() - 9]).unwrap();
        folder.ok(&["delete", "t", "a"], b"");
        let error = folder.err(1, &["import", "t", "half"]);
        assert_eq!(error, "error: the dump is damaged: it ends in the middle. Nothing was imported\n");
        assert_eq!(folder.ok(&["scan", "t"], b""), "b\t2\n");
        folder.err(1, &["import", "new", "s"]);
        assert!(!folder.0.join("new").exists());
        let error = folder.err(1, &["scan", "rows.dump"]);
        assert!(
            error.contains("is a dump, not a store. The way out: `app store import STORE rows.dump`"),
            "{error}"
        );
    }
}

const CHECKSUM: u64 = 0xdf1f_4def_71e5_bf57;

/// Both ways, where both engines are here; where one is, the other's file is refused with the way out (which the unit
/// tests show with its first bytes).
#[cfg(all(feature = "native", feature = "pure"))]
#[test]
fn migrations_go_both_ways() {
    let folder = Folder::new("migrate");
    folder
        .ok(&["put", "a", "--lines", "--engine", "sqlite"], b"key\tvalue\n\\xff\\x00\t\\x00\\xff\n\tempty\n");
    let rows = folder.ok(&["scan", "a"], b"");
    let said = folder.ok(&["migrate", "a", "b"], b"");
    assert!(said.starts_with("migrated 3 rows to redb, checksum "), "{said}");
    assert!(folder.ok(&["migrate", "b", "c"], b"").starts_with("migrated 3 rows to sqlite"));
    for file in ["a", "b", "c"] {
        assert_eq!(folder.ok(&["scan", file], b""), rows);
    }
    let error = folder.err(1, &["get", "b", "key", "--engine", "sqlite"]);
    assert!(error.contains("b was written by redb, and sqlite was asked for"), "{error}");
    assert!(error.contains("`app store migrate b NEW --engine sqlite`"), "{error}");
    assert_eq!(folder.err(1, &["migrate", "a", "b"]), "error: b is there already\n");
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 3, "nothing is left behind");
}

#[cfg(not(all(feature = "native", feature = "pure")))]
#[test]
fn the_engine_that_is_not_here_is_named() {
    let folder = Folder::new("engine");
    let (other, feature, begin) = match ENGINES {
        ["sqlite"] => ("redb", "pure", &b"redb\x1a\x0a\xa9\x0d\x0a"[..]),
        _ => ("sqlite", "native", &b"SQLite format 3\0"[..]),
    };
    let error = folder.err(1, &["put", "s", "key", "value", "--engine", other]);
    assert_eq!(
        error,
        format!("error: {other} is not in this program: it comes with the feature `{feature}`\n")
    );
    fs::write(folder.0.join("s"), begin).unwrap();
    for args in [
        &["put", "s", "key", "value"][..],
        &["get", "s", "key"],
        &["stats", "s"],
        &["export", "s"],
        &["migrate", "s", "t"],
    ] {
        let error = folder.err(1, args);
        assert!(
            error.contains(&format!("s was written by {other}, which is not in this program. The way out: ")),
            "{error}"
        );
        assert!(
            error.contains("`app store export s rows.dump`")
                && error.contains("`app store import NEW rows.dump`")
        );
    }
    assert_eq!(fs::read(folder.0.join("s")).unwrap(), begin);
}

#[test]
fn bad_usage() {
    let folder = Folder::new("usage");
    for (args, message) in [
        (&[][..], "error: the action is missing\n"),
        (&["frob", "s"], "error: there is no action \"frob\"\n"),
        (&["get"], "error: the store's file is missing\n"),
        (&["get", "s"], "error: `store get` has not the operands that it needs\n"),
        (&["get", "s", "a", "b"], "error: `store get` has not the operands that it needs\n"),
        (&["get", "s", "a", "--json"], "error: `store get` does not take --json\n"),
        (&["put", "s", "a", "--lines"], "error: `store put` has not the operands that it needs\n"),
        (&["put", "s", "a", "b", "--engine=mysql"], "error: --engine needs sqlite or redb, not \"mysql\"\n"),
        (&["put", "s", r"\q", "b", "--escaped"], "error: \"\\\\q\": a backslash is followed by none of"),
        (&["scan", "s", "--limit=-1"], "error: --limit needs a number, not \"-1\"\n"),
        (&["scan", "s", "--what"], "error: there is no option \"--what\"\n"),
    ] {
        let error = folder.err(2, args);
        assert!(error.starts_with(message) && error.contains("\n\nUsage: app store"), "{args:?}: {error}");
    }
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 0);
    if ENGINES.is_empty() {
        return;
    }
    assert_eq!(folder.err(1, &["get", "s", "a"]), "error: there is no store s\n");
    let (code, out, error) = folder.store(&["put", "s", "--lines"], b"a\t1\nno tab\nb\t2\n");
    assert_eq!((code, error.as_str()), (1, "error: line 2: there is no tab\n"));
    assert_eq!(out, b"ok a\n", "what was acknowledged before stays so");
    assert_eq!(folder.ok(&["scan", "s"], b""), "a\t1\n");
}
