//! The C reader reads from any `Read + Seek`, cursors copy nothing, and untrusted bytes give errors. The topics "readers" and
//! "zero-copy cursors" of docs/concepts/c-boundary.md.

mod common;

use std::collections::BTreeMap;
use std::io::{self, Cursor, ErrorKind, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};

use common::any_entries;
use native::block::{WriteError, write};
use native::pure::Pure;
use native::{Backend, Block, BlockError, Source};
use proptest::prelude::*;

type Entries = BTreeMap<Vec<u8>, Vec<u8>>;
type Outcome = Result<Vec<(Vec<u8>, Vec<u8>)>, String>;

fn entries(block: &Block) -> Vec<(Vec<u8>, Vec<u8>)> {
    let (mut cursor, mut entries) = (block.cursor(), Vec::new());
    while let Some(entry) = cursor.next() {
        entries.push((entry.key.to_vec(), entry.value.to_vec()));
    }
    assert!(cursor.next().is_none() && cursor.next().is_none(), "the end is the end");
    entries
}

/// The entries, or the error as text.
fn read(backend: &dyn Backend, source: &mut dyn Source) -> Outcome {
    let block = backend.read_block(source).map_err(|error| format!("{error:?}"))?;
    let entries = entries(&block);
    assert_eq!(entries.len(), block.len() as usize);
    assert_eq!(block.is_empty(), entries.is_empty());
    Ok(entries)
}

/// The same bytes with a checksum that fits, so that damage gets past it.
fn mended(mut bytes: Vec<u8>) -> Vec<u8> {
    let Some(length) = bytes.len().checked_sub(24) else { return bytes };
    let fnv =
        bytes[..length].iter().fold(2_166_136_261_u32, |h, &b| (h ^ u32::from(b)).wrapping_mul(16_777_619));
    bytes[length + 12..length + 16].copy_from_slice(&fnv.to_le_bytes());
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(feature = "wasm") { 100 } else { 1_000 }))]

    #[test]
    fn what_is_written_is_read(map in any_entries(), chunk in 1..50_usize) {
        let bytes = write(&map).unwrap();
        let expected: Vec<_> = map.into_iter().collect();
        for backend in common::all() {
            prop_assert_eq!(read(backend, &mut Cursor::new(&bytes)), Ok(expected.clone()), "{}", backend.name());
            let mut slow = Odd { chunk, ..Odd::new(bytes.clone()) };
            prop_assert_eq!(read(backend, &mut slow), Ok(expected.clone()), "in pieces: {}", backend.name());
        }
    }

    /// Any bytes, and blocks with a few bytes changed, cut off or put in, with and without a checksum that fits.
    #[test]
    fn bytes_that_nobody_can_trust(
        map in any_entries(),
        anything in prop::option::weighted(0.1, prop::collection::vec(any::<u8>(), 0..100)),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
        mend in prop::bool::weighted(0.8),
    ) {
        let bytes = anything.unwrap_or_else(|| {
            let mut bytes = write(&map).unwrap();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = if byte & 1 == 0 { byte } else { bytes[at] ^ (1 << (byte >> 5)) };
            }
            if let Some(at) = cut {
                bytes.truncate(at.index(bytes.len()));
            }
            if mend { mended(bytes) } else { bytes }
        });
        let expected = read(&Pure, &mut Cursor::new(&bytes));
        if let Ok(entries) = &expected {
            prop_assert!(entries.is_sorted_by(|a, b| a.0 < b.0));
        }
        for backend in common::others() {
            prop_assert_eq!(read(backend, &mut Cursor::new(&bytes)), expected.clone(), "{}", backend.name());
        }
    }

    /// A source that fails or ends at any of its calls: its own error comes back, or the place where it ended.
    #[test]
    fn a_source_that_fails(map in any_entries(), fail_at in 0..12_usize, how in 0..5_u8, chunk in 1..40_usize) {
        let bytes = write(&map).unwrap();
        let source = |bytes: &[u8]| Odd { chunk, fail_at: Some((fail_at, how)), ..Odd::new(bytes.to_vec()) };
        let expected = read(&Pure, &mut source(&bytes));
        if let Err(error) = &expected {
            prop_assert!(error.starts_with("Io(") || error.starts_with("Truncated"), "{}", error);
        }
        for backend in common::others() {
            prop_assert_eq!(read(backend, &mut source(&bytes)), expected.clone(), "{}", backend.name());
        }
    }
}

/// Reads in pieces, and misbehaves at one of its calls.
struct Odd {
    inner: Cursor<Vec<u8>>,
    chunk: usize,
    calls: usize,
    /// At which call, and how.
    fail_at: Option<(usize, u8)>,
}

impl Odd {
    fn new(bytes: Vec<u8>) -> Self {
        Self { inner: Cursor::new(bytes), chunk: usize::MAX, calls: 0, fail_at: None }
    }

    /// How this call goes.
    fn now(&mut self) -> Option<u8> {
        self.calls += 1;
        self.fail_at.filter(|(at, _)| *at + 1 == self.calls).map(|(_, how)| how)
    }
}

