//! `[[provider]]` in targets.toml: a toolchain of one's own is probed, built with, locked and trapped like any other.

use std::path::Path;

use serde_json::json;
use xtask_process::exec::Cmd;
use xtask_test_support::need;

use crate::machine::{self, ARM, HOST_MUSL};
use crate::purity::{PURE, survived, with_script};
use crate::run::job;
use crate::space::Space;

const TOOLS: [&str; 3] = ["aarch64-linux-gnu-gcc", "aarch64-linux-gnu-ar", "qemu-aarch64"];

/// The provider of these tests: a folder with a compiler, and an argument without which the component does not compile.
const VENDOR: &str = r#"
[[provider]]
name = "vendor-gcc"
targets = ["aarch64-*-linux-gnu"]
root = "{env:VENDOR_SDK}"
cc = "{root}/bin/{arch}-vendor-compiler"
args = ["-DVENDOR={triple}"]
"#;

/// A workspace for ARM with the compiler of a vendor: a script around Debian's, and a compiler proper that it names.
fn with_vendor(more: &str) -> Space {
    let mut space = Space::bare();
    let gcc = machine::find("aarch64-linux-gnu-gcc").unwrap();
    let text = format!(
        "case \"$*\" in *-print-prog-name=cc1) echo \"${{0%/bin/*}}/cc1\"; exit;; esac\nexec {} \"$@\"",
        gcc.display()
    );
    space.script("sdk/bin/aarch64-vendor-compiler", &text);
    space.write("sdk/cc1", "1\n");
    space.set("VENDOR_SDK", space.path("sdk"));
    let guard = "#ifndef VENDOR\n#error \"not by the vendor's compiler\"\n#endif\n";
    space.write("native/c/answer.c", &(guard.to_owned() + &space.read("native/c/answer.c")));
    space.targets(&[(ARM, more)]);
    space.write("targets.toml", &(space.read("targets.toml") + VENDOR));
    space
}

#[test]
fn it_builds_and_is_named_and_locked_like_any_other() {
    need!("own_provider::builds", machine::std_for(&[ARM]), machine::programs(&TOOLS));
    let space = with_vendor("");
    // It comes first, although Debian's compiler serves the target too.
    let plan = space.run(&["plan", "--json"]).ended(0).json();
    let taken = job(&plan, ARM)["toolchain"].clone();
    assert_eq!(taken["provider"], "vendor-gcc");
    assert!(taken["version"].as_str().unwrap().starts_with("gcc "), "{plan:#}");
    let report = space.run(&["verify", "--json", "--mode", "native"]).ended(0).json();
    let built = job(&report, ARM);
    assert_eq!((&built["status"], &built["toolchain"]["provider"]), (&json!("ok"), &json!("vendor-gcc")));
    assert!(space.says(ARM, "native").contains("answer=42 native=true"));

    let explained = space.run(&["explain", ARM]).ended(0).stdout();
    for words in
        ["vendor-gcc ", "aarch64-vendor-compiler -DVENDOR=", "[[provider]] of targets.toml", "ran it"]
    {
        assert!(explained.contains(words), "no {words:?} in {explained}");
    }
    let doctor = space.run(&["doctor"]).ended(0).stdout();
    assert!(doctor.contains("(vendor-gcc)"), "{doctor}");
    // The archiver is the one that the driver names.
    let env = space.run(&["env", ARM, "--json"]).ended(0).json();
    let ar = env["variables"]["AR_aarch64_unknown_linux_gnu"].as_str().unwrap();
    let said = Cmd::new(TOOLS[0]).arg("-print-prog-name=ar");
    assert_eq!(ar, xtask_test_support::process::run(&said).text(), "{env:#}");

    let provider = |args: &[&str]| {
        let args: Vec<&str> = ["plan", "--json"].iter().chain(args).copied().collect();
        job(&space.run(&args).ended(0).json(), ARM)["toolchain"]["provider"].clone()
    };
    assert_eq!(provider(&["--providers", "gnu,vendor-gcc"]), "vendor-gcc");
    assert_eq!(provider(&["--providers", "gnu"]), "gnu");
    let near = ["there is no provider `vendor-gc`", "did you mean `vendor-gcc`?", "zig,vendor-gcc, or none"];
    space.run(&["plan", "--providers", "vendor-gc"]).ended(2).says(&near);

    space.run(&["lock"]).ended(0);
    let lock = space.read("toolchains.lock");
    assert!(lock.contains("provider = \"vendor-gcc\", version = \"gcc "), "{lock}");
    space.run(&["plan", "--locked"]).ended(0).never_says(&["Probing"]);
    // The script stays the same, and the compiler behind it is another one.
    space.write("sdk/cc1", "2\n");
    let again = space.run(&["plan", "--json"]).ended(0).json();
    assert_ne!(job(&again, ARM)["toolchain"]["id"], taken["id"]);
    space.write("targets.toml", &space.read("targets.toml").replace(VENDOR, ""));
    space.run(&["plan", "--locked"]).ended(3).says(&["locked: gcc ", "(vendor-gcc)", "(gnu)"]);
}

