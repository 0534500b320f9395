//! Setup, with tools on PATH that record how they are called, and with the real pip.
#![cfg(unix)]

use std::path::{Path, PathBuf};

use xtask_compilers::rustc::{Rustc, find};
use xtask_process::host::Host;
use xtask_setup::run::SetupDialog;
use xtask_setup::{self as setup, SetupContext, Step, Want};
use xtask_test_support::folder;
use xtask_test_support::skip::skipped;
use xtask_triple::Triple;

#[path = "../../native/wasm/build.rs"]
#[allow(dead_code, reason = "where it looks is what is asked here")]
mod recipe;

/// A folder with fake tools, in front of nothing: what is not faked is not there.
struct Lab {
    dir: PathBuf,
    host: Host,
    rustc: Rustc,
}

#[derive(Default)]
struct Said {
    agree: bool,
    asked: Vec<String>,
    begun: Vec<String>,
    progress: Vec<String>,
}

impl SetupDialog for Said {
    fn agree(&mut self, steps: &[Step]) -> bool {
        self.asked = steps.iter().map(Step::line).collect();
        self.agree
    }
    fn begins(&mut self, line: &str) {
        self.begun.push(line.to_owned());
    }
    fn progress(&mut self, line: &str) {
        self.progress.push(line.to_owned());
    }
}

