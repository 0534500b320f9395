//! Builds that fail for known causes: the summary has the tool's own line, the package, the cause and what mends it.

use xtask_test_support::need;

use crate::machine::{self, HOST, HOST_MUSL};
use crate::space::Space;

#[test]
fn a_header_of_the_kernel_that_musl_gcc_lacks_is_explained() {
    need!("causes::kernel", machine::std_for(&[HOST_MUSL]), machine::programs(&["musl-gcc"]));
    let space = Space::with_targets(&[HOST_MUSL]);
    let source = space.read("native/c/answer.c");
    space.write("native/c/answer.c", &format!("#include <linux/if.h>\n{source}"));
    let run = space.run(&["build", "--mode", "native", "--providers", "musl"]).ended(1);
    run.says(&[
        &format!("note: native for {HOST_MUSL}: native 0.1.0: c/answer.c:1:10: fatal error: linux/if.h: No such file"),
        "note: cause: musl-gcc has the headers of musl alone, and linux/if.h is one of the kernel",
        &format!("help: set cc = \"zig\" for {HOST_MUSL} in targets.toml"),
    ]);
}

#[test]
fn what_a_linker_lacks_and_refuses_is_explained() {
    need!("causes::linker", machine::std_for(&[HOST]), machine::programs(&["cc"]));
    let space = Space::with_targets(&[HOST]);
    let build = ["build", "--mode", "native"];
    let links = |what: &str| {
        let script = format!("fn main() {{ println!(\"cargo::rustc-link-arg-bins={what}\"); }}\n");
        space.write("app/build.rs", &script);
    };
    links("-lnobody-has-this");
    space.run(&build).ended(1).says(&[
        &format!("note: native for {HOST}: app: "),
        "note: cause: the linker does not find the library nobody-has-this",
    ]);
    // An object of no machine.
    space.write("odd.o", "no object");
    links(&space.path("odd.o").display().to_string());
    space.run(&build).ended(1).says(&["note: cause: the file that is named was not made for "]);
}

#[test]
fn a_tool_that_a_build_script_does_not_find_is_named() {
    need!("causes::tool", machine::std_for(&[HOST_MUSL]));
    let space = Space::with_targets(&[HOST_MUSL]);
    space.write(
        "app/build.rs",
        "fn main() { panic!(\"failed to execute command: {}\\nis `cmake` not installed?\", std::io::Error::from_raw_os_error(2)); }\n",
    );
    space.run(&["build", "--mode", "pure"]).ended(1).says(&[
        &format!("note: pure for {HOST_MUSL}: app 1.2.3: is `cmake` not installed?"),
        "note: cause: cmake is not on this machine",
        "help: install it: apt-get install cmake",
    ]);
}