#[test]
fn what_is_missing_or_broken_says_so_and_is_tried_again() {
    need!("own_provider::broken", machine::std_for(&[ARM]), machine::programs(&TOOLS));
    let mut space = with_vendor("cc = \"vendor-gcc\"");
    let compiler = "sdk/bin/aarch64-vendor-compiler";
    let good = space.read(compiler);
    space.script(compiler, "echo 'the licence has expired' >&2; exit 9");
    let explained = space.run(&["explain", ARM]).ended(0).stdout();
    for words in ["broken: failed to compile", "the licence has expired", "exit code 9"] {
        assert!(explained.contains(words), "no {words:?} in {explained}");
    }
    // Debian's compiler is there, and does not take its place.
    let run = space.run(&["plan"]).ended(3);
    assert!(run.to_string().contains("was found but is broken"), "{run}");
    // A folder of the vendor was repaired, which nothing but the compiler itself can tell.
    space.script(
        compiler,
        &format!("[ -e \"$VENDOR_SDK/licence\" ] || exit 9\n{}", good.split_once('\n').unwrap().1),
    );
    space.run(&["plan"]).ended(3);
    space.write("sdk/licence", "paid\n");
    space.run(&["plan"]).ended(0);

    std::fs::remove_file(space.path(compiler)).unwrap();
    let explained = space.run(&["explain", ARM]).ended(0).stdout();
    let gone = format!("missing: there is no program {}", space.path(compiler).display());
    assert!(explained.contains(&gone) && !explained.contains("broken"), "{explained}");
    space.unset("VENDOR_SDK");
    let explained = space.run(&["explain", ARM]).ended(0).stdout();
    assert!(explained.contains("missing: the variable VENDOR_SDK is not set"), "{explained}");
    space.run(&["setup", "--yes"]).ended(0).says(&["nothing is missing"]);
    // Without `cc`, the next one is taken, and the plan says what was tried.
    space.write("targets.toml", &space.read("targets.toml").replace("cc = \"vendor-gcc\"\n", ""));
    let plan = space.run(&["plan", "--json"]).ended(0).json();
    assert_eq!(job(&plan, ARM)["toolchain"]["provider"], "gnu");
}

#[test]
fn a_driver_of_its_own_links() {
    need!("own_provider::linker", machine::std_for(&[ARM]), machine::programs(&TOOLS));
    let space = with_vendor("");
    let gcc = machine::find(TOOLS[0]).unwrap();
    // The name would make rustc pass the arguments of a bare linker.
    let log = space.path("links");
    let text = format!("echo \"$1\" >> {}\nexec {} \"$@\"", log.display(), gcc.display());
    space.script("sdk/bin/vendor-ld", &text);
    let include = VENDOR.replace("{triple}\"", "{triple}\", \"-I{root}/include\"");
    let linker = include + "linker = [\"{root}/bin/vendor-ld\", \"-DFIRST\"]\n";
    // Headers of the provider write their paths into programs, as `assert` does.
    space.write("sdk/include/vendor.h", "static const char *volatile vendor_header = __FILE__;\n");
    let use_header = "#include <vendor.h>\nconst char *vendor_path(void) { return vendor_header; }\n";
    let answer = space.read("native/c/answer.c").replacen("return ", "return !*vendor_path() + ", 1);
    space.write("native/c/answer.c", &(use_header.to_owned() + &answer));
    space.write("targets.toml", &space.read("targets.toml").replace(VENDOR, &linker));
    let report = space.run(&["verify", "--json", "--mode", "native"]).ended(0).json();
    assert_eq!(job(&report, ARM)["status"], "ok", "{report:#}");
    // The probe and the program.
    assert!(space.read("links").matches("-DFIRST").count() >= 2, "{}", space.read("links"));
    // The program does not tell where the provider lies.
    let program = std::fs::read(space.dist(&format!("bin/{ARM}/native/app"))).unwrap();
    let has = |text: &str| program.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has("/provider/vendor-gcc/include/vendor.h") && !has(&space.path("sdk").display().to_string()));
}

/// A compiler with a name that no list knows, which starts no compiler with a known name.
#[test]
fn traps_know_it_by_its_path_and_its_name() {
    need!(
        "own_provider::traps",
        machine::std_for(&[HOST_MUSL]),
        machine::programs(&["gcc", "as"]),
        machine::mounts()
    );
    let odd = |dir: &Path| {
        let cc1 = xtask_test_support::process::run(&Cmd::new("gcc").arg("-print-prog-name=cc1")).text();
        let text = format!("{cc1} -quiet sly.c -o \"$4.s\" && as \"$4.s\" -o \"$4\"");
        xtask_test_support::folder::script(dir.join("odd"), &text)
    };
    let script = |program: &str, told: &Path| {
        format!(
            "let out = std::env::var(\"OUT_DIR\").unwrap() + \"/../x.bin\";
             let _ = std::fs::remove_file(&out);
             let _ = Command::new({program}).args([\"-c\", \"sly.c\", \"-o\", &out]).status();
             std::fs::write({told:?}, std::path::Path::new(&out).exists().to_string()).unwrap();"
        )
    };
    let provider = |program: &str| {
        format!("\n[[provider]]\nname = \"odd\"\ntargets = [\"*-linux-musl\"]\ncc = \"{program}\"\n")
    };
    for by_path in [true, false] {
        let tools = tempfile::tempdir().unwrap();
        let told = tools.path().join("compiled");
        let compiled = || std::fs::read_to_string(&told).unwrap();
        let compiler = std::fs::canonicalize(odd(tools.path())).unwrap();
        let called = if by_path { format!("{compiler:?}") } else { "\"odd\"".to_owned() };
        let mut space = with_script(&script(&called, &told));
        space.path_first(tools.path());
        // Nobody has said that it is a compiler.
        let run = space.run(&PURE).ended(0);
        assert_eq!(compiled(), "true", "{run}");
        let named = if by_path { compiler.display().to_string() } else { "odd".to_owned() };
        space.write("targets.toml", &(space.read("targets.toml") + &provider(&named)));
        space.write("sly/build.rs", &(space.read("sly/build.rs") + "// again\n"));
        let run = space.run(&PURE).ended(0);
        assert_eq!(compiled(), "false", "{run}");
        survived(&run, &named);
    }
}
