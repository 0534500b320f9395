use std::io::Cursor;

use proptest::prelude::*;

use super::*;

/// An entry: path, kind, and link target or content.
type Line<'a> = (&'a str, ::tar::EntryType, &'a str);

fn tar_of(entries: &[Line<'_>]) -> tempfile::NamedTempFile {
    let mut builder = ::tar::Builder::new(tempfile::NamedTempFile::new().unwrap());
    for (path, kind, text) in entries {
        let mut header = ::tar::Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(0o640);
        header.set_uid(7);
        header.set_gid(8);
        header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
        let content = if *kind == ::tar::EntryType::Regular { text.as_bytes() } else { b"" };
        if kind.is_symlink() || kind.is_hard_link() {
            header.set_link_name_literal(text).unwrap();
        }
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, content).unwrap();
    }
    builder.into_inner().unwrap()
}

use ::tar::EntryType::{Block, Directory, Fifo, Link, Regular, Symlink};

fn paths(tree: &RootFs) -> Vec<&str> {
    tree.iter().map(|(path, _)| path).collect()
}

#[test]
fn layers_become_one_tree() {
    let low = tar_of(&[
        ("./", Directory, ""),
        ("./usr/lib/", Directory, ""),
        ("./usr/lib/one", Regular, "1"),
        ("./usr/lib/two", Link, "usr/lib/one"),
        ("./lib", Symlink, "/usr/lib"),
        ("./etc/gone", Regular, "x"),
        ("./old/a/b", Regular, "x"),
    ]);
    let high = tar_of(&[
        ("lib/three", Regular, "333"),
        ("etc/.wh.gone", Regular, ""),
        ("old/new", Regular, "y"),
        ("old/.wh..wh..opq", Regular, ""),
    ]);
    let mut tree = RootFs::new();
    apply(low.path(), &mut tree).unwrap();
    apply(high.path(), &mut tree).unwrap();
    let all =
        ["etc", "lib", "old", "old/new", "usr", "usr/lib", "usr/lib/one", "usr/lib/three", "usr/lib/two"];
    assert_eq!(paths(&tree), all);
    assert_eq!(tree.file("/lib/three").unwrap().1.read().unwrap(), &b"333"[..]);
    assert_eq!(tree.file("/lib/two").unwrap().1.read().unwrap(), &b"1"[..]);
    let one = tree.get("usr/lib/one").unwrap();
    assert_eq!((one.mode, one.uid, one.gid), (0o640, 7, 8));
}

