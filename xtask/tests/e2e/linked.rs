//! What is in a program, by the map of its link: prebuilt C is named with whoever asked for it, and a program that is linked
//! without a map proves nothing.

use serde_json::{Value, json};
use xtask_test_support::need;

use crate::machine::{self, HOST, HOST_MUSL};
use crate::purity::{PURE, with_script};
use crate::run::job;
use crate::space::Space;

/// Puts an archive of C, made elsewhere, below `prebuilt/`.
fn prebuilt(space: &Space, name: &str, function: &str) {
    let source = format!("int {function}(int n) {{ return n + 1; }}\n");
    space.write(&format!("prebuilt/{function}.c"), &source);
    let script = format!(
        "cd prebuilt && gcc -O1 -fPIC -c {function}.c -o {function}.o && ar crs {name} {function}.o && rm {function}.o"
    );
    Space::finish(&space.cmd("sh").args(["-c", &script])).ended(0);
}

fn folder(space: &Space) -> String {
    space.path("prebuilt").display().to_string()
}

/// The dependency `sly` calls this function of C.
pub(crate) fn calls(space: &Space, attribute: &str, function: &str) {
    let text = format!(
        "{attribute}\nunsafe extern \"C\" {{ fn {function}(n: i32) -> i32; }}\n\
         pub fn sly() -> i32 {{ unsafe {{ {function}(1) }} }}\n"
    );
    space.write("sly/src/lib.rs", &text);
    let main = space.read("app/src/main.rs");
    if !main.contains("sly::sly") {
        space.write(
            "app/src/main.rs",
            &main.replacen("fn main() {", "fn main() {\n    assert_eq!(sly::sly(), 2);", 1),
        );
    }
}

/// The promise of the pure mode is broken by this object, whose words are all there.
fn breaks(space: &Space, target: &str, words: &[&str]) {
    let run = space.run(&["build", "--mode", "pure", "--json", "--target", target]).ended(1);
    let report: Value = run.json();
    let job = job(&report, target);
    assert_eq!((&job["status"], &job["purity"]), (&json!("failed"), &json!("n/a")), "{run}");
    let error = job["error"].as_str().unwrap();
    for words in words {
        assert!(error.contains(words), "{words}\n{run}");
    }
    assert!(!space.dist(&format!("bin/{target}/pure/app")).exists(), "{run}");
}

#[test]
fn c_that_comes_prebuilt_is_named_however_it_is_linked() {
    need!("linked::prebuilt", machine::std_for(&[HOST, HOST_MUSL]), machine::programs(&["gcc", "ar"]));
    let space = with_script("println!(\"cargo::rustc-link-search=native={}\", PREBUILT);\nASKED");
    space.targets(&[(HOST_MUSL, ""), (HOST, "")]);
    let script = space.read("sly/build.rs");
    let asks = |line: &str| {
        space.write(
            "sly/build.rs",
            &script.replace("PREBUILT", &format!("{:?}", folder(&space))).replace("ASKED", line),
        );
    };
    prebuilt(&space, "libhid.a", "hid");
    calls(&space, "", "hid");
    let said = "mode pure must contain no C, but sly 0.7.1 has machine code linked for";
    let place = format!("libhid.a(hid.o) in {}: ", folder(&space));
    for (line, target) in [
        ("println!(\"cargo::rustc-link-lib=hid\");", HOST_MUSL),
        ("println!(\"cargo::rustc-link-lib=dylib=hid\");", HOST),
        ("println!(\"cargo::rustc-link-lib=static=hid\");", HOST_MUSL),
        ("println!(\"cargo::rustc-link-lib=static:+whole-archive=hid\");", HOST),
    ] {
        asks(line);
        let asked = format!("sly 0.7.1 asked for it with {}", line.split('"').nth(1).unwrap());
        breaks(&space, target, &[said, &place, "by GCC: (", &asked]);
    }
    // By an attribute of the source: the build script names a folder only, or nothing at all.
    asks("");
    for kind in ["static", "dylib"] {
        calls(&space, &format!("#[link(name = \"hid\", kind = \"{kind}\")]"), "hid");
        breaks(&space, HOST_MUSL, &[said, &place, "sly 0.7.1 asked for it with #[link] in src/lib.rs"]);
    }
    // Another toolchain's start: nothing of the archive is in a program that calls none of it.
    space.write("sly/src/lib.rs", "pub fn sly() -> i32 { 2 }\n");
    asks("println!(\"cargo::rustc-link-lib=static=hid\");");
    let report = space.run(&["build", "--mode", "pure", "--json"]).ended(0).json();
    for target in [HOST, HOST_MUSL] {
        assert_eq!(job(&report, target)["purity"], "proven", "{target}");
    }
}

