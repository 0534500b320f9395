//! The backend `dlopen`: the library is found where the documentation says, and each way in which it can be wrong has an error
//! of its own. The topic "dlopen" of docs/concepts/c-boundary.md.
#![cfg(all(feature = "dlopen", any(unix, windows)))]

mod common;

use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::library::{build, folder};
use native::dlopen::{FILE_NAME, LoadError, VARIABLE, VERSION, load, open};
use native::vectors;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use xtask_test_support::skip::skipped;

/// Compiles this C into a library.
fn library_of(code: &str) -> std::path::PathBuf {
    let folder = folder(&format!("odd-{}", code.len()));
    let source = folder.join("odd.c");
    std::fs::write(&source, code).unwrap();
    let file = folder.join(FILE_NAME);
    build(&file, Some(source.to_str().unwrap()));
    file
}

const EXPORT: &str = "#include <stdint.h>\n__attribute__((visibility(\"default\"))) ";

#[test]
fn a_library_that_is_not_right() {
    if !common::library::can_build() {
        return skipped("a_library_that_is_not_right", "a C compiler to build a library");
    }
    assert!(matches!(open(Path::new("/no/such/file")), Err(LoadError::Absent { tried }) if tried.len() == 1));

    let other = library_of(&format!("{EXPORT}uint32_t native_abi_version(void) {{ return 99; }}"));
    let error = open(&other).unwrap_err();
    assert_eq!(error, LoadError::OtherVersion { path: other.clone(), found: 99 });
    assert!(
        error
            .to_string()
            .ends_with(&format!("{FILE_NAME} has version 99 of the interface, this program needs {VERSION}"))
    );

    let empty = library_of(&format!("{EXPORT}int nothing = {VERSION};"));
    assert_eq!(open(&empty).unwrap_err(), LoadError::Lacks { path: empty, symbol: "native_abi_version" });

    let code = format!("{EXPORT}uint32_t native_abi_version(void) {{ return {VERSION}; }}");
    let little =
        library_of(&format!("{code}\n{}int32_t native_echo(int32_t v) {{ return v; }}", &EXPORT[20..]));
    let error = open(&little).unwrap_err();
    assert!(error.to_string().ends_with("lacks the function native_dot_product"), "{error}");

    let text = folder("text").join(FILE_NAME);
    std::fs::write(&text, "this is not a library").unwrap();
    assert!(matches!(open(&text), Err(LoadError::Broken { path, said }) if path == text && !said.is_empty()));
}

/// A file that is no library, or whose first words are damaged, is an error or loads; it never ends the program. What
/// lies behind them is code, which whoever names a library trusts.
#[test]
fn any_bytes_as_a_library() {
    if !common::library::can_build() {
        return skipped("any_bytes_as_a_library", "a C compiler to build a library");
    }
    let top = folder("bytes");
    let whole = top.join("whole");
    build(&whole, None);
    let whole = std::fs::read(whole).unwrap();
    let any_bytes = prop::collection::vec(any::<u8>(), 0..200);
    // What ELF calls e_ident, e_type, e_machine and e_version.
    let damaged = prop::collection::vec((0..24_usize, any::<u8>()), 1..4).prop_map(move |changes| {
        let mut bytes = whole.clone();
        changes.into_iter().for_each(|(at, byte)| bytes[at] = byte);
        bytes
    });
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(100) });
    let number = AtomicUsize::new(0);
    let run = runner.run(&prop_oneof![any_bytes, damaged], |bytes| {
        // A name of its own for each: the loader knows files again.
        let path = top.join(number.fetch_add(1, Ordering::Relaxed).to_string());
        std::fs::write(&path, &bytes).unwrap();
        match open(&path) {
            Ok(backend) => prop_assert_eq!(native::Backend::echo(backend, 7), 7),
            Err(LoadError::Broken { said, .. }) => prop_assert!(!said.is_empty()),
            Err(other) => prop_assert!(false, "{}", other),
        }
        Ok(())
    });
    std::fs::remove_dir_all(top).unwrap();
    run.unwrap();
}

/// Runs the test below in a copy of this program, in that folder, with that variable. Returns what it printed.
fn in_a_program(program: &Path, variable: Option<&Path>) -> String {
    #[expect(clippy::disallowed_methods, reason = "the program under test is what this test is about")]
    let mut command = Command::new(program);
    command.args(["--exact", "what_this_program_finds", "--nocapture"]).env_remove(VARIABLE);
    command.env_remove("LD_LIBRARY_PATH").envs(variable.map(|path| (VARIABLE, path)));
    let output = loop {
        match command.output() {
            // A process that another test has just started still has the copy open, from the time before its own exec.
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => std::thread::yield_now(),
            output => break output.unwrap(),
        }
    };
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let found = text.split_once("<<").and_then(|(_, rest)| rest.split_once(">>"));
    found.expect("the marks are printed").0.to_owned()
}

/// Also a test by itself: what it finds passes all vectors, or it says where it looked.
#[test]
fn what_this_program_finds() {
    match load() {
        Ok(backend) => {
            assert!(vectors::ALL.iter().all(|vector| vector.check(backend).is_ok()));
            let names: Vec<_> = native::backends().iter().map(|b| b.name()).collect();
            assert!(names.contains(&"dlopen"));
            println!("<<{}>>", backend.path().display());
        }
        Err(error) => {
            assert_eq!(native::unavailable(), [("dlopen", error.to_string())]);
            println!("<<{error}>>");
        }
    }
}

#[test]
fn the_order_of_the_search() {
    if !common::library::can_build() {
        return skipped("the_order_of_the_search", "a C compiler to build a library");
    }
    let top = folder("search");
    let (bin, lib) = (top.join("bin"), top.join("lib"));
    for folder in [&bin, &lib] {
        std::fs::create_dir_all(folder).unwrap();
    }
    let program = bin.join("program");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let (beside, below) = (bin.join(FILE_NAME), lib.join(FILE_NAME));
    let given = top.join("given");

    let nothing = in_a_program(&program, None);
    assert!(nothing.starts_with(&format!("there is no {FILE_NAME}; ")), "{nothing}");
    let places =
        [beside.to_str().unwrap(), below.to_str().unwrap(), &format!("  {FILE_NAME}: "), "build-dlopen"];
    let found: Vec<_> = places.iter().map(|place| nothing.find(place).expect(place)).collect();
    assert!(found.is_sorted(), "{nothing}");

    build(&below, None);
    assert_eq!(in_a_program(&program, None), below.to_str().unwrap());
    std::fs::copy(&below, &beside).unwrap();
    assert_eq!(in_a_program(&program, None), beside.to_str().unwrap());
    std::fs::copy(&below, &given).unwrap();
    assert_eq!(in_a_program(&program, Some(&given)), given.to_str().unwrap());

    // What is there but not right is not passed over.
    std::fs::write(&beside, "junk").unwrap();
    assert!(in_a_program(&program, None).contains("cannot be loaded: "));
    std::fs::remove_file(&given).unwrap();
    let absent = in_a_program(&program, Some(&given));
    assert!(absent.contains("given: ") && !absent.contains(beside.to_str().unwrap()), "{absent}");
    std::fs::remove_dir_all(top).unwrap();
}
