//! Compilers that are traps in their own places, while a pure build runs.

use serde_json::json;
use xtask_test_support::need;

use crate::machine::{self, HOST, HOST_MUSL};
use crate::purity::{PURE, survived, with_script};
use crate::run::job;
use crate::space::Space;

/// By a path, and with the PATH that the build would have without traps: each is a trap where it lies.
#[test]
fn a_compiler_is_a_trap_in_its_own_place() {
    need!("masks::in_place", machine::std_for(&[HOST_MUSL]), machine::programs(&["gcc"]), machine::mounts());
    let gcc = machine::find("gcc").unwrap();
    let path = gcc.parent().unwrap().display().to_string() + ":/usr/bin:/bin";
    for (command, program) in [
        (format!("Command::new({gcc:?})"), gcc.display().to_string()),
        (format!("Command::new(\"gcc\").env(\"PATH\", {path:?})"), String::new()),
        (format!("Command::new({gcc:?}).env(\"OUT_DIR\", \"/\")"), gcc.display().to_string()),
    ] {
        let space = with_script(&format!(
            "let out = std::env::var(\"OUT_DIR\").unwrap() + \"/../x.bin\";
             let _ = {command}.args([\"-shared\", \"-nostdlib\", \"-o\", &out, \"sly.c\"]).status();
             assert!(!std::path::Path::new(&out).exists(), \"C was compiled behind the traps\");"
        ));
        let run = space.run(&PURE).ended(0);
        survived(&run, &program);
    }
    // The arguments in a file; and a compiler that is told nothing of the build: it cannot tell either, and does not run.
    for (command, is_told) in [
        (
            format!(
                "std::fs::write(\"words\", \"-c sly.c\").unwrap(); Command::new({gcc:?}).arg(\"@words\")"
            ),
            true,
        ),
        (format!("Command::new({gcc:?}).env_clear().args([\"-c\", \"sly.c\"])"), false),
    ] {
        let space = with_script(&format!(
            "let out = std::env::var(\"OUT_DIR\").unwrap() + \"/../x.bin\";
             let ended = {{ {command}.args([\"-o\", &out]).status().unwrap() }};
             assert!(!ended.success() && !std::path::Path::new(&out).exists(), \"C was compiled\");"
        ));
        let run = space.run(&PURE).ended(0);
        assert!(!run.to_string().contains("C was compiled"), "{run}");
        assert_eq!(run.stdout().contains("sly 0.7.1 ran: "), is_told, "{run}");
    }
}

/// Build scripts and macros run on the host and are linked for it: that goes on, by whatever path, and so does their C.
#[test]
fn links_and_c_for_the_host_pass_a_mask() {
    let programs = machine::programs(&["gcc", "g++"]);
    need!("masks::host", machine::std_for(&[HOST, HOST_MUSL]), programs, machine::mounts());
    let space = Space::with_targets(&[HOST, HOST_MUSL]);
    let (gcc, gxx) = (machine::find("gcc").unwrap(), machine::find("g++").unwrap());
    let manifest = "[package]\nname = \"helper\"\nversion = \"0.3.0\"\nedition = \"2024\"\n";
    space.write("helper/Cargo.toml", manifest);
    space.write("helper/src/lib.rs", "pub fn made() -> bool { true }");
    let cxx = "#include <string>\nint main(int n, char **) { return std::string(n, 'x').size() != 1; }\n";
    space.write("helper/x.cc", cxx);
    space.write("helper/x.c", "#include <stdio.h>\nint main(void) { return puts(\"c\") < 0; }\n");
    space.write(
        "helper/build.rs",
        &format!(
            "use std::process::Command;
             fn main() {{
                 let out = std::env::var(\"OUT_DIR\").unwrap();
                 for (compiler, source) in [({gcc:?}, \"x.c\"), ({gxx:?}, \"x.cc\")] {{
                     let program = format!(\"{{out}}/{{source}}.bin\");
                     let ended = Command::new(compiler).args([source, \"-o\", &program]).status();
                     assert!(ended.unwrap().success());
                     assert!(Command::new(program).status().unwrap().success());
                 }}
             }}"
        ),
    );
    space.write("app/build.rs", "fn main() { assert!(helper::made()); }\n");
    let more = "\n[build-dependencies]\nhelper = { path = \"../helper\" }\n";
    space.write("app/Cargo.toml", &(space.read("app/Cargo.toml") + more));
    let report = space.run(&PURE).ended(0).json();
    for target in [HOST, HOST_MUSL] {
        let job = job(&report, target);
        assert_eq!((&job["status"], &job["purity"]), (&json!("ok"), &json!("proven")), "{job:#}");
        let warnings = job["warnings"].to_string();
        assert_eq!(warnings.matches("helper 0.3.0 ran: ").count(), 2, "{job:#}");
        assert!(warnings.contains(&format!("helper 0.3.0 ran: {} x.cc", gxx.display())), "{job:#}");
    }
}
