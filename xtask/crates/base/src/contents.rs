//! The packages of each base, as in the published definition of distroless.

use super::{Distroless, Flavour};

/// Returns the code name of a release, which is in the names of its suites.
pub fn codename(debian: u8) -> &'static str {
    if debian == 12 { "bookworm" } else { "trixie" }
}

/// The package whose certificates are put into a bundle. No other file of it ships.
pub const CERTIFICATES: &str = "ca-certificates";
/// The package with the shell and the tools of the `:debug` variants.
pub const BUSYBOX: &str = "busybox-static";

/// Returns the packages of a base, lowest first. If several have an entry at a path, the last one applies.
pub fn packages(what: Distroless) -> Vec<&'static str> {
    let bookworm = what.debian == 12;
    let mut names = vec!["base-files", "netbase", "tzdata"];
    if !bookworm {
        names.push("tzdata-legacy");
    }
    names.extend(["media-types", CERTIFICATES]);
    if what.flavour >= Flavour::Base {
        names.push("libc6");
        names.extend(if bookworm { &["libssl3"][..] } else { &["libssl3t64", "libzstd1", "zlib1g"] });
    }
    if what.flavour >= Flavour::Cc {
        names.extend(["libgomp1", "libstdc++6", "libgcc-s1"]);
        names.push(if bookworm { "gcc-12-base" } else { "gcc-14-base" });
    }
    if what.debug {
        names.push(BUSYBOX);
    }
    names
}

/// Returns every package that a base of this release may contain.
pub fn all_packages(debian: u8) -> Vec<&'static str> {
    packages(Distroless { debian, debug: true, ..Distroless::of(Flavour::Cc) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_flavour_holds_the_smaller_ones() {
        for debian in [12, 13] {
            let of = |flavour| packages(Distroless { debian, ..Distroless::of(flavour) });
            let all = Flavour::ALL.map(of);
            assert!(all.windows(2).all(|pair| pair[1].starts_with(&pair[0])));
            assert!(all_packages(debian).starts_with(&all[2]));
        }
        assert_eq!(packages(Distroless::of(Flavour::Cc)).len(), 14);
    }
}
