//! The calls in which this program stands in front of sccache, and between sccache and a compiler.
//!
//! Cargo and build scripts call the first script with a compiler and its arguments. It replaces each path of this
//! machine that the compiler only replaces by another one, and that sccache would make a part of its key, by a
//! mark with a number. sccache then starts the second script as the compiler, which puts the paths back.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use xtask_process::exec::{Cmd, ProcessEnd};

/// The first argument of these calls.
pub(super) const CACHED: &str = "__cached";
/// The way of a call in front of sccache: `__cached front <sccache> <compiler> <arguments…>`.
pub(super) const FRONT: &str = "front";
/// As [`FRONT`], in a pure build.
pub(super) const PURE: &str = "pure";
/// The way of a call in place of a compiler: `__cached compiler <arguments…>`.
const COMPILER: &str = "compiler";

/// The variable with the scripts that sccache starts, by the paths of their compilers, as JSON.
pub(super) const COMPILERS: &str = "XTASK_CACHE_COMPILERS";
/// The variable with the path of this program. A script that contained it would differ from machine to machine,
/// and sccache knows a compiler by the contents of its file.
pub(super) const THIS: &str = "XTASK_CACHE_THIS";
/// The variable with a file that is there once the server waits in vain for what it stores into.
pub(super) const STALLED: &str = "XTASK_CACHE_STALLED";
/// The variable with the [`HiddenPaths`] of a call, as JSON.
const HIDDEN: &str = "XTASK_CACHE_HIDDEN";

/// The beginning of a mark, before its number.
const MARK: &str = "@xtask-path-";

/// Options that replace a folder by another one in what is compiled: `<option><folder>=<other>`.
const MAPS: [&str; 2] = ["--remap-path-prefix=", "-ffile-prefix-map="];

/// The option of rustc that names a linker. sccache stores only what was not linked.
const LINKER: &str = "linker=";

/// The time limit of a preprocessor.
const PREPROCESSOR: Duration = Duration::from_secs(3600);

/// What sccache does not see of a call.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct HiddenPaths {
    /// The compiler.
    compiler: String,
    /// The paths, each at the number of its mark.
    paths: Vec<String>,
    /// Variables by which Cargo is configured. Cargo gave rustc what follows from them as arguments.
    variables: BTreeMap<String, String>,
}

/// Returns the script that sccache starts as a compiler. `about` is a comment that identifies the compiler.
pub(super) fn compiler_script(about: &str) -> String {
    format!("#!/bin/sh\n{about}exec \"${THIS}\" {CACHED} {COMPILER} \"$@\"\n")
}

/// Runs one of these calls if the arguments ask for it, and returns the exit code.
pub fn take_over(args: &[String]) -> Option<u8> {
    if args.first()? != CACHED {
        return None;
    }
    // The arguments as they are: a path need not be UTF-8.
    let words: Vec<OsString> = std::env::args_os().skip(2).collect();
    Some(match &words[..] {
        [way, sccache, call @ ..] if way == FRONT => in_front(sccache, call),
        [way, sccache, call @ ..] if way == PURE => in_pure_build(sccache, call),
        [way, args @ ..] if way == COMPILER => as_compiler(args),
        _ => {
            eprintln!("{CACHED} is called by scripts only");
            2
        }
    })
}

/// Starts the compiler without sccache, so that a trap meets the call.
fn in_pure_build(sccache: &OsStr, call: &[OsString]) -> u8 {
    match call.split_first() {
        Some((compiler, args)) if !is_option(compiler) => Cmd::new(compiler).args(args).replace(),
        _ => in_front(sccache, call),
    }
}

fn is_option(word: &OsStr) -> bool {
    word.as_encoded_bytes().starts_with(b"-")
}

fn in_front(sccache: &OsStr, call: &[OsString]) -> u8 {
    let plain = Cmd::new(sccache).args(call);
    let Some((compiler, args)) = call.split_first() else { return plain.replace() };
    let stalled = std::env::var_os(STALLED).is_some_and(|file| Path::new(&file).exists());
    if stalled && !is_option(compiler) {
        return Cmd::new(compiler).args(args).replace();
    }
    let scripts = std::env::var(COMPILERS).unwrap_or_default();
    let scripts: BTreeMap<String, String> = serde_json::from_str(&scripts).unwrap_or_default();
    let known = compiler.to_str().and_then(|compiler| Some((compiler, scripts.get(compiler)?)));
    let Some((compiler, script)) = known else { return plain.replace() };
    let variables = std::env::vars_os().filter_map(|(key, value)| {
        Some((key.into_string().ok()?, value.into_string().ok()?)).filter(|(key, _)| configures_cargo(key))
    });
    let mut hidden = HiddenPaths { compiler: compiler.to_owned(), ..HiddenPaths::default() };
    let Some(args) = hidden.hide(args) else { return plain.replace() };
    hidden.variables = variables.collect();
    let Ok(text) = serde_json::to_string(&hidden) else { return plain.replace() };
    let cmd = hidden.variables.keys().fold(Cmd::new(sccache), |cmd, key| cmd.env_remove(key));
    cmd.env(HIDDEN, text).arg(script).args(args).replace()
}

