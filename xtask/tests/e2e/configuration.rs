//! What Cargo's configuration says beside flags: compilers and their flags in `[env]`, linkers, wrappers of rustc, the places
//! that paths begin at, and packages that have one name.

use std::path::PathBuf;

use xtask_test_support::need;

use crate::machine::{self, ARM, HOST, HOST_MUSL};
use crate::run::job;
use crate::space::Space;

/// A program of this name, which notes how it is called in `calls` and is another one.
fn noting(space: &Space, name: &str, real: &str) -> PathBuf {
    let real = machine::find(real).unwrap();
    let log = space.path("calls");
    space.script(name, &format!("echo \"{name} $*\" >> {}\nexec {} \"$@\"", log.display(), real.display()))
}

/// What was noted since the last look.
fn calls(space: &Space) -> String {
    let text = std::fs::read_to_string(space.path("calls")).unwrap_or_default();
    let _ = std::fs::remove_file(space.path("calls"));
    text
}

#[test]
fn a_compiler_of_the_configuration_is_the_one_that_is_planned_and_used() {
    need!("configuration::compiler", machine::std_for(&[]), machine::programs(&["cc"]));
    let mut space = Space::with_targets(&[HOST]);
    let cc = noting(&space, "tools/its-cc", "cc");
    // Relative to the folder that the file is for, and in every spelling that the crate `cc` knows.
    let by_path = "{ value = \"tools/its-cc\", relative = true }";
    let forced = "{ value = \"tools/its-cc\", relative = true, force = true }";
    for (key, value) in [
        ("CC_x86_64_unknown_linux_gnu", by_path),
        ("CC_x86_64-unknown-linux-gnu", by_path),
        ("TARGET_CC", forced),
    ] {
        space.write(".cargo/config.toml", &format!("[env]\n{key} = {value}\n"));
        let plan = space.run(&["plan", "--json"]).ended(0).json();
        let toolchain = &job(&plan, HOST)["toolchain"];
        assert_eq!(
            (&toolchain["provider"], &toolchain["cc"]),
            (&"env".into(), &cc.display().to_string().into())
        );
        calls(&space);
        space.run(&["build", "--mode", "native"]).ended(0);
        assert!(calls(&space).contains(" -c "), "{key}: it compiled nothing");
        std::fs::remove_dir_all(space.path("target")).unwrap();
    }
    let said = space.run(&["explain", HOST]).ended(0).stdout();
    let origin =
        format!("TARGET_CC={} ([env] in {}/.cargo/config.toml)", cc.display(), space.root().display());
    assert!(said.contains(&origin), "{said}");
    // The environment goes before it, unless it is forced.
    let other = noting(&space, "tools/another-cc", "cc");
    space.set("TARGET_CC", &other);
    let taken =
        |space: &Space| job(&space.run(&["plan", "--json"]).ended(0).json(), HOST)["toolchain"]["cc"].clone();
    assert_eq!(taken(&space), cc.display().to_string());
    space.write(".cargo/config.toml", &format!("[env]\nTARGET_CC = {by_path}\n"));
    assert_eq!(taken(&space), other.display().to_string());
}

#[test]
fn flags_of_c_in_the_configuration_reach_the_compiler_and_are_said() {
    need!("configuration::cflags", machine::std_for(&[]), machine::programs(&["cc"]));
    let space = Space::with_targets(&[HOST]);
    space.write("native/c/answer.c", "int native_answer(void) { return ANSWER; }\n");
    // As the crate `cc` reads them: the spelling with hyphens is the strongest.
    let strong = "std::env::var(format!(\"CFLAGS_{}\", std::env::var(\"TARGET\").unwrap()))";
    let own = "std::env::var(format!(\"CFLAGS_{target}\"))";
    space.replace("native/build.rs", own, &format!("{strong}.or_else(|_| {own})"));
    for (key, value) in [
        ("CFLAGS_x86_64_unknown_linux_gnu", "\"-DANSWER=42\""),
        ("CFLAGS_x86_64-unknown-linux-gnu", "{ value = \"-DANSWER=42\", force = true }"),
        ("CFLAGS", "\"-DANSWER=42\""),
    ] {
        space.write(".cargo/config.toml", &format!("[env]\n{key} = {value}\n"));
        space.run(&["verify", "--mode", "native"]).ended(0);
        let said = space.run(&["explain", HOST]).ended(0).stdout();
        assert!(said.contains(&format!("flags of C: {key}=-DANSWER=42 ([env] in ")), "{said}");
        std::fs::remove_dir_all(space.path("target")).unwrap();
    }
}

