//! Runs instead of a C compiler or linker: starts zig's clang, `zig cc` as a linker, or zig's lld.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::apple::{self, AppleLinkLine};
use super::compiling::{about_target, clang_arguments, merged_object, steps};
use super::linking::{LinkTarget, ZigLinkLine, link_line};
use crate::toolchain::stand_in::{DriverCall, LongLine, any_set, failed, note, relayed, words};
use xtask_files as files;
use xtask_files::error::{Error, Result};
use xtask_process::exec::{Cmd, Output};
use xtask_triple::{Os, Triple};

/// The time limit for asking zig how it starts clang. zig compiles an empty file for the answer.
const ASKING: Duration = Duration::from_secs(120);

/// The time limit for asking zig how it starts its linker. It includes everything that zig makes for a target
/// first, such as its C library.
const LINKING: Duration = Duration::from_secs(1800);

/// Keeps zig from compiling and linking its runtime of the undefined behaviour sanitizer, which it does for every target
/// by default. The runtime is 10 of the 60 CPU seconds that the first link for a musl target takes.
const NO_RUNTIME: &str = "-fno-sanitize=undefined";

/// The beginning of the names of the functions in that runtime.
const RUNTIME_FUNCTIONS: &str = "__ubsan_handle_";

/// The source file of the question to zig.
const SOURCE: &str = "source.c";

/// The last line of the kept answer. A file without it is incomplete.
const END: &str = ".\n";

/// Compiles, and links if the arguments ask for it.
pub(super) fn compile(call: &DriverCall<'_>) -> u8 {
    compiled(call).unwrap_or_else(failed)
}

fn compiled(call: &DriverCall<'_>) -> Result<u8> {
    let scratch = CallFolder::new();
    let asked =
        steps(call.args.clone(), &|n| scratch.0.join(format!("{n}.o")).to_string_lossy().into_owned());
    let about = if asked.compile.is_empty() { Vec::new() } else { about(call)? };
    let clang = |args: Vec<String>| {
        LongLine::new(Cmd::new(&call.driver[0]).arg("clang"), clang_arguments(&about, call.target, args))
    };
    let Some(link) = asked.link else {
        let Some((object, level)) = merged_object(&call.args).filter(|_| is_elf(call.target)) else {
            return Ok(clang(call.args.clone())?.replace());
        };
        return match clang(call.args.clone())?.pass_through() {
            0 => merge(call, &object, level, &scratch),
            code => Ok(code),
        };
    };
    if asked.compile.is_empty() {
        return linked(call, link);
    }
    files::folder(&scratch.0)?;
    for args in asked.compile {
        match clang(args)?.pass_through() {
            0 => {}
            code => return Ok(code),
        }
    }
    linked(call, link)
}

/// Passes an object through zig's linker, as `zig cc` does.
fn merge(call: &DriverCall<'_>, object: &Path, level: Option<&str>, scratch: &CallFolder) -> Result<u8> {
    files::folder(&scratch.0)?;
    let merged = scratch.0.join("merged.o");
    let cmd = Cmd::new(&call.driver[0]).args(["ld.lld", "-r", "--error-limit=0", "--build-id=none"]);
    let code = cmd.args(level).arg("-o").arg(&merged).arg(object).pass_through();
    if code == 0 {
        std::fs::copy(&merged, object).map_err(|e| Error::io("cannot write", object, &e))?;
    }
    Ok(code)
}

fn is_elf(target: &Triple) -> bool {
    target.os() == Os::Linux
}

/// Links with rustc's arguments.
pub(super) fn link(call: &DriverCall<'_>) -> u8 {
    linked(call, call.args.clone()).unwrap_or_else(failed)
}

/// Links with these arguments of a compiler driver, and returns the exit code.
fn linked(call: &DriverCall<'_>, args: Vec<String>) -> Result<u8> {
    match call.target.os() {
        Os::Darwin => linked_for_macos(call, &args),
        _ => linked_by_lld(call, link_line(args, LinkTarget::from(call.target), &|file| file.is_file())),
    }
}

/// Links with zig's own linker of Mach-O programs.
///
/// # Errors
/// A framework is to be linked without an SDK.
fn linked_for_macos(call: &DriverCall<'_>, args: &[String]) -> Result<u8> {
    let libraries = call.folder.join("libraries");
    let (name, text) = apple::ICONV;
    let library = libraries.join(name);
    if !library.is_file() {
        files::folder(&libraries)?;
        files::place(&library, |staged| std::fs::write(staged, text))?;
    }
    let AppleLinkLine { driver, args, frameworks } = apple::link_line(call.driver, args, &libraries);
    if !frameworks.is_empty() {
        let what = format!("{} {}", apple::NO_SDK, frameworks.join(", "));
        return Err(Error::failed(what).help(format!("set {} to the folder of an SDK", apple::SDKROOT)));
    }
    let call = DriverCall { driver: &driver, ..call.clone() };
    front_end_links(&call, args).map(|output| relayed(&output))
}

/// Returns the `zig cc` command with a cache folder. If no variable names a cache folder, zig ends with an
/// error or writes into the working folder. In this case the folder is beside the wrapper.
fn front_end(call: &DriverCall<'_>) -> Cmd {
    let zig = Cmd::new(&call.driver[0]).args(&call.driver[1..]);
    match any_set(&["ZIG_GLOBAL_CACHE_DIR", "XDG_CACHE_HOME", "HOME"]) {
        true => zig,
        false => zig.env("ZIG_GLOBAL_CACHE_DIR", call.folder.join("zig-cache")),
    }
}

