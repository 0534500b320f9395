//! Runs a command and keeps what it prints, within bounds of time, size and memory.

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

/// What a document may be, in bytes: far above what any tool says, far below what takes a machine down.
const DOCUMENT: u64 = 1 << 30;

/// How long what was printed before the end may take to arrive after it.
const REST: Duration = Duration::from_secs(2);

/// How a command is captured.
#[derive(Debug, Clone, Copy)]
pub struct Capture<'a> {
    limit: Duration,
    most: Option<u64>,
    whole: bool,
    find: Option<&'a str>,
    input: Option<&'a [u8]>,
}

impl<'a> Capture<'a> {
    /// Until `limit` is over; of each stream the beginning and the end are kept.
    pub fn within(limit: Duration) -> Self {
        Self { limit, most: None, whole: false, find: None, input: None }
    }

    /// Its standard output is a document, of which no part may be missing. One of more than 1 GiB ends the command.
    #[must_use]
    pub fn whole(self) -> Self {
        Self { whole: true, most: Some(DOCUMENT), ..self }
    }

    /// More than so many bytes, on both streams together, end it.
    #[must_use]
    pub fn at_most(self, bytes: u64) -> Self {
        Self { most: Some(bytes), ..self }
    }

    /// Looks for this text in all of standard output, kept or not: [`Output::found`].
    #[must_use]
    pub fn finding(self, text: Option<&'a str>) -> Self {
        Self { find: text, ..self }
    }

    /// Gives it these bytes on its standard input. That it does not read them is no error.
    #[must_use]
    pub fn fed(self, input: &'a [u8]) -> Self {
        Self { input: Some(input), ..self }
    }
}

/// What those who read the streams of a run share with whoever waits for its end.
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

/// A stream as far as it was read; none once it was taken, after which nobody wants more.
type SharedOutput = Arc<Mutex<Option<KeptText>>>;

impl Cmd {
    /// Runs it in a process group of its own, captures both streams and ends the group when `limit` is over. Of a stream
    /// with more than 2 MiB its ends are kept.
    ///
    /// # Errors
    /// Only where the program cannot be started; how it ended is in [`Output::end`].
    pub fn capture(&self, limit: Duration) -> Result<Output> {
        self.captured(&Capture::within(limit))
    }

    /// As [`Cmd::capture`], for what prints a document: all of its standard output is kept.
    ///
    /// # Errors
    /// As [`Cmd::capture`].
    pub fn capture_whole(&self, limit: Duration) -> Result<Output> {
        self.captured(&Capture::within(limit).whole())
    }

    /// Runs it in a process group of its own and captures both streams. What it leaves behind is ended with its group, and
    /// not waited for where it left the group.
    ///
    /// # Errors
    /// Only where the program cannot be started; how it ended is in [`Output::end`].
    pub fn captured(&self, how: &Capture<'_>) -> Result<Output> {
        let begun = Instant::now();
        let mut command = self.command();
        command.stdin(if how.input.is_some() { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        group::own(&mut command);
        let mut child = self.spawn(&mut command)?;
        let guard = group::GroupGuard::new(&child);
        if let (Some(mut pipe), Some(input)) = (child.stdin.take(), how.input) {
            // On a thread of its own: more than a pipe holds is taken only while it is read.
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
        // Nothing is sent by this: whoever reads holds it until it is done.
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
        // Whatever the program left behind in its group would hold the pipes open.
        drop(guard);
        run.ended.set();
        // What left the group may hold them all the same.
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

/// Reads a stream on a thread of its own, until it ends, prints too much, or nobody wants to know.
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
                // A pipe that breaks ends the stream; what came before it still counts.
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
                // Held until its end: a pipe that breaks would give it last words that are not its own.
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
        // The grandchild holds the pipe; without ending the group this would take 60 s.
        let limit = Duration::from_millis(200);
        let output = sh("sleep 60 & sleep 60").capture(limit).unwrap();
        assert_eq!(output.end, ProcessEnd::TimedOut(limit));
        assert!(output.seconds < 30.0);
    }

    // Where `setsid` is a part of every system.
    #[cfg(target_os = "linux")]
    #[test]
    fn what_left_the_group_with_the_pipe_takes_nothing_away() {
        // It holds both pipes for longer than anybody waits, and keeps talking in the second case.
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
