//! A std is built from source for a foreign target, survives being killed and being built twice at once, and links
//! programs with no C toolchain in sight. One test with its own `main`, since it starts itself as the processes that
//! race and die. A fresh cache each time: about 80 s on two cores.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use xtask_compilers::rust_std::{self, Build, self_contained};
use xtask_compilers::rustc::{self, Rustc, find};
use xtask_compilers::toolchain::zig;
use xtask_process::exec::{Cmd, ProcessEnd};
use xtask_process::host::Host;
use xtask_test_support::skip::skipped;
use xtask_triple::Triple;

const NAME: &str = "std_build";
const CHILD: &str = "__child";

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [first, cache, target] = args.as_slice()
        && first == CHILD
    {
        return child(Path::new(cache), &Triple::parse(target));
    }
    // Like libtest: words without a dash filter by name.
    let filters: Vec<&String> = args.iter().filter(|a| !a.starts_with('-')).collect();
    if args.iter().any(|a| a == "--list")
        || !(filters.is_empty() || filters.iter().any(|f| NAME.contains(*f)))
    {
        return println!("{NAME}: test");
    }
    let target = std::env::var("XTASK_TEST_STD_TARGET");
    let target = Triple::parse(target.as_deref().unwrap_or("aarch64-unknown-linux-musl"));
    // Kept out of the tree that is removed, so that facts about compilers are asked once.
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join(NAME);
    let Some(rustc) = with_source(&cache) else {
        return skipped(NAME, "a rustc with the source of its library");
    };
    let host = host();
    let Some(zig) = zig_program(&host) else { return skipped(NAME, "zig") };
    let Some(lld) = rustc::lld(&rustc, &[], &host) else { return skipped(NAME, "rust-lld") };

    let _ = std::fs::remove_dir_all(cache.join("std"));
    killed_in_the_middle(&rustc, &target, &cache);
    two_at_once(&rustc, &target, &cache);
    let sysroot = rust_std::place(&rustc, &target, &cache);
    let flags = xtask_compilers::toolchain::zig::target_flags(&target, None).unwrap();
    let supply = self_contained::SelfContainedSource::Zig { program: zig.clone(), flags };
    self_contained::fill(&sysroot, &target, &supply, &mut |l| println!("{l}")).unwrap();
    let ready = rust_std::find::made(&rustc, &target, &cache).unwrap();
    assert!(ready.self_contained && ready.sysroot.as_deref() == Some(&*sysroot), "{ready:?}");

    let work = cache.join("work");
    let _ = std::fs::remove_dir_all(&work);
    std::fs::create_dir_all(&work).unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/std_build/program.rs");
    let link = Link { rustc: &rustc, target: &target, sysroot: &sysroot, lld: &lld, work: &work };
    for (name, flags) in [
        ("plain", &["-Copt-level=2"][..]),
        ("abort", &["-Cpanic=abort"]),
        ("lto", &["-Copt-level=2", "-Clto=thin", "-Ccodegen-units=1"]),
    ] {
        let program = link.link(&source, name, flags);
        no_path_of_this_machine(&program);
        if name == "abort" {
            continue; // It ends at the first panic, which the program has on purpose.
        }
        runs(&host, &target, &program);
    }
    with_c(&link, &zig, &host);
    damaged(&rustc, &target, &cache);
    println!("test {NAME} ... ok");
}

fn host() -> Host {
    Host::read(Triple::parse(&format!("{}-unknown-linux-gnu", std::env::consts::ARCH)))
}

fn with_source(cache: &Path) -> Option<Rustc> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"));
    let active = find::active(&host(), workspace, cache).unwrap();
    let others = find::others(&active, &host(), workspace, None, cache);
    std::iter::once(active).chain(others.rustcs).find(|r| r.source().is_some())
}

fn zig_program(host: &Host) -> Option<PathBuf> {
    let cache = xtask_process::cache::dir(host, std::env::consts::OS).ok()?;
    let private = xtask_setup::zig::program(&cache);
    zig::find(host, private.as_deref()).first().map(|z| PathBuf::from(&z.program))
}

