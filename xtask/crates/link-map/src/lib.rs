//! Link maps. [`LinkMap`] is the list that a linker writes about a program, and [`LinkRecord`] is the account
//! of every object in the program.
//!
//! A map names the sections of inputs, but not their origin. So a record adds the notes that each object
//! contains. It is made directly after the link, because rustc then removes its own objects.

mod account;
mod arguments;
mod gnu;
mod locate;
mod macho;
mod map;
mod notes;
mod pe;
mod record;
mod shared;
mod table;
#[cfg(test)]
mod tests;
pub mod wasm;

pub use account::{ForeignFile, ForeignLibrary, LinkAccount};
pub use arguments::LinkArguments;
pub use map::{InputShare, LinkMap, MapFormat, MappedSection};
pub use notes::{ObjectNotes, is_rustc, of_archive, of_file};
pub use pe::is_windows_library;
pub use record::{LinkRecord, LinkedFile, LinkedObject, LoadedSection};
pub use shared::SharedLibrary;
