//! Strategies that the property tests share.
#![allow(dead_code, reason = "each test program uses its part")]

use std::collections::BTreeMap;

use native::Backend;
use proptest::prelude::*;

#[cfg(feature = "dlopen")]
pub(crate) mod library;
#[path = "../../build/sources.rs"]
pub(crate) mod sources;

/// All backends: those that the program finds by itself, and the shared library, which is built for the tests.
pub(crate) fn all() -> Vec<&'static dyn Backend> {
    let all = native::backends().iter().copied();
    #[cfg(feature = "dlopen")]
    let all = library::backend().into_iter().chain(all.filter(|backend| backend.name() != "dlopen"));
    all.collect()
}

/// All but the oracle.
pub(crate) fn others() -> Vec<&'static dyn Backend> {
    all().into_iter().filter(|backend| backend.name() != "pure").collect()
}

/// Entries whose keys often share a beginning.
pub(crate) fn any_entries() -> impl Strategy<Value = BTreeMap<Vec<u8>, Vec<u8>>> {
    let key = prop_oneof![
        4 => prop::collection::vec(prop::sample::select(vec![0, b'a', 0xff]), 0..6),
        1 => prop::collection::vec(any::<u8>(), 0..300),
    ];
    prop::collection::btree_map(key, prop::collection::vec(any::<u8>(), 0..20), 0..30)
}

/// Any double: every bit pattern, with the special ones more often than chance would have them.
pub(crate) fn any_double() -> impl Strategy<Value = f64> {
    let special = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
        -f64::NAN,
        f64::from_bits(0x7ff0_0000_0000_0001),
        f64::MIN_POSITIVE,
        f64::from_bits(1),
        -f64::from_bits(0x000f_ffff_ffff_ffff),
        f64::MAX,
        f64::MIN,
    ];
    prop_oneof![
        2 => prop::sample::select(special.to_vec()),
        2 => any::<u64>().prop_map(f64::from_bits),
        6 => finite_double(),
    ]
}

/// Doubles of comparable size, whose sums round.
pub(crate) fn finite_double() -> impl Strategy<Value = f64> {
    -1e3..1e3
}

/// Two vectors of the same length, mostly of finite numbers so that not every result is NaN.
pub(crate) fn two_vectors() -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
    let pairs = prop_oneof![
        prop::collection::vec((finite_double(), finite_double()), 0..100),
        prop::collection::vec((any_double(), finite_double()), 0..12),
        prop::collection::vec((any_double(), any_double()), 0..40),
    ];
    pairs.prop_map(|pairs| pairs.into_iter().unzip())
}

/// Any text: scalar values of all planes, ASCII and NUL.
pub(crate) fn any_text() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        1 => Just('\0'),
        4 => prop::char::range(' ', '~'),
        4 => any::<char>(),
        8 => (0..=0x10_u32, 0..=0xffff_u32)
            .prop_filter_map("a surrogate", |(plane, offset)| char::from_u32(plane << 16 | offset)),
    ];
    prop::collection::vec(scalar, 0..80).prop_map(String::from_iter)
}

/// Integers, the ends of their range more often than chance would have them.
pub(crate) fn any_integers() -> impl Strategy<Value = Vec<i32>> {
    let integer = prop_oneof![
        any::<i32>(),
        prop::sample::select(vec![
            0,
            1,
            -1,
            i32::MAX,
            i32::MIN,
            i32::MAX / 2,
            i32::MIN / 2,
            i32::MAX / 2 + 1
        ]),
    ];
    prop::collection::vec(integer, 0..200)
}

/// A repeatable sequence of pseudo-random numbers (xorshift64), for inputs too large for a strategy.
pub(crate) struct Numbers(pub(crate) u64);

impl Iterator for Numbers {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Some(self.0)
    }
}
