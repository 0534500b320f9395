//! Helpers that the tests of this workspace share.
//!
//! Every helper works for any crate of the workspace: it takes paths and texts, and knows nothing about the
//! subject of a test. Samples of a crate's own types are in the tests of that crate.
//!
//! The feature `process` adds helpers that run commands. Without it the crate has no dependencies, so that
//! `native` and `app` can use it.

pub mod between;
pub mod folder;
pub mod golden;
pub mod http;
pub mod skip;

#[cfg(feature = "process")]
pub mod c;
#[cfg(feature = "process")]
pub mod certificates;
#[cfg(feature = "process")]
pub mod docker;
#[cfg(feature = "process")]
pub mod process;
#[cfg(feature = "process")]
pub mod registry;
