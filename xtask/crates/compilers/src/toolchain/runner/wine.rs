//! wine starts Windows programs. It keeps its files in a folder (prefix). xtask makes one in its cache and
//! never uses the user's own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::toolchain::identity::Fingerprint;
use xtask_files as files;
use xtask_files::error::{Error, Result};
use xtask_process::cache;
use xtask_process::exec::Cmd;
use xtask_process::host::Host;
use xtask_process::ui::Ui;

/// The names of wine on PATH, and the place where Debian's package `wine64` installs it.
const NAMES: [&str; 5] = ["wine64", "wine", "wine64-stable", "wine-stable", "/usr/lib/wine/wine64"];

/// The text of the reason if there is no wine.
pub(super) const MISSING: &str = "wine64 or wine not on PATH";

/// The file that marks a complete prefix.
const COMPLETE: &str = "made-by-xtask";

/// The time limit for making a prefix. It takes about 3 s on an idle machine.
const MAKING: Duration = Duration::from_secs(300);

/// Finds wine and the folder of its prefix, which may not exist yet. A new wine has a new prefix.
pub(super) fn find(host: &Host) -> Option<(PathBuf, PathBuf)> {
    let program = NAMES.iter().find_map(|name| host.program(name))?;
    let identity = Fingerprint::new("wine prefix 1").with_stat(&program).short();
    let cache = cache::dir(host, std::env::consts::OS).ok()?;
    Some((program, cache.join("wine").join(identity)))
}

/// Returns wine without messages of its own, windows, menus, and questions about Mono and Gecko.
pub(super) fn command(program: &Path, prefix: &Path) -> Cmd {
    Cmd::new(program)
        .env("WINEPREFIX", prefix)
        .env("WINEDEBUG", "-all")
        .env("WINEDLLOVERRIDES", "mscoree,mshtml,winemenubuilder.exe=")
        .env_remove("WINEARCH")
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
}

/// Makes the prefix unless it is complete. Prefixes of other wines are removed, because each has hundreds of
/// megabytes.
///
/// # Errors
/// The prefix cannot be made.
pub(super) fn prepare(program: &Path, prefix: &Path, ui: &Ui) -> Result<()> {
    let complete = prefix.join(COMPLETE);
    if complete.is_file() {
        return Ok(());
    }
    let all = prefix.parent().unwrap_or(prefix);
    let _lock = cache::lock(&all.with_extension("lock"), || {
        ui.step("Waiting", "for another process that prepares wine");
    })?;
    if complete.is_file() {
        return Ok(());
    }
    let _task = ui.task("Preparing", "wine, once: it makes a folder for Windows programs in the cache");
    let _ = std::fs::remove_dir_all(all);
    cache::create_dir(prefix)?;
    let cmd = command(program, prefix).args(["wineboot", "--init"]);
    let output = cmd.capture(MAKING)?;
    let system = prefix.join("drive_c/windows/system32");
    if !output.ok() || !system.is_dir() {
        let error =
            Error::missing(format!("wine cannot make its folder: {} ended with {}", cmd.line(), output.end));
        return Err(error.found(output.errors()));
    }
    let library = system.join(RANDOM_LIBRARY);
    if !library.exists() {
        files::write(&library, &forwarder())?;
    }
    files::write(&complete, b"")
}

/// The library from which Rust's std takes random numbers. Every Windows 10 has it, and wine since 8.13.
const RANDOM_LIBRARY: &str = "bcryptprimitives.dll";

/// Returns the bytes of [`RANDOM_LIBRARY`] for an older wine. It contains no code: it forwards its only
/// function to the equivalent function of another library. The format is that of Microsoft's "PE Format".
fn forwarder() -> Vec<u8> {
    /// The address at which the only section is loaded, relative to the start of the library.
    const SECTION: u32 = 0x1000;
    /// The size of the headers and of the section in the file.
    const PART: u32 = 0x200;
    let put = |bytes: &mut Vec<u8>, numbers: &[u32]| {
        numbers.iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
    };
    let texts = [RANDOM_LIBRARY, "ProcessPrng", "advapi32.SystemFunction036"];
    // The export table has 40 bytes. The tables of functions, names and ordinals follow, then the texts.
    let at = |index: usize| {
        let before: usize = texts[..index].iter().map(|text| text.len() + 1).sum();
        SECTION + 40 + 10 + before as u32
    };
    let mut exports = Vec::new();
    put(&mut exports, &[0, 0, 0, at(0), 1, 1, 1, SECTION + 40, SECTION + 44, SECTION + 48]);
    put(&mut exports, &[at(2), at(1)]);
    exports.extend_from_slice(&[0, 0]);
    texts.iter().for_each(|text| exports.extend(text.bytes().chain([0])));
    let size = exports.len() as u32;

    let mut bytes = b"MZ".to_vec();
    bytes.resize(0x3c, 0);
    put(&mut bytes, &[0x40]);
    bytes.extend_from_slice(b"PE\0\0");
    // x86-64, one section, no symbols; 240 bytes of further headers; a library with 64-bit addresses.
    put(&mut bytes, &[0x0001_8664, 0, 0, 0, 0x2022_00f0]);
    // PE32+; sizes of code and data; no entry point.
    put(&mut bytes, &[0x0000_020b, 0, PART, 0, 0, SECTION]);
    // The preferred address, the alignments, Windows 6.0.
    put(&mut bytes, &[0x8000_0000, 1, SECTION, PART, 6, 0, 6, 0]);
    // The sizes of the library and of its headers; a console library with random addresses and no code on the stack.
    put(&mut bytes, &[2 * SECTION, PART, 0, 0x0160_0003]);
    // The sizes of stack and heap, in pairs of 32-bit halves; 16 directories, of which the first is used.
    put(&mut bytes, &[0x10_0000, 0, 0x1000, 0, 0x10_0000, 0, 0x1000, 0, 0, 16, SECTION, size]);
    bytes.resize(bytes.len() + 15 * 8, 0);
    bytes.extend_from_slice(b".rdata\0\0");
    // Read-only data.
    put(&mut bytes, &[size, SECTION, PART, PART, 0, 0, 0, 0x4000_0040]);
    bytes.resize(PART as usize, 0);
    bytes.extend(exports);
    bytes.resize(2 * PART as usize, 0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_for_old_wines_has_its_headers_where_windows_reads_them() {
        let bytes = forwarder();
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        assert_eq!((bytes.len(), word(0x3c)), (0x400, 0x40));
        let directories = 0x40 + 24 + 112;
        assert_eq!(word(directories - 4), 16);
        assert_eq!(word(directories), 0x1000);
        let section = directories + 16 * 8;
        assert_eq!(&bytes[section..section + 6], b".rdata");
        assert_eq!((word(section + 8), word(section + 12)), (word(directories + 4), 0x1000));
        let text = |address: u32| {
            let from = &bytes[(address - 0x1000 + 0x200) as usize..];
            std::ffi::CStr::from_bytes_until_nul(from).unwrap().to_str().unwrap()
        };
        assert_eq!(text(word(0x200 + 12)), RANDOM_LIBRARY);
        assert_eq!(
            (text(word(0x200 + 40)), text(word(0x200 + 44))),
            ("advapi32.SystemFunction036", "ProcessPrng")
        );
    }
}
