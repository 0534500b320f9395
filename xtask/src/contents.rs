//! Describes what a program consists of, judging by the record of its link: the bytes of Rust, the bytes of
//! the C library, and foreign bytes with the package that brought them.

use std::path::PathBuf;

use xtask_files::human_size;
use xtask_link_map::{LinkAccount, LinkedFile};

mod asker;
mod compilers;
pub mod records;
mod rlib;

pub use asker::{AskedWay, BuildNames, LinkAsker, library_name};
pub use compilers::{OtherMachine, by_others, of_other_machines, signs};

/// The contents of a program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProgramContents {
    /// The sums of bytes, and every foreign file under the linker's name for it.
    pub account: LinkAccount,
    /// The foreign parts, each with the package that brought it.
    pub parts: Vec<ForeignPart>,
    /// Every file with a share in the program, and its objects.
    pub linked: Vec<LinkedFile>,
}

/// The contents of a program, or the reason why they are not known.
pub type SeenContents = Result<ProgramContents, String>;

/// A library or an object in a program that rustc did not make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignPart {
    /// The package or the setting that had it linked.
    pub asker: LinkAsker,
    /// The archive, the object or the shared library; only its name if its path is not known.
    pub file: PathBuf,
    /// The members of the archive that are in the program.
    pub members: Vec<String>,
    /// The number of bytes of code and data. None for a shared library: it is loaded when the program runs.
    pub bytes: Option<u64>,
    /// The signatures of the compilers. Empty if an assembler made it.
    pub makers: Vec<String>,
}

/// If there are more members than this, only their number is shown.
const MEMBERS_SHOWN: usize = 3;

impl ForeignPart {
    /// Returns a line such as
    /// `libz.a(crc32.o) in /x: 9 kB by GCC: (Debian) 12.2.0; z-sys 1.0.0 asked for it …`.
    pub fn line(&self) -> String {
        let name = self.file.file_name().unwrap_or(self.file.as_os_str()).to_string_lossy();
        let members = match self.members.as_slice() {
            [] => String::new(),
            few if few.len() <= MEMBERS_SHOWN => format!("({})", few.join(", ")),
            [first, rest @ ..] => format!("({first} and {} more)", rest.len()),
        };
        let folder = self.file.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.map(|folder| format!(" in {}", folder.display())).unwrap_or_default();
        let makers = match self.makers.as_slice() {
            [] => "which no compiler signed".to_owned(),
            makers => format!("by {}", makers.join(" and ")),
        };
        let what = match self.bytes {
            Some(bytes) => format!("{} of code and data {makers}", human_size(bytes)),
            None => format!("a shared library {makers}"),
        };
        format!("{name}{members}{folder}: {what}; {}", self.asker)
    }
}

impl ProgramContents {
    /// Returns the packages that brought foreign parts into the program, with the bytes of each, the largest
    /// first.
    pub fn by_package(&self) -> Vec<(String, u64)> {
        let mut sums: Vec<(String, u64)> = Vec::new();
        for part in &self.parts {
            let (name, bytes) = (part.asker.name(), part.bytes.unwrap_or_default());
            match sums.iter_mut().find(|(known, _)| *known == name) {
                Some((_, sum)) => *sum = sum.saturating_add(bytes),
                None => sums.push((name, bytes)),
            }
        }
        sums.retain(|(_, bytes)| *bytes > 0);
        sums.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        sums
    }

    /// Returns a phrase such as `1.2 MB of C, from libsqlite3-sys 0.30.1`, or none if the whole program is
    /// Rust.
    pub fn c_in_words(&self) -> Option<String> {
        let packages = self.by_package();
        let names: Vec<&str> = packages.iter().map(|(name, _)| name.as_str()).collect();
        let from = match names.as_slice() {
            [] => return None,
            [rest @ .., last] if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
            names => names.join(", "),
        };
        Some(format!("{} of C, from {from}", human_size(self.account.foreign_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(package: &str, bytes: Option<u64>, members: &[&str]) -> ForeignPart {
        ForeignPart {
            asker: LinkAsker {
                package: Some(format!("path+file:///x/{package}#0.7.1")),
                way: AskedWay::Script("cargo::rustc-link-lib=sly".into()),
            },
            file: "/x/lib/libsly.a".into(),
            members: members.iter().map(|name| (*name).to_owned()).collect(),
            bytes,
            makers: vec!["GCC: (GNU) 12".into()],
        }
    }

    #[test]
    fn a_part_in_words() {
        let asked = "sly 0.7.1 asked for it with cargo::rustc-link-lib=sly";
        let line = format!("libsly.a(sly.o) in /x/lib: 2.3 kB of code and data by GCC: (GNU) 12; {asked}");
        assert_eq!(part("sly", Some(2345), &["sly.o"]).line(), line);
        let many = part("sly", Some(1), &["a.o", "b.o", "c.o", "d.o"]).line();
        assert!(many.starts_with("libsly.a(a.o and 3 more) in /x/lib: "), "{many}");
        let shared = ForeignPart { file: "libz.so.1".into(), makers: Vec::new(), ..part("sly", None, &[]) };
        assert_eq!(shared.line(), format!("libz.so.1: a shared library which no compiler signed; {asked}"));
    }

    #[test]
    fn what_a_program_contains() {
        let contents = |parts: Vec<ForeignPart>| ProgramContents { parts, ..ProgramContents::default() };
        assert_eq!(contents(vec![part("z", None, &[])]).c_in_words(), None);
        let parts = vec![
            part("a", Some(1), &[]),
            part("b", Some(5), &[]),
            part("a", Some(6), &[]),
            part("c", Some(2), &[]),
        ];
        let said = contents(parts).c_in_words().unwrap();
        assert!(said.ends_with(" of C, from a 0.7.1, b 0.7.1 and c 0.7.1"), "{said}");
    }
}
