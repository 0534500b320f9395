//! Threads that compress blocks, shared by all that is packed at a time.

use std::io;
use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use zlib_rs::{Deflate, DeflateFlush};

use super::LEVEL;

/// The farthest that deflate looks back, in bytes (RFC 1951, 2).
const WINDOW: usize = 32 << 10;

/// A fixed number of threads; dropping it waits for them.
#[derive(Debug)]
pub struct Pool {
    jobs: Option<SyncSender<Job>>,
    workers: Vec<JoinHandle<()>>,
}

struct Job {
    input: Arc<Vec<u8>>,
    before: Option<Arc<Vec<u8>>>,
    last: bool,
    reply: SyncSender<io::Result<Vec<u8>>>,
}

impl Pool {
    /// Starts the threads.
    ///
    /// # Errors
    /// The system gives not even one.
    pub fn new(threads: NonZeroUsize) -> io::Result<Self> {
        let (jobs, queue) = sync_channel::<Job>(threads.get());
        let queue = Arc::new(Mutex::new(queue));
        let mut workers = Vec::new();
        for number in 0..threads.get() {
            let queue = Arc::clone(&queue);
            let started =
                std::thread::Builder::new().name(format!("gzip-{number}")).spawn(move || work(&queue));
            match started {
                Ok(worker) => workers.push(worker),
                Err(error) if workers.is_empty() => return Err(error),
                // Fewer threads give the same bytes.
                Err(_) => break,
            }
        }
        Ok(Self { jobs: Some(jobs), workers })
    }

    /// How many threads there are.
    pub fn threads(&self) -> usize {
        self.workers.len()
    }

    /// Has a block compressed; the answer comes through the channel.
    pub(super) fn compress(
        &self,
        input: Arc<Vec<u8>>,
        before: Option<Arc<Vec<u8>>>,
        last: bool,
    ) -> io::Result<Receiver<io::Result<Vec<u8>>>> {
        let (reply, answer) = sync_channel(1);
        let jobs = self.jobs.as_ref().ok_or_else(gone)?;
        jobs.send(Job { input, before, last, reply }).map_err(|_| gone())?;
        Ok(answer)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.jobs = None;
        for worker in self.workers.drain(..) {
            let _ = worker.join();
        }
    }
}

/// What a stream says whose pool ended under it.
pub(super) fn gone() -> io::Error {
    io::Error::other("a compressing thread ended early")
}

fn work(queue: &Mutex<Receiver<Job>>) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        let block = compress(&job);
        // A stream that failed does not wait for its blocks.
        let _ = job.reply.send(block);
    }
}

/// One block as raw deflate: whole bytes, and the end mark only in the last.
///
/// The state is made anew for every block. One that was reset remembers enough of the block before to find other
/// matches (zlib-rs issue 459, and still so in 0.6.8), and which block that was depends on the threads.
fn compress(job: &Job) -> io::Result<Vec<u8>> {
    let mut deflate = Deflate::new(LEVEL, false, 15);
    if let Some(before) = &job.before {
        let tail = &before[before.len().saturating_sub(WINDOW)..];
        deflate.set_dictionary(tail).map_err(|e| io::Error::other(e.as_str()))?;
    }
    let flush = if job.last { DeflateFlush::Finish } else { DeflateFlush::SyncFlush };
    // Deflate grows nothing by more than 5 bytes for each stored block; the loop is for what nobody foresaw.
    let mut output = vec![0; job.input.len() + job.input.len() / 1000 + 128];
    loop {
        let (read, written) = (deflate.total_in() as usize, deflate.total_out() as usize);
        deflate
            .compress(&job.input[read..], &mut output[written..], flush)
            .map_err(|e| io::Error::other(e.as_str()))?;
        let written = deflate.total_out() as usize;
        // Room that is left means that all was read and flushed.
        if written < output.len() {
            output.truncate(written);
            return Ok(output);
        }
        output.resize(written + (64 << 10), 0);
    }
}
