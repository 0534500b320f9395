//! The known vectors: every backend passes them, and they tell apart the mistakes that a backend is likely to make.

mod common;

use native::{Backend, LengthMismatch, Text, pure::Pure, vectors};

#[test]
fn every_backend_passes_every_vector() {
    for backend in common::all() {
        for vector in vectors::ALL {
            let result = vector.check(backend);
            assert_eq!(result, Ok(()), "{}: {} ({})", backend.name(), vector.function(), vector.name);
        }
    }
}

#[test]
fn the_default_is_the_first_backend_and_the_oracle_is_always_there() {
    let names: Vec<_> = native::backends().iter().map(|b| b.name()).collect();
    let mut expected = vec!["pure"];
    if cfg!(feature = "wasm") {
        expected.insert(0, "wasm");
    }
    // Cargo lets the loader look where the example puts its library: whether it is there is not this test's affair.
    let unavailable: Vec<_> = native::unavailable().iter().map(|(name, _)| *name).collect();
    if cfg!(feature = "dlopen") && unavailable != ["dlopen"] {
        expected.insert(0, "dlopen");
    } else {
        assert!(cfg!(feature = "dlopen") || unavailable.is_empty(), "{unavailable:?}");
    }
    if cfg!(feature = "native") {
        expected.insert(0, "c");
    }
    assert_eq!(names, expected);
    assert_eq!(native::backend(), if cfg!(feature = "native") { "c" } else { "pure" });
    assert_eq!(native::C_COMPILER.is_some(), cfg!(feature = "native"));
}

#[test]
fn the_functions_of_the_crate_use_the_default() {
    assert_eq!(native::dot_product(&[1.5, 2.0], &[2.0, 4.0]), Ok(11.0));
    assert_eq!(native::reverse_string("ab"), "ba");
    let mut values = [1, i32::MAX];
    native::double_array(&mut values);
    assert_eq!((values, native::sum_array(&values)), ([2, -2], 0));
}

/// A backend with one mistake.
#[derive(Debug)]
enum Wrong {
    OneAccumulator,
    FourLanes,
    FoldsInSequence,
    RestAtTheEnd,
    Fused,
    MinusZero,
    TakesTheShorter,
    StopsAtNul,
    ReversesBytes,
    Saturates,
    SumsIn32Bits,
}

impl Backend for Wrong {
    fn name(&self) -> &'static str {
        "wrong"
    }

    fn dot_product(&self, a: &[f64], b: &[f64]) -> Result<f64, LengthMismatch> {
        if a.len() != b.len() && !matches!(self, Wrong::TakesTheShorter) {
            return Pure.dot_product(a, b);
        }
        let product = |(a, b): (&f64, &f64)| a * b;
        let products: Vec<f64> = a.iter().zip(b).map(product).collect();
        let lanes = |count: usize, products: &[f64]| {
            let mut lane = vec![0.0; count];
            products.iter().enumerate().for_each(|(i, p)| lane[i % count] += p);
            lane
        };
        let tree = |l: &[f64]| ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]));
        Ok(match self {
            Wrong::OneAccumulator => products.iter().fold(0.0, |sum, p| sum + p),
            Wrong::FourLanes => {
                let l = lanes(4, &products);
                (l[0] + l[2]) + (l[1] + l[3])
            }
            Wrong::FoldsInSequence => lanes(8, &products).iter().fold(0.0, |sum, p| sum + p),
            Wrong::RestAtTheEnd => {
                let (chunks, rest) = products.split_at(products.len() / 8 * 8);
                rest.iter().fold(tree(&lanes(8, chunks)), |sum, p| sum + p)
            }
            Wrong::Fused => {
                let mut lane = [0.0; 8];
                a.iter().zip(b).enumerate().for_each(|(i, (a, b))| lane[i % 8] = a.mul_add(*b, lane[i % 8]));
                tree(&lane)
            }
            Wrong::MinusZero if products.len() == 1 => products[0],
            _ => return Pure.dot_product(&a[..products.len()], &b[..products.len()]),
        })
    }

    fn reverse_string(&self, text: &str) -> Text {
        match self {
            Wrong::StopsAtNul => Pure.reverse_string(text.split('\0').next().unwrap_or("")),
            Wrong::ReversesBytes => text.bytes().rev().map(char::from).collect::<String>().into(),
            _ => Pure.reverse_string(text),
        }
    }

    fn double_array(&self, values: &mut [i32]) {
        match self {
            Wrong::Saturates => values.iter_mut().for_each(|v| *v = v.saturating_mul(2)),
            _ => Pure.double_array(values),
        }
    }

    fn sum_array(&self, values: &[i32]) -> i64 {
        match self {
            Wrong::SumsIn32Bits => values.iter().fold(0i32, |sum, v| sum.wrapping_add(*v)).into(),
            _ => Pure.sum_array(values),
        }
    }
}

#[test]
fn a_backend_with_a_mistake_fails() {
    use Wrong::*;
    for (wrong, function) in [
        (OneAccumulator, "dot_product"),
        (FourLanes, "dot_product"),
        (FoldsInSequence, "dot_product"),
        (RestAtTheEnd, "dot_product"),
        (Fused, "dot_product"),
        (MinusZero, "dot_product"),
        (TakesTheShorter, "dot_product"),
        (StopsAtNul, "reverse_string"),
        (ReversesBytes, "reverse_string"),
        (Saturates, "double_array"),
        (SumsIn32Bits, "sum_array"),
    ] {
        let failed: Vec<_> = vectors::ALL.iter().filter(|v| v.check(&wrong).is_err()).collect();
        assert!(!failed.is_empty(), "{wrong:?} passes");
        assert!(failed.iter().all(|v| v.function() == function), "{wrong:?} fails elsewhere: {failed:?}");
    }
}
