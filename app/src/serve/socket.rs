//! A connection on which everything has an end.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// How much of what a client still sends is read behind a response that it did not wait for, and for how long.
const LINGER: (usize, Duration) = (1 << 20, Duration::from_secs(1));

/// A connection, whose reads and writes end at a deadline, however little comes in between: a socket's own limit starts
/// anew with each byte.
#[derive(Debug)]
pub(super) struct Socket<'s> {
    stream: &'s TcpStream,
    deadline: Instant,
}

impl<'s> Socket<'s> {
    /// This connection, until then.
    pub(super) fn until(stream: &'s TcpStream, limit: Duration) -> Self {
        Self { stream, deadline: Instant::now() + limit }
    }

    fn left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        // Zero would mean no limit at all.
        if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

/// Unix says that it would block where it means that the time is over.
fn timed_out(error: io::Error) -> io::Error {
    if error.kind() == ErrorKind::WouldBlock { ErrorKind::TimedOut.into() } else { error }
}

impl Read for Socket<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        self.stream.read(into).map_err(timed_out)
    }
}

impl Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        self.stream.write(bytes).map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Ends a connection on which the client may still be sending. Closed at once, it would be reset, and the response with
/// it.
pub(super) fn linger(stream: &TcpStream) {
    if stream.shutdown(Shutdown::Write).is_err() {
        return;
    }
    let (mut left, mut socket, mut bytes) = (LINGER.0, Socket::until(stream, LINGER.1), [0; 4096]);
    while let Ok(got @ 1..) = socket.read(&mut bytes) {
        left = left.saturating_sub(got);
        if left == 0 {
            break;
        }
    }
}
