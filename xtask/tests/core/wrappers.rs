//! Wrappers: one path for a driver with arguments, which hands on every word as it is.

use std::path::Path;
use std::time::Duration;

use xtask_compilers::toolchain::wrapper::{executable, tools};
use xtask_compilers::toolchain::{Candidate, Link, Provider};
use xtask_process::exec::Cmd;

use crate::support::{ARM_GNU, Machine, triple};

fn candidate(cc: &[&str]) -> Candidate {
    let driver: Vec<String> = cc.iter().map(|w| (*w).to_owned()).collect();
    Candidate {
        provider: Provider::Env,
        origin: "a test".into(),
        cxx: None,
        ar: Some(vec!["/usr/bin/ar".into()]),
        ranlib: None,
        linker: None,
        workers: Vec::new(),
        link: Link::Driver,
        absent: None,
        cc: driver,
    }
}

/// A program that prints each of its arguments in a line of its own.
fn echo(machine: &Machine, name: &str) -> String {
    machine.program(name, "printf '<%s>\\n' \"$@\"").display().to_string()
}

#[test]
fn every_word_arrives_as_it_was() {
    let machine = Machine::new();
    let program = echo(&machine, "c'c \"with\" $spaces");
    let words = ["a b", "it's", "\"q\"", "$HOME", "`id`", "\\", "", "*", "a\nb", "-DX=\"y z\"", "ü"];
    let all: Vec<&str> = std::iter::once(&*program).chain(words).collect();
    let dir = machine.path().join("wrap pers");
    let made = tools(&candidate(&all), &triple(ARM_GNU), &dir, Path::new("/this")).unwrap();
    let output = Cmd::new(&made.cc).args(words).capture(Duration::from_secs(20)).unwrap();
    let expected: String = words.iter().chain(&words).map(|w| format!("<{w}>\n")).collect();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    assert_eq!(made.linker, made.cc, "a driver links as it compiles");
    assert_eq!(made.ar.unwrap(), Path::new("/usr/bin/ar"), "a program without arguments needs no wrapper");
}

#[test]
fn a_wrapper_that_is_there_is_left_alone_and_another_one_lies_elsewhere() {
    let machine = Machine::new();
    let (dir, target) = (machine.path().join("w"), triple(ARM_GNU));
    let make = |c: &Candidate, this: &str| tools(c, &target, &dir, Path::new(this)).unwrap().cc;
    let first = make(&candidate(&["/c", "-a"]), "/this");
    let time = || std::fs::metadata(&first).unwrap().modified().unwrap();
    let made = time();
    assert_eq!(make(&candidate(&["/c", "-a"]), "/this"), first);
    assert_eq!(time(), made, "Cargo would see another compiler");
    // The same letters in other words, another program, another xtask in front of zig.
    for other in [make(&candidate(&["/c", "-", "a"]), "/this"), make(&candidate(&["/c-a", ""]), "/this")] {
        assert_ne!(other, first);
    }
    let zig = |this| make(&Candidate { link: Link::Zig, ..candidate(&["/z", "cc"]) }, this);
    assert_ne!(zig("/this"), zig("/that"));
    assert_eq!(std::fs::read_dir(first.parent().unwrap()).unwrap().count(), 1, "nothing staged stays behind");
}

#[test]
fn a_script_can_be_run_by_everybody_and_is_repaired() {
    use std::os::unix::fs::PermissionsExt;
    let machine = Machine::new();
    let file = machine.path().join("a/b/script");
    executable(&file, "#!/bin/sh\necho one\n").unwrap();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o755);
    std::fs::write(&file, "damaged").unwrap();
    executable(&file, "#!/bin/sh\necho one\n").unwrap();
    assert_eq!(Cmd::new(&file).capture(Duration::from_secs(20)).unwrap().text(), "one");
}
