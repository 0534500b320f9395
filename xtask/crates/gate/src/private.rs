//! Checks the shared libraries of a program that other machines do not have: those of the Rust toolchain that
//! built it, and those in a folder of its build. A program with such a library starts on the machine that
//! built it, so a smoke run there proves nothing.

use std::path::PathBuf;

use super::check::Finding;
use super::expect;
use super::facts::{Facts, Linkage};
use super::rules::{fail, warn};

/// A library that a program needs and that lies in a folder of its build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivateLibrary {
    /// The name under which the program needs it.
    pub name: String,
    /// The path of the library on the machine that built the program.
    pub path: PathBuf,
}

/// The properties of build and delivery that decide about a program's libraries.
#[derive(Debug, Clone, Copy, Default)]
pub struct LibraryContext<'a> {
    /// The libraries that lie in folders of the build.
    pub private: &'a [PrivateLibrary],
    /// The origin of `-Cprefer-dynamic` as a phrase, such as `RUSTFLAGS` or a file; none if no origin is
    /// known.
    pub prefers_dynamic: Option<&'a str>,
    /// Whether the program ships only in an archive, so that no image is checked with it.
    pub alone: bool,
}

/// The owner of a Rust library, recognized by the library's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RustLibrary {
    /// The standard library and the crates that come with it.
    Std,
    /// The compiler itself, with its crates (`rustc_…`) and LLVM.
    Compiler,
    /// A crate that was built as a dylib.
    Crate,
}

/// Libraries of glibc and gcc, which a machine with glibc has, or gets with the package of its C++ runtime.
const USUAL: [&str; 14] = [
    "libc.so.6",
    "libm.so.6",
    "libmvec.so.1",
    "libdl.so.2",
    "libpthread.so.0",
    "librt.so.1",
    "libutil.so.1",
    "libresolv.so.2",
    "libanl.so.1",
    "libnsl.so.1",
    "libgcc_s.so.1",
    "libstdc++.so.6",
    "libatomic.so.1",
    "libgomp.so.1",
];

/// Compares the libraries that a dynamic program needs with those that other machines have.
pub fn check_libraries(facts: &Facts, context: LibraryContext<'_>) -> Vec<Finding> {
    if facts.kind != Linkage::Dynamic {
        return Vec::new();
    }
    facts.needed.iter().filter_map(|name| one(name, facts, context)).collect()
}

fn one(name: &str, facts: &Facts, context: LibraryContext<'_>) -> Option<Finding> {
    let private = context.private.iter().find(|library| library.name == name);
    if let Some(of) = rust_library(name) {
        let what = match of {
            RustLibrary::Std | RustLibrary::Compiler => format!(
                "the program needs {name}, a library of the Rust toolchain that built it, which no other machine has"
            ),
            RustLibrary::Crate => {
                format!("the program needs {name}, a Rust library of its build, which no other machine has")
            }
        };
        return Some(fail(what, of.fix(context.prefers_dynamic)));
    }
    if name.contains('/') && !name.starts_with('/') {
        return Some(fail(
            format!("the program needs {name}, which it finds only if it is started in the build folder"),
            "link the library with `-l` and `-L` instead of its path, or give it a name of its own (`-Wl,-soname`)",
        ));
    }
    let static_fix =
        "link it statically (`cargo::rustc-link-lib=static=…`), or ship the program in an image that has it";
    if let Some(PrivateLibrary { path, .. }) = private {
        let what = format!(
            "the program needs {name}, which lies in a folder of the build ({}); the archive does not contain it",
            path.display()
        );
        // In an image this is only a warning: the library may be in the image, and another check searches it
        // there.
        return Some(if context.alone { fail(what, static_fix) } else { warn(what, static_fix) });
    }
    if !context.alone || facts.interpreter.is_none() || is_usual(name) {
        return None;
    }
    Some(warn(
        format!("the program needs {name}, which not every machine has; the archive does not contain it"),
        static_fix,
    ))
}

fn is_usual(name: &str) -> bool {
    USUAL.contains(&name) || expect::libc_of_interpreter(name).is_some()
}

/// Returns the owner of a library whose name has the form of rustc's libraries: `libstd-0123456789abcdef.so`,
/// `librustc_driver-….so`, `libLLVM.so.20.1-rust-1.90.0-stable`.
fn rust_library(name: &str) -> Option<RustLibrary> {
    if name.starts_with("libLLVM") && name.contains("-rust-") {
        return Some(RustLibrary::Compiler);
    }
    let stem = name.strip_prefix("lib")?.strip_suffix(".so")?;
    let (krate, hash) = stem.rsplit_once('-')?;
    if hash.len() != 16 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    Some(match krate {
        "std" | "test" | "proc_macro" => RustLibrary::Std,
        krate if krate.starts_with("rustc_") => RustLibrary::Compiler,
        _ => RustLibrary::Crate,
    })
}