/// What the test starts as processes of their own: builds the std and prints what it does.
fn child(cache: &Path, target: &Triple) {
    let rustc = with_source(cache).unwrap();
    let host = host();
    let build = Build { rustc: &rustc, target, cache, host: &host, jobs: Some(2), offline: false };
    rust_std::build(&build, &mut |line| println!("{line}")).unwrap();
}

fn child_command(cache: &Path, target: &Triple) -> Cmd {
    Cmd::new(std::env::current_exe().unwrap()).args([CHILD]).arg(cache).arg(target.as_str())
}

/// A process that is killed while it compiles leaves nothing that is taken for a std.
fn killed_in_the_middle(rustc: &Rustc, target: &Triple, cache: &Path) {
    let begun = Instant::now();
    let killed = AtomicBool::new(false);
    let (end, _) = Cmd::new("sh")
        // The shell's own id is the child's after exec: it says whom to kill.
        .args(["-c", "echo pid $$; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args([CHILD])
        .arg(cache)
        .arg(target.as_str())
        .lines({
            let mut pid = None;
            let killed = &killed;
            move |_, line| {
                println!("first: {line}");
                pid = pid.take().or_else(|| line.strip_prefix("pid ").map(str::to_owned));
                if line.starts_with("Compiling alloc") && !killed.swap(true, Ordering::Relaxed) {
                    let kill = Cmd::new("kill").args(["-9", pid.as_deref().unwrap()]);
                    assert!(kill.capture(Duration::from_secs(5)).unwrap().ok());
                }
            }
        })
        .unwrap();
    assert_eq!(end, ProcessEnd::Signal(9), "after {:?}", begun.elapsed());
    assert_eq!(rust_std::find::made(rustc, target, cache), None);
}

/// Two processes that want the same std at once both get it, and one of them waited.
fn two_at_once(rustc: &Rustc, target: &Triple, cache: &Path) {
    let run = |name: &'static str| {
        let cmd = child_command(cache, target);
        std::thread::spawn(move || {
            let mut said = Vec::new();
            let (end, _) = cmd
                .lines(|_, line| {
                    println!("{name}: {line}");
                    said.push(line.to_owned());
                })
                .unwrap();
            assert_eq!(end, ProcessEnd::Code(0), "{said:?}");
            said
        })
    };
    let said = [run("second"), run("third")].map(|thread| thread.join().unwrap());
    let compiled = said.iter().filter(|lines| lines.iter().any(|l| l.starts_with("Compiling std "))).count();
    let waited = said.iter().filter(|lines| lines.iter().any(|l| l.starts_with("waiting"))).count();
    assert_eq!((compiled, waited), (1, 1), "{said:?}");
    assert!(rust_std::find::made(rustc, target, cache).is_some());
    let left: Vec<_> = std::fs::read_dir(cache.join("std"))
        .unwrap()
        .map(|f| f.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with('.'))
        .collect();
    assert_eq!(left, Vec::<String>::new());
}

struct Link<'a> {
    rustc: &'a Rustc,
    target: &'a Triple,
    sysroot: &'a Path,
    lld: &'a Path,
    work: &'a Path,
}

impl Link<'_> {
    /// Links with an environment in which there is nothing: no PATH, so no compiler.
    fn link(&self, source: &Path, name: &str, flags: &[&str]) -> PathBuf {
        let program = self.work.join(name);
        let linker = xtask_compilers::toolchain::Linker::RustLld { program: self.lld.to_owned() };
        let mut cmd = Cmd::new(&self.rustc.program)
            .args(["--edition", "2024", "--target", self.target.as_str()])
            .args(linker.rustflags(self.target, Some(self.sysroot)))
            .arg(format!("-Clinker={}", self.lld.display()))
            .args(flags)
            .arg("-o")
            .arg(&program)
            .arg(source)
            .cwd(self.work)
            .env("PATH", "/nonexistent");
        cmd.clear_env = true;
        let output = cmd.capture(Duration::from_secs(300)).unwrap();
        assert!(output.ok(), "{}\n{}", cmd.line(), output.errors());
        program
    }
}

