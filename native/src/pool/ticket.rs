//! What the caller holds while its job waits and runs.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// A claim to what a job returns: to be waited for, or awaited. Dropping it does not stop the job.
#[must_use = "the job's result is lost without its ticket"]
pub struct Ticket<T>(Arc<Slot<T>>);

struct Slot<T> {
    state: Mutex<TicketState<T>>,
    ready: Condvar,
}

struct TicketState<T> {
    result: Option<Result<T, JobPanicked>>,
    /// The waker of the task that awaits the result.
    waiter: Option<Waker>,
}

impl<T> Slot<T> {
    fn lock(&self) -> MutexGuard<'_, TicketState<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The job panicked. Its thread goes on with the next job.
pub struct JobPanicked(Box<dyn Any + Send>);

impl JobPanicked {
    /// The panic's message, where it has one.
    #[must_use]
    pub fn message(&self) -> &str {
        let text = self.0.downcast_ref::<&str>().copied();
        text.or_else(|| self.0.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no message)")
    }

    /// Goes on with the panic here.
    pub fn resume(self) -> ! {
        resume_unwind(self.0)
    }
}

impl fmt::Debug for JobPanicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JobPanicked").field(&self.message()).finish()
    }
}

impl fmt::Display for JobPanicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the job panicked: {}", self.message())
    }
}

impl std::error::Error for JobPanicked {}

impl<T> fmt::Debug for Ticket<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").finish_non_exhaustive()
    }
}

impl<T> Ticket<T> {
    /// Waits for the job.
    ///
    /// # Errors
    /// If the job panicked.
    pub fn wait(self) -> Result<T, JobPanicked> {
        let mut state = self.0.lock();
        loop {
            match state.result.take() {
                Some(result) => return result,
                None => state = self.0.ready.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Waits for the job, but no longer than that.
    ///
    /// # Errors
    /// The ticket itself if the job has not ended by then.
    pub fn wait_for(self, limit: Duration) -> Result<Result<T, JobPanicked>, Self> {
        let end = Instant::now().checked_add(limit);
        let mut state = self.0.lock();
        loop {
            if let Some(result) = state.result.take() {
                return Ok(result);
            }
            // A limit beyond the clock's range is as good as a day, after which the loop goes round again.
            let left =
                end.map_or(Duration::from_secs(86_400), |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                drop(state);
                return Err(self);
            }
            state = self.0.ready.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Ready once: with what the job returned, or its panic.
impl<T> Future for Ticket<T> {
    type Output = Result<T, JobPanicked>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.0.lock();
        match state.result.take() {
            Some(result) => Poll::Ready(result),
            None => {
                state.waiter = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// A job that never panics, and the claim to what it returns.
pub(super) fn pair<T: Send + 'static>(
    job: impl FnOnce() -> T + Send + 'static,
) -> (Ticket<T>, Box<dyn FnOnce() + Send>) {
    let state = Mutex::new(TicketState { result: None, waiter: None });
    let slot = Arc::new(Slot { state, ready: Condvar::new() });
    let ticket = Ticket(Arc::clone(&slot));
    let job = move || {
        let result = catch_unwind(AssertUnwindSafe(job)).map_err(JobPanicked);
        let mut state = slot.lock();
        state.result = Some(result);
        let waiter = state.waiter.take();
        drop(state);
        slot.ready.notify_one();
        if let Some(waiter) = waiter {
            waiter.wake();
        }
        // Where nobody waits any more, the result is dropped here, and what it does then is its own affair.
        drop(catch_unwind(AssertUnwindSafe(move || drop(slot))));
    };
    (ticket, Box::new(job))
}
