//! Runs a command and keeps its output, with limits on time, size and memory.

use std::io::{Read, Write};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::group::{self, GroupEvent};
use super::kept::KeptText;
use super::pipe::{Pipe, PipeEnd};
use super::{Cmd, Output, ProcessEnd, cannot_start};
use xtask_files::error::Result;

/// The maximum size of a document in bytes. It is far above the output of any tool, and far below the memory
/// of a machine.
const DOCUMENT: u64 = 1 << 30;

/// The time limit for reading the rest of the output after the process has ended.
const REST: Duration = Duration::from_secs(2);

/// The options for capturing a command's output.
#[derive(Debug, Clone, Copy)]
pub struct Capture<'a> {
    limit: Duration,
    most: Option<u64>,
    whole: bool,
    find: Option<&'a str>,
    input: Option<&'a [u8]>,
}

impl<'a> Capture<'a> {
    /// Captures until `limit` is over, and keeps the beginning and the end of each stream.
    pub fn within(limit: Duration) -> Self {
        Self { limit, most: None, whole: false, find: None, input: None }
    }

    /// Keeps all of standard output, because it is a document. A document of more than 1 GiB ends the
    /// command.
    #[must_use]
    pub fn whole(self) -> Self {
        Self { whole: true, most: Some(DOCUMENT), ..self }
    }

    /// Ends the command after this number of bytes on both streams together.
    #[must_use]
    pub fn at_most(self, bytes: u64) -> Self {
        Self { most: Some(bytes), ..self }
    }

    /// Searches this text in all of standard output, also in parts that are not kept. The result is
    /// [`Output::found`].
    #[must_use]
    pub fn finding(self, text: Option<&'a str>) -> Self {
        Self { find: text, ..self }
    }

    /// Writes these bytes to the command's standard input. It is no error if the command does not read them.
    #[must_use]
    pub fn fed(self, input: &'a [u8]) -> Self {
        Self { input: Some(input), ..self }
    }
}

/// The state that the reading threads share with the thread that waits for the end.
struct CaptureState {
    printed: AtomicU64,
    most: Option<u64>,
    ended: PipeEnd,
}

impl CaptureState {
    fn too_much(&self) -> Option<u64> {
        self.most.filter(|most| self.printed.load(Ordering::Acquire) > *most)
    }
}

/// The part of a stream that was read so far. None after it was taken; then the reader stops.
type SharedOutput = Arc<Mutex<Option<KeptText>>>;

impl Cmd {
    /// Runs the command in a process group of its own, captures both streams, and ends the group when `limit`
    /// is over. Of a stream with more than 2 MiB, only the two ends are kept.
    ///
    /// # Errors
    /// The program cannot be started. The way in which it ended is in [`Output::end`].
    pub fn capture(&self, limit: Duration) -> Result<Output> {
        self.captured(&Capture::within(limit))
    }

    /// Works as [`Cmd::capture`], but keeps all of standard output, for commands that print a document.
    ///
    /// # Errors
    /// As [`Cmd::capture`].
    pub fn capture_whole(&self, limit: Duration) -> Result<Output> {
        self.captured(&Capture::within(limit).whole())
    }

