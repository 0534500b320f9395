//! Finds objects that a compiler other than the job's made, judging by their signatures. Also finds objects
//! for another machine than the target's, which a linker rejects or skips.

use std::path::PathBuf;

use xtask_gate::{ElfMachine, Endian, target_machine};
use xtask_link_map::{is_rustc, of_archive};
use xtask_triple::Triple;

use super::asker::library_name;
use super::{ForeignPart, rlib};
use crate::trap::Script;

/// Returns whether a compiler of this name and version, such as `gcc 12.2.0`, writes this signature. For an
/// unknown compiler the answer is yes, so that there are no false warnings.
pub fn signs(version: &str, maker: &str) -> bool {
    match version.split_once(' ') {
        Some(("gcc", number)) => maker.starts_with("GCC: ") && maker.contains(number),
        Some(("clang", number)) => maker.contains(&format!("clang version {number}")),
        Some(("zig", _)) => maker.contains("clang version ") && maker.contains("zig"),
        _ => true,
    }
}

/// Returns one line for each library that a build script of this build made with another compiler than the
/// job's. Libraries that existed elsewhere before the build are left out.
pub fn by_others(parts: &[ForeignPart], scripts: &[Script], compiler: &str) -> Vec<String> {
    let is_made = |part: &&ForeignPart| scripts.iter().any(|script| part.file.starts_with(&script.out_dir));
    let line = |part: &ForeignPart| {
        let is_odd = |maker: &&String| !signs(compiler, maker) && !is_rustc(maker);
        let odd: Vec<&str> = part.makers.iter().filter(is_odd).map(String::as_str).collect();
        let name = part.file.file_name().unwrap_or_default().to_string_lossy();
        (!odd.is_empty()).then(|| {
            format!(
                "{}: {name} was made by {}, not by {compiler}, the compiler of the job: its build script names the compiler itself",
                part.asker.name(),
                odd.join(" and ")
            )
        })
    };
    parts.iter().filter(is_made).filter_map(line).collect()
}

/// An archive with objects for another machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherMachine {
    /// The package, with its version, whose build script had it linked.
    pub package: String,
    /// The path of the archive.
    pub archive: PathBuf,
    /// The name of its first object for another machine.
    pub object: String,
    /// The machine that the object is for: `x86_64`.
    pub machine: String,
    /// The signatures of its compilers.
    pub makers: Vec<String>,
}

/// Returns the archives for another machine than the target's that build scripts had linked.
pub fn of_other_machines(scripts: &[Script], target: &Triple) -> Vec<OtherMachine> {
    let Some(wanted) = target_machine(target) else { return Vec::new() };
    let mut found = Vec::new();
    for script in scripts {
        let folders = rlib::folders(script);
        for lib in &script.linked_libs {
            let name = lib.rsplit_once('=').map_or(lib.as_str(), |(_, name)| name);
            let files = folders.iter().map(|folder| folder.join(format!("lib{name}.a")));
            let Some(archive) = files.into_iter().find(|file| file.is_file()) else { continue };
            let mut first = None;
            of_archive(
                &archive,
                |_| true,
                |object, notes| {
                    if let Some(machine) = notes.machine.filter(|machine| *machine != wanted.0) {
                        first.get_or_insert((object.to_owned(), machine, notes.makers));
                    }
                },
            );
            if let Some((object, machine, makers)) = first {
                let machine = ElfMachine(machine).name(64, Endian::Little);
                found.push(OtherMachine { package: script.name(), archive, object, machine, makers });
            }
        }
    }
    found
}

impl OtherMachine {
    /// Describes the fault in one line, with the target.
    pub fn why(&self, target: &Triple) -> String {
        let Self { package, archive, object, machine, makers } = self;
        let makers = if makers.is_empty() { String::new() } else { format!(", by {}", makers.join(" and ")) };
        format!(
            "{package} has objects for {machine} linked (lib{}.a({object}) in {}{makers}), and the target is {target}",
            library_name(archive),
            archive.parent().unwrap_or(archive).display(),
        )
    }

    /// Returns the fix in one line.
    pub fn help(&self, target: &Triple) -> String {
        format!(
            "its build script calls a compiler by a bare name, such as `cc`, which compiles for this machine: have it call the one \
             that CC_{} names (`configure` takes CC and --host, CMake a toolchain file)",
            target.underscored()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_of_compilers() {
        let (gcc, clang) = ("GCC: (Debian 12.2.0-14) 12.2.0", "Debian clang version 14.0.6");
        let zig = "clang version 20.1.2 (https://github.com/ziglang/zig-bootstrap 7ef74e656cf8)";
        assert!(signs("gcc 12.2.0", gcc) && signs("clang 14.0.6", clang) && signs("zig 0.15.2", zig));
        for (version, maker) in
            [("gcc 13.1.0", gcc), ("zig 0.15.2", gcc), ("zig 0.15.2", clang), ("gcc 12.2.0", zig)]
        {
            assert!(!signs(version, maker), "{version}: {maker}");
        }
        assert!(signs("cc of unknown version", gcc) && signs("odd", gcc));
    }
}
