//! `enum native_code` of c/native.h, and what it means in Rust.

use std::io;

use crate::{BlockError, PersonError};

pub(crate) const OK: i32 = 0;
pub(crate) const NO_MEMORY: i32 = 1;
const INVALID_UTF8: i32 = 2;
const EMBEDDED_NUL: i32 = 3;
const BAD_AGE: i32 = 4;
const BAD_SALARY: i32 = 5;
const IO: i32 = 6;
const TRUNCATED: i32 = 7;
const NOT_A_BLOCK: i32 = 8;
const OTHER_VERSION: i32 = 9;
const TOO_LARGE: i32 = 10;
const DAMAGED: i32 = 11;

/// Why there is no such person; nothing where there was no memory.
pub(crate) fn person(code: i32, detail: u64) -> Option<PersonError> {
    // C gives offsets within a slice, which fit.
    let at = usize::try_from(detail).unwrap_or(usize::MAX);
    Some(match code {
        INVALID_UTF8 => PersonError::InvalidUtf8 { at },
        EMBEDDED_NUL => PersonError::EmbeddedNul { at },
        BAD_AGE => PersonError::Age,
        BAD_SALARY => PersonError::Salary,
        NO_MEMORY => return None,
        _ => unreachable!("native.h does not name the code {code} for a person"),
    })
}

/// Why there is no block. `error` is what the source gave.
pub(crate) fn block(code: i32, detail: u64, error: Option<io::Error>) -> BlockError {
    match code {
        IO => BlockError::Io(error.unwrap_or_else(|| io::ErrorKind::Other.into())),
        TRUNCATED => BlockError::Truncated { at: detail },
        NOT_A_BLOCK => BlockError::NotABlock,
        // C takes the version from 32 bits.
        OTHER_VERSION => BlockError::OtherVersion(detail as u32),
        TOO_LARGE => BlockError::TooLarge { bytes: detail },
        DAMAGED => BlockError::Damaged { at: detail },
        NO_MEMORY => BlockError::NoMemory,
        _ => unreachable!("native.h does not name the code {code} for a block"),
    }
}