#[test]
fn what_no_layer_may_hold() {
    let cases: [(&[Line<'_>], &str); 12] = [
        (&[("a/../../x", Regular, "")], "leaves the root"),
        (&[("a", Regular, ""), ("a/x", Regular, "")], "is not a folder"),
        (&[("x", Link, "../etc/passwd")], "leaves the root"),
        (&[("d", Directory, ""), ("x", Link, "d")], "hard link"),
        (&[("a/.wh.", Regular, "")], "names nothing"),
        (&[("x", ::tar::EntryType::Char, "")], "device node"),
        (&[("../x", Regular, "")], "leaves the root"),
        (&[("/../x", Regular, "")], "leaves the root"),
        (&[("dev/sda", Block, "")], "device node"),
        (&[("pipe", Fifo, "")], "named pipe"),
        (&[("x", Link, "no/such")], "hard link"),
        (&[("a", Symlink, "b"), ("b", Symlink, "a"), ("a/x", Regular, "")], "circle"),
    ];
    for (entries, words) in cases {
        let error = apply(tar_of(entries).path(), &mut RootFs::new()).unwrap_err();
        assert!(error.to_string().contains(words), "{entries:?}: {error}");
    }
}

/// Docker, podman and containerd pull such layers.
#[test]
fn a_path_from_the_root_is_one_of_the_layer() {
    let mut tree = RootFs::new();
    apply(tar_of(&[("etc/old", Regular, "")]).path(), &mut tree).unwrap();
    let second = [
        ("/", Directory, ""),
        ("/etc/", Directory, ""),
        ("/etc/x", Regular, ""),
        ("/etc/.wh.old", Regular, ""),
    ];
    apply(tar_of(&second).path(), &mut tree).unwrap();
    assert_eq!(tree.iter().map(|(path, _)| path).collect::<Vec<_>>(), ["etc", "etc/x"]);
}

#[test]
fn a_link_that_leads_out_stays_in() {
    let mut tree = RootFs::new();
    let tar = tar_of(&[("out", Symlink, "../../.."), ("out/etc/x", Regular, "z")]);
    apply(tar.path(), &mut tree).unwrap();
    assert_eq!(paths(&tree), ["etc", "etc/x", "out"]);
}

#[test]
fn what_is_too_long() {
    for (path, words) in
        [("d/".repeat(2100), "more than 4096"), (format!("{}/x", "n".repeat(256)), "more than 255")]
    {
        let mut builder = ::tar::Builder::new(Vec::new());
        let mut header = ::tar::Header::new_gnu();
        header.set_size(0);
        builder.append_data(&mut header, &path, &b""[..]).unwrap();
        let tar = Cursor::new(builder.into_inner().unwrap());
        let error = apply_from(tar, Path::new("x"), &mut RootFs::new()).unwrap_err().to_string();
        assert!(error.contains(words) && error.len() < 600, "{error}");
    }
}

#[test]
fn a_whiteout_removes_what_lower_layers_have_and_nothing_else() {
    let low = tar_of(&[
        ("a/old", Regular, "1"),
        ("b/old", Regular, "1"),
        ("c", Regular, "1"),
        ("d/e/f", Regular, "1"),
    ]);
    let high = tar_of(&[
        ("a/new", Regular, "2"),
        (".wh.a", Regular, ""),
        (".wh.b", Regular, ""),
        ("b/new", Regular, "2"),
        ("c", Regular, "2"),
        (".wh.c", Regular, ""),
        ("d/e/g", Regular, "2"),
        ("d/.wh..wh..opq", Regular, ""),
        ("d/.wh..wh..opq", Regular, ""),
        (".wh..wh.plnk", Directory, ""),
        ("no/.wh.such", Regular, ""),
    ]);
    let mut tree = RootFs::new();
    apply(low.path(), &mut tree).unwrap();
    apply(high.path(), &mut tree).unwrap();
    assert_eq!(paths(&tree), ["a", "a/new", "b", "b/new", "c", "d", "d/e", "d/e/g"]);
    assert_eq!(tree.file("c").unwrap().1.read().unwrap(), &b"2"[..]);
}

#[test]
fn the_last_of_several_entries_counts() {
    let tar = tar_of(&[
        ("f", Regular, "1"),
        ("f", Regular, "22"),
        ("g", Symlink, "f"),
        ("g", Regular, "3"),
        ("h", Regular, "4"),
        ("h", Directory, ""),
        ("h/i", Regular, "5"),
        ("h", Directory, ""),
        ("j/k", Regular, "6"),
        ("j", Symlink, "h"),
    ]);
    let mut tree = RootFs::new();
    apply(tar.path(), &mut tree).unwrap();
    assert_eq!(paths(&tree), ["f", "g", "h", "h/i", "j"]);
    assert_eq!(tree.file("f").unwrap().1.read().unwrap(), &b"22"[..]);
    assert_eq!(tree.file("j/i").unwrap().1.read().unwrap(), &b"5"[..]);
}

/// Returns a layer with entries of every kind.
fn real() -> Vec<u8> {
    let tar = tar_of(&[
        ("./", Directory, ""),
        ("usr/lib/one", Regular, "11111"),
        ("usr/lib/two", Link, "usr/lib/one"),
        ("lib", Symlink, "usr/lib"),
        ("etc/.wh.gone", Regular, ""),
        ("srv/.wh..wh..opq", Regular, ""),
    ]);
    let mut bytes = std::fs::read(tar.path()).unwrap();
    bytes.truncate(bytes.len() - 1024);
    let mut builder = ::tar::Builder::new(bytes);
    let mut header = ::tar::Header::new_ustar();
    header.set_size(3);
    builder
        .append_pax_extensions([("SCHILY.xattr.user.x", &b"a\nb=\0c"[..]), ("uid", b"123456789")])
        .unwrap();
    builder.append_data(&mut header, "with/attributes", &b"abc"[..]).unwrap();
    builder.append_data(&mut ::tar::Header::new_gnu(), "long/".repeat(40), &b""[..]).unwrap();
    builder.into_inner().unwrap()
}

/// Checks the conditions that hold for every tree.
fn sound(tree: &RootFs) {
    for (path, node) in tree.iter() {
        assert!(!path.is_empty() && path.split('/').all(|part| !matches!(part, "" | "." | "..")), "{path:?}");
        assert!(node.mode <= 0o7777);
        if let Some((above, _)) = path.rsplit_once('/') {
            assert_eq!(tree.get(above).map(|node| &node.kind), Some(&FileKind::Dir), "{path:?}");
        }
    }
}

#[test]
fn attributes_are_passed_over_and_numbers_in_pax_count() {
    let mut tree = RootFs::new();
    apply_from(Cursor::new(real()), Path::new("x"), &mut tree).unwrap();
    let node = tree.get("with/attributes").unwrap();
    assert_eq!(node.uid, 123_456_789);
    assert!(matches!(node.kind, FileKind::File(Content::Part { size: 3, .. })));
    sound(&tree);
}

proptest! {
    #[test]
    fn any_bytes_are_a_layer_or_an_error(mut bytes in proptest::collection::vec(any::<u8>(), 0..2000), tail in 0usize..600) {
        bytes.resize(bytes.len() + tail, 0);
        let mut tree = RootFs::new();
        let _ = apply_from(Cursor::new(bytes), Path::new("x"), &mut tree);
        sound(&tree);
    }

    /// Damages header fields. If the checksum is corrected afterwards, the damage passes the first check.
    #[test]
    fn damaged_layers_are_read_or_refused(
        changes in proptest::collection::vec((0usize..20, 0usize..512, any::<u8>()), 1..4),
        cut in proptest::option::of(0usize..9000), mend in any::<bool>(),
    ) {
        let mut bytes = real();
        for (block, at, with) in changes {
            let begin = block * 512 % bytes.len();
            let header = &mut bytes[begin..begin + 512];
            header[at] = with;
            if mend {
                header[148..156].copy_from_slice(b"        ");
                let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
                header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
            }
        }
        if let Some(cut) = cut {
            bytes.truncate(cut);
        }
        let size = bytes.len() as u64;
        let mut tree = RootFs::new();
        let _ = apply_from(Cursor::new(bytes), Path::new("x"), &mut tree);
        sound(&tree);
        for (path, node) in tree.iter() {
            if let FileKind::File(Content::Part { offset, size: bytes, .. }) = &node.kind {
                prop_assert!(offset.checked_add(*bytes).is_some_and(|end| end <= size), "{} lies outside", path);
            }
        }
    }

    /// Names with `.` and `..`, whiteouts, links and folders, in any order.
    #[test]
    fn any_entries_are_a_tree_or_an_error(
        entries in proptest::collection::vec(
            ("(\\./)?[ab](/(\\.wh\\.)?[abc]){0,3}(/\\.wh\\.\\.wh\\.\\.opq)?/?", 0usize..4, "(/|\\.\\./)?[abc](/[abc]|/\\.\\.){0,2}"),
            0..12,
        ),
        below in proptest::collection::vec("[ab](/[abc]){0,3}", 0..5),
    ) {
        let low: Vec<Line<'_>> = below.iter().map(|path| (path.as_str(), Regular, "low")).collect();
        let kinds = [Regular, Directory, Symlink, Link];
        let high: Vec<Line<'_>> = entries.iter().map(|(path, kind, text)| (path.as_str(), kinds[*kind], text.as_str())).collect();
        let mut tree = RootFs::new();
        let _ = apply(tar_of(&low).path(), &mut tree);
        let _ = apply(tar_of(&high).path(), &mut tree);
        sound(&tree);
    }
}
