//! What the safe face never lets through: memory that runs out at every point, text that is not UTF-8.

use std::io::Cursor;

use super::table::FunctionTable;
use super::{CBlock, Heap};
use crate::{BlockError, Held, codes};

fn table(limit: usize) -> &'static FunctionTable {
    // Both live as long as the program, as every table does.
    let heap: &'static Heap = Box::leak(Box::new(Heap::new(limit)));
    let table: &'static FunctionTable = Box::leak(Box::new(super::linked(heap)));
    // Where the leak checker sees that it is not lost.
    static TABLES: std::sync::Mutex<Vec<&'static FunctionTable>> = std::sync::Mutex::new(Vec::new());
    TABLES.lock().unwrap().push(table);
    table
}

const NOTHING: Held = Held { bytes: 0, objects: 0 };

#[test]
fn the_version_is_that_of_the_header() {
    unsafe extern "C" {
        fn native_abi_version() -> u32;
    }
    // SAFETY: the signature is that of native.h.
    let version = unsafe { native_abi_version() };
    let header = include_str!("../../c/native.h");
    assert!(header.contains(&format!("#define NATIVE_ABI_VERSION UINT32_C({version})\n")));
    #[cfg(feature = "dlopen")]
    assert_eq!(version, crate::dlopen::VERSION);
}

/// Each way out of the reader frees what it took, and memory that ends at any point is an error, not a crash.
#[test]
fn a_block_without_memory() {
    let entries = std::collections::BTreeMap::from([("a", "1"), ("ab", "22")]);
    let bytes = crate::block::write(&entries).unwrap();
    let mut enough = 0;
    for limit in (0..200).chain([65_535 + 40, 65_535 + 200]) {
        let table = table(limit);
        match CBlock::read(table, &mut Cursor::new(&bytes)) {
            Ok(block) => {
                assert!(table.heap.held().bytes <= limit && block.count() == 2);
                enough += 1;
            }
            Err(BlockError::NoMemory) => assert!(limit < 65_535 + 200, "{limit}"),
            Err(other) => panic!("{other}"),
        }
        assert_eq!(table.heap.held(), NOTHING, "{limit}");
    }
    assert!(enough >= 1);
}

#[test]
fn persons_without_memory() {
    let name = "Ada Lovelace";
    let spec =
        |_| super::table::PersonSpec { name: name.as_ptr().cast(), length: name.len(), age: 36, salary: 1.0 };
    let specs: Vec<_> = (0..4).map(spec).collect();
    let (mut made, mut failed_at) = (0, std::collections::BTreeSet::new());
    for limit in 0..400 {
        let table = table(limit);
        let mut people = [std::ptr::null_mut(); 4];
        let (mut index, mut detail) = (usize::MAX, 0);
        // SAFETY: as in CPerson::many, and the names are static.
        let code = unsafe {
            (table.people_create)(table.heap, specs.as_ptr(), 4, people.as_mut_ptr(), &mut index, &mut detail)
        };
        if code == codes::OK {
            made += 1;
            assert_eq!(table.heap.held().objects, 8);
            for person in people {
                // SAFETY: C made it a moment ago, and it is freed once.
                unsafe { (table.person_free)(person) }
            }
        } else {
            assert_eq!(code, codes::NO_MEMORY);
            failed_at.insert(index);
        }
        assert_eq!(table.heap.held(), NOTHING, "{limit}");
    }
    assert!(made > 0);
    assert_eq!(failed_at.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
}

/// Everything else that allocates says so when it cannot, and holds nothing then.
#[test]
fn the_rest_without_memory() {
    unsafe extern "C" fn released(_: *mut std::ffi::c_void, _: *const u8, _: usize) {}
    let slice = super::table::Slice { start: "abc".as_ptr().cast(), length: 3 };
    let too_long = super::table::Slice { start: "abc".as_ptr().cast(), length: usize::MAX };
    let table = table(3);
    // SAFETY: every pointer is good for what it is said to be good for; where the length is a lie, C gives up before it
    // reads.
    unsafe {
        assert!((table.reverse_string)(table.heap, slice.start, 3).is_null());
        assert!((table.reverse_string)(table.heap, slice.start, usize::MAX).is_null());
        assert!((table.reverse_batch)(table.heap, &slice, 1).is_null());
        assert!((table.reverse_batch)(table.heap, &too_long, 1).is_null());
        assert!((table.reverse_batch)(table.heap, &slice, usize::MAX).is_null());
        assert!((table.buffer_create)(table.heap, 0).is_null());
        assert!((table.buffer_create)(table.heap, usize::MAX).is_null());
        assert!((table.keeper_create)(table.heap, released, std::ptr::null_mut()).is_null());
        (table.text_free)(table.heap, std::ptr::null_mut(), 0);
        (table.batch_free)(std::ptr::null_mut());
        (table.person_free)(std::ptr::null_mut());
        (table.block_free)(std::ptr::null_mut());
        (table.cursor_free)(std::ptr::null_mut());
        (table.buffer_free)(std::ptr::null_mut());
        (table.keeper_free)(std::ptr::null_mut());
    }
    assert_eq!(table.heap.held(), NOTHING);
}

/// The C function by itself takes any bytes: they come back in some order, and none from outside.
#[test]
fn bytes_that_are_no_text() {
    let table = table(usize::MAX);
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for length in (0..300).chain([4096, 65_537]) {
        let mut bytes = Vec::with_capacity(length);
        for _ in 0..length {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            // Many continuation bytes, few that begin something.
            bytes.push(if state >> 63 == 0 { 0x80 | (state >> 40) as u8 } else { (state >> 40) as u8 });
        }
        // SAFETY: C reads that many bytes, and returns as many and a NUL, which are freed once.
        let mut got = unsafe {
            let text = (table.reverse_string)(table.heap, bytes.as_ptr().cast(), length);
            assert!(!text.is_null());
            let got = std::slice::from_raw_parts(text.cast::<u8>(), length + 1).to_vec();
            (table.text_free)(table.heap, text, length);
            got
        };
        assert_eq!(got.pop(), Some(0));
        got.sort_unstable();
        bytes.sort_unstable();
        assert_eq!(got, bytes);
    }
    assert_eq!(table.heap.held(), NOTHING);
}
