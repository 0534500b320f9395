//! A short proof that an engine works where the program runs. It needs no file: the root may be read-only.

use std::ops::ControlFlow;

use super::{Change, Engine, Range, Stats, StoreError, in_memory};

/// What is checked, and the check.
pub(crate) type StoreCheck = (&'static str, fn(Engine) -> Result<bool, StoreError>);

/// All checks of an engine, each on a store of its own.
pub(crate) const ALL: &[StoreCheck] =
    &[("put, get, delete", rows), ("scan in order", order), ("a failed transaction", rollback)];

fn rows(engine: Engine) -> Result<bool, StoreError> {
    let store = in_memory(engine)?;
    store.put(b"key", b"first")?;
    store.put(b"key", b"second \0\xff")?;
    let written = store.get(b"key")?.as_deref() == Some(b"second \0\xff") && store.get(b"ke")?.is_none();
    Ok(written && store.delete(b"key")? && !store.delete(b"key")? && store.get(b"key")?.is_none())
}

fn order(engine: Engine) -> Result<bool, StoreError> {
    let store = in_memory(engine)?;
    let keys: [&[u8]; 6] = [b"", b"\0", b"a", b"a\0", b"b", b"\xff"];
    store.apply(&mut keys.iter().rev().map(|key| Ok(Change::Put(key.to_vec(), b"value".to_vec()))))?;
    let mut seen = Vec::new();
    store.scan(&Range::all(), &mut |batch| {
        seen.extend(batch.rows().map(|(key, _)| key.to_vec()));
        Ok(ControlFlow::Continue(()))
    })?;
    let mut prefixed = 0;
    store.scan(&Range::prefix(b"a"), &mut |batch| {
        prefixed += batch.len();
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(seen == keys && prefixed == 2)
}

fn rollback(engine: Engine) -> Result<bool, StoreError> {
    let store = in_memory(engine)?;
    store.put(b"kept", b"value")?;
    let changes = [Ok(Change::Delete(b"kept".to_vec())), Err(StoreError::BadText("the check's own".into()))];
    let refused = store.apply(&mut changes.into_iter()).is_err();
    Ok(refused && Stats::of(&*store)?.rows == 1)
}
