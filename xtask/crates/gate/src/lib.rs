//! The gate. It reads the facts of a program file ([`Facts`]) and checks whether the program fits its target
//! and its place. [`check`] does this for any machine of the target's kind, [`check_in`] for the root file
//! system that ships.
//!
//! Reading and judging are separate steps. Facts hold everything that a judgement may need, so judging is a
//! pure function. A [`Tree`] reads each library of a root file system once.

mod binding;
mod check;
mod closure;
mod code_signature;
mod culprit;
mod dso;
mod dynamic;
mod elf;
mod expect;
mod facts;
mod format;
mod glibc;
mod judge;
mod keep;
mod level;
mod load;
mod macho;
mod messages;
mod name_service;
mod packages;
mod pe;
mod private;
mod processor;
mod program;
mod refusal;
mod requested;
mod rules;
mod run_time;
mod search;
mod start;
mod surroundings;
mod symbols;
mod tree;
mod verdict;
mod wasm;

pub use binding::Unresolved;
pub use check::{Finding, Limits, Root, Severity, StartSetting, as_error, check};
pub use closure::{Closure, Gap, Interpreter, LoadedObject};
pub use code_signature::CodeSignature;
pub use culprit::{Culprit, blame, culprit};
pub use dso::{Import, Object, Pages, Required, VersionQuery};
pub use expect::target_machine;
pub use facts::{ElfMachine, Endian, Facts, Float, Linkage, Stack, VersionNeed};
pub use format::{Format, is_whole_pe};
pub use glibc::Glibc;
pub use judge::{JudgedProgram, judge};
pub use keep::closure_paths;
pub use keep::trail;
pub use level::Level;
pub use macho::{MachO, check_macho};
pub use packages::{DistroPackage, Manager, Record, records};
pub use pe::{Pe, check_pe};
pub use private::{LibraryContext, PrivateLibrary, check_libraries};
pub use processor::check_flags;
pub use program::Program;
pub use requested::{Processor, ProcessorFlag, processors};
pub use run_time::left_out;
pub use start::Start;
pub use tree::Tree;
pub use verdict::{check_in, check_library_in};
pub use wasm::{HostImport, HostItem, WasiProgram, check_wasm};
