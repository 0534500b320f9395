//! The user's own flags reach the target's crates from wherever Cargo would take them, and ours do too.

use serde_json::json;
use xtask_test_support::need;

use crate::machine::{self, ARM, HOST, HOST_MUSL};
use crate::run::job;
use crate::space::Space;

const SHOUTED: &str = "X86_64_UNKNOWN_LINUX_MUSL";

/// Builds, and looks that both the user's flag and those of targets.toml and ours were there.
fn both(space: &Space, way: &str) {
    let report = space.run(&["verify", "--mode", "pure", "--json"]).ended(0).json();
    let job = job(&report, HOST_MUSL);
    // Ours: a static program, linked by rust-lld, without paths of this machine.
    let kind = job["artifact"]["kind"].as_str().unwrap();
    assert!(kind.starts_with("static"), "{way}: {job:#}");
    let said = space.says(HOST_MUSL, "pure");
    assert!(said.contains("flag_a=true flag_b=true"), "{way}: {said}");
    let program = std::fs::read(space.dist(&format!("bin/{HOST_MUSL}/pure/app"))).unwrap();
    let root = space.root().as_os_str().as_encoded_bytes();
    assert!(!program.windows(root.len()).any(|w| w == root), "{way}: our remapping is gone");
}

fn space() -> Space {
    let space = Space::bare();
    space.targets(&[(HOST_MUSL, "rustflags = [\"--cfg\", \"flag_b\"]")]);
    space
}

#[test]
fn flags_from_variables_reach_the_target() {
    need!("flags::variables", machine::std_for(&[HOST_MUSL]));
    let own = format!("CARGO_TARGET_{SHOUTED}_RUSTFLAGS");
    let mut space = space();
    let ways = [
        ("CARGO_ENCODED_RUSTFLAGS", "--cfg\x1fflag_a"),
        ("RUSTFLAGS", "--cfg flag_a"),
        (&own, "--cfg=flag_a"),
        ("CARGO_BUILD_RUSTFLAGS", "--cfg  flag_a"),
    ];
    for (key, value) in ways {
        space.set(key, value);
        both(&space, key);
        space.unset(key);
    }
    space.run(&["build", "--mode", "pure"]).ended(0);
    assert!(space.says(HOST_MUSL, "pure").contains("flag_a=false"), "the flag stayed");
}

#[test]
fn flags_from_cargos_configuration_reach_the_target() {
    need!("flags::configuration", machine::std_for(&[HOST_MUSL]));
    let space = space();
    let ways = [
        "[build]\nrustflags = [\"--cfg\", \"flag_a\"]\n".to_owned(),
        "[build]\nrustflags = \"--cfg flag_a\"\n".to_owned(),
        format!("[target.{HOST_MUSL}]\nrustflags = [\"--cfg\", \"flag_a\"]\n"),
        // As a string, and with a runner, which have a place in our own settings too.
        format!("[target.{HOST_MUSL}]\nrustflags = \"--cfg flag_a\"\nrunner = \"env\"\n"),
        "[target.'cfg(target_env = \"musl\")']\nrustflags = [\"--cfg\", \"flag_a\"]\n".to_owned(),
    ];
    for text in ways {
        space.write(".cargo/config.toml", &text);
        both(&space, &text);
    }
    // What another file brings, what a table for another system leaves alone, and a text that no list can join.
    let build = "[build]\nrustflags = [\"--cfg=flag_a\"]\n";
    let text = format!("[target.{HOST_MUSL}]\nrustflags = \"--cfg flag_a\"\n");
    let windows = "[target.'cfg(all(windows, target_env = \"msvc\"))']\nrustflags = [\"-Cno-such-option\"]\n\
                   [target.x86_64-pc-windows-gnu]\nrustflags = \"-Cno-such-option\"\n";
    let include = "include = [\"more/flags.toml\", { path = \"none.toml\", optional = true }]\n";
    for (own, more) in [(include, build), (include, &text), (&format!("{build}{windows}"), "")] {
        space.write(".cargo/config.toml", own);
        space.write(".cargo/more/flags.toml", more);
        both(&space, &format!("{own}{more}"));
    }
}

#[test]
fn an_empty_variable_turns_off_the_flags_of_files() {
    need!("flags::empty", machine::std_for(&[HOST_MUSL]));
    let mut space = space();
    let list = format!("[target.{HOST_MUSL}]\nrustflags = [\"--cfg=flag_a\"]\n");
    let text = format!("[target.{HOST_MUSL}]\nrustflags = \"--cfg=flag_a\"\n");
    for file in ["build.rustflags = [\"--cfg=flag_a\"]\n", &list, &text] {
        space.write(".cargo/config.toml", file);
        for key in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"] {
            space.set(key, "");
            space.run(&["build", "--mode", "pure"]).ended(0);
            let said = space.says(HOST_MUSL, "pure");
            assert!(said.contains("flag_a=false flag_b=true"), "{file} {key}: {said}");
            space.unset(key);
        }
    }
}

