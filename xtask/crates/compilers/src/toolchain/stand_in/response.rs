//! Response files: `@file` on a command line.

use std::path::PathBuf;
use std::time::Duration;

use xtask_files::error::{Error, Result};
use xtask_process::exec::{Cmd, Output};

/// The length in bytes from which arguments go into a file. Linux accepts 2 MB in total and 128 kB in one
/// argument. rustc itself writes a file only when it must.
const LONGEST: usize = 100_000;

/// The maximum nesting of response files.
const DEEPEST: usize = 10;

/// Replaces `@file` by the file's arguments, in the format that rustc writes for gcc: one per line, with `\`
/// before a space or a `\`.
pub(super) fn expand(args: &[String]) -> std::io::Result<Vec<String>> {
    let mut all = Vec::new();
    for arg in args {
        match arg.strip_prefix('@') {
            Some(file) => all.extend(std::fs::read_to_string(file)?.lines().map(unescape)),
            None => all.push(arg.clone()),
        }
    }
    Ok(all)
}

/// Replaces `@file` as compilers do: words between white space, with quotes and `\`. If the file does not
/// exist, the word stays.
pub(super) fn expand_compilers(args: &[String]) -> std::io::Result<Vec<String>> {
    fn expand(args: Vec<String>, depth: usize, all: &mut Vec<String>) -> std::io::Result<()> {
        for arg in args {
            match arg.strip_prefix('@').map(PathBuf::from).filter(|file| depth < DEEPEST && file.is_file()) {
                Some(file) => expand(words(&std::fs::read_to_string(file)?), depth + 1, all)?,
                None => all.push(arg),
            }
        }
        Ok(())
    }
    let mut all = Vec::new();
    expand(args.to_vec(), 0, &mut all)?;
    Ok(all)
}

fn unescape(line: &str) -> String {
    let mut out = String::new();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        out.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    out
}

fn words(text: &str) -> Vec<String> {
    let (mut all, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', _) => word.get_or_insert_default().extend(chars.next()),
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, Some(open)) if c == open => quote = None,
            (c, None) if c.is_whitespace() => all.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    all.extend(word);
    all
}

/// A command whose arguments are in a file if they are too long for a command line.
#[derive(Debug)]
pub(in crate::toolchain) struct LongLine {
    cmd: Cmd,
    file: Option<PathBuf>,
}

impl LongLine {
    /// Adds arguments to a command.
    ///
    /// # Errors
    /// The file for the arguments cannot be written.
    pub(in crate::toolchain) fn new(cmd: Cmd, args: Vec<String>) -> Result<Self> {
        let length: usize = args.iter().map(|a| a.len() + 1).sum();
        if length < LONGEST {
            return Ok(Self { cmd: cmd.args(args), file: None });
        }
        let file = std::env::temp_dir().join(format!("xtask-link-{}.rsp", std::process::id()));
        let text: String =
            args.iter().map(|a| format!("\"{}\"\n", a.replace('\\', "\\\\").replace('"', "\\\""))).collect();
        std::fs::write(&file, text).map_err(|e| Error::io("cannot write", &file, &e))?;
        Ok(Self { cmd: cmd.arg(format!("@{}", file.display())), file: Some(file) })
    }

    /// Replaces this process by the command. If a file must be removed afterwards, it waits for the command
    /// instead.
    pub(in crate::toolchain) fn replace(self) -> u8 {
        if self.file.is_some() { self.pass_through() } else { self.cmd.replace() }
    }

    /// Waits for the command and returns its exit code.
    pub(in crate::toolchain) fn pass_through(self) -> u8 {
        self.cmd.pass_through()
    }

    /// Waits for the command and returns its output, of standard output all of it.
    ///
    /// # Errors
    /// The command cannot be started.
    pub(in crate::toolchain) fn capture(self, limit: Duration) -> Result<Output> {
        self.cmd.capture_whole(limit)
    }
}

impl Drop for LongLine {
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            let _ = std::fs::remove_file(file);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_compilers_file() {
        let text = "-O2  'a b' \"c \\\" d\"\n-DX=\"y z\" e\\ f ''\n";
        assert_eq!(words(text), ["-O2", "a b", "c \" d", "-DX=y z", "e f", ""]);
    }
}
