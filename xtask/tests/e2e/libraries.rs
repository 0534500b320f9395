//! Programs whose shared libraries only this machine has.

use xtask_test_support::need;

use crate::machine::{self, HOST};
use crate::space::Space;

/// A workspace for the host, whose loader finds everything of rustc's here.
fn space() -> Space {
    let mut space = Space::with_targets(&[HOST]);
    let libraries = machine::sysroot().join(format!("lib/rustlib/{HOST}/lib"));
    space.set("LD_LIBRARY_PATH", libraries);
    space
}

fn no_archive(space: &Space) {
    let archives = std::fs::read_dir(space.dist("archives"));
    assert_eq!(archives.map_or(0, Iterator::count), 0);
}

#[test]
fn the_standard_library_of_the_toolchain_ships_with_nothing() {
    need!("libraries::std", machine::std_for(&[HOST]));
    let mut space = space();
    space.write(".cargo/config.toml", "[build]\nrustflags = [\"-Cprefer-dynamic\"]\n");
    let release = ["release", "--mode", "pure"];
    let run = space.run(&release).ended(1);
    let run =
        run.says(&["gate: the program needs libstd-", ".so, a library of the Rust toolchain that built it"]);
    run.says(&["help: remove `-Cprefer-dynamic`, which is set by ", "/.cargo/config.toml"]);
    no_archive(&space);
    std::fs::remove_file(space.path(".cargo/config.toml")).unwrap();
    space.set("RUSTFLAGS", "-C prefer-dynamic");
    space.run(&release).ended(1).says(&["which is set by the variable RUSTFLAGS"]);
    // The root of an image has it no more than another machine has.
    space.unset("RUSTFLAGS");
    space.targets(&[(HOST, "rustflags = [\"-Cprefer-dynamic\"]")]);
    let run = space.run(&["verify", "--mode", "pure"]).ended(1);
    run.says(&["libstd-", &format!("which is set by `rustflags` of {HOST} in targets.toml")]);
    no_archive(&space);
}

#[test]
fn a_library_that_a_build_script_made_does_not_ship_alone() {
    need!("libraries::built", machine::std_for(&[HOST]), machine::programs(&["cc"]));
    let space = space();
    space.write(
        "native/build.rs",
        "fn main() {
    let out = std::env::var(\"OUT_DIR\").unwrap();
    let library = format!(\"{out}/libanswer.so\");
    let args = [\"-shared\", \"-fPIC\", \"c/answer.c\", \"-o\", &library];
    assert!(std::process::Command::new(\"cc\").args(args).status().unwrap().success());
    println!(\"cargo::rustc-link-search=native={out}\");
    println!(\"cargo::rustc-link-lib=dylib=answer\");
}
",
    );
    let release = ["release", "--mode", "native"];
    let run = space.run(&release).ended(1);
    run.says(&[
        "gate: the program needs libanswer.so, which lies in a folder of the build (",
        "does not contain it",
    ]);
    no_archive(&space);
}

/// One that has no name of its own is asked for by the path that the linker was given.
#[test]
fn a_library_by_a_path_of_the_build_is_found_nowhere_else() {
    need!("libraries::path", machine::std_for(&[HOST]), machine::programs(&["cc"]));
    let space = space();
    space.write(
        "app/build.rs",
        "fn main() {
    let args = [\"-shared\", \"-fPIC\", \"../native/c/answer.c\", \"-o\", \"../answer.so\"];
    assert!(std::process::Command::new(\"cc\").args(args).status().unwrap().success());
    println!(\"cargo::rustc-link-arg-bins=-Wl,--no-as-needed\");
    println!(\"cargo::rustc-link-arg-bins=./answer.so\");
}
",
    );
    let run = space.run(&["release", "--mode", "native"]).ended(1);
    run.says(&["the program needs ./answer.so, which it finds only if it is started in the build folder"]);
    no_archive(&space);
}
