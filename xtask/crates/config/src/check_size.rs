//! Checks the keys of `[[image]]` for storage and size.

use super::check::ConfigCheck;
use super::quote::quoted;
use super::raw::SpannedText;
use super::types::Compression;

/// Checks the compression of the layers in `target/dist/oci`.
pub(super) fn compression<'a>(check: &mut ConfigCheck<'a, '_>, text: Option<&'a SpannedText>) -> Compression {
    text.and_then(|text| check.word("a compression", text)).unwrap_or_default()
}

/// Checks the budget: the maximum number of bytes of a pull for one platform.
pub(super) fn budget(check: &mut ConfigCheck<'_, '_>, text: Option<&SpannedText>) -> Option<u64> {
    let text = text?;
    match bytes(text.get_ref()) {
        Size::Bytes(0) => {
            check.diags.at(text.span(), "the budget is 0 bytes").help("write a size above 0");
        }
        Size::Bytes(bytes) => return Some(bytes),
        Size::TooLarge => {
            check
                .diags
                .at(text.span(), format!("{} is too large for a budget", quoted(text.get_ref())))
                .help("remove `budget` to have no limit");
        }
        Size::None => {
            check
                .diags
                .at(text.span(), format!("{} is not a size", quoted(text.get_ref())))
                .help("write a number and a unit: \"20 MB\", \"1.5 GiB\"")
                .help("kB, MB, GB are 10^3, 10^6, 10^9 bytes; KiB, MiB, GiB are 2^10, 2^20, 2^30; B is one byte");
        }
    }
    None
}

/// The units with their numbers of bytes: those of SI (ISO 80000-1) and of IEC 80000-13.
const UNITS: [(&str, u64); 7] = [
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// The result of reading a size.
#[derive(Debug, PartialEq, Eq)]
enum Size {
    /// The text gives this number of bytes.
    Bytes(u64),
    /// The text gives more bytes than a `u64` can count.
    TooLarge,
    /// The text is not a size.
    None,
}

/// Returns the number of bytes of a text such as `20 MB`. A fraction of a byte is rounded down.
fn bytes(text: &str) -> Size {
    let Some((whole, unit, fraction)) = parts(text) else { return Size::None };
    // The text has only digits, so parsing fails only for a number that is too large.
    let whole = whole.parse::<u64>().ok();
    match whole.and_then(|whole| whole.checked_mul(unit)?.checked_add(fraction)) {
        Some(bytes) => Size::Bytes(bytes),
        None => Size::TooLarge,
    }
}

/// Returns the digits before the point, the number of bytes of the unit, and the number of bytes of the
/// digits after the point.
fn parts(text: &str) -> Option<(&str, u64, u64)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(end);
    let unit = UNITS.iter().find(|(name, _)| *name == unit.trim_start_matches(' '))?.1;
    let (whole, part) = match number.split_once('.') {
        Some((whole, part)) if !part.is_empty() => (whole, part),
        Some(_) => return None,
        None => (number, "0"),
    };
    // Even with the largest unit, nine digits are exact to the byte.
    if part.len() > 9 {
        return None;
    }
    let fraction = u64::try_from(
        u128::from(part.parse::<u64>().ok()?) * u128::from(unit)
            / 10_u128.pow(u32::try_from(part.len()).ok()?),
    );
    (!whole.is_empty()).then_some((whole, unit, fraction.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let cases = [
            ("20 MB", 20_000_000),
            ("20MB", 20_000_000),
            ("1 B", 1),
            ("1.5 GiB", 3 << 29),
            ("0.001 kB", 1),
            ("0.0009 kB", 0),
            ("12.345 MiB", 12_944_670),
            ("4 KiB", 4096),
            ("2 kB", 2000),
        ];
        for (text, size) in cases {
            assert_eq!(bytes(text), Size::Bytes(size), "{text}");
        }
        let wrong =
            ["", "20", "MB", "20 mb", "20 M", "-1 MB", "1,5 MB", "1. MB", ".5 MB", "1..2 B", "1e3 kB"];
        for text in wrong.iter().chain(&["1.0000000001 GB", "1 MB x"]) {
            assert_eq!(bytes(text), Size::None, "{text}");
        }
        for text in
            ["99999999999999999999 B", "99999999999999999999 GB", "18446744074 GB", "17179869184.5 GiB"]
        {
            assert_eq!(bytes(text), Size::TooLarge, "{text}");
        }
    }
}
