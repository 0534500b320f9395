//! The reasons for which a file is refused before any rule of the gate is applied.

use xtask_files::error::Error;

/// Why a file is no program that could ship: the rest of a sentence that begins with the file's name, and what to do.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) why: String,
    pub(super) help: Option<&'static str>,
}

impl Refusal {
    /// A file that contradicts itself or its own length.
    pub(super) fn damaged(how: impl AsRef<str>) -> Self {
        Self {
            why: format!("is damaged or cut off: {}", how.as_ref()),
            help: Some("build it again; if this comes back, look at what copies or post-processes the file"),
        }
    }

    /// A sound file that is no program.
    pub(super) fn not_a_program(what: &str, help: &'static str) -> Self {
        Self { why: format!("is {what}, not a program"), help: Some(help) }
    }
}

/// A refusal as an error about the file of this name.
pub(super) fn refused(name: &str, refusal: Refusal) -> Error {
    let error = Error::failed(format!("{name} {}", refusal.why));
    refusal.help.into_iter().fold(error, Error::help)
}
