//! Finds the crate of a symbol: the crate whose source contains the code.
//!
//! Rust has two manglings: the legacy one, which looks like C++'s, and v0
//! (<https://doc.rust-lang.org/rustc/symbol-mangling/v0.html>). A v0 name contains the place of an `impl`. A
//! legacy name does not. An `impl` is in the crate of its type or of its trait. So for a legacy name, it is
//! attributed to the one that is not Rust's own.

mod v0;

use v0::V0;

/// The owner of a symbol's code.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    /// The Rust crate of this name.
    Crate(String),
    /// C++: the name has Itanium mangling.
    Cxx,
    /// C, assembly, or Rust with `no_mangle`: the name is not mangled.
    Plain,
}

/// Returns the owner of a symbol.
pub(super) fn owner(symbol: &str) -> Owner {
    if let Some(rest) = symbol.strip_prefix("_R")
        && let Some(name) = V0::crate_of(rest)
    {
        return Owner::Crate(name);
    }
    if let Some(rest) = symbol.strip_prefix("_ZN")
        && let Some(name) = legacy(rest)
    {
        return Owner::Crate(name);
    }
    if symbol.starts_with("_Z") { Owner::Cxx } else { Owner::Plain }
}

/// Rust's own crates. They cannot contain an `impl` of another crate's trait for their types.
const OWN: [&str; 3] = ["core", "alloc", "std"];

/// Returns the crate of `5alloc3vec…17h0123456789abcdefE`, or none if it is not a Rust name.
fn legacy(text: &str) -> Option<String> {
    let end = text.rfind("17h")?;
    let hash = text.get(end + 3..end + 19)?;
    let ends = text.get(end + 19..)?;
    let rust = hash.bytes().all(|b| b.is_ascii_hexdigit()) && ends.starts_with('E');
    if !rust {
        return None;
    }
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let length: usize = text.get(..digits)?.parse().ok()?;
    let first = text.get(digits..digits.checked_add(length)?)?;
    let Some(inside) = first.trim_start_matches('_').strip_prefix("$LT$") else {
        return Some(first.to_owned());
    };
    // The forms are `<type as trait>`, `<impl trait for type>` and `<type>`. Names are not nested at this
    // level.
    let (one, two) = match inside.strip_prefix("impl$u20$") {
        Some(rest) => rest.split_once("$u20$for$u20$").unwrap_or((rest, "")),
        None => inside.split_once("$u20$as$u20$").unwrap_or((inside, "")),
    };
    let names = [name(one), name(two)];
    let own = |name: &&str| OWN.contains(name);
    let foreign = names.iter().flatten().find(|name| !own(name));
    let found = foreign.or(names.iter().flatten().next());
    Some(found.map_or_else(|| UNNAMED.to_owned(), |name| (*name).to_owned()))
}

/// The name for Rust code whose crate a legacy name does not show.
const UNNAMED: &str = "(Rust, unnamed)";

/// Returns the crate of a type or trait in a legacy name, without the prefixes:
/// `$RF$mut$u20$alloc..vec..Vec`. Types of the language and type parameters have none.
fn name(mut path: &str) -> Option<&str> {
    const BEFORE: [&str; 9] =
        ["$RF$", "$BP$", "mut$u20$", "const$u20$", "dyn$u20$", "$u5b$", "$LP$", "$LT$", "_"];
    while let Some(rest) = BEFORE.iter().find_map(|before| path.strip_prefix(before)) {
        path = rest;
    }
    let (name, _) = path.split_once("..")?;
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    Some(name).filter(|name| plain && !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn krate(name: &str) -> Owner {
        Owner::Crate(name.to_owned())
    }

    #[test]
    fn v0() {
        // The names are from the RFC, and from programs that rustc 1.95 made.
        let cases = [
            ("_RNvCs15kBYyAo9fc_7mycrate7example", "mycrate"),
            ("_RNvC6_123foo3bar", "123foo"),
            ("_RNvMs4_NtCsaYSKAGCR1Xg_4core3strNtB5_4Utf84next", "core"),
            ("_RINvNtC3std3mem8align_ofdE", "std"),
            ("_RNvXs_C7mycrateNtB4_3FooNtNtC4core3fmt7Display3fmt", "mycrate"),
            ("_RNvYNtC7mycrate3FooNtNtC4core4iter8Iterator3map", "core"),
            ("_RINvNtC4core3ptr13drop_in_placeDNtNtC4core3fmt5Debugp4Itemhp4NextTbcEEL_E", "core"),
            ("_RINvC7mycrate3fooKj10_Kb1_KpFUKCiEuE", "mycrate"),
            ("_RNCNvC7mycrate4main0.llvm.1234567890", "mycrate"),
            ("_RNvCs_7___rustc12___rust_alloc", "__rustc"),
        ];
        for (symbol, name) in cases {
            assert_eq!(owner(symbol), krate(name), "{symbol}");
        }
    }

    #[test]
    fn legacy_and_others() {
        let hash = "17h0123456789abcdefE";
        let cases = [
            ("_ZN4core3fmt9Formatter3pad", krate("core")),
            ("_ZN60_$LT$alloc..vec..Vec$LT$T$GT$$u20$as$u20$redb..tree..Value$GT$4next", krate("redb")),
            ("_ZN44_$LT$$RF$T$u20$as$u20$core..fmt..Display$GT$3fmt", krate("core")),
            ("_ZN53_$LT$app..Store$u20$as$u20$serde..ser..Serialize$GT$9serialize", krate("app")),
            ("_ZN30_$LT$T$u20$as$u20$core..any..Any$GT$7type_id", krate("core")),
            ("_ZN30_$LT$T$u20$as$u20$U$GT$3run", krate(UNNAMED)),
            ("_ZN30_$LT$u8$u20$as$u20$redb..Key$GT$7compare", krate("redb")),
            ("_ZN36_$LT$impl$u20$std..io..Read$u20$for$u20$T$GT$4read", krate("std")),
        ];
        for (symbol, expected) in cases {
            // The number in front is the length of the text up to the next number.
            let (_, path) = symbol.split_at(3);
            let digits = path.find(|c: char| !c.is_ascii_digit()).unwrap();
            let named = match path[digits..].rfind("$GT$") {
                Some(end) => &path[digits..digits + end + 4],
                None => &path[digits..digits + path[..digits].parse::<usize>().unwrap()],
            };
            let rest = &path[digits + named.len()..];
            let symbol = format!("_ZN{}{named}{rest}{hash}", named.len());
            assert_eq!(owner(&symbol), expected, "{symbol}");
        }
        assert_eq!(owner("_ZNSt6vectorIiSaIiEE9push_backERKi"), Owner::Cxx);
        assert_eq!(owner("_Z3foov"), Owner::Cxx);
        for plain in ["sqlite3_step", "memcpy", "main", "", "_R", "_RN", "_ZN"] {
            assert_eq!(owner(plain), if plain == "_ZN" { Owner::Cxx } else { Owner::Plain }, "{plain}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_a_file_calls_a_symbol(text in "(_R|_ZN)[CMXYNIBTDFAELKs0-9a-z_]{0,80}|\\PC{0,40}") {
            owner(&text);
        }

        #[test]
        fn references_in_circles_end(at in 0..40_usize, text in "[BNI_0-9TRS]{0,60}") {
            owner(&format!("_RNvB{}_{}", at, text));
        }
    }
}
