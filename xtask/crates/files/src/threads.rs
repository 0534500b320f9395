//! Work on several threads, or on fewer if the system refuses more: a limit on processes makes a run slower, but does not
//! make it fail.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::Builder;

/// Returns how many threads this machine runs at once, or 1 if the system does not say.
pub fn cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// Applies a function to each item of a list, on up to `at_once` threads including the caller's. Returns the results in the
/// order of the list.
pub fn side_by_side<T: Send, R: Send>(list: Vec<T>, at_once: usize, each: impl Fn(T) -> R + Sync) -> Vec<R> {
    let count = list.len();
    let queue = Mutex::new(list.into_iter().enumerate());
    let results: Mutex<Vec<Option<R>>> = Mutex::new((0..count).map(|_| None).collect());
    let work = || {
        loop {
            let next = lock(&queue).next();
            let Some((at, one)) = next else { return };
            let result = each(one);
            lock(&results)[at] = Some(result);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..at_once.min(count) {
            if Builder::new().spawn_scoped(scope, work).is_err() {
                break;
            }
        }
        work();
    });
    results.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().flatten().collect()
}

/// Runs two functions, in parallel if the system provides a thread.
pub fn both<A: Send, B>(one: impl FnOnce() -> A + Send, other: impl FnOnce() -> B) -> (A, B) {
    let one = Mutex::new(Some(one));
    let run = || lock(&one).take().map(|one| one());
    std::thread::scope(|scope| {
        let started = Builder::new().spawn_scoped(scope, run);
        let other = other();
        let result = match started {
            Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(_) => run(),
        };
        // Whoever runs it first takes it, and nobody else waits for it.
        (result.unwrap_or_else(|| unreachable!("the closure ran once")), other)
    })
}

/// Locks a mutex. A thread that panicked while it held the lock does not matter here: what the mutex guards stays valid.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_list() {
        for at_once in [0, 1, 3, 100] {
            let list: Vec<u64> = (0..40).collect();
            let squares = side_by_side(list.clone(), at_once, |n| {
                std::thread::sleep(std::time::Duration::from_millis((40 - n) % 3));
                n * n
            });
            assert_eq!(squares, list.iter().map(|n| n * n).collect::<Vec<_>>(), "{at_once}");
        }
        assert!(side_by_side(Vec::<u8>::new(), 4, |n| n).is_empty());
    }

    #[test]
    fn both_are_done() {
        let mut told = Vec::new();
        assert_eq!(both(|| 1, || told.push(2)), (1, ()));
        assert_eq!(told, [2]);
    }
}
