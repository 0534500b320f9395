//! Pax records: the values that do not fit into a ustar header.

use super::header::{Header, MAX_8, MAX_12, path_of};
use super::{EntryKind, TarEntry};

/// Returns the records that this entry needs, in a fixed order. They are empty if the header has all values.
pub(super) fn records(entry: &TarEntry<'_>, header: &Header) -> Vec<u8> {
    let mut records = String::new();
    if entry.gid > MAX_8 {
        push(&mut records, "gid", &entry.gid.to_string());
    }
    if let EntryKind::Symlink(target) = entry.kind
        && header.link_is_long
    {
        push(&mut records, "linkpath", target);
    }
    if entry.mtime > MAX_12 {
        push(&mut records, "mtime", &entry.mtime.to_string());
    }
    if header.path_is_long {
        push(&mut records, "path", &path_of(entry));
    }
    if let EntryKind::File(size) = entry.kind
        && size > MAX_12
    {
        push(&mut records, "size", &size.to_string());
    }
    if entry.uid > MAX_8 {
        push(&mut records, "uid", &entry.uid.to_string());
    }
    records.into_bytes()
}

/// Adds `LENGTH KEY=VALUE
/// `, where LENGTH counts the whole record including its own digits.
fn push(records: &mut String, key: &str, value: &str) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    records.push_str(&format!("{length} {key}={value}\n"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_counts_itself() {
        // Around 10, 100 and 1000 the number of digits changes.
        for size in (0..12).chain(85..105).chain(980..1005) {
            let mut record = String::new();
            push(&mut record, "k", &"v".repeat(size));
            let length: usize = record.split(' ').next().unwrap().parse().unwrap();
            assert_eq!(length, record.len());
        }
    }
}
