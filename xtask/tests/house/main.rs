//! The absences that ARCHITECTURE.md promises, held against the sources. What a compiler or clippy can hold (unsafe code,
//! `Command::new`) they hold; this test also sees what they do not: uses through other crates, words in strings, and
//! the exceptions, each with its reason.

mod names;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Something that stands nowhere but in a few files.
struct Absence {
    /// What ARCHITECTURE.md calls it.
    what: &'static str,
    /// The folders that it holds for, from the root of the repository.
    within: &'static [&'static str],
    /// The text that may not be there.
    words: &'static [&'static str],
    /// The files, or folders, in which it may be.
    except: &'static [&'static str],
}

const ABSENCES: [Absence; 11] = [
    Absence {
        what: "no process is started outside exec.rs",
        within: &["xtask/src", "xtask/crates"],
        // cargo_metadata only reads what exec.rs captured; its `exec` would start cargo by itself.
        words: &["process::Command", "Command::new", "xshell::", "MetadataCommand::new", ".exec("],
        except: &["xtask/crates/process/src/exec.rs", "xtask/crates/process/src/exec/"],
    },
    Absence {
        what: "nothing is printed outside ui.rs",
        within: &["xtask/src", "xtask/crates"],
        words: &["println!", "print!", "eprint!", "dbg!", "io::stdout()", "io::stderr()"],
        // The next five are what runs in place of a compiler: they speak to whoever called that compiler. The last is
        // a program of its own, which the probe compiles.
        except: &[
            "xtask/crates/process/src/ui.rs",
            "xtask/crates/process/src/ui/",
            "xtask/crates/process/src/exec.rs",
            "xtask/crates/compilers/src/toolchain/stand_in.rs",
            "xtask/crates/compilers/src/toolchain/mapped_link.rs",
            "xtask/src/compile_cache/stand_in.rs",
            "xtask/src/trap.rs",
            "xtask/crates/compilers/src/toolchain/probe/probe.rs",
        ],
    },
    Absence {
        what: "no triple is looked into outside triple.rs",
        within: &["xtask/src", "xtask/crates", "native/src", "app/src"],
        words: &[
            "contains(\"musl",
            "contains(\"gnu",
            "contains(\"linux",
            "contains(\"windows",
            "contains(\"darwin",
            "contains(\"apple",
            "contains(\"x86",
            "contains(\"aarch64",
            "contains(\"arm",
            "contains(\"riscv",
            "contains(\"wasm",
            "ends_with(\"musl",
            "ends_with(\"-musl",
            "ends_with(\"gnu",
            "ends_with(\"-gnu",
            "ends_with(\"windows",
            "starts_with(\"x86",
            "starts_with(\"aarch64",
            "starts_with(\"arm",
            "starts_with(\"riscv",
            "starts_with(\"wasm",
            ".split('-')",
        ],
        // "Did you mean" compares the words of names, whatever they are names of.
        except: &["xtask/crates/triple/src/lib.rs", "xtask/crates/config/src/suggest.rs"],
    },
    Absence {
        what: "no order that differs from run to run",
        within: &["xtask/src", "xtask/crates", "native/src", "app/src"],
        words: &["HashMap", "HashSet"],
        except: &[],
    },
    Absence {
        what: "no unsafe code outside what native calls C through",
        within: &["xtask/src", "xtask/crates", "native/src", "app/src"],
        words: &["unsafe fn", "unsafe {", "unsafe impl", "unsafe extern", "allow(unsafe_code"],
        // The probe's program is compiled by the probe, not into this program.
        except: &[
            "native/src/dlopen.rs",
            "native/src/ffi/",
            "xtask/crates/compilers/src/toolchain/probe/probe.rs",
        ],
    },
    Absence {
        what: "no network outside registry/: what else is fetched, Cargo, rustup, apt and pip fetch",
        within: &["xtask/src", "xtask/crates", "native/src"],
        words: &["std::net", "TcpStream", "UdpSocket", "ureq::"],
        except: &["xtask/crates/registry/src/"],
    },
    Absence {
        what: "no clock, no environment and no process where the bytes of images are made",
        within: &["xtask/crates/oci/src", "xtask/src/archive.rs"],
        words: &["::now()", "env::", "exec::", "Cmd::"],
        except: &[],
    },
    Absence {
        what: "no file, no environment and no process where it is decided",
        within: &[
            "xtask/src/plan.rs",
            "xtask/src/plan",
            "xtask/crates/compilers/src/rustflags.rs",
            "xtask/src/cargo/cohort.rs",
            "xtask/crates/setup/src/steps.rs",
            "xtask/crates/gate/src/check.rs",
            "xtask/crates/gate/src/rules.rs",
            "xtask/crates/report/src/timing/stats.rs",
            "xtask/crates/report/src/timing/ratio.rs",
            "xtask/crates/report/src/timing/schedule.rs",
            "xtask/crates/report/src/timing/bootstrap.rs",
            "xtask/crates/report/src/timing/random.rs",
            "xtask/crates/report/src/timing/stop.rs",
        ],
        words: &["std::fs", "std::env", "::now()", ".capture("],
        except: &[],
    },
    Absence {
        what: "no change of what all threads share: variables, working directory",
        within: &["xtask/src", "xtask/crates", "native/src", "app/src"],
        words: &["set_var(", "remove_var(", "set_current_dir("],
        except: &[],
    },
    Absence {
        what: "no end of the process outside main.rs",
        within: &["xtask/src", "xtask/crates", "native/src", "app/src"],
        words: &["process::exit", "process::abort"],
        // Ctrl-C: the signal ends what was started, then this process.
        except: &["xtask/crates/process/src/exec/group.rs"],
    },
    Absence {
        what: "no panic on bad input: what can fail returns an error",
        within: &["xtask/src", "xtask/crates", "native/src", "app/src"],
        words: &[".unwrap()", ".expect(", "panic!(", "todo!(", "unimplemented!("],
        // Its own types as JSON, which have no key that is not a string; a WebAssembly module that is part of this
        // program, held by its digest, and breaks what its own tests promise.
        except: &["xtask/crates/report/src/json.rs", "native/src/wasm.rs", "native/src/wasm/instance.rs"],
    },
];

