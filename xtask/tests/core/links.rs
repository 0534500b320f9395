//! zig as a linker: what is left of the lines that rustc really writes, and the files that it puts long lines into.

use std::path::{Path, PathBuf};
use std::time::Duration;

use xtask_compilers::toolchain::wrapper::tools;
use xtask_compilers::toolchain::zig::{LinkTarget, filter_linker_args};
use xtask_compilers::toolchain::{Candidate, Link, Provider};
use xtask_process::exec::{Cmd, Output};
use xtask_test_support::process::run_within;

use crate::support::{ARM_GNU, ARM_MUSL, GNU, MUSL, Machine, triple};

const ARMV7: &str = "armv7-unknown-linux-musleabihf";
const RISCV: &str = "riscv64gc-unknown-linux-musl";
const LIMIT: Duration = Duration::from_secs(60);

fn filtered(target: &str, line: &str) -> String {
    let args = line.split(' ').map(str::to_owned);
    filter_linker_args(args, LinkTarget::from(&triple(target))).join(" ")
}

/// `rustc -O -Cstrip=symbols --print link-args` of 1.95 and, for the last two, 1.96, with the rlibs left out.
#[test]
fn lines_of_rustc() {
    let musl = "s.o a.o -Wl,--as-needed -Wl,-Bstatic -lunwind -lc -L /raw -Wl,-Bdynamic -Wl,--eh-frame-hdr \
                -Wl,-z,noexecstack -L /lib -o /out -Wl,--gc-sections -static -no-pie -Wl,-z,relro,-z,now -Wl,-O1 \
                -Wl,--strip-all -nodefaultlibs";
    let musl_left = "s.o a.o -Wl,--as-needed -Wl,-Bstatic -lunwind -L /raw -Wl,-Bdynamic -Wl,--eh-frame-hdr \
                     -Wl,-z,noexecstack -L /lib -o /out -Wl,--gc-sections -static -no-pie -Wl,-z,relro,-z,now -Wl,-O1 \
                     -Wl,--strip-all";
    let pie = musl.replace("-static -no-pie", "-static-pie");
    let pie_left = musl_left.replace("-static -no-pie", "-static -pie");
    let gnu = "s.o a.o -Wl,--as-needed -Wl,-Bstatic -Wl,-Bdynamic -lgcc_s -lutil -lrt -lpthread -lm -ldl -lc -L /raw \
               -B/r/bin/gcc-ld -fuse-ld=lld -Wl,--eh-frame-hdr -Wl,-z,noexecstack -L /lib -o /out -Wl,--gc-sections \
               -pie -Wl,-z,relro,-z,now -Wl,-O1 -Wl,--strip-all -nodefaultlibs";
    let gnu_left = "s.o a.o -Wl,--as-needed -Wl,-Bstatic -Wl,-Bdynamic -lunwind -lutil -lrt -lpthread -lm -ldl -lc -L \
                    /raw -Wl,--eh-frame-hdr -Wl,-z,noexecstack -L /lib -o /out -Wl,--gc-sections -pie \
                    -Wl,-z,relro,-z,now -Wl,-O1 -Wl,--strip-all";
    let cases = [
        (MUSL, format!("-m64 {pie}"), pie_left.as_str()),
        (ARM_MUSL, musl.to_owned(), musl_left),
        (ARMV7, musl.to_owned(), musl_left),
        (RISCV, musl.to_owned(), musl_left),
        (GNU, format!("-m64 {gnu}"), gnu_left),
        (ARM_GNU, gnu.to_owned(), gnu_left),
        // A std that brings start files, and link-self-contained left as it is.
        (
            MUSL,
            "-nostartfiles /s/self-contained/rcrt1.o /s/self-contained/crti.o a.o -L /s/self-contained -lc \
             /s/self-contained/crtn.o"
                .to_owned(),
            "a.o -L /s/self-contained",
        ),
        // A shared library, and words that only look like what is dropped.
        (
            GNU,
            "-Wl,--version-script=/t/list -Wl,--no-undefined-version a.o -shared -Wl,-soname=libx.so"
                .to_owned(),
            "-Wl,--version-script=/t/list a.o -shared -Wl,-soname=libx.so",
        ),
        (
            GNU,
            "/x/libc.a /s/self-contained/x.o -lcrypto -lgccjit".into(),
            "/x/libc.a /s/self-contained/x.o -lcrypto -lgccjit",
        ),
    ];
    for (target, line, expected) in &cases {
        assert_eq!(filtered(target, line), *expected, "{target}");
        assert_eq!(filtered(target, expected), *expected, "{target}: what is left is left");
    }
}

