//! Windows programs: made by MinGW's gcc, started by wine, packed as zip files.

use std::fs;

use serde_json::json;
use xtask_test_support::need;

use crate::machine::{self, HOST_MUSL};
use crate::run::job;
use crate::space::Space;

const GNU: &str = "x86_64-pc-windows-gnu";

/// A component that throws and catches, so that the C++ library and its unwinder are in the program.
const CXX: &str = "#include <stdexcept>
#include <string>

extern \"C\" int native_answer(void) {
    try {
        throw std::runtime_error(std::string(42, 'x'));
    } catch (const std::exception &thrown) {
        return static_cast<int>(std::string(thrown.what()).size());
    }
}
";

#[test]
fn a_release_has_a_zip_for_windows_and_an_image_for_linux_and_the_same_bytes_in_two_folders() {
    need!(
        "windows::release",
        machine::std_for(&[HOST_MUSL, GNU]),
        machine::programs(&["x86_64-w64-mingw32-gcc", "unzip"]),
        machine::runner(GNU)
    );
    let made = || {
        let space = Space::with_targets(&[HOST_MUSL, GNU]);
        space.image("app", &[HOST_MUSL]);
        // The other target has no C toolchain on every machine.
        let run = space.run(&["release", "--mode", "pure"]).ended(0);
        let report = space.report();
        let job = job(&report, GNU);
        assert_eq!(job["smoke"]["status"], json!("pass"), "{run}");
        assert_eq!(job["smoke"]["runner"], json!("wine"), "{run}");
        // No map of a Windows program is read yet, so nothing is claimed.
        assert_eq!(job["purity"], json!("not-seen"), "{job:#}");
        space
    };
    let (one, two) = (made(), made());
    let name = format!("archives/app-1.2.3-{GNU}.zip");
    assert_eq!(fs::read(one.dist(&name)).unwrap(), fs::read(two.dist(&name)).unwrap());
    let sums = fs::read_to_string(one.dist("SHA256SUMS")).unwrap();
    assert!(sums.contains(&format!("  {name}\n")), "{sums}");
    let listed = Space::finish(&one.cmd("unzip").arg("-Z1").arg(one.dist(&name))).ended(0);
    let folder = format!("app-1.2.3-{GNU}/");
    assert!(listed.stdout().lines().any(|line| line == format!("{folder}app.exe")), "{listed}");
    let report = one.report();
    let platforms = report["images"][0]["manifests"].as_array().unwrap();
    assert_eq!(platforms.len(), 1, "{platforms:#?}");
}

#[test]
fn c_and_cplusplus_of_mingw_are_in_the_program_and_need_no_dll_of_the_compiler() {
    need!(
        "windows::native",
        machine::std_for(&[GNU]),
        machine::programs(&["x86_64-w64-mingw32-g++"]),
        machine::runner(GNU)
    );
    let space = Space::with_targets(&[GNU]);
    let run = space.run(&["verify", "--mode", "native", "--json"]).ended(0);
    let report = run.json();
    let made = job(&report, GNU);
    assert_eq!(made["toolchain"]["provider"], json!("mingw"), "{run}");
    assert!(!made["toolchain"]["version"].as_str().unwrap().contains("unknown"), "{run}");
    assert_eq!(made["smoke"]["status"], json!("pass"), "{run}");
    // The same with a component in C++.
    fs::remove_file(space.path("native/c/answer.c")).unwrap();
    space.write("native/c/answer.cc", CXX);
    space.write(
        "native/build.rs",
        "fn main() { cc::Build::new().cpp(true).file(\"c/answer.cc\").compile(\"answer\"); }\n",
    );
    let manifest = space.read("native/Cargo.toml");
    space.write("native/Cargo.toml", &(manifest + crate::sources::NEEDS_CC));
    space.replace("targets.toml", "needs = [\"c\"]", "needs = [\"c++\"]");
    let run = space.run(&["verify", "--mode", "native", "--json"]).ended(0);
    assert_eq!(job(&run.json(), GNU)["smoke"]["status"], json!("pass"), "{run}");
}

/// Compiles the component, and makes an import library of a DLL with MinGW's own tool.
const IMPORTS_DLL: &str = r#"use std::process::Command;

fn main() {
    let out = std::env::var("OUT_DIR").unwrap();
    std::fs::write(format!("{out}/foo.def"), "LIBRARY libfoo-1.dll\nEXPORTS\nfoo_answer\n").unwrap();
    let run = |tool: &str, args: &[&str]| assert!(Command::new(tool).args(args).status().unwrap().success());
    let (def, library) = (format!("{out}/foo.def"), format!("{out}/libfoo.dll.a"));
    run("x86_64-w64-mingw32-dlltool", &["-d", &def, "-l", &library]);
    let (object, archive) = (format!("{out}/answer.o"), format!("{out}/libanswer.a"));
    run("x86_64-w64-mingw32-gcc", &["-c", "c/answer.c", "-o", &object]);
    run("x86_64-w64-mingw32-ar", &["crs", &archive, &object]);
    println!("cargo::rustc-link-search=native={out}");
    println!("cargo::rustc-link-lib=static=answer");
    println!("cargo::rustc-link-lib=foo");
}
"#;

#[test]
fn a_dll_that_windows_lacks_is_refused_with_the_way_out() {
    need!("windows::dll", machine::std_for(&[GNU]), machine::programs(&["x86_64-w64-mingw32-dlltool"]));
    let space = Space::with_targets(&[GNU]);
    space.write("native/build.rs", IMPORTS_DLL);
    space.write(
        "native/c/answer.c",
        "int foo_answer(void);\nint native_answer(void) { return foo_answer(); }\n",
    );
    let run = space.run(&["verify", "--mode", "native"]).ended(1);
    let said = run.to_string();
    assert!(said.contains("imports libfoo-1.dll") && said.contains("link it statically"), "{run}");
}

#[test]
fn targets_of_msvc_are_refused_with_the_reason_and_the_way_out() {
    need!("windows::msvc", machine::std_for(&[]));
    let space = Space::with_targets(&["x86_64-pc-windows-msvc"]);
    let run = space.run(&["plan"]).ended(3);
    let said = run.to_string();
    assert!(said.contains("Windows SDK") && said.contains("x86_64-pc-windows-gnullvm"), "{run}");
    let space = Space::with_targets(&[GNU]);
    space.image("app", &[GNU]);
    let run = space.run(&["plan"]).ended(2);
    let said = run.to_string();
    assert!(said.contains("images contain Linux programs"), "{run}");
    assert!(said.contains("remove it from the image"), "{run}");
}
