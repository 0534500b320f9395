//! A pool of threads that compress pieces for all streams, and a queue that writes the pieces in order.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// A fixed number of threads. Dropping the pool waits for them.
#[derive(Debug)]
pub struct ThreadPool {
    jobs: Option<SyncSender<PoolJob>>,
    workers: Vec<JoinHandle<()>>,
}

/// The result of compressing a piece.
type Done = io::Result<Vec<u8>>;

struct PoolJob {
    work: Box<dyn FnOnce() -> Done + Send>,
    reply: SyncSender<Done>,
}

impl ThreadPool {
    /// Starts a pool with this number of threads.
    ///
    /// # Errors
    /// The system cannot start any thread.
    pub fn new(threads: NonZeroUsize) -> io::Result<Self> {
        let (jobs, queue) = sync_channel::<PoolJob>(threads.get());
        let queue = Arc::new(Mutex::new(queue));
        let mut workers = Vec::new();
        for number in 0..threads.get() {
            let queue = Arc::clone(&queue);
            let started =
                std::thread::Builder::new().name(format!("pack-{number}")).spawn(move || work(&queue));
            match started {
                Ok(worker) => workers.push(worker),
                Err(error) if workers.is_empty() => return Err(error),
                // Fewer threads give the same bytes.
                Err(_) => break,
            }
        }
        Ok(Self { jobs: Some(jobs), workers })
    }

    /// Returns the number of threads of the pool.
    pub fn threads(&self) -> usize {
        self.workers.len()
    }

    fn run(&self, work: impl FnOnce() -> Done + Send + 'static) -> io::Result<Receiver<Done>> {
        let (reply, answer) = sync_channel(1);
        let jobs = self.jobs.as_ref().ok_or_else(gone)?;
        jobs.send(PoolJob { work: Box::new(work), reply }).map_err(|_| gone())?;
        Ok(answer)
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        self.jobs = None;
        for worker in self.workers.drain(..) {
            let _ = worker.join();
        }
    }
}

/// Returns the error of a stream whose pool ended first.
fn gone() -> io::Error {
    io::Error::other("a compressing thread ended early")
}

fn work(queue: &Mutex<Receiver<PoolJob>>) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        let piece = (job.work)();
        // A stream that failed no longer waits for its pieces.
        let _ = job.reply.send(piece);
    }
}

/// The pieces of a stream that are being compressed. They are written in the order in which they were
/// submitted.
#[derive(Debug)]
pub(super) struct Queue<'p> {
    pool: &'p ThreadPool,
    under_way: VecDeque<Receiver<Done>>,
    most: usize,
}

impl<'p> Queue<'p> {
    /// Makes an empty queue. At most `most` pieces are compressed at a time, which limits the memory.
    pub(super) fn new(pool: &'p ThreadPool, most: usize) -> Self {
        Self { pool, under_way: VecDeque::new(), most }
    }

    /// Submits a piece, and writes the finished ones.
    pub(super) fn push(
        &mut self,
        work: impl FnOnce() -> Done + Send + 'static,
        out: &mut impl Write,
    ) -> io::Result<()> {
        self.under_way.push_back(self.pool.run(work)?);
        while let Some(first) = self.under_way.front() {
            match first.try_recv() {
                Ok(piece) => out.write_all(&piece?)?,
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return Err(gone()),
            }
            self.under_way.pop_front();
        }
        while self.under_way.len() > self.most {
            self.write_first(out)?;
        }
        Ok(())
    }

    /// Waits for all submitted pieces and writes them.
    pub(super) fn finish(&mut self, out: &mut impl Write) -> io::Result<()> {
        while !self.under_way.is_empty() {
            self.write_first(out)?;
        }
        Ok(())
    }

    fn write_first(&mut self, out: &mut impl Write) -> io::Result<()> {
        let Some(first) = self.under_way.pop_front() else { return Ok(()) };
        let piece = first.recv().map_err(|_| gone())??;
        out.write_all(&piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_in_order_and_failures_come_out() {
        let pool = ThreadPool::new(NonZeroUsize::new(3).unwrap()).unwrap();
        let mut out = Vec::new();
        let mut queue = Queue::new(&pool, 4);
        for at in 0..50_u8 {
            let piece = move || {
                std::thread::sleep(std::time::Duration::from_micros(u64::from(at % 7) * 200));
                Ok(vec![at])
            };
            queue.push(piece, &mut out).unwrap();
        }
        queue.finish(&mut out).unwrap();
        assert_eq!(out, (0..50).collect::<Vec<u8>>());

        let mut queue = Queue::new(&pool, 4);
        queue.push(|| Err(io::Error::other("no")), &mut out).unwrap_or_default();
        assert!(queue.finish(&mut out).is_err() || out.len() == 50);
        // If the thread of a piece dies, the stream ends with an error, and nothing waits for ever.
        let lonely = ThreadPool::new(NonZeroUsize::MIN).unwrap();
        let mut queue = Queue::new(&lonely, 4);
        let pushed = queue.push(|| std::panic::resume_unwind(Box::new(())), &mut out);
        assert!(pushed.and_then(|()| queue.finish(&mut out)).is_err());
    }
}