/// Whether a variable configures Cargo for a target. sccache would make all variables `CARGO_…` a part of its key.
fn configures_cargo(key: &str) -> bool {
    key != "CARGO_TARGET_TMPDIR" && (key.starts_with("CARGO_TARGET_") || key.starts_with("CARGO_TERM_"))
}

/// Runs the compiler of the call. What a preprocessor prints names files by their neutral paths: it is a part of
/// the key.
fn as_compiler(args: &[OsString]) -> u8 {
    let hidden: Option<HiddenPaths> =
        std::env::var(HIDDEN).ok().and_then(|text| serde_json::from_str(&text).ok());
    let Some(hidden) = hidden else {
        eprintln!("xtask: {HIDDEN} is not set: this is no call of sccache");
        return 2;
    };
    let args: Vec<OsString> = args.iter().map(|arg| hidden.shown(arg)).collect();
    let cmd =
        hidden.variables.iter().fold(Cmd::new(&hidden.compiler), |cmd, (key, value)| cmd.env(key, value));
    let cmd = cmd.env_remove(HIDDEN).args(&args);
    let maps = maps(&args);
    if !args.iter().any(|arg| arg == "-E") || maps.is_empty() {
        return cmd.replace();
    }
    let output = match cmd.capture_whole(PREPROCESSOR) {
        Ok(output) => output,
        Err(error) => {
            eprintln!("{error}");
            return 1;
        }
    };
    let mut out = std::io::stdout();
    let printed = out.write_all(&neutral(&output.stdout, &maps)).and_then(|()| out.flush());
    let printed = printed.and_then(|()| std::io::stderr().write_all(&output.stderr));
    match (output.end, printed) {
        (ProcessEnd::Code(code), Ok(())) => u8::try_from(code).unwrap_or(1),
        _ => 1,
    }
}

impl HiddenPaths {
    /// Replaces paths in these arguments by marks and keeps them. None if an argument already has a mark.
    fn hide(&mut self, args: &[OsString]) -> Option<Vec<OsString>> {
        let mut hidden = Vec::with_capacity(args.len());
        let mut before: &OsStr = "".as_ref();
        for arg in args {
            let Some(text) = arg.to_str() else {
                hidden.push(arg.clone());
                continue;
            };
            if text.contains(MARK) {
                return None;
            }
            let linker =
                text.strip_prefix("-C").filter(|_| text.len() > 2).or((before == "-C").then_some(text));
            let linker = linker.and_then(|setting| setting.strip_prefix(LINKER));
            hidden.push(match (map(text), linker) {
                (Some((option, from, to)), _) => format!("{option}{}={to}", self.mark(from)).into(),
                (None, Some(path)) => {
                    format!("{}{}", &text[..text.len() - path.len()], self.mark(path)).into()
                }
                (None, None) => arg.clone(),
            });
            before = arg;
        }
        Some(hidden)
    }

    /// Returns the mark of a path.
    fn mark(&mut self, path: &str) -> String {
        let known = self.paths.iter().position(|known| known == path);
        let at = known.unwrap_or_else(|| {
            self.paths.push(path.to_owned());
            self.paths.len() - 1
        });
        // With an end, so that no mark begins another one.
        format!("{MARK}{at}@")
    }

    /// Puts the path back for the mark in an argument.
    fn shown(&self, arg: &OsStr) -> OsString {
        let text = arg.to_str().filter(|text| text.contains(MARK));
        let Some(text) = text else { return arg.to_owned() };
        let text = self.paths.iter().enumerate().fold(text.to_owned(), |text, (at, path)| {
            match text.split_once(&format!("{MARK}{at}@")) {
                Some((head, tail)) => format!("{head}{path}{tail}"),
                None => text,
            }
        });
        text.into()
    }
}

/// Returns the option, the folder and the path that replaces it. None where compilers split the argument at
/// different places.
fn map(arg: &str) -> Option<(&'static str, &str, &str)> {
    let (option, value) = MAPS.iter().find_map(|option| Some((*option, arg.strip_prefix(option)?)))?;
    let (from, to) = value.split_once('=').filter(|(from, to)| !from.is_empty() && !to.contains('='))?;
    Some((option, from, to))
}