impl Lab {
    fn new(name: &str, tools: &[(&str, &str)]) -> Self {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("setup-{name}"));
        let _ = std::fs::remove_dir_all(&dir);
        let bin = dir.join("bin");
        std::fs::create_dir_all(&bin).unwrap();
        for (tool, script) in tools {
            let log = dir.join("log").display().to_string();
            let bin_dir = bin.display();
            let text = format!("PATH=/usr/bin:/bin\necho {tool} \"$@\" >> {log}\nbin={bin_dir}\n{script}");
            folder::script(bin.join(tool), &text);
        }
        let triple = Triple::parse(&format!("{}-unknown-linux-gnu", std::env::consts::ARCH));
        let cache = dir.join("cache");
        let real = Host::read(triple.clone());
        let mut rustc = find::active(&real, Path::new(env!("CARGO_MANIFEST_DIR")), &cache).unwrap();
        // A sysroot like that of a fresh rustup toolchain: no source, no foreign std.
        let sysroot = dir.join("toolchains/stable-test");
        std::fs::create_dir_all(sysroot.join("lib/rustlib")).unwrap();
        std::fs::write(sysroot.join("lib/rustlib/multirust-channel-manifest.toml"), "").unwrap();
        rustc.sysroot = sysroot;
        let vars = [
            ("PATH", bin.display().to_string()),
            ("HOME", dir.display().to_string()),
            // Bound to the active rustc: what else is on this machine must not matter.
            ("RUSTC", rustc.program.display().to_string()),
        ];
        let host = Host::new(triple, vars.map(|(k, v)| (k.into(), v.into())));
        Self { dir, host, rustc }
    }

    fn run(&self, wants: &[Want], said: &mut Said) -> setup::SetupReport {
        let (cache, targets) = (self.dir.join("cache"), targets(wants));
        let context = SetupContext {
            host: &self.host,
            cache: &cache,
            workspace: &self.dir,
            rustc: &self.rustc,
            least: None,
            targets: &targets,
            jobs: None,
        };
        // The tools are found by PATH when they are started, too.
        setup::run(wants, &context, said).unwrap()
    }

    fn log(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.dir.join("log")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

fn targets(wants: &[Want]) -> Vec<Triple> {
    let of = |want: &Want| match want {
        Want::Std(target) => Some(target.clone()),
        _ => None,
    };
    wants.iter().filter_map(of).collect()
}

fn gnu() -> Want {
    Want::Std(Triple::parse("aarch64-unknown-linux-gnu"))
}

const RUSTUP_ADDS: &str = "for last; do :; done; d=$bin/../toolchains/stable-test/lib/rustlib/$last/lib; \
    mkdir -p $d; echo std > $d/libstd-1.rlib; echo 'info: downloading component rust-std'";
const RUSTUP_FAILS: &str = "echo 'error: could not download: the network is down' >&2; exit 1";

#[test]
fn rustup_adds_a_std_and_it_is_seen() {
    let lab = Lab::new("rustup", &[("rustup", RUSTUP_ADDS)]);
    let mut said = Said { agree: true, ..Said::default() };
    let report = lab.run(&[gnu()], &mut said);
    let line = "rustup target add --toolchain stable-test aarch64-unknown-linux-gnu";
    assert_eq!((said.asked, said.begun), (vec![line.to_owned()], vec![line.to_owned()]));
    assert_eq!(said.progress, ["info: downloading component rust-std"]);
    assert!(report.met.contains(&gnu()) && report.error().is_none(), "{report:?}");
    assert_eq!(lab.log(), [line]);
    // The second time there is nothing to do, and nothing is asked.
    let mut said = Said::default();
    assert!(lab.run(&[gnu()], &mut said).error().is_none());
    assert!(said.asked.is_empty() && lab.log().len() == 1);
}

#[test]
fn what_failed_says_what_was_tried_and_its_last_words() {
    let lab = Lab::new("fails", &[("rustup", RUSTUP_FAILS)]);
    let report = lab.run(&[gnu()], &mut Said { agree: true, ..Said::default() });
    let error = report.error().unwrap();
    assert_eq!(error.kind.code(), 3);
    let text = error.to_string();
    assert!(text.starts_with("could not be installed: a std for aarch64-unknown-linux-gnu"), "{text}");
    assert!(text.contains("rustup target add --toolchain stable-test"), "{text}");
    assert!(text.contains("the network is down"), "{text}");
}

#[test]
fn nothing_runs_without_consent() {
    let lab = Lab::new("declined", &[("rustup", RUSTUP_ADDS)]);
    let mut said = Said::default();
    let report = lab.run(&[gnu()], &mut said);
    assert!(report.declined && said.begun.is_empty() && said.asked.len() == 1, "{report:?}");
    assert_eq!(report.error().unwrap().kind.code(), 3);
    assert_eq!(lab.log(), Vec::<String>::new());
}

/// A cross gcc as far as it is asked where its files lie; `ar` is the real one.
#[test]
fn a_musl_gcc_fills_a_std_and_a_wrapper_of_the_hosts_gcc_does_not() {
    use xtask_compilers::rust_std::self_contained::{SelfContainedSource, complete, fill, folder};
    if !Path::new("/usr/bin/ar").is_file() {
        return skipped("a_musl_gcc_fills_a_std_and_a_wrapper_of_the_hosts_gcc_does_not", "ar");
    }
    let script = "case $1 in -dumpmachine) echo $(cat $bin/../machine);; -print-prog-name=ar) echo /usr/bin/ar;; \
                  *) echo $bin/../lib/${1#-print-file-name=};; esac";
    let lab = Lab::new("gcc", &[("gcc", script)]);
    let lib = lab.dir.join("lib");
    std::fs::create_dir_all(&lib).unwrap();
    for name in ["crt1", "rcrt1", "crti", "crtn", "crtbegin", "crtbeginS", "crtend", "crtendS"] {
        std::fs::write(lib.join(format!("{name}.o")), name).unwrap();
    }
    for name in ["c", "gcc", "gcc_eh"] {
        std::fs::write(lib.join(format!("member-{name}")), name).unwrap();
        let ar = xtask_process::exec::Cmd::new("/usr/bin/ar").args(["rc", &format!("lib{name}.a")]);
        let ar =
            ar.arg(format!("member-{name}")).cwd(&lib).capture(std::time::Duration::from_secs(20)).unwrap();
        assert!(ar.ok(), "{}", ar.errors());
    }
    let target = Triple::parse("aarch64-unknown-linux-musl");
    let (sysroot, gcc) = (lab.dir.join("cache/std/one"), SelfContainedSource::Gcc(lab.dir.join("bin/gcc")));
    let fill = || fill(&sysroot, &target, &gcc, &mut |_| ());
    std::fs::write(lab.dir.join("machine"), "aarch64-linux-gnu").unwrap();
    assert!(fill().unwrap_err().what.contains("compiles for aarch64-linux-gnu, not for musl"));
    assert!(!complete(&sysroot, &target));
    std::fs::write(lab.dir.join("machine"), "aarch64-linux-musl").unwrap();
    fill().unwrap();
    assert!(complete(&sysroot, &target));
    let read = |name: &str| std::fs::read(folder(&sysroot, &target).join(name)).unwrap();
    assert_eq!(read("libunwind.a"), std::fs::read(lib.join("libgcc_eh.a")).unwrap());
    let merged = String::from_utf8_lossy(&read("libc.a")).into_owned();
    assert!(merged.contains("member-c") && merged.contains("member-gcc/"), "{merged}");
    // A std whose start files were lost is filled again.
    std::fs::remove_file(folder(&sysroot, &target).join("rcrt1.o")).unwrap();
    assert!(!complete(&sysroot, &target));
    fill().unwrap();
    assert_eq!(read("rcrt1.o"), b"rcrt1");
}

#[test]
fn zig_comes_from_pip_with_its_hash() {
    let real = Host::read(Triple::parse("x86_64-unknown-linux-gnu"));
    let python = real.program("python3");
    let Some(python) = python.filter(|p| {
        let pip = xtask_process::exec::Cmd::new(p).args(["-m", "pip", "--version"]);
        pip.capture(std::time::Duration::from_secs(60)).is_ok_and(|o| o.ok())
    }) else {
        return skipped("zig_comes_from_pip_with_its_hash", "a python3 with pip");
    };
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("setup-zig");
    let _ = std::fs::remove_dir_all(&cache);
    let mut lines = Vec::new();
    let zig = setup::zig::install(&python, &cache, &mut |l| lines.push(l.to_owned())).unwrap();
    assert_eq!(Some(&zig), setup::zig::program(&cache).as_ref());
    assert!(lines.iter().any(|l| l.contains("--require-hashes")), "{lines:?}");
    let left: Vec<_> =
        std::fs::read_dir(cache.join("zig")).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name == setup::zig::VERSION || name.to_string_lossy().ends_with(".lock")));
    // Once it is there, pip is not asked again.
    assert_eq!(setup::zig::install(Path::new("/nonexistent"), &cache, &mut |_| ()).unwrap(), zig);
    std::fs::remove_dir_all(&cache).unwrap();
}

