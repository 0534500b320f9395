//! Arguments that are written for a driver, where another linker is started; and C as gcc compiles it, by zig.

use serde_json::json;
use xtask_test_support::need;

use crate::machine::{self, ARM_MUSL, HOST, HOST_MUSL};
use crate::run::job;
use crate::space::Space;

/// What a build script asks of the linker, as others have it.
const ASKS: &str = "fn main() {
    for arg in [\"-Wl,-z,stack-size=2097152\", \"-Wl,--as-needed,-O1\", \"-pthread\", \"-rdynamic\", \"-Wl,--no-map-whole-files\"] {
        println!(\"cargo::rustc-link-arg-bins={arg}\");
    }
    for library in [\"m\", \"dl\", \"pthread\", \"rt\", \"util\", \"crypt\", \"resolv\", \"xnet\"] {
        println!(\"cargo::rustc-link-lib={library}\");
    }
}
";

/// The size of the stack that a program asks for, as readelf says it.
fn stack(space: &Space, target: &str, mode: &str) -> String {
    let program = space.dist(&format!("bin/{target}/{mode}/app"));
    let run = Space::finish(&space.cmd("readelf").arg("-lW").arg(program)).ended(0);
    let said = run.stdout();
    let line = said.lines().find(|line| line.contains("GNU_STACK")).unwrap_or_default();
    line.split_whitespace().nth(5).unwrap_or_default().to_owned()
}

#[test]
fn what_a_build_script_says_to_a_driver_is_understood_by_every_linker() {
    need!(
        "linkers::build_script",
        machine::std_for(&[HOST_MUSL, ARM_MUSL]),
        machine::programs(&["readelf", "cc"])
    );
    let space = Space::with_targets(&[HOST_MUSL, ARM_MUSL]);
    space.write("app/build.rs", ASKS);
    let run = space.run(&["verify", "--mode", "pure", "--json"]).ended(0);
    for target in [HOST_MUSL, ARM_MUSL] {
        assert_eq!(job(&run.json(), target)["status"], json!("ok"), "{run}");
        assert_eq!(stack(&space, target, "pure"), "0x200000", "{target}");
    }
}

/// A choice of a linker that no machine has, as developers keep it for their own.
const CHOICE: &str = "[target.'cfg(target_os = \"linux\")']\nrustflags = [\"-Clink-arg=-fuse-ld=nowhere\"]\n";

#[test]
fn a_linker_that_another_machine_has_is_left_out_and_said_where_it_means_nothing() {
    need!("linkers::left_out", machine::std_for(&[HOST_MUSL]), machine::programs(&["cc"]));
    let space = Space::with_targets(&[HOST_MUSL]);
    space.write(".cargo/config.toml", CHOICE);
    // The second run links nothing, and says it again.
    for _ in 0..2 {
        let run = space.run(&["verify", "--mode", "pure"]).ended(0);
        let said = run.stderr();
        let line =
            said.lines().find(|line| line.contains("-fuse-ld=nowhere")).unwrap_or_else(|| panic!("{run}"));
        assert!(line.contains("warning") && line.contains("rust-lld"), "{line}");
        assert!(line.contains(".cargo/config.toml"), "{line}");
    }
    // What a build script asks for: its package, and with -v what matters to nobody.
    space.write(".cargo/config.toml", "");
    space.write("app/build.rs", &ASKS.replace("\"-pthread\"", "\"-fuse-ld=elsewhere\", \"-pthread\""));
    let run = space.run(&["verify", "--mode", "pure", "-v"]).ended(0);
    let said = run.stderr();
    let has = |words: &[&str]| said.lines().any(|line| words.iter().all(|word| line.contains(word)));
    assert!(has(&["warning", "-fuse-ld=elsewhere", "the build script of app 1.2.3"]), "{run}");
    assert!(has(&["Left out", "-lm is left out"]) && has(&["Left out", "-pthread", "build script"]), "{run}");
}

#[test]
fn a_linker_that_a_driver_does_not_find_is_named() {
    need!("linkers::absent", machine::std_for(&[HOST]), machine::programs(&["cc"]));
    let space = Space::with_targets(&[HOST]);
    space.write(".cargo/config.toml", &CHOICE.replace("nowhere", "gold"));
    let mut space = space;
    // gcc knows the name, and has no such linker on its way.
    let cc = machine::find("cc").unwrap();
    let refuse = "echo \"collect2: fatal error: cannot find 'ld'\" >&2; exit 1";
    let text = format!(
        "for a in \"$@\"; do [ \"$a\" = -fuse-ld=gold ] && {{ {refuse}; }}; done; exec {} \"$@\"",
        cc.display()
    );
    space.script("../cc-bin/cc", &text);
    let bin = space.path("../cc-bin");
    space.path_first(&bin);
    let run = space.run(&["verify", "--mode", "pure"]).ended(1);
    let said = run.stderr();
    for words in [
        "error: the linker gold is not on this machine",
        "-fuse-ld=gold asks for it",
        ".cargo/config.toml",
        "help: install gold",
    ] {
        assert!(said.contains(words), "{words}: {run}");
    }
}

/// C that gcc and clang compile: undefined behaviour that everybody relies on, features that a function turns on for itself,
/// `assert`, the date, a level that clang alone spells, and a definition by way of the preprocessor.
const PLAIN_C: &str = "#include <assert.h>
#ifdef __x86_64__
#include <immintrin.h>
__attribute__((target(\"sse4.2\"))) unsigned crc(unsigned c) { return _mm_crc32_u8(c, 1); }
__attribute__((target(\"avx\"))) unsigned long long state(void) { return _xgetbv(0); }
__attribute__((target(\"arch=x86-64-v2\"))) int bits(unsigned x) { return _mm_popcnt_u32(x); }
__attribute__((target(\"avx512f,avx512bw\"))) void wide(void *at) {
  _mm512_storeu_si512(at, _mm512_add_epi8(_mm512_loadu_si512(at), _mm512_loadu_si512(at)));
}
#endif
#ifdef NDEBUG
#error assert() is off, and nobody asked for it
#endif
static int high(int x) { return x << 30; }
const char *made = __DATE__;
int native_answer(void) {
  volatile int a = 6;
  assert(made[0]);
  return FROM_PREPROCESSOR + (high(a) == -2147483647 - 1 ? 0 : 1);
}
";

#[test]
fn zig_compiles_what_gcc_and_clang_compile() {
    need!("linkers::zig", machine::std_for(&[HOST_MUSL, ARM_MUSL]), machine::zig());
    let mut space = Space::with_targets(&[HOST_MUSL, ARM_MUSL]);
    space.with_zig();
    space.use_cc_crate();
    space.write("native/c/answer.c", PLAIN_C);
    space.set("CFLAGS_x86_64_unknown_linux_musl", "-Wp,-DFROM_PREPROCESSOR=42 -mtune=generic");
    space.set("CFLAGS_aarch64_unknown_linux_musl", "-Wp,-DFROM_PREPROCESSOR=42 -march=armv8-a+crc");
    for profile in ["quick", "release"] {
        let text = space
            .read("targets.toml")
            .replace("\"release\"", "\"quick\"")
            .replace("\"quick\"", &format!("\"{profile}\""));
        space.write("targets.toml", &text);
        space.run(&["verify", "--providers", "zig", "--mode", "native"]).ended(0);
        assert!(space.says(HOST_MUSL, "native").contains("answer=42 native=true"), "{profile}");
    }
}

#[test]
fn zigs_lld_takes_what_its_front_end_refuses() {
    need!(
        "linkers::zig_lld",
        machine::std_for(&[HOST_MUSL]),
        machine::zig(),
        machine::programs(&["readelf"])
    );
    let mut space = Space::with_targets(&[HOST_MUSL]);
    space.with_zig();
    space.use_cc_crate();
    space.write(
        "app/build.rs",
        "fn main() {
            println!(\"cargo::rustc-link-arg-bins=-Wl,-z,stack-size=2097152,-z,muldefs\");
            println!(\"cargo::rustc-link-arg-bins=-Wl,--defsym=another_answer=native_answer,-Map,{}/link.map\",
                std::env::var(\"OUT_DIR\").unwrap());
            println!(\"cargo::rustc-link-arg-bins=-fuse-ld=nowhere\");
        }",
    );
    let run = space.run(&["verify", "--providers", "zig", "--mode", "native"]).ended(0);
    assert!(space.says(HOST_MUSL, "native").contains("native=true"));
    // The user's own map is read, too.
    assert!(run.stderr().contains(" of C, from native"), "{run}");
    assert_eq!(stack(&space, HOST_MUSL, "native"), "0x200000");
    let maps = Space::finish(&space.cmd("find").args(["target/xtask", "-name", "link.map"])).ended(0);
    assert!(maps.stdout().contains("link.map"), "there is no map");
}
