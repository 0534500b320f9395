//! `cargo xtask`: parses the command line, runs the command, prints the error and sets the exit code.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use xtask::cli::Cli;
use xtask::{commands, internal};
use xtask_files::error::Result;
use xtask_process::ui::Ui;
use xtask_process::{exec, ui};

fn main() -> ExitCode {
    exec::look_at_jobserver();
    let mut args: Vec<OsString> = std::env::args_os().collect();
    let words: Vec<String> = args.iter().skip(1).map(|a| a.to_string_lossy().into_owned()).collect();
    if let Some(code) = internal::take_over(&words) {
        return ExitCode::from(code);
    }
    exec::end_groups_on_signals();
    // When it is installed, this is `cargo-xtask`, which Cargo calls as `cargo-xtask xtask …`.
    if args.get(1).is_some_and(|a| a == "xtask") {
        args.remove(1);
    }
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => {
            let _ = error.print();
            return ExitCode::from(2);
        }
        // Help and version are output, not errors. clap decides whether to colour them.
        Err(text) => return end(ui::wrote(text.print())),
    };
    end(commands::run(cli).and_then(|()| ui::written()))
}

fn end(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            Ui::new(false, false, false).error(&error);
            ExitCode::from(error.kind.code())
        }
    }
}
