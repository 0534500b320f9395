//! The gate: what a program file is ([`Facts`]), and whether that is what its target and its place allow ([`check`], and
//! [`check_in`] against the root file system that ships).
//!
//! Reading is one step and judging another. Facts hold everything that a judgement may need, so that judging stays a
//! pure function; a [`Tree`] reads the libraries of a root file system, each once.

mod binding;
mod check;
mod closure;
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

pub use binding::Unresolved;
pub use check::{Finding, Limits, Root, Severity, StartSetting, as_error, check};
pub use closure::{Closure, Gap, Interpreter, LoadedObject};
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
