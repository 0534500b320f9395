//! Reads numbers in tar headers: octal digits (POSIX), or binary numbers (GNU, star).

/// Returns the number in a field; a blank field is 0. Returns none if it is not a number, is negative, or has
/// more than 64 bits.
pub(super) fn field(field: &[u8]) -> Option<u64> {
    match field.split_first() {
        // The first bit shows that the number is binary; the second is the sign.
        Some((first, rest)) if first & 0x80 != 0 => {
            let first = *first & 0x7f;
            if first & 0x40 != 0 {
                return None;
            }
            rest.iter().try_fold(u64::from(first), |all, byte| {
                all.checked_mul(256).map(|all| all | u64::from(*byte))
            })
        }
        _ => octal(field),
    }
}

/// Reads octal digits between spaces and NULs.
fn octal(field: &[u8]) -> Option<u64> {
    let blank = |b: &u8| matches!(b, b' ' | 0);
    let begin = field.iter().position(|b| !blank(b)).unwrap_or(field.len());
    let digits = field[begin..].split(blank).next().unwrap_or_default();
    let rest = &field[begin + digits.len()..];
    if !rest.first().is_none_or(blank) {
        return None;
    }
    digits.iter().try_fold(0u64, |all, digit| match digit {
        b'0'..=b'7' => all.checked_mul(8).map(|all| all | u64::from(digit - b'0')),
        _ => None,
    })
}

/// Reads only decimal digits, as in pax.
pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |all, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        all.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_all_makers() {
        let cases: [(&[u8], Option<u64>); 14] = [
            (b"0000644\0", Some(0o644)),
            (b"   644 \0", Some(0o644)),
            (b"644\0junk", Some(0o644)),
            (b"77777777", Some(0o77777777)),
            (b"\0\0\0\0\0\0\0\0", Some(0)),
            (b"        ", Some(0)),
            (b"", Some(0)),
            (b"8", None),
            (b"-1\0", None),
            (b"0x10\0", None),
            (b"\x80\0\0\0\0\0\x01\x02", Some(258)),
            (b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", Some(u64::MAX)),
            (b"\x80\0\0\x01\xff\xff\xff\xff\xff\xff\xff\xff", None),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff", None),
        ];
        for (bytes, number) in cases {
            assert_eq!(field(bytes), number, "{bytes:?}");
        }
        assert_eq!(
            (decimal(b"18446744073709551615"), decimal(b"18446744073709551616")),
            (Some(u64::MAX), None)
        );
        assert_eq!((decimal(b""), decimal(b"1.5"), decimal(b"+1")), (None, None, None));
    }
}
