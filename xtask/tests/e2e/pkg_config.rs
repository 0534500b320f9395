//! pkg-config and the libraries of another target: those of this machine are refused, those of a sysroot are found.

use xtask_process::exec::Cmd;
use xtask_test_support::need;
use xtask_test_support::process::run;

use crate::machine::{self, ARM};
use crate::run::job;
use crate::sources;
use crate::space::Space;

/// Asks for the library `thing` in the two ways in which build scripts do. Without it, the component is compiled whole.
const BUILD: &str = r#"use std::process::Command;

fn main() {
    let target = std::env::var("TARGET").unwrap().replace('-', "_");
    let out = std::env::var("OUT_DIR").unwrap();
    let found = pkg_config::Config::new().statik(true).probe("thing");
    let on_path = Command::new("pkg-config").args(["--exists", "thing"]).status().unwrap().success();
    assert_eq!(found.is_ok(), on_path, "{found:?}");
    let source = if on_path { "c/wrapped.c" } else { "c/answer.c" };
    let run = |tool: &str, args: &[&str]| {
        let flags = std::env::var(format!("CFLAGS_{target}")).unwrap_or_default();
        let flags = flags.split_whitespace().filter(|_| args[0] == "-c");
        let tool = std::env::var(format!("{tool}_{target}")).unwrap();
        assert!(Command::new(&tool).args(args).args(flags).status().unwrap().success(), "{tool} failed");
    };
    let object = format!("{out}/answer.o");
    run("CC", &["-c", "-fPIC", source, "-o", &object]);
    run("AR", &["crs", &format!("{out}/libanswer.a"), &object]);
    println!("cargo::rustc-link-search=native={out}");
    println!("cargo::rustc-link-lib=static=answer");
}
"#;

const DESCRIPTION: &str = "prefix=/usr
libdir=${prefix}/lib/aarch64-linux-gnu
Name: thing
Description: A library
Version: 1.0
Libs: -L${libdir} -lthing
Cflags: -I${prefix}/include
";

#[test]
fn a_library_of_this_machine_is_refused_and_one_of_the_sysroot_is_found() {
    need!(
        "pkg_config::sysroot",
        machine::std_for(&[ARM]),
        machine::programs(&["aarch64-linux-gnu-gcc", "aarch64-linux-gnu-ar", "qemu-aarch64", "pkg-config"])
    );
    let mut space = Space::with_targets(&[ARM]);
    let needs = "\n[build-dependencies]\npkg-config = \"0.3\"\n";
    space.write("native/Cargo.toml", &format!("{}{needs}", sources::NATIVE_MANIFEST));
    space.write("native/build.rs", BUILD);
    space.write("native/c/wrapped.c", "#include <thing.h>\nint native_answer(void) { return thing(); }\n");
    space.write("here/thing.pc", DESCRIPTION);
    space.set("PKG_CONFIG_PATH", space.path("here"));
    run(&space.cmd("pkg-config").args(["--exists", "thing"]));

    let asked = "native 0.1.0 asked pkg-config for thing: there is none for aarch64-unknown-linux-gnu";
    let report = space.run(&["verify", "--json"]).ended(0).says(&[asked]).json();
    let notes = job(&report, ARM)["notes"].to_string();
    assert!(notes.contains(asked) && notes.contains("this machine is not used"), "{report:#}");

    space.write("root/usr/include/thing.h", "int thing(void);\n");
    space.write("root/usr/lib/aarch64-linux-gnu/pkgconfig/thing.pc", DESCRIPTION);
    space.write("thing.c", "int thing(void) { return 42; }\n");
    let library = "root/usr/lib/aarch64-linux-gnu/libthing.a";
    let compile = Cmd::new("aarch64-linux-gnu-gcc").args(["-c", "-fPIC", "thing.c", "-o", "thing.o"]);
    run(&compile.cwd(space.root()));
    run(&Cmd::new("aarch64-linux-gnu-ar").args(["crs", library, "thing.o"]).cwd(space.root()));
    space.targets(&[(ARM, "sysroot = \"root\"")]);
    let report = space.run(&["verify", "--json"]).ended(0).never_says(&["asked pkg-config"]);
    assert!(report.stdout().contains("libthing.a") || report.stdout().contains("\"jobs\""), "{report}");
    assert!(space.says(ARM, "native").contains("answer=42 native=true"));
}
