//! A connection's socket, which tells how far the connection is.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::progress::Progress;

/// How much of what a client still sends is read behind an answer that it did not wait for, and for how long.
const LINGER: (usize, Duration) = (1 << 20, Duration::from_secs(1));

/// A socket that tells what comes and when all is written.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    progress: Arc<Progress>,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, progress: Arc<Progress>) -> Self {
        Self { stream, progress }
    }

    /// Sends a few bytes, which fit where nothing else waits to be sent, without waiting.
    pub(super) fn last_word(&self, bytes: &[u8]) {
        // A client that is gone needs no word.
        let _ = self.stream.try_write(bytes);
    }

    /// Ends a connection on which the client may still be sending. Closed at once, it would be reset, and the answer
    /// with it.
    pub(super) async fn linger(mut self) {
        let rest = async {
            if shut_down(&mut self.stream).await.is_err() {
                return;
            }
            let (mut left, mut bytes) = (LINGER.0, [0; 4096]);
            while let Ok(got @ 1..) = read(&mut self.stream, &mut bytes).await {
                left = left.saturating_sub(got);
                if left == 0 {
                    return;
                }
            }
        };
        // Over in time or not: the connection ends here.
        let _ = timeout(LINGER.1, rest).await;
    }
}

/// Tells the client that nothing more comes.
async fn shut_down(stream: &mut TcpStream) -> io::Result<()> {
    std::future::poll_fn(|context| Pin::new(&mut *stream).poll_shutdown(context)).await
}

/// The next bytes; none at the end.
async fn read(stream: &mut TcpStream, into: &mut [u8]) -> io::Result<usize> {
    let mut buffer = ReadBuf::new(into);
    std::future::poll_fn(|context| Pin::new(&mut *stream).poll_read(context, &mut buffer)).await?;
    Ok(buffer.filled().len())
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, into))?;
        if into.filled().len() > before {
            self.progress.came(Instant::now());
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        self.progress.flushed(Instant::now());
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