/// A zig that writes down its arguments and, where one is a file of arguments, that file.
fn recorder(machine: &Machine) -> PathBuf {
    let log = machine.path().join("words").display().to_string();
    let body = format!(
        r#"printf '%s\n' "$@" > '{log}'
last=
for a in "$@"; do
  case "$a" in @*) cat "${{a#@}}" > '{log}.file';; esac
  if [ "$last" = -o ]; then : > "$a"; fi
  last=$a
done"#
    );
    machine.program("zig", &body)
}

fn wrapped(machine: &Machine) -> PathBuf {
    let candidate = Candidate {
        provider: Provider::Zig,
        origin: "a test".into(),
        cc: vec![
            recorder(machine).display().to_string(),
            "cc".into(),
            "-target".into(),
            "x86_64-linux-gnu".into(),
        ],
        cxx: None,
        ar: None,
        ranlib: None,
        linker: None,
        workers: Vec::new(),
        link: Link::Zig,
        absent: None,
    };
    let this = Path::new(env!("CARGO_BIN_EXE_cargo-xtask"));
    tools(&candidate, &triple(GNU), &machine.path().join("w"), this).unwrap().linker
}

fn words(machine: &Machine) -> Vec<String> {
    let text = std::fs::read_to_string(machine.path().join("words")).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// What zig was given through a file: one quoted word a line, `\` before `"` and `\`.
fn words_of_file(machine: &Machine) -> Vec<String> {
    let text = std::fs::read_to_string(machine.path().join("words.file")).unwrap();
    let word = |line: &str| {
        let inner = line.strip_prefix('"').and_then(|l| l.strip_suffix('"')).expect(line);
        inner.replace("\\\"", "\"").replace("\\\\", "\\")
    };
    text.lines().map(word).collect()
}

fn run(cmd: Cmd) -> Output {
    run_within(&cmd.env_remove("XTASK_TARGET_DIR").env_remove("XTASK_HOST_CC"), LIMIT)
}

#[test]
fn a_file_of_arguments_is_read_as_rustc_writes_it() {
    let machine = Machine::new();
    let linker = wrapped(&machine);
    // rustc puts a backslash before spaces and backslashes and before nothing else; one word a line.
    let file = machine.file("args", "/a\\ b/x.o\nit's\n\"q\"\n/back\\\\slash\n-m64\nü\n");
    run(Cmd::new(linker).arg("first.o").arg(format!("@{}", file.display())));
    let front = ["cc", "-target", "x86_64-linux-gnu"];
    let read = ["first.o", "/a b/x.o", "it's", "\"q\"", "/back\\slash", "ü"];
    assert_eq!(words(&machine), [&front[..], &read, &["-fno-sanitize=undefined"]].concat());
}

#[test]
fn a_line_of_the_real_rustc_that_is_too_long_arrives_whole() {
    let machine = Machine::new();
    let linker = wrapped(&machine);
    let source = machine.file("main.rs", "fn main() {}\n");
    // Longer than what Linux takes as one argument, so that rustc must write a file; so must we.
    let long = format!("-L/{}", "l".repeat(140_000));
    let odd = ["-L/a b", "-L/it's", "-L/\"q\"", "-L/back\\slash", "-L/ends\\", "-L/\\\"both"];
    let flags: String = odd.iter().chain([&long.as_str()]).map(|w| format!("-Clink-arg={w}\n")).collect();
    let flags = machine.file("flags", &flags);
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    run(Cmd::new(rustc)
        .arg(source)
        .arg(format!("-Clinker={}", linker.display()))
        .arg(format!("@{}", flags.display()))
        .arg("-o")
        .arg(machine.path().join("out"))
        .env_remove("RUSTFLAGS"));
    let given = words(&machine);
    assert_eq!(given[..3], ["cc", "-target", "x86_64-linux-gnu"]);
    assert!(given.len() == 4 && given[3].starts_with('@'), "{given:?}");
    assert!(!Path::new(&given[3][1..]).exists(), "our file is removed");
    let all = words_of_file(&machine);
    for word in odd.into_iter().chain([long.as_str()]) {
        assert!(all.iter().any(|w| w == word), "{} is lost", &word[..word.len().min(40)]);
    }
}

#[test]
fn what_is_linked_for_the_host_goes_to_the_hosts_compiler_as_it_came() {
    let machine = Machine::new();
    let linker = wrapped(&machine);
    let log = machine.path().join("host").display().to_string();
    let cc = machine.program("host-cc", &format!("printf '%s\\n' \"$@\" > '{log}'"));
    let target_dir = machine.path().join("target");
    let link = |output: &str| {
        let output = target_dir.join(output).display().to_string();
        let args = machine.file("args", &format!("-m64\n-o\n{output}\n"));
        let cmd = Cmd::new(&linker).arg(format!("@{}", args.display()));
        let output =
            cmd.env("XTASK_TARGET_DIR", &target_dir).env("XTASK_HOST_CC", &cc).capture(LIMIT).unwrap();
        assert!(output.ok(), "{}", output.errors());
        args
    };
    std::fs::create_dir_all(target_dir.join("release/build")).unwrap();
    std::fs::create_dir_all(target_dir.join(GNU)).unwrap();
    let file = link("release/build/script");
    assert_eq!(std::fs::read_to_string(&log).unwrap(), format!("@{}\n", file.display()));
    assert!(!machine.path().join("words").exists());
    link(&format!("{GNU}/app"));
    assert!(!words(&machine).contains(&"-m64".to_owned()), "zig, behind the filter");
}

#[test]
fn wrappers_words_out_of_place_are_refused() {
    let this = env!("CARGO_BIN_EXE_cargo-xtask");
    for args in
        [&["__zig"][..], &["__zig", "link", GNU], &["__zig", "link", GNU, "7", "zig"], &["__trap", "cc"]]
    {
        assert_eq!(
            Cmd::new(this).args(args).capture(LIMIT).unwrap().end,
            xtask_process::exec::ProcessEnd::Code(2),
            "{args:?}"
        );
    }
    // A driver of no words is none.
    assert_eq!(
        Cmd::new(this).args(["__zig", "link", GNU, "0"]).capture(LIMIT).unwrap().end,
        xtask_process::exec::ProcessEnd::Code(2)
    );
}

#[test]
fn where_target_and_host_are_one_triple_each_is_linked_by_its_own() {
    let machine = Machine::new();
    let host = machine.program("host-cc", "echo host \"$@\"");
    let linker = machine.program("my linker", "echo target \"$@\"");
    const LINKER: &str = "XTASK_LINKER_X86_64_UNKNOWN_LINUX_GNU";
    let this = env!("CARGO_BIN_EXE_cargo-xtask");
    let link = |args: &[&str]| {
        let cmd = Cmd::new(this).args(["__link", GNU]).args(args).env("XTASK_TARGET_DIR", machine.path());
        cmd.env("XTASK_HOST_CC", &host).env(LINKER, &linker).capture(LIMIT).unwrap().text()
    };
    let at = |place: &str| machine.path().join(place).display().to_string();
    let (own, script) = (at(&format!("{GNU}/release/app")), at("release/build/script"));
    assert_eq!(link(&["a.o", "-o", &own]), format!("target a.o -o {own}"));
    assert_eq!(link(&["a.o", "-o", &script]), format!("host a.o -o {script}"));
    let file = machine.file("args", &format!("a.o\n-o\n{script}\n"));
    assert_eq!(link(&[&format!("@{}", file.display())]), format!("host @{}", file.display()), "as it came");
    // Without a word of what is made nothing is known of the host's.
    assert_eq!(link(&["--version"]), "target --version");
    let alone = Cmd::new(this).args(["__link", GNU, "a.o"]).env_remove(LINKER).capture(LIMIT).unwrap();
    assert_eq!(alone.end, xtask_process::exec::ProcessEnd::Code(2), "called by nobody's build");
}