/// C compiled by zig links with the same C library and start files.
fn with_c(link: &Link<'_>, zig: &Path, host: &Host) {
    let c = "#include <stdio.h>\n#include <stdlib.h>\n#include <math.h>\n\
             int answer(int n) { char *p = malloc(16); snprintf(p, 16, \"%d\", n + 2);\n\
             int r = atoi(p) + (int)floor(n * 0.01); free(p); return r; }\n";
    let rs = "unsafe extern \"C\" { fn answer(n: i32) -> i32; }\n\
              fn main() { let t = std::thread::spawn(|| unsafe { answer(40) }); println!(\"C says {}\", t.join().unwrap()); }\n";
    std::fs::write(link.work.join("answer.c"), c).unwrap();
    std::fs::write(link.work.join("main.rs"), rs).unwrap();
    let zig = |args: &[&str]| {
        let output = Cmd::new(zig).args(args).cwd(link.work).capture(Duration::from_secs(120)).unwrap();
        assert!(output.ok(), "{}", output.errors());
    };
    let flags = zig::target_flags(link.target, None).unwrap();
    let mut cc: Vec<&str> = vec!["cc"];
    cc.extend(flags.iter().map(String::as_str));
    cc.extend(["-O2", "-fPIC", "-fno-sanitize=undefined", "-c", "answer.c", "-o", "answer.o"]);
    zig(&cc);
    zig(&["ar", "rcs", "libanswer.a", "answer.o"]);
    let program = link.link(&link.work.join("main.rs"), "with-c", &["-L.", "-lstatic=answer"]);
    if let Some(output) = run(host, link.target, &program) {
        assert_eq!(output, "C says 42");
    }
}

fn runs(host: &Host, target: &Triple, program: &Path) {
    if let Some(output) = run(host, target, program) {
        let arch = target.as_str().split('-').next().unwrap();
        let said: Vec<&str> = output.split(' ').collect();
        assert!(arch.starts_with(&said[0][..3]), "{output}");
        assert_eq!(said[1..], ["48611766702991209066196372490252601636", "1.414", "variable"], "{output}");
    }
}

fn run(host: &Host, target: &Triple, program: &Path) -> Option<String> {
    use xtask_triple::Arch;
    let qemu = match target.arch() {
        Arch::X86_64 => "qemu-x86_64",
        Arch::Aarch64 => "qemu-aarch64",
        Arch::ArmV7 => "qemu-arm",
        Arch::Riscv64 => "qemu-riscv64",
        _ => return None,
    };
    let Some(qemu) = host.program(qemu).or_else(|| host.program(&format!("{qemu}-static"))) else {
        skipped(NAME, qemu);
        return None;
    };
    let cmd = Cmd::new(qemu).arg(program).env("STD_BUILD_TEST", "variable").env_remove("RUST_BACKTRACE");
    let output = cmd.capture(Duration::from_secs(60)).unwrap();
    assert!(output.ok(), "{}: {}", output.end, output.errors());
    Some(output.text())
}

/// No program contains a path of this machine: neither the home of Cargo, nor the source of std, nor the cache.
fn no_path_of_this_machine(program: &Path) {
    let bytes = std::fs::read(program).unwrap();
    let contains = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    let home = std::env::var("CARGO_HOME").or_else(|_| std::env::var("HOME")).unwrap();
    for path in [
        &home,
        "/registry/src",
        "/rustlib/src",
        "/ziglang/lib",
        "zig/o/",
        env!("CARGO_TARGET_TMPDIR"),
        "deps/index.",
    ] {
        assert!(!contains(path.as_bytes()), "{} contains {path}", program.display());
    }
    // The search itself works: std's own paths are there, under the name rustc gives them.
    assert!(contains(b"/rustc/"), "{} names no source at all", program.display());
}

/// A std that lost a file is not taken, and is made again.
fn damaged(rustc: &Rustc, target: &Triple, cache: &Path) {
    let dir = rustc::libraries(&rust_std::place(rustc, target, cache), target);
    let file = std::fs::read_dir(dir).unwrap().map(|f| f.unwrap().path()).find(|f| f.extension().is_some());
    std::fs::remove_file(file.unwrap()).unwrap();
    assert_eq!(rust_std::find::made(rustc, target, cache), None);
}
