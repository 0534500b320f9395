//! What is no program: each has its own words.

use xtask_files::error::ExitKind;
use xtask_gate::Facts;

use crate::programs::Bench;

#[test]
fn each_kind_of_file_has_its_words() {
    let bench = Bench::new();
    let cases: [(&str, &[u8], &str); 7] = [
        ("empty", b"", "is an empty file, not a Linux program (ELF)"),
        ("windows.exe", b"MZ\x90\0\x03\0\0\0", "is a Windows program (PE), not a Linux program (ELF)"),
        ("mac", b"\xcf\xfa\xed\xfe\x0c\0\0\x01", "is a macOS program (Mach-O), not a Linux program (ELF)"),
        ("text", b"hello, world\n", "is a text file, not a Linux program (ELF)"),
        ("script", b"#!/bin/sh\nexit 0\n", "is a script, not a Linux program (ELF)"),
        ("lib.a", b"!<arch>\nfoo.o/", "is a static library (ar archive), not a program"),
        ("stub", b"\x7fEL", "is damaged or cut off: it ends inside the ELF header"),
    ];
    for (name, bytes, words) in cases {
        let error = Facts::read(&bench.file(name, bytes)).unwrap_err();
        assert!(error.what.ends_with(&format!("{name} {words}")), "{error}");
        assert_eq!(error.kind, ExitKind::Failed);
    }
}

#[test]
fn what_is_no_regular_file_is_refused_at_once() {
    let bench = Bench::new();
    let directory = bench.path("");
    assert!(Facts::read(&directory).unwrap_err().what.ends_with("is a directory, not a program"));
    assert!(Facts::read(&bench.path("absent")).unwrap_err().what.starts_with("cannot read "));
    #[cfg(unix)]
    {
        let device = Facts::read(std::path::Path::new("/dev/null")).unwrap_err();
        assert!(device.what.ends_with("is a device, pipe or socket, not a program"), "{device}");
        let looped = bench.path("loop");
        std::os::unix::fs::symlink(&looped, &looped).unwrap();
        assert!(Facts::read(&looped).unwrap_err().found[0].starts_with("it is a symbolic link to"));
    }
}
