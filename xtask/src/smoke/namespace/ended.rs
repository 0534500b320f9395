//! Whose end it is: that of the program, or that of a tool that was to start it. A tool's exit code may be the very one
//! that is expected of the program.

use std::path::Path;

use super::{Isolation, commands};
use xtask_process::exec::{Output, ProcessEnd};

/// How a run in namespaces ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ended {
    /// The program ran, and this is its end.
    Program,
    /// All was ready, and the program could not be started: the tool's words.
    NotStarted(String),
    /// A tool could not do its part: its words.
    Tool(String),
}

/// What a run by this way ended with.
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

/// By what bubblewrap reported: one JSON document a line, the last with the program's `exit-code`.
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

/// When the mounts are made, tools become each other and at last the program. One that cannot says so, alone, with its
/// name before it, and ends with 126 or 127 where it is the next that cannot be started (util-linux, `exec_shell`).
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
        // What a program says of itself, and one that is such a tool and did something.
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
