//! Traps: which calls they stop, which they let through, and what they write down.

use std::path::{Path, PathBuf};
use std::time::Duration;

use xtask::trap::{self, Traps};
use xtask_process::exec::{Cmd, Output, ProcessEnd};

use crate::support::{ARM_MUSL, GNU, MUSL, Machine, triple};

/// A machine with a compiler that says what it was called with, and traps in front of it.
struct Trapped {
    machine: Machine,
    traps: Traps,
}

impl Trapped {
    fn new() -> Self {
        let machine = Machine::with(&["aarch64-linux-gnu-gcc-12", "rustc"]);
        machine.program("cc", "echo real \"$@\"");
        Self::on(machine)
    }

    fn on(machine: Machine) -> Self {
        let this = Path::new(env!("CARGO_BIN_EXE_cargo-xtask"));
        let traps = trap::set(
            &machine.path().join("t"),
            &machine.path().join("log"),
            &machine.host(),
            &Default::default(),
            this,
        )
        .unwrap();
        Self { machine, traps }
    }

    fn dir(&self, place: &str) -> PathBuf {
        self.machine.path().join("target").join(place)
    }

    /// Calls what stands under a name on PATH, as a build script with this `OUT_DIR` would.
    fn call(&self, program: &str, args: &[&str], out_dir: Option<&str>) -> Output {
        let env = self.traps.env(&self.machine.host(), &[&triple(ARM_MUSL)], &self.dir(""));
        let first = std::env::split_paths(&env["PATH"]).next().unwrap();
        let file = match program.starts_with('/') {
            true => PathBuf::from(program),
            false => first.join(program),
        };
        let mut cmd =
            Cmd::new(file).args(args).env("CARGO_PKG_NAME", "dep").env("CARGO_PKG_VERSION", "1.2.3");
        cmd.clear_env = true;
        let cmd = env.iter().fold(cmd, |cmd, (key, value)| cmd.env(key, value));
        let cmd = out_dir.iter().fold(cmd, |cmd, place| cmd.env("OUT_DIR", self.dir(place)));
        cmd.capture(Duration::from_secs(30)).unwrap()
    }

    fn lines(&self) -> Vec<String> {
        let line = |h: &trap::Hit| format!("{}: {}", h.target.as_deref().unwrap_or("host"), h.line());
        self.traps.hits().unwrap().iter().map(line).collect()
    }
}

const FOR_TARGET: Option<&str> = Some("aarch64-unknown-linux-musl/release/build/dep-1/out");
const FOR_HOST: Option<&str> = Some("release/build/dep-2/out");

#[test]
fn a_call_for_the_target_fails_and_is_named() {
    let t = Trapped::new();
    let output = t.call("cc", &["-c", "a b.c"], FOR_TARGET);
    assert_eq!((output.end, output.text()), (ProcessEnd::Code(1), String::new()));
    assert!(output.errors().contains("dep 1.2.3 ran: cc -c 'a b.c'"), "{}", output.errors());
    assert_eq!(t.lines(), [format!("{ARM_MUSL}: dep 1.2.3 ran: cc -c 'a b.c'")]);
    // A cross compiler and an archiver are compilers, too, whether they are on this machine or not.
    for name in ["aarch64-linux-gnu-gcc-12", "ar", "c++", "cmake", "ranlib"] {
        assert_eq!(t.call(name, &[], FOR_TARGET).end, ProcessEnd::Code(1), "{name}");
    }
    assert_eq!(t.lines().len(), 6);
}

#[test]
fn a_call_for_the_host_goes_on_and_is_told() {
    let t = Trapped::new();
    assert_eq!(t.call("cc", &["-c", "x.c", "it's"], FOR_HOST).text(), "real -c x.c it's");
    // A folder whose name only begins like the target's is another one.
    assert_eq!(t.call("cc", &["z.c"], Some("aarch64-unknown-linux-musl2/x")).text(), "real z.c");
    assert_eq!(t.lines().len(), 2);
    assert!(t.lines().iter().all(|l| l.starts_with("host: dep 1.2.3 ran: cc ")), "{:?}", t.lines());
    // What is not there is not found, as without traps.
    assert_eq!(t.call("cmake", &[], FOR_HOST).end, ProcessEnd::Code(127));
    // Who hides where it builds to could build for a target.
    assert_eq!(t.call("cc", &["y.c"], None).end, ProcessEnd::Code(1));
}

/// A build script can take OUT_DIR out of what it starts; that must not make its C the host's.
#[test]
fn a_caller_that_does_not_say_whom_it_builds_for_counts_for_every_target() {
    let t = Trapped::new();
    assert_eq!(t.call("cc", &["y.c"], None).end, ProcessEnd::Code(1));
    assert_eq!(t.lines(), [format!("{ARM_MUSL}: dep 1.2.3 ran: cc y.c")]);
    let error = t.traps.judge("pure", &triple(ARM_MUSL)).unwrap_err();
    assert_eq!(error.found, ["dep 1.2.3 ran: cc y.c"]);
    assert!(t.traps.judge("pure", &triple(MUSL)).is_ok(), "another target's hit is not this one's");
}

