//! Every backend against its oracle: equal bits, whatever the input.
#![cfg(any(feature = "native", feature = "dlopen", feature = "wasm"))]

mod common;

use common::{Numbers, any_integers, any_text, others, two_vectors};
use native::{Backend, NewPerson, pure::Pure, vectors::same_float};
use proptest::prelude::*;

fn assert_same_dot(a: &[f64], b: &[f64]) -> Result<(), TestCaseError> {
    let expected = Pure.dot_product(a, b);
    for backend in others() {
        match (backend.dot_product(a, b), expected) {
            (Ok(got), Ok(pure)) => prop_assert!(
                same_float(got, pure),
                "{} {got:?} ({:#x}), pure {pure:?} ({:#x})",
                backend.name(),
                got.to_bits(),
                pure.to_bits()
            ),
            (got, pure) => prop_assert_eq!(got, pure),
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(feature = "wasm") { 200 } else { 1_000 }))]

    #[test]
    fn dot_product((a, b) in two_vectors()) {
        assert_same_dot(&a, &b)?;
        assert_same_dot(&a, &a)?;
    }

    /// Subslices begin at every offset within a vector register and overlap each other.
    #[test]
    fn dot_product_of_subslices((a, b) in two_vectors(), skip_a in 0..9_usize, skip_b in 0..9_usize) {
        let (a, b) = (&a[skip_a.min(a.len())..], &b[skip_b.min(b.len())..]);
        assert_same_dot(a, b)?;
        let count = a.len().min(b.len());
        assert_same_dot(&a[..count], &b[..count])?;
        assert_same_dot(&a[..a.len() - count.min(1)], &a[count.min(1)..])?;
    }

    #[test]
    fn reverse_string(text in any_text()) {
        for backend in others() {
            prop_assert_eq!(backend.reverse_string(&text), Pure.reverse_string(&text), "{}", backend.name());
        }
    }

    /// Only the elements of the slice change, not their neighbours.
    #[test]
    fn double_array(values in any_integers(), skip in 0..9_usize, cut in 0..9_usize) {
        let begin = skip.min(values.len());
        let end = values.len().saturating_sub(cut).max(begin);
        let mut pure = values.clone();
        Pure.double_array(&mut pure[begin..end]);
        for backend in others() {
            let mut got = values.clone();
            backend.double_array(&mut got[begin..end]);
            prop_assert_eq!(&got, &pure, "{}", backend.name());
        }
    }

    #[test]
    fn sum_array(values in any_integers(), skip in 0..9_usize) {
        let values = &values[skip.min(values.len())..];
        for backend in others() {
            prop_assert_eq!(backend.sum_array(values), Pure.sum_array(values), "{}", backend.name());
        }
    }

    #[test]
    fn echo(value in any::<i32>()) {
        for backend in others() {
            prop_assert_eq!(backend.echo(value), value);
        }
    }

    /// Names of any bytes: whatever is refused is refused for the same reason at the same place.
    #[test]
    fn person(name in any_name(), age in prop_oneof![0..160_u32, any::<u32>()], salary in any_salary(), raise in any_salary()) {
        let new = NewPerson { name: &name, age, salary };
        let expected = Pure.person(new);
        for backend in others() {
            match (backend.person(new), &expected) {
                (Ok(mut got), Ok(pure)) => {
                    prop_assert_eq!(got.name(), pure.name());
                    prop_assert_eq!(got.age(), pure.age());
                    prop_assert_eq!(got.salary().to_bits(), pure.salary().to_bits());
                    let changed = got.set_salary(raise);
                    prop_assert_eq!(changed.is_ok(), raise.is_finite() && raise >= 0.0);
                    let salary = if changed.is_ok() { raise } else { salary };
                    prop_assert_eq!(got.salary().to_bits(), salary.to_bits());
                }
                (got, pure) => prop_assert_eq!(got.map(drop), pure.as_ref().map(drop).map_err(|&error| error)),
            }
        }
    }
}

proptest! {
#![proptest_config(ProptestConfig::with_cases(if cfg!(feature = "wasm") { 32 } else { 128 }))]

#[test]
fn reverse_all(texts in prop::collection::vec(any_text(), 0..20)) {
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let expected: Vec<_> = texts.iter().map(|text| Pure.reverse_string(text)).collect();
    for backend in common::all() {
        let got = backend.reverse_all(&texts);
        prop_assert!(got.iter().eq(expected.iter().map(|text| &**text)), "{}", backend.name());
        prop_assert_eq!(got.len(), texts.len());
        prop_assert_eq!(got.is_empty(), texts.is_empty());
        for (i, text) in expected.iter().enumerate() {
            prop_assert_eq!(got.get(i), Some(&**text));
        }
        prop_assert_eq!(got.get(texts.len()), None);
        prop_assert_eq!(got.get(usize::MAX), None);
    }
}

#[test]
fn people(names in prop::collection::vec(any_name(), 0..8), age in 0..151_u32) {
    let new: Vec<_> = names.iter().map(|name| NewPerson { name, age, salary: 1.0 }).collect();
    let expected = Pure.people(&new).map(|people| people.iter().map(|p| p.name().to_owned()).collect::<Vec<_>>());
    for backend in others() {
        let got = backend.people(&new).map(|people| people.iter().map(|p| p.name().to_owned()).collect::<Vec<_>>());
        prop_assert_eq!(&got, &expected, "{}", backend.name());
    }
}}

