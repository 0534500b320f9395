//! Every compiled engine against a model: a `BTreeMap`.

use std::collections::BTreeMap;
use std::fs;
use std::ops::{Bound, ControlFlow};
use std::path::PathBuf;

use proptest::prelude::*;

use super::engine::COMPILED;
use super::{
    Applied, Batch, Change, Engine, Error, MAX_KEY, MAX_VALUE, Range, Stats, Store, create, create_or_open,
    dump, in_memory, migrate, open,
};

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

/// A folder of this test's own, gone with the value.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = create::beside(&std::env::temp_dir().join("app-store"));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[derive(Debug, Clone)]
enum Step {
    Apply(Vec<Change>),
    /// Changes, behind which an error comes.
    Fail(Vec<Change>),
    Get(Vec<u8>),
    Scan(Bound<Vec<u8>>, Bound<Vec<u8>>),
    /// See so many batches, then break.
    Some(usize),
    Reopen,
}

/// Few different keys, so that they meet, and some that differ only in what a careless comparison would not see.
fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(prop_oneof![Just(0), Just(b'a'), Just(0x7f), Just(0x80), Just(0xff)], 0..4),
        prop::collection::vec(any::<u8>(), 0..12),
        (0_u8..3, 300_usize..5000).prop_map(|(byte, length)| vec![byte; length]),
    ]
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..20),
        1 => (any::<u8>(), 0_usize..300_000).prop_map(|(byte, length)| vec![byte; length]),
    ]
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        3 => (key(), value()).prop_map(|(key, value)| Change::Put(key, value)),
        1 => key().prop_map(Change::Delete),
    ];
    prop::collection::vec(change, 0..12)
}

fn bound() -> impl Strategy<Value = Bound<Vec<u8>>> {
    prop_oneof![Just(Bound::Unbounded), key().prop_map(Bound::Included), key().prop_map(Bound::Excluded)]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => changes().prop_map(Step::Apply),
        1 => changes().prop_map(Step::Fail),
        2 => key().prop_map(Step::Get),
        2 => (bound(), bound()).prop_map(|(from, to)| Step::Scan(from, to)),
        1 => (1_usize..3).prop_map(Step::Some),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..20)
}

fn apply_to_model(model: &mut Model, changes: &[Change]) -> Applied {
    let mut applied = Applied::default();
    for change in changes {
        match change.clone() {
            Change::Put(key, value) => {
                model.insert(key, value);
                applied.put += 1;
            }
            Change::Delete(key) => applied.deleted += u64::from(model.remove(&key).is_some()),
        }
    }
    applied
}

