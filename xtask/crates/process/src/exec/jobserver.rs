//! The jobserver of a `make` that started this program, by the descriptors or the named pipe that `MAKEFLAGS` names. The
//! variable outlives the jobserver: in a recipe that `make` does not take for a recursive call the descriptors are closed, and
//! another file may have got their numbers since. Cargo and others would read tokens out of that file and write them into it.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::OnceLock;

/// The variables that name a jobserver: to everybody, and to what Cargo starts.
const VARIABLES: [&str; 3] = ["MAKEFLAGS", "MFLAGS", "CARGO_MAKEFLAGS"];

/// The options that name it: since GNU make 4.2, and before.
const OPTIONS: [&str; 2] = ["--jobserver-auth=", "--jobserver-fds="];

/// The variables of this process that name something else than a jobserver, without that name, for what it starts. `main` asks
/// first, before this process opens files that could have these numbers.
pub fn look_at_jobserver() -> &'static [(&'static str, OsString)] {
    static MENDED: OnceLock<Vec<(&str, OsString)>> = OnceLock::new();
    MENDED.get_or_init(|| {
        let value = |name: &&'static str| Some((*name, std::env::var_os(name)?));
        let mend =
            |(name, value): (&'static str, OsString)| Some((name, without_false(&value, is_jobserver)?));
        VARIABLES.iter().filter_map(value).filter_map(mend).collect()
    })
}

/// The flags without the words that name a jobserver which is none; nothing where there are no such words.
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
    // `-j` alone would let a make below start everything at once.
    let is_jobs = |word: &str| word.strip_prefix("-j").is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
    let rest: Vec<&str> = rest.into_iter().filter(|word| has_true || !is_jobs(word)).collect();
    Some(rest.join(" ").into())
}

/// Whether this process can reach a jobserver in this way: `3,4` or `fifo:/tmp/GMfifo123`.
#[cfg(unix)]
fn is_jobserver(way: &str) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    if let Some(path) = way.strip_prefix("fifo:") {
        // Not opened: that waits. Whoever made it removes it at its end.
        return std::fs::metadata(Path::new(path)).is_ok_and(|meta| meta.file_type().is_fifo());
    }
    let ends = way.split_once(',').and_then(|(read, write)| Some((read.parse().ok()?, write.parse().ok()?)));
    ends.is_some_and(|(read, write)| is_one_pipe(read, write))
}

#[cfg(not(unix))]
fn is_jobserver(_: &str) -> bool {
    // A named semaphore, which is there or is not.
    true
}

/// Whether two descriptors of this process are the ends of one pipe, for reading and for writing.
#[cfg(unix)]
fn is_one_pipe(read: u32, write: u32) -> bool {
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
    let end = |number: u32, allowed: u32| {
        let path = format!("/dev/fd/{number}");
        let meta = std::fs::metadata(&path).ok().filter(|meta| meta.file_type().is_fifo())?;
        // Linux says by the mode of the link what the descriptor is open for.
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