#[test]
fn c_by_cargos_configuration_flags_or_a_shared_library_is_named() {
    need!("linked::configured", machine::std_for(&[HOST]), machine::programs(&["gcc", "ar"]));
    let space = with_script("panic!(\"a table stands for this script\");");
    space.targets(&[(HOST, "")]);
    let manifest = space.read("sly/Cargo.toml").replace("[package]", "[package]\nlinks = \"secret\"");
    space.write("sly/Cargo.toml", &manifest);
    prebuilt(&space, "libhid.a", "hid");
    calls(&space, "", "hid");
    let folder = folder(&space);
    let table = |lines: &str| {
        space.write(
            ".cargo/config.toml",
            &format!("[target.{HOST}.secret]\nrustc-link-search = [{folder:?}]\n{lines}\n"),
        );
    };
    for library in ["static=hid", "hid"] {
        table(&format!("rustc-link-lib = [{library:?}]"));
        breaks(
            &space,
            HOST,
            &["libhid.a(hid.o) in ", "sly 0.7.1 has machine code linked for", "Cargo's configuration"],
        );
    }
    // The user's own flags.
    table("");
    space.write(
        "targets.toml",
        &space.read("targets.toml").replace(
            &format!("triple = \"{HOST}\""),
            &format!("triple = \"{HOST}\"\nrustflags = [\"-Clink-arg={folder}/libhid.a\"]"),
        ),
    );
    breaks(&space, HOST, &["libhid.a(hid.o) in ", "rustflags ask for it"]);
    // A shared library is loaded when the program runs.
    let shared = "cd prebuilt && gcc -O1 -fPIC -shared hid.c -o libhid.so";
    Space::finish(&space.cmd("sh").args(["-c", shared])).ended(0);
    space.write("targets.toml", &space.read("targets.toml").replace("libhid.a", "libhid.so"));
    breaks(&space, HOST, &["libhid.so in ", "a shared library by GCC: ("]);
}

#[test]
fn a_map_that_the_user_asks_for_is_written_and_read_as_ours_would_be() {
    need!("linked::users_map", machine::std_for(&[HOST, HOST_MUSL]), machine::programs(&["gcc", "ar"]));
    let space = with_script("println!(\"cargo::rustc-link-search=native={}\", PREBUILT);\nASKED");
    let script = space.read("sly/build.rs").replace("PREBUILT", &format!("{:?}", folder(&space)));
    prebuilt(&space, "libhid.a", "hid");
    let map = space.path("the map,1");
    // By gcc with lld, as rustc has it, by gcc with GNU ld, by clang where it is, and by rust-lld itself.
    let mut cases = vec![
        (HOST, None, vec!["-Clink-arg=-Wl,-Map=MAP"]),
        (HOST, Some("gcc"), vec!["-Clinker-features=-lld", "-Clink-args=-Xlinker -Map -Xlinker MAP"]),
        (HOST_MUSL, None, vec!["-Clink-arg=-Map=MAP"]),
        (HOST_MUSL, None, vec!["-Clink-arg=-Wl,-Map,MAP"]),
    ];
    if machine::find("clang").is_some() {
        cases.push((HOST, Some("clang"), vec!["-Clinker-features=-lld", "-Clink-arg=-Wl,--Map=MAP"]));
    }
    for (target, linker, flags) in cases {
        // `-Wl,` is divided at commas.
        let divided = flags.iter().any(|flag| flag.contains("-Wl,") || flag.contains("link-args"));
        let map = if divided { space.path("map") } else { map.clone() };
        let flags: Vec<String> =
            flags.iter().map(|flag| flag.replace("MAP", &map.display().to_string())).collect();
        space.targets(&[(target, &format!("rustflags = {flags:?}"))]);
        let linker =
            linker.map_or_else(String::new, |name| format!("[target.{target}]\nlinker = {name:?}\n"));
        space.write(".cargo/config.toml", &linker);
        calls(&space, "", "hid");
        space.write(
            "sly/build.rs",
            &script.replace("ASKED", "println!(\"cargo::rustc-link-lib=static=hid\");"),
        );
        breaks(&space, target, &["libhid.a(hid.o) in ", "sly 0.7.1 asked for it with cargo::rustc-link-lib"]);
        assert!(std::fs::read_to_string(&map).is_ok_and(|text| text.contains("hid.o")), "{flags:?}");
        space.write("sly/src/lib.rs", "pub fn sly() -> i32 { 2 }\n");
        space.write("sly/build.rs", &script.replace("ASKED", ""));
        let run = space.run(&PURE).ended(0);
        assert_eq!(job(&run.json(), target)["purity"], "proven", "{flags:?} {run}");
        let text = std::fs::read_to_string(&map).unwrap_or_else(|e| panic!("{flags:?}: {e}"));
        assert!(!text.contains("hid.o"), "{flags:?}");
        std::fs::remove_file(&map).unwrap();
        std::fs::remove_dir_all(space.dist("bin")).unwrap();
    }
}