    /// Runs the command in a process group of its own and captures both streams. Processes that it leaves
    /// behind are ended with the group. Processes that left the group are not waited for.
    ///
    /// # Errors
    /// The program cannot be started. The way in which it ended is in [`Output::end`].
    pub fn captured(&self, how: &Capture<'_>) -> Result<Output> {
        let begun = Instant::now();
        let mut command = self.command();
        command.stdin(if how.input.is_some() { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        group::own(&mut command);
        let mut child = self.spawn(&mut command)?;
        let guard = group::GroupGuard::new(&child);
        if let (Some(mut pipe), Some(input)) = (child.stdin.take(), how.input) {
            // A separate thread writes it, because a pipe accepts more than its buffer only while the command
            // reads.
            let input = input.to_owned();
            super::thread(move || pipe.write_all(&input)).map_err(|e| cannot_start(self, &e))?;
        }
        let run = CaptureState { printed: AtomicU64::new(0), most: how.most, ended: PipeEnd::default() };
        let run = Arc::new(run);
        let kept = if how.whole { KeptText::whole() } else { KeptText::ends() };
        let kept = match how.find {
            Some(text) => kept.finding(text),
            None => kept,
        };
        let [out, err] = [kept, KeptText::ends()].map(|kept| Arc::new(Mutex::new(Some(kept))));
        let (tell, told) = mpsc::channel();
        // Nothing is sent on this channel. Each reading thread holds a sender until it is done.
        let (reading, done) = mpsc::channel::<()>();
        let refused = |e| cannot_start(self, &e);
        if let Some(stream) = child.stdout.take() {
            let pipe = Pipe { stream, ended: run.ended.clone() };
            read(pipe, &out, &run, tell.clone(), reading.clone()).map_err(refused)?;
        }
        if let Some(stream) = child.stderr.take() {
            let pipe = Pipe { stream, ended: run.ended.clone() };
            read(pipe, &err, &run, tell.clone(), reading.clone()).map_err(refused)?;
        }
        drop(reading);
        let (end, timed_out) = guard.wait(&mut child, how.limit, &tell, told);
        let end = end.map_err(|e| cannot_start(self, &e))?;
        // Processes that the program left behind in its group would keep the pipes open.
        drop(guard);
        run.ended.set();
        // Processes that left the group may still keep the pipes open.
        let _ = done.recv_timeout(REST);
        let [out, err] = [out, err].map(|kept| lock(&kept).take().unwrap_or_else(KeptText::ends));
        let end = match run.too_much() {
            Some(most) => ProcessEnd::TooMuch(most),
            None if timed_out => ProcessEnd::TimedOut(how.limit),
            None => ProcessEnd::from(end),
        };
        let (found, stdout, stderr) = (out.found(), out.bytes(), err.bytes());
        Ok(Output { end, stdout, stderr, found, seconds: begun.elapsed().as_secs_f64() })
    }
}

/// Reads a stream on a separate thread, until it ends, exceeds the limit, or its content is no longer needed.
fn read(
    stream: impl Read + Send + 'static,
    kept: &SharedOutput,
    run: &Arc<CaptureState>,
    tell: Sender<GroupEvent>,
    reading: Sender<()>,
) -> std::io::Result<()> {
    let (kept, run) = (Arc::clone(kept), Arc::clone(run));
    let read = move || {
        let (_reading, mut stream) = (reading, stream);
        let mut piece = vec![0; 64 << 10];
        loop {
            let length = match stream.read(&mut piece) {
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                // A broken pipe ends the stream. The output before it is kept.
                Ok(0) | Err(_) => return,
                Ok(length) => length,
            };
            match &mut *lock(&kept) {
                Some(kept) => kept.push(&piece[..length]),
                None => return,
            }
            run.printed.fetch_add(length as u64, Ordering::AcqRel);
            if run.too_much().is_some() {
                let _ = tell.send(GroupEvent::TooMuch);
                // The pipe stays open until the command ends. A broken pipe would make the command print an
                // error that is not its own.
                while !run.ended.is_set() {
                    std::thread::sleep(Duration::from_millis(5));
                }
                return;
            }
        }
    };
    super::thread(read).map(|_| ())
}

fn lock(kept: &SharedOutput) -> std::sync::MutexGuard<'_, Option<KeptText>> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    fn sh(script: &str) -> Cmd {
        Cmd::new("/bin/sh").args(["-c", script])
    }

    #[test]
    fn captures_both_streams_and_the_code() {
        let output = sh("echo out; echo err >&2; exit 7").capture(LIMIT).unwrap();
        assert_eq!(
            (output.end, output.text(), output.errors()),
            (ProcessEnd::Code(7), "out".into(), "err".into())
        );
    }

    #[test]
    fn what_is_fed_is_read_and_need_not_be() {
        let input = vec![b'x'; 300_000];
        let fed = Capture::within(LIMIT).fed(&input);
        assert_eq!(sh("wc -c").captured(&fed).unwrap().text().trim(), "300000");
        assert_eq!(sh("exit 3").captured(&fed).unwrap().end, ProcessEnd::Code(3));
    }

    #[test]
    fn time_limit_ends_the_whole_group() {
        // The grandchild holds the pipe. If the group did not end, this would take 60 s.
        let limit = Duration::from_millis(200);
        let output = sh("sleep 60 & sleep 60").capture(limit).unwrap();
        assert_eq!(output.end, ProcessEnd::TimedOut(limit));
        assert!(output.seconds < 30.0);
    }

    // On Linux, every system has `setsid`.
    #[cfg(target_os = "linux")]
    #[test]
    fn what_left_the_group_with_the_pipe_takes_nothing_away() {
        // It holds both pipes for longer than the reader waits, and continues to print in the second case.
        for rest in ["sleep 20", "timeout 20 yes"] {
            let output = sh(&format!("setsid {rest} & echo out; echo err >&2")).capture(LIMIT).unwrap();
            assert_eq!((output.end, output.errors()), (ProcessEnd::Code(0), "err".into()), "{rest}");
            assert!(output.stdout.split(|byte| *byte == b'\n').any(|line| line == b"out"), "{rest}");
            assert!(output.seconds < 15.0, "{rest}");
        }
    }

    #[test]
    fn what_prints_without_end_is_ended_and_its_ends_are_kept() {
        let how = Capture::within(LIMIT).at_most(8_000_000).finding(Some("needle"));
        let script = "head -c 3000000 /dev/zero; echo a needle; echo words >&2; exec yes";
        let output = sh(script).captured(&how).unwrap();
        assert_eq!(
            (output.end, output.errors(), output.found),
            (ProcessEnd::TooMuch(8_000_000), "words".into(), true)
        );
        assert!(output.stdout.len() < 3 << 20 && output.stdout[0] == 0 && output.text().ends_with('y'));
        assert!(!output.text().contains("needle") && output.text().contains(" MB left out …"));
        let some = sh("head -c 5000000 /dev/zero").captured(&how).unwrap();
        assert_eq!((some.end, some.found), (ProcessEnd::Code(0), false));
        assert_eq!(sh("head -c 5000000 /dev/zero").capture_whole(LIMIT).unwrap().stdout.len(), 5_000_000);
    }
}