/// Where the variables of the environment are read: once, by host.rs. Everything that decides is told.
const READS_VARIABLES: [&str; 9] = [
    "xtask/crates/process/src/host.rs",
    // Names of descriptors, which every command that is started inherits.
    "xtask/crates/process/src/exec/jobserver.rs",
    // How to print.
    "xtask/crates/process/src/ui.rs",
    "xtask/src/commands/test.rs",
    // Facts for timings.json.
    "xtask/crates/report/src/timing/host.rs",
    // What runs in place of a compiler is told by variables.
    "xtask/crates/compilers/src/toolchain/stand_in.rs",
    "xtask/src/compile_cache/stand_in.rs",
    "xtask/src/trap.rs",
    "xtask/src/trap/pkg_config.rs",
];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every Rust file under `within`, by its path from the root of the repository, with `/`.
fn sources(within: &str) -> Vec<String> {
    let root = repository();
    let mut found = Vec::new();
    let mut todo = vec![root.join(within)];
    while let Some(path) = todo.pop() {
        if path.is_dir() {
            todo.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|e| e == "rs") {
            let path = path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
            found.push(path);
        }
    }
    found.sort();
    found
}

fn starts_tests(line: &str) -> bool {
    ["#[cfg(test)]", "#[cfg(all(test"].iter().any(|attribute| line.trim_start().starts_with(attribute))
}

/// The lines of a file, numbered, without comments and without the tests at its end. Tests and what they share have none.
fn code(path: &str) -> Vec<(usize, String)> {
    let only_tests = path.ends_with("/tests.rs")
        || path.contains("/tests/")
        || path.starts_with("xtask/crates/test-support/");
    if only_tests {
        return Vec::new();
    }
    let text = std::fs::read_to_string(repository().join(path)).unwrap();
    let shipped = text.lines().take_while(|line| !starts_tests(line));
    let numbered = shipped.enumerate().map(|(at, line)| (at + 1, line.to_owned()));
    numbered.filter(|(_, line)| !line.trim_start().starts_with("//")).collect()
}

