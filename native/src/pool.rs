//! A bounded pool of threads for calls that block: C that computes for long, waits for a disk or for a lock.
//!
//! As many calls run at the same time as the pool has threads, and as many wait as it has room for. What comes on top of
//! that waits with the caller ([`Pool::submit`]) or is refused at once ([`Pool::try_submit`]): the caller chooses, and
//! no load makes more threads.
//!
//! A program that waits in futures hands over by [`Pool::submission`] and awaits the [`Ticket`]: neither holds a thread.

mod submission;
mod ticket;

pub use submission::Submission;
pub use ticket::{JobPanicked, Ticket};

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroUsize;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::thread::{Builder, JoinHandle};
use std::{fmt, io};

type PooledJob = Box<dyn FnOnce() + Send>;

/// The pool. Dropping it is [`Pool::shutdown`].
#[derive(Debug)]
pub struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// What a pool does at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// The number of threads in the pool.
    pub threads: usize,
    /// The number of jobs that are running.
    pub running: usize,
    /// Jobs that wait for a thread.
    pub waiting: usize,
    /// Jobs that may wait.
    pub room: usize,
}

/// Why a job was not taken. It has not run and will not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// As many jobs wait as may.
    Full,
    /// The pool takes no more jobs.
    Closed,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the pool is full",
            Self::Closed => "the pool takes no more jobs",
        })
    }
}

impl std::error::Error for Refused {}

struct Shared {
    state: Mutex<PoolState>,
    /// A job came, or the pool was closed.
    work: Condvar,
    /// A job has ended, or the pool was closed.
    room: Condvar,
    bound: usize,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("Shared")
            .field("waiting", &state.queue.len())
            .field("running", &state.running)
            .finish()
    }
}

#[derive(Default)]
struct PoolState {
    queue: VecDeque<PooledJob>,
    running: usize,
    closed: bool,
    /// The futures that wait for room, in the order in which they came.
    waiters: BTreeMap<u64, Waker>,
    /// The place of the next one of them.
    next_place: u64,
}

impl Shared {
    /// No job runs under the lock, so a panic cannot have left the state half changed.
    fn lock(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.queue.pop_front() {
                state.running += 1;
                drop(state);
                job();
                state = self.lock();
                state.running -= 1;
                // Only the end of a job makes room: one that begins leaves the queue, but takes a thread.
                self.room.notify_one();
                if let Some((_, waiter)) = state.waiters.pop_first() {
                    // What a waker does is the caller's; it may even come back here.
                    drop(state);
                    waiter.wake();
                    state = self.lock();
                }
            } else if state.closed {
                return;
            } else {
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}

impl Pool {
    /// A pool of that many threads, in which at most `room` jobs wait while all threads are busy. With no room, a job is
    /// taken only where a thread is free.
    ///
    /// # Errors
    /// If the system refuses a thread; those that were started end.
    pub fn new(threads: NonZeroUsize, room: usize) -> io::Result<Self> {
        let shared =
            Shared { state: Mutex::default(), work: Condvar::new(), room: Condvar::new(), bound: room };
        let mut pool = Self { shared: Arc::new(shared), threads: Vec::with_capacity(threads.get()) };
        for number in 0..threads.get() {
            let shared = Arc::clone(&pool.shared);
            pool.threads.push(Builder::new().name(format!("native-{number}")).spawn(move || shared.run())?);
        }
        Ok(pool)
    }

    /// Hands over a job, and waits for room where there is none.
    ///
    /// # Errors
    /// [`Refused::Closed`], also if the pool is closed during the wait.
    pub fn submit<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Ticket<T>, Refused> {
        self.hand_over(job, true)
    }

    /// Hands over a job where there is room for it now.
    ///
    /// # Errors
    /// [`Refused::Full`] or [`Refused::Closed`].
    pub fn try_submit<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Ticket<T>, Refused> {
        self.hand_over(job, false)
    }

    /// Hands over a job as soon as there is room for it. Nothing happens before the future is polled; dropped before it
    /// is ready, the job never runs.
    pub fn submission<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Submission<'_, T> {
        Submission::new(self, job)
    }

    fn hand_over<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
        wait: bool,
    ) -> Result<Ticket<T>, Refused> {
        let mut state = self.shared.lock();
        loop {
            if state.closed {
                return Err(Refused::Closed);
            }
            if self.has_room(&state) {
                break;
            }
            if !wait {
                return Err(Refused::Full);
            }
            state = self.shared.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let (ticket, job) = ticket::pair(job);
        state.queue.push_back(job);
        drop(state);
        self.shared.work.notify_one();
        Ok(ticket)
    }

    /// Jobs may stand in the queue that have a thread waiting for them, and as many as may wait.
    fn has_room(&self, state: &PoolState) -> bool {
        state.queue.len() < (self.threads.len() - state.running).saturating_add(self.shared.bound)
    }

    /// Returns how busy the pool is now.
    #[must_use]
    pub fn load(&self) -> Load {
        let state = self.shared.lock();
        Load {
            threads: self.threads.len(),
            running: state.running,
            waiting: state.queue.len(),
            room: self.shared.bound,
        }
    }

    /// Takes no more jobs from now on. Those that were taken run.
    pub fn close(&self) {
        let mut state = self.shared.lock();
        state.closed = true;
        let waiters = std::mem::take(&mut state.waiters);
        drop(state);
        self.shared.work.notify_all();
        self.shared.room.notify_all();
        waiters.into_values().for_each(Waker::wake);
    }

    /// Closes the pool and returns when every job that was taken has run.
    pub fn shutdown(self) {}
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.close();
        let this = std::thread::current().id();
        for thread in self.threads.drain(..) {
            // A job that owns the last reference to its pool drops it on a thread of the pool, which cannot wait for
            // itself: that one ends by itself when the queue is empty.
            if thread.thread().id() != this {
                // Jobs catch their panics, so a thread has none of its own to report.
                drop(thread.join());
            }
        }
    }
}
