//! Errors belong to their call, resources are freed in reverse order, and memory held by C is counted. The topics "errors",
//! "order of clean-up" and "memory held by C" of docs/concepts/c-boundary.md.
//!
//! The counts are for the whole program, so everything here is one test.

mod common;

use std::cell::RefCell;
use std::io::Cursor;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use common::Numbers;
use native::{Backend, Held, Keeper, NewPerson, PersonError};

const NOTHING: Held = Held { bytes: 0, objects: 0 };

#[test]
fn in_one_program() {
    for backend in common::all() {
        nothing_is_held(backend, "at the beginning");
        what_is_held_is_counted(backend);
        resources_fall_in_reverse_order(backend);
        errors_belong_to_their_call(backend);
        a_long_random_sequence(backend);
        nothing_is_held(backend, "at the end");
    }
    assert_eq!(native::held(), NOTHING);
}

fn nothing_is_held(backend: &dyn Backend, when: &str) {
    assert_eq!(backend.held(), NOTHING, "{} {when}", backend.name());
}

/// No backend inherits from `pure` what it should do by itself: each of these objects is held outside of Rust.
fn what_is_held_is_counted(backend: &dyn Backend) {
    let outside = |what: &str, objects: usize| {
        let held = backend.held();
        // The sandbox gives out copies of texts, persons and buffers, so that nothing of these stays in it.
        let expected = match (backend.name(), what) {
            ("pure", _) | ("wasm", "text" | "texts" | "person" | "buffer") => 0,
            _ => objects,
        };
        assert_eq!(held.objects, expected, "{} {what}: {held}", backend.name());
        assert_eq!(held.bytes == 0, expected == 0, "{} {what}: {held}", backend.name());
    };
    let text = backend.reverse_string("abc");
    outside("text", 1);
    drop(text);
    let texts = backend.reverse_all(&["a", "b"]);
    outside("texts", 1);
    drop(texts);
    let person = backend.person(NewPerson { name: b"a", age: 1, salary: 1.0 }).unwrap();
    outside("person", 2);
    drop(person);
    let block = backend.read_block(&mut Cursor::new(bytes())).unwrap();
    outside("block", 1);
    let cursor = block.cursor();
    outside("cursor", 2);
    drop(cursor);
    drop(block);
    let buffer = backend.buffer(1 << 16);
    outside("buffer", 1);
    let mut keeper = backend.keeper(Box::new(|_| {}));
    keeper.keep(buffer).unwrap();
    outside("keeper", 2);
    drop(keeper);
    nothing_is_held(backend, "after the drops");
}

/// A block of one entry.
fn bytes() -> Vec<u8> {
    native::block::write(&std::collections::BTreeMap::from([("key", "value")])).unwrap()
}

/// Whose end is written down.
struct Resource<'a> {
    _keeper: Keeper<'a>,
}

fn resource<'a>(backend: &dyn Backend, name: &'static str, log: &'a RefCell<Vec<String>>) -> Resource<'a> {
    let mut keeper = backend.keeper(Box::new(move |bytes: &[u8]| {
        log.borrow_mut().push(format!("{name}{}", bytes[0]));
    }));
    for number in 0..2 {
        let mut buffer = backend.buffer(1);
        buffer[0] = number;
        keeper.keep(buffer).unwrap();
    }
    Resource { _keeper: keeper }
}

/// What C's `goto error` has to get right by hand: the last one made falls first, on every way out.
fn resources_fall_in_reverse_order(backend: &dyn Backend) {
    #[derive(Clone, Copy, PartialEq)]
    enum Out {
        AtTheEnd,
        Early,
        ByPanic,
        ByPanicInC,
    }
    let work = |out: Out, log: &RefCell<Vec<String>>| -> Result<(), PersonError> {
        let _a = resource(backend, "a", log);
        let _person = backend.person(NewPerson { name: b"x", age: 1, salary: 1.0 })?;
        let _b = resource(backend, "b", log);
        if out == Out::Early {
            backend.person(NewPerson { name: b"\0", age: 1, salary: 1.0 })?;
        }
        assert!(out != Out::ByPanic, "on purpose");
        if out == Out::ByPanicInC {
            backend.for_each(&[1], &mut |_| -> ControlFlow<()> { panic!("on purpose") });
        }
        let _c = resource(backend, "c", log);
        Ok(())
    };
    for (out, expected) in [
        (Out::AtTheEnd, "c1 c0 b1 b0 a1 a0"),
        (Out::Early, "b1 b0 a1 a0"),
        (Out::ByPanic, "b1 b0 a1 a0"),
        (Out::ByPanicInC, "b1 b0 a1 a0"),
    ] {
        let log = RefCell::new(Vec::new());
        let result = catch_unwind(AssertUnwindSafe(|| work(out, &log)));
        assert_eq!(log.take().join(" "), expected, "{}", backend.name());
        match out {
            Out::AtTheEnd => assert_eq!(result.unwrap(), Ok(())),
            Out::Early => assert_eq!(result.unwrap(), Err(PersonError::EmbeddedNul { at: 0 })),
            _ => assert!(result.is_err()),
        }
        nothing_is_held(backend, "after the way out");
    }
}

