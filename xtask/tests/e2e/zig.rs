//! zig as the C toolchain of targets that have no other here.

use serde_json::json;
use xtask_test_support::need;

use crate::machine::{self, ARM_MUSL, HOST_MUSL};
use crate::run::job;
use crate::space::Space;

#[test]
fn the_crate_cc_compiles_with_zig_without_optimisation_and_with_the_hosts_own_compiler_for_the_host() {
    need!("zig::cc_crate", machine::std_for(&[HOST_MUSL, ARM_MUSL]), machine::zig());
    let mut space = Space::with_targets(&[HOST_MUSL, ARM_MUSL]);
    space.with_zig();
    // At opt-level 0 zig would call for its sanitizer's runtime.
    space.use_cc_crate();
    space.write(
        "native/c/answer.c",
        "int native_answer(void) { volatile int a = 2147483600; return a / 51130514; }\n",
    );
    let run = space.run(&["verify", "--providers", "zig", "--mode", "native", "--json"]).ended(0);
    let report = run.json();
    for target in [HOST_MUSL, ARM_MUSL] {
        let job = job(&report, target);
        assert_eq!((&job["toolchain"]["provider"], &job["status"]), (&json!("zig"), &json!("ok")), "{run}");
        assert!(job["artifact"]["kind"].as_str().unwrap().starts_with("static"), "{job:#}");
    }
    assert!(space.says(HOST_MUSL, "native").contains("answer=42 native=true"));
    if machine::programs(&["qemu-aarch64"]).is_ok() {
        assert!(space.says(ARM_MUSL, "native").contains("answer=42 native=true"));
    }
    // Whoever asks for the sanitizer gets its runtime too.
    space.set("CFLAGS_x86_64_unknown_linux_musl", "-fsanitize=undefined");
    let args = ["verify", "--providers", "zig", "--mode", "native", "--target", HOST_MUSL];
    space.run(&args).ended(0);
    let program = std::fs::read(space.dist(&format!("bin/{HOST_MUSL}/native/app"))).unwrap();
    let text = b"division by zero";
    assert!(program.windows(text.len()).any(|window| window == text), "the runtime is not in the program");
    assert!(space.says(HOST_MUSL, "native").contains("answer=42 native=true"));
}

#[test]
fn zig_for_the_hosts_own_triple_is_kept_from_what_runs_on_the_host() {
    need!("zig::host", machine::std_for(&[]), machine::zig(), machine::programs(&["cc"]));
    let mut space = Space::with_targets(&[machine::HOST]);
    space.with_zig();
    space.set("XTASK_E2E_LOG", space.path("../linked.log"));
    // The host's compiler says when it is called.
    let cc = machine::find("cc").unwrap();
    let text = format!("echo linked >> \"$XTASK_E2E_LOG\"; exec {} \"$@\"", cc.display());
    space.script("../cc-bin/cc", &text);
    let bin = space.path("../cc-bin");
    space.path_first(&bin);
    space.run(&["verify", "--providers", "zig", "--mode", "native"]).ended(0);
    let log = std::fs::read_to_string(space.path("../linked.log")).unwrap_or_default();
    assert!(log.contains("linked"), "the component's build script was not linked by the host's compiler");
    assert!(space.says(machine::HOST, "native").contains("native=true"));
}

#[test]
fn zig_compiles_where_nothing_says_which_folder_it_may_keep_things_in() {
    need!("zig::home", machine::std_for(&[ARM_MUSL]), machine::zig());
    let mut space = Space::with_targets(&[ARM_MUSL]);
    space.with_zig();
    space.run(&["plan", "--providers", "zig", "--mode", "native"]).ended(0);
    let toolchains = space.path("target/xtask/toolchains");
    let entries = std::fs::read_dir(toolchains).unwrap().map(|entry| entry.unwrap().path());
    let wrapper = entries.into_iter().find(|path| path.join("zig-cc").is_file()).unwrap();
    // What zig says of the target is asked of it again.
    std::fs::remove_file(wrapper.join("cc.clang")).unwrap();
    space.write("empty/answer.c", "int answer(void) { return 42; }\n");
    for home in [None, Some("")] {
        let mut cmd = space.cmd(wrapper.join("cc").to_str().unwrap()).args(["-c", "answer.c"]);
        cmd = cmd.cwd(space.path("empty")).env_remove("XDG_CACHE_HOME").env_remove("ZIG_GLOBAL_CACHE_DIR");
        cmd = home.map_or(cmd.clone().env_remove("HOME"), |home| cmd.env("HOME", home));
        Space::finish(&cmd).ended(0);
        assert!(space.path("empty/answer.o").is_file() && !space.path("empty/.cache").exists());
        std::fs::remove_file(wrapper.join("cc.clang")).unwrap();
    }
    assert!(wrapper.join("zig-cache").is_dir());
}
