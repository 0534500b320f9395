use super::*;
use proptest::prelude::*;

/// Makes an `ar` archive of these members, as dpkg-deb writes it.
fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, content) in members {
        writeln!(bytes, "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`", 0, 0, 0, "100644", content.len()).unwrap();
        bytes.extend_from_slice(content);
        if content.len() % 2 == 1 {
            bytes.push(b'\n');
        }
    }
    bytes
}

fn tar_of(files: &[(&str, &str)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, content.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap()
}

const CONTROL: &str = "Package: x\nVersion: 1.0-1\nArchitecture: all\n";
const VERSION: (&str, &[u8]) = ("debian-binary", b"2.0\n");

fn package() -> Vec<u8> {
    let control = tar_of(&[("./control", CONTROL), ("./md5sums", "0  x\n"), ("./postinst", "#!/bin/sh\n")]);
    let data = tar_of(&[("./etc/x", "x")]);
    ar(&[VERSION, ("control.tar", &control), ("_gpgorigin", b"odd"), ("data.tar", &data), ("later", b"")])
}

#[test]
fn a_package_is_read() {
    let bytes = package();
    let deb = Deb::read("x", &bytes).unwrap();
    assert_eq!(deb.control, CONTROL.as_bytes());
    assert_eq!(deb.fields.get("version"), Some("1.0-1"));
    assert_eq!(deb.md5sums.as_deref(), Some(&b"0  x\n"[..]));
    let mut data = Vec::new();
    assert_eq!(deb.unpack_data(&mut data).unwrap(), data.len() as u64);
    assert_eq!(data, tar_of(&[("./etc/x", "x")]));
}

#[test]
fn what_is_no_package() {
    let control = tar_of(&[("./control", CONTROL)]);
    let none = tar_of(&[("./md5sums", "")]);
    let broken = tar_of(&[("./control", "no field\n")]);
    let control = ("control.tar", &control[..]);
    let cases: [(Vec<u8>, &str); 13] = [
        (Vec::new(), "is not a Debian package"),
        (b"#!/bin/sh\n".to_vec(), "is not a Debian package"),
        (ar(&[]), "no member control.tar"),
        (ar(&[("x", b"")]), "its first member is \"x\""),
        (ar(&[("debian-binary", b"3.0\n"), control]), "has the format \"3.0\""),
        (ar(&[VERSION, ("extra", b"")]), "an unknown member \"extra\""),
        (ar(&[VERSION, ("control.tar.zst", b"")]), "packed as \".zst\"; Debian 12 and 13"),
        (ar(&[VERSION, ("data.tar", b""), control]), "no member control.tar"),
        (ar(&[VERSION, control]), "no member data.tar"),
        (ar(&[VERSION, ("control.tar", &none), ("data.tar", b"")]), "control.tar has no file control"),
        (ar(&[VERSION, ("control.tar", &broken), ("data.tar", b"")]), "line 1 is not a field"),
        (ar(&[VERSION, ("control.tar.xz", b"no xz"), ("data.tar", b"")]), "control.tar: "),
        (
            ar(&[("debian-binary", b"2.0\n"), ("control.tar", &control.1[..700]), ("data.tar", b"")]),
            "control.tar: ",
        ),
    ];
    for (bytes, words) in cases {
        let error = Deb::read("it", &bytes).unwrap_err().to_string();
        assert!(error.contains(words), "{words}: {error}");
    }
    let data = ar(&[VERSION, control, ("data.tar.xz", b"\xfd7zXZ\0cut off")]);
    let error = Deb::read("it", &data).unwrap().unpack_data(&mut Vec::new()).unwrap_err().to_string();
    assert!(error.contains("cannot unpack the data of it"), "{error}");
}

#[test]
fn what_would_fill_the_disk_is_refused() {
    let zeros = vec![0; 1000];
    let error = unpack::unpack(MemberCompression::Plain, &zeros, 999, &mut Vec::new()).unwrap_err();
    assert!(error.to_string().starts_with("it unpacks to more than"), "{error}");
    assert_eq!(unpack::unpack(MemberCompression::Plain, &zeros, 1000, &mut Vec::new()).unwrap(), 1000);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(mut bytes in proptest::collection::vec(any::<u8>(), 0..600), archive: bool) {
        if archive {
            bytes.splice(0..0, *b"!<arch>\ndebian-binary   0           0     0     100644  4         `\n2.0\n");
        }
        let _ = Deb::read("it", &bytes).map(|deb| deb.unpack_data(&mut std::io::sink()));
    }

    #[test]
    fn a_damaged_package_is_read_or_refused(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<proptest::sample::Index>(),
    ) {
        let mut bytes = package();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        let _ = Deb::read("it", &bytes).map(|deb| deb.unpack_data(&mut std::io::sink()));
    }
}