#[test]
fn a_runner_and_flags_in_cargos_configuration_do_not_collide_with_ours() {
    need!("flags::collide", machine::std_for(&[machine::ARM_MUSL]), machine::programs(&["qemu-aarch64"]));
    let space = Space::with_targets(&[machine::ARM_MUSL]);
    let text = format!(
        "[target.{}]\nrustflags = \"--cfg flag_a\"\nrunner = {:?}\nlinker = \"no-such\"\n",
        machine::ARM_MUSL,
        machine::find("qemu-aarch64").unwrap()
    );
    space.write(".cargo/config.toml", &text);
    space.run(&["build", "--mode", "pure"]).ended(0);
    assert!(space.says(machine::ARM_MUSL, "pure").contains("flag_a=true"));
}

#[test]
fn flags_do_not_reach_what_runs_on_the_host() {
    need!("flags::host", machine::std_for(&[]), machine::programs(&["cc"]));
    let mut space = Space::with_targets(&[HOST]);
    // Host and target are one machine here, and still two things.
    space.write("app/build.rs", "fn main() { assert!(!cfg!(flag_a)); }\n");
    space.set("RUSTFLAGS", "--cfg flag_a");
    space.run(&["build", "--mode", "all"]).ended(0);
    for mode in ["native", "pure"] {
        assert!(space.says(HOST, mode).contains("flag_a=true"), "{mode}");
    }
}

#[test]
fn folders_with_spaces_work() {
    need!("flags::spaces", machine::std_for(&[HOST_MUSL]), machine::programs(&["cc"]));
    let mut space = Space::at("a folder 'with' \"quotes\"");
    space.targets(&[(HOST, ""), (HOST_MUSL, "")]);
    space.image("app", &[HOST_MUSL]);
    let cc = machine::find("cc").unwrap();
    let cc = space.script("my tools/cc", &format!("exec {} \"$@\"", cc.display()));
    space.set("CC_x86_64_unknown_linux_gnu", &cc);
    space.set("CARGO_TARGET_DIR", space.path("the target"));
    let report = space.run(&["release", "--providers", "env", "--json"]).ended(0).json();
    assert_eq!(job(&report, HOST)["mode"], "native");
    assert_eq!(
        (&job(&report, HOST_MUSL)["mode"], &job(&report, HOST_MUSL)["purity"]),
        (&json!("pure"), &json!("proven"))
    );
    assert!(space.path("the target/dist/images/app.tar").is_file());
    assert!(!space.path("target").exists());
}

#[test]
fn the_users_cflags_reach_the_c_compiler() {
    need!("flags::cflags", machine::std_for(&[]), machine::programs(&["cc"]));
    let mut space = Space::with_targets(&[HOST]);
    space.write("native/c/answer.c", "int native_answer(void) { return ANSWER; }\n");
    for key in
        ["CFLAGS_x86_64-unknown-linux-gnu", "CFLAGS_x86_64_unknown_linux_gnu", "TARGET_CFLAGS", "CFLAGS"]
    {
        space.set(key, "-DANSWER=42");
        space.run(&["build", "--mode", "native"]).ended(0);
        std::fs::remove_dir_all(space.path("target")).unwrap();
        space.unset(key);
    }
}

