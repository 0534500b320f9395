//! What the tests of this workspace share.
//!
//! Every helper here works for any crate of the workspace: it takes paths and texts, and knows nothing of what a test is
//! about. Samples that are made of a crate's own types stay with the tests of that crate.
//!
//! The feature `process` adds what runs commands. Without it the crate has no dependencies, for `native` and `app`.

pub mod between;
pub mod folder;
pub mod golden;
pub mod http;
pub mod skip;

#[cfg(feature = "process")]
pub mod c;
#[cfg(feature = "process")]
pub mod docker;
#[cfg(feature = "process")]
pub mod process;
#[cfg(feature = "process")]
pub mod registry;