#[test]
fn the_shim_lets_links_through_unseen_and_no_more() {
    let t = Trapped::new();
    let shim = t.traps.host_linker().unwrap().display().to_string();
    // rustc links the target's own program with the host's driver where the target is the host, OUT_DIR set.
    assert_eq!(t.call(&shim, &["a.o", "-o", "app"], FOR_TARGET).text(), "real a.o -o app");
    assert_eq!(t.call(&shim, &["@/tmp/linker-arguments"], None).text(), "real @/tmp/linker-arguments");
    assert!(t.lines().is_empty());
    assert_eq!(t.call(&shim, &["-c", "a.c"], FOR_TARGET).end, ProcessEnd::Code(1));
    assert_eq!(t.call(&shim, &["a.S", "-o", "app"], FOR_HOST).text(), "real a.S -o app");
    assert_eq!(t.lines().len(), 2);
}

/// ccache under the name of a compiler looks for the next program of that name on PATH.
#[test]
fn a_compiler_that_looks_for_its_own_name_does_not_find_the_trap() {
    let machine = Machine::new();
    let next = machine.path().join("next");
    let real = machine.program("../next/cc", "echo beyond \"$@\"");
    assert!(real.starts_with(machine.path()));
    let search = "self=$(dirname \"$0\"); IFS=:; for dir in $PATH; do [ \"$dir\" = \"$self\" ] && continue; \
                  [ -x \"$dir/cc\" ] && exec \"$dir/cc\" \"$@\"; done; echo none";
    machine.program("cc", search);
    let path = format!("{}:{}:/usr/bin:/bin", machine.path().join("bin").display(), next.display());
    let t = Trapped::on(machine.set("PATH", path));
    let shim = t.traps.host_linker().unwrap().display().to_string();
    assert_eq!(t.call(&shim, &["a.o"], FOR_TARGET).text(), "beyond a.o");
    assert!(t.lines().is_empty(), "{:?}", t.lines());
    assert_eq!(t.call("cc", &["-c", "a.c"], FOR_HOST).text(), "beyond -c a.c");
    assert_eq!(t.lines().len(), 1, "told once");
}

#[test]
fn every_spelling_leads_to_a_trap() {
    let t = Trapped::new();
    let host = t.machine.host();
    let env = t.traps.env(&host, &[&triple(MUSL), &triple(ARM_MUSL)], Path::new("/t"));
    for tool in ["CC", "CXX", "AR", "RANLIB", "CMAKE"] {
        let mut keys = vec![tool.to_owned(), format!("TARGET_{tool}"), format!("HOST_{tool}")];
        for t in [GNU, MUSL, ARM_MUSL] {
            keys.extend([format!("{tool}_{t}"), format!("{tool}_{}", t.replace('-', "_"))]);
        }
        for key in keys {
            let file = Path::new(&env[&key]);
            assert!(file.is_file(), "{key} leads to {}", file.display());
        }
    }
    let path: Vec<PathBuf> = std::env::split_paths(&env["PATH"]).collect();
    assert_eq!(path[1..], [t.machine.path().join("bin")], "the rest of PATH stays behind the traps");
    let trapped: Vec<_> = std::fs::read_dir(&path[0]).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert!(!trapped.iter().any(|name| name == "rustc"));
}

#[test]
fn a_log_that_cannot_be_read_proves_nothing() {
    let t = Trapped::new();
    assert!(t.lines().is_empty(), "no log, no hit");
    t.machine.file("log", "{\"krate\":\"a\",\"program\":\"cc\",\"args\":[],\"target\":null}\nhalf a li");
    assert!(t.traps.hits().unwrap_err().what.contains("broken line"));
    // And one that cannot be written fails the call, even for the host.
    let t = Trapped::new();
    std::fs::create_dir(t.machine.path().join("log")).unwrap();
    assert_eq!(t.call("cc", &["x.c"], FOR_HOST).end, ProcessEnd::Code(1));
}

#[test]
fn traps_are_written_once_and_anew_when_path_changes() {
    let t = Trapped::new();
    let dirs = || std::fs::read_dir(t.machine.path().join("t")).unwrap().count();
    let this = Path::new(env!("CARGO_BIN_EXE_cargo-xtask"));
    let again = || {
        trap::set(
            &t.machine.path().join("t"),
            &t.machine.path().join("log"),
            &t.machine.host(),
            &Default::default(),
            this,
        )
        .unwrap()
    };
    again();
    assert_eq!(dirs(), 1);
    t.machine.program("tcc", "");
    again();
    assert_eq!(dirs(), 2);
}
