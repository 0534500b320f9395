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
        "note: cause: musl-gcc has only the headers of musl, and linux/if.h is a header of the kernel",
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
    space.run(&build).ended(1).says(&["note: cause: the named file was not made for "]);
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

/// By the graph, before anything is built: a package named `cmake` starts the program of that name.
#[test]
fn a_tool_that_build_scripts_use_is_missed_before_the_build() {
    need!("causes::graph", machine::std_for(&[HOST]), machine::programs(&["cc", "ar"]));
    let mut space = Space::with_targets(&[HOST]);
    space.write("cmake/Cargo.toml", "[package]\nname = \"cmake\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
    space.write("cmake/src/lib.rs", "");
    let manifest =
        space.read("native/Cargo.toml") + "\n[build-dependencies]\ncmake = { path = \"../cmake\" }\n";
    space.write("native/Cargo.toml", &manifest);
    space.only(&["cargo", "rustc", "rustup", "cc", "ld", "as", "ar", "git", "env"]);
    let jobs =
        format!("  jobs: native for {HOST}\n  help: install it: apt-get install cmake, or name it by CMAKE");
    // Before the first build, only the lock or the manifests are known.
    let may = format!("cmake is not on this machine, and build scripts may need it: native (cmake)\n{jobs}");
    for command in ["plan", "doctor"] {
        let before = space.run(&[command]).ended(0);
        assert!(before.stdout().contains(&may), "{command}: {before}");
    }
    let run = space.run(&["build", "--mode", "native"]).ended(0);
    run.says(&[
        "warning: cmake is not on this machine, and build scripts use it: native (cmake)",
        "help: install it: apt-get install cmake, or name it by CMAKE",
    ]);
    let uses = format!("cmake is not on this machine, and build scripts use it: native (cmake)\n{jobs}");
    for command in ["plan", "doctor"] {
        let known = space.run(&[command]).ended(0);
        assert!(known.stdout().contains(&uses), "{command}: {known}");
        let json = space.run(&[command, "--json"]).ended(0);
        let json: serde_json::Value = serde_json::from_str(&json.stdout()).unwrap();
        let tool = &json["missing_tools"][0];
        assert_eq!((&tool["tool"], &tool["certain"]), (&"cmake".into(), &true.into()), "{command}: {json}");
        assert_eq!(tool["jobs"], serde_json::json!([{ "target": HOST, "mode": "native" }]));
    }
    // The pure mode does not have the package, and a tool by its variable is there.
    assert!(!space.run(&["plan", "--mode", "pure"]).ended(0).stdout().contains("cmake"));
    space.run(&["build", "--mode", "pure"]).ended(0).never_says(&["build scripts use it"]);
    space.set("CMAKE", "/opt/cmake");
    space.run(&["build", "--mode", "native"]).ended(0).never_says(&["build scripts use it"]);
    assert!(!space.run(&["plan"]).ended(0).stdout().contains("cmake"));
}

#[test]
fn a_time_zone_that_an_image_lacks_is_said() {
    need!("causes::zone", machine::std_for(&[HOST_MUSL]));
    let space = Space::with_targets(&[HOST_MUSL]);
    space.image("app", &[HOST_MUSL]);
    let image = |more: &str| {
        let text = space.read("targets.toml");
        let text = text.split("base = \"scratch\"").next().unwrap().to_owned();
        space.write("targets.toml", &format!("{text}base = \"scratch\"\ntargets = [\"{HOST_MUSL}\"]\nenv = {{ TZ = \"Asia/Tokyo\" }}\n{more}"));
        space.run(&["image", "--mode", "pure"]).ended(0)
    };
    let words = "warning: image app sets TZ=Asia/Tokyo, and has no /usr/share/zoneinfo/Asia/Tokyo";
    image("").says(&[words, "`tzdata = true`"]);
    image("tzdata = true\n").never_says(&[words]);
}
