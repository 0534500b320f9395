//! Inputs with known results, for every function. `app selftest` and this crate's tests run the same table.
//!
//! The results were computed apart from this crate: by hand, or with Python's floats where the order of operations
//! decides the last bit.

use std::fmt;

use std::cell::RefCell;
use std::io::Cursor;
use std::ops::ControlFlow;

use crate::{Backend, LengthMismatch, NewPerson, PersonError};

/// An input with a known result.
#[derive(Debug, Clone, Copy)]
pub struct Vector {
    /// What is special about the input.
    pub name: &'static str,
    /// The function, its input and its result.
    pub call: Call,
}

/// Keys and their values.
pub type Entries = &'static [(&'static [u8], &'static [u8])];

/// A function, its input and its result.
#[derive(Debug, Clone, Copy)]
pub enum Call {
    /// [`Backend::dot_product`] of two vectors, and its result.
    DotProduct(&'static [f64], &'static [f64], Result<f64, LengthMismatch>),
    /// [`Backend::reverse_string`] of a text, and its result.
    ReverseString(&'static str, &'static str),
    /// [`Backend::double_array`] of an array, and the array afterwards.
    DoubleArray(&'static [i32], &'static [i32]),
    /// [`Backend::sum_array`] of an array, and its result.
    SumArray(&'static [i32], i64),
    /// [`Backend::echo`] of a number, which is also its result.
    Echo(i32),
    /// [`Backend::reverse_all`] of many texts, and its results.
    ReverseAll(&'static [&'static str], &'static [&'static str]),
    /// [`Backend::person`], and what its name, age and salary are afterwards.
    Person(NewPerson<'static>, Result<(&'static str, u32, f64), PersonError>),
    /// [`Backend::people`]: the number made, or which one is bad and why.
    People(&'static [NewPerson<'static>], Result<usize, (usize, PersonError)>),
    /// [`Backend::for_each`] with a closure that breaks at this element; the elements that it saw.
    ForEach(&'static [i32], Option<i32>, &'static [i32]),
    /// [`Backend::read_block`] and a walk through the whole block, or the error's words.
    ReadBlock(&'static [u8], Result<Entries, &'static str>),
    /// [`Backend::keeper`]: the buffers that it keeps, and in which order it frees them.
    Keep(&'static [&'static str], &'static [&'static str]),
}

/// A backend's result that is not the known one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The known result, as text.
    pub expected: String,
    /// The result that the backend gave, as text.
    pub got: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}, got {}", self.expected, self.got)
    }
}

impl std::error::Error for Mismatch {}

impl Vector {
    /// Returns the name of the function that the vector calls.
    #[must_use]
    pub fn function(&self) -> &'static str {
        match self.call {
            Call::DotProduct(..) => "dot_product",
            Call::ReverseString(..) => "reverse_string",
            Call::DoubleArray(..) => "double_array",
            Call::SumArray(..) => "sum_array",
            Call::Echo(..) => "echo",
            Call::ReverseAll(..) => "reverse_all",
            Call::Person(..) => "person",
            Call::People(..) => "people",
            Call::ForEach(..) => "for_each",
            Call::ReadBlock(..) => "read_block",
            Call::Keep(..) => "keeper",
        }
    }

    /// Calls the function in this backend.
    ///
    /// # Errors
    /// If the result is not the known one.
    pub fn check(&self, backend: &dyn Backend) -> Result<(), Mismatch> {
        match self.call {
            Call::DotProduct(a, b, expected) => {
                compare(expected, backend.dot_product(a, b), |e, g| match (e, g) {
                    (Ok(e), Ok(g)) => same_float(*e, *g),
                    (Err(e), Err(g)) => e == g,
                    _ => false,
                })
            }
            Call::ReverseString(text, expected) => {
                compare(expected, backend.reverse_string(text), |e, g| **e == **g)
            }
            Call::DoubleArray(values, expected) => {
                let mut values = values.to_vec();
                backend.double_array(&mut values);
                compare(expected, values, |e, g| *e == g)
            }
            Call::SumArray(values, expected) => compare(expected, backend.sum_array(values), |e, g| e == g),
            Call::Echo(value) => compare(value, backend.echo(value), |e, g| e == g),
            Call::ReverseAll(texts, expected) => {
                let got = backend.reverse_all(texts);
                compare(expected, got.iter().collect::<Vec<_>>(), |e, g| *e == g)
            }
            Call::Person(new, expected) => {
                let got = backend.person(new);
                let got = got.as_ref().map(|p| (p.name(), p.age(), p.salary())).map_err(|&error| error);
                compare(expected, got, |e, g| e == g)
            }
            Call::People(new, expected) => {
                let got =
                    backend.people(new).map(|people| people.len()).map_err(|bad| (bad.index, bad.error));
                compare(expected, got, |e, g| e == g)
            }
            Call::ForEach(values, end, expected) => {
                let mut seen = Vec::new();
                let calls = backend.for_each(values, &mut |value| {
                    seen.push(value);
                    if end == Some(value) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                });
                compare((expected, expected.len()), (seen, calls), |e, g| *e.0 == g.0 && e.1 == g.1)
            }
            Call::ReadBlock(bytes, expected) => {
                let block = backend.read_block(&mut Cursor::new(bytes)).map_err(|error| error.to_string());
                let entries = |block: crate::Block| {
                    let (mut cursor, mut entries) = (block.cursor(), Vec::new());
                    while let Some(entry) = cursor.next() {
                        entries.push((entry.key.to_vec(), entry.value.to_vec()));
                    }
                    entries
                };
                compare(expected, block.map(entries), |e, g| match (e, g) {
                    (Ok(e), Ok(g)) => {
                        e.len() == g.len() && e.iter().zip(g).all(|(e, g)| *e.0 == g.0 && *e.1 == g.1)
                    }
                    (Err(e), Err(g)) => e == g,
                    _ => false,
                })
            }
            Call::Keep(texts, expected) => {
                let freed = RefCell::new(Vec::new());
                let released =
                    |bytes: &[u8]| freed.borrow_mut().push(String::from_utf8_lossy(bytes).into_owned());
                let mut keeper = backend.keeper(Box::new(released));
                for text in texts {
                    let mut buffer = backend.buffer(text.len());
                    buffer.copy_from_slice(text.as_bytes());
                    // A buffer that comes back is missing among those freed.
                    drop(keeper.keep(buffer));
                }
                drop(keeper);
                compare(expected, freed.into_inner(), |e, g| *e == g)
            }
        }
    }
}

