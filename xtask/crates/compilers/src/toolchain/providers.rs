//! The providers of C toolchains. Each has its own file and one row in the table below. The rest of the
//! program reads every property of a provider from this table.

use std::fmt;

use super::Candidate;
use super::candidates::Zig;
use super::named::{named, words};
use own::OwnProvider;
use xtask_process::host::{Host, PathLookup};
use xtask_triple::{Os, Triple, system};

mod clang;
mod config;
pub(super) mod env;
mod gnu;
pub mod host;
mod mingw;
pub mod musl;
pub mod own;
pub mod zig;

/// The definition of a provider.
#[derive(Debug)]
pub struct Definition {
    /// The name that `--providers`, targets.toml and the JSON documents use.
    name: &'static str,
    /// The only operating system for which it makes programs; none if it serves several.
    only: Option<Os>,
    /// Finds its candidates for a target; none if the user names the compiler.
    find: Option<fn(&Search) -> Finds>,
    /// The names of its C and C++ compilers, without a target prefix or a version. Traps replace programs
    /// with these names, and the trace of a build counts their time as C. A compiler that is missing here
    /// escapes both.
    compilers: &'static [&'static str],
    /// Returns what setup installs to make it serve a target, or none if setup cannot install it.
    supply: fn(&Triple) -> Option<Supply>,
}

/// The input of a provider's search for candidates.
#[derive(Debug, Clone, Copy)]
pub struct Search<'a> {
    /// The provider that searches.
    pub provider: Provider,
    /// The target to find candidates for.
    pub target: &'a Triple,
    /// PATH, the variables and the triple of this machine.
    pub host: &'a Host,
    /// The highest glibc version that a program may require, as `2.31`.
    pub glibc: Option<&'a str>,
    /// Every zig on this machine.
    pub zigs: &'a [Zig],
}

/// The result of the search of a provider.
#[derive(Debug, Default)]
pub struct Finds {
    /// The candidates, the best first.
    pub candidates: Vec<Candidate>,
    /// What was searched, to explain an empty result. None if the provider does not serve the target.
    pub looked_for: Option<String>,
}

/// Something that setup can install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Supply {
    /// The Python package `ziglang`, installed into the cache folder.
    Zig,
    /// A package of the system, with its name in each package manager.
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
    (
        named: { $($(#[$named_doc:meta])* $named:ident = $named_definition:expr,)* }
        found: { $($(#[$doc:meta])* $provider:ident = $definition:expr,)* }
    ) => {
        /// The provider of a toolchain. The variants are in the order in which they are tried.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Provider {
            $($(#[$named_doc])* $named,)*
            /// A `[[provider]]` of targets.toml.
            Own(&'static OwnProvider),
            $($(#[$doc])* $provider,)*
        }

        impl Provider {
            /// Every built-in provider, in the order in which they are tried.
            pub const ALL: &'static [Provider] = &[$(Provider::$named,)* $(Provider::$provider,)*];

            fn definition(self) -> &'static Definition {
                match self {
                    $(Provider::$named => &$named_definition,)*
                    Provider::Own(_) => &own::OWN,
                    $(Provider::$provider => &$definition,)*
                }
            }
        }
    };
}

table! {
    named: {
        /// `CC_<triple>` or `TARGET_CC`. If the target is the host, also `CC` and `HOST_CC`.
        Env = env::ENV,
        /// A program that `cc` in targets.toml names.
        Config = config::CONFIG,
    }
    found: {
        /// The host's own compiler, if the target is the host.
        Host = host::HOST,
        /// A GNU cross gcc.
        Gnu = gnu::GNU,
        /// A musl cross gcc, or `musl-gcc`.
        Musl = musl::MUSL,
        /// clang with a sysroot for the target.
        Clang = clang::CLANG,
        /// The gcc of MinGW-w64.
        Mingw = mingw::MINGW,
        /// The C compiler of zig, `zig cc`.
        Zig = zig::ZIG,
    }
}

impl Provider {
    /// Returns the name that `--providers`, targets.toml and the JSON documents use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Own(own) => &own.name,
            _ => self.definition().name,
        }
    }

    /// Returns the built-in provider with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::with_name(name, &[])
    }

    /// Returns the provider with this name: one of `own`, or a built-in one.
    pub fn with_name(name: &str, own: &[Self]) -> Option<Self> {
        own.iter().chain(Self::ALL).copied().find(|p| p.name() == name)
    }

    /// Makes a provider of targets.toml. It lives until the program ends, because every toolchain names its
    /// provider. A run reads the file once.
    pub fn own(provider: OwnProvider) -> Self {
        Self::Own(Box::leak(Box::new(provider)))
    }

    /// Returns the providers that help and errors list: those for operating systems whose targets can be
    /// built.
    pub fn offered() -> impl Iterator<Item = Self> + Clone {
        let supported = |os| system::named(os).targets.is_some();
        Self::ALL.iter().copied().filter(move |p| p.definition().only.is_none_or(supported))
    }

    /// Returns the provider names that `cc` in targets.toml accepts.
    pub fn choices() -> impl Iterator<Item = &'static str> + Clone {
        Self::offered().filter(|provider| !provider.is_explicit()).map(Self::name)
    }

    /// Whether the user names its compiler. That compiler is then the only candidate, and no other replaces
    /// it.
    pub fn is_explicit(self) -> bool {
        self.definition().find.is_none()
    }

    /// Returns the reason why it makes no programs for the target, or none if it may: it is for another
    /// operating system, or targets.toml names other targets.
    pub fn elsewhere(self, target: &Triple) -> Option<String> {
        if let Self::Own(own) = self {
            return own.elsewhere(target);
        }
        let system = system::named(self.definition().only.filter(|os| *os != target.os())?);
        let missing = if system.targets.is_none() { ", which is not supported yet" } else { "" };
        Some(format!("{self} builds programs only for {}{missing}", system.name))
    }

    /// Returns its candidates for a target, and what was searched.
    pub(super) fn find(search: &Search) -> Finds {
        search.provider.definition().find.map(|find| find(search)).unwrap_or_default()
    }

    /// Returns the names of its C and C++ compilers, without a target prefix or a version.
    pub fn compilers(self) -> &'static [&'static str] {
        self.definition().compilers
    }

    /// Returns what setup installs to make it serve a target.
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
    /// Finds the first of these compilers on PATH; each may have arguments. Files with these names that are
    /// not executable are reported as candidates before it.
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

    /// Makes a candidate from the compiler `command`, which may have arguments.
    fn named(&self, origin: String, command: &str) -> Candidate {
        named(self.provider, origin, words(command), self.target, self.host)
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
    fn a_provider_of_another_system_says_so() {
        assert!(Provider::offered().eq(Provider::ALL.iter().copied()));
        let target = Triple::parse("aarch64-unknown-linux-gnu");
        let expected = "mingw builds programs only for Windows";
        assert_eq!(Provider::Mingw.elsewhere(&target).as_deref(), Some(expected));
        assert_eq!(Provider::Zig.elsewhere(&target), None);
        assert_eq!(Provider::Mingw.elsewhere(&Triple::parse("x86_64-pc-windows-gnu")), None);
    }
}
