//! Follows the start of a file as the kernel does: it runs a program, and passes a script to the interpreter
//! after its `#!` (fs/binfmt_script.c in Linux).

use super::check::{Finding, Limits, Severity};
use super::keep::{closure_paths, trail};
use super::level::Level;
use super::program::Program;
use super::tree::Tree;
use super::{Facts, Format, Object, rules, verdict};
use xtask_files::error::Result;
use xtask_oci::{Content, FileKind, Resolved};
use xtask_triple::{Arch, Triple};

/// The number of bytes of a file that the kernel reads (`BINPRM_BUF_SIZE`).
const HEAD: usize = 256;

/// The maximum number of scripts that the kernel follows (fs/exec.c, `exec_binprm`).
const SCRIPTS_MAX: usize = 5;

/// A file of a tree that is started.
#[derive(Debug, Clone)]
pub struct Start {
    /// The paths that are opened one after the other: scripts, then the program.
    paths: Vec<String>,
    end: StartEnd,
}

/// The file at which a start ends, or the reason why it fails.
#[derive(Debug, Clone)]
enum StartEnd {
    /// A program that the kernel can run.
    Program(Box<Program>),
    /// A loader that is started as a program. It needs no other file.
    Loader,
    /// A file that the kernel cannot run, with the reason.
    Unfit(String),
}

impl Start {
    /// Follows the start of the file at an absolute path, through scripts to a program.
    pub fn of(path: &str, tree: &Tree<'_>) -> Self {
        let mut paths = vec![path.to_owned()];
        loop {
            let last = paths.last().map_or("", String::as_str);
            match open(last, tree) {
                OpenedProgram::Script(_) if paths.len() > SCRIPTS_MAX => {
                    let end = StartEnd::Unfit("its interpreter is a script, and so on".to_owned());
                    return Self { paths, end };
                }
                OpenedProgram::Script(next) => paths.push(tree.surroundings().absolute(&next)),
                OpenedProgram::End(StartEnd::Unfit(why)) if paths.len() > 1 => {
                    let end = StartEnd::Unfit(format!("its interpreter {} {why}", shown(last)));
                    return Self { paths, end };
                }
                OpenedProgram::End(StartEnd::Unfit(why)) => {
                    return Self { paths, end: StartEnd::Unfit(format!("it {why}")) };
                }
                OpenedProgram::End(end) => return Self { paths, end },
            }
        }
    }

    /// Whether the file is a script. The programs that a script itself starts are not known.
    pub fn is_script(&self) -> bool {
        self.paths.len() > 1
    }

    /// Returns the program that finally runs, unless it is a loader.
    pub fn program(&self) -> Option<&Program> {
        match &self.end {
            StartEnd::Program(program) => Some(program),
            StartEnd::Loader | StartEnd::Unfit(_) => None,
        }
    }

    /// Returns the reasons why it cannot start in its tree, by the rules for programs of the build. Warnings
    /// are left out, because this program is not built here. `who` begins the sentence, such as "`entrypoint`
    /// names /bin/tool".
    pub fn check(&self, who: &str, triple: &Triple, tree: &Tree<'_>, level: Option<Level>) -> Vec<Finding> {
        let fix = || format!("name another program, or another base than {}", tree.name());
        let program = match &self.end {
            StartEnd::Loader => return Vec::new(),
            StartEnd::Unfit(why) => {
                return vec![rules::fail(format!("{who}, which cannot be executed: {why}"), fix())];
            }
            StartEnd::Program(program) => program,
        };
        // x86-64 machines also start 32-bit x86 programs.
        let ancestor = triple.arch() == Arch::X86_64 && program.facts.machine.0 == object::elf::EM_386.0;
        let triple = &if ancestor { Triple::parse("i686-unknown-linux-gnu") } else { triple.clone() };
        let found = verdict::check_in(program, triple, tree, Limits { level, ..Limits::default() });
        let fails = found.into_iter().filter(|finding| finding.severity == Severity::Fail);
        fails
            .map(|finding| rules::fail(format!("{who}, which does not start: {}", finding.what), fix()))
            .collect()
    }

