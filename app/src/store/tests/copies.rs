//! Tests of dumps and migrations.

use std::fs;

use proptest::prelude::*;

use super::{Folder, changes, rows};
use crate::store::{COMPILED, Range, Stats, create_or_open, dump, in_memory, migrate, open};

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

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
                copy.apply(&mut dump::DumpReader::new(bytes.as_slice()).unwrap()).unwrap();
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
}
