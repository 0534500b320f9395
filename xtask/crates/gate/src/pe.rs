//! Windows programs: machine, subsystem, and the libraries that they import. Source: Microsoft's "PE Format".

use super::refusal::Refusal;
use super::rules::{fail, warn};
use super::{Finding, Format};
use xtask_files::error::Result;
use xtask_link_map::is_windows_library;
use xtask_triple::{Arch, Env, Os, Triple};

/// The facts of a Windows program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pe {
    /// The field `Machine` of its header: 0x8664 is x86-64, 0xaa64 Arm64, 0x14c x86.
    pub machine: u16,
    /// Whether the file is a library (DLL) and not a program.
    pub library: bool,
    /// The field `Subsystem` of its header: 3 is a console program, 2 a program with windows.
    pub subsystem: u16,
    /// The libraries that it imports, at its start or at the first use, in the file's order.
    pub imports: Vec<String>,
}

/// The maximum number of libraries that are read. Real programs have some tens.
const IMPORTS_MAX: u32 = 4096;

struct File<'d> {
    bytes: &'d [u8],
    /// For each section: its address, its size in the file in bytes, and its offset in the file.
    sections: Vec<(u32, u32, u32)>,
}

impl Pe {
    /// Reads a program in memory. `name` is its name in errors.
    ///
    /// # Errors
    /// It is not a Windows program, or it is damaged or truncated.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Self> {
        if Format::of(bytes.get(..bytes.len().min(512)).unwrap_or_default()) != Format::Pe {
            let format = Format::of(bytes.get(..bytes.len().min(512)).unwrap_or_default());
            let why = format!("is {format}, not a Windows program (PE)");
            return Err(super::refusal::refused(name, Refusal { why, help: None }));
        }
        read(bytes)
            .ok_or_else(|| super::refusal::refused(name, Refusal::damaged("its headers are not valid")))
    }
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn read(bytes: &[u8]) -> Option<Pe> {
    let coff = (word(bytes, 0x3c)? as usize).checked_add(4)?;
    if bytes.get(coff - 4..coff)? != b"PE\0\0" {
        return None;
    }
    let optional = coff + 20;
    // The table of directories follows fields whose length depends on the size of an address (4 or 8 bytes).
    let directories = match half(bytes, optional)? {
        0x10b => optional + 96,
        0x20b => optional + 112,
        _ => return None,
    };
    let table = optional + usize::from(half(bytes, coff + 16)?);
    let count = usize::from(half(bytes, coff + 2)?);
    let sections = (0..count).map(|i| {
        let at = table + 40 * i;
        let (address, size, start) = (word(bytes, at + 12)?, word(bytes, at + 16)?, word(bytes, at + 20)?);
        // The whole section must be in the file. This detects a truncated file.
        (u64::from(start) + u64::from(size) <= bytes.len() as u64).then_some((address, size, start))
    });
    let file = File { bytes, sections: sections.collect::<Option<_>>()? };
    let directory = |index: usize| {
        let there = word(bytes, directories - 4).is_some_and(|count| count as usize > index);
        if there { word(bytes, directories + 8 * index) } else { Some(0) }
    };
    // Each import has 20 bytes, with the name at offset 12. An import that is loaded at its first use has 32
    // bytes, with the name at 4.
    let mut imports = file.names(directory(1)?, 20, 12)?;
    imports.extend(file.names(directory(13)?, 32, 4)?);
    Some(Pe {
        machine: half(bytes, coff)?,
        library: half(bytes, coff + 18)? & 0x2000 != 0,
        subsystem: half(bytes, optional + 68)?,
        imports,
    })
}

impl File<'_> {
    fn offset(&self, address: u32) -> Option<usize> {
        let holds =
            |(at, size, _): &&(u32, u32, u32)| address.checked_sub(*at).is_some_and(|skip| skip < *size);
        let (at, _, start) = self.sections.iter().find(holds)?;
        Some(address.checked_sub(*at)? as usize + *start as usize)
    }

    /// Returns the names in an import table, or an empty list if there is no table.
    fn names(&self, table: u32, each: u32, name_at: u32) -> Option<Vec<String>> {
        let mut names = Vec::new();
        if table == 0 {
            return Some(names);
        }
        for i in 0..IMPORTS_MAX {
            let at = self.offset(table.checked_add(i.checked_mul(each)?)?.checked_add(name_at)?)?;
            let name = match word(self.bytes, at)? {
                0 => return Some(names),
                name => self.bytes.get(self.offset(name)?..)?,
            };
            let name = name.get(..name.len().min(512))?;
            names.push(std::ffi::CStr::from_bytes_until_nul(name).ok()?.to_string_lossy().into_owned());
        }
        None
    }
}

