//! Files, and what is not one of a store.

use std::fs;

use super::Folder;
use crate::store::{
    COMPILED, Engine, MAX_KEY, MAX_VALUE, Stats, StoreError, create, create_or_open, in_memory, open,
};

#[test]
fn limits() {
    for engine in COMPILED {
        let store = in_memory(*engine).unwrap();
        let (key, value) = (vec![0xff; MAX_KEY], vec![7; MAX_VALUE]);
        store.put(&key, &value).unwrap();
        assert_eq!(store.get(&key).unwrap().as_ref(), Some(&value));
        let long_key = [key.as_slice(), &[0]].concat();
        assert!(matches!(store.put(&long_key, b""), Err(StoreError::LongKey(n)) if n == MAX_KEY + 1));
        let long_value = [value.as_slice(), &[0]].concat();
        assert!(matches!(store.put(b"", &long_value), Err(StoreError::LongValue(n)) if n == MAX_VALUE + 1));
        assert!(store.delete(&key).unwrap() && !store.delete(&key).unwrap());
        assert_eq!(store.get(&long_key).unwrap(), None);
        assert_eq!(Stats::of(&*store).unwrap(), Stats::default());
    }
}

/// A file has one owner, also in one process; and it is free again when the owner is gone.
#[test]
fn one_at_a_time() {
    for engine in COMPILED {
        let folder = Folder::new();
        let path = folder.file("rows");
        let store = create_or_open(&path, Some(*engine)).unwrap();
        store.put(b"key", b"value").unwrap();
        let error = open(&path, None).unwrap_err();
        assert!(matches!(&error, StoreError::InUse(p) if *p == path), "{engine}: {error}");
        drop(store);
        assert_eq!(open(&path, None).unwrap().get(b"key").unwrap().unwrap(), b"value");
    }
}

#[test]
fn what_is_no_store_is_named() {
    let folder = Folder::new();
    let path = folder.file("rows");
    assert!(matches!(open(&path, None), Err(StoreError::Absent(_))));
    for (bytes, expected) in [
        (&b"hello"[..], "neither a store nor a dump"),
        (b"APPDUMP\n\x01\0\0\0", "is a dump, not a store. The way out: `app store import"),
    ] {
        fs::write(&path, bytes).unwrap();
        for result in [open(&path, None), create_or_open(&path, None)] {
            let message = result.unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
            assert_eq!(fs::read(&path).unwrap(), bytes);
        }
    }
    // A folder, and a path through a file.
    open(&folder.0, None).unwrap_err();
    create_or_open(&path.join("below"), None).unwrap_err();
}

/// What `touch` made becomes a store.
#[test]
fn an_empty_file_is_a_new_store() {
    for engine in COMPILED {
        let folder = Folder::new();
        let path = folder.file("rows");
        fs::write(&path, b"").unwrap();
        create_or_open(&path, Some(*engine)).unwrap().put(b"a", b"b").unwrap();
        assert_eq!(open(&path, None).unwrap().get(b"a").unwrap().unwrap(), b"b");
    }
}

/// A name that has been taken meanwhile is not taken again.
#[test]
fn a_place_is_taken_once() {
    let folder = Folder::new();
    let (new, path) = (folder.file("new"), folder.file("rows"));
    fs::write(&new, b"new").unwrap();
    fs::write(&path, b"old").unwrap();
    assert!(matches!(create::place(&new, &path), Err(StoreError::Exists(_))));
    assert_eq!(fs::read(&path).unwrap(), b"old");
}

/// The engine that this program lacks is told by the first bytes, which are written down here from the formats' own
/// documents; `tests/store.rs` lets the other engine write them where both are compiled.
#[test]
fn the_other_engine_is_named_with_the_way_out() {
    let folder = Folder::new();
    let path = folder.file("rows");
    for (engine, begin) in
        [(Engine::Sqlite, &b"SQLite format 3\0\x10\0"[..]), (Engine::Redb, b"redb\x1a\x0a\xa9\x0d\x0a\0\0")]
    {
        fs::write(&path, begin).unwrap();
        let message = open(&path, None).unwrap_err().to_string();
        if COMPILED.contains(&engine) {
            // Nothing more than a begin: damaged.
            assert!(!message.contains("not in this program"), "{message}");
            for other in COMPILED.iter().filter(|other| **other != engine) {
                let message = open(&path, Some(*other)).unwrap_err().to_string();
                assert!(message.contains("`app store migrate"), "{message}");
            }
        } else {
            let file = path.display();
            assert!(
                message.contains(&format!("was written by {engine}, which is not in this program")),
                "{message}"
            );
            assert!(message.contains(&format!("`app store export {file} rows.dump`")), "{message}");
            assert!(message.contains(&format!("`app store migrate {file} NEW`")), "{message}");
            assert!(message.contains(engine.feature()), "{message}");
        }
        assert_eq!(fs::read(&path).unwrap(), begin, "it is left as it is");
    }
}
