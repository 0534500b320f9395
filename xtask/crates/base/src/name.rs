//! The names of the distroless bases that this crate assembles.

use std::fmt;

/// A distroless base, as in `base = "distroless:cc-debian13:debug"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Distroless {
    /// The content of the base.
    pub flavour: Flavour,
    /// The release of Debian with its packages: 13 or 12.
    pub debian: u8,
    /// Whether programs run as root. If not, they run as user 65532.
    pub root: bool,
    /// Whether it contains busybox, for debugging.
    pub debug: bool,
}

/// The content of a distroless base, smallest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flavour {
    /// The files that static programs expect: certificates, time zones, accounts.
    Static,
    /// Like `Static`, with glibc, OpenSSL and zlib.
    Base,
    /// Like `Base`, with the runtime libraries of GCC: libstdc++, libgcc_s, libgomp.
    Cc,
}

/// The default release. Debian 12 is past its end of life.
const DEBIAN: u8 = 13;

impl Distroless {
    /// Returns the usual variant of a flavour: the default release, not root, no debugging tools.
    pub const fn of(flavour: Flavour) -> Self {
        Self { flavour, debian: DEBIAN, root: false, debug: false }
    }

    /// Returns a warning for a release that is past its end of life, or none.
    pub fn warning(self) -> Option<String> {
        let past = self.debian < DEBIAN;
        past.then(|| format!("Debian {} is no longer supported; use bases of Debian {DEBIAN}", self.debian))
    }

    /// Parses `distroless:<static|base|cc>[-debian<12|13>]`, followed by any of `:root`, `:nonroot` and
    /// `:debug`, each at most once. Returns none for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix("distroless:")?.split(':');
        let first = parts.next()?;
        let (flavour, debian) = first.split_once("-debian").unwrap_or((first, "13"));
        let debian = match debian {
            "12" => 12,
            "13" => 13,
            _ => return None,
        };
        let mut this = Self { debian, ..Self::of(Flavour::parse(flavour)?) };
        let mut said: Vec<&str> = Vec::new();
        for variant in parts {
            match variant {
                "root" => this.root = true,
                "nonroot" => {}
                "debug" => this.debug = true,
                _ => return None,
            }
            let user = |word: &str| matches!(word, "root" | "nonroot");
            if said.iter().any(|other| *other == variant || (user(other) && user(variant))) {
                return None;
            }
            said.push(variant);
        }
        Some(this)
    }
}

impl Flavour {
    /// All flavours, smallest first.
    pub const ALL: [Self; 3] = [Self::Static, Self::Base, Self::Cc];

    /// Returns the name of the flavour, as the name of a base spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Base => "base",
            Self::Cc => "cc",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|flavour| flavour.as_str() == text)
    }
}

/// Writes the shortest spelling of the name.
impl fmt::Display for Distroless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "distroless:{}", self.flavour.as_str())?;
        if self.debian != DEBIAN {
            write!(f, "-debian{}", self.debian)?;
        }
        let root = if self.root { ":root" } else { "" };
        let debug = if self.debug { ":debug" } else { "" };
        write!(f, "{root}{debug}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings() {
        for (text, short) in [
            ("distroless:cc", "distroless:cc"),
            ("distroless:cc-debian13:nonroot", "distroless:cc"),
            ("distroless:static-debian12:debug", "distroless:static-debian12:debug"),
            ("distroless:base:debug:root", "distroless:base:root:debug"),
        ] {
            assert_eq!(Distroless::parse(text).map(|d| d.to_string()).as_deref(), Some(short), "{text}");
        }
        for text in [
            "distroless",
            "distroless:",
            "distroless:cc-debian11",
            "distroless:cc:root:nonroot",
            "distroless:cc:debug:debug",
            "distroless:java",
            "cc",
        ] {
            assert_eq!(Distroless::parse(text), None, "{text}");
        }
    }
}
