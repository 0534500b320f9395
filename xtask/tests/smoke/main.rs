//! Images that are started: by real engines, in real namespaces, with real programs; and what is said where nothing can
//! start them, or where they fail.

mod engines;
mod failures;
mod killed;
mod namespaces;
mod same;
#[path = "../skip/mod.rs"]
mod skip;
#[path = "../store/mod.rs"]
mod store;
mod support;