/// Returns the folders that these arguments replace, each with the path that replaces it. The last one wins.
fn maps(args: &[OsString]) -> Vec<(&str, &str)> {
    let maps = args.iter().rev().filter_map(|arg| map(arg.to_str()?));
    maps.map(|(_, from, to)| (from, to)).collect()
}

/// Replaces folders in the lines by which a preprocessor names files (`# 1 "<path>"`). All other lines are code:
/// a path there is in the program, whatever the options say, and remains a part of the key.
fn neutral(text: &[u8], maps: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        match std::str::from_utf8(line).ok().and_then(|line| neutral_line(line, maps)) {
            Some(line) => out.extend_from_slice(line.as_bytes()),
            None => out.extend_from_slice(line),
        }
    }
    out
}

fn neutral_line(line: &str, maps: &[(&str, &str)]) -> Option<String> {
    let (head, path) = line.split_once('"').filter(|(head, _)| {
        head.strip_prefix("# ").is_some_and(|number| number.trim_end().bytes().all(|b| b.is_ascii_digit()))
    })?;
    let replaced = |(from, to): &(&str, &str)| {
        let rest = path.strip_prefix(from)?;
        rest.starts_with(['/', '"']).then(|| format!("{head}\"{to}{rest}"))
    };
    maps.iter().find_map(replaced)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn paths_are_hidden_and_put_back() {
        let of_rustc = |root: &str| {
            words(&format!(
                "--crate-name a -C linker={root}/link/cc -Clinker={root}/cc -C opt-level=3 --out-dir {root}/t \
                 --remap-path-prefix=/h/.cargo=/cargo --remap-path-prefix={root}=/src --remap-path-prefix={root}/t=/target \
                 --remap-path-prefix={root}=a=b --cfg=linker={root}"
            ))
        };
        let of_c = |root: &str| words(&format!("-O2 -ffile-prefix-map={root}=/src -I{root}/i -c {root}/x.c"));
        for of in [&of_rustc as &dyn Fn(&str) -> Vec<OsString>, &of_c] {
            let mut hidden = HiddenPaths::default();
            let given = of("/one");
            let shown = hidden.hide(&given).unwrap();
            let back: Vec<OsString> = shown.iter().map(|arg| hidden.shown(arg)).collect();
            assert_eq!(back, given);
            // The other folder differs only in what sccache leaves out of its key, and in what is not hidden.
            let other = HiddenPaths::default().hide(&of("/another/one")).unwrap();
            let differs = shown.iter().zip(&other).filter(|(a, b)| a != b).map(|(a, _)| a.to_str().unwrap());
            for arg in differs {
                assert!(
                    ["/one/t", "--remap-path-prefix=/one=a=b", "--cfg=linker=/one", "-I/one/i", "/one/x.c"]
                        .contains(&arg),
                    "{arg}"
                );
            }
        }
        // What a folder is replaced by stays in the key, and so does the order.
        let of = |line: &str| HiddenPaths::default().hide(&words(line)).unwrap();
        assert_ne!(of("-ffile-prefix-map=/a=/src"), of("-ffile-prefix-map=/a=/target"));
        assert_ne!(
            of("-ffile-prefix-map=/a=/x -ffile-prefix-map=/b=/y -ffile-prefix-map=/a=/z"),
            of("-ffile-prefix-map=/a=/x -ffile-prefix-map=/b=/y -ffile-prefix-map=/b=/z")
        );
        assert_eq!(HiddenPaths::default().hide(&words("-DX=@xtask-path-0@")), None);
    }

    #[test]
    fn only_what_names_a_file_becomes_neutral() {
        let args = words("-E -ffile-prefix-map=/w=/src -ffile-prefix-map=/w/target=/target");
        let text = b"# 1 \"/w/c/a.c\"\n# 1 \"/w//\"\n# 3 \"/w/target/o.h\" 1 3\n# 2 \"/world/x.h\"\n\
            char *p = \"/w/c\";\n#pragma x \"/w/y\"\n# 7 \"<built-in>\"\n\xff\"/w\"";
        let expected = b"# 1 \"/src/c/a.c\"\n# 1 \"/src//\"\n# 3 \"/target/o.h\" 1 3\n# 2 \"/world/x.h\"\n\
            char *p = \"/w/c\";\n#pragma x \"/w/y\"\n# 7 \"<built-in>\"\n\xff\"/w\"";
        assert_eq!(String::from_utf8_lossy(&neutral(text, &maps(&args))), String::from_utf8_lossy(expected));
    }

    #[test]
    fn variables_of_cargo_are_known() {
        assert!(configures_cargo("CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER"));
        assert!(!configures_cargo("CARGO_TARGET_TMPDIR") && !configures_cargo("CARGO_MANIFEST_DIR"));
    }
}
