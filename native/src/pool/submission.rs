//! A job that waits for room without holding a thread.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::ticket::{self, Ticket};
use super::{Pool, PooledJob, Refused};

/// A job on its way into the pool. Ready when the pool has taken it, or is closed.
#[must_use = "a job is not handed over before this is awaited"]
pub struct Submission<'p, T> {
    pool: &'p Pool,
    /// None when the pool has taken it.
    job: Option<(Ticket<T>, PooledJob)>,
    /// Where it stands among those that wait, once it does.
    place: Option<u64>,
}

impl<T> fmt::Debug for Submission<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submission").field("place", &self.place).finish_non_exhaustive()
    }
}

impl<'p, T: Send + 'static> Submission<'p, T> {
    pub(super) fn new(pool: &'p Pool, job: impl FnOnce() -> T + Send + 'static) -> Self {
        Self { pool, job: Some(ticket::pair(job)), place: None }
    }
}

impl<T> Future for Submission<'_, T> {
    type Output = Result<Ticket<T>, Refused>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let mut state = this.pool.shared.lock();
        if state.closed {
            return Poll::Ready(Err(Refused::Closed));
        }
        if !this.pool.has_room(&state) {
            // It keeps the place that it had: whoever comes later cannot overtake it for ever.
            let place = *this.place.get_or_insert(state.next_place);
            state.next_place = state.next_place.max(place + 1);
            state.waiters.insert(place, context.waker().clone());
            return Poll::Pending;
        }
        let Some((ticket, job)) = this.job.take() else { return Poll::Pending };
        if let Some(place) = this.place.take() {
            state.waiters.remove(&place);
        }
        state.queue.push_back(job);
        drop(state);
        this.pool.shared.work.notify_one();
        Poll::Ready(Ok(ticket))
    }
}

impl<T> Drop for Submission<'_, T> {
    fn drop(&mut self) {
        let Some(place) = self.place else { return };
        let mut state = self.pool.shared.lock();
        if state.waiters.remove(&place).is_some() {
            return;
        }
        // It was told of room that it does not need any more: the next one is told instead.
        let next = state.waiters.pop_first();
        drop(state);
        if let Some((_, waiter)) = next {
            Waker::wake(waiter);
        }
    }
}
