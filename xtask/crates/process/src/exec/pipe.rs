//! A stream of a command that ends together with the command. Without this, a process that left the group
//! could keep the pipe open without limit.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// If the pipe is silent for this long after the end, it holds no more output of the command.
#[cfg(unix)]
const SILENCE: rustix::event::Timespec = rustix::event::Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// Whether the command and its group have ended.
#[derive(Debug, Clone, Default)]
pub(super) struct PipeEnd(Arc<AtomicBool>);

impl PipeEnd {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// One output stream of the command.
pub(super) struct Pipe<S> {
    pub(super) stream: S,
    pub(super) ended: PipeEnd,
}

#[cfg(unix)]
impl<S: Read + std::os::fd::AsFd> Read for Pipe<S> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        use rustix::event::{PollFd, PollFlags, poll};
        loop {
            // This is read first, so that the pipe is polled once more after the end.
            let ended = self.ended.is_set();
            match poll(&mut [PollFd::new(&self.stream, PollFlags::IN)], Some(&SILENCE)) {
                Ok(0) if ended => return Ok(0),
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                // If something is wrong, reading reports the error.
                Ok(_) | Err(_) => return self.stream.read(bytes),
            }
        }
    }
}

#[cfg(not(unix))]
impl<S: Read> Read for Pipe<S> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.stream.read(bytes)
    }
}
