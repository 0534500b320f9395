//! The backend in C against its oracle: equal bits, whatever the input.

mod common;

use common::{Numbers, any_integers, any_text, two_vectors};
use native::{Backend, c::C, pure::Pure, vectors::same_float};
use proptest::prelude::*;

fn assert_same_dot(a: &[f64], b: &[f64]) -> Result<(), TestCaseError> {
    match (C.dot_product(a, b), Pure.dot_product(a, b)) {
        (Ok(c), Ok(pure)) => {
            prop_assert!(
                same_float(c, pure),
                "c {c:?} ({:#x}), pure {pure:?} ({:#x})",
                c.to_bits(),
                pure.to_bits()
            );
        }
        (c, pure) => prop_assert_eq!(c, pure),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

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
        prop_assert_eq!(C.reverse_string(&text), Pure.reverse_string(&text));
    }

    /// Only the elements of the slice change, not their neighbours.
    #[test]
    fn double_array(values in any_integers(), skip in 0..9_usize, cut in 0..9_usize) {
        let begin = skip.min(values.len());
        let end = values.len().saturating_sub(cut).max(begin);
        let (mut c, mut pure) = (values.clone(), values);
        C.double_array(&mut c[begin..end]);
        Pure.double_array(&mut pure[begin..end]);
        prop_assert_eq!(c, pure);
    }

    #[test]
    fn sum_array(values in any_integers(), skip in 0..9_usize) {
        let values = &values[skip.min(values.len())..];
        prop_assert_eq!(C.sum_array(values), Pure.sum_array(values));
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
    let results = [C.dot_product(&a[1..], &b[..COUNT]), Pure.dot_product(&a[1..], &b[..COUNT])];
    assert_eq!(results[0].unwrap().to_bits(), results[1].unwrap().to_bits());
    assert!(results[0].unwrap().is_finite());

    let mut c: Vec<i32> = Numbers(7).take(COUNT).map(|n| n as i32 | 0x4000_0000).collect();
    let mut pure = c.clone();
    assert_eq!(C.sum_array(&c), Pure.sum_array(&pure));
    assert_eq!(C.sum_array(&vec![i32::MIN; COUNT / 10]), i64::from(i32::MIN) * 1_000_000);
    C.double_array(&mut c);
    Pure.double_array(&mut pure);
    assert!(c == pure);

    let text: String = Numbers(3).filter_map(|n| char::from_u32(n as u32 & 0x1f_ffff)).take(COUNT).collect();
    assert!(*C.reverse_string(&text) == *Pure.reverse_string(&text));
}
