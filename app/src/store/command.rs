//! `app store …`: the command line of the store.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::ops::{Bound, ControlFlow};
use std::path::{Path, PathBuf};

use super::{
    Batch, Change, Engine, MAX_VALUE, Range, Stats, StoreError, create_or_open, dump, migrate, open, text,
};
use crate::failure::CommandFailure;
use crate::json;
use crate::options::Options;

/// The usage of the command.
pub(crate) const USAGE: &str = "\
Usage: app store <ACTION> FILE …

Actions:
  put FILE KEY [VALUE]    Write one row; the value comes from standard input where it is left out
  put FILE --lines        Write the rows that come as lines `KEY<TAB>VALUE` on standard input, each in a transaction of
                          its own, and print `ok KEY` when it is on the disk
  get FILE KEY            Print the value, as it is
  delete FILE KEY…        Take out rows, and print how many were there
  scan FILE               Print rows as lines `KEY<TAB>VALUE`, in order
  import FILE [DUMP]      Write all rows of a dump: all or none. From standard input where DUMP is left out or `-`
  export FILE [DUMP]      Make a dump, which every build of this program can import
  stats FILE              Print the engine, rows, bytes and a checksum of the contents
  migrate FILE NEW        Make a store of the other engine with the same rows

Options:
  --engine sqlite|redb    For a new store: its engine. For one that is there: an error if it is of another engine
  --prefix KEY, --from KEY, --to KEY, --limit N
                          For scan: rows whose keys begin so, are not below, are below; at most so many
  --escaped               Keys and values on the command line are escaped as scan prints them
  --json                  For scan (one object a line) and stats

Bytes that are no text are printed as \\xNN; tab, newline and backslash as \\t, \\n, \\\\.
";

/// Runs one action of `app store` with its arguments and prints its result to `out`.
pub(crate) fn run(args: Vec<OsString>, out: &mut dyn Write) -> Result<(), CommandFailure> {
    let known = [
        ("--engine", true),
        ("--prefix", true),
        ("--from", true),
        ("--to", true),
        ("--limit", true),
        ("--escaped", false),
        ("--lines", false),
        ("--json", false),
    ];
    let mut args = args.into_iter();
    let action = args.next().ok_or_else(|| usage("the action is missing"))?;
    let options = Options::read(args, &known).map_err(usage)?;
    let engine = match options.value("--engine").map(|name| (name, name.to_str().and_then(Engine::of_name))) {
        None => None,
        Some((_, Some(engine))) => Some(engine),
        Some((name, None)) => return Err(usage(format!("--engine needs sqlite or redb, not {name:?}"))),
    };
    let action = action.to_str().unwrap_or_default();
    let allowed: &[&str] = match action {
        "put" => &["--lines", "--escaped"],
        "get" | "delete" => &["--escaped"],
        "scan" => &["--prefix", "--from", "--to", "--limit", "--escaped", "--json"],
        "stats" => &["--json"],
        "import" | "export" | "migrate" => &[],
        other => return Err(usage(format!("there is no action {other:?}"))),
    };
    let given = |name| options.flag(name) || options.value(name).is_some();
    if let Some((name, _)) = known[1..].iter().find(|(name, _)| given(name) && !allowed.contains(name)) {
        return Err(usage(format!("`store {action}` does not take {name}")));
    }
    let mut operands = options.operands.iter();
    let file = PathBuf::from(operands.next().ok_or_else(|| usage("the store's file is missing"))?);
    let rest: Vec<&OsString> = operands.collect();
    let bytes = |arg: &OsStr| bytes(arg, options.flag("--escaped"));
    match (action, rest.as_slice()) {
        ("put", []) if options.flag("--lines") => put_lines(&file, engine, out),
        ("put", [key, value @ ..]) if value.len() < 2 && !options.flag("--lines") => {
            let key = bytes(key)?;
            let value = match value {
                [value] => bytes(value)?,
                _ => from_stdin()?,
            };
            Ok(create_or_open(&file, engine)?.put(&key, &value)?)
        }
        ("get", [key]) => {
            let value = open(&file, engine)?.get(&bytes(key)?)?;
            let value = value.ok_or_else(|| CommandFailure::failed(format!("there is no key {key:?}")))?;
            Ok(out.write_all(&value)?)
        }
        ("delete", [first, more @ ..]) => {
            let keys = std::iter::once(first).chain(more);
            let keys = keys.map(|key| bytes(key)).collect::<Result<Vec<_>, _>>()?;
            let mut changes = keys.into_iter().map(|key| Ok(Change::Delete(key)));
            let applied = open(&file, engine)?.apply(&mut changes)?;
            Ok(writeln!(out, "deleted {}", applied.deleted)?)
        }
        ("scan", []) => scan(&file, engine, &options, out),
        ("import", []) => import(&file, engine, None, out),
        ("import", [dump]) => import(&file, engine, Some(dump).filter(|dump| ***dump != "-"), out),
        ("export", []) => export(&file, engine, None, out),
        ("export", [dump]) => export(&file, engine, Some(dump).filter(|dump| ***dump != "-"), out),
        ("stats", []) => stats(&file, engine, options.flag("--json"), out),
        ("migrate", [to]) => {
            let (engine, stats) = migrate::migrate(&file, Path::new(to), engine)?;
            Ok(writeln!(out, "migrated {} rows to {engine}, checksum {:016x}", stats.rows, stats.digest)?)
        }
        _ => Err(usage(format!("`store {action}` has not the operands that it needs"))),
    }
}

