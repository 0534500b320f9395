//! The engine in Rust: redb.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use redb::{
    Database, DatabaseError, ReadableDatabase, TableDefinition, TableError, backends::InMemoryBackend,
};

use super::{Applied, Batch, Change, Engine, Range, Store, StoreError, Visit};

/// Its name has the version of our format in it.
const ENTRIES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("app/1");
/// Bytes. redb takes up to 1 GiB where nobody says otherwise, which is more than a small container has.
const CACHE: usize = 32 << 20;

/// A store in a redb file.
#[derive(Debug)]
pub(super) struct Redb {
    /// Taken out once, to be closed.
    database: Option<Database>,
    path: PathBuf,
    /// A call has ended in a panic: what redb holds in memory may be half changed and must not reach the file.
    broken: AtomicBool,
}

impl Redb {
    /// Opens a file, or makes a store out of an empty one.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let database = guard(path, || {
            Database::builder().set_cache_size(CACHE).create(path).map_err(|error| match error {
                DatabaseError::DatabaseAlreadyOpen => StoreError::InUse(path.to_owned()),
                error => said(path, error),
            })
        })?;
        Self::set_up(database, path)
    }

    /// A store without a file.
    pub(super) fn in_memory() -> Result<Self, StoreError> {
        let path = Path::new(":memory:");
        let database = Database::builder().set_cache_size(CACHE).create_with_backend(InMemoryBackend::new());
        Self::set_up(database.map_err(|error| said(path, error))?, path)
    }

    fn set_up(database: Database, path: &Path) -> Result<Self, StoreError> {
        let store = Self { database: Some(database), path: path.to_owned(), broken: AtomicBool::new(false) };
        store.work(|database| {
            let read = database.begin_read().map_err(|e| store.said(e))?;
            match read.open_table(ENTRIES) {
                Ok(_) => return Ok(()),
                Err(TableError::TableDoesNotExist(_)) => {}
                Err(error) => return Err(store.said(error)),
            }
            if read.list_tables().map_err(|e| store.said(e))?.next().is_some() {
                return Err(StoreError::Foreign(path.to_owned()));
            }
            let write = database.begin_write().map_err(|e| store.said(e))?;
            write.open_table(ENTRIES).map_err(|e| store.said(e))?;
            write.commit().map_err(|e| store.said(e))
        })?;
        Ok(store)
    }

    fn said(&self, error: impl Into<redb::Error>) -> StoreError {
        said(&self.path, error)
    }

    /// Does something with the database, unless an earlier call has broken it.
    fn work<T>(&self, work: impl FnOnce(&Database) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let database = self.database.as_ref().filter(|_| !self.broken.load(Ordering::Acquire));
        let damaged = || StoreError::Damaged(format!("{}: an earlier call found it so", self.path.display()));
        let database = database.ok_or_else(damaged)?;
        let mut returned = false;
        let result = guard(&self.path, || {
            let result = work(database);
            returned = true;
            result
        });
        if !returned {
            self.broken.store(true, Ordering::Release);
        }
        result
    }
}

impl Drop for Redb {
    fn drop(&mut self) {
        let database = self.database.take();
        if *self.broken.get_mut() {
            // Closing would write. The file stays as the last commit left it; its lock goes with the process.
            std::mem::forget(database);
        } else {
            // Closing writes where the free pages are. If that fails, the next open finds out by itself.
            drop(guard(&self.path, || {
                drop(database);
                Ok(())
            }));
        }
    }
}

impl Store for Redb {
    fn engine(&self) -> Engine {
        Engine::Redb
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.work(|database| {
            let read = database.begin_read().map_err(|e| self.said(e))?;
            let table = read.open_table(ENTRIES).map_err(|e| self.said(e))?;
            let value = table.get(key).map_err(|e| self.said(e))?;
            Ok(value.map(|value| value.value().to_vec()))
        })
    }

    fn scan(&self, range: &Range, visit: &mut Visit<'_>) -> Result<(), StoreError> {
        if range.is_empty() {
            return Ok(());
        }
        self.work(|database| {
            let read = database.begin_read().map_err(|e| self.said(e))?;
            let table = read.open_table(ENTRIES).map_err(|e| self.said(e))?;
            let mut batch = Batch::default();
            for row in table.range::<&[u8]>(range.bounds()).map_err(|e| self.said(e))? {
                let (key, value) = row.map_err(|e| self.said(e))?;
                if batch.push(key.value(), value.value(), visit)?.is_break() {
                    return Ok(());
                }
            }
            batch.flush(visit).map(drop)
        })
    }

    fn apply(
        &self,
        changes: &mut dyn Iterator<Item = Result<Change, StoreError>>,
    ) -> Result<Applied, StoreError> {
        self.work(|database| {
            // A transaction that is dropped without a commit is rolled back; a commit is synced.
            let write = database.begin_write().map_err(|e| self.said(e))?;
            let mut applied = Applied::default();
            {
                let mut table = write.open_table(ENTRIES).map_err(|e| self.said(e))?;
                for change in changes {
                    let change = change?;
                    change.check()?;
                    match change {
                        Change::Put(key, value) => {
                            table.insert(key.as_slice(), value.as_slice()).map_err(|e| self.said(e))?;
                            applied.put += 1;
                        }
                        Change::Delete(key) => {
                            let gone = table.remove(key.as_slice()).map_err(|e| self.said(e))?;
                            applied.deleted += u64::from(gone.is_some());
                        }
                    }
                }
            }
            write.commit().map_err(|e| self.said(e))?;
            Ok(applied)
        })
    }
}

/// redb states what it believes of its pages in assertions, so a damaged file may end in a panic.
fn guard<T>(path: &Path, work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().copied().map(str::to_owned);
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Err(StoreError::Damaged(format!("{}: {text}", path.display())))
    })
}

fn said(path: &Path, error: impl Into<redb::Error>) -> StoreError {
    let error = error.into();
    match &error {
        redb::Error::Corrupted(_) | redb::Error::RepairAborted => {
            StoreError::Damaged(format!("{}: {error}", path.display()))
        }
        redb::Error::Io(io) => {
            StoreError::Io(format!("use {}", path.display()), std::io::Error::new(io.kind(), io.to_string()))
        }
        _ => StoreError::Engine(Engine::Redb, format!("{}: {error}", path.display())),
    }
}