/// `native` makes its module with the zig that setup installs, and knows nothing of xtask.
#[test]
fn the_recipe_of_native_looks_where_zig_is_installed() {
    assert_eq!(recipe::ZIG, setup::zig::VERSION);
    let cases: [&[(&str, &str)]; 5] = [
        &[("HOME", "/h")],
        &[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")],
        &[("HOME", "/h"), ("XDG_CACHE_HOME", "not/absolute")],
        &[("HOME", "/h"), ("XDG_CACHE_HOME", "/x"), ("XTASK_CACHE_DIR", "/c")],
        &[],
    ];
    for vars in cases {
        let triple = Triple::parse("x86_64-unknown-linux-gnu");
        let host = Host::new(triple, vars.iter().map(|(k, v)| (k.into(), v.into())));
        let ours = xtask_process::cache::dir(&host, "linux").ok();
        let ours = ours.map(|cache| setup::zig::place(&cache).join("ziglang/zig"));
        assert_eq!(recipe::installed(|name| host.var(name).map(str::to_owned)), ours, "{vars:?}");
    }
}

#[test]
fn libraries_of_python_come_from_pip_with_their_hashes() {
    use xtask_setup::PythonLibrary;
    let real = Host::read(Triple::parse("x86_64-unknown-linux-gnu"));
    let ask = |python: &std::path::PathBuf, args: &[&str]| {
        let cmd = xtask_process::exec::Cmd::new(python).args(args);
        cmd.capture(std::time::Duration::from_secs(60)).is_ok_and(|output| output.ok())
    };
    let python = real.program("python3").filter(|python| {
        let new_enough = "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))";
        ask(python, &["-m", "pip", "--version"]) && ask(python, &["-c", new_enough])
    });
    let Some(python) = python else {
        return skipped(
            "libraries_of_python_come_from_pip_with_their_hashes",
            "a python3 of 3.11 to 3.14 with pip",
        );
    };
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("setup-libraries");
    let _ = std::fs::remove_dir_all(&cache);
    for (library, folder) in [
        (PythonLibrary::Cyclonedx, "jsonschema"),
        (PythonLibrary::InToto, "google"),
        (PythonLibrary::Workflows, "check_jsonschema"),
    ] {
        let mut lines = Vec::new();
        library.install(&python, &cache, &mut |line| lines.push(line.to_owned())).unwrap();
        assert!(lines.iter().any(|line| line.contains("--require-hashes")), "{lines:?}");
        assert!(library.python(&python, &cache).is_some());
        // What is there is not fetched again; what does not work any more is.
        lines.clear();
        library.install(&python, &cache, &mut |line| lines.push(line.to_owned())).unwrap();
        assert_eq!(lines, [""; 0]);
        std::fs::remove_dir_all(library.place(&cache).join(folder)).unwrap();
        library.install(&python, &cache, &mut |line| lines.push(line.to_owned())).unwrap();
        assert!(!lines.is_empty() && library.python(&python, &cache).is_some());
    }
    std::fs::remove_dir_all(&cache).unwrap();
}
