//! macOS programs: processor, oldest macOS, signature, and the libraries that they load. Source: `mach-o/loader.h` and
//! `mach-o/fat.h` of Apple's cctools.

use super::code_signature::CodeSignature;
use super::refusal::{Refusal, refused};
use super::rules::{fail, warn};
use super::{Finding, Format};
use xtask_files::error::Result;
use xtask_triple::system::oldest_macos;
use xtask_triple::{Arch, Os, Triple};

/// The facts of a macOS program, for one processor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachO {
    /// `cputype`: 0x0100_000c is Arm64, 0x0100_0007 x86-64.
    pub cpu: u32,
    /// `filetype`: 2 is a program.
    pub kind: u32,
    /// The oldest macOS on which the program runs, if it states one: 11.0 is `(11, 0)`.
    pub oldest: Option<(u16, u8)>,
    /// The paths of the libraries that it loads, in the file's order.
    pub libraries: Vec<String>,
    /// The folders that the loader searches for libraries below `@rpath`.
    pub rpaths: Vec<String>,
    /// Whether the system may load it at any address (`MH_PIE`).
    pub any_address: bool,
    /// The signature of the code.
    pub signature: CodeSignature,
}

const FAT: u32 = 0xcafe_babe;
const PIE: u32 = 0x20_0000;
const MAGIC_64: u32 = 0xfeed_facf;
const MAGIC_32: u32 = 0xfeed_face;
/// The maximum numbers of processors and load commands that are read. Real programs have a few processors and
/// some tens of commands.
const SLICES_MAX: u32 = 32;
const COMMANDS_MAX: u32 = 4096;

impl MachO {
    /// Reads a program in memory, once for each processor that it supports. `name` is its name in errors.
    ///
    /// # Errors
    /// It is not a macOS program, or it is damaged or truncated.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Vec<Self>> {
        let format = Format::of(bytes.get(..bytes.len().min(512)).unwrap_or_default());
        if format != Format::MachO {
            let why = format!("is {format}, not a macOS program (Mach-O)");
            return Err(refused(name, Refusal { why, help: None }));
        }
        slices(bytes).ok_or_else(|| refused(name, Refusal::damaged("its headers are not valid")))
    }
}

