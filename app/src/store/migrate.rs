//! From one engine to the other.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Seek};
use std::path::Path;

use super::{Engine, Stats, Store, StoreError, create, dump, engine, open};

/// Makes a store of this engine at `to`, which must be free, with all rows of the store `from`, which stays as it is. The
/// copy is read back and compared before it gets its name.
pub(super) fn migrate(from: &Path, to: &Path, wanted: Option<Engine>) -> Result<(Engine, Stats), StoreError> {
    let source = open(from, None)?;
    // The other one, where there is one: nobody migrates to what they have.
    let other = engine::COMPILED.iter().copied().find(|engine| *engine != source.engine());
    let wanted = Engine::choose(wanted.or(other).or(Some(match source.engine() {
        Engine::Sqlite => Engine::Redb,
        Engine::Redb => Engine::Sqlite,
    })))?;
    if to.exists() {
        return Err(StoreError::Exists(to.to_owned()));
    }
    let new = create::beside(to);
    let done =
        copy(&*source, &new, wanted).and_then(|stats| create::place(&new, to).map(|()| (wanted, stats)));
    let _ = fs::remove_file(&new);
    done
}

fn copy(source: &dyn Store, new: &Path, wanted: Engine) -> Result<Stats, StoreError> {
    // By way of a dump in a file without a name: a scan and a transaction cannot feed each other, and the rows may be more
    // than the memory.
    let path = create::beside(new);
    let using = |what: &str| StoreError::io(format!("{what} {}", path.display()));
    let file = File::options().read(true).write(true).create_new(true).open(&path).map_err(using("make"))?;
    let result = (|| {
        let mut out = BufWriter::new(&file);
        let stats = dump::write(source, &mut out)?;
        drop(out);
        (&file).rewind().map_err(using("read"))?;
        let target = wanted.open(new)?;
        target.apply(&mut dump::DumpReader::new(BufReader::new(&file))?)?;
        let copied = Stats::of(&*target)?;
        if copied == stats {
            Ok(stats)
        } else {
            Err(StoreError::Damaged(format!(
                "the copy has {} rows of {}, or other ones",
                copied.rows, stats.rows
            )))
        }
    })();
    drop(file);
    let _ = fs::remove_file(&path);
    result
}
