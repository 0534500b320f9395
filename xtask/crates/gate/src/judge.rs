//! Checks a program against its target, in the object format of the target's operating system.

use std::path::Path;

use super::{
    Facts, Finding, Limits, MachO, Pe, StartSetting, WasiProgram, check, check_macho, check_pe, check_wasm,
};
use xtask_files::error::{Error, Result};
use xtask_triple::Triple;
use xtask_triple::system::{self, ObjectFormat};

/// The result of checking a program against its target.
#[derive(Debug)]
pub struct JudgedProgram {
    /// The facts of an ELF program; none for other object formats.
    pub facts: Option<Facts>,
    /// The findings of the gate.
    pub findings: Vec<Finding>,
}

/// Reads the program at `path` and checks it against its target, for a start on a machine of the target's
/// kind.
///
/// # Errors
/// The file cannot be read, or is not a program in the object format of the target's system.
pub fn judge(path: &Path, target: &Triple, limits: Limits) -> Result<JudgedProgram> {
    let name = path.display().to_string();
    let bytes = || std::fs::read(path).map_err(|e| Error::io("cannot read", path, &e));
    let other = |findings| JudgedProgram { facts: None, findings };
    match system::of(target).objects {
        ObjectFormat::Elf => {
            let facts = Facts::read(path)?;
            let findings = check(&facts, target, StartSetting::Standalone, limits);
            Ok(JudgedProgram { facts: Some(facts), findings })
        }
        ObjectFormat::Pe => Ok(other(check_pe(&Pe::parse(&name, &bytes()?)?, target))),
        ObjectFormat::MachO => Ok(other(check_macho(&MachO::parse(&name, &bytes()?)?, target, limits.macos))),
        ObjectFormat::Wasm => Ok(other(check_wasm(&WasiProgram::parse(&name, &bytes()?)?, target))),
    }
}