/// Links. If zig's front end rejects an argument, zig's lld is started directly, with the arguments that zig would use.
/// Returns the exit code.
///
/// # Errors
/// zig cannot be started, or does not print how it starts its lld.
fn linked_by_lld(call: &DriverCall<'_>, line: ZigLinkLine) -> Result<u8> {
    let ZigLinkLine { mut front, lld, left_out } = line;
    note(&left_out);
    let direct = !lld.is_empty();
    if direct {
        front.push("-v".to_owned());
    }
    let output = front_end_links(call, front)?;
    if !direct {
        if call.target.os() == Os::Windows && output.ok() {
            remove_time(call)?;
        }
        return Ok(relayed(&output));
    }
    let errors = output.errors();
    // The last call links the program. The earlier ones make zig's own libraries.
    let Some(said) = errors.lines().rev().find_map(|line| line.strip_prefix("ld.lld ")) else {
        let what = format!(
            "cannot find the linker command in zig's output; these arguments need it: {}",
            lld.join(" ")
        );
        return Err(errors.lines().fold(Error::failed(what), Error::found));
    };
    let words = words(said, &|path| path.exists()).into_iter().chain(lld);
    Ok(LongLine::new(Cmd::new(&call.driver[0]).arg("ld.lld"), words.collect())?.pass_through())
}

/// Sets the time of the link in the header of a Windows program to zero. zig's front end has no option for it.
fn remove_time(call: &DriverCall<'_>) -> Result<()> {
    let at = call.args.iter().position(|arg| arg == "-o").and_then(|at| call.args.get(at + 1));
    let Some(program) = at.map(Path::new) else { return Ok(()) };
    let failed = |error: &std::io::Error| Error::io("cannot write", program, error);
    let mut bytes = std::fs::read(program).map_err(|e| failed(&e))?;
    // The offset of the signature is at 0x3c, and the time is 8 bytes behind it (PE format, "COFF File Header").
    let header = bytes.get(0x3c..0x40).and_then(|four| four.try_into().ok()).map(u32::from_le_bytes);
    let header =
        header.map(|at| at as usize).filter(|at| bytes.get(*at..).is_some_and(|b| b.starts_with(b"PE\0\0")));
    match header.and_then(|at| bytes.get_mut(at + 8..at + 12)) {
        Some(time) => time.fill(0),
        None => return Ok(()),
    }
    std::fs::write(program, bytes).map_err(|e| failed(&e))
}

/// Runs `zig cc` to link. It gets the sanitizer's runtime only if the arguments name a sanitizer, or if the link without
/// the runtime lacks its functions. The program is the same either way: no other code refers to the runtime.
fn front_end_links(call: &DriverCall<'_>, args: Vec<String>) -> Result<Output> {
    let names_one = |arg: &String| arg.starts_with("-fsanitize") || arg.starts_with("-fno-sanitize");
    if !args.iter().any(names_one) {
        let without = args.iter().cloned().chain([NO_RUNTIME.to_owned()]).collect();
        let output = LongLine::new(front_end(call), without)?.capture(LINKING)?;
        if output.ok() || !output.errors().contains(RUNTIME_FUNCTIONS) {
            return Ok(output);
        }
    }
    LongLine::new(front_end(call), args)?.capture(LINKING)
}

/// Returns zig's arguments for clang about the target. They are kept in the folder of the wrapper.
fn about(call: &DriverCall<'_>) -> Result<Vec<String>> {
    let kept = call.folder.join(format!("{}.clang", call.driver.get(1).map_or("cc", String::as_str)));
    if let Some(text) = std::fs::read_to_string(&kept).ok().as_deref().and_then(|text| text.strip_suffix(END))
    {
        return Ok(text.lines().map(str::to_owned).collect());
    }
    let scratch = CallFolder::new();
    let source = scratch.0.join(SOURCE);
    files::folder(&scratch.0)?;
    std::fs::write(&source, "").map_err(|e| Error::io("cannot write", &source, &e))?;
    // A flag that no earlier call had. zig does not compile the same input twice, and then prints no call.
    let unique = format!("-DXTASK_ASKS={}", std::process::id());
    let asked = front_end(call)
        .args([&unique, "-O2", "-c", SOURCE, "-o", "source.o"])
        .env("ZIG_VERBOSE_CC", "1")
        .cwd(&scratch.0);
    let errors = asked.capture(ASKING)?.errors();
    let Some(mut about) = about_target(&errors, SOURCE) else {
        let what = Error::failed("cannot find the clang command in zig's output").found(asked.line());
        return Err(errors.lines().take(3).fold(what, Error::found));
    };
    about.retain(|word| *word != unique);
    // If it cannot be kept, zig is asked again next time.
    let text = about.iter().map(|word| format!("{word}\n")).collect::<String>() + END;
    let _ = files::place(&kept, |staged| std::fs::write(staged, &text));
    Ok(about)
}

/// A folder for the files of one call. It is removed after the call.
struct CallFolder(PathBuf);

impl CallFolder {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("xtask-zig-{}", std::process::id())))
    }
}

impl Drop for CallFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
