//! Tests of the store, run with every compiled engine.

mod copies;
mod damage;
mod files;
mod model;

use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;

use proptest::prelude::*;

use super::{Change, Range, Store, create};

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
