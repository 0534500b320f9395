//! Link maps: what linkers write of how they made a program ([`LinkMap`]), and the account of every object that went into
//! it ([`LinkRecord`]).
//!
//! A map names sections of inputs and says nothing of where these come from. So a record adds what each object says of
//! itself, and is made right after the link: rustc removes its own objects then.

mod account;
mod arguments;
mod gnu;
mod map;
mod notes;
mod record;
mod shared;
mod table;
#[cfg(test)]
mod tests;

pub use account::{ForeignFile, ForeignLibrary, LinkAccount};
pub use arguments::LinkArguments;
pub use map::{InputShare, LinkMap, MapFormat, MappedSection};
pub use notes::{ObjectNotes, is_rustc, of_archive, of_file};
pub use record::{LinkRecord, LinkedFile, LinkedObject, LoadedSection};
pub use shared::SharedLibrary;
