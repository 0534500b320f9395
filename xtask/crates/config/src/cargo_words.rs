//! The error messages of Cargo.

use xtask_files::error::Error;
use xtask_process::exec::fault::MachineFault;
use xtask_process::exec::{Cmd, Output};

/// Returns the error of a failed Cargo call: Cargo's own message, or the fault of the machine.
pub(crate) fn failed(cmd: &Cmd, output: &Output) -> Error {
    error(&output.errors()).unwrap_or_else(|| {
        let failed = format!("`{}` ended with {}", cmd.line(), output.end);
        match MachineFault::of_output(output) {
            Some(fault) => Error::missing(failed).found(fault.to_string()).help(fault.help()),
            None => Error::failed(failed),
        }
    })
}

/// Turns Cargo's error message into an error. Its first line is the message, the other lines are the details.
fn error(stderr: &str) -> Option<Error> {
    // Warnings may precede the error.
    let begin = stderr.lines().position(|line| line.starts_with("error: "))?;
    let text = stderr.lines().skip(begin).collect::<Vec<_>>().join("\n");
    let text = text.trim_start_matches("error: ");
    let (what, rest) = text.split_once('\n').unwrap_or((text, ""));
    let error = Error::usage(what);
    Some(if rest.trim().is_empty() { error } else { error.found(rest.trim_matches('\n')) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargos_words_are_kept() {
        let said = error("warning: no error: here\nerror: first\n\nCaused by:\n  second\n").unwrap();
        assert_eq!(said, Error::usage("first").found("Caused by:\n  second"));
        assert_eq!(error("error: one line").unwrap(), Error::usage("one line"));
        assert_eq!(error("Killed"), None);
    }
}
