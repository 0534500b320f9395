//! Jobs that agree share a cargo call; what one target wants reaches no other; one that fails stops no other.

use serde_json::json;
use xtask_test_support::need;
use xtask_test_support::process::Finished;

use crate::machine::{self, ARM, ARM_MUSL, HOST, HOST_MUSL};
use crate::run::job;
use crate::space::Space;

/// The cargo calls that built something, as `-v` shows them.
fn calls(run: &Finished) -> Vec<String> {
    let said = run.stderr();
    let builds = said.lines().filter(|l| l.trim_start().starts_with("Running") && l.contains(" build "));
    builds.map(str::to_owned).collect()
}

#[test]
fn targets_of_one_mode_share_a_call_and_settings_split_them() {
    need!("cohorts::share", machine::std_for(&[HOST_MUSL, ARM_MUSL]));
    let space = Space::with_targets(&[HOST_MUSL, ARM_MUSL]);
    let pure = ["build", "--mode", "pure", "--verbose"];
    let run = space.run(&pure).ended(0);
    let list = calls(&run);
    assert!(list.len() == 1 && list[0].contains(HOST_MUSL) && list[0].contains(ARM_MUSL), "{run}");

    let settings = ["env = { WORD = \"x\" }", "profile = \"dev\""];
    for more in settings {
        let mut text = space.read("targets.toml");
        let at = text.rfind("profile = \"quick\"").unwrap();
        let line =
            if more.starts_with("env") { format!("profile = \"quick\"\n{more}") } else { more.to_owned() };
        text.replace_range(at..at + "profile = \"quick\"".len(), &line);
        space.write("targets.toml", &text);
        let run = space.run(&pure).ended(0);
        let list = calls(&run);
        assert_eq!(list.len(), 2, "{more}\n{run}");
        assert!(list.iter().all(|call| call.contains(HOST_MUSL) != call.contains(ARM_MUSL)), "{run}");
        space.targets(&[(HOST_MUSL, ""), (ARM_MUSL, "")]);
    }
}

#[test]
fn two_modes_never_share_a_folder() {
    need!("cohorts::modes", machine::std_for(&[]), machine::programs(&["cc"]));
    let space = Space::with_targets(&[HOST]);
    let run = space.run(&["build", "--mode", "all", "--verbose", "--json"]).ended(0);
    assert_eq!(calls(&run).len(), 2, "{run}");
    let folder = |call: &String| {
        let words: Vec<&str> = call.split(' ').collect();
        words[words.iter().position(|w| *w == "--target-dir").unwrap() + 1].to_owned()
    };
    let folders: Vec<String> = calls(&run).iter().map(folder).collect();
    assert_ne!(folders[0], folders[1]);
    for (mode, native) in [("native", "native=true"), ("pure", "native=false")] {
        assert!(space.says(HOST, mode).contains(native));
    }
}

