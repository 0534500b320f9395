//! zig for macOS: its target, a user's SDK, and the linker arguments of rustc that zig accepts. zig has the
//! headers and the library of the system, and no frameworks.

use std::path::{Path, PathBuf};

use xtask_triple::system::oldest_macos;
use xtask_triple::{Arch, Os, Triple};

/// The folders of an SDK, below its root.
const FRAMEWORKS: &str = "System/Library/Frameworks";
const LIBRARIES: &str = "usr/lib";
const HEADERS: &str = "usr/include";

/// The variable that names a user's SDK. rustc, clang and Apple's tools read it too.
pub const SDKROOT: &str = "SDKROOT";

/// The beginning of the error about frameworks that are to be linked without an SDK. Their names follow.
pub const NO_SDK: &str = "no macOS SDK for the framework";

/// Returns the arguments with which `zig cc` compiles for a macOS target, or none for another target. Without
/// a version, zig makes programs for a newer macOS than rustc.
pub(super) fn target_flags(target: &Triple) -> Option<Vec<String>> {
    let arch = match target.arch() {
        Arch::X86_64 => "x86_64",
        Arch::Aarch64 => "aarch64",
        _ => return None,
    };
    let (major, minor) = oldest_macos(target)?;
    Some(vec!["-target".to_owned(), format!("{arch}-macos.{major}.{minor}")])
}

/// Returns the arguments with which `zig cc` uses the SDK at `root`. zig's own headers take precedence.
///
/// # Errors
/// The message says what the folder lacks.
pub(super) fn sdk_flags(root: &Path) -> Result<Vec<String>, String> {
    let settings = root.join("SDKSettings.json").is_file() || root.join("SDKSettings.plist").is_file();
    let lacking = [
        (!settings && !root.join(LIBRARIES).join("libSystem.tbd").is_file())
            .then(|| format!("neither SDKSettings.json nor {LIBRARIES}/libSystem.tbd")),
        (!root.join(FRAMEWORKS).is_dir()).then(|| format!("no folder {FRAMEWORKS}")),
    ];
    if let Some(lack) = lacking.into_iter().flatten().next() {
        let root = root.display();
        return Err(format!(
            "{SDKROOT}={root} is not the folder of a macOS SDK: it has {lack}; set it to the folder MacOSX.sdk of one, or unset it"
        ));
    }
    let below = |folder: &str| root.join(folder).to_string_lossy().into_owned();
    Ok(vec![
        format!("-F{}", below(FRAMEWORKS)),
        format!("-L{}", below(LIBRARIES)),
        "-iframework".to_owned(),
        below(FRAMEWORKS),
        "-idirafter".to_owned(),
        below(HEADERS),
    ])
}

/// Whether the driver's arguments name an SDK.
fn has_sdk(driver: &[String]) -> bool {
    driver.iter().any(|word| word.starts_with("-F"))
}

/// Returns the value of [`SDKROOT`] with which rustc links through zig without an SDK: a folder that exists.
/// Without it, rustc asks Apple's tool `xcrun` for an SDK and warns in every link that there is none. The
/// filter drops the argument that rustc makes of it.
pub fn sdk_stand_in(target: &Triple, linker: &Path) -> Option<PathBuf> {
    (target.os() == Os::Darwin).then(|| linker.parent().map(Path::to_owned)).flatten()
}

/// The arguments of a link for `zig cc`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct AppleLinkLine {
    /// The driver's own arguments. The target has the version that rustc asks for.
    pub(super) driver: Vec<String>,
    /// The arguments of the caller that zig accepts.
    pub(super) args: Vec<String>,
    /// The frameworks that zig cannot link, because there is no SDK.
    pub(super) frameworks: Vec<String>,
}

