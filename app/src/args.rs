//! The parser of the program's command line.

use std::ffi::OsString;
use std::fmt;

use crate::{bench, store};

/// What the program was asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AppCommand {
    /// Print a usage text: this one.
    Help(&'static str),
    /// Print name and version.
    Version,
    /// Print what the program was built from.
    Info {
        /// Whether the facts are printed as a JSON object instead of text.
        json: bool,
    },
    /// Call every function in every backend.
    Selftest,
    /// Measure calls into C: the arguments, which have a usage of their own.
    Bench(Vec<OsString>),
    /// Keep rows in a file: the arguments, which have a usage of their own.
    Store(Vec<OsString>),
    /// Serve over HTTP: the arguments, which have a usage of their own.
    #[cfg(any(unix, windows))]
    Serve(Vec<OsString>),
}

/// The usage, for `--help` and after an error.
pub(crate) const USAGE: &str = "\
Usage: app <COMMAND>

Commands:
  info [--json]  Print what this program was built from
  selftest       Call every function in every backend and every store engine, and compare with known results
  bench          Measure what it costs to call C (`app bench --help`)
  store          Keep rows of keys and values in a file (`app store --help`)
  serve          Serve the functions and a store over HTTP (`app serve --help`)

Options:
  -h, --help     Print this help
  -V, --version  Print the version

Exit codes: 0 done, 1 failed, 2 bad usage.
";

/// A command line that means nothing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ArgsError {
    /// There is no command.
    NoCommand,
    /// There is no such command.
    UnknownCommand(OsString),
    /// The command takes no such argument.
    Unexpected(&'static str, OsString),
}

impl fmt::Display for ArgsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Debug formatting escapes what is not UTF-8 and what would control the terminal.
        match self {
            ArgsError::NoCommand => write!(f, "a command is missing"),
            ArgsError::UnknownCommand(command) => write!(f, "there is no command {command:?}"),
            ArgsError::Unexpected(command, arg) => {
                write!(f, "`{command}` does not take the argument {arg:?}")
            }
        }
    }
}

impl std::error::Error for ArgsError {}

/// Reads the arguments that follow the program's name. `--help` wins over everything around it but an unknown command.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<AppCommand, ArgsError> {
    let mut args = args.into_iter();
    let first = args.next().ok_or(ArgsError::NoCommand)?;
    let (name, mut command) = match first.to_str() {
        Some("-h" | "--help" | "help") => return Ok(AppCommand::Help(USAGE)),
        Some("-V" | "--version") => ("--version", AppCommand::Version),
        Some("info") => ("info", AppCommand::Info { json: false }),
        Some("selftest") => ("selftest", AppCommand::Selftest),
        Some("bench") => return Ok(with_usage(args, bench::USAGE, AppCommand::Bench)),
        #[cfg(any(unix, windows))]
        Some("serve") => return Ok(with_usage(args, crate::serve::USAGE, AppCommand::Serve)),
        Some("store") => return Ok(with_usage(args, store::command::USAGE, AppCommand::Store)),
        _ => return Err(ArgsError::UnknownCommand(first)),
    };
    let mut unexpected = None;
    for arg in args {
        match (arg.to_str(), &mut command) {
            (Some("-h" | "--help"), _) => return Ok(AppCommand::Help(USAGE)),
            (Some("--json"), AppCommand::Info { json }) => *json = true,
            _ => unexpected = unexpected.or(Some(arg)),
        }
    }
    unexpected.map_or(Ok(command), |arg| Err(ArgsError::Unexpected(name, arg)))
}

/// A command that reads its arguments itself, unless one of them asks for its usage. Behind `--` none does.
fn with_usage(
    args: impl Iterator<Item = OsString>,
    usage: &'static str,
    command: impl FnOnce(Vec<OsString>) -> AppCommand,
) -> AppCommand {
    let args: Vec<_> = args.collect();
    let help = args.iter().take_while(|arg| *arg != "--").any(|arg| arg == "-h" || arg == "--help");
    if help { AppCommand::Help(usage) } else { command(args) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<AppCommand, ArgsError> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn commands() {
        for (line, command) in [
            ("info", AppCommand::Info { json: false }),
            ("info --json", AppCommand::Info { json: true }),
            ("info --json --json", AppCommand::Info { json: true }),
            ("selftest", AppCommand::Selftest),
            ("--version", AppCommand::Version),
            ("-V", AppCommand::Version),
            ("--help", AppCommand::Help(USAGE)),
            ("-h info", AppCommand::Help(USAGE)),
            ("help", AppCommand::Help(USAGE)),
            ("info --what --help", AppCommand::Help(USAGE)),
        ] {
            assert_eq!(parsed(line), Ok(command), "{line}");
        }
    }

    #[test]
    fn what_is_not_a_command() {
        for (line, message) in [
            ("", "a command is missing"),
            ("infos --help", r#"there is no command "infos""#),
            ("--json info", r#"there is no command "--json""#),
            ("info --json=1 more", r#"`info` does not take the argument "--json=1""#),
            ("selftest --json", r#"`selftest` does not take the argument "--json""#),
            ("--version info", r#"`--version` does not take the argument "info""#),
        ] {
            assert_eq!(parsed(line).unwrap_err().to_string(), message, "{line}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_no_text_are_shown_escaped() {
        use std::os::unix::ffi::OsStringExt;
        let error = parse([OsString::from_vec(b"in\xfffo\x1b[1m".to_vec())]).unwrap_err();
        assert_eq!(error.to_string(), r#"there is no command "in\xFFfo\u{1b}[1m""#);
    }
}
