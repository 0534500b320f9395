//! What the caller holds while its job waits and runs.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A claim to what a job returns. Dropping it does not stop the job.
#[must_use = "the job's result is lost without its ticket"]
pub struct Ticket<T>(Arc<Slot<T>>);

struct Slot<T> {
    result: Mutex<Option<Result<T, JobPanicked>>>,
    ready: Condvar,
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
        let mut result = self.0.result.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match result.take() {
                Some(result) => return result,
                None => result = self.0.ready.wait(result).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Waits for the job, but no longer than that.
    ///
    /// # Errors
    /// The ticket itself if the job has not ended by then.
    pub fn wait_for(self, limit: Duration) -> Result<Result<T, JobPanicked>, Self> {
        let end = Instant::now().checked_add(limit);
        let mut result = self.0.result.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(result) = result.take() {
                return Ok(result);
            }
            // A limit beyond the clock's range is as good as a day, after which the loop goes round again.
            let left =
                end.map_or(Duration::from_secs(86_400), |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                drop(result);
                return Err(self);
            }
            result = self.0.ready.wait_timeout(result, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// A job that never panics, and the claim to what it returns.
pub(super) fn pair<T: Send + 'static>(
    job: impl FnOnce() -> T + Send + 'static,
) -> (Ticket<T>, Box<dyn FnOnce() + Send>) {
    let slot = Arc::new(Slot { result: Mutex::new(None), ready: Condvar::new() });
    let ticket = Ticket(Arc::clone(&slot));
    let job = move || {
        let result = catch_unwind(AssertUnwindSafe(job)).map_err(JobPanicked);
        *slot.result.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        slot.ready.notify_one();
        // Where nobody waits any more, the result is dropped here, and what it does then is its own affair.
        drop(catch_unwind(AssertUnwindSafe(move || drop(slot))));
    };
    (ticket, Box::new(job))
}
