//! Every compiled engine against a model: a `BTreeMap`.

use std::collections::BTreeMap;
use std::fs;
use std::ops::{Bound, ControlFlow};

use proptest::prelude::*;

use super::{Folder, changes, key, rows};
use crate::store::{
    Applied, Batch, COMPILED, Change, Range, Store, StoreError, create_or_open, in_memory, open,
};

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Debug, Clone)]
enum ModelStep {
    Apply(Vec<Change>),
    /// Changes, behind which an error comes.
    Fail(Vec<Change>),
    Get(Vec<u8>),
    Scan(Bound<Vec<u8>>, Bound<Vec<u8>>),
    /// See so many batches, then break.
    Some(usize),
    Reopen,
}

fn bound() -> impl Strategy<Value = Bound<Vec<u8>>> {
    prop_oneof![Just(Bound::Unbounded), key().prop_map(Bound::Included), key().prop_map(Bound::Excluded)]
}

fn steps() -> impl Strategy<Value = Vec<ModelStep>> {
    let step = prop_oneof![
        4 => changes().prop_map(ModelStep::Apply),
        1 => changes().prop_map(ModelStep::Fail),
        2 => key().prop_map(ModelStep::Get),
        2 => (bound(), bound()).prop_map(|(from, to)| ModelStep::Scan(from, to)),
        1 => (1_usize..3).prop_map(ModelStep::Some),
        1 => Just(ModelStep::Reopen),
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

fn in_model(model: &Model, range: &Range) -> Vec<(Vec<u8>, Vec<u8>)> {
    use std::ops::RangeBounds;
    let within = |key: &[u8]| RangeBounds::<&[u8]>::contains(&range.bounds(), &key);
    model.iter().filter(|(key, _)| within(key)).map(|(k, v)| (k.clone(), v.clone())).collect()
}

/// Does the steps, and compares after each of them.
fn walk(
    steps: &[ModelStep],
    mut store: Box<dyn Store>,
    mut reopen: impl FnMut(Box<dyn Store>) -> Box<dyn Store>,
) {
    let mut model = Model::new();
    for step in steps {
        match step {
            ModelStep::Apply(changes) => {
                let applied = store.apply(&mut changes.iter().cloned().map(Ok)).unwrap();
                assert_eq!(applied, apply_to_model(&mut model, changes));
            }
            ModelStep::Fail(changes) => {
                let error = std::iter::once(Err(StoreError::BadText("stop".into())));
                let result = store.apply(&mut changes.iter().cloned().map(Ok).chain(error));
                assert!(matches!(result, Err(StoreError::BadText(text)) if text == "stop"));
            }
            ModelStep::Get(key) => assert_eq!(store.get(key).unwrap(), model.get(key).cloned()),
            ModelStep::Scan(from, to) => {
                let range = Range { from: from.clone(), to: to.clone() };
                assert_eq!(rows(&*store, &range), in_model(&model, &range));
            }
            ModelStep::Some(batches) => {
                let mut seen = 0;
                let mut visit = |_: &Batch| {
                    seen += 1;
                    Ok(if seen == *batches { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
                };
                store.scan(&Range::all(), &mut visit).unwrap();
                assert!(seen <= *batches);
            }
            ModelStep::Reopen => store = reopen(store),
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
}
