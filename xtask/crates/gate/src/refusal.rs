//! The reasons to refuse a file before any rule of the gate is applied.

use xtask_files::error::Error;

/// The reason why a file is not a program that can ship. `why` continues a sentence that begins with the
/// file's name; `help` is the fix.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) why: String,
    pub(super) help: Option<&'static str>,
}

impl Refusal {
    /// Makes the refusal of a file that contradicts itself or its own length.
    pub(super) fn damaged(how: impl AsRef<str>) -> Self {
        Self {
            why: format!("is damaged or cut off: {}", how.as_ref()),
            help: Some(
                "build it again; if the error remains, check the step that copies or post-processes the file",
            ),
        }
    }

    /// Makes the refusal of a valid file that is not a program.
    pub(super) fn not_a_program(what: &str, help: &'static str) -> Self {
        Self { why: format!("is {what}, not a program"), help: Some(help) }
    }
}

/// Turns a refusal into an error about the file with this name.
pub(super) fn refused(name: &str, refusal: Refusal) -> Error {
    let error = Error::failed(format!("{name} {}", refusal.why));
    refusal.help.into_iter().fold(error, Error::help)
}
