//! Checks the jobserver that `make` passes on to this program, by the descriptors or the named pipe in
//! `MAKEFLAGS`. The variable may outlive the jobserver. If `make` does not recognize a recipe line as a
//! recursive call, it closes the descriptors, and another file may get their numbers. Cargo and other
//! programs would then read tokens from that file and write tokens into it.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::OnceLock;

/// The variables that name a jobserver: for all programs, and for the programs that Cargo starts.
const VARIABLES: [&str; 3] = ["MAKEFLAGS", "MFLAGS", "CARGO_MAKEFLAGS"];

/// The options that name it: since GNU make 4.2, and before.
const OPTIONS: [&str; 2] = ["--jobserver-auth=", "--jobserver-fds="];

/// Returns corrected values for the variables of this process that name a false jobserver. Started programs
/// get these values. `main` calls this first, before this process opens files that could get the descriptors'
/// numbers.
pub fn look_at_jobserver() -> &'static [(&'static str, OsString)] {
    static MENDED: OnceLock<Vec<(&str, OsString)>> = OnceLock::new();
    MENDED.get_or_init(|| {
        let value = |name: &&'static str| Some((*name, std::env::var_os(name)?));
        let mend =
            |(name, value): (&'static str, OsString)| Some((name, without_false(&value, is_jobserver)?));
        VARIABLES.iter().filter_map(value).filter_map(mend).collect()
    })
}

/// Returns the flags without the words that name a false jobserver, or none if there are no such words.
fn without_false(flags: &OsStr, is_jobserver: impl Fn(&str) -> bool) -> Option<OsString> {
    let flags = flags.to_str()?;
    let is_false = |word: &&str| {
        OPTIONS.iter().find_map(|option| word.strip_prefix(option)).is_some_and(|of| !is_jobserver(of))
    };
    if !flags.split(' ').any(|word| is_false(&word)) {
        return None;
    }
    let rest: Vec<&str> = flags.split(' ').filter(|word| !is_false(word)).collect();
    let has_true = rest.iter().any(|word| OPTIONS.iter().any(|option| word.starts_with(option)));
    // A remaining `-j` without a number would let a nested make start all jobs at once.
    let is_jobs = |word: &str| word.strip_prefix("-j").is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
    let rest: Vec<&str> = rest.into_iter().filter(|word| has_true || !is_jobs(word)).collect();
    Some(rest.join(" ").into())
}

/// Whether this process can reach a jobserver in this way: `3,4` or `fifo:/tmp/GMfifo123`.
#[cfg(unix)]
fn is_jobserver(way: &str) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    if let Some(path) = way.strip_prefix("fifo:") {
        // It is not opened, because that may block. make removes the pipe when it ends.
        return std::fs::metadata(Path::new(path)).is_ok_and(|meta| meta.file_type().is_fifo());
    }
    let ends = way.split_once(',').and_then(|(read, write)| Some((read.parse().ok()?, write.parse().ok()?)));
    ends.is_some_and(|(read, write)| is_one_pipe(read, write))
}

#[cfg(not(unix))]
fn is_jobserver(_: &str) -> bool {
    // On Windows it is a named semaphore, which is not checked.
    true
}

/// Whether two descriptors of this process are the reading and the writing end of one pipe.
#[cfg(unix)]
fn is_one_pipe(read: u32, write: u32) -> bool {
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
    let end = |number: u32, allowed: u32| {
        let path = format!("/dev/fd/{number}");
        let meta = std::fs::metadata(&path).ok().filter(|meta| meta.file_type().is_fifo())?;
        // On Linux, the mode of the link shows whether the descriptor is open for reading or writing.
        let link = std::fs::symlink_metadata(&path).ok()?;
        let usable = !link.is_symlink() || link.mode() & allowed != 0;
        usable.then(|| (meta.dev(), meta.ino()))
    };
    let read = end(read, 0o400);
    read.is_some() && read == end(write, 0o200)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_false_jobserver_is_taken_out_and_the_rest_stays() {
        let cases = [
            ("", None),
            ("k -- CFLAGS=-O2", None),
            (" -j --jobserver-auth=3,4", Some("")),
            ("ks -j8 --jobserver-auth=3,4 -l2 -- X=1", Some("ks -l2 -- X=1")),
            ("--jobserver-fds=3,4 -j", Some("")),
            ("-j --jobserver-auth=9,9", None),
            (" -j4 --jobserver-auth=3,4 --jobserver-auth=9,9", Some(" -j4 --jobserver-auth=9,9")),
        ];
        for (flags, expected) in cases {
            let rest = without_false(OsStr::new(flags), |of| of == "9,9");
            assert_eq!(rest.as_deref(), expected.map(OsStr::new), "{flags:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn only_a_pipe_that_can_be_read_and_written_is_a_jobserver() {
        use std::os::fd::AsRawFd as _;
        let (read, write) = std::io::pipe().unwrap();
        let (other, _end) = std::io::pipe().unwrap();
        let file = tempfile::tempfile().unwrap();
        let [read, write, other, file] =
            [read.as_raw_fd(), write.as_raw_fd(), other.as_raw_fd(), file.as_raw_fd()];
        assert!(is_jobserver(&format!("{read},{write}")));
        for (one, two) in [(write, read), (other, write), (read, file), (file, file), (read, 1_000_000)] {
            assert!(!is_jobserver(&format!("{one},{two}")), "{one},{two}");
        }
        for way in ["", "3", "-2,-2", "x,y", "3,4,5", "fifo:", "fifo:/no/such/fifo", "fifo:/dev/null"] {
            assert!(!is_jobserver(way), "{way:?}");
        }
    }
}
