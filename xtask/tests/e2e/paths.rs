//! Folders under two names, and folders whose names not every compiler can map.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use xtask_test_support::need;

use crate::machine::{self, HOST, HOST_MUSL};
use crate::space::Space;

/// The C is compiled by both names of its folder, and a panic by that which Cargo has.
fn space(name: &str, targets: &[(&str, &str)]) -> Space {
    let space = Space::at(name);
    space.targets(targets);
    space.replace(
        "native/build.rs",
        "let object = format!(\"{out}/answer.o\");",
        "let object = format!(\"{out}/answer.o\");
    let folder = std::path::Path::new(env!(\"CARGO_MANIFEST_DIR\"));
    let real = std::fs::canonicalize(folder).unwrap();
    let flag = |name: &str, path: &std::path::Path| format!(\"-DPLACE_{name}={:?}\", path.join(\"c/place.h\"));
    let flags = [flag(\"A\", folder), flag(\"B\", &real)];",
    );
    space.replace(
        "native/build.rs",
        "&[\"-c\", \"-O1\", \"-fPIC\", \"c/answer.c\",",
        "&[\"-c\", \"-g\", \"-O1\", \"-fPIC\", &flags[0], &flags[1], \"c/answer.c\",",
    );
    space.write("native/c/place.h", "static const char *const NAME = __FILE__;\n");
    let c = "#include <stdint.h>\n#define NAME name_a\n#include PLACE_A\n#undef NAME\n#define NAME name_b\n\
             #include PLACE_B\n\nint32_t native_answer(void) {\n    \
             const char *volatile names[] = {name_a, name_b};\n    return names[0][0] && names[1][0] ? 42 : 0;\n}\n";
    space.write("native/c/answer.c", c);
    space
}

fn holds(program: &Path, path: &Path) -> bool {
    let (bytes, path) = (std::fs::read(program).unwrap(), path.as_os_str().as_encoded_bytes());
    bytes.windows(path.len()).any(|window| window == path)
}

#[test]
fn no_name_of_a_folder_behind_a_link_stays() {
    need!("paths::links", machine::std_for(&[HOST]), machine::programs(&["cc"]));
    let mut space = space("work", &[(HOST, "")]);
    let above = std::fs::canonicalize(space.path("..")).unwrap();
    for name in ["target-real", "home-real"] {
        std::fs::create_dir_all(above.join(name)).unwrap();
        symlink(above.join(name), above.join(name.replace("real", "link"))).unwrap();
    }
    symlink(space.root(), above.join("work-link")).unwrap();
    let registry = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    for part in ["registry", "config.toml"] {
        let _ = symlink(registry.as_ref().unwrap().join(part), above.join("home-real").join(part));
    }
    space.set("CARGO_TARGET_DIR", above.join("target-link"));
    space.set("CARGO_HOME", above.join("home-link"));
    // As a shell that went there by the link says.
    space.set("PWD", above.join("work-link"));
    let manifest = above.join("work-link/Cargo.toml").display().to_string();
    space.run(&["build", "--mode", "native", "--manifest-path", &manifest]).ended(0);
    let program = above.join("target-real/dist/bin").join(HOST).join("native/app");
    assert!(holds(&program, Path::new("/src/native/c/place.h")));
    assert!(!holds(&program, &above), "a path of the machine is in the program");
}

#[test]
fn a_folder_that_a_compiler_cannot_map_is_named_and_blamed() {
    need!("paths::odd", machine::std_for(&[HOST_MUSL]), machine::zig().map(|_| ()));
    let mut space = space("rel=1.2,os=linux", &[(HOST_MUSL, "cc = \"zig\"")]);
    space.with_zig();
    let why = "`-ffile-prefix-map` of zig 0.15.2 cannot contain a path with `=`";
    let root = space.root().display().to_string();
    let run = space.run(&["verify", "--mode", "native", "--rebuild"]).ended(1);
    run.says(&[&format!("the program contains the path {root}: {why}"), &format!("help: {why}")])
        .never_says(&["this one comes from a build script", "find the build script"]);
    let program = space.dist(&format!("bin/{HOST_MUSL}/native/app"));
    assert!(holds(&program, &space.path("native/c/place.h")), "its name is not mangled");
}

#[test]
fn a_folder_with_equal_signs_is_mapped_where_the_compiler_can() {
    need!("paths::gcc", machine::std_for(&[HOST]), machine::programs(&["cc"]));
    let space = space("rel=1.2,os=linux", &[(HOST, "")]);
    let run = space.run(&["verify", "--mode", "native", "--rebuild"]);
    if run.stderr().contains("cannot contain a path with `=`") {
        return xtask_test_support::skip::skipped("paths::gcc", "gcc 12 or newer as cc");
    }
    let run = run.ended(0);
    run.says(&["Reproduced native"]).never_says(&["contains the path"]);
}

#[test]
fn white_space_reaches_zig_by_the_filter_and_is_said_of_others() {
    need!(
        "paths::space",
        machine::std_for(&[HOST, HOST_MUSL]),
        machine::zig().map(|_| ()),
        machine::programs(&["cc"])
    );
    let mut space = space("wide name", &[(HOST_MUSL, "cc = \"zig\"")]);
    space.with_zig();
    space.run(&["build", "--mode", "native"]).ended(0).never_says(&["contains the path"]);
    let program = space.dist(&format!("bin/{HOST_MUSL}/native/app"));
    assert!(!holds(&program, space.root()) && holds(&program, Path::new("/src/native/c/place.h")));
    space.targets(&[(HOST, "")]);
    space
        .run(&["build", "--mode", "native"])
        .ended(0)
        .says(&["contains the path", "split CFLAGS at white space"]);
}
