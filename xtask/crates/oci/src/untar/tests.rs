use std::io::Cursor;

use super::*;

fn read(bytes: Vec<u8>) -> io::Result<Vec<UntarEntry>> {
    TarReader::new(Cursor::new(bytes))?.collect()
}

/// Makes a header with the fields that a test sets.
fn header(kind: u8, path: &[u8], size: u64, set: impl FnOnce(&mut [u8; 512])) -> Vec<u8> {
    let mut header = [0; 512];
    header[..path.len()].copy_from_slice(path);
    header[100..107].copy_from_slice(b"0000644");
    header[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    header[156] = kind;
    header[257..265].copy_from_slice(b"ustar\x0000");
    set(&mut header);
    header[148..156].copy_from_slice(b"        ");
    let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
    header[148..154].copy_from_slice(format!("{sum:06o}").as_bytes());
    header.to_vec()
}

fn with_data(kind: u8, path: &[u8], data: &[u8]) -> Vec<u8> {
    let mut bytes = header(kind, path, data.len() as u64, |_| {});
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn end() -> Vec<u8> {
    vec![0; 1024]
}

#[test]
fn long_names_come_before_short_and_pax_before_both() {
    let bytes = [
        with_data(b'L', b"././@LongLink", b"gnu/path\0"),
        with_data(b'K', b"././@LongLink", b"gnu/link\0"),
        header(b'2', b"short", 0, |h| h[157..162].copy_from_slice(b"short")),
        with_data(b'L', b"././@LongLink", b"gnu/path\0"),
        with_data(b'x', b"pax", b"17 path=pax/path\n9 size=3\n"),
        with_data(b'0', b"short", b"abc"),
        header(b'0', b"name", 0, |h| h[345..351].copy_from_slice(b"prefix")),
        header(b'0', b"name", 0, |h| {
            h[257..265].copy_from_slice(b"ustar  \0");
            h[345..351].copy_from_slice(b"atime!");
        }),
        end(),
    ];
    let all = read(bytes.concat()).unwrap();
    let names: Vec<_> = all.iter().map(|e| String::from_utf8_lossy(&e.path).into_owned()).collect();
    assert_eq!(names, ["gnu/path", "pax/path", "prefix/name", "name"]);
    assert_eq!((all[0].kind, &all[0].link[..]), (Type::Symlink, &b"gnu/link"[..]));
    assert_eq!((all[1].size, all[1].offset), (3, 512 * 10));
}

#[test]
fn kinds() {
    let kind = |kind: u8, path: &[u8]| read([header(kind, path, 0, |_| {}), end()].concat()).unwrap()[0].kind;
    assert_eq!(kind(0, b"old/"), Type::Dir);
    assert_eq!(kind(0, b"old"), Type::File);
    assert_eq!(kind(b'7', b"x"), Type::File);
    assert_eq!(kind(b'S', b"x"), Type::Sparse);
    assert_eq!(kind(b'V', b"x"), Type::Other(b'V'));
    let sparse = [
        with_data(b'x', b"p", b"22 GNU.sparse.major=1\n"),
        with_data(b'0', b"GNUSparseFile.0/x", b"1"),
        end(),
    ];
    assert_eq!(read(sparse.concat()).unwrap()[0].kind, Type::Sparse);
    // The size of a folder or a link is not a size of data, whatever the header says.
    let all = read(
        [header(b'5', b"d", 700, |_| {}), header(b'1', b"l", 5, |_| {}), with_data(b'0', b"f", b"1"), end()]
            .concat(),
    );
    assert_eq!(all.unwrap().len(), 3);
    let global = [with_data(b'g', b"pax", b"15 comment=abc\n"), with_data(b'0', b"f", b"1")];
    assert_eq!(read(global.concat()).unwrap().len(), 1, "an end without zeros is one");
}

#[test]
fn what_is_damaged() {
    let file = || with_data(b'0', b"f", &[b'x'; 600]);
    let mut wrong = file();
    wrong[3] = b'!';
    let lone = [file(), vec![0; 512], file()].concat();
    let cases: [(Vec<u8>, &str); 11] = [
        (wrong, "checksum"),
        (lone, "follows its end"),
        (file()[..300].to_vec(), "cut off"),
        (file()[..900].to_vec(), "cut off"),
        (header(b'0', b"f", u64::MAX >> 31, |_| {}), "cut off"),
        (header(b'0', b"f", 0, |h| h[124] = b'9'), "size is not a number"),
        (header(b'0', b"f", 0, |h| h[108] = b'x'), "owner"),
        (header(b'0', b"", 0, |_| {}), "no name"),
        (header(b'L', b"f", 1 << 30, |_| {}), "describe one entry"),
        ([with_data(b'L', b"n", b"a"), with_data(b'L', b"n", b"b"), file()].concat(), "in the same way"),
        (with_data(b'x', b"n", b"10 path=a\n"), "before the entry"),
    ];
    for (bytes, words) in cases {
        let error = read(bytes).unwrap_err().to_string();
        assert!(error.contains(words), "{words}: {error}");
    }
    assert!(read(Vec::new()).unwrap().is_empty());
}
