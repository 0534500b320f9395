//! The names of signals, for messages: readers do not know the numbers.

#[cfg(unix)]
use rustix::process::Signal;

/// The number that a shell, an engine or an emulator adds to a signal's number to form the exit code.
const BASE: i32 = 128;

/// The signals that end a program by default.
#[cfg(unix)]
const NAMES: [(Signal, &str); 19] = [
    (Signal::HUP, "SIGHUP"),
    (Signal::INT, "SIGINT"),
    (Signal::QUIT, "SIGQUIT"),
    (Signal::ILL, "SIGILL"),
    (Signal::TRAP, "SIGTRAP"),
    (Signal::ABORT, "SIGABRT"),
    (Signal::BUS, "SIGBUS"),
    (Signal::FPE, "SIGFPE"),
    (Signal::KILL, "SIGKILL"),
    (Signal::USR1, "SIGUSR1"),
    (Signal::SEGV, "SIGSEGV"),
    (Signal::USR2, "SIGUSR2"),
    (Signal::PIPE, "SIGPIPE"),
    (Signal::ALARM, "SIGALRM"),
    (Signal::TERM, "SIGTERM"),
    (Signal::XCPU, "SIGXCPU"),
    (Signal::XFSZ, "SIGXFSZ"),
    (Signal::VTALARM, "SIGVTALRM"),
    (Signal::SYS, "SIGSYS"),
];

/// Returns the name of a signal, or none if the number is not known here.
pub fn signal_name(number: i32) -> Option<&'static str> {
    #[cfg(unix)]
    let name = NAMES.iter().find(|(signal, _)| signal.as_raw() == number).map(|(_, name)| *name);
    #[cfg(not(unix))]
    let name = None;
    name
}

/// Returns the signal behind an exit code, for a shell or engine that reports signals in this way: 139 is 11,
/// SIGSEGV.
pub fn signal_of_code(code: i32) -> Option<&'static str> {
    number_of_code(code).and_then(signal_name)
}

/// Returns the number of the signal behind an exit code, as in [`signal_of_code`].
pub fn number_of_code(code: i32) -> Option<i32> {
    code.checked_sub(BASE).filter(|number| signal_name(*number).is_some())
}

/// Whether a signal shows an access to memory that the program does not have, for example after a stack
/// overflow.
pub fn is_bad_access(number: i32) -> bool {
    matches!(signal_name(number), Some("SIGSEGV" | "SIGBUS"))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn signals_by_number_and_by_exit_code() {
        assert_eq!(
            [signal_name(11), signal_name(6), signal_name(0)],
            [Some("SIGSEGV"), Some("SIGABRT"), None]
        );
        assert_eq!([signal_of_code(139), signal_of_code(137)], [Some("SIGSEGV"), Some("SIGKILL")]);
        assert_eq!(
            [signal_of_code(1), signal_of_code(128), signal_of_code(255), signal_of_code(-1)],
            [None; 4]
        );
        assert!(is_bad_access(11) && !is_bad_access(6));
    }
}
