//! The pool in async code: no thread waits, and no place in the queue is lost when a future is dropped. The topic "blocking
//! calls" of docs/concepts/c-boundary.md.

use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use native::Pool;
use native::pool::Refused;

fn pool(threads: usize, room: usize) -> Pool {
    Pool::new(NonZeroUsize::new(threads).unwrap(), room).unwrap()
}

/// Wakes a thread, and counts.
struct Bell(Thread, AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.unpark();
    }
}

fn bell() -> (Arc<Bell>, Waker) {
    let bell = Arc::new(Bell(std::thread::current(), AtomicUsize::new(0)));
    (Arc::clone(&bell), bell.into())
}

/// Runs a future to its end on this thread.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let ((_, waker), mut future) = (bell(), pin!(future));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// A job that holds its thread until the sender falls.
fn gate() -> (mpsc::Sender<()>, impl FnOnce() + Send + 'static) {
    let (open, closed) = mpsc::channel::<()>();
    (open, move || assert!(closed.recv().is_err(), "the gate opens when its sender falls"))
}

#[test]
fn results_are_awaited() {
    let pool = pool(2, 3);
    let sum = block_on(async {
        let mut sum = 0;
        for n in 0..200_u64 {
            sum += pool.submission(move || n).await.unwrap().await.unwrap();
        }
        sum
    });
    assert_eq!(sum, 19_900);
    let panic = block_on(async { pool.submission(|| -> u8 { panic!("of the job") }).await.unwrap().await });
    assert_eq!(panic.unwrap_err().message(), "of the job");
}

/// Sixty-four futures on sixteen threads, and a pool of two threads: all of them come through, none is forgotten.
#[test]
fn more_than_fit_wait_and_are_all_served() {
    let (pool, done) = (pool(2, 1), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let all = async {
                    let mut waiting: Vec<_> =
                        (0..4_usize).map(|n| Box::pin(pool.submission(move || n))).collect();
                    while !waiting.is_empty() {
                        let (at, ticket) = poll_fn(|context| {
                            let ready = waiting.iter_mut().enumerate().find_map(|(at, one)| {
                                match one.as_mut().poll(context) {
                                    Poll::Ready(ticket) => Some((at, ticket)),
                                    Poll::Pending => None,
                                }
                            });
                            ready.map_or(Poll::Pending, Poll::Ready)
                        })
                        .await;
                        drop(waiting.swap_remove(at));
                        ticket.unwrap().await.unwrap();
                        done.fetch_add(1, Ordering::SeqCst);
                    }
                };
                block_on(all);
            });
        }
    });
    assert_eq!(done.into_inner(), 64);
    // A result is there a moment before its thread is free.
    let begin = Instant::now();
    while pool.load().waiting + pool.load().running > 0 {
        assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", pool.load());
        std::thread::yield_now();
    }
}

/// The one that was told of room and went away hands the news on: otherwise the next one would wait for ever.
#[test]
fn a_future_that_is_dropped_hands_its_place_on() {
    let pool = pool(1, 0);
    let (open, blocked) = gate();
    let running = pool.try_submit(blocked).unwrap();
    let ((first_bell, first_waker), (second_bell, second_waker)) = (bell(), bell());
    let mut first = Box::pin(pool.submission(|| unreachable!("it was given up")));
    let mut second = Box::pin(pool.submission(|| 2));
    assert!(first.as_mut().poll(&mut Context::from_waker(&first_waker)).is_pending());
    assert!(second.as_mut().poll(&mut Context::from_waker(&second_waker)).is_pending());
    drop(open);
    running.wait().unwrap();
    while first_bell.1.load(Ordering::SeqCst) == 0 {
        std::thread::yield_now();
    }
    assert_eq!(second_bell.1.load(Ordering::SeqCst), 0, "one place, one call");
    drop(first);
    assert_eq!(second_bell.1.load(Ordering::SeqCst), 1, "the place was handed on");
    assert_eq!(block_on(async { second.await.unwrap().await.unwrap() }), 2);
}

/// One that goes away before it is told takes nothing from the others.
#[test]
fn a_future_that_gives_up_early_is_forgotten() {
    let pool = pool(1, 0);
    let (open, blocked) = gate();
    let running = pool.try_submit(blocked).unwrap();
    let ((first_bell, first_waker), (second_bell, second_waker)) = (bell(), bell());
    let mut first = Box::pin(pool.submission(|| unreachable!("it was given up")));
    let mut second = Box::pin(pool.submission(|| 2));
    assert!(first.as_mut().poll(&mut Context::from_waker(&first_waker)).is_pending());
    assert!(second.as_mut().poll(&mut Context::from_waker(&second_waker)).is_pending());
    drop(first);
    assert_eq!(second_bell.1.load(Ordering::SeqCst), 0);
    drop(open);
    running.wait().unwrap();
    // Told a moment after the call is answered; who asks before that has another waker told.
    while second_bell.1.load(Ordering::SeqCst) == 0 {
        std::thread::yield_now();
    }
    assert_eq!(block_on(async { second.await.unwrap().await.unwrap() }), 2);
    assert_eq!((first_bell.1.load(Ordering::SeqCst), second_bell.1.load(Ordering::SeqCst)), (0, 1));
}

#[test]
fn the_end_of_the_pool_is_told_to_all() {
    let pool = pool(1, 0);
    let (open, blocked) = gate();
    let running = pool.try_submit(blocked).unwrap();
    let (heard, waker) = bell();
    let mut waiting = Box::pin(pool.submission(|| ()));
    assert!(waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    pool.close();
    assert_eq!(heard.1.load(Ordering::SeqCst), 1);
    assert_eq!(block_on(waiting).map(drop), Err(Refused::Closed));
    drop(open);
    assert!(block_on(running).is_ok(), "what was taken runs");
}
