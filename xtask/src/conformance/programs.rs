//! The published programs, and the known facts about each: the packages that bring C, and the features that
//! only claim to bring none.

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
    /// The result that is expected of the mode.
    pub expected: Expectation,
}

/// The expected result of a mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expectation {
    /// The program is built and starts. Its bill of materials names at least the C of these packages.
    Contains(&'static [&'static str]),
    /// The program is proven to contain no C.
    Pure,
    /// The mode promises no C, and this package breaks the promise.
    Claims(&'static str),
}

const fn mode(name: &'static str, needs: &'static [&'static str], expected: Expectation) -> ConformanceMode {
    ConformanceMode { name, features: &[], default_features: true, needs, expected }
}

impl ConformanceMode {
    /// Returns whether programs of the mode go into images. They do not if the mode is known to break its
    /// promise of no C.
    pub fn is_shipped(&self) -> bool {
        !matches!(self.expected, Expectation::Claims(_))
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

use Expectation::{Claims, Contains, Pure};

/// The programs, the smallest first. A feature may do something else than its name says; `expected` is what
/// it does.
pub const PROGRAMS: &[PublishedProgram] = &[
    PublishedProgram {
        name: "b3sum",
        version: "1.8.7",
        bin: "b3sum",
        why: "assembly and C; with `pure`, the build script only asks for a compiler",
        modes: &[mode("native", &["c"], Contains(&["blake3"])), mode("pure", &[], Pure).features(&["pure"])],
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
        name: "ripgrep",
        version: "15.2.0",
        bin: "rg",
        why: "jemalloc on 64-bit musl without a feature that turns it off; PCRE2 by the crate cc",
        modes: &[
            mode("pcre2", &["c"], Contains(&["pcre2-sys", "tikv-jemalloc-sys"])).features(&["pcre2"]),
            mode("default", &["c"], Contains(&["tikv-jemalloc-sys"])),
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