/// `part` has a feature that compiles C; only arm wants it.
fn with_leaky_feature(space: &Space) {
    space.write(
        "part/Cargo.toml",
        "[package]\nname = \"part\"\nversion = \"0.2.0\"\nedition = \"2024\"\n[features]\nc = []\n",
    );
    space.write("part/src/lib.rs", "pub const C: bool = cfg!(feature = \"c\");\n");
    space.write("part/part.c", "int part(void) { return 1; }\n");
    space.write(
        "part/build.rs",
        "fn main() {
             if std::env::var_os(\"CARGO_FEATURE_C\").is_none() { return; }
             let status = std::process::Command::new(\"cc\").args([\"-c\", \"part.c\", \"-o\", \"/dev/null\"]).status();
             assert!(status.unwrap().success());
         }",
    );
    let manifest = space.read("app/Cargo.toml")
        + "part = { path = \"../part\" }\n\
           [target.'cfg(target_arch = \"aarch64\")'.dependencies]\npart = { path = \"../part\", features = [\"c\"] }\n";
    space.write("app/Cargo.toml", &manifest);
    space.replace("app/src/main.rs", "fn main() {\n", "fn main() {\n    println!(\"part={}\", part::C);\n");
}

#[test]
fn a_feature_that_one_target_wants_reaches_no_other() {
    need!("cohorts::leak", machine::std_for(&[HOST_MUSL, ARM_MUSL]), machine::programs(&["cc"]));
    let space = Space::with_targets(&[HOST_MUSL, ARM_MUSL]);
    with_leaky_feature(&space);
    for _ in 0..2 {
        let run = space.run(&["build", "--mode", "pure", "--json"]).ended(1);
        let report = run.json();
        let (wants, does_not) = (job(&report, ARM_MUSL), job(&report, HOST_MUSL));
        assert_eq!(wants["status"], "failed", "{run}");
        assert!(wants["error"].as_str().unwrap().contains("part 0.2.0 ran: cc"), "{run}");
        assert_eq!((&does_not["status"], &does_not["purity"]), (&json!("ok"), &json!("proven")), "{run}");
        assert!(space.says(HOST_MUSL, "pure").contains("part=false"));
    }
}

/// `[patch]` and `paths` in Cargo's configuration change what is compiled, and may leave Cargo.lock as it is.
#[test]
fn another_configuration_of_cargo_is_another_question() {
    need!("cohorts::configuration", machine::std_for(&[HOST_MUSL, ARM_MUSL]));
    let space = Space::with_targets(&[HOST_MUSL, ARM_MUSL]);
    let answers = || {
        space.run(&["build", "--mode", "pure"]).ended(0);
        std::fs::read_dir(space.path("target/xtask/unit-graphs")).unwrap().count()
    };
    // The first one also takes out of Cargo.lock what is not needed.
    answers();
    let asked = answers();
    assert_eq!(answers(), asked, "the answers are remembered");
    space.write(".cargo/config.toml", "[net]\nretry = 1\n");
    assert!(answers() > asked);
}

#[test]
fn what_one_target_does_takes_nothing_from_those_beside_it_in_the_folder() {
    let targets = [HOST, HOST_MUSL, ARM_MUSL];
    need!("cohorts::beside", machine::std_for(&targets), machine::programs(&["cc"]));
    let space = Space::with_targets(&targets);
    with_leaky_feature(&space);
    // The host's target wants the feature too, and compiles nothing for it: it stays in company with arm, which does,
    // while the third is built apart in the same folder.
    space.replace(
        "app/Cargo.toml",
        "'cfg(target_arch = \"aarch64\")'",
        "'cfg(any(target_arch = \"aarch64\", target_env = \"gnu\"))'",
    );
    space.replace(
        "part/build.rs",
        "CARGO_FEATURE_C\").is_none()",
        "CARGO_FEATURE_C\").is_none() || std::env::var(\"CARGO_CFG_TARGET_ARCH\").unwrap() != \"aarch64\"",
    );
    let report = space.run(&["build", "--mode", "pure", "--json"]).ended(1).json();
    for (target, status) in [(HOST, "ok"), (HOST_MUSL, "ok"), (ARM_MUSL, "failed")] {
        assert_eq!(job(&report, target)["status"], status, "{report:#}");
    }
    assert!(space.says(HOST, "pure").contains("part=true"));
    assert!(space.says(HOST_MUSL, "pure").contains("part=false"));
}

#[test]
fn a_feature_of_a_build_dependency_reaches_no_other_target_either() {
    need!("cohorts::host_leak", machine::std_for(&[HOST_MUSL, ARM_MUSL]));
    let space = Space::with_targets(&[HOST_MUSL, ARM_MUSL]);
    space.write(
        "generate/Cargo.toml",
        "[package]\nname = \"generate\"\nversion = \"0.2.0\"\nedition = \"2024\"\n[features]\nc = []\n",
    );
    space.write("generate/src/lib.rs", "pub const C: bool = cfg!(feature = \"c\");\n");
    // The build script of `arm`, which only arm depends on, wants the feature.
    space.write(
        "arm/Cargo.toml",
        "[package]\nname = \"arm\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
         [build-dependencies]\ngenerate = { path = \"../generate\", features = [\"c\"] }\n",
    );
    space.write("arm/src/lib.rs", "");
    space.write("arm/build.rs", "fn main() { assert!(generate::C); }\n");
    let manifest = space.read("app/Cargo.toml")
        + "\n[build-dependencies]\ngenerate = { path = \"../generate\" }\n\
           [target.'cfg(target_arch = \"aarch64\")'.dependencies]\narm = { path = \"../arm\" }\n";
    space.write("app/Cargo.toml", &manifest);
    space.write("app/build.rs", "fn main() { println!(\"cargo::rustc-env=GEN={}\", generate::C); }\n");
    space.replace(
        "app/src/main.rs",
        "fn main() {\n",
        "fn main() {\n    println!(\"gen={}\", env!(\"GEN\"));\n",
    );
    let alone = |target: &str| {
        space.run(&["build", "--mode", "pure", "--target", target]).ended(0);
        std::fs::read(space.dist(&format!("bin/{target}/pure/app"))).unwrap()
    };
    let alone = [HOST_MUSL, ARM_MUSL].map(alone);
    std::fs::remove_dir_all(space.path("target")).unwrap();
    space.run(&["build", "--mode", "pure"]).ended(0);
    let together =
        [HOST_MUSL, ARM_MUSL].map(|t| std::fs::read(space.dist(&format!("bin/{t}/pure/app"))).unwrap());
    assert!(alone == together, "a target's program depends on its company");
}

#[test]
fn one_that_does_not_compile_stops_no_other() {
    need!("cohorts::compile_error", machine::std_for(&[HOST_MUSL, ARM_MUSL]));
    let space = Space::with_targets(&[HOST_MUSL, ARM_MUSL]);
    space.image("both", &[HOST_MUSL, ARM_MUSL]);
    space.image("one", &[HOST_MUSL]);
    let source = space.read("app/src/main.rs")
        + "\n#[cfg(target_arch = \"aarch64\")]\ncompile_error!(\"not for this machine\");\n";
    space.write("app/src/main.rs", &source);
    let run = space.run(&["release", "--mode", "pure"]).ended(1);
    let run = run.says(&["not for this machine", "image both is not made", "1 of 2 jobs failed"]);
    let report = space.report();
    assert_eq!(job(&report, HOST_MUSL)["status"], "ok", "{run}");
    let failed = job(&report, ARM_MUSL);
    assert_eq!((&failed["status"], &failed["artifact"]), (&json!("failed"), &json!(null)), "{run}");
    assert!(failed["error"].as_str().unwrap().contains("not for this machine"), "{run}");
    let names =
        |key: &str| report[key].as_array().unwrap().iter().map(|i| i["name"].clone()).collect::<Vec<_>>();
    assert_eq!((names("images"), names("unmade")), (vec![json!("one")], vec![json!("both")]), "{run}");
    assert!(space.dist("images/one.tar").is_file() && !space.dist("images/both.tar").exists());
    assert!(space.dist(&format!("archives/app-1.2.3-{HOST_MUSL}.tar.gz")).is_file());
}

#[test]
fn an_error_in_c_is_shown_in_the_compilers_words() {
    need!("cohorts::c_error", machine::std_for(&[ARM]), machine::programs(&["cc", "aarch64-linux-gnu-gcc"]));
    let space = Space::with_targets(&[HOST, ARM]);
    let c = space.read("native/c/answer.c") + "\n#ifdef __aarch64__\n#error not in C either\n#endif\n";
    space.write("native/c/answer.c", &c);
    let run = space.run(&["build", "--mode", "native", "--json"]).ended(1).says(&["not in C either"]);
    let report = run.json();
    assert_eq!(
        (&job(&report, HOST)["status"], &job(&report, ARM)["status"]),
        (&json!("ok"), &json!("failed"))
    );
    assert!(job(&report, ARM)["error"].as_str().unwrap().contains("not in C either"), "{run}");
}
