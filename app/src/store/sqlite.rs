//! The engine in C: SQLite, compiled from its amalgamation by the C compiler that compiles the rest of the C.

use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};

use super::{Applied, Batch, Change, Engine, Range, Store, StoreError, Visit};

/// "appK" as a number, in the header of our files (`PRAGMA application_id`).
const APPLICATION: i32 = 0x6170_704b;
const VERSION: i32 = 1;

/// A store in a SQLite file.
#[derive(Debug)]
pub(super) struct Sqlite {
    /// SQLite would take this lock itself; ours lets a scan and a change each have the connection from begin to end.
    connection: Mutex<Connection>,
    path: PathBuf,
}

impl Sqlite {
    /// Opens a file, or makes a store out of an empty one.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_EXRESCODE;
        let connection = Connection::open_with_flags(path, flags).map_err(|e| said(path, &e))?;
        Self::set_up(connection, path)
    }

    /// A store without a file.
    pub(super) fn in_memory() -> Result<Self, StoreError> {
        let path = Path::new(":memory:");
        Self::set_up(Connection::open_in_memory().map_err(|e| said(path, &e))?, path)
    }

    fn set_up(connection: Connection, path: &Path) -> Result<Self, StoreError> {
        let run = |sql: &str| connection.execute_batch(sql).map_err(|e| said(path, &e));
        // Exclusive before WAL: one process at a time, as redb has it, and then the log's index needs no shared memory.
        // Full: the log is synced at every commit. Temporary files go to memory, since the root may be read-only.
        run("PRAGMA busy_timeout = 0; PRAGMA locking_mode = EXCLUSIVE; PRAGMA temp_store = MEMORY; \
             PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA synchronous = FULL;")?;
        let number =
            |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i32>(0)).map_err(|e| said(path, &e));
        let tables = number("SELECT count(*) FROM sqlite_schema")?;
        let (application, version) = (number("PRAGMA application_id")?, number("PRAGMA user_version")?);
        if tables == 0 && application == 0 && version == 0 {
            run(&format!(
                "BEGIN IMMEDIATE; \
                 CREATE TABLE entry (key BLOB NOT NULL PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID; \
                 PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION}; COMMIT;"
            ))?;
        } else if application != APPLICATION {
            return Err(StoreError::Foreign(path.to_owned()));
        } else if version != VERSION {
            let text = format!(
                "{} has version {version} of our format, this program knows {VERSION}",
                path.display()
            );
            return Err(StoreError::Engine(Engine::Sqlite, text));
        }
        // The setting is in the file's header, so a new file gets it when it is opened for the first time after that.
        run("PRAGMA journal_mode = WAL; BEGIN IMMEDIATE; COMMIT;")?;
        Ok(Self { connection: Mutex::new(connection), path: path.to_owned() })
    }

    /// A panic of a visitor leaves no transaction behind: dropping one rolls it back.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn said(&self, error: &rusqlite::Error) -> StoreError {
        said(&self.path, error)
    }
}

impl Store for Sqlite {
    fn engine(&self) -> Engine {
        Engine::Sqlite
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let query = "SELECT value FROM entry WHERE key = ?1";
        self.lock().query_row(query, [key], |row| row.get(0)).optional().map_err(|e| self.said(&e))
    }

    fn scan(&self, range: &Range, visit: &mut Visit<'_>) -> Result<(), StoreError> {
        if range.is_empty() {
            return Ok(());
        }
        let (from, to) = range.bounds();
        let (from_sql, from_key) = match from {
            Bound::Included(key) => ("key >= ?1", key),
            Bound::Excluded(key) => ("key > ?1", key),
            Bound::Unbounded => ("?1 = x''", &[][..]),
        };
        let (to_sql, to_key) = match to {
            Bound::Included(key) => ("key <= ?2", key),
            Bound::Excluded(key) => ("key < ?2", key),
            Bound::Unbounded => ("?2 = x''", &[][..]),
        };
        let query = format!("SELECT key, value FROM entry WHERE {from_sql} AND {to_sql} ORDER BY key");
        let connection = self.lock();
        let mut statement = connection.prepare(&query).map_err(|e| self.said(&e))?;
        let mut rows = statement.query(params![from_key, to_key]).map_err(|e| self.said(&e))?;
        let mut batch = Batch::default();
        while let Some(row) = rows.next().map_err(|e| self.said(&e))? {
            // What SQLite shows is valid until the next row: it is copied once, into the batch.
            let bytes = |column| {
                let value = row.get_ref(column).map_err(|e| self.said(&e))?;
                value.as_blob().map_err(|e| StoreError::Damaged(e.to_string()))
            };
            if batch.push(bytes(0)?, bytes(1)?, visit)?.is_break() {
                return Ok(());
            }
        }
        batch.flush(visit).map(drop)
    }

    fn apply(
        &self,
        changes: &mut dyn Iterator<Item = Result<Change, StoreError>>,
    ) -> Result<Applied, StoreError> {
        let mut connection = self.lock();
        let transaction = connection.transaction().map_err(|e| self.said(&e))?;
        let mut applied = Applied::default();
        {
            let put =
                "INSERT INTO entry (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2";
            let mut put = transaction.prepare(put).map_err(|e| self.said(&e))?;
            let mut delete =
                transaction.prepare("DELETE FROM entry WHERE key = ?1").map_err(|e| self.said(&e))?;
            for change in changes {
                let change = change?;
                change.check()?;
                match change {
                    Change::Put(key, value) => {
                        put.execute(params![key, value]).map_err(|e| self.said(&e))?;
                        applied.put += 1;
                    }
                    Change::Delete(key) => {
                        applied.deleted += delete.execute([key]).map_err(|e| self.said(&e))? as u64;
                    }
                }
            }
        }
        transaction.commit().map_err(|e| self.said(&e))?;
        Ok(applied)
    }
}

fn said(path: &Path, error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::InUse(path.to_owned()),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StoreError::Damaged(format!("{}: {error}", path.display()))
        }
        _ => StoreError::Engine(Engine::Sqlite, format!("{}: {error}", path.display())),
    }
}
