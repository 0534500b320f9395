//! What keeps a macOS program from starting: its signature, the macOS that it needs, its address, the folders of
//! its libraries.

use xtask_gate::{CodeSignature, MachO, check_macho};
use xtask_triple::Triple;

use crate::formats::{MAC, built, fails};

const INTEL: &str = "x86_64-apple-darwin";
const VALID: CodeSignature = CodeSignature::Valid { ad_hoc: true };

fn slice(bytes: &[u8]) -> MachO {
    MachO::parse("hello", bytes).unwrap().remove(0)
}

/// What the gate says of a program.
fn said(slice: &MachO, target: &str, oldest: Option<(u16, u8)>) -> Vec<String> {
    let findings = check_macho(std::slice::from_ref(slice), &Triple::parse(target), oldest);
    fails(&findings).into_iter().map(str::to_owned).collect()
}

#[test]
fn a_program_that_changed_after_it_was_signed_does_not_start() {
    let test = "a_program_that_changed_after_it_was_signed_does_not_start";
    let Some((_, mut bytes)) = built(test, "aarch64-macos.11.0", &[]) else { return };
    assert_eq!(slice(&bytes).signature, VALID);
    // One byte of the code.
    let at = bytes.len() / 4;
    bytes[at] ^= 1;
    let changed = slice(&bytes);
    assert!(matches!(changed.signature, CodeSignature::Wrong { .. }), "{:?}", changed.signature);
    assert!(said(&changed, MAC, None)[0].contains("the signature does not fit the program (page "));
    bytes[at] ^= 1;
    // What `strip` of binutils leaves behind: no signature, or the old one.
    let unsigned = MachO { signature: CodeSignature::Absent, ..slice(&bytes) };
    assert!(said(&unsigned, MAC, None)[0].contains("macOS on Arm starts only signed programs"));
    let damaged = MachO { signature: CodeSignature::Damaged, ..slice(&bytes) };
    assert!(said(&damaged, MAC, None)[0].contains("cannot be read"));
}

#[test]
fn a_program_for_intel_needs_no_signature() {
    let Some((_, bytes)) = built("a_program_for_intel_needs_no_signature", "x86_64-macos.10.12", &[]) else {
        return;
    };
    let program = slice(&bytes);
    assert_eq!((&program.signature, program.oldest), (&CodeSignature::Absent, Some((10, 12))));
    assert_eq!(said(&program, INTEL, None), [""; 0]);
    let fixed = MachO { any_address: false, ..program };
    assert_eq!(said(&fixed, INTEL, None), [""; 0]);
}

#[test]
fn a_program_for_a_newer_macos_than_the_targets_is_refused() {
    let test = "a_program_for_a_newer_macos_than_the_targets_is_refused";
    let flags = ["-Wl,-rpath,/home/me/lib", "-Wl,-rpath,@executable_path/lib"];
    let Some((_, bytes)) = built(test, "aarch64-macos.13.0", &flags) else { return };
    let program = slice(&bytes);
    let rpath =
        "the program searches libraries in /home/me/lib, a folder of the machine that built it (rpath)";
    assert_eq!(said(&program, MAC, None), [rpath, "the program needs macOS 13.0, but must start on 11.0"]);
    assert_eq!(said(&program, MAC, Some((13, 0))), [rpath]);
    let fixed = MachO { any_address: false, rpaths: Vec::new(), ..program };
    assert!(said(&fixed, MAC, Some((13, 1)))[0].contains("starts only programs for any address (PIE)"));
}
