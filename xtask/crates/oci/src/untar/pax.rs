//! Reads the records of a pax header (POSIX, "pax Extended Header"): `<length> <key>=<value>
//! `. The length counts the whole record, so a value may contain line feeds, as extended attributes do.

use super::number::decimal;

/// The values of a pax header that this reader uses.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pax {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<u64>,
    pub(super) gid: Option<u64>,
    /// Whether the file has holes, whose map is in another place.
    pub(super) sparse: bool,
}

impl Pax {
    /// Reads all records. The last record of a key applies, and an empty one removes the earlier value.
    /// Returns none if the records are damaged.
    pub(super) fn read(mut records: &[u8]) -> Option<Self> {
        let mut pax = Self::default();
        while !records.is_empty() {
            let space = records.iter().position(|b| *b == b' ')?;
            let length = usize::try_from(decimal(&records[..space])?).ok()?;
            let record = records.get(space + 1..length)?.strip_suffix(b"\n")?;
            records = &records[length..];
            let equals = record.iter().position(|b| *b == b'=')?;
            pax.set(&record[..equals], &record[equals + 1..])?;
        }
        Some(pax)
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        let text = (!value.is_empty()).then(|| value.to_owned());
        let number = |value: &[u8]| if value.is_empty() { Some(None) } else { decimal(value).map(Some) };
        match key {
            b"path" | b"linkpath" if value.contains(&0) => return None,
            b"path" => self.path = text,
            b"linkpath" => self.link = text,
            b"size" => self.size = number(value)?,
            b"uid" => self.uid = number(value)?,
            b"gid" => self.gid = number(value)?,
            key if key.starts_with(b"GNU.sparse.") => self.sparse = true,
            // Times, names of owners, comments, extended attributes.
            _ => {}
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_may_hold_line_ends() {
        let records = b"33 SCHILY.xattr.security.cap=\n\0=1\n10 path=a\n";
        let read = Pax::read(records).map(|pax| (pax.path, pax.size));
        assert_eq!(read, None, "the first length is wrong");
        let records = b"34 SCHILY.xattr.security.cap=\n\0=1\n10 path=a\n11 path=\xc3\xa9\n13 size=1234\n";
        let pax = Pax::read(records).unwrap();
        assert_eq!((pax.path.as_deref(), pax.size, pax.sparse), (Some("é".as_bytes()), Some(1234), false));
        assert!(Pax::read(b"22 GNU.sparse.major=1\n").unwrap().sparse);
        assert_eq!(Pax::read(b"10 path=a\n8 path=\n").unwrap().path, None);
    }

    #[test]
    fn what_is_damaged() {
        for bad in [
            &b"x"[..],
            b"10 path=a",
            b"8 path=a\n",
            b"11 path=a\n",
            b"10  path=a\n",
            b"0 path=a\n",
            b"8 pathx\n",
            b"11 path=\0b\n",
            b"11 size=-1\n",
            b"99999999999999999999 path=a\n",
            b"3 \n",
            b"2 ",
            b" ",
        ] {
            assert_eq!(Pax::read(bad), None, "{:?}", String::from_utf8_lossy(bad));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = Pax::read(&bytes);
        }

        #[test]
        fn records_like_these_are_read_or_refused(text in "([0-9]{1,2} (path|size|uid|linkpath|x)=[0-9a-z\n]{0,5}\n?){0,4}") {
            let _ = Pax::read(text.as_bytes());
        }
    }
}
