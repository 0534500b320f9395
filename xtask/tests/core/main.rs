//! The core without a build: which toolchains are tried, what a plan says, which command lines come of it, and what
//! traps, wrappers and filters do, on machines made of small scripts.

#[cfg(unix)]
mod candidates;
mod dlopen;
mod flags;
#[path = "../golden/compare.rs"]
mod golden;
#[cfg(unix)]
mod invocation;
#[cfg(unix)]
mod links;
mod plan;
mod plan_words;
#[cfg(unix)]
#[path = "../skip/mod.rs"]
mod shared_skip;
#[cfg(unix)]
mod ship;
#[cfg(unix)]
#[path = "../gate/skip.rs"]
mod skip;
mod support;
#[cfg(unix)]
mod survey;
#[cfg(unix)]
mod texts;
mod traps;
mod ui;
#[cfg(unix)]
mod wrappers;
