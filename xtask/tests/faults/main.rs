//! Publishing to a registry that misbehaves: whatever happens, a tag never points at something incomplete, nothing that was
//! acknowledged is lost, and the next run ends with exactly the right content.

mod certificates;
mod disk;
mod down;
mod fault;
mod kept;
mod killed;
mod lacking;
#[allow(dead_code, reason = "the benchmarks use the rest")]
mod made;
mod ours;
mod progress;
mod race;
mod signed;
mod unreachable;
mod watch;
mod web_pages;
