//! Calls that block run on a bounded pool. A call over the limit waits or is refused, as the caller chooses. The topic
//! "blocking calls" of docs/concepts/c-boundary.md.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use native::Pool;
use native::pool::{Load, Refused};

fn pool(threads: usize, room: usize) -> Pool {
    Pool::new(NonZeroUsize::new(threads).unwrap(), room).unwrap()
}

/// Long enough for anything that should happen on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn results_come_back() {
    let pool = pool(2, 100);
    let tickets: Vec<_> =
        (0..50).map(|i| pool.submit(move || native::sum_array(&vec![i; 1000])).unwrap()).collect();
    for (i, ticket) in tickets.into_iter().enumerate() {
        assert_eq!(ticket.wait().unwrap(), i as i64 * 1000);
    }
    pool.shutdown();
}

/// Never more at the same time than there are threads, whatever the load.
#[test]
fn no_more_run_than_there_are_threads() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let pool = pool(3, 2);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                for _ in 0..10 {
                    let (now, most) = (Arc::clone(&now), Arc::clone(&most));
                    let job = move || {
                        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::sleep(Duration::from_micros(200));
                        now.fetch_sub(1, Ordering::SeqCst);
                    };
                    pool.submit(job).unwrap().wait().unwrap();
                    let Load { threads, running, waiting, room } = pool.load();
                    assert!(threads == 3 && running <= 3 && waiting <= 3 + room && room == 2);
                }
            });
        }
    });
    assert!((2..=3).contains(&most.load(Ordering::SeqCst)), "{most:?}");
}

/// A job that waits until it is told to go on.
fn gate() -> (mpsc::Sender<()>, impl FnOnce() + Send + 'static) {
    let (open, closed) = mpsc::channel::<()>();
    (open, move || assert!(closed.recv().is_err(), "the gate opens when its sender falls"))
}

#[test]
fn a_full_pool_refuses_or_waits() {
    let pool = pool(1, 1);
    let (open, blocked) = gate();
    let first = pool.try_submit(blocked).unwrap();
    let second = pool.try_submit(|| 2).unwrap();
    assert_eq!(pool.try_submit(|| 3).unwrap_err(), Refused::Full);
    std::thread::scope(|scope| {
        let third = scope.spawn(|| pool.submit(|| 3).unwrap().wait().unwrap());
        std::thread::sleep(Duration::from_millis(30));
        assert!(!third.is_finished(), "it does not wait");
        drop(open);
        assert_eq!(third.join().unwrap(), 3);
    });
    first.wait().unwrap();
    assert_eq!(second.wait().unwrap(), 2);
}

/// With no room at all, a job is taken where a thread is free, and only there.
#[test]
fn no_room() {
    let pool = pool(2, 0);
    let ((one, a), (two, b)) = (gate(), gate());
    let tickets = [pool.try_submit(a).unwrap(), pool.try_submit(b).unwrap()];
    assert_eq!(pool.try_submit(|| ()).unwrap_err(), Refused::Full);
    drop((one, two));
    for ticket in tickets {
        ticket.wait().unwrap();
    }
    pool.submit(|| ()).unwrap().wait().unwrap();
}

#[test]
fn a_panic_is_the_jobs_own() {
    let pool = pool(1, 8);
    let bad = pool.submit(|| -> u8 { panic!("broken {}", std::hint::black_box(1)) }).unwrap();
    let good = pool.submit(|| 2).unwrap();
    let error = bad.wait().unwrap_err();
    assert_eq!((error.message(), error.to_string().as_str()), ("broken 1", "the job panicked: broken 1"));
    assert_eq!(good.wait().unwrap(), 2);
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| error.resume())).unwrap_err();
    assert_eq!(caught.downcast_ref::<String>().map(String::as_str), Some("broken 1"));
    let odd = pool.submit(|| std::panic::panic_any(7_u8)).unwrap().wait().unwrap_err();
    assert_eq!(odd.message(), "(no message)");
}

/// What was taken runs, what comes afterwards is refused, and the end is the end of the last job.
#[test]
fn shutdown_runs_what_was_taken() {
    let done = Arc::new(Mutex::new(Vec::new()));
    let pool = pool(2, 100);
    for i in 0..40 {
        let done = Arc::clone(&done);
        drop(pool.submit(move || {
            std::thread::sleep(Duration::from_millis(1));
            done.lock().unwrap().push(i);
        }));
    }
    pool.close();
    assert_eq!(pool.submit(|| ()).unwrap_err(), Refused::Closed);
    assert_eq!(pool.try_submit(|| ()).unwrap_err(), Refused::Closed);
    pool.shutdown();
    let mut done = std::mem::take(&mut *done.lock().unwrap());
    done.sort_unstable();
    assert!(done.into_iter().eq(0..40));
}

#[test]
fn whoever_waits_for_room_is_told_of_the_end() {
    let pool = pool(1, 0);
    let (open, blocked) = gate();
    let ticket = pool.submit(blocked).unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| pool.submit(|| ()).map(drop));
        std::thread::sleep(Duration::from_millis(20));
        pool.close();
        assert_eq!(waiting.join().unwrap(), Err(Refused::Closed));
        drop(open);
    });
    ticket.wait().unwrap();
}

#[test]
fn a_ticket_can_give_up() {
    let pool = pool(1, 1);
    let (open, blocked) = gate();
    let ticket = pool.submit(blocked).unwrap();
    let ticket = ticket.wait_for(Duration::from_millis(5)).unwrap_err();
    drop(open);
    ticket.wait_for(PATIENCE).unwrap().unwrap();
    pool.submit(|| ()).unwrap().wait_for(Duration::MAX).unwrap().unwrap();
}

/// The last reference to a pool may fall inside one of its own jobs.
#[test]
fn a_pool_may_end_in_its_own_job() {
    let pool = Arc::new(pool(2, 4));
    let (tell, told) = mpsc::channel();
    let (go, gone) = mpsc::channel::<()>();
    let mine = Arc::clone(&pool);
    let ticket = pool
        .submit(move || {
            gone.recv().unwrap();
            drop(mine);
            tell.send(()).unwrap();
        })
        .unwrap();
    drop(pool);
    go.send(()).unwrap();
    told.recv_timeout(PATIENCE).unwrap();
    ticket.wait().unwrap();
}