/// Prefixes of the names of libraries that belong to compilers and not to Windows.
const OF_COMPILERS: [&str; 12] = [
    "libgcc_s",
    "libstdc++",
    "libwinpthread",
    "libc++",
    "libunwind",
    "libssp",
    "libgomp",
    "libatomic",
    "libquadmath",
    "libgfortran",
    "cyg",
    "msys-",
];

/// Checks a Windows program against its target. Without a failing finding, it starts on a Windows 10 with its
/// machine.
pub fn check_pe(pe: &Pe, triple: &Triple) -> Vec<Finding> {
    let mut findings = Vec::new();
    let machine = match triple.arch() {
        Arch::X86_64 => Some(0x8664),
        Arch::X86 => Some(0x14c),
        Arch::Aarch64 => Some(0xaa64),
        _ => None,
    };
    if triple.os() != Os::Windows {
        findings.push(fail(
            format!("this is a Windows program (PE), which {triple} cannot start"),
            format!("build it with `--target {triple}`"),
        ));
    } else if machine != Some(pe.machine) {
        findings.push(fail(
            format!("the program is for {}, but {triple} is not", machine_name(pe.machine)),
            format!("build it with `--target {triple}`, and check the step that copied this file"),
        ));
    }
    if pe.library {
        findings.push(fail("this is a library (DLL), not a program".into(), "name a [[bin]] target"));
    }
    if !matches!(pe.subsystem, 2 | 3) {
        findings.push(fail(
            format!(
                "the program is for subsystem {} (a driver or firmware), which no user can start",
                pe.subsystem
            ),
            "link it with `-Wl,--subsystem,console`",
        ));
    }
    findings.extend(pe.imports.iter().filter_map(|import| judged(import, triple)));
    findings
}

fn judged(import: &str, triple: &Triple) -> Option<Finding> {
    let lower = import.to_ascii_lowercase();
    let stem = lower.strip_suffix(".dll").unwrap_or(&lower);
    let runtime = ["vcruntime", "msvcp", "concrt", "vcomp"].iter().any(|name| stem.starts_with(name));
    let mingw = stem.starts_with("lib") && stem.rsplit('-').next().is_some_and(is_number);
    if mingw && !OF_COMPILERS.iter().any(|name| stem.starts_with(name)) {
        return Some(fail(
            format!(
                "the program imports {import}, which is a library made with MinGW and not a part of Windows"
            ),
            "link it statically: most build scripts have a feature or a variable for it (`static`, `vendored`)",
        ));
    }
    if OF_COMPILERS.iter().any(|name| stem.starts_with(name)) {
        return Some(fail(
            format!("the program imports {import}, which comes with a compiler and not with Windows"),
            "link it statically: add `-Clink-arg=-static` to the target's rustflags",
        ));
    }
    if (runtime && stem.ends_with('d')) || stem == "ucrtbased" {
        let fix = "build it without `/MDd` and `_DEBUG`";
        return Some(fail(
            format!("the program imports {import}, which only machines with Visual Studio have"),
            fix,
        ));
    }
    if runtime {
        let fix = match triple.env() {
            Env::Msvc => {
                "add `-Ctarget-feature=+crt-static` to the target's rustflags, or ship Microsoft's redistributable package"
            }
            _ => "ship Microsoft's redistributable package",
        };
        return Some(warn(format!("the program imports {import}, which not every Windows has"), fix));
    }
    (!is_windows_library(import)).then(|| {
        warn(
            format!("the program imports {import}, which is not known to be a part of Windows"),
            "ship it beside the program, or link it statically",
        )
    })
}

/// MinGW's names of libraries end in a number: `libssl-3`, `libfoo-1_2`.
fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

fn machine_name(machine: u16) -> String {
    match machine {
        0x8664 => "x86_64".into(),
        0x14c => "x86".into(),
        0xaa64 => "aarch64".into(),
        0x1c4 => "arm".into(),
        other => format!("machine 0x{other:x}"),
    }
}
