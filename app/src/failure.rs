//! How a command ends when it does not end well.

use std::io;

use crate::store;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum CommandFailure {
    /// The command line means nothing: the message, and the usage that it should have followed.
    Usage(String, &'static str),
    /// What was asked for could not be done.
    Failed(String),
    /// The answer could not be written.
    Output(io::Error),
}

impl CommandFailure {
    /// A command line that means nothing.
    pub(crate) fn usage(message: impl Into<String>, usage: &'static str) -> Self {
        Self::Usage(message.into(), usage)
    }

    /// What was asked for could not be done.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }
}

impl From<store::StoreError> for CommandFailure {
    fn from(error: store::StoreError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<io::Error> for CommandFailure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}
