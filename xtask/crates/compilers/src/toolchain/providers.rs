//! The providers: where a C toolchain may come from. Each has its file and one row in the table below; everything that the
//! rest of the program knows of one, it asks the table for.

use std::fmt;

use super::candidates::Zig;
use super::{Candidate, named::named};
use xtask_process::host::{Host, PathLookup};
use xtask_triple::{Os, Triple, system};

mod clang;
mod config;
pub(super) mod env;
mod gnu;
pub mod host;
mod mingw;
pub mod musl;
pub mod zig;

/// The definition of a provider.
#[derive(Debug)]
pub struct Definition {
    /// The name that `--providers`, targets.toml and the JSON documents use.
    name: &'static str,
    /// The one system whose programs it makes; none where it makes those of several.
    only: Option<Os>,
    /// Finds its candidates for a target; none where a person names the compiler.
    find: Option<fn(&Search) -> Finds>,
    /// Its compilers of C and C++, without the prefix of a target and without a version. Traps stand in their place, and the
    /// trace of a build counts their time as C: a compiler that is not named here escapes both.
    compilers: &'static [&'static str],
    /// What setup installs so that it serves a target; none where setup has nothing to install.
    supply: fn(&Triple) -> Option<Supply>,
}

/// What a provider looks for candidates with.
#[derive(Debug, Clone, Copy)]
pub struct Search<'a> {
    /// The provider that looks.
    pub provider: Provider,
    /// The target to find candidates for.
    pub target: &'a Triple,
    /// PATH, the variables and the triple of this machine.
    pub host: &'a Host,
    /// The highest glibc version that a program may ask for, as `2.31`.
    pub glibc: Option<&'a str>,
    /// Every zig on this machine.
    pub zigs: &'a [Zig],
}

/// The result of the search of a provider.
#[derive(Debug, Default)]
pub struct Finds {
    /// The candidates, the best first.
    pub candidates: Vec<Candidate>,
    /// What was looked for, for a person who asks why there is none; none where the target is not for this provider.
    pub looked_for: Option<String>,
}

/// What setup can install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Supply {
    /// The Python package `ziglang`, into the cache folder.
    Zig,
    /// A package of the system, by its name in each package manager.
    Package {
        /// The name of the package for Debian's apt.
        apt: &'static str,
        /// The name of the package for Fedora's dnf.
        dnf: &'static str,
        /// The name of the package for Homebrew's brew.
        brew: &'static str,
    },
}

macro_rules! table {
    ($($(#[$doc:meta])* $provider:ident = $definition:expr,)*) => {
        /// Where a toolchain comes from. The order is that in which they are tried.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Provider { $($(#[$doc])* $provider,)* }

        impl Provider {
            /// Every provider, in the order in which they are tried.
            pub const ALL: &'static [Provider] = &[$(Provider::$provider,)*];

            fn definition(self) -> &'static Definition {
                match self { $(Provider::$provider => &$definition,)* }
            }
        }
    };
}

table! {
    /// `CC_<triple>` or `TARGET_CC` (`CC` and `HOST_CC` too where the target is the host).
    Env = env::ENV,
    /// `cc` in targets.toml, as a program.
    Config = config::CONFIG,
    /// The host's own compiler, where the target is the host.
    Host = host::HOST,
    /// A GNU cross gcc.
    Gnu = gnu::GNU,
    /// A musl cross gcc, or `musl-gcc`.
    Musl = musl::MUSL,
    /// clang with a sysroot for the target.
    Clang = clang::CLANG,
    /// The gcc of MinGW-w64.
    Mingw = mingw::MINGW,
    /// The C compiler that zig brings, `zig cc`.
    Zig = zig::ZIG,
}

impl Provider {
    /// The name that `--providers`, targets.toml and the JSON documents use.
    pub fn name(self) -> &'static str {
        self.definition().name
    }

    /// The provider of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|p| p.name() == name)
    }

    /// The providers that help and errors name: those that make programs for a system whose targets can be built.
    pub fn offered() -> impl Iterator<Item = Self> + Clone {
        let supported = |os| system::named(os).targets.is_some();
        Self::ALL.iter().copied().filter(move |p| p.definition().only.is_none_or(supported))
    }

    /// The names that `cc` in targets.toml takes, of those that are offered.
    pub fn choices() -> impl Iterator<Item = &'static str> + Clone {
        Self::offered().filter(|provider| !provider.is_explicit()).map(Self::name)
    }

    /// Whether a person names its compiler, so that it is the only candidate and nothing replaces it.
    pub fn is_explicit(self) -> bool {
        self.definition().find.is_none()
    }

    /// Says that it makes no programs for the system of a target; none where it may.
    pub fn elsewhere(self, target: &Triple) -> Option<String> {
        let system = system::named(self.definition().only.filter(|os| *os != target.os())?);
        let missing = if system.targets.is_none() { ", which is not supported yet" } else { "" };
        Some(format!("{self} makes programs for {} alone{missing}", system.name))
    }

    /// Its candidates for a target, and what was looked for.
    pub(super) fn find(search: &Search) -> Finds {
        search.provider.definition().find.map(|find| find(search)).unwrap_or_default()
    }

    /// Its compilers of C and C++, without the prefix of a target and without a version.
    pub fn compilers(self) -> &'static [&'static str] {
        self.definition().compilers
    }

    /// What setup installs so that it serves a target.
    pub fn supply(self, target: &Triple) -> Option<Supply> {
        (self.definition().supply)(target)
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Search<'_> {
    /// Finds the first of these compilers on PATH; each may have arguments. Files of these names that are not executable come
    /// before it, as candidates that say so.
    fn on_path<S: AsRef<str>>(&self, compilers: &[S]) -> Finds {
        let compilers: Vec<&str> = compilers.iter().map(AsRef::as_ref).collect();
        let mut finds = Finds::default();
        for command in &compilers {
            let name = command.split(' ').next().unwrap_or_default();
            let found = self.host.find(name);
            if found != PathLookup::Nothing {
                finds.candidates.push(self.named(format!("{command} on PATH"), command));
            }
            if matches!(found, PathLookup::Program(_)) {
                return finds;
            }
        }
        finds.looked_for = (!compilers.is_empty()).then(|| format!("{} on PATH", compilers.join(", ")));
        finds
    }

    /// The candidate that is the compiler `command`, which may have arguments.
    fn named(&self, origin: String, command: &str) -> Candidate {
        named(self.provider, origin, command, self.target, self.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_lead_back() {
        for provider in Provider::ALL {
            assert_eq!(Provider::from_name(provider.name()), Some(*provider));
        }
    }

    #[test]
    fn what_no_target_can_use_is_not_offered_and_says_why() {
        let others = Provider::ALL.iter().copied().filter(|provider| *provider != Provider::Mingw);
        assert!(Provider::offered().eq(others));
        let target = Triple::parse("aarch64-unknown-linux-gnu");
        assert_eq!(
            Provider::Mingw.elsewhere(&target).as_deref(),
            Some("mingw makes programs for Windows alone, which is not supported yet")
        );
        assert_eq!(Provider::Zig.elsewhere(&target), None);
        assert_eq!(Provider::Mingw.elsewhere(&Triple::parse("x86_64-pc-windows-gnu")), None);
    }
}
