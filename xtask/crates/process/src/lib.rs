//! The machine during a run: its variables, the processes that a run starts, what it prints, and the user's
//! cache.

pub mod cache;
pub mod exec;
pub mod host;
pub mod processor;
pub mod table;
pub mod ui;