/// Many threads fail at the same time, each in its own way, and move between calls: nobody gets another's error.
fn errors_belong_to_their_call(backend: &dyn Backend) {
    std::thread::scope(|scope| {
        for thread in 0..8_usize {
            scope.spawn(move || {
                for round in 0..100 {
                    let name = [vec![b'x'; thread * 100 + round], vec![0xff]].concat();
                    let new = NewPerson { name: &name, age: 1, salary: 1.0 };
                    let expected = PersonError::InvalidUtf8 { at: thread * 100 + round };
                    if round % 25 == 0 {
                        // The call on one thread, the look at its error on another.
                        let call = move || backend.person(new).map(drop);
                        let elsewhere = std::thread::scope(|scope| scope.spawn(call).join().unwrap());
                        assert_eq!(elsewhere, Err(expected));
                    }
                    assert_eq!(backend.person(new).map(drop), Err(expected));
                }
            });
        }
    });
}

/// Thousands of calls in any order, with many objects alive at the same time, some moved to other threads.
fn a_long_random_sequence(backend: &dyn Backend) {
    let rounds = if backend.name() == "wasm" { 500 } else { 30_000 };
    let (mut texts, mut many, mut people, mut blocks) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut keepers: Vec<Keeper<'_>> = Vec::new();
    let released = std::cell::Cell::new(0_usize);
    let mut kept = 0;
    let bytes = bytes();
    let mut numbers = Numbers(0x1234_5678_9abc_def1);
    let mut peak = NOTHING;
    for _ in 0..rounds {
        let number = numbers.next().unwrap() as usize;
        let size = number >> 8 & 0xff;
        match number % 13 {
            0 => texts.push(backend.reverse_string(&"é".repeat(size))),
            1 => many.push(backend.reverse_all(&vec!["ab"; size])),
            2 => {
                let first = if number >> 20 & 1 == 0 { b'n' } else { 0xee };
                let name = vec![first; size];
                people.extend(backend.person(NewPerson { name: &name, age: size as u32, salary: 1.0 }));
            }
            3 => {
                let new =
                    vec![NewPerson { name: b"p", age: (number >> 16 & 0xff) as u32, salary: 0.0 }; size % 5];
                people.extend(backend.people(&new).unwrap_or_default());
            }
            4 if blocks.len() < 20 => {
                let cut = if number >> 16 & 1 == 0 { bytes.len() } else { size % bytes.len() };
                blocks.extend(backend.read_block(&mut Cursor::new(&bytes[..cut])));
            }
            5 => {
                if let Some(block) = blocks.last() {
                    let (mut one, mut two) = (block.cursor(), block.cursor());
                    assert_eq!(one.next(), two.next());
                }
            }
            6 if keepers.len() < 20 => {
                keepers.push(backend.keeper(Box::new(|_| released.set(released.get() + 1))));
            }
            7 | 8 => {
                if let Some(keeper) = keepers.last_mut() {
                    keeper.keep(backend.buffer(size)).unwrap();
                    kept += 1;
                }
            }
            9 => {
                if let Some(keeper) = keepers.first_mut() {
                    kept -= usize::from(keeper.take().is_some());
                    keeper.release();
                }
            }
            10 => drop(catch_unwind(AssertUnwindSafe(|| {
                let _text = backend.reverse_string("dropped by the panic");
                backend.for_each(&[1, 2], &mut |value| std::panic::resume_unwind(Box::new(value)));
            }))),
            11 => {
                // What crossed a thread is freed there.
                let (texts, people) = (std::mem::take(&mut texts), std::mem::take(&mut people));
                if number >> 16 & 3 == 0 {
                    std::thread::spawn(move || drop((texts, people))).join().unwrap();
                }
            }
            _ => {
                many.pop();
                blocks.pop();
                keepers.pop();
            }
        }
        if backend.held().bytes > peak.bytes {
            peak = backend.held();
        }
    }
    eprintln!("{}: at most {peak} held by C", backend.name());
    assert_eq!(peak == NOTHING, backend.name() == "pure");
    drop((texts, many, people, blocks, keepers));
    assert_eq!(released.get(), kept, "every buffer that was kept is freed once");
    nothing_is_held(backend, "after a long random sequence");
}
