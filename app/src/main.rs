//! The program that ships. It says what it was built from (`info`), proves that it works where it runs (`selftest`),
//! measures what it costs to call C (`bench`), keeps rows in a file (`store`) and serves all that over HTTP (`serve`).
//!
//! Standard output carries answers, standard error carries complaints. Exit codes: 0 done, 1 failed, 2 bad usage.
#![forbid(unsafe_code)]
// Without either feature there is no engine, and most of the store has nobody to call it.
#![cfg_attr(not(any(feature = "native", feature = "pure")), allow(dead_code))]

mod args;
mod bench;
mod failure;
mod info;
mod json;
mod options;
mod selftest;
#[cfg(any(unix, windows))]
mod serve;
mod store;

use std::io::{self, Write};
use std::process::ExitCode;

use args::AppCommand;
use failure::CommandFailure;

const FAILED: u8 = 1;
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let done = match args::parse(std::env::args_os().skip(1)) {
        Ok(command) => run(command, &mut out),
        Err(error) => Err(CommandFailure::usage(error.to_string(), args::USAGE)),
    };
    let failure = match done.and_then(|code| Ok(out.flush().map(|()| code)?)) {
        Ok(code) => return code,
        Err(failure) => failure,
    };
    let (message, code) = match failure {
        // Whoever read the answer has seen enough of it.
        CommandFailure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            return ExitCode::SUCCESS;
        }
        CommandFailure::Output(error) => {
            (format!("error: cannot write to standard output: {error}\n"), FAILED)
        }
        CommandFailure::Failed(message) => {
            // What was answered before that is true all the same.
            let _ = out.flush();
            (format!("error: {message}\n"), FAILED)
        }
        CommandFailure::Usage(message, usage) => (format!("error: {message}\n\n{usage}"), USAGE),
    };
    complain(&message);
    ExitCode::from(code)
}

fn run(command: AppCommand, out: &mut dyn Write) -> Result<ExitCode, CommandFailure> {
    match command {
        AppCommand::Help(usage) => out.write_all(usage.as_bytes())?,
        AppCommand::Version => writeln!(out, "app {}", env!("CARGO_PKG_VERSION"))?,
        AppCommand::Info { json: true } => out.write_all(info::Info::of_this_program().json().as_bytes())?,
        AppCommand::Info { json: false } => write!(out, "{}", info::Info::of_this_program())?,
        AppCommand::Selftest => {
            if selftest::run(native::backends(), store::COMPILED, out)?.failed > 0 {
                return Ok(ExitCode::from(FAILED));
            }
        }
        #[cfg(any(unix, windows))]
        AppCommand::Serve(args) => serve::run(args, out)?,
        AppCommand::Bench(args) => bench::run(args, out)?,
        AppCommand::Store(args) => store::command::run(args, out)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn complain(text: &str) {
    // Standard error may be closed; then there is nobody left to tell.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