#[test]
fn a_program_whose_link_is_not_recorded_is_linked_again_and_without_a_map_not_seen() {
    need!("linked::again", machine::std_for(&[HOST]), machine::programs(&["cc"]));
    let space = Space::with_targets(&[HOST]);
    assert_eq!(job(&space.run(&PURE).ended(0).json(), HOST)["purity"], "proven");
    let again = || space.run(&PURE).ended(0);
    assert!(!again().stderr().contains("Linking"), "the record of the first link holds");
    let records = crate::interrupted::files(&space.path("target/xtask/build"));
    let records: Vec<_> =
        records.into_iter().filter(|file| file.to_string_lossy().contains("/.links/")).collect();
    assert_eq!(records.len(), 1, "{records:?}");
    for text in ["", "{}"] {
        std::fs::write(&records[0], text).unwrap();
        let run = again();
        assert!(run.stderr().contains("Linking pure for"), "{run}");
        assert_eq!(job(&run.json(), HOST)["purity"], "proven");
    }
    // A linker of the user's own, which nothing stands in front of.
    let cc = machine::find("cc").unwrap();
    let run =
        Space::finish(&space.xtask(&PURE).env("RUSTFLAGS", format!("-Clinker={}", cc.display()))).ended(0);
    let report: Value = run.json();
    assert_eq!(job(&report, HOST)["purity"], "not-seen", "{run}");
    assert!(run.stderr().contains("not proven to be pure, since rustflags name the linker"), "{run}");
}

#[test]
fn a_program_with_c_says_how_much_and_from_whom() {
    need!("linked::contents", machine::std_for(&[HOST]), machine::programs(&["cc", "ar"]));
    let space = Space::with_targets(&[HOST]);
    let run = space.run(&["verify", "--mode", "native", "--json"]).ended(0);
    let report: Value = run.json();
    let contents = &job(&report, HOST)["contents"];
    assert!(contents["rust"].as_u64().unwrap() > 0 && contents["std"].as_u64().unwrap() > 100_000, "{run}");
    let foreign = contents["foreign"].as_array().unwrap();
    assert_eq!(foreign.len(), 1, "{run}");
    assert!(foreign[0]["bytes"].as_u64().unwrap() > 0, "{run}");
    assert!(foreign[0]["package"].as_str().is_some(), "{run}");
    assert!(foreign[0]["compilers"].as_array().unwrap().iter().all(|maker| maker != ""), "{run}");
    let words = format!(" of C, from {}", foreign[0]["package"].as_str().unwrap());
    assert!(
        run.stderr().contains(&words) && job(&report, HOST)["notes"].to_string().contains(&words),
        "{run}"
    );
}

#[test]
fn link_time_optimisation_hides_nobody() {
    need!("linked::lto", machine::std_for(&[HOST]), machine::programs(&["cc", "ar"]));
    let space = Space::with_targets(&[HOST]);
    space.write("Cargo.toml", &(space.read("Cargo.toml") + "lto = \"thin\"\n"));
    let run = space.run(&["verify", "--mode", "native", "--json"]).ended(0);
    let report: Value = run.json();
    let contents = &job(&report, HOST)["contents"];
    assert!(contents["foreign"][0]["package"].as_str().is_some(), "{run}");
    run.says(&[" of C, from "]).never_says(&["an unknown place"]);
}

