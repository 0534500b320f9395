//! Windows programs: made by MinGW's gcc, started by wine, packed as zip files.

use std::fs;

use serde_json::json;
use xtask_test_support::need;

use crate::linked::calls;
use crate::machine::{self, HOST_MUSL};
use crate::purity::add_sly;
use crate::run::job;
use crate::space::Space;

const GNU: &str = "x86_64-pc-windows-gnu";
const LLVM: &str = "x86_64-pc-windows-gnullvm";
const ARM: &str = "aarch64-pc-windows-gnullvm";

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
        assert_eq!(job["purity"], json!("proven"), "{job:#}");
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
    let c = &made["contents"]["foreign"][0];
    assert_eq!((&c["package"], &c["file"]), (&json!("native 0.1.0"), &json!("libanswer.a")), "{made:#}");
    assert!(c["compilers"][0].as_str().unwrap().starts_with("GCC: ("), "{made:#}");
    assert!(made["contents"]["std"].as_u64().unwrap() > 50_000, "{made:#}");
    // The same with a component in C++.
    in_cplusplus(&space);
    let run = space.run(&["verify", "--mode", "native", "--json"]).ended(0);
    let report = run.json();
    let made = job(&report, GNU);
    assert_eq!(made["smoke"]["status"], json!("pass"), "{run}");
    let files = made["contents"]["foreign"].as_array().unwrap().iter();
    let files: Vec<_> = files.map(|entry| (&entry["package"], entry["file"].as_str().unwrap())).collect();
    let native = json!("native 0.1.0");
    assert!(
        files.contains(&(&native, "libstdc++.a")) && files.contains(&(&native, "libanswer.a")),
        "{files:?}"
    );
}

/// Makes the component C++.
pub(crate) fn in_cplusplus(space: &Space) {
    fs::remove_file(space.path("native/c/answer.c")).unwrap();
    space.write("native/c/answer.cc", CXX);
    space.write(
        "native/build.rs",
        "fn main() { cc::Build::new().cpp(true).file(\"c/answer.cc\").compile(\"answer\"); }\n",
    );
    let manifest = space.read("native/Cargo.toml");
    space.write("native/Cargo.toml", &(manifest + crate::sources::NEEDS_CC));
    space.replace("targets.toml", "needs = [\"c\"]", "needs = [\"c++\"]");
}

/// The stds are not among those that setup installs for the tests: zig builds its C and C++ libraries for these two targets
/// first, which takes minutes. So this runs where somebody installed both: `rustup target add x86_64-pc-windows-gnullvm
/// aarch64-pc-windows-gnullvm`. Everywhere else, `cargo xtask conformance --targets` with their names builds the same.
#[test]
fn c_and_cplusplus_of_zig_pass_the_gate_and_pure_programs_are_proven() {
    if machine::std_for(&[LLVM, ARM]).is_err() {
        return;
    }
    need!("windows::gnullvm", machine::zig(), machine::runner(LLVM));
    let mut space = Space::with_targets(&[LLVM, ARM]);
    space.with_zig();
    in_cplusplus(&space);
    let run = space.run(&["verify", "--mode", "all", "--json"]).ended(0);
    let report = run.json();
    let jobs = report["jobs"].as_array().unwrap();
    assert_eq!(jobs.len(), 4, "{run}");
    for job in jobs {
        assert_eq!((&job["status"], &job["gate"]), (&json!("ok"), &json!("pass")), "{job:#}");
        let runner = if job["target"] == LLVM { json!("wine") } else { json!(null) };
        assert_eq!(job["smoke"]["runner"], runner, "{job:#}");
        let foreign = job["contents"]["foreign"].as_array().unwrap();
        if job["mode"] == "pure" {
            assert_eq!((&job["purity"], foreign.len()), (&json!("proven"), 0), "{job:#}");
            continue;
        }
        assert!(foreign.iter().all(|entry| entry["package"] == "native 0.1.0"), "{job:#}");
        for file in ["libanswer.a", "c++.lib", "c++abi.lib"] {
            assert!(foreign.iter().any(|entry| entry["file"] == file), "{file}: {job:#}");
        }
    }
}

#[test]
fn c_in_a_pure_program_is_named() {
    need!("windows::impure", machine::std_for(&[GNU]), machine::programs(&["x86_64-w64-mingw32-gcc"]));
    let space = Space::with_targets(&[GNU]);
    space.write("prebuilt/hid.c", "int odd(int n) { return n + 1; }\n");
    let script = "cd prebuilt && x86_64-w64-mingw32-gcc -c hid.c && x86_64-w64-mingw32-ar crs libhid.a hid.o";
    Space::finish(&space.cmd("sh").args(["-c", script])).ended(0);
    let folder = space.path("prebuilt").display().to_string();
    add_sly(&space, &format!("println!(\"cargo::rustc-link-search=native={folder}\");"));
    calls(&space, "#[link(name = \"hid\", kind = \"static\")]", "odd");
    let run = space.run(&["build", "--mode", "pure", "--json"]).ended(1);
    let report = run.json();
    let error = job(&report, GNU)["error"].as_str().unwrap();
    for words in [
        "must contain no C, but sly 0.7.1 has machine code linked",
        "hid.o",
        "GCC: (",
        "#[link] in src/lib.rs",
    ] {
        assert!(error.contains(words), "{words}\n{run}");
    }
    // A DLL whose import library rustc makes itself.
    calls(&space, "#[link(name = \"odd\", kind = \"raw-dylib\")]", "odd");
    let run = space.run(&["build", "--mode", "pure"]).ended(1);
    run.says(&["must contain no C, but sly 0.7.1 ", "odd.dll: a shared library"]);
    // A DLL of Windows is the interface of the system.
    space.write(
        "sly/src/lib.rs",
        "#[link(name = \"shlwapi\", kind = \"raw-dylib\")]
         unsafe extern \"system\" { fn StrToIntA(text: *const u8) -> i32; }
         pub fn sly() -> i32 { unsafe { StrToIntA(c\"2\".as_ptr().cast()) } }
",
    );
    let report = space.run(&["verify", "--mode", "pure", "--json"]).ended(0).json();
    assert_eq!(job(&report, GNU)["purity"], json!("proven"), "{report:#}");
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