#[test]
fn plain_flags_of_c_are_for_every_target_and_a_plain_compiler_for_the_host() {
    need!(
        "configuration::plain",
        machine::std_for(&[ARM]),
        machine::programs(&["cc", "aarch64-linux-gnu-gcc", "qemu-aarch64"])
    );
    let mut space = Space::with_targets(&[ARM]);
    space.write("native/c/answer.c", "int native_answer(void) { return ANSWER; }\n");
    space.set("CFLAGS", "-DANSWER=4");
    space.set("TARGET_CFLAGS", "-UANSWER -DANSWER=42");
    space.set("CC", "clang-of-nobody");
    space.run(&["verify", "--mode", "native"]).ended(0);
    let said = space.run(&["explain", ARM]).ended(0).stdout();
    for line in [
        "flags of C: CFLAGS=-DANSWER=4\n  flags of C: TARGET_CFLAGS=-UANSWER -DANSWER=42",
        "not used: CC=clang-of-nobody: it applies only to the host",
    ] {
        assert!(said.contains(line), "{said}");
    }
}

#[test]
fn a_linker_that_is_named_and_absent_is_replaced_aloud_and_refused_where_all_is_strict() {
    need!("configuration::absent_linker", machine::std_for(&[HOST_MUSL]));
    let space = Space::with_targets(&[HOST_MUSL]);
    space.write(".cargo/config.toml", &format!("[target.{HOST_MUSL}]\nlinker = \"linker-of-nobody\"\n"));
    let named = ["linker-of-nobody", ".cargo/config.toml", "is not on this machine"];
    let plan = space.run(&["plan", "--mode", "pure", "--json"]).ended(0).json();
    let replaced = job(&plan, HOST_MUSL)["replaced"][0].as_str().unwrap().to_owned();
    assert!(named.iter().all(|words| replaced.contains(words)), "{replaced}");
    for command in ["plan", "build"] {
        space.run(&[command, "--mode", "pure", "--strict"]).ended(3).says(&named).says(&["--strict"]);
    }
    space.run(&["build", "--mode", "pure"]).ended(0).says(&named);
}

