//! Whether a smoke run gave what was expected of it.

use crate::config::ImageSmoke;
use crate::exec::{End, Output};
use crate::verify::how_it_ended;

/// Nothing where it did; else what stands against it. `line` is the command, for the message.
pub fn judge(output: &Output, expect: &ImageSmoke, line: &str) -> Option<String> {
    if output.end != End::Code(i32::from(expect.exit)) {
        let expected = if expect.exit == 0 { String::new() } else { format!(", not with {}", expect.exit) };
        let said = how_it_ended(output);
        let (end, words) = said.split_once('\n').unwrap_or((&said, ""));
        return Some(format!("{line} {end}{expected}\n{words}").trim_end().to_owned());
    }
    let wanted =
        expect.stdout.as_ref().filter(|text| !String::from_utf8_lossy(&output.stdout).contains(*text))?;
    let said = output.text();
    let said = match said.lines().count() {
        0 => "it printed nothing".to_owned(),
        _ => format!("it printed\n    {}", said.lines().take(12).collect::<Vec<_>>().join("\n    ")),
    };
    Some(format!("{line} did not print {wanted:?}\n  {said}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(end: End, stdout: &str) -> Output {
        Output { end, stdout: stdout.into(), stderr: Vec::new(), seconds: 0.0 }
    }

    #[test]
    fn code_and_text() {
        let expect =
            |exit, stdout: Option<&str>| ImageSmoke { args: None, exit, stdout: stdout.map(str::to_owned) };
        let said = |end, stdout, expected: &ImageSmoke| judge(&output(end, stdout), expected, "run x");
        assert_eq!(said(End::Code(0), "", &expect(0, None)), None);
        assert_eq!(said(End::Code(3), "all ok\n", &expect(3, Some("l o"))), None);
        assert_eq!(
            said(End::Code(1), "no\n", &expect(0, None)).as_deref(),
            Some("run x ended with exit code 1\n  no")
        );
        assert_eq!(
            said(End::Code(0), "", &expect(2, None)).as_deref(),
            Some("run x ended with exit code 0, not with 2")
        );
        assert!(said(End::Signal(11), "", &expect(0, None)).unwrap().contains("signal 11"));
        let text = said(End::Code(0), "a\nb\n", &expect(0, Some("c"))).unwrap();
        assert_eq!(text, "run x did not print \"c\"\n  it printed\n    a\n    b");
        let text = said(End::Code(0), "", &expect(0, Some("c"))).unwrap();
        assert!(text.ends_with("it printed nothing"), "{text}");
    }
}
