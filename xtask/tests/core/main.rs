//! The core without a build: which toolchains are tried, what a plan says, which command lines come of it, and what
//! traps, wrappers and filters do, on machines made of small scripts.

#[cfg(unix)]
mod candidates;
mod dlopen;
mod flags;
#[cfg(unix)]
mod image_spec;
#[cfg(unix)]
mod invocation;
#[cfg(unix)]
mod links;
mod matrix;
mod plan;
mod plan_words;
#[cfg(unix)]
mod runners;
mod support;
#[cfg(unix)]
mod survey;
#[cfg(unix)]
mod texts;
mod traps;
mod ui;
#[cfg(unix)]
mod wrappers;