fn rows(store: &dyn Store, range: &Range) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut rows = Vec::new();
    store
        .scan(range, &mut |batch| {
            assert!(batch.len() > 0);
            rows.extend(batch.rows().map(|(key, value)| (key.to_vec(), value.to_vec())));
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
    rows
}

fn in_model(model: &Model, range: &Range) -> Vec<(Vec<u8>, Vec<u8>)> {
    use std::ops::RangeBounds;
    let within = |key: &[u8]| RangeBounds::<&[u8]>::contains(&range.bounds(), &key);
    model.iter().filter(|(key, _)| within(key)).map(|(k, v)| (k.clone(), v.clone())).collect()
}

/// Does the steps, and compares after each of them.
fn walk(steps: &[Step], mut store: Box<dyn Store>, mut reopen: impl FnMut(Box<dyn Store>) -> Box<dyn Store>) {
    let mut model = Model::new();
    for step in steps {
        match step {
            Step::Apply(changes) => {
                let applied = store.apply(&mut changes.iter().cloned().map(Ok)).unwrap();
                assert_eq!(applied, apply_to_model(&mut model, changes));
            }
            Step::Fail(changes) => {
                let error = std::iter::once(Err(Error::BadText("stop".into())));
                let result = store.apply(&mut changes.iter().cloned().map(Ok).chain(error));
                assert!(matches!(result, Err(Error::BadText(text)) if text == "stop"));
            }
            Step::Get(key) => assert_eq!(store.get(key).unwrap(), model.get(key).cloned()),
            Step::Scan(from, to) => {
                let range = Range { from: from.clone(), to: to.clone() };
                assert_eq!(rows(&*store, &range), in_model(&model, &range));
            }
            Step::Some(batches) => {
                let mut seen = 0;
                let mut visit = |_: &Batch| {
                    seen += 1;
                    Ok(if seen == *batches { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
                };
                store.scan(&Range::all(), &mut visit).unwrap();
                assert!(seen <= *batches);
            }
            Step::Reopen => store = reopen(store),
        }
    }
    assert_eq!(rows(&*store, &Range::all()), in_model(&model, &Range::all()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn engines_agree_with_a_map(steps in steps()) {
        for engine in COMPILED {
            walk(&steps, in_memory(*engine).unwrap(), |store| store);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn files_keep_what_was_written(steps in steps()) {
        for engine in COMPILED {
            let folder = Folder::new();
            let path = folder.file("rows");
            walk(&steps, create_or_open(&path, Some(*engine)).unwrap(), |store| {
                drop(store);
                assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1, "a closed store is one file");
                open(&path, Some(*engine)).unwrap()
            });
        }
    }

    /// Through a dump and, where there are two engines, through the other engine and back, nothing is lost or changed.
    #[test]
    fn dumps_and_migrations_lose_nothing(changes in changes()) {
        for engine in COMPILED {
            let folder = Folder::new();
            let (first, second) = (folder.file("first"), folder.file("second"));
            let store = create_or_open(&first, Some(*engine)).unwrap();
            store.apply(&mut changes.iter().cloned().map(Ok)).unwrap();
            let expected = rows(&*store, &Range::all());
            let mut bytes = Vec::new();
            let stats = dump::write(&*store, &mut bytes).unwrap();
            prop_assert_eq!(stats, Stats::of(&*store).unwrap());
            drop(store);
            for other in COMPILED {
                let copy = in_memory(*other).unwrap();
                copy.apply(&mut dump::Reader::new(bytes.as_slice()).unwrap()).unwrap();
                prop_assert_eq!(&rows(&*copy, &Range::all()), &expected);
                let mut again = Vec::new();
                dump::write(&*copy, &mut again).unwrap();
                prop_assert!(again == bytes, "dumps of equal rows are equal");

                migrate::migrate(&first, &second, Some(*other)).unwrap();
                let copy = open(&second, Some(*other)).unwrap();
                prop_assert_eq!(&rows(&*copy, &Range::all()), &expected);
                drop(copy);
                fs::remove_file(&second).unwrap();
            }
            prop_assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1);
        }
    }

    /// One byte changed or cut off anywhere is seen, and nothing of the dump arrives.
    #[test]
    fn damaged_dumps_change_nothing(changes in changes(), at in any::<prop::sample::Index>(), flip in 1_u8..) {
        for engine in COMPILED {
            let store = in_memory(*engine).unwrap();
            store.apply(&mut changes.iter().cloned().map(Ok)).unwrap();
            let mut bytes = Vec::new();
            dump::write(&*store, &mut bytes).unwrap();
            let at = at.index(bytes.len());
            let mut flipped = bytes.clone();
            flipped[at] ^= flip;
            let long = [bytes.as_slice(), &[flip]].concat();
            for damaged in [&flipped[..], &bytes[..at], &long] {
                let fresh = in_memory(*engine).unwrap();
                let result = dump::Reader::new(damaged).and_then(|mut reader| fresh.apply(&mut reader));
                prop_assert!(matches!(result, Err(Error::BadDump(_))), "{:?}", result);
                prop_assert!(rows(&*fresh, &Range::all()).is_empty());
            }
        }
    }
}

/// A damaged file gives an error or rows, but never a panic, and what it gives is read in the end.
#[test]
fn damaged_files_do_not_panic() {
    for engine in COMPILED {
        let folder = Folder::new();
        let path = folder.file("rows");
        let store = create_or_open(&path, Some(*engine)).unwrap();
        let row = |n: u32| Ok(Change::Put(n.to_be_bytes().to_vec(), vec![b'v'; 200]));
        store.apply(&mut (0..400).map(row)).unwrap();
        drop(store);
        let whole = fs::read(&path).unwrap();
        let (mut refused, mut random) = (0, 0x2545_f491_4f6c_dd1d_u64);
        for round in 0..60 {
            let mut bytes = whole.clone();
            // xorshift64: the same damage in every run.
            for _ in 0..8 {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                let at = if round % 2 == 0 { random as usize % 4096 } else { random as usize % bytes.len() };
                bytes[at] ^= (random >> 40) as u8 | 1;
            }
            if round % 5 == 0 {
                bytes.truncate(random as usize % whole.len());
            }
            fs::write(&path, &bytes).unwrap();
            let read = open(&path, None).and_then(|store| {
                store.get(&7_u32.to_be_bytes())?;
                store.put(b"new", b"row")?;
                Stats::of(&*store)
            });
            refused += usize::from(read.is_err());
            for left in fs::read_dir(&folder.0).unwrap() {
                fs::remove_file(left.unwrap().path()).unwrap();
            }
        }
        assert!(refused > 10, "{engine}: {refused}");
    }
}

#[test]
fn limits() {
    for engine in COMPILED {
        let store = in_memory(*engine).unwrap();
        let (key, value) = (vec![0xff; MAX_KEY], vec![7; MAX_VALUE]);
        store.put(&key, &value).unwrap();
        assert_eq!(store.get(&key).unwrap().as_ref(), Some(&value));
        let long_key = [key.as_slice(), &[0]].concat();
        assert!(matches!(store.put(&long_key, b""), Err(Error::LongKey(n)) if n == MAX_KEY + 1));
        let long_value = [value.as_slice(), &[0]].concat();
        assert!(matches!(store.put(b"", &long_value), Err(Error::LongValue(n)) if n == MAX_VALUE + 1));
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
        assert!(matches!(&error, Error::InUse(p) if *p == path), "{engine}: {error}");
        drop(store);
        assert_eq!(open(&path, None).unwrap().get(b"key").unwrap().unwrap(), b"value");
    }
}

#[test]
fn what_is_no_store_is_named() {
    let folder = Folder::new();
    let path = folder.file("rows");
    assert!(matches!(open(&path, None), Err(Error::Absent(_))));
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
    assert!(matches!(create::place(&new, &path), Err(Error::Exists(_))));
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
