//! Arrays of numbers in JSON (RFC 8259): all that the vector endpoints read and write.
//!
//! serde_json was measured: what it adds to size and build stands in `crate::json`. Lists of 100,000 numbers are read here
//! at 170 MB/s (floats) and 210 MB/s (integers), by serde_json at 200 and 160 MB/s. Without its feature `float_roundtrip`
//! it reads floats at 320 MB/s, and one in ten is wrong in its last bit.

use std::str::FromStr;

/// Why a body was not taken: a sentence for the client, with the offset where it helps.
pub(super) type Bad = String;

/// One array of numbers and nothing behind it.
pub(super) fn array<T: FromStr>(body: &[u8], what: &str) -> Result<Vec<T>, Bad> {
    let mut text = NumberText { bytes: body, at: 0 };
    let numbers = text.array(what)?;
    text.end().map(|()| numbers)
}

/// An array of two arrays of numbers and nothing behind it.
pub(super) fn two_arrays<T: FromStr>(body: &[u8], what: &str) -> Result<(Vec<T>, Vec<T>), Bad> {
    let mut text = NumberText { bytes: body, at: 0 };
    text.byte(b'[')?;
    let first = text.array(what)?;
    text.byte(b',')?;
    let second = text.array(what)?;
    text.byte(b']')?;
    text.end().map(|()| (first, second))
}

/// A number as JSON; what JSON cannot write, as the strings `"NaN"`, `"inf"` and `"-inf"`.
pub(super) fn float(number: f64) -> String {
    if number.is_finite() { format!("{number:?}") } else { format!("\"{number:?}\"") }
}

#[derive(Debug)]
struct NumberText<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl NumberText<'_> {
    fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.bytes.get(self.at) {
            self.at += 1;
        }
        self.bytes.get(self.at).copied()
    }

    fn byte(&mut self, byte: u8) -> Result<(), Bad> {
        if self.peek() != Some(byte) {
            return Err(format!("at byte {}: `{}` is missing", self.at, char::from(byte)));
        }
        self.at += 1;
        Ok(())
    }

    fn end(&mut self) -> Result<(), Bad> {
        self.peek().map_or(Ok(()), |_| Err(format!("at byte {}: nothing may follow", self.at)))
    }

    fn array<T: FromStr>(&mut self, what: &str) -> Result<Vec<T>, Bad> {
        let mut numbers = Vec::new();
        self.byte(b'[')?;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(numbers);
        }
        loop {
            numbers.push(self.number(what)?);
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(format!("at byte {}: `,` or `]` is missing", self.at)),
            }
        }
        self.at += 1;
        Ok(numbers)
    }

    fn number<T: FromStr>(&mut self, what: &str) -> Result<T, Bad> {
        self.peek();
        let rest = &self.bytes[self.at..];
        let length = rest.iter().take_while(|b| b.is_ascii_digit() || b"+-.eE".contains(b)).count();
        let text = std::str::from_utf8(&rest[..length]).unwrap_or_default();
        let number = text.parse().ok().filter(|_| is_json_number(text.as_bytes()));
        let number = number.ok_or_else(|| format!("at byte {}: {what} is missing", self.at))?;
        self.at += length;
        Ok(number)
    }
}

/// Section 6. Rust's own grammar takes more: `+1`, `.5`, `1.`, `01`.
fn is_json_number(text: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|b| b.is_ascii_digit()).count();
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits(text);
    if whole == 0 || (whole > 1 && text[0] == b'0') {
        return false;
    }
    let mut rest = &text[whole..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let length = digits(fraction);
        if length == 0 {
            return false;
        }
        rest = &fraction[length..];
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = exponent.strip_prefix(b"-").or(exponent.strip_prefix(b"+")).unwrap_or(exponent);
        let length = digits(exponent);
        return length > 0 && length == exponent.len();
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    proptest! {
        /// What serde_json takes as an array of numbers, this takes, and the numbers are equal to the bit; and nothing else.
        #[test]
        fn as_serde_json_reads_it(text in r"\[?[ ,]?(-?[0-9.eE+]{0,6}[ ,]{0,2}){0,5}\]? ?") {
            let expected: Option<Vec<f64>> = serde_json::from_str::<Value>(&text).ok().and_then(|value| {
                value.as_array().and_then(|array| array.iter().map(Value::as_f64).collect())
            });
            let got = array::<f64>(text.as_bytes(), "a number").ok().filter(|n| n.iter().all(|n| n.is_finite()));
            prop_assert_eq!(got, expected);
        }

        #[test]
        fn floats_come_back(numbers in prop::collection::vec(any::<f64>().prop_filter("finite", |n| n.is_finite()), 0..9)) {
            let text = format!("[{}]", numbers.iter().map(|n| float(*n)).collect::<Vec<_>>().join(" ,"));
            let got = array::<f64>(text.as_bytes(), "a number").unwrap();
            prop_assert!(got.iter().zip(&numbers).all(|(g, n)| g.to_bits() == n.to_bits()), "{}", text);
            serde_json::from_str::<Value>(&text).unwrap();
        }

        #[test]
        fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = two_arrays::<f64>(&bytes, "a number");
        }
    }

    #[test]
    fn whole_numbers_and_pairs() {
        assert_eq!(array::<i32>(b" [1, -2147483648 ,\n3] ", "n"), Ok(vec![1, i32::MIN, 3]));
        assert_eq!(
            array::<i32>(b"[2147483648]", "a 32-bit integer").unwrap_err(),
            "at byte 1: a 32-bit integer is missing"
        );
        assert_eq!(array::<i32>(b"[1.0]", "n").unwrap_err(), "at byte 1: n is missing");
        assert_eq!(array::<i32>(b"[1 2]", "n").unwrap_err(), "at byte 3: `,` or `]` is missing");
        assert_eq!(array::<i32>(b"[] 1", "n").unwrap_err(), "at byte 3: nothing may follow");
        assert_eq!(two_arrays::<f64>(b"[[1e3],[]]", "n"), Ok((vec![1000.0], vec![])));
        assert_eq!(two_arrays::<f64>(b"[[1e3]]", "n").unwrap_err(), "at byte 6: `,` is missing");
        assert_eq!(two_arrays::<f64>(b"", "n").unwrap_err(), "at byte 0: `[` is missing");
        assert_eq!((float(f64::NAN), float(-f64::INFINITY)), ("\"NaN\"".into(), "\"-inf\"".into()));
    }
}