fn usage(message: impl Into<String>) -> CommandFailure {
    CommandFailure::usage(message, USAGE)
}

/// An argument's bytes: what was typed, or what its escapes stand for.
fn bytes(arg: &OsStr, escaped: bool) -> Result<Vec<u8>, CommandFailure> {
    // On Unix these are the bytes that came; elsewhere an argument that is no Unicode has none.
    let raw = if cfg!(unix) { Some(arg.as_encoded_bytes()) } else { arg.to_str().map(str::as_bytes) };
    let raw = raw.ok_or_else(|| usage(format!("{arg:?} is not Unicode")))?;
    if escaped { text::unescape(raw).map_err(|e| usage(format!("{arg:?}: {e}"))) } else { Ok(raw.to_vec()) }
}

fn from_stdin() -> Result<Vec<u8>, StoreError> {
    let mut value = Vec::new();
    // One byte more than may be, to see that it is too much.
    let limit = MAX_VALUE as u64 + 1;
    io::stdin().lock().take(limit).read_to_end(&mut value).map_err(StoreError::io("read standard input"))?;
    Ok(value)
}

fn put_lines(file: &Path, engine: Option<Engine>, out: &mut dyn Write) -> Result<(), CommandFailure> {
    let store = create_or_open(file, engine)?;
    let mut input = io::stdin().lock();
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        if input.read_until(b'\n', &mut line).map_err(StoreError::io("read standard input"))? == 0 {
            break;
        }
        let (key, value) =
            text::row(&line).map_err(|what| StoreError::BadText(format!("line {number}: {what}")))?;
        store.put(&key, &value)?;
        // As it was written: whoever wrote it looks for it.
        let written = line.split(|&byte| byte == b'\t').next().unwrap_or_default();
        out.write_all(b"ok ").and_then(|()| out.write_all(written)).and_then(|()| out.write_all(b"\n"))?;
        // Whoever reads this may rely on it now.
        out.flush()?;
    }
    Ok(())
}

