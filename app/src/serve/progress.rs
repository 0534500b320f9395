//! How far a connection is, and until when it may be there. A limit of time holds for the whole of what it is set on,
//! however slowly bytes drip in.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::config::ServeConfig;

/// How long a connection may be idle once the service ends: long enough for what was sent before to be seen.
const GRACE: Duration = Duration::from_millis(100);

/// What the client owes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owes {
    /// Nothing: it may begin a request, or not.
    Nothing,
    /// The rest of a request's head.
    Head,
    /// The rest of a request's body.
    Body,
    /// Nothing until its request is answered.
    Patience,
}

/// Whose time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Late {
    /// No request has come. There is nothing to say.
    Idle,
    /// The rest of the head or of the body has not come: 408, with this sentence.
    Request(&'static str),
    /// The answer was not taken, so there is nothing more to say either.
    Answer,
}

/// How far one connection is. The socket tells what comes and goes, the exchange what is a request.
#[derive(Debug)]
pub(super) struct Progress {
    head: Duration,
    body: Duration,
    write: Duration,
    state: Mutex<ProgressState>,
}

#[derive(Debug)]
struct ProgressState {
    owes: Owes,
    /// When it must have given what it owes.
    read_until: Option<Instant>,
    /// When it must have taken what it was answered.
    write_until: Option<Instant>,
    /// How long the connection may be idle between two requests.
    idle: Duration,
    /// Some of what it sent was not read, and will not be.
    unread: bool,
}

impl Progress {
    /// A connection that was opened now.
    pub(super) fn new(config: &ServeConfig, now: Instant) -> Self {
        let ServeConfig { head, body, write, idle, .. } = *config;
        let state = ProgressState {
            owes: Owes::Nothing,
            read_until: Some(now + idle),
            write_until: None,
            idle,
            unread: false,
        };
        Self { head, body, write, state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, ProgressState> {
        // Nothing that is done under this lock can panic half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes have come. Where none were owed, they begin a request.
    pub(super) fn came(&self, now: Instant) {
        let mut state = self.lock();
        if state.owes == Owes::Nothing {
            (state.owes, state.read_until) = (Owes::Head, Some(now + self.head));
        }
    }

    /// A head has come as a whole.
    pub(super) fn head_done(&self, now: Instant) {
        let mut state = self.lock();
        (state.owes, state.read_until) = (Owes::Body, Some(now + self.body));
    }

    /// A body has come as a whole; it may have had no bytes.
    pub(super) fn body_done(&self) {
        let mut state = self.lock();
        (state.owes, state.read_until) = (Owes::Patience, None);
    }

    /// A request is answered. The answer is not written yet. `unread`: no other one can follow, because this one was
    /// not read to its end.
    pub(super) fn answered(&self, unread: bool, now: Instant) {
        let mut state = self.lock();
        (state.owes, state.read_until) = (Owes::Nothing, None);
        state.write_until = Some(now + self.write);
        state.unread |= unread;
    }

    /// All that was to be written is written.
    pub(super) fn flushed(&self, now: Instant) {
        let mut state = self.lock();
        if state.write_until.take().is_some() && state.owes == Owes::Nothing {
            state.read_until = Some(now + state.idle);
        }
    }

    /// What the client sends from now on is not a request.
    pub(super) fn broken(&self) {
        self.lock().unread = true;
    }

    /// The service ends: who asks for nothing is let go.
    pub(super) fn drain(&self, now: Instant) {
        let mut state = self.lock();
        state.idle = state.idle.min(GRACE);
        if state.owes == Owes::Nothing {
            state.read_until = state.read_until.map(|end| end.min(now + GRACE));
        }
    }

    /// The end of the first limit.
    pub(super) fn until(&self) -> Option<Instant> {
        let state = self.lock();
        state.read_until.into_iter().chain(state.write_until).min()
    }

    /// Whose time is over now.
    pub(super) fn late(&self, now: Instant) -> Option<Late> {
        let state = self.lock();
        let over = |end: Option<Instant>| end.is_some_and(|end| end <= now);
        if over(state.write_until) {
            return Some(Late::Answer);
        }
        if !over(state.read_until) {
            return None;
        }
        Some(match state.owes {
            // In the middle of an answer, a word would be taken for a part of it.
            _ if state.write_until.is_some() => Late::Answer,
            Owes::Head => Late::Request("the head of the request did not come in time"),
            Owes::Body => Late::Request("the body of the request did not come in time"),
            Owes::Nothing | Owes::Patience => Late::Idle,
        })
    }

    /// Whether the client may still be sending what nobody reads.
    pub(super) fn is_unread(&self) -> bool {
        self.lock().unread
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress() -> (Progress, Instant) {
        let config = ServeConfig::read(
            "--head-timeout 1 --body-timeout 2 --write-timeout 3 --idle-timeout 4"
                .split(' ')
                .map(std::ffi::OsString::from),
        );
        let now = Instant::now();
        (Progress::new(&config.unwrap(), now), now)
    }

    /// The first moment, in milliseconds from `now`, at which somebody is late, and who it is.
    fn end(progress: &Progress, now: Instant) -> Option<(u128, Late)> {
        let until = progress.until()?;
        assert_eq!(progress.late(until - Duration::from_nanos(1)), None);
        Some(((until - now).as_millis(), progress.late(until).unwrap()))
    }

    #[test]
    fn each_part_has_its_own_limit() {
        let (progress, now) = progress();
        let at = |ms| now + Duration::from_millis(ms);
        assert_eq!(end(&progress, now), Some((4000, Late::Idle)));
        progress.came(at(100));
        let head = Some((1100, Late::Request("the head of the request did not come in time")));
        assert_eq!(end(&progress, now), head);
        progress.came(at(900));
        assert_eq!(end(&progress, now), head, "more bytes give no more time");
        progress.head_done(at(1000));
        let body = Some((3000, Late::Request("the body of the request did not come in time")));
        assert_eq!(end(&progress, now), body);
        progress.came(at(2900));
        assert_eq!(end(&progress, now), body);
        progress.body_done();
        progress.came(at(2950));
        assert_eq!(end(&progress, now), None, "the service works, and the client waits");
        progress.answered(false, at(5000));
        assert_eq!(end(&progress, now), Some((8000, Late::Answer)));
        progress.flushed(at(6000));
        assert_eq!(end(&progress, now), Some((10_000, Late::Idle)));
    }

    #[test]
    fn the_next_request_gives_no_more_time_to_take_an_answer() {
        let (progress, now) = progress();
        let at = |ms| now + Duration::from_millis(ms);
        progress.came(now);
        progress.head_done(now);
        progress.body_done();
        progress.answered(false, now);
        progress.came(at(100));
        assert_eq!(end(&progress, now), Some((1100, Late::Answer)), "no word in the middle of an answer");
        progress.head_done(at(200));
        progress.body_done();
        assert_eq!(end(&progress, now), Some((3000, Late::Answer)));
        progress.flushed(at(300));
        assert_eq!(end(&progress, now), None);
    }

    #[test]
    fn a_drain_lets_go_who_asks_for_nothing() {
        let (idle, now) = progress();
        idle.drain(now);
        assert_eq!(end(&idle, now), Some((100, Late::Idle)));
        let (begun, now) = progress();
        begun.came(now);
        begun.drain(now);
        assert_eq!(end(&begun, now).map(|(ms, _)| ms), Some(1000), "what has begun has its time");
        begun.head_done(now);
        begun.body_done();
        begun.answered(false, now);
        begun.flushed(now);
        assert_eq!(end(&begun, now), Some((100, Late::Idle)));
    }
}
