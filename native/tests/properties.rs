//! What holds for every backend, `pure` included, judged by arithmetic that no backend uses.

mod common;

use common::{any_integers, any_text};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(feature = "wasm") { 64 } else { 256 }))]

    /// Small integers: every sum is exact, so the order cannot matter and i64 gives the answer.
    #[test]
    fn dot_product_of_integers_is_exact(pairs in prop::collection::vec((-1_000_000..1_000_000_i64, -1_000..1_000_i64), 0..300)) {
        let a: Vec<f64> = pairs.iter().map(|p| p.0 as f64).collect();
        let b: Vec<f64> = pairs.iter().map(|p| p.1 as f64).collect();
        let expected: i64 = pairs.iter().map(|p| p.0 * p.1).sum();
        for backend in common::all() {
            let got = backend.dot_product(&a, &b).unwrap();
            prop_assert_eq!(got.to_bits(), (expected as f64).to_bits(), "{}", backend.name());
        }
    }

    #[test]
    fn vectors_of_different_length_are_an_error(left in 0..40_usize, right in 0..40_usize) {
        for backend in common::all() {
            let got = backend.dot_product(&vec![1.0; left], &vec![1.0; right]);
            if left == right {
                prop_assert_eq!(got, Ok(left as f64));
            } else {
                prop_assert_eq!(got, Err(native::LengthMismatch { left, right }));
            }
        }
    }

    /// Two laws that only reversal keeps, and the bytes that the result must consist of.
    #[test]
    fn reversing_keeps_its_laws(one in any_text(), two in any_text()) {
        for backend in common::all() {
            let back = backend.reverse_string(&backend.reverse_string(&one));
            prop_assert_eq!(&*back, one.as_str());
            let both = backend.reverse_string(&format!("{one}{two}"));
            let apart = format!("{}{}", backend.reverse_string(&two), backend.reverse_string(&one));
            prop_assert_eq!(&*both, apart.as_str());
            prop_assert!(std::str::from_utf8(both.as_bytes()).is_ok());
            prop_assert_eq!(both.chars().last(), one.chars().next().or(two.chars().next()));
        }
    }

    #[test]
    fn doubling_wraps_at_32_bits(values in any_integers()) {
        let expected: Vec<i32> = values.iter().map(|&v| (i64::from(v) * 2) as i32).collect();
        for backend in common::all() {
            let mut got = values.clone();
            backend.double_array(&mut got);
            prop_assert_eq!(&got, &expected, "{}", backend.name());
        }
    }

    #[test]
    fn sums_are_exact(values in any_integers()) {
        let expected: i128 = values.iter().map(|&v| i128::from(v)).sum();
        for backend in common::all() {
            prop_assert_eq!(i128::from(backend.sum_array(&values)), expected, "{}", backend.name());
        }
    }
}

/// Every scalar value once: 1,112,064 of them.
#[test]
fn every_scalar_value_survives() {
    let all: String = ('\0'..=char::MAX).collect();
    let expected: String = ('\0'..=char::MAX).rev().collect();
    for backend in common::all() {
        assert!(*backend.reverse_string(&all) == *expected, "{}", backend.name());
    }
}

/// A text outlives its source, moves to another thread, is read by two, and is freed there.
#[test]
fn a_text_is_owned() {
    for backend in common::all() {
        let source = "owned ✓".to_owned();
        let text = backend.reverse_string(&source);
        drop(source);
        let text = std::thread::spawn(move || {
            std::thread::scope(|scope| {
                scope.spawn(|| assert_eq!(text, "✓ denwo"));
                scope.spawn(|| assert_eq!(text.len(), 9));
            });
            text
        });
        let text = text.join().unwrap();
        assert_eq!((format!("{text:>9}"), format!("{text:?}")), ("  ✓ denwo".into(), "\"✓ denwo\"".into()));
        assert_eq!(String::from(text), "✓ denwo");
    }
}

/// Many texts, most of them dropped early: a double free or a use after free would be noticed by the allocator.
#[test]
fn texts_come_and_go() {
    for backend in common::all() {
        let mut kept = Vec::new();
        for i in 0..if backend.name() == "wasm" { 500 } else { 20_000_usize } {
            kept.push(backend.reverse_string(&"é".repeat(i % 97)));
            if i % 3 != 0 {
                kept.swap_remove(i % kept.len());
            }
        }
        assert!(kept.iter().all(|text| text.chars().all(|c| c == 'é')));
    }
}