fn scan(
    file: &Path,
    engine: Option<Engine>,
    options: &Options,
    out: &mut dyn Write,
) -> Result<(), CommandFailure> {
    let key = |name| options.value(name).map(|key| bytes(key, options.flag("--escaped"))).transpose();
    let limit = options.parsed("--limit", "a number").map_err(usage)?.unwrap_or(u64::MAX);
    let mut range = key("--prefix")?.map_or_else(Range::all, |prefix| Range::prefix(&prefix));
    if let Some(from) = key("--from")? {
        range = range.and(Range { from: Bound::Included(from), to: Bound::Unbounded });
    }
    if let Some(to) = key("--to")? {
        range = range.and(Range { from: Bound::Unbounded, to: Bound::Excluded(to) });
    }
    let store = open(file, engine)?;
    let (mut left, mut written, mut line) = (limit, Ok(()), String::new());
    store.scan(&range, &mut |batch: &Batch| {
        for (key, value) in batch.rows() {
            if left == 0 {
                return Ok(ControlFlow::Break(()));
            }
            left -= 1;
            line.clear();
            if options.flag("--json") {
                row_as_json(key, value, &mut line);
            } else {
                text::escape(key, &mut line);
                line.push('\t');
                text::escape(value, &mut line);
            }
            line.push('\n');
            written = out.write_all(line.as_bytes());
            if written.is_err() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(written?)
}

/// A row as a JSON object: `key` and `value` where they are UTF-8, else `key_hex` and `value_hex`.
pub(crate) fn row_as_json(key: &[u8], value: &[u8], out: &mut String) {
    let mut object = json::JsonObject::new();
    for (name, hex_name, bytes) in [("key", "key_hex", key), ("value", "value_hex", value)] {
        match std::str::from_utf8(bytes) {
            Ok(text) => object.string(name, text),
            Err(_) => object.string(hex_name, &bytes.iter().map(|b| format!("{b:02x}")).collect::<String>()),
        }
    }
    out.push_str(&object.end());
}

fn import(
    file: &Path,
    engine: Option<Engine>,
    dump: Option<&&OsString>,
    out: &mut dyn Write,
) -> Result<(), CommandFailure> {
    let input: Box<dyn Read> = match dump {
        Some(path) => {
            Box::new(File::open(path).map_err(StoreError::io(format!("read {}", Path::new(path).display())))?)
        }
        None => Box::new(io::stdin().lock()),
    };
    // Before the store is made: a file that is no dump makes none.
    let mut rows = dump::DumpReader::new(BufReader::new(input))?;
    let applied = create_or_open(file, engine)?.apply(&mut rows)?;
    Ok(writeln!(out, "imported {} rows", applied.put)?)
}

fn export(
    file: &Path,
    engine: Option<Engine>,
    dump: Option<&&OsString>,
    out: &mut dyn Write,
) -> Result<(), CommandFailure> {
    let store = open(file, engine)?;
    let Some(path) = dump else {
        dump::write(&*store, out)?;
        return Ok(());
    };
    // Under another name until it is whole.
    let path = Path::new(path);
    let new = super::create::beside(path);
    let result =
        File::create_new(&new).map_err(StoreError::io(format!("write {}", new.display()))).and_then(|made| {
            let mut buffered = BufWriter::new(&made);
            let stats = dump::write(&*store, &mut buffered)?;
            drop(buffered);
            let moved = made.sync_all().and_then(|()| std::fs::rename(&new, path));
            moved.map_err(StoreError::io(format!("write {}", path.display())))?;
            Ok(stats)
        });
    if result.is_err() {
        let _ = std::fs::remove_file(&new);
    }
    Ok(writeln!(out, "exported {} rows", result?.rows)?)
}

fn stats(
    file: &Path,
    engine: Option<Engine>,
    as_json: bool,
    out: &mut dyn Write,
) -> Result<(), CommandFailure> {
    let store = open(file, engine)?;
    let stats = Stats::of(&*store)?;
    let engine = store.engine();
    drop(store);
    // When it is closed, SQLite's log is part of the file.
    let size = std::fs::metadata(file).map_err(StoreError::io(format!("read {}", file.display())))?.len();
    let digest = format!("{:016x}", stats.digest);
    if as_json {
        let mut object = json::JsonObject::new();
        object.number("schema", 1);
        object.string("engine", engine.name());
        for (name, value) in [
            ("rows", stats.rows),
            ("key_bytes", stats.key_bytes),
            ("value_bytes", stats.value_bytes),
            ("file_bytes", size),
        ] {
            object.number(name, i64::try_from(value).unwrap_or(i64::MAX));
        }
        object.string("checksum", &digest);
        writeln!(out, "{}", object.end())?;
    } else {
        writeln!(
            out,
            "engine       {engine}\nrows         {}\nkey bytes    {}",
            stats.rows, stats.key_bytes
        )?;
        writeln!(out, "value bytes  {}\nfile bytes   {size}\nchecksum     {digest}", stats.value_bytes)?;
    }
    Ok(())
}
