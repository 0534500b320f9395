//! Every function in every compiled backend, against inputs with known results, and every compiled engine of the store.

use std::io::{self, Write};

use native::{Backend, vectors};

use crate::store::{Engine, check};

/// The number of checks, by their result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// The number of checks whose result was the known one.
    pub(crate) passed: usize,
    /// The number of checks whose result was not the known one.
    pub(crate) failed: usize,
}

/// Runs all checks in these backends and engines, and prints a line for each and one for all of them.
pub(crate) fn run(backends: &[&dyn Backend], engines: &[Engine], out: &mut dyn Write) -> io::Result<Tally> {
    let mut tally = Tally::default();
    for backend in backends {
        for vector in vectors::ALL {
            let (name, function) = (backend.name(), vector.function());
            match vector.check(*backend) {
                Ok(()) => {
                    tally.passed += 1;
                    writeln!(out, "ok      {name:<6} {function}: {}", vector.name)?;
                }
                Err(mismatch) => {
                    tally.failed += 1;
                    writeln!(out, "FAILED  {name:<6} {function}: {}: {mismatch}", vector.name)?;
                }
            }
        }
    }
    for engine in engines {
        for (what, check) in check::ALL {
            let name = engine.name();
            let mismatch = match check(*engine) {
                Ok(true) => {
                    tally.passed += 1;
                    writeln!(out, "ok      {name:<6} store: {what}")?;
                    continue;
                }
                Ok(false) => "the rows are other ones".to_owned(),
                Err(error) => error.to_string(),
            };
            tally.failed += 1;
            writeln!(out, "FAILED  {name:<6} store: {what}: {mismatch}")?;
        }
    }
    writeln!(out, "selftest: {} passed, {} failed", tally.passed, tally.failed)?;
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::*;
    use native::{LengthMismatch, Text, pure::Pure};

    /// Correct but for one function.
    #[derive(Debug)]
    struct Saturating;

    impl Backend for Saturating {
        fn name(&self) -> &'static str {
            "broken"
        }
        fn dot_product(&self, a: &[f64], b: &[f64]) -> Result<f64, LengthMismatch> {
            Pure.dot_product(a, b)
        }
        fn reverse_string(&self, text: &str) -> Text {
            Pure.reverse_string(text)
        }
        fn double_array(&self, values: &mut [i32]) {
            values.iter_mut().for_each(|v| *v = v.saturating_mul(2));
        }
        fn sum_array(&self, values: &[i32]) -> i64 {
            Pure.sum_array(values)
        }
    }

    #[test]
    fn a_wrong_result_is_counted_and_shown() {
        let mut out = Vec::new();
        let tally = run(&[&Saturating, &Pure], &[], &mut out).unwrap();
        assert_eq!(tally, Tally { passed: vectors::ALL.len() * 2 - 1, failed: 1 });
        let out = String::from_utf8(out).unwrap();
        let failed: Vec<_> = out.lines().filter(|line| line.starts_with("FAILED")).collect();
        let expected = "FAILED  broken double_array: overflow wraps: expected [-2, 0, -2147483648, 2147483646], \
                        got [2147483647, -2147483648, 2147483647, -2147483648]";
        assert_eq!(failed, [expected]);
        assert_eq!(out.lines().count(), vectors::ALL.len() * 2 + 1);
    }
}