impl Read for Odd {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.now() {
            Some(0) => Err(io::Error::other("the disk is on fire")),
            Some(1) => Err(ErrorKind::Interrupted.into()),
            Some(2) => Ok(0),
            Some(3) => Ok(into.len() + 1),
            _ => {
                let length = into.len().min(self.chunk);
                self.inner.read(&mut into[..length])
            }
        }
    }
}

impl Seek for Odd {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self.now() {
            Some(0) => Err(io::Error::other("the disk is on fire")),
            // Elsewhere than it was told; as a size, more than there is.
            Some(4) => Ok(self.inner.seek(to)? + 1),
            _ => self.inner.seek(to),
        }
    }
}

/// The error that comes out is the very one that went in.
#[test]
fn an_error_keeps_what_it_carries() {
    #[derive(Debug)]
    struct Mine(u32);
    impl std::fmt::Display for Mine {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "mine {}", self.0)
        }
    }
    impl std::error::Error for Mine {}
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::new(ErrorKind::PermissionDenied, Mine(7)))
        }
    }
    impl Seek for Failing {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            Ok(if let SeekFrom::Start(at) = to { at } else { 1000 })
        }
    }
    struct Small;
    impl Read for Small {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            unreachable!("what is too small is not read")
        }
    }
    impl Seek for Small {
        fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
            Ok(23)
        }
    }
    struct AtZero;
    impl Read for AtZero {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            panic!("the reader panics")
        }
    }
    impl Seek for AtZero {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            Ok(if let SeekFrom::Start(at) = to { at } else { u64::MAX })
        }
    }
    for backend in common::all() {
        let BlockError::Io(error) = backend.read_block(&mut Failing).unwrap_err() else { panic!() };
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert_eq!(error.into_inner().unwrap().downcast_ref::<Mine>().unwrap().0, 7);
        assert!(matches!(backend.read_block(&mut Small), Err(BlockError::NotABlock)));

        let panic = catch_unwind(AssertUnwindSafe(|| drop(backend.read_block(&mut AtZero)))).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"the reader panics"));
    }
}

/// A source that promises more than it has: the reader goes past the end, and is told so.
#[test]
fn past_the_end() {
    struct Promises(Cursor<Vec<u8>>, u64);
    impl Read for Promises {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.0.read(into)
        }
    }
    impl Seek for Promises {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            if let SeekFrom::End(0) = to { Ok(self.1) } else { self.0.seek(to) }
        }
    }
    let bytes = write(&BTreeMap::from([("key", "value")])).unwrap();
    for backend in common::all() {
        for size in [bytes.len() as u64 + 1, bytes.len() as u64 + 24, 1 << 40, u64::MAX] {
            let mut source = Promises(Cursor::new(bytes.clone()), size);
            match backend.read_block(&mut source) {
                Err(BlockError::Truncated { at }) => assert!(at >= bytes.len() as u64 && at < size),
                other => panic!("{}: {other:?}", backend.name()),
            }
        }
        let file = std::fs::File::open("/dev/null");
        if let Ok(mut file) = file {
            assert!(matches!(backend.read_block(&mut file), Err(BlockError::NotABlock)));
        }
    }
}

/// Sizes are judged before anything is allocated.
#[test]
fn a_block_that_is_too_large() {
    struct Sparse(u64, u64);
    impl Read for Sparse {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            assert!(into.len() <= 24, "the trailer is enough to refuse");
            let mut trailer = [0_u8; 24];
            trailer[..8].copy_from_slice(&(self.0 - 24).to_le_bytes());
            trailer[16] = 1;
            trailer[20..].copy_from_slice(b"NBLK");
            into.copy_from_slice(&trailer[24 - into.len()..]);
            Ok(into.len())
        }
    }
    impl Seek for Sparse {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.1 = if let SeekFrom::Start(at) = to { at } else { self.0 };
            Ok(self.1)
        }
    }
    for backend in common::all() {
        for size in [Block::MAX_BYTES + 25, u64::MAX] {
            match backend.read_block(&mut Sparse(size, 0)) {
                Err(BlockError::TooLarge { bytes }) => assert_eq!(bytes, size - 24),
                other => panic!("{}: {other:?}", backend.name()),
            }
        }
    }
}

#[test]
fn what_cannot_be_written() {
    let long = |length| Entries::from([(vec![7; length], vec![])]);
    assert_eq!(write(&long(Block::MAX_KEY + 1)), Err(WriteError::LongKey { bytes: Block::MAX_KEY + 1 }));
    let bytes = write(&long(Block::MAX_KEY)).unwrap();
    for backend in common::all() {
        assert_eq!(read(backend, &mut Cursor::new(&bytes)).unwrap()[0].0.len(), Block::MAX_KEY);
    }
}

/// Cursors are independent of each other, a block is read by many threads, and it may move under no cursor's feet.
#[test]
fn many_cursors_on_many_threads() {
    let map: Entries = (0..500_u16).map(|i| (i.to_be_bytes().to_vec(), vec![i as u8; 3])).collect();
    let bytes = write(&map).unwrap();
    for backend in common::all() {
        let block = Box::new(backend.read_block(&mut Cursor::new(&bytes)).unwrap());
        let mut first = block.cursor();
        assert_eq!(first.next().unwrap().key, [0, 0]);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert!(entries(&block).into_iter().eq(map.clone())));
            }
        });
        assert_eq!(first.next().unwrap().key, [0, 1]);
    }
}
