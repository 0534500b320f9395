//! Bytes that nobody can trust: dumps and files.

use std::fs;

use proptest::prelude::*;

use super::{Folder, changes, rows};
use crate::store::{COMPILED, Change, Range, Stats, StoreError, create_or_open, dump, in_memory, open};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

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
                let result = dump::DumpReader::new(damaged).and_then(|mut reader| fresh.apply(&mut reader));
                prop_assert!(matches!(result, Err(StoreError::BadDump(_))), "{:?}", result);
                prop_assert!(rows(&*fresh, &Range::all()).is_empty());
            }
        }
    }
}

proptest! {
    /// Any bytes behind what a dump begins with, lengths of up to 4 GiB among them: an error or the rows of a dump, and
    /// memory only for what is there.
    #[test]
    fn any_bytes_as_a_dump(
        begin in prop::sample::select(vec![&b""[..], b"APPDUMP\n", b"APPDUMP\n\x01\0\0\0"]),
        words in prop::collection::vec(prop_oneof![
            3 => (0_u32..4).boxed(),
            1 => prop::sample::select(vec![65_535, 65_536, 16 << 20, (16 << 20) + 1, u32::MAX - 1, u32::MAX]).boxed(),
        ], 0..8),
        tail in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let words: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
        let bytes = [begin, &words, &tail].concat();
        for engine in COMPILED {
            let store = in_memory(*engine).unwrap();
            let result = dump::DumpReader::new(bytes.as_slice()).and_then(|mut reader| store.apply(&mut reader));
            prop_assert!(result.is_ok() || rows(&*store, &Range::all()).is_empty(), "{:?}", result);
        }
    }

    /// Any bytes behind what the files of the engines begin with.
    #[test]
    fn any_bytes_as_a_store(
        begin in prop::sample::select(vec![
            &b""[..], b"SQLite format 3\0\x10\0\x01\x01\0\x40\x20\x20", b"redb\x1a\x0a\xa9\x0d\x0a\0\0", b"APPDUMP\n",
        ]),
        tail in prop_oneof![
            prop::collection::vec(any::<u8>(), 1..400).boxed(),
            (any::<u8>(), 1_usize..20_000).prop_map(|(byte, length)| vec![byte; length]).boxed(),
        ],
    ) {
        let folder = Folder::new();
        let path = folder.file("rows");
        fs::write(&path, [begin, &tail].concat()).unwrap();
        if let Ok(store) = open(&path, None) {
            let _ = (store.get(b"key"), Stats::of(&*store));
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
