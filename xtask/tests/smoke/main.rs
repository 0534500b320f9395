//! Images that are started: by real engines, in real namespaces, with real programs; and what is said where nothing can
//! start them, or where they fail.

mod engines;
mod failures;
mod killed;
mod namespaces;
mod same;
mod support;