/// Whether two results of floating-point work are the same: equal bits, or both NaN.
#[must_use]
pub fn same_float(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

fn compare<E: fmt::Debug, G: fmt::Debug>(
    expected: E,
    got: G,
    same: impl FnOnce(&E, &G) -> bool,
) -> Result<(), Mismatch> {
    if same(&expected, &got) {
        Ok(())
    } else {
        Err(Mismatch { expected: format!("{expected:?}"), got: format!("{got:?}") })
    }
}

const MIN_SUBNORMAL: f64 = f64::from_bits(1);
const fn vector(name: &'static str, call: Call) -> Vector {
    Vector { name, call }
}

/// All inputs with known results.
pub const ALL: &[Vector] = &[
    vector("empty", Call::DotProduct(&[], &[], Ok(0.0))),
    vector("three elements", Call::DotProduct(&[1.0, 2.0, 3.0], &[4.0, -5.0, 6.0], Ok(12.0))),
    vector("one chunk and a rest", Call::DotProduct(&[1.0; 11], &[2.0; 11], Ok(22.0))),
    vector(
        // Any other order of the additions, fewer lanes, or a fused multiply-add gives another last bit.
        "order of additions",
        Call::DotProduct(
            &[
                -9.0, -4.3, -1.4, 1.6, 5.7, 7.0, -8.2, 6.0, 5.6, 6.6, 1.3, -4.1, 6.3, 5.5, 3.3, 7.4, -2.8,
                -7.5, 1.0,
            ],
            &[
                5.4, -5.4, 4.5, 7.8, -4.8, 1.9, 3.2, -0.6, -5.3, -4.4, 4.5, 5.2, -0.7, -7.4, 5.5, 4.9, -4.8,
                1.4, 7.1,
            ],
            Ok(f64::from_bits(0xc05d_7ccc_cccc_cccd)),
        ),
    ),
    vector("negative zero", Call::DotProduct(&[-0.0], &[1.0], Ok(0.0))),
    vector("subnormal", Call::DotProduct(&[MIN_SUBNORMAL], &[3.0], Ok(f64::from_bits(3)))),
    vector("underflow", Call::DotProduct(&[MIN_SUBNORMAL], &[0.25], Ok(0.0))),
    vector("overflow", Call::DotProduct(&[f64::MAX, 1.0], &[2.0, 1.0], Ok(f64::INFINITY))),
    vector("infinity", Call::DotProduct(&[1.0, f64::NEG_INFINITY], &[1.0, 2.0], Ok(f64::NEG_INFINITY))),
    vector("zero times infinity", Call::DotProduct(&[0.0], &[f64::INFINITY], Ok(f64::NAN))),
    vector("nan", Call::DotProduct(&[1.0, f64::NAN], &[1.0, 0.0], Ok(f64::NAN))),
    vector(
        "different lengths",
        Call::DotProduct(&[1.0, 2.0], &[1.0], Err(LengthMismatch { left: 2, right: 1 })),
    ),
    vector("empty", Call::ReverseString("", "")),
    vector("ascii", Call::ReverseString("hello, C", "C ,olleh")),
    vector("one to four bytes", Call::ReverseString("aß水𝄞", "𝄞水ßa")),
    vector("embedded nul", Call::ReverseString("a\0b\0", "\0b\0a")),
    vector("combining accent", Call::ReverseString("xe\u{301}", "\u{301}ex")),
    vector(
        "first and last",
        Call::ReverseString("\0\u{7f}\u{80}\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}", {
            "\u{10ffff}\u{10000}\u{ffff}\u{800}\u{7ff}\u{80}\u{7f}\0"
        }),
    ),
    vector("empty", Call::DoubleArray(&[], &[])),
    vector("five elements", Call::DoubleArray(&[0, 1, -1, 21, -500], &[0, 2, -2, 42, -1000])),
    vector(
        "overflow wraps",
        Call::DoubleArray(&[i32::MAX, i32::MIN, 0x4000_0000, -0x4000_0001], &[-2, 0, i32::MIN, 0x7fff_fffe]),
    ),
    vector("empty", Call::SumArray(&[], 0)),
    vector("five elements", Call::SumArray(&[1, -2, 3, -4, 5], 3)),
    vector("beyond 32 bits", Call::SumArray(&[i32::MAX; 9], 19_327_352_823)),
    vector("below 32 bits", Call::SumArray(&[i32::MIN; 9], -19_327_352_832)),
    vector("the lowest", Call::Echo(i32::MIN)),
    vector("no text", Call::ReverseAll(&[], &[])),
    vector("four texts", Call::ReverseAll(&["ab", "", "ß水𝄞", "a\0"], &["ba", "", "𝄞水ß", "\0a"])),
    vector("a person", Call::Person(new_person("Zoë".as_bytes(), 36, 1815.5), Ok(("Zoë", 36, 1815.5)))),
    vector("at the ends", Call::Person(new_person(b"", 150, -0.0), Ok(("", 150, 0.0)))),
    vector(
        "nul before bad utf-8",
        Call::Person(new_person(b"a\0\xff", 999, f64::NAN), Err(PersonError::EmbeddedNul { at: 1 })),
    ),
    vector(
        "bad utf-8 before nul",
        Call::Person(new_person(b"ab\xed\xa0\x80\0", 1, 1.0), Err(PersonError::InvalidUtf8 { at: 2 })),
    ),
    vector("too old", Call::Person(new_person(b"a", 151, -1.0), Err(PersonError::Age))),
    vector("infinite salary", Call::Person(new_person(b"a", 150, f64::INFINITY), Err(PersonError::Salary))),
    vector("two", Call::People(&[new_person(b"a", 1, 1.0), new_person(b"b", 2, 2.0)], Ok(2))),
    vector(
        "all or none",
        Call::People(&[new_person(b"a", 1, 1.0), new_person(b"b", 2, -2.0)], Err((1, PersonError::Salary))),
    ),
    vector("all", Call::ForEach(&[3, -1, 2], None, &[3, -1, 2])),
    vector("breaks", Call::ForEach(&[3, -1, 2], Some(-1), &[3, -1])),
    vector(
        "two entries",
        Call::ReadBlock(
            b"\0\0\x02\0\x01\0\0\0ab1\x01\0\x01\0\x02\0\0\0cXY\
              \x16\0\0\0\0\0\0\0\x02\0\0\0\x94\x0e\x28\xc8\x01\0\0\0NBLK",
            Ok(&[(b"ab", b"1"), (b"ac", b"XY")]),
        ),
    ),
    vector("no entries", Call::ReadBlock(b"\0\0\0\0\0\0\0\0\0\0\0\0\xc5\x9d\x1c\x81\x01\0\0\0NBLK", Ok(&[]))),
    vector(
        "checksum",
        Call::ReadBlock(
            b"\0\0\0\0\0\0\0\0\0\0\0\0\xc5\x9d\x1c\x82\x01\0\0\0NBLK",
            Err("the block is damaged at byte 12"),
        ),
    ),
    vector("newest first", Call::Keep(&["one", "", "three"], &["three", "", "one"])),
];

const fn new_person(name: &'static [u8], age: u32, salary: f64) -> NewPerson<'static> {
    NewPerson { name, age, salary }
}