#[test]
fn the_crate_cc_gets_each_flag_of_c_once() {
    need!(
        "flags::once",
        machine::std_for(&[HOST, ARM]),
        machine::programs(&["cc", "aarch64-linux-gnu-gcc", "aarch64-linux-gnu-ar", "qemu-aarch64"])
    );
    let mut space = Space::bare();
    space.use_cc_crate();
    space.targets(&[
        (HOST, "env = { CFLAGS = \"-DPLAIN\", CFLAGS_x86_64_unknown_linux_gnu = \"-DFILE\" }"),
        (ARM, ""),
    ]);
    space.write(".cargo/config.toml", "[env]\n\"CFLAGS_aarch64-unknown-linux-gnu\" = \"-DHYPHENS\"\n");
    for (key, value) in [
        ("CFLAGS", "-DPLAIN"),
        ("HOST_CFLAGS", "-DKIND"),
        ("TARGET_CFLAGS", "-DKIND"),
        ("CFLAGS_aarch64_unknown_linux_gnu", "-DOWN"),
    ] {
        space.set(key, value);
    }
    let log = space.path("calls");
    for (target, tool) in [(HOST, "cc"), (ARM, "aarch64-linux-gnu-gcc")] {
        let text = format!("echo \"{target} $*\" >> {}\nexec {tool} \"$@\"", log.display());
        let key = format!("CC_{}", target.replace('-', "_"));
        let tool = space.script(&format!("tools/{target}/{tool}"), &text);
        space.set(key, tool);
    }
    space.run(&["build", "--mode", "native"]).ended(0);
    let calls = std::fs::read_to_string(&log).unwrap();
    let defined = |target: &str| {
        let mut compiles = calls.lines().filter(|call| call.starts_with(target) && call.contains("answer.c"));
        let words = compiles.next_back().unwrap().split(' ');
        words.filter_map(|word| word.strip_prefix("-D")).collect::<Vec<_>>().join(" ")
    };
    // TARGET_CFLAGS is for every target, and `cc` does not read it where the target is the host.
    assert_eq!(defined(HOST), "PLAIN KIND KIND FILE", "{calls}");
    assert_eq!(defined(ARM), "PLAIN KIND OWN HYPHENS", "{calls}");
    let said = space.run(&["explain", HOST]).ended(0).stdout();
    assert!(said.contains("flags of C: CFLAGS=-DPLAIN (env in targets.toml)\n"), "{said}");
}

/// What the one job's error says.
fn refused(space: &Space) -> String {
    let run = space.run(&["verify", "--mode", "pure", "--json"]).ended(1);
    job(&run.json(), HOST)["error"].as_str().unwrap().to_owned()
}

#[test]
fn a_program_for_a_better_processor_than_machines_have_is_refused() {
    need!("flags::cpu", machine::std_for(&[HOST]), machine::programs(&["gcc"]));
    let mut space = Space::with_targets(&[HOST]);
    let v2 = "cpu = \"x86-64-v2\"\n";
    space.targets(&[(HOST, v2)]);
    let plan = space.run(&["plan", "--json"]).ended(0).json();
    assert_eq!(job(&plan, HOST)["cpu"], "x86-64-v2");
    space.run(&["verify", "--mode", "pure"]).ended(0).never_says(&["x86-64-v"]);
    // By the note that GNU's linker writes.
    let note = "rustflags = [\"-Clink-arg=-fuse-ld=bfd\", \"-Clink-arg=-Wl,-z,x86-64-v3\"]";
    space.targets(&[(HOST, &format!("{v2}{note}"))]);
    let error = refused(&space);
    assert!(error.contains("gate: the program is marked for processors of level x86-64-v3"), "{error}");
    // By the user's own flags, of which the program says nothing.
    space.targets(&[(HOST, v2)]);
    space.set("RUSTFLAGS", "-C target-cpu=haswell");
    let error = refused(&space);
    assert!(error.contains("gate: `target-cpu=haswell` is for processors of level x86-64-v3"), "{error}");
    space.unset("RUSTFLAGS");
    let flags = format!("[target.{HOST}]\nrustflags = [\"-Ctarget-feature=+avx2\"]\n");
    space.write(".cargo/config.toml", &flags);
    let error = refused(&space);
    assert!(error.contains("`target-feature=+avx2` is for processors of level x86-64-v3"), "{error}");
    // Wherever Cargo takes them from, which is said.
    space.write(".cargo/config.toml", "include = [\"more.toml\"]\n");
    space.write(".cargo/more.toml", "[target.'cfg(unix)']\nrustflags = \"-Ctarget-feature=+avx2\"\n");
    let error = refused(&space);
    let origin = format!(
        "the flag is from target.'cfg(unix)'.rustflags in {}/.cargo/more.toml",
        space.root().display()
    );
    assert!(error.contains(&origin), "{error}");
    // And where it takes none, there is none.
    space.set("RUSTFLAGS", "");
    space.run(&["verify", "--mode", "pure"]).ended(0);
}

#[test]
fn the_processor_of_the_machine_that_builds_is_warned_of_in_images() {
    need!("flags::native", machine::std_for(&[HOST_MUSL]));
    let space = Space::bare();
    space.targets(&[(HOST_MUSL, "rustflags = [\"-Ctarget-cpu=native\"]")]);
    let words = "`target-cpu=native` makes an image that starts only on machines like the one that built it";
    space.run(&["verify", "--mode", "pure"]).ended(0).never_says(&[words]);
    space.image("app", &[HOST_MUSL]);
    space.run(&["verify", "--mode", "pure"]).ended(0).says(&[words]);
}