/// Every line in `within` that has one of `words`, as `file:line: text`.
fn hits(within: &[&str], words: &[&str], except: &[&str]) -> Vec<String> {
    let excepted =
        |path: &str| except.iter().any(|e| path == *e || (e.ends_with('/') && path.starts_with(e)));
    let files = within.iter().flat_map(|w| sources(w)).filter(|path| !excepted(path));
    let lines =
        files.flat_map(|path| code(&path).into_iter().map(move |(at, line)| (path.clone(), at, line)));
    let hit = lines.filter(|(_, _, line)| words.iter().any(|word| line.contains(word)));
    hit.map(|(path, at, line)| format!("{path}:{at}: {}", line.trim())).collect()
}

#[test]
fn what_stands_nowhere_in_the_code() {
    let mut broken = Vec::new();
    for Absence { what, within, words, except } in ABSENCES {
        let found = hits(within, words, except);
        if !found.is_empty() {
            broken.push(format!("{what}:\n  {}", found.join("\n  ")));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn variables_are_read_in_few_places() {
    let found =
        hits(&["xtask/src", "xtask/crates"], &["env::var(", "env::var_os(", "env::vars"], &READS_VARIABLES);
    assert!(found.is_empty(), "read by host.rs, handed on as an argument:\n  {}", found.join("\n  "));
}

/// What `Host::var` takes for not set, since it is no text, is refused at the start: for that its names must be known.
#[test]
fn every_variable_that_is_read_is_on_the_list() {
    let mut read = 0;
    for path in sources("xtask/src").into_iter().chain(sources("xtask/crates")) {
        let text = std::fs::read_to_string(repository().join(&path)).unwrap();
        let names = text.split("host.var(\"").skip(1).filter_map(|rest| rest.split('"').next());
        for name in names {
            read += 1;
            assert!(xtask_process::host::READ.contains(&name), "{path}: host::READ does not have {name}");
        }
    }
    assert!(read > 10);
}

/// The crates of xtask, as the folders of their sources.
fn crates() -> Vec<String> {
    let crates = repository().join("xtask/crates");
    let below = std::fs::read_dir(crates).unwrap().map(|entry| entry.unwrap().path().join("src"));
    let below = below.filter(|src| src.is_dir());
    let names = below.map(|src| src.strip_prefix(repository()).unwrap().to_str().unwrap().to_owned());
    let mut all: Vec<String> = names.chain(["xtask/src".to_owned()]).collect();
    all.sort();
    all
}

/// Which module at the top of a crate holds a file: `gate/src/dso/read.rs` is of `dso`. None for the root itself.
fn module_of(src: &str, path: &str) -> Option<String> {
    let inside = path.strip_prefix(src)?.trim_start_matches('/');
    let top = inside.split('/').next()?.trim_end_matches(".rs");
    (!["lib", "main"].contains(&top)).then(|| top.to_owned())
}

/// The names that a file takes from the root of its crate: `crate::a::b`, `crate::{a, b::c}`, and the same by `super::`.
fn taken_from_root(text: &str, depth: usize) -> Vec<String> {
    let supers = "super::".repeat(depth);
    let mut names = Vec::new();
    for root in ["crate::", supers.as_str()] {
        for (at, _) in text.match_indices(root) {
            let before = text[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let rest = &text[at + root.len()..];
            let Some(group) = rest.strip_prefix('{') else {
                names.extend(first_name(rest));
                continue;
            };
            let mut level = 0;
            let mut start = 0;
            for (i, c) in group.char_indices() {
                match c {
                    '{' => level += 1,
                    '}' | ',' if level == 0 => {
                        names.extend(first_name(group[start..i].trim_start()));
                        start = i + 1;
                        if c == '}' {
                            break;
                        }
                    }
                    '}' => level -= 1,
                    _ => {}
                }
            }
        }
    }
    names
}

fn first_name(text: &str) -> Option<String> {
    let name: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

/// What the root of a crate hands on from its modules: `pub use digest::{Digest, Hasher};` is two names of `digest`.
fn handed_on(src: &str) -> BTreeMap<String, String> {
    let file = format!("{src}/lib.rs");
    let text: String = code(&file).into_iter().map(|(_, line)| line + " ").collect();
    let mut names = BTreeMap::new();
    for statement in text.split("pub use ").skip(1).filter_map(|rest| rest.split(';').next()) {
        let Some((module, items)) = statement.split_once("::") else { continue };
        for item in items.trim_matches(['{', '}']).split(',').filter(|item| !item.trim().is_empty()) {
            let name = item.rsplit(" as ").next().unwrap().trim();
            names.insert(name.to_owned(), module.to_owned());
        }
    }
    names
}

/// The modules at the top of a crate, each with those that it imports.
fn imports(src: &str) -> BTreeMap<String, BTreeSet<String>> {
    let files: Vec<String> = sources(src);
    let modules: BTreeSet<String> = files.iter().filter_map(|path| module_of(src, path)).collect();
    let handed_on = handed_on(src);
    let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for path in &files {
        let Some(own) = module_of(src, path) else { continue };
        let text: String = code(path).into_iter().map(|(_, line)| line + "\n").collect();
        let inside = path.strip_prefix(src).unwrap().trim_start_matches('/');
        let depth = inside.split('/').count() - usize::from(inside.ends_with("/mod.rs"));
        let of_root = taken_from_root(&text, depth).into_iter();
        let taken = of_root.map(|name| handed_on.get(&name).cloned().unwrap_or(name));
        let others = taken.filter(|name| modules.contains(name) && *name != own);
        imports.entry(own.clone()).or_default().extend(others);
    }
    imports
}

/// What a module reaches by imports, itself only where they lead back to it.
fn reached(from: &str, imports: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut todo = vec![from.to_owned()];
    while let Some(module) = todo.pop() {
        for next in imports.get(&module).into_iter().flatten() {
            if reached.insert(next.clone()) {
                todo.push(next.clone());
            }
        }
    }
    reached
}

/// Cargo keeps crates in layers; inside of a crate this test does. Files that lie in one folder may import each other; a
/// folder and what lies outside of it may not, not even by way of a third.
#[test]
fn no_folder_is_part_of_an_import_circle() {
    let mut circles = Vec::new();
    for src in crates() {
        let imports = imports(&src);
        let folders = imports.keys().filter(|module| repository().join(&src).join(module).is_dir());
        for folder in folders {
            let back = reached(folder, &imports);
            if back.contains(folder) {
                let members = back.iter().filter(|m| reached(m, &imports).contains(folder));
                circles.push(format!("{src}: {}", members.cloned().collect::<Vec<_>>().join(", ")));
            }
        }
    }
    circles.sort();
    circles.dedup();
    assert!(circles.is_empty(), "these modules import each other:\n  {}", circles.join("\n  "));
}

#[test]
fn imports_are_read_in_every_spelling() {
    let text = "use crate::a::b;\nuse crate::{c, d::{e, f}, g};\nuse super::h;\nxcrate::no();\nfn x() { super::i::y() }\n";
    let mut names = taken_from_root(text, 1);
    names.sort();
    assert_eq!(names, ["a", "c", "d", "g", "h", "i"]);
    assert_eq!(taken_from_root("use super::super::a; use super::b;", 2), ["a"]);
}

/// A list of exceptions that nobody needs any more hides the next one that nobody wants.
#[test]
fn every_place_named_here_is_there_and_needed() {
    let root = repository();
    for Absence { what, within, words, except } in ABSENCES {
        for place in within.iter().chain(except) {
            assert!(root.join(place).exists(), "{what}: {place} is not there");
        }
        for place in except {
            let inside = place.trim_end_matches('/');
            assert!(!hits(&[inside], words, &[]).is_empty(), "{what}: {place} needs no exception");
        }
    }
    for place in READS_VARIABLES {
        assert!(!hits(&[place], &["env::var"], &[]).is_empty(), "{place} needs no exception");
    }
}

/// A test that is switched off looks like one that passes.
#[test]
fn no_test_is_ignored() {
    let ignore = concat!("#[", "ignore");
    let places =
        ["xtask/src", "xtask/crates", "xtask/tests", "native/src", "native/tests", "app/src", "app/tests"];
    let found: Vec<String> = places
        .iter()
        .flat_map(|place| sources(place))
        .filter(|path| std::fs::read_to_string(repository().join(path)).unwrap().contains(ignore))
        .collect();
    assert!(found.is_empty(), "{}", found.join(", "));
}