/// A component whose build script compiles with `cc`, whatever the target.
fn with_plain_cc(targets: &[(&str, &str)]) -> Space {
    let space = Space::bare();
    space.targets(targets);
    let script = "fn main() {
        let out = std::env::var(\"OUT_DIR\").unwrap();
        let run = |program: &str, args: &[&str]| {
            assert!(std::process::Command::new(program).args(args).status().unwrap().success());
        };
        run(\"cc\", &[\"-fPIC\", \"-c\", \"c/answer.c\", \"-o\", &format!(\"{out}/answer.o\")]);
        run(\"ar\", &[\"crs\", &format!(\"{out}/libanswer.a\"), &format!(\"{out}/answer.o\")]);
        println!(\"cargo::rustc-link-search=native={out}\");
        println!(\"cargo::rustc-link-lib=static=answer\");
    }";
    space.write("native/build.rs", script);
    space
}

#[test]
fn objects_for_another_machine_are_named_with_their_package() {
    need!(
        "linked::machine",
        machine::std_for(&[machine::ARM]),
        machine::programs(&["cc", "ar", "aarch64-linux-gnu-gcc"])
    );
    let space = with_plain_cc(&[(machine::ARM, "")]);
    let run = space.run(&["build", "--mode", "native", "--json"]).ended(1);
    let report: Value = run.json();
    let error = job(&report, machine::ARM)["error"].as_str().unwrap();
    let why = format!(" has objects for {} linked (libanswer.a(answer.o) in ", std::env::consts::ARCH);
    assert!(error.contains("cause: native ") && error.contains(&why), "{run}");
    assert!(
        error.contains("calls a compiler by a bare name") && error.contains("CC_aarch64_unknown_linux_gnu"),
        "{run}"
    );
}

#[test]
fn objects_of_another_compiler_are_named() {
    need!(
        "linked::compiler",
        machine::std_for(&[HOST_MUSL]),
        machine::programs(&["gcc", "ar"]),
        machine::zig()
    );
    let mut space = with_plain_cc(&[(HOST_MUSL, "cc = \"zig\"")]);
    space.with_zig();
    let run = space.run(&["build", "--mode", "native", "--json"]).ended(0);
    let report: Value = run.json();
    let warnings = job(&report, HOST_MUSL)["warnings"].to_string();
    assert!(warnings.contains("libanswer.a was made by GCC: ("), "{run}");
    assert!(warnings.contains("not by zig "), "{run}");
}

#[test]
fn a_bill_lists_what_is_linked_with_its_compiler_and_nothing_else() {
    need!("linked::bill", machine::std_for(&[HOST]), machine::programs(&["gcc", "ar"]));
    let space = Space::with_targets(&[HOST]);
    prebuilt(&space, "libhid.a", "hid");
    prebuilt(&space, "libidle.a", "idle");
    // By attributes alone; of the second library nothing is called.
    let folder = folder(&space);
    let script = space.read("native/build.rs").replacen(
        "fn main() {",
        &format!("fn main() {{\n    println!(\"cargo::rustc-link-search=native={folder}\");"),
        1,
    );
    space.write("native/build.rs", &script);
    let text = "\n#[link(name = \"hid\", kind = \"static\")]\n#[link(name = \"idle\", kind = \"static\")]\n\
                unsafe extern \"C\" { fn hid(n: i32) -> i32; }\npub fn hidden() -> i32 { unsafe { hid(1) } }\n";
    space.write("native/src/lib.rs", &(space.read("native/src/lib.rs") + text));
    let main = space.read("app/src/main.rs").replacen(
        "fn main() {",
        "fn main() {\n    #[cfg(feature = \"native\")]\n    assert_eq!(native::hidden(), 2);",
        1,
    );
    space.write("app/src/main.rs", &main);
    space.run(&["release", "--mode", "native"]).ended(0);
    let report = space.report();
    let bill = space.dist(job(&report, HOST)["artifact"]["sbom"]["path"].as_str().unwrap());
    let bill = std::fs::read_to_string(bill).unwrap();
    assert!(bill.contains("libhid.a") && bill.contains("libanswer.a") && !bill.contains("libidle"), "{bill}");
    assert!(bill.contains("\"xtask:c:signed\"") && bill.contains("\"GCC: ("), "{bill}");
    assert!(!bill.contains(&folder), "a path of the machine: {bill}");
}
