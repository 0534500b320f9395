//! Decides whether the program ended, or a tool that had to start it. A tool may exit with the same code that
//! is expected of the program.

use std::path::Path;

use super::{Isolation, commands};
use xtask_process::exec::{Output, ProcessEnd};

/// How a run in namespaces ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ended {
    /// The program ran and ended.
    Program,
    /// All mounts were made, but the program could not be started; the tool's message.
    NotStarted(String),
    /// A tool failed; its message.
    Tool(String),
}

/// Decides how a run in this way ended.
pub(super) fn of(way: Isolation, output: &Output, root: &Path) -> Ended {
    if output.end.is_ours() {
        return Ended::Program;
    }
    match way {
        Isolation::Bubblewrap => {
            let report = std::fs::read_to_string(commands::report(root)).unwrap_or_default();
            bubblewrap(&report, output)
        }
        Isolation::Root | Isolation::User if !commands::ready(root).exists() => {
            let said = output.errors().lines().next().unwrap_or_default().to_owned();
            Ended::Tool(format!("{} cannot make the image's folders: {} ({said})", way.name(), output.end))
        }
        Isolation::Root | Isolation::User => unshare(output),
    }
}

/// Reads the report of bubblewrap: one JSON document per line, the last with the program's `exit-code`.
fn bubblewrap(report: &str, output: &Output) -> Ended {
    let started = |line: &str| {
        let document: Option<serde_json::Value> = serde_json::from_str(line).ok();
        document.is_some_and(|document| document.get("exit-code").is_some())
    };
    let said = output.errors();
    match said.lines().last() {
        _ if report.lines().any(started) => Ended::Program,
        Some(line) if line.starts_with("bwrap: execvp ") => Ended::NotStarted(line.to_owned()),
        _ => Ended::Tool(format!("bwrap does not start it: {} ({said})", output.end)),
    }
}

/// Reads the output of `unshare`. After the mounts are made, each tool executes the next one, and the last
/// one executes the program. A tool that fails prints one line with its name in front. It exits with 126 or
/// 127 if it cannot start the next one (util-linux, `exec_shell`).
fn unshare(output: &Output) -> Ended {
    let said = output.errors();
    let speaks = |tool: &str| {
        let (speaker, _) = said.split_once(": ").unwrap_or_default();
        Path::new(speaker).file_name().is_some_and(|name| name == tool)
    };
    let alone = output.stdout.is_empty() && said.lines().count() == 1;
    match output.end {
        ProcessEnd::Code(126 | 127) if alone && speaks("unshare") => Ended::NotStarted(said),
        ProcessEnd::Code(1 | 125..=127) if alone && ["unshare", "setpriv", "env"].into_iter().any(speaks) => {
            Ended::Tool(said)
        }
        _ => Ended::Program,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(code: i32, stdout: &str, stderr: &str) -> Output {
        Output {
            end: ProcessEnd::Code(code),
            stdout: stdout.into(),
            stderr: stderr.into(),
            found: false,
            seconds: 0.0,
        }
    }

    #[test]
    fn tools_are_told_from_the_program() {
        let said = "unshare: failed to execute app: No such file or directory\n";
        assert!(matches!(unshare(&output(127, "", said)), Ended::NotStarted(_)));
        assert!(matches!(unshare(&output(1, "", "unshare: cannot chdir to '/x': x\n")), Ended::Tool(_)));
        assert!(matches!(unshare(&output(127, "", "/usr/bin/env: 'x': No such file\n")), Ended::Tool(_)));
        // A program's own message, and a program that is such a tool itself and printed something.
        for (code, stdout, stderr) in [(127, "", ""), (1, "", "app: no\n"), (127, "x", said), (2, "", said)] {
            assert_eq!(unshare(&output(code, stdout, stderr)), Ended::Program, "{code} {stdout} {stderr}");
        }
        let report = "{ \"child-pid\": 7 }\n{ \"exit-code\": 1 }\n";
        let mount = "bwrap: Can't mkdir /proc/x: No such file or directory";
        assert_eq!(bubblewrap(report, &output(1, "", mount)), Ended::Program);
        let begun = "{ \"child-pid\": 7 }\n";
        assert!(
            matches!(bubblewrap(begun, &output(1, "", mount)), Ended::Tool(said) if said.contains("/proc/x"))
        );
        assert!(matches!(bubblewrap(begun, &output(1, "", "bwrap: execvp app: x")), Ended::NotStarted(_)));
        assert!(matches!(bubblewrap("{ \"exit", &output(1, "", "")), Ended::Tool(_)));
    }
}
