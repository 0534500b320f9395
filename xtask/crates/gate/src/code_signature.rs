//! The signature in a macOS program. macOS on Arm starts no program without one. A linker signs without a
//! certificate ("ad hoc"), by hashes of the program's pages. A tool that changes the program later, such as
//! `strip`, makes the hashes wrong. Source: `osfmk/kern/cs_blobs.h` of Apple's xnu.

use super::Finding;
use super::macho::big;
use super::rules::{fail, warn};
use xtask_oci::Digest;

/// The signature of a macOS program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodeSignature {
    /// The program has none.
    Absent,
    /// The signature cannot be read.
    Damaged,
    /// Every page has the hash of the signature.
    Valid {
        /// Whether it was made without a certificate.
        ad_hoc: bool,
    },
    /// A page has another hash.
    Wrong {
        /// The number of the first such page.
        page: usize,
    },
    /// The hashes are of a kind that is not read here.
    OtherHashes,
}

/// The marks of the list of parts, and of the part with the hashes (`CSMAGIC_EMBEDDED_SIGNATURE`,
/// `CSMAGIC_CODEDIRECTORY`).
const PARTS: u32 = 0xfade_0cc0;
const DIRECTORY: u32 = 0xfade_0c02;
/// The flag of a signature without a certificate (`CS_ADHOC`).
const AD_HOC: u32 = 2;
/// The maximum number of parts. Apple's signatures have fewer than ten.
const PARTS_MAX: u32 = 64;
/// The kind and the length of SHA-256 (`CS_HASHTYPE_SHA256`).
const SHA256: [u8; 2] = [32, 2];

impl CodeSignature {
    /// Reads the signature of a program. It lies at `start` and covers everything before it.
    pub(super) fn read(signature: &[u8], program: &[u8], start: usize) -> Self {
        directory(signature).and_then(|found| checked(found, program, start)).unwrap_or(Self::Damaged)
    }

    /// Judges the signature of a program, for Arm or for x86-64.
    pub(super) fn finding(&self, arm: bool) -> Option<Finding> {
        const FIX: &str =
            "remove the step that changes the program after it was linked, or sign it again: `codesign -s -`";
        match self {
            Self::Valid { .. } => None,
            Self::Absent if arm => Some(fail(
                "the program has no signature, and macOS on Arm starts only signed programs".into(),
                "link it with zig or with Apple's linker, which sign it, or sign it: `codesign -s -`",
            )),
            Self::Absent => None,
            Self::Damaged => Some(fail(
                "the signature of the program cannot be read, so macOS ends it at its start".into(),
                FIX,
            )),
            Self::Wrong { page } => Some(fail(
                format!(
                    "the signature does not fit the program (page {page}), so macOS ends it at its start"
                ),
                FIX,
            )),
            Self::OtherHashes => Some(warn(
                "the signature of the program was not checked: its hashes are not SHA-256".into(),
                "check it on a macOS: `codesign --verify`",
            )),
        }
    }
}

/// Returns the part of a signature that holds the hashes.
fn directory(signature: &[u8]) -> Option<&[u8]> {
    let count = big(signature, 8).filter(|count| big(signature, 0) == Some(PARTS) && *count <= PARTS_MAX)?;
    let parts = (0..count as usize).filter_map(|i| {
        let from = signature.get(big(signature, 16 + 8 * i)? as usize..)?;
        (big(from, 0) == Some(DIRECTORY)).then_some(from)
    });
    // A program may have a second list of hashes of an older kind.
    parts.max_by_key(|part| part.get(37) == Some(&SHA256[1]))
}

fn checked(directory: &[u8], program: &[u8], start: usize) -> Option<CodeSignature> {
    let number = |at| big(directory, at).map(|number| number as usize);
    let (hashes, count, covered) = (number(16)?, number(28)?, number(32)?);
    if directory.get(36..38)? != SHA256 {
        return Some(CodeSignature::OtherHashes);
    }
    let page = 1_usize.checked_shl((*directory.get(39)?).into())?;
    if covered != start || covered.div_ceil(page) != count {
        return None;
    }
    for (number, bytes) in program.get(..covered)?.chunks(page).enumerate() {
        let at = hashes.checked_add(number.checked_mul(32)?)?;
        if Digest::of(bytes).bytes() != directory.get(at..at.checked_add(32)?)? {
            return Some(CodeSignature::Wrong { page: number });
        }
    }
    Some(CodeSignature::Valid { ad_hoc: big(directory, 12)? & AD_HOC != 0 })
}