impl RustLibrary {
    fn fix(self, prefers_dynamic: Option<&str>) -> String {
        let flag = match prefers_dynamic {
            Some(who) => format!("remove `-Cprefer-dynamic`, which is set by {who}"),
            None => "remove `-Cprefer-dynamic` from the flags of this target".to_owned(),
        };
        match self {
            Self::Std => format!("{flag}: then std is part of the program"),
            Self::Compiler => {
                "a program that uses rustc's own crates starts only together with the same Rust toolchain: ship it another way"
                    .to_owned()
            }
            Self::Crate => format!("{flag}, or the crate type `dylib` from the crate"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::Severity;
    use super::super::check::tests::program;
    use super::*;

    fn judged(needed: &[&str], context: LibraryContext<'_>) -> Vec<(Severity, String, String)> {
        let facts = Facts { needed: needed.iter().map(|name| (*name).to_owned()).collect(), ..program() };
        check_libraries(&facts, context).into_iter().map(|f| (f.severity, f.what, f.fix)).collect()
    }

    #[test]
    fn libraries_of_the_toolchain_are_on_no_other_machine() {
        for (name, fix) in [
            ("libstd-d1237ef7159db0a2.so", "remove `-Cprefer-dynamic` from the flags"),
            ("libtest-d1237ef7159db0a2.so", "remove `-Cprefer-dynamic` from the flags"),
            ("librustc_driver-0123456789abcdef.so", "only together with the same Rust toolchain"),
            ("libLLVM.so.20.1-rust-1.90.0-stable", "only together with the same Rust toolchain"),
            ("libLLVM-17-rust-1.75.0-stable.so", "only together with the same Rust toolchain"),
            ("libbevy_dylib-0123456789abcdef.so", "the crate type `dylib`"),
        ] {
            // It fails for images too, because no base has these libraries in a folder that a loader
            // searches.
            for alone in [true, false] {
                let found = judged(&["libc.so.6", name], LibraryContext { alone, ..Default::default() });
                assert_eq!(found.len(), 1, "{found:?}");
                let (severity, what, help) = &found[0];
                assert!(
                    *severity == Severity::Fail && what.contains(name) && help.contains(fix),
                    "{found:?}"
                );
            }
        }
        let who = LibraryContext { prefers_dynamic: Some("RUSTFLAGS"), ..Default::default() };
        assert!(judged(&["libstd-d1237ef7159db0a2.so"], who)[0].2.contains("which is set by RUSTFLAGS"));
    }

    #[test]
    fn names_that_only_look_alike_are_other_libraries() {
        for name in
            ["libfoo-1.2.so", "libgfortran-040039e1.so.5", "libabc-def.so", "libLLVM-14.so.1", "std.so"]
        {
            assert_eq!(rust_library(name), None, "{name}");
        }
    }

    #[test]
    fn what_lies_in_a_folder_of_the_build_does_not_ship_alone() {
        let private = [PrivateLibrary { name: "libeng.so".into(), path: "/t/deps/libeng.so".into() }];
        let context = |alone| LibraryContext { private: &private, alone, ..Default::default() };
        let found = judged(&["libeng.so", "libc.so.6"], context(true));
        assert!(found.len() == 1 && found[0].0 == Severity::Fail, "{found:?}");
        assert!(found[0].1.contains("(/t/deps/libeng.so)"), "{found:?}");
        assert_eq!(judged(&["libeng.so"], context(false))[0].0, Severity::Warn);
        let found = judged(&["out/libeng.so"], context(false));
        assert!(found[0].0 == Severity::Fail && found[0].1.contains("out/libeng.so"), "{found:?}");
    }

    #[test]
    fn an_archive_says_what_it_needs_beyond_the_usual() {
        let context = |alone| LibraryContext { alone, ..Default::default() };
        let needed = ["libc.so.6", "ld-linux-x86-64.so.2", "libstdc++.so.6", "libssl.so.3"];
        let found = judged(&needed, context(true));
        assert!(found.len() == 1 && found[0].0 == Severity::Warn, "{found:?}");
        assert!(found[0].1.contains("needs libssl.so.3, which not every machine has"), "{found:?}");
        assert_eq!(judged(&needed, context(false)), []);
        let loose =
            Facts { kind: Linkage::Static, needed: vec!["libstd-0123456789abcdef.so".into()], ..program() };
        assert_eq!(check_libraries(&loose, context(true)), []);
    }
}