#[test]
fn a_compiler_that_the_configuration_forces_does_not_get_past_the_traps() {
    need!("configuration::forced", machine::std_for(&[HOST_MUSL]), machine::programs(&["gcc"]));
    let space = Space::with_targets(&[HOST_MUSL]);
    let force = |key: &str, value: &str| format!("{key} = {{ value = \"{value}\", force = true }}\n");
    let gcc = noting(&space, "tools/secret", "gcc");
    let bin = gcc.parent().unwrap().display().to_string();
    noting(&space, "tools/gcc", "gcc");
    let text = format!(
        "[env]\n{}{}{}",
        force("CC", &gcc.display().to_string()),
        force("CC_x86_64_unknown_linux_musl", &gcc.display().to_string()),
        force("PATH", &format!("{bin}:/usr/bin:/bin"))
    );
    space.write(".cargo/config.toml", &text);
    space.run(&["verify", "--mode", "pure"]).ended(0);
    let script = "fn main() {
        for cc in [std::env::var(\"CC\").unwrap(), std::env::var(\"CC_x86_64_unknown_linux_musl\").unwrap(), \"gcc\".into()] {
            let ran = std::process::Command::new(&cc).args([\"-c\", \"x.c\"]).status();
            assert!(!ran.is_ok_and(|end| end.success()), \"{cc} compiled C\");
        }
        panic!(\"as a package that needs C\");
    }";
    space.write("app/build.rs", script);
    space
        .run(&["verify", "--mode", "pure"])
        .ended(1)
        .says(&["app 1.2.3 ran: cc -c x.c", "app 1.2.3 ran: gcc -c x.c"]);
    let called = calls(&space);
    assert!(!called.contains(" x.c"), "a compiler ran: {called}");
}

#[test]
fn a_linker_of_the_configuration_links_and_one_that_is_not_here_is_said() {
    need!(
        "configuration::linker",
        machine::std_for(&[ARM]),
        machine::programs(&["gcc", "aarch64-linux-gnu-gcc"])
    );
    let space = Space::with_targets(&[ARM]);
    noting(&space, "tools/its-gcc", "aarch64-linux-gnu-gcc");
    for table in [ARM.to_owned(), "'cfg(target_arch = \"aarch64\")'".to_owned()] {
        space.write(".cargo/config.toml", &format!("[target.{table}]\nlinker = \"tools/its-gcc\"\n"));
        for mode in ["native", "pure"] {
            calls(&space);
            space.run(&["build", "--mode", mode]).ended(0);
            assert!(calls(&space).contains("tools/its-gcc "), "{table} {mode}");
        }
        std::fs::remove_dir_all(space.path("target")).unwrap();
    }
    // Where host and target are one, what runs on the host is linked as ever.
    let own = Space::with_targets(&[HOST]);
    noting(&own, "tools/its-gcc", "gcc");
    own.write(".cargo/config.toml", &format!("[target.{HOST}]\nlinker = \"tools/its-gcc\"\n"));
    own.write("app/build.rs", "fn main() {}\n");
    for mode in ["native", "pure"] {
        calls(&own);
        own.run(&["verify", "--mode", mode]).ended(0);
        let called = calls(&own);
        assert!(called.contains("/deps/app-") && !called.contains("build_script_build"), "{mode}: {called}");
    }
    space.write(".cargo/config.toml", &format!("[target.{ARM}]\nlinker = \"ld-of-nobody\"\n"));
    let said = format!("the linker ld-of-nobody (target.{ARM}.linker in ");
    let plan = space.run(&["plan"]).ended(0).stdout();
    assert!(plan.contains(&said) && plan.contains("aarch64-linux-gnu-gcc links instead"), "{plan}");
    space.run(&["build", "--mode", "pure"]).ended(0).says(&[&said]);
}

/// What sccache does, without its cache: it is in front of rustc and, by the crate `cc`, of C compilers.
fn with_sccache(space: &mut Space) -> PathBuf {
    let log = space.path("calls");
    let wrapper = format!("echo \"wrapped $*\" >> {}\nexec \"$@\"", log.display());
    space.script("tools/sccache", &wrapper).parent().unwrap().to_owned()
}

#[test]
fn a_wrapper_that_is_not_here_is_said_before_anything_is_built() {
    need!("configuration::absent_wrapper", machine::std_for(&[HOST_MUSL]));
    let mut space = Space::with_targets(&[HOST_MUSL]);
    let tools = with_sccache(&mut space);
    space.write(".cargo/config.toml", "[build]\nrustc-wrapper = \"sccache\"\n");
    let said =
        format!("sccache, which build.rustc-wrapper in {}/.cargo/config.toml names", space.root().display());
    for command in
        [&["plan", "--mode", "pure"][..], &["doctor", "--mode", "pure"], &["build", "--mode", "pure"]]
    {
        let run = space.run(command).ended(3);
        let run = run.says(&[&said, "turn it off with an empty variable: RUSTC_WRAPPER="]);
        run.never_says(&["failed to run `rustc`", "cargo xtask setup"]);
    }
    // `init` asks Cargo for what needs no rustc.
    std::fs::rename(space.path("targets.toml"), space.path("kept.toml")).unwrap();
    space.run(&["init"]).ended(0).never_says(&["sccache"]);
    std::fs::rename(space.path("kept.toml"), space.path("targets.toml")).unwrap();
    space.set("RUSTC_WRAPPER", "");
    space.run(&["build", "--mode", "pure"]).ended(0);
    assert_eq!(calls(&space), "");
    // Of a variable, and of the kind for members alone.
    space.unset("RUSTC_WRAPPER");
    space.write(".cargo/config.toml", "");
    space.set("RUSTC_WORKSPACE_WRAPPER", "no-such-wrapper");
    space
        .run(&["plan", "--mode", "pure"])
        .ended(3)
        .says(&["no-such-wrapper, which RUSTC_WORKSPACE_WRAPPER names"]);
    space.set("RUSTC_WORKSPACE_WRAPPER", tools.join("sccache"));
    space.run(&["build", "--mode", "pure"]).ended(0);
    assert!(calls(&space).contains("--crate-name app"));
}

#[test]
fn a_wrapper_gets_the_planned_compiler_and_no_way_round_the_traps() {
    need!("configuration::wrapper", machine::std_for(&[HOST_MUSL]), machine::programs(&["cc"]));
    let mut space = Space::with_targets(&[HOST]);
    let tools = with_sccache(&mut space);
    space.path_first(&tools);
    let cc = noting(&space, "tools/its-cc", "cc");
    space.set("CC_x86_64_unknown_linux_gnu", &cc);
    space.use_cc_crate();
    space.write(".cargo/config.toml", "[build]\nrustc-wrapper = \"sccache\"\n");
    space.run(&["verify", "--mode", "native"]).ended(0);
    let called = calls(&space);
    assert!(called.contains("tools/its-cc "), "{called}");
    assert!(called.lines().any(|line| line.starts_with("wrapped ") && line.contains("/cc ")), "{called}");
    assert!(called.contains("/rustc --crate-name app "), "{called}");
    // By its own way, a package compiles C behind the wrapper.
    let script = "fn main() {
        let wrapper = \"sccache\";
        let cc = std::env::var(\"CC_x86_64_unknown_linux_gnu\").unwrap();
        let _ = std::process::Command::new(wrapper).args([&cc, \"-c\", \"x.c\"]).status();
        panic!(\"as a package that needs C\");
    }";
    space.write("app/build.rs", script);
    space.run(&["verify", "--mode", "pure"]).ended(1).says(&["app 1.2.3 ran: cc -c x.c"]);
}

#[test]
fn relative_paths_begin_where_a_person_stands() {
    need!("configuration::relative", machine::std_for(&[HOST_MUSL]));
    let mut space = Space::bare();
    space.targets(&[(HOST_MUSL, "rustflags = [\"--cfg\", \"flag_b\"]")]);
    space.write("app/home/config.toml", "[build]\nrustflags = [\"--cfg=flag_a\"]\n");
    let tools = with_sccache(&mut space);
    std::fs::rename(tools.join("sccache"), tools.join("wrapper")).unwrap();
    space.set("CARGO_HOME", "../home");
    space.set("CARGO_TARGET_DIR", "../out");
    space.set("RUSTC_WRAPPER", "../../tools/wrapper");
    let run = space.xtask(&["verify", "--mode", "pure", "--offline"]).cwd(space.path("app/src"));
    Space::finish(&run).ended(0);
    let program = space.path(&format!("app/out/dist/bin/{HOST_MUSL}/pure/app"));
    let said =
        xtask_process::exec::Cmd::new(program).capture(std::time::Duration::from_secs(60)).unwrap().text();
    assert!(said.contains("flag_a=true flag_b=true"), "{said}");
    assert!(calls(&space).contains("wrapped "));
    assert!(!space.path("home").exists() && !space.path("out").exists() && !space.path("target").exists());
    // Of the folder of a person, only what lies on the way to the root would count, and it does not: builds start there.
    space.write("app/src/.cargo/config.toml", "[build]\nrustflags = [\"-Cno-such-option\"]\n");
    let run = space.xtask(&["verify", "--mode", "pure", "--offline"]).cwd(space.path("app/src"));
    Space::finish(&run).ended(0);
}

#[test]
fn a_member_is_meant_whose_dependency_has_its_name() {
    need!("configuration::name", machine::std_for(&[HOST_MUSL]));
    let space = Space::with_targets(&[HOST_MUSL]);
    space.write(
        "elsewhere/app/Cargo.toml",
        "[package]\nname = \"app\"\nversion = \"2.0.0\"\nedition = \"2024\"\n[lib]\nname = \"other\"\n",
    );
    space.write("elsewhere/app/src/lib.rs", "");
    space.replace("Cargo.toml", "resolver", "exclude = [\"elsewhere\"]\nresolver");
    space.replace(
        "app/Cargo.toml",
        "[dependencies]",
        "[dependencies]\nother = { package = \"app\", path = \"../elsewhere/app\" }",
    );
    space.image("app", &[HOST_MUSL]);
    space.run(&["release", "--mode", "pure"]).ended(0);
    let id = format!("path+file://{}/app#1.2.3", space.root().display());
    let targets = space.read("targets.toml");
    let named = |spec: &str| {
        let (own, other) = ("package = \"app\"", format!("package = \"{spec}\""));
        assert!(targets.contains(own));
        space.write("targets.toml", &targets.replacen(own, &other, 1));
    };
    for spec in ["app@1.2.3", "app@1.2", &id] {
        named(spec);
        space.run(&["build", "--mode", "pure"]).ended(0);
    }
    named("app@2.0.0");
    space.run(&["plan"]).ended(2).says(&["\"app@2.0.0\" is not a package of this workspace"]);
    let _ = std::fs::remove_file(space.path("targets.toml"));
    space.run(&["init", "--package", "app@1.2.3"]).ended(0).never_says(&["ambiguous", "unknown"]);
    let bill = std::fs::read_dir(space.dist("sbom")).unwrap().map(|file| file.unwrap().path());
    let bill = bill.map(|file| std::fs::read_to_string(file).unwrap()).collect::<String>();
    assert!(bill.contains("\"cargo:app@2.0.0\""), "{bill}");
}
