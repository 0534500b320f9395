//! The program that ships. It says what it was built from (`info`) and proves that it works where it runs (`selftest`).
//!
//! Standard output carries answers, standard error carries complaints. Exit codes: 0 done, 1 failed, 2 bad usage.
#![forbid(unsafe_code)]

mod args;
mod info;
mod json;
mod selftest;

use std::io::{self, Write};
use std::process::ExitCode;

use args::Command;

const FAILED: u8 = 1;
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let done = match args::parse(std::env::args_os().skip(1)) {
        Ok(command) => run(command, &mut out),
        Err(error) => {
            complain(&format!("error: {error}\n\n{}", args::USAGE));
            return ExitCode::from(USAGE);
        }
    };
    match done.and_then(|code| out.flush().map(|()| code)) {
        Ok(code) => code,
        // Whoever read the answer has seen enough of it.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("error: cannot write to standard output: {error}\n"));
            ExitCode::from(FAILED)
        }
    }
}

fn run(command: Command, out: &mut dyn Write) -> io::Result<ExitCode> {
    match command {
        Command::Help => out.write_all(args::USAGE.as_bytes())?,
        Command::Version => writeln!(out, "app {}", env!("CARGO_PKG_VERSION"))?,
        Command::Info { json: true } => out.write_all(info::Info::of_this_program().json().as_bytes())?,
        Command::Info { json: false } => write!(out, "{}", info::Info::of_this_program())?,
        Command::Selftest => {
            if selftest::run(native::backends(), out)?.failed > 0 {
                return Ok(ExitCode::from(FAILED));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn complain(text: &str) {
    // Standard error may be closed; then there is nobody left to tell.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