/// Bytes that are UTF-8, almost UTF-8, or anything.
fn any_name() -> impl Strategy<Value = Vec<u8>> {
    let no_nul = any_text().prop_map(|text| text.replace('\0', "").into_bytes());
    let edges = vec![
        0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xed, 0xef, 0xf0, 0xf4,
        0xf5, 0xff,
    ];
    prop_oneof![
        3 => no_nul,
        1 => any_text().prop_map(String::into_bytes),
        2 => (any_text(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(text, at, byte)| {
            let mut bytes = text.into_bytes();
            bytes.push(b'x');
            let at = at.index(bytes.len());
            bytes[at] = byte;
            bytes
        }),
        4 => prop::collection::vec(prop::sample::select(edges), 0..5),
        1 => prop::collection::vec(any::<u8>(), 0..10),
    ]
}

fn any_salary() -> impl Strategy<Value = f64> {
    prop_oneof![common::any_double(), 0.0..1e6]
}

/// Every sequence of up to two bytes, and every beginning of three: where UTF-8 ends, all agree.
#[test]
fn every_short_name() {
    let third = [0x00, 0x7f, 0x80, 0xbf, 0xc0];
    let one = (0..=255_u8).map(|a| vec![a]);
    let more = (0..=255_u8).flat_map(|a| (0..=255_u8).map(move |b| vec![a, b]));
    let names: Vec<Vec<u8>> = one.chain(more).collect();
    for backend in others() {
        // Each call into the interpreter costs microseconds: a part of them is enough there.
        let step = if backend.name() == "wasm" { 37 } else { 1 };
        for name in names.iter().step_by(step) {
            let check = |name: &[u8]| {
                let new = NewPerson { name, age: 1, salary: 1.0 };
                assert_eq!(backend.person(new).map(drop), Pure.person(new).map(drop), "{name:x?}");
            };
            check(name);
            if name.len() == 2 && name[0] >= 0xe0 && name[1] >= 0x80 && name[1] < 0xc0 {
                for third in third {
                    check(&[name[0], name[1], third]);
                    check(&[name[0], name[1], third, 0x80]);
                }
            }
        }
    }
}

/// 10⁷ elements, where 32-bit counts and sums would show.
#[test]
fn huge() {
    const COUNT: usize = 10_000_000;
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let mut doubles =
        || -> Vec<f64> { numbers.by_ref().take(COUNT + 1).map(|n| (n as i64 >> 12) as f64 * 1e-9).collect() };
    let (a, b) = (doubles(), doubles());
    let dot = Pure.dot_product(&a[1..], &b[..COUNT]).unwrap();
    assert!(dot.is_finite());
    let values: Vec<i32> = Numbers(7).take(COUNT).map(|n| n as i32 | 0x4000_0000).collect();
    let mut doubled = values.clone();
    Pure.double_array(&mut doubled);
    let text: String = Numbers(3).filter_map(|n| char::from_u32(n as u32 & 0x1f_ffff)).take(COUNT).collect();
    let reversed = Pure.reverse_string(&text);

    for backend in others() {
        let got = backend.dot_product(&a[1..], &b[..COUNT]).unwrap();
        assert_eq!(got.to_bits(), dot.to_bits(), "{}", backend.name());
        assert_eq!(backend.sum_array(&values), Pure.sum_array(&values));
        assert_eq!(backend.sum_array(&vec![i32::MIN; COUNT / 10]), i64::from(i32::MIN) * 1_000_000);
        let mut got = values.clone();
        backend.double_array(&mut got);
        assert!(got == doubled);
        assert!(*backend.reverse_string(&text) == *reversed);
        assert!(backend.reverse_all(&[&text, "x", &text]).get(2) == Some(&reversed));
        // A callback out of the interpreter costs about as much as thousands of its steps.
        let few = if backend.name() == "wasm" { COUNT / 1000 } else { COUNT / 10 };
        let mut seen = 0;
        let calls = backend.for_each(&values[..few], &mut |value| {
            seen += i64::from(value);
            std::ops::ControlFlow::Continue(())
        });
        assert_eq!((calls, seen), (few, Pure.sum_array(&values[..few])));
    }
}