pub(super) fn big(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn little(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn slices(bytes: &[u8]) -> Option<Vec<MachO>> {
    if big(bytes, 0)? != FAT {
        return Some(vec![read(bytes)?]);
    }
    let count = big(bytes, 4).filter(|count| *count <= SLICES_MAX)? as usize;
    let all = (0..count).map(|i| {
        let at = 8 + 20 * i;
        let (start, size) = (big(bytes, at + 8)? as usize, big(bytes, at + 12)? as usize);
        read(bytes.get(start..start.checked_add(size)?)?)
    });
    all.collect()
}

fn read(bytes: &[u8]) -> Option<MachO> {
    let mut at = match little(bytes, 0)? {
        MAGIC_64 => 32,
        MAGIC_32 => 28,
        _ => return None,
    };
    let count = little(bytes, 16).filter(|count| *count <= COMMANDS_MAX)?;
    let mut found = MachO {
        cpu: little(bytes, 4)?,
        kind: little(bytes, 12)?,
        oldest: None,
        libraries: vec![],
        rpaths: vec![],
        any_address: little(bytes, 24)? & PIE != 0,
        signature: CodeSignature::Absent,
    };
    for _ in 0..count {
        let (command, size) = (little(bytes, at)?, little(bytes, at + 4)? as usize);
        let body = bytes.get(at..at.checked_add(size.max(8))?)?;
        match command {
            // LC_LOAD_DYLIB, LC_REEXPORT_DYLIB, LC_LOAD_UPWARD_DYLIB. A weak library may be missing, so it is
            // not listed.
            0xc | 0x8000_001f | 0x8000_0023 => found.libraries.push(text(body)?),
            0x8000_001c => found.rpaths.push(text(body)?),
            // LC_BUILD_VERSION, LC_VERSION_MIN_MACOSX. X.Y.Z is stored as xxxx.yy.zz.
            0x32 => found.oldest = Some(version(little(body, 12)?)),
            0x24 => found.oldest = Some(version(little(body, 8)?)),
            // LC_CODE_SIGNATURE.
            0x1d => {
                let (start, size) = (little(body, 8)? as usize, little(body, 12)? as usize);
                let signature = bytes.get(start..start.checked_add(size)?)?;
                found.signature = CodeSignature::read(signature, bytes, start);
            }
            // LC_SEGMENT_64, LC_SEGMENT. The whole segment must be in the file.
            0x19 => inside(long(body, 40)?, long(body, 48)?, bytes)?,
            0x1 => inside(little(body, 32)?.into(), little(body, 36)?.into(), bytes)?,
            _ => {}
        }
        at = at.checked_add(size.max(8))?;
    }
    Some(found)
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from(little(bytes, at)?) | u64::from(little(bytes, at + 4)?) << 32)
}

fn inside(start: u64, size: u64, bytes: &[u8]) -> Option<()> {
    (start.checked_add(size)? <= bytes.len() as u64).then_some(())
}

fn version(packed: u32) -> (u16, u8) {
    let [_, minor, low, high] = packed.to_le_bytes();
    (u16::from_le_bytes([low, high]), minor)
}

/// Returns the string of a load command. Its third word is the offset of the string in the command.
fn text(command: &[u8]) -> Option<String> {
    let bytes = command.get(little(command, 8)? as usize..)?;
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    Some(String::from_utf8_lossy(&bytes[..end]).into_owned())
}

/// Checks a macOS program against its target. Without a failing finding, it starts on a macOS with its
/// processor. `oldest` is the oldest macOS on which it must start, if that is not the target's default.
pub fn check_macho(slices: &[MachO], triple: &Triple, oldest: Option<(u16, u8)>) -> Vec<Finding> {
    let arm = triple.arch() == Arch::Aarch64;
    let mut findings = Vec::new();
    if triple.os() != Os::Darwin {
        findings.push(fail(
            format!("this is a macOS program (Mach-O), which {triple} cannot start"),
            format!("build it with `--target {triple}`"),
        ));
        return findings;
    }
    let cpu = match triple.arch() {
        Arch::X86_64 => Some(0x0100_0007),
        Arch::Aarch64 => Some(0x0100_000c),
        _ => None,
    };
    let Some(slice) = slices.iter().find(|slice| Some(slice.cpu) == cpu) else {
        let there: Vec<String> = slices.iter().map(|slice| cpu_name(slice.cpu)).collect();
        findings.push(fail(
            format!("the program is for {}, but {triple} is not", there.join(" and ")),
            format!("build it with `--target {triple}`, and check the step that copied this file"),
        ));
        return findings;
    };
    if slice.kind != 2 {
        findings.push(fail(
            format!("this is not a program (Mach-O file type {})", slice.kind),
            "name a [[bin]] target",
        ));
    }
    for library in &slice.libraries {
        if library.starts_with("/usr/lib/") || library.starts_with("/System/Library/") {
            continue;
        }
        let what = if library.starts_with('@') {
            format!("the program loads {library}, which macOS searches beside the program or in its rpath")
        } else {
            format!("the program loads {library}, which macOS does not have")
        };
        findings
            .push(fail(what, "link it as an archive (.a), or ship it beside the program and document that"));
    }
    for folder in slice.rpaths.iter().filter(|folder| !folder.starts_with('@')) {
        findings.push(fail(
            format!("the program searches libraries in {folder}, a folder of the machine that built it (rpath)"),
            "remove the argument `-rpath` of the linker, or name a folder beside the program: @executable_path/…",
        ));
    }
    findings.extend(version_finding(slice.oldest, oldest.or(oldest_macos(triple))));
    if !slice.any_address {
        findings.push(match arm {
            true => fail(
                "the program has a fixed address, and macOS on Arm starts only programs for any address (PIE)".into(),
                "remove `-no_pie` and `relocation-model=static` from the flags",
            ),
            false => warn(
                "the program has a fixed address (no PIE), so macOS does not place it at random addresses".into(),
                "remove `-no_pie` and `relocation-model=static` from the flags",
            ),
        });
    }
    findings.extend(slice.signature.finding(arm));
    findings
}

/// Compares the oldest macOS of a program with the oldest one on which it must start.
fn version_finding(of_program: Option<(u16, u8)>, wanted: Option<(u16, u8)>) -> Option<Finding> {
    const FIX: &str = "set MACOSX_DEPLOYMENT_TARGET for this target";
    let Some(oldest) = of_program else {
        return Some(warn("the program does not state the macOS version that it needs".into(), FIX));
    };
    let wanted = wanted.filter(|wanted| oldest > *wanted)?;
    let text = |(major, minor)| format!("{major}.{minor}");
    Some(fail(
        format!("the program needs macOS {}, but must start on {}", text(oldest), text(wanted)),
        format!(
            "link it for the older one, or set MACOSX_DEPLOYMENT_TARGET={} for this target",
            text(oldest)
        ),
    ))
}

fn cpu_name(cpu: u32) -> String {
    match cpu {
        0x0100_0007 => "x86_64".into(),
        0x0100_000c => "aarch64".into(),
        7 => "x86".into(),
        other => format!("processor 0x{other:x}"),
    }
}
