//! Finds what a cargo call is doing now by looking at the processes below this one. Cargo itself does not
//! report what it waits for while a build script compiles C.

use std::collections::BTreeMap;
use std::time::Duration;

use xtask_process::exec::processes::{self, Process};
use xtask_process::ui::Moment;
use xtask_trace::{build_script, crate_name, links, source};

/// Returns what runs below this program.
pub fn look() -> Moment {
    Moment { far: String::new(), now: running(&processes::below(std::process::id())) }
}

/// Returns what these processes work on, each with its age: `rustc: tokio`, `link: app`,
/// `C: sqlite3.c of libsqlite3-sys`, `build script of ring`. Processes that only wait for others and unknown
/// programs are left out.
pub fn running(processes: &[Process]) -> Vec<(String, Duration)> {
    let mut children: BTreeMap<u32, Vec<&Process>> = BTreeMap::new();
    for process in processes {
        children.entry(process.parent).or_default().push(process);
    }
    let mut tree = ProcessTree { children, found: Vec::new() };
    let known = |id: u32| processes.iter().any(|process| process.id == id);
    for process in processes.iter().filter(|process| !known(process.parent)) {
        tree.visit(process, None);
    }
    tree.found
}

/// Processes by their parent, and the tasks found among them.
struct ProcessTree<'p> {
    children: BTreeMap<u32, Vec<&'p Process>>,
    found: Vec<(String, Duration)>,
}

impl<'p> ProcessTree<'p> {
    /// Adds the task of a process, or the tasks of its children. `package` is the package whose build script
    /// started the process.
    fn visit(&mut self, process: &'p Process, package: Option<&str>) {
        let children = self.children.get(&process.id).cloned().unwrap_or_default();
        if let Some(name) =
            crate_name(&process.words).filter(|_| !children.iter().any(|c| crate_name(&c.words).is_some()))
        {
            match children.iter().find(|child| links(&child.words)) {
                Some(linker) => self.found.push((format!("link: {name}"), linker.age)),
                None => self.found.push((format!("rustc: {name}"), process.age)),
            }
            return;
        }
        // A driver starts compilers of its own for the same file.
        if let Some((language, file)) = source(&process.words) {
            let of = package.map(|package| format!(" of {package}")).unwrap_or_default();
            self.found.push((format!("{language}: {file}{of}"), process.age));
            return;
        }
        let script = build_script(&process.words);
        let before = self.found.len();
        for child in children {
            self.visit(child, script.or(package));
        }
        if let Some(package) = script.filter(|_| self.found.len() == before) {
            self.found.push((format!("build script of {package}"), process.age));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs [`running`] on processes with these numbers, parents, ages in seconds and command lines.
    fn said(list: &[(u32, u32, u64, &str)]) -> Vec<String> {
        let process = |(id, parent, age, line): &(u32, u32, u64, &str)| Process {
            id: *id,
            parent: *parent,
            age: Duration::from_secs(*age),
            words: line.split(' ').map(str::to_owned).collect(),
        };
        let list: Vec<Process> = list.iter().map(process).collect();
        running(&list).into_iter().map(|(name, age)| format!("{name} {}", age.as_secs())).collect()
    }

    const CARGO: (u32, u32, u64, &str) = (2, 1, 90, "/usr/bin/cargo build --package app");

    #[test]
    fn c_is_named_once_with_the_package_whose_build_script_compiles_it() {
        let script =
            "/t/xtask/build/native-1/release/build/libsqlite3-sys-0123456789abcdef/build-script-build";
        let cc = "aarch64-linux-gnu-gcc-12 -O2 -MF x.d -o /t/sqlite3.o -c sqlite3/sqlite3.c";
        let cc1 = "/usr/libexec/gcc/cc1 -quiet sqlite3/sqlite3.c -o /tmp/x.s";
        let all =
            [CARGO, (3, 2, 50, script), (4, 3, 48, cc), (5, 4, 48, cc1), (6, 4, 47, "as -o x.o /tmp/x.s")];
        assert_eq!(said(&all), ["C: sqlite3.c of libsqlite3-sys 48"]);
        assert_eq!(said(&all[..2]), ["build script of libsqlite3-sys 50"]);
        // The child is an unknown program.
        assert_eq!(
            said(&[CARGO, (3, 2, 50, script), (4, 3, 40, "perl Configure")]),
            ["build script of libsqlite3-sys 50"]
        );
    }

    #[test]
    fn compilers_behind_build_systems_and_wrappers_are_found() {
        let script = "build/ring-core-0123456789abcdef/build-script-main";
        for (driver, expected) in [
            ("clang++-14 -c a/x.cc", "C++: x.cc of ring-core 7"),
            ("/opt/zig/zig cc -target x86_64-linux-musl -c x.S -o x.o", "assembler: x.S of ring-core 7"),
            ("/bin/sh /w/wrappers/a-zig-1/cc -c x.c", "C: x.c of ring-core 7"),
            ("ccache gcc -include pre.c -c x.c", "C: x.c of ring-core 7"),
        ] {
            let all = [CARGO, (3, 2, 9, script), (4, 3, 8, "cmake --build ."), (5, 4, 8, "make -j2")];
            let all: Vec<_> = all.into_iter().chain([(6, 5, 7, driver)]).collect();
            assert_eq!(said(&all), [expected], "{driver}");
        }
        // No source file, no compiler, or no known parent.
        for line in ["gcc -shared x.o -o libx.so", "cp x.c y.c", "gcc -E -", "gcc -o x.c"] {
            assert_eq!(said(&[CARGO, (3, 2, 1, line)]), [""; 0], "{line}");
        }
        assert_eq!(said(&[(3, 2, 1, "cc -c x.c")]), ["C: x.c 1"]);
    }

    #[test]
    fn rustc_compiles_or_waits_for_a_linker() {
        let rustc = "/r/bin/rustc --crate-name tokio --edition=2021 /c/tokio/src/lib.rs --out-dir /t/deps";
        assert_eq!(said(&[CARGO, (3, 2, 4, rustc)]), ["rustc: tokio 4"]);
        let linker = "cc -m64 /tmp/rustc1/symbols.o /t/deps/app.o -o /t/deps/app";
        assert_eq!(said(&[CARGO, (3, 2, 4, rustc), (4, 3, 2, linker)]), ["link: tokio 2"]);
        let long = "/bin/sh /w/zig-cc @/tmp/rustc1/linker-arguments";
        assert_eq!(said(&[CARGO, (3, 2, 4, rustc), (4, 3, 2, long)]), ["link: tokio 2"]);
        // A process that a macro starts is not a linker.
        assert_eq!(said(&[CARGO, (3, 2, 4, rustc), (4, 3, 2, "git rev-parse")]), ["rustc: tokio 4"]);
        // A wrapper and the rustc that it started.
        let wrapper = format!("sccache {rustc}");
        let all = [CARGO, (3, 2, 4, &wrapper), (4, 3, 3, rustc), (5, 4, 1, linker)];
        assert_eq!(said(&all), ["link: tokio 1"]);
    }

    #[test]
    fn the_crates_of_build_scripts_are_told_apart() {
        let rustc = "rustc --crate-name build_script_build /c/ring-0.17/build.rs --out-dir /t/build/ring-0123456789abcdef";
        assert_eq!(said(&[CARGO, (3, 2, 4, rustc)]), ["rustc: build script of ring 4"]);
        assert_eq!(said(&[CARGO, (3, 2, 4, "rustc - --crate-name ___ --print=file-names")]), [""; 0]);
        assert_eq!(said(&[]), [""; 0]);
    }
}