    /// Returns the paths of the tree that it needs: scripts and program with the links on the way, and the
    /// files that are loaded.
    ///
    /// # Errors
    /// As [`closure_paths`].
    pub fn paths(&self, tree: &Tree<'_>, level: Level) -> Result<Vec<String>> {
        let mut all: Vec<String> = self.paths.iter().flat_map(|path| trail(tree.files(), path)).collect();
        if let Some(program) = self.program() {
            all.extend(closure_paths(program, tree, level)?);
        }
        Ok(all)
    }
}

enum OpenedProgram {
    /// A script for this interpreter.
    Script(String),
    End(StartEnd),
}

fn open(path: &str, tree: &Tree<'_>) -> OpenedProgram {
    let unfit = |why: String| OpenedProgram::End(StartEnd::Unfit(why));
    let Resolved::Found(place) = tree.files().resolve(path) else {
        return unfit(format!("is not in {}", tree.name()));
    };
    let Some((node, FileKind::File(content))) = tree.files().get(&place).map(|node| (node, &node.kind))
    else {
        return unfit("is not a file".to_owned());
    };
    if node.mode & 0o111 == 0 {
        return unfit(format!("may not be executed (mode 0{:o})", node.mode));
    }
    let head = match content.head(HEAD) {
        Ok(head) => head,
        Err(error) => return unfit(format!("cannot be read: {error}")),
    };
    match Format::of(&head) {
        Format::Script => match interpreter(&head) {
            Some(next) => OpenedProgram::Script(next),
            None => unfit("names no interpreter after `#!`".to_owned()),
        },
        Format::Elf | Format::ElfStub => {
            let name = path.rsplit('/').next().unwrap_or(path);
            let end = elf(name, &place, content);
            // The text begins with "it", the name that both readers were given.
            end.map_or_else(|e| unfit(e.what.trim_start_matches("it ").to_owned()), OpenedProgram::End)
        }
        other => unfit(format!("is {other}")),
    }
}

fn elf(name: &str, place: &str, content: &Content) -> Result<StartEnd> {
    let object = Object::read("it", content)?;
    let loads = object.interpreter.is_some() || !object.needed.is_empty();
    match Facts::of("it", content) {
        Ok(facts) => {
            let (name, at) = (name.to_owned(), format!("/{place}"));
            Ok(StartEnd::Program(Box::new(Program { name, at, facts, object: object.into() })))
        }
        Err(_) if !loads && object.soname.is_some() => Ok(StartEnd::Loader),
        Err(error) => Err(error),
    }
}

/// Returns the interpreter in the first line of a script. Only blanks and tabs separate words. With a DOS
/// line end, the carriage return is part of the interpreter's name, as in the kernel.
fn interpreter(head: &[u8]) -> Option<String> {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let name = line.split(blank).find(|word| !word.is_empty())?;
    // If the line is longer than the kernel reads, the name may be truncated.
    let whole = head.len() < HEAD || head.contains(&b'\n') || !head.ends_with(name);
    (whole && !name.contains(&0)).then(|| String::from_utf8_lossy(name).into_owned())
}

/// Returns a path with its control characters escaped as in code: `/bin/sh\r`.
fn shown(path: &str) -> String {
    if path.contains(char::is_control) { format!("{path:?}") } else { path.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_lines() {
        let long = format!("#!/{}", "x".repeat(300));
        for (head, expected) in [
            ("#!/bin/sh\necho", Some("/bin/sh")),
            ("#! \t/usr/bin/env python3 -u", Some("/usr/bin/env")),
            ("#!/bin/sh", Some("/bin/sh")),
            ("#!/bin/sh\r\n", Some("/bin/sh\r")),
            ("#!bin/tool\n", Some("bin/tool")),
            ("#!\n/bin/sh", None),
            ("#! ", None),
            (&long[..HEAD], None),
        ] {
            assert_eq!(interpreter(head.as_bytes()).as_deref(), expected, "{head:?}");
        }
        let arguments = format!("#!/bin/sh {}", "x".repeat(300));
        assert_eq!(interpreter(&arguments.as_bytes()[..HEAD]).as_deref(), Some("/bin/sh"));
    }
}
