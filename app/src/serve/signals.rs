//! The signals that ask a process to end.

use std::io;

/// SIGTERM and SIGINT, from the moment on in which this is made.
#[cfg(unix)]
#[derive(Debug)]
pub(super) struct Signals([tokio::signal::unix::Signal; 2]);

#[cfg(unix)]
impl Signals {
    /// # Errors
    /// What the system says.
    pub(super) fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        Ok(Self([signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?]))
    }

    /// Waits until the next of these signals arrives.
    pub(super) async fn next(&mut self) {
        std::future::poll_fn(|context| {
            // Each one is asked, so that each one wakes this.
            let came = self.0.each_mut().map(|signal| signal.poll_recv(context).is_ready());
            if came.contains(&true) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
    }
}

// Same name as in app/src/serve/signals.rs: a system has one of the two, and the service calls either.
/// Ctrl-C, from the moment on in which this is made.
#[cfg(not(unix))]
#[derive(Debug)]
pub(super) struct Signals(tokio::signal::windows::CtrlC);

#[cfg(not(unix))]
impl Signals {
    /// # Errors
    /// What the system says.
    pub(super) fn listen() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    /// Waits until the next signal arrives.
    pub(super) async fn next(&mut self) {
        self.0.recv().await;
    }
}
