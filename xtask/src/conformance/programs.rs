//! The published programs, and the known facts about each: the packages that bring C, and the features that
//! only claim to bring none.

use super::TARGETS;

/// A program of a published crate.
#[derive(Debug)]
pub struct PublishedProgram {
    /// The name of the crate.
    pub name: &'static str,
    /// The version of the crate.
    pub version: &'static str,
    /// The name of its program.
    pub bin: &'static str,
    /// The reason why it is in the list.
    pub why: &'static str,
    /// The modes in which it is built, the preferred one first.
    pub modes: &'static [ConformanceMode],
}

/// A mode of a published program, with the expected result.
#[derive(Debug)]
pub struct ConformanceMode {
    /// The name of the mode.
    pub name: &'static str,
    /// The features of the crate.
    pub features: &'static [&'static str],
    /// Whether the crate's default features are on.
    pub default_features: bool,
    /// The needs of the mode, as in targets.toml: `c`, `c++`.
    pub needs: &'static [&'static str],
    /// The result that is expected of the mode on [`TARGETS`].
    pub expected: Expectation,
    /// The targets with other systems, each with the result that is expected there.
    pub elsewhere: &'static [(&'static str, Expectation)],
}

/// The expected result of a mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expectation {
    /// The program is built, and starts where something can start it. Its bill of materials names at least the
    /// C of these packages.
    Contains(&'static [&'static str]),
    /// The program is proven to contain no C.
    Pure,
    /// The mode promises no C, and this package breaks the promise.
    Claims(&'static str),
    /// The program cannot be built for the target, and the error contains this text.
    Impossible(&'static str),
}

const fn mode(name: &'static str, needs: &'static [&'static str], expected: Expectation) -> ConformanceMode {
    ConformanceMode { name, features: &[], default_features: true, needs, expected, elsewhere: &[] }
}

impl PublishedProgram {
    /// Returns all targets for which a mode of the program is built, each once.
    pub fn targets(&self) -> Vec<&'static str> {
        let mut targets = TARGETS.to_vec();
        for (target, _) in self.modes.iter().flat_map(|mode| mode.elsewhere) {
            if !targets.contains(target) {
                targets.push(target);
            }
        }
        targets
    }
}

impl ConformanceMode {
    /// Returns whether programs of the mode go into images. They do not if the mode is known to break its
    /// promise of no C.
    pub fn is_shipped(&self) -> bool {
        !matches!(self.expected, Expectation::Claims(_))
    }

    /// Returns the targets of the mode in groups, each with its expected result. One run builds a group.
    pub fn groups(&self) -> Vec<(Vec<&'static str>, Expectation)> {
        let elsewhere = self.elsewhere.iter().map(|(target, expected)| (vec![*target], *expected));
        std::iter::once((TARGETS.to_vec(), self.expected)).chain(elsewhere).collect()
    }

    const fn elsewhere(mut self, targets: &'static [(&'static str, Expectation)]) -> Self {
        self.elsewhere = targets;
        self
    }

    const fn features(mut self, features: &'static [&'static str]) -> Self {
        self.features = features;
        self
    }

    const fn no_default(mut self) -> Self {
        self.default_features = false;
        self
    }
}

use Expectation::{Claims, Contains, Impossible, Pure};

const MINGW: &str = "x86_64-pc-windows-gnu";
const GNULLVM: &str = "x86_64-pc-windows-gnullvm";
const WASI: &str = "wasm32-wasip1";
const MACOS: &str = "aarch64-apple-darwin";

