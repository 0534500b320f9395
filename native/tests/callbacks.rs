//! Closures that C calls, their panics, and the contexts that C keeps. The topics "callbacks", "panics" and "callback
//! contexts" of docs/concepts/c-boundary.md.

mod common;

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

const CONTINUE: ControlFlow<()> = ControlFlow::Continue(());

/// The message of the panic that `work` ends with.
fn panic_of(work: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(work)).expect_err("it does not panic");
    panic.downcast_ref::<&str>().map_or_else(|| "another".into(), |text| (*text).to_owned())
}

#[test]
fn a_closure_may_borrow_and_break() {
    for backend in common::all() {
        let mut seen = Vec::new();
        let calls = backend.for_each(&[1, 2, 3, 4], &mut |value| {
            seen.push(value);
            if value == 3 { ControlFlow::Break(()) } else { CONTINUE }
        });
        assert_eq!((calls, seen), (3, vec![1, 2, 3]), "{}", backend.name());
        assert_eq!(backend.for_each(&[], &mut |_| unreachable!()), 0);
    }
    let mut sum = 0;
    let calls = native::for_each(&[5, 6], |value| {
        sum += value;
        CONTINUE
    });
    assert_eq!((calls, sum), (2, 11));
}

#[test]
fn a_panic_ends_the_loop_in_c_and_goes_on_behind_it() {
    for backend in common::all() {
        let mut calls = 0;
        let message = panic_of(|| {
            backend.for_each(&[1, 2, 3], &mut |value| {
                calls += 1;
                assert!(value != 2, "two");
                CONTINUE
            });
            unreachable!("the panic does not go on");
        });
        assert_eq!((message.as_str(), calls), ("two", 2), "{}", backend.name());
        // The backend is as good as before.
        assert_eq!(backend.for_each(&[1, 2], &mut |_| CONTINUE), 2);
    }
}

/// A callback may call the same backend again, and a panic passes through all levels.
#[test]
fn callbacks_nest() {
    for backend in common::all() {
        let mut products = Vec::new();
        backend.for_each(&[1, 2], &mut |a| {
            backend.for_each(&[10, 20], &mut |b| {
                products.push(backend.echo(a * b));
                CONTINUE
            });
            CONTINUE
        });
        assert_eq!(products, [10, 20, 20, 40]);
        let message = panic_of(|| {
            backend.for_each(&[1], &mut |_| {
                backend.for_each(&[2], &mut |_| panic!("inner"));
                unreachable!()
            });
        });
        assert_eq!(message, "inner");
    }
}

/// Each thread has its own context, though they all call the same function at the same time.
#[test]
fn contexts_are_not_shared() {
    for backend in common::all() {
        std::thread::scope(|scope| {
            for thread in 0..8_i32 {
                scope.spawn(move || {
                    for round in 0..20 {
                        let mut seen = Vec::new();
                        let values: Vec<i32> = (0..50).map(|i| thread * 1000 + round + i).collect();
                        backend.for_each(&values, &mut |value| {
                            seen.push(value);
                            CONTINUE
                        });
                        assert_eq!(seen, values);
                    }
                });
            }
        });
    }
}

/// C keeps a pointer to the closure's context from call to call, while the keeper moves about in Rust.
#[test]
fn a_context_outlives_the_call_and_the_move() {
    for backend in common::all() {
        let freed = RefCell::new(Vec::new());
        {
            let mut keepers: Vec<_> = (0..5)
                .map(|number: u8| {
                    let freed = &freed;
                    backend.keeper(Box::new(move |bytes| freed.borrow_mut().push((number, bytes.to_vec()))))
                })
                .collect();
            for (number, keeper) in keepers.iter_mut().enumerate() {
                let mut buffer = backend.buffer(3);
                buffer.fill(number as u8);
                keeper.keep(buffer).unwrap();
            }
            keepers.swap(0, 4);
            let mut third = Box::new(keepers.remove(2));
            assert!(third.release() && !third.release());
            assert_eq!(*freed.borrow(), [(2, vec![2; 3])]);
        }
        let order: Vec<u8> = freed.take().iter().map(|(number, _)| *number).collect();
        assert_eq!(order, [2, 4, 1, 3, 0], "{}", backend.name());
    }
}

/// The context is dropped once, with the keeper, and not by C.
#[test]
fn a_context_is_dropped_once() {
    for backend in common::all() {
        let counter = Rc::new(());
        let mine = Rc::clone(&counter);
        let keeper = backend.keeper(Box::new(move |_| drop(Rc::clone(&mine))));
        assert_eq!(Rc::strong_count(&counter), 2);
        drop(keeper);
        assert_eq!(Rc::strong_count(&counter), 1);
    }
}

#[test]
fn a_panic_of_the_closure_that_is_told() {
    for backend in common::all() {
        let calls = Cell::new(0);
        let mut keeper = backend.keeper(Box::new(|bytes: &[u8]| {
            calls.set(calls.get() + 1);
            assert!(bytes != b"bad", "bad buffer");
        }));
        for text in ["one", "bad", "bad", "two"] {
            let mut buffer = backend.buffer(3);
            buffer.copy_from_slice(text.as_bytes());
            keeper.keep(buffer).unwrap();
        }
        assert!(keeper.release());
        // The buffer is gone all the same, and the keeper goes on.
        assert_eq!(panic_of(|| assert!(keeper.release())), "bad buffer");
        assert_eq!((keeper.len(), calls.get()), (2, 2));
        assert_eq!(panic_of(|| drop(keeper)), "bad buffer");
        assert_eq!(calls.get(), 3, "not called again in a drop after it panicked: {}", backend.name());
    }
}

/// A drop during a panic does not end the process, whatever the closure does.
#[test]
fn a_panic_within_a_panic() {
    for backend in common::all() {
        let message = panic_of(|| {
            let mut keeper = backend.keeper(Box::new(|_| panic!("second")));
            keeper.keep(backend.buffer(1)).unwrap();
            panic!("first");
        });
        assert_eq!(message, "first");
    }
}