/// Turns rustc's arguments for Apple's clang into arguments for `zig cc`. `driver` holds the driver's own
/// arguments; `libraries` is the folder with the libraries that zig lacks.
pub(super) fn link_line(driver: &[String], args: &[String], libraries: &Path) -> AppleLinkLine {
    let mut line = AppleLinkLine { driver: driver.to_vec(), ..AppleLinkLine::default() };
    let sdk = has_sdk(driver);
    let mut own = Vec::new();
    let mut words = args.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            // The target says these. zig exports all symbols of a dynamic library, and has no option for fewer.
            "-arch" | "-target" | "--target" | "-isysroot" | "-Wl,-exported_symbols_list" => {
                words.next();
            }
            "-nodefaultlibs" | "-Wl,-dylib" => {}
            _ if ["--target=", "-fuse-ld=", "-Wl,-exported_symbols_list,"]
                .iter()
                .any(|start| word.starts_with(start)) => {}
            "-framework" | "-weak_framework" | "-Wl,-framework" | "-Wl,-weak_framework" => {
                let name = words.next().map(String::as_str).unwrap_or_default();
                let name = name.strip_prefix("-Wl,").unwrap_or(name);
                match sdk {
                    true => own.extend([word.trim_start_matches("-Wl,").to_owned(), name.to_owned()]),
                    false => line.frameworks.push(name.to_owned()),
                }
            }
            _ => match version(word) {
                Some(version) => set_version(&mut line.driver, version),
                None => own.push(word.clone()),
            },
        }
    }
    own.push(format!("-L{}", libraries.display()));
    line.args = own;
    line
}

/// Returns the version in an option about the oldest macOS: `11.0.0`.
fn version(word: &str) -> Option<&str> {
    ["-mmacosx-version-min=", "-mmacos-version-min="].iter().find_map(|option| word.strip_prefix(option))
}

/// Puts a version of macOS into the value of `-target`.
fn set_version(driver: &mut [String], version: &str) {
    let Some(at) = driver.iter().position(|word| word == "-target") else { return };
    if let Some(value) = driver.get_mut(at + 1)
        && let Some((system, _)) = value.split_once('.')
    {
        *value = format!("{system}.{version}");
    }
}

/// A library of macOS that zig has no description of, and that Rust programs often name: its file name and
/// its description in Apple's text format. The crate `libc` asks for it in every program that uses the crate.
pub(super) const ICONV: (&str, &str) = (
    "libiconv.tbd",
    "--- !tapi-tbd
tbd-version: 4
targets: [ x86_64-macos, arm64-macos ]
install-name: '/usr/lib/libiconv.2.dylib'
current-version: 7
compatibility-version: 7
exports:
  - targets: [ x86_64-macos, arm64-macos ]
    symbols: [ _iconv, _iconv_close, _iconv_open, _iconvctl, _libiconv, _libiconv_close, _libiconv_open,
               __libiconv_version ]
...
",
);

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn what_rustc_writes_for_apples_clang() {
        let args = "a.o -framework Foundation -lSystem -arch arm64 -mmacosx-version-min=12.3.0 -isysroot /x \
                    -o p -Wl,-dead_strip -nodefaultlibs -Wl,-exported_symbols_list -Wl,/l";
        let line = link_line(&words("cc -target aarch64-macos.11.0"), &words(args), Path::new("/w"));
        assert_eq!(line.driver.join(" "), "cc -target aarch64-macos.12.3.0");
        assert_eq!(line.args.join(" "), "a.o -lSystem -o p -Wl,-dead_strip -L/w");
        assert_eq!(line.frameworks, ["Foundation"]);
        let sdk = words("cc -target aarch64-macos.11.0 -F/sdk/System/Library/Frameworks");
        let line = link_line(&sdk, &words("-Wl,-framework -Wl,CoreFoundation a.o"), Path::new("/w"));
        assert_eq!(
            (line.args.join(" ").as_str(), line.frameworks.len()),
            ("-framework CoreFoundation a.o -L/w", 0)
        );
    }

    #[test]
    fn a_folder_that_is_no_sdk_says_what_it_lacks() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        assert!(
            sdk_flags(root)
                .unwrap_err()
                .contains("it has neither SDKSettings.json nor usr/lib/libSystem.tbd")
        );
        std::fs::write(root.join("SDKSettings.json"), "{}").unwrap();
        assert!(sdk_flags(root).unwrap_err().contains("it has no folder System/Library/Frameworks"));
        std::fs::create_dir_all(root.join(FRAMEWORKS)).unwrap();
        assert_eq!(sdk_flags(root).unwrap().len(), 6);
    }
}