/// The programs, the smallest first. A feature may do something else than its name says; `expected` is what
/// it does.
pub const PROGRAMS: &[PublishedProgram] = &[
    PublishedProgram {
        name: "b3sum",
        version: "1.8.7",
        bin: "b3sum",
        why: "assembly and C; with `pure`, the build script only asks for a compiler",
        modes: &[
            mode("native", &["c"], Contains(&["blake3"])).elsewhere(&[
                (MINGW, Contains(&["blake3"])),
                (GNULLVM, Contains(&["blake3"])),
                // blake3 has code in C for no part of WebAssembly.
                (WASI, Contains(&[])),
                (MACOS, Contains(&["blake3"])),
            ]),
            mode("pure", &[], Pure).features(&["pure"]).elsewhere(&[
                (MINGW, Pure),
                (GNULLVM, Pure),
                (WASI, Pure),
                (MACOS, Pure),
            ]),
        ],
    },
    PublishedProgram {
        name: "fd-find",
        version: "10.5.0",
        bin: "fd",
        why: "pure by default; jemalloc, by autoconf's configure and make, by a feature",
        modes: &[
            mode("jemalloc", &["c"], Contains(&["tikv-jemalloc-sys"])).features(&["use-jemalloc"]),
            mode("pure", &[], Pure),
        ],
    },
    PublishedProgram {
        name: "zeekstd_cli",
        version: "0.4.5",
        bin: "zeekstd",
        why: "zstd by the crate cc",
        modes: &[mode("native", &["c"], Contains(&["zstd-sys"]))],
    },
    PublishedProgram {
        name: "dump_syms",
        version: "2.3.9",
        bin: "dump_syms",
        why: "the demangler of Swift in C++ by the crate cc, and zstd",
        modes: &[mode("native", &["c", "c++"], Contains(&["symbolic-demangle", "zstd-sys"]))
            .features(&["cli"])
            .no_default()
            .elsewhere(&[
                (MINGW, Contains(&["symbolic-demangle", "zstd-sys"])),
                (GNULLVM, Contains(&["symbolic-demangle", "zstd-sys"])),
                (WASI, Impossible("cannot contain C++")),
                (MACOS, Contains(&["symbolic-demangle", "zstd-sys"])),
            ])],
    },
    PublishedProgram {
        name: "ripgrep",
        version: "15.2.0",
        bin: "rg",
        why: "jemalloc on 64-bit musl without a feature that turns it off; PCRE2 by the crate cc",
        modes: &[
            mode("pcre2", &["c"], Contains(&["pcre2-sys", "tikv-jemalloc-sys"]))
                .features(&["pcre2"])
                .elsewhere(&[
                    (MINGW, Contains(&["pcre2-sys"])),
                    (GNULLVM, Contains(&["pcre2-sys"])),
                    (WASI, Contains(&["pcre2-sys"])),
                    (MACOS, Contains(&["pcre2-sys"])),
                ]),
            mode("default", &["c"], Contains(&["tikv-jemalloc-sys"])).elsewhere(&[(WASI, Contains(&[]))]),
        ],
    },
    PublishedProgram {
        name: "crabz",
        version: "0.10.1",
        bin: "crabz",
        why: "zlib-ng by CMake; `deflate_rust` still links libdeflate",
        modes: &[
            mode("native", &["c"], Contains(&["libdeflate-sys", "libz-ng-sys", "libmimalloc-sys"])),
            mode("deflate-rust", &[], Claims("libdeflate-sys"))
                .features(&["deflate_rust", "snap_default", "libdeflate"])
                .no_default(),
        ],
    },
    PublishedProgram {
        name: "bat",
        version: "0.26.1",
        bin: "bat",
        why: "oniguruma, and libgit2 with zlib; `regex-fancy` replaces oniguruma alone",
        modes: &[
            mode("native", &["c"], Contains(&["onig_sys", "libgit2-sys", "libz-sys"])),
            // The dependency of libgit2-sys is compiled first.
            mode("regex-fancy", &[], Claims("libz-sys"))
                .features(&["git", "regex-fancy", "clap", "etcetera", "paging", "wild"])
                .no_default(),
        ],
    },
    PublishedProgram {
        name: "websocat",
        version: "1.14.1",
        bin: "websocat",
        why: "OpenSSL built from its source by perl and make",
        modes: &[
            mode("openssl", &["c"], Contains(&["openssl-sys"])).features(&["vendored_openssl"]),
            mode("pure", &[], Pure).features(&["signal_handler", "tokio-process", "unix_stdio"]).no_default(),
        ],
    },
];
