//! Reads the flags for rustc that concern the linker of a job: arguments that the linker does not get, and
//! flags that choose another linker.

use std::path::Path;
use std::time::Duration;

use crate::plan::Job;
use crate::trap::Script;
use xtask_compilers::toolchain::arguments::left_out::LeftOutArgument;
use xtask_compilers::toolchain::arguments::{lld, read};
use xtask_compilers::toolchain::zig::{LinkTarget, link_line};
use xtask_compilers::toolchain::{Link, Linker};
use xtask_files::error::Error;
use xtask_process::exec::Cmd;
use xtask_triple::flags::codegen_options;

/// The time limit for a driver that asks its linker for its version.
const LIMIT: Duration = Duration::from_secs(20);

/// The driver option that chooses a linker.
const CHOICE: &str = "-fuse-ld=";

/// An argument for the linker, with the place where it is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkFlag {
    /// The text of the argument.
    pub argument: String,
    /// The place where it is set, as text for a person.
    pub origin: String,
}

/// Returns the arguments for the linker from the user's flags and from targets.toml, in order.
pub fn link_flags(job: &Job) -> Vec<LinkFlag> {
    let user = job.user.flags.all().map(|flag| (flag.text.as_str(), flag.origin.as_str()));
    let own = job.target.rustflags.iter().map(|flag| (flag.as_str(), "rustflags in targets.toml"));
    let flags: Vec<(&str, &str)> = user.chain(own).collect();
    let mut all = Vec::new();
    for (at, name, value) in codegen_options(flags.iter().map(|(text, _)| *text)) {
        let mut add =
            |word: &str| all.push(LinkFlag { argument: word.to_owned(), origin: flags[at].1.to_owned() });
        match name.as_str() {
            "link-arg" => add(value),
            "link-args" => value.split_whitespace().for_each(add),
            _ => {}
        }
    }
    all
}

/// Returns the arguments in the flags that the linker of a job does not get. A person has to know them even
/// if the linker is not started.
pub fn refused(job: &Job) -> Vec<LeftOutArgument> {
    let words = link_flags(job).into_iter().map(|flag| flag.argument);
    let left_out = match &job.linker {
        Some(Linker::RustLld { .. }) => lld::arguments(read(words), &|_| false).left_out,
        Some(Linker::Driver { link: Link::Zig, .. }) => {
            link_line(words, LinkTarget::from(&job.target.triple), &|_| false).left_out
        }
        _ => Vec::new(),
    };
    left_out.into_iter().filter(|it| it.reason.matters()).collect()
}

/// Returns where an argument of the linker is set, if that is known.
pub fn origin(argument: &str, jobs: &[&Job], scripts: &[Script]) -> Option<String> {
    let flags = jobs.iter().flat_map(|job| link_flags(job));
    let written = flags.into_iter().find(|flag| {
        argument.split(' ').any(|word| word == flag.argument) || flag.argument.contains(argument)
    });
    written.map(|flag| flag.origin).or_else(|| {
        let script =
            scripts.iter().find(|script| asked(script).iter().any(|word| word.contains(argument)))?;
        Some(format!("the build script of {}", script.name()))
    })
}

/// Returns the linker arguments that a build script asks for. Cargo keeps the output of the script beside its
/// `OUT_DIR`.
fn asked(script: &Script) -> Vec<String> {
    let said = std::fs::read(script.out_dir.with_file_name("output")).unwrap_or_default();
    let said = String::from_utf8_lossy(&said).into_owned();
    let words = said.lines().filter_map(|line| {
        let instruction = line.strip_prefix("cargo::").or_else(|| line.strip_prefix("cargo:"))?;
        let (name, word) = instruction.split_once('=')?;
        // An argument for one program has the program's name in front: `rustc-link-arg-bin=app=-s`.
        let word = if name == "rustc-link-arg-bin" { word.split_once('=')?.1 } else { word };
        name.starts_with("rustc-link-arg").then(|| word.to_owned())
    });
    words.collect()
}

/// Returns an error if flags choose a linker that the driver does not find: the cause of a failed link.
pub fn absent_linker(job: &Job, scripts: &[Script]) -> Option<Error> {
    let Some(Linker::Driver { program, link: Link::Driver | Link::MuslSpecs | Link::Mingw }) = &job.linker
    else {
        return None;
    };
    let flags = link_flags(job);
    let by_script = || {
        let word = |script: &Script| asked(script).into_iter().find(|word| word.starts_with(CHOICE));
        scripts.iter().find_map(|script| {
            word(script).map(|word| (word, format!("the build script of {}", script.name())))
        })
    };
    let written = flags.iter().rev().find(|flag| flag.argument.starts_with(CHOICE));
    let (flag, origin) =
        written.map(|flag| (flag.argument.clone(), flag.origin.clone())).or_else(by_script)?;
    let folders = flags.iter().map(|flag| flag.argument.as_str()).filter(|flag| flag.starts_with("-B"));
    let output = Cmd::new(program).arg(&flag).args(folders).arg("-Wl,--version").capture(LIMIT).ok()?;
    let said = output.errors();
    const ABSENT: [&str; 4] =
        ["cannot find", "invalid linker name", "unrecognized command", "cannot execute"];
    if output.ok() || !ABSENT.iter().any(|words| said.contains(words)) {
        return None;
    }
    let name = Path::new(flag.trim_start_matches(CHOICE)).file_name()?.to_string_lossy().into_owned();
    let error = Error::failed(format!(
        "the linker {name} is not on this machine: {} does not find it",
        program.display()
    ));
    let error = error.found(format!("{flag} asks for it: {origin}"));
    Some(
        error.help(format!(
            "install {name} for this compiler, or keep the flag for the machines that have it"
        )),
    )
}
