//! What C keeps, C owns, by type. The topic "kept buffers" of docs/concepts/c-boundary.md.

mod common;

use native::pure::Pure;
use native::{Backend, ForeignBuffer};
use proptest::prelude::*;

#[test]
fn a_buffer_is_moved_in_and_taken_out() {
    for backend in common::all() {
        let mut keeper = backend.keeper(Box::new(|_| unreachable!("nothing is released here")));
        assert!(keeper.is_empty() && keeper.newest().is_none() && keeper.take().is_none());
        let mut buffer = backend.buffer(4);
        assert_eq!(&*buffer, [0; 4]);
        buffer.copy_from_slice(b"kept");
        keeper.keep(buffer).unwrap();
        keeper.keep(backend.buffer(0)).unwrap();
        assert_eq!((keeper.len(), keeper.newest()), (2, Some(&[][..])), "{}", backend.name());
        assert_eq!(keeper.take().unwrap().len(), 0);
        assert_eq!(keeper.newest(), Some(&b"kept"[..]));
        let mut again = keeper.take().unwrap();
        again[0] = b'K';
        assert_eq!(&*again, b"Kept");
        assert!(keeper.is_empty());
    }
}

/// A keeper that freed what another allocator made would break both, so it gives the buffer back.
#[test]
fn a_foreign_buffer_comes_back() {
    for one in common::all() {
        for other in common::all() {
            let mut keeper = one.keeper(Box::new(|_| {}));
            let kept = keeper.keep(other.buffer(7));
            if one.name() == other.name() {
                assert!(kept.is_ok());
            } else {
                let ForeignBuffer(back) = kept.unwrap_err();
                assert_eq!(back.len(), 7, "{} keeps for {}", one.name(), other.name());
            }
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Keep(Vec<u8>),
    Take,
    Release,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(feature = "wasm") { 64 } else { 256 }))]

    /// Any sequence of steps shows the same in every backend: what is there, its hash, and what was freed when.
    #[test]
    fn any_steps(steps in prop::collection::vec(prop_oneof![
        3 => prop::collection::vec(any::<u8>(), 0..40).prop_map(Step::Keep),
        1 => Just(Step::Take),
        1 => Just(Step::Release),
    ], 0..40)) {
        let seen = |backend: &dyn Backend| {
            let freed = std::cell::RefCell::new(Vec::new());
            let mut states = Vec::new();
            {
                let mut keeper = backend.keeper(Box::new(|bytes| freed.borrow_mut().push(bytes.to_vec())));
                for step in &steps {
                    let out = match step {
                        Step::Keep(bytes) => {
                            let mut buffer = backend.buffer(bytes.len());
                            buffer.copy_from_slice(bytes);
                            keeper.keep(buffer).unwrap();
                            None
                        }
                        Step::Take => keeper.take().map(|buffer| buffer.to_vec()),
                        Step::Release => keeper.release().then(Vec::new),
                    };
                    states.push((out, keeper.len(), keeper.hash(), keeper.newest().map(<[u8]>::to_vec)));
                }
            }
            (states, freed.into_inner())
        };
        let expected = seen(&Pure);
        for backend in common::others() {
            prop_assert_eq!(seen(backend), expected.clone(), "{}", backend.name());
        }
    }
}
