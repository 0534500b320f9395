//! The dependency list inside a program: the packages that it is made of, in the section `.dep-v0` of its file. `cargo audit
//! bin` and scanners of images look there for known vulnerabilities. The format is that of cargo-auditable
//! (<https://github.com/rust-secure-code/cargo-auditable>, PARSING.md): JSON, compressed as a zlib stream.
//!
//! ```text
//! unit graph ── CratePackages ── list (JSON, zlib) ─┐
//! the program in Cargo's folder ────────────────────┴─ section → the bytes that ship
//! ```
//!
//! The section is added to a copy, after the link. So Cargo's own file stays as Cargo knows it, no linker needs an argument,
//! the map of the link names the same objects as without the list, and no byte of code or data moves.

pub mod list;
pub mod section;

use crate::cargo::builder::Builder;
use crate::cargo::units;
use crate::record::BuiltProgram;
use crate::sbom::crates::CratePackages;
use list::DependencyList;
use xtask_files::error::{Error, Result};
use xtask_report::size::DEPENDENCY_LIST;

/// A program with its dependency list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditableProgram {
    /// The bytes of the whole file.
    pub bytes: Vec<u8>,
    /// How many packages the list names.
    pub packages: usize,
    /// The compressed size of the list in bytes, which is the size of its section.
    pub listed: usize,
}

/// Adds the dependency list to a copy of a program in memory; none where targets.toml does not ask for it.
///
/// # Errors
/// The program cannot be read or cannot take the section, Cargo cannot be run, or it does not list the packages.
pub fn program(built: &BuiltProgram, builder: &Builder) -> Result<Option<AuditableProgram>> {
    if !builder.app.auditable {
        return Ok(None);
    }
    let job = &built.job;
    let refused = |found: String| {
        Error::failed(format!("{}: the program cannot carry its dependency list", job.title()))
            .found(found)
            .help("remove `auditable` from [app] in targets.toml: programs then ship without the list")
    };
    let kept = units::of_job(job, builder)?;
    let packages = kept.and_then(|kept| CratePackages::of(&kept.graph, job.target.triple.as_str()));
    let packages = packages
        .ok_or_else(|| refused("this version of Cargo does not list the packages of a program".to_owned()))?;
    let list = DependencyList::of(&packages).compressed()?;
    let bytes =
        section::append(&read(built)?, DEPENDENCY_LIST, &list).map_err(|why| refused(why.to_string()))?;
    Ok(Some(AuditableProgram { bytes, packages: packages.all.len(), listed: list.len() }))
}

/// Returns the bytes of a program as it ships: with its dependency list where targets.toml asks for it.
///
/// # Errors
/// As [`program`].
pub fn shipped(built: &BuiltProgram, builder: &Builder) -> Result<Vec<u8>> {
    match program(built, builder)? {
        Some(listed) => Ok(listed.bytes),
        None => read(built),
    }
}

fn read(built: &BuiltProgram) -> Result<Vec<u8>> {
    std::fs::read(&built.program).map_err(|e| Error::io("cannot read", &built.program, &e))
}
