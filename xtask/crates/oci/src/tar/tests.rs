use std::collections::BTreeMap;
use std::io::Read;

use proptest::prelude::*;

use super::*;

/// An entry that owns its strings, with the bytes of its file.
#[derive(Debug, Clone)]
struct TarCase {
    path: String,
    what: TarContent,
    mode: u32,
    uid: u32,
    gid: u32,
    mtime: u64,
}

#[derive(Debug, Clone)]
enum TarContent {
    Dir,
    File(Vec<u8>),
    Symlink(String),
}

impl TarCase {
    fn file(path: &str, bytes: Vec<u8>) -> Self {
        Self { path: path.into(), what: TarContent::File(bytes), mode: 0o644, uid: 0, gid: 0, mtime: 0 }
    }

    fn entry(&self) -> TarEntry<'_> {
        let kind = match &self.what {
            TarContent::Dir => EntryKind::Dir,
            TarContent::File(bytes) => EntryKind::File(bytes.len() as u64),
            TarContent::Symlink(target) => EntryKind::Symlink(target),
        };
        let Self { mode, uid, gid, mtime, .. } = *self;
        TarEntry { path: &self.path, kind, mode, uid, gid, mtime }
    }
}

fn written(cases: &[TarCase]) -> Vec<u8> {
    let mut tar = TarWriter::new(Vec::new());
    for case in cases {
        tar.entry(&case.entry()).unwrap();
        if let TarContent::File(bytes) = &case.what {
            let (one, two) = bytes.split_at(bytes.len() / 3);
            tar.data(one).unwrap();
            tar.copy(&mut &*two).unwrap();
        }
    }
    tar.finish().unwrap()
}

/// Reads the archive with an independent reader and compares every value with the input.
fn check(cases: &[TarCase]) {
    let bytes = written(cases);
    assert_eq!(bytes.len() % BLOCK, 0);
    let mut archive = ::tar::Archive::new(&bytes[..]);
    let mut seen = 0;
    for (entry, case) in archive.entries().unwrap().zip(cases) {
        let mut entry = entry.unwrap();
        let slash = if matches!(case.what, TarContent::Dir) { "/" } else { "" };
        assert_eq!(entry.path_bytes(), format!("{}{slash}", case.path).as_bytes());
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        let pax: BTreeMap<String, u64> = entry
            .pax_extensions()
            .unwrap()
            .into_iter()
            .flatten()
            .map(|record| record.unwrap())
            .filter_map(|record| Some((record.key().unwrap().to_owned(), record.value().ok()?.parse().ok()?)))
            .collect();
        let header = entry.header();
        // POSIX: a pax record takes precedence over the header's field.
        let told = |key: &str, field: u64| pax.get(key).copied().unwrap_or(field);
        assert_eq!(header.mode().unwrap(), case.mode);
        assert_eq!(told("uid", header.uid().unwrap()), u64::from(case.uid));
        assert_eq!(told("gid", header.gid().unwrap()), u64::from(case.gid));
        assert_eq!(told("mtime", header.mtime().unwrap()), case.mtime);
        match &case.what {
            TarContent::Dir => assert!(header.entry_type().is_dir()),
            TarContent::File(bytes) => {
                assert!(header.entry_type().is_file());
                assert_eq!(&content, bytes);
            }
            TarContent::Symlink(target) => {
                assert!(header.entry_type().is_symlink());
                assert_eq!(entry.link_name_bytes().unwrap(), target.as_bytes());
            }
        }
        seen += 1;
    }
    assert_eq!(seen, cases.len());
}

#[test]
fn names_and_sizes_at_every_border() {
    let mut cases = Vec::new();
    for length in [1, 99, 100, 101, 154, 155, 156, 255, 256, 257, 300, 5000] {
        cases.push(TarCase::file(&"x".repeat(length), vec![1; length]));
        cases
            .push(TarCase { what: TarContent::Symlink("y".repeat(length)), ..TarCase::file("link", vec![]) });
        cases.push(TarCase {
            what: TarContent::Dir,
            ..TarCase::file(&format!("d/{}", "x".repeat(length)), vec![])
        });
        cases.push(TarCase::file(&format!("{}/{}", "p".repeat(length), "n".repeat(99)), vec![]));
        cases.push(TarCase::file(&format!("a/{}/{}", "p".repeat(length), "n".repeat(101)), vec![]));
    }
    for size in [0, 1, 511, 512, 513, 1023, 1024, 1025] {
        cases.push(TarCase::file("sized", vec![7; size]));
    }
    for id in [header::MAX_8, header::MAX_8 + 1, u32::MAX] {
        cases.push(TarCase { uid: id, gid: id, ..TarCase::file("owned", vec![]) });
    }
    cases.push(TarCase { mtime: header::MAX_12 + 1, ..TarCase::file("late", vec![]) });
    cases.push(TarCase::file("ünï/cödé/\u{1F980}", vec![1, 2, 3]));
    check(&cases);
}

#[test]
fn a_size_beyond_ustar_is_a_pax_record() {
    let size = header::MAX_12 + 1;
    let mut tar = TarWriter::new(Vec::new());
    let case = TarCase::file("big", vec![]);
    let entry = TarEntry { kind: EntryKind::File(size), ..case.entry() };
    tar.entry(&entry).unwrap();
    let text = String::from_utf8_lossy(&tar.out[BLOCK..2 * BLOCK]).into_owned();
    assert!(text.starts_with(&format!("19 size={size}\n")), "{text:?}");
}

#[test]
fn the_announced_size_is_kept() {
    let entry = TarCase::file("f", vec![0; 10]);
    let mut tar = TarWriter::new(Vec::new());
    tar.entry(&entry.entry()).unwrap();
    assert!(tar.data(&[0; 11]).is_err());
    tar.data(&[0; 4]).unwrap();
    assert!(tar.copy(&mut &[0; 5][..]).is_err());
    assert!(tar.entry(&entry.entry()).is_err());
    assert!(tar.finish().is_err());
}

/// Returns names without line feeds. The writer counts bytes, as POSIX requires, but the reader of these
/// tests splits records at line feeds.
fn names() -> impl Strategy<Value = String> {
    let part = prop_oneof!["[a-z]{1,12}", "[a-zé世\u{1F980} =]{1,60}", "[x]{90,160}"];
    let plain = part.prop_filter("a path part is plain", |p: &String| p != "." && p != "..");
    proptest::collection::vec(plain, 1..5).prop_map(|parts| parts.join("/"))
}

fn cases() -> impl Strategy<Value = TarCase> {
    let what = prop_oneof![
        Just(TarContent::Dir),
        proptest::collection::vec(any::<u8>(), 0..1600).prop_map(TarContent::File),
        names().prop_map(TarContent::Symlink),
    ];
    (names(), what, 0..=0o7777u32, any::<u32>(), any::<u32>(), 0..=header::MAX_12)
        .prop_map(|(path, what, mode, uid, gid, mtime)| TarCase { path, what, mode, uid, gid, mtime })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]
    #[test]
    fn what_goes_in_comes_out(cases in proptest::collection::vec(cases(), 0..6)) {
        check(&cases);
    }
}
