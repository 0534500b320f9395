//! Checks whether a smoke run gave the expected result.

use crate::outcome::{how_it_ended, last_words, shortened};
use xtask_config::ImageSmoke;
use xtask_files::escape::plain;
use xtask_process::exec::signal::signal_of_code;
use xtask_process::exec::{Output, ProcessEnd};

/// Returns nothing if the result is as expected ([`Output::found`] tells whether the expected text was
/// printed). Otherwise it returns the difference. The first line can stand alone, as it does in reports.
/// `line` is the command, for the message.
pub fn judge(output: &Output, expect: &ImageSmoke, line: &str) -> Option<String> {
    let what = if output.end != ProcessEnd::Code(i32::from(expect.exit)) {
        let expected = if expect.exit == 0 { String::new() } else { format!(", not with {}", expect.exit) };
        let said = how_it_ended(output);
        let (end, words) = said.split_once('\n').unwrap_or((&said, ""));
        // Engines report the signal that ended a program as an exit code.
        let signal = match output.end {
            ProcessEnd::Code(code) => signal_of_code(code),
            _ => None,
        };
        let signal = signal.map(|name| format!(": it was killed by {name}")).unwrap_or_default();
        format!("it {end}{expected}{signal}\n{}", words.trim_end())
    } else {
        let said = String::from_utf8_lossy(&output.stdout);
        let wanted = expect.stdout.as_ref().filter(|text| !(output.found || said.contains(*text)))?;
        let said: Vec<String> = plain(&said).lines().take(12).map(shortened).collect();
        let first = match said.is_empty() {
            true => format!("it printed nothing on stdout, expected {wanted:?}"),
            false => format!("it did not print {wanted:?}\nit printed:\n  {}", said.join("\n  ")),
        };
        match last_words(&output.errors()) {
            errors if errors.is_empty() => first,
            errors => format!("{first}\nthe end of its stderr:\n  {}", errors.join("\n  ")),
        }
    };
    Some(format!("{}\nthe command was: {line}", what.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(end: ProcessEnd, stdout: &str) -> Output {
        Output { end, stdout: stdout.into(), stderr: Vec::new(), found: false, seconds: 0.0 }
    }

    #[test]
    fn code_and_text() {
        let expect =
            |exit, stdout: Option<&str>| ImageSmoke { args: None, exit, stdout: stdout.map(str::to_owned) };
        let said = |end, stdout, expected: &ImageSmoke| judge(&output(end, stdout), expected, "run x");
        assert_eq!(said(ProcessEnd::Code(0), "", &expect(0, None)), None);
        assert_eq!(said(ProcessEnd::Code(3), "all ok\n", &expect(3, Some("l o"))), None);
        let end = "\nthe command was: run x";
        let text = said(ProcessEnd::Code(1), "no\n", &expect(0, None)).unwrap();
        assert_eq!(text, format!("it ended with exit code 1\n  no{end}"));
        let text = said(ProcessEnd::Code(0), "", &expect(2, None)).unwrap();
        assert_eq!(text, format!("it ended with exit code 0, not with 2{end}"));
        let text = said(ProcessEnd::Signal(11), "", &expect(0, None)).unwrap();
        assert!(text.starts_with("it was killed by SIGSEGV (signal 11)\n"), "{text}");
        let text = said(ProcessEnd::Code(139), "", &expect(0, None)).unwrap();
        assert!(text.starts_with("it ended with exit code 139: it was killed by SIGSEGV\n"), "{text}");
        let text = said(ProcessEnd::Code(0), "a\nb\n", &expect(0, Some("c"))).unwrap();
        assert_eq!(text, format!("it did not print \"c\"\nit printed:\n  a\n  b{end}"));
        let text = said(ProcessEnd::Code(0), "", &expect(0, Some("c"))).unwrap();
        assert_eq!(text, format!("it printed nothing on stdout, expected \"c\"{end}"));
        let mut output = output(ProcessEnd::Code(0), "");
        output.stderr = (0..20).map(|n| format!("e{n}\n")).collect::<String>().into();
        let text = judge(&output, &expect(0, Some("c")), "run x").unwrap();
        let first = "it printed nothing on stdout, expected \"c\"\nthe end of its stderr:\n  e8\n  e9\n";
        assert!(text.starts_with(first) && text.ends_with(&format!("  e19{end}")), "{text}");
    }
}
