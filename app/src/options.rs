//! Options and operands of a command that has more than a few of them.

use std::collections::BTreeMap;
use std::ffi::OsString;

/// What stands on a command line behind the command's name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    values: BTreeMap<&'static str, OsString>,
    flags: Vec<&'static str>,
    /// What is no option, in order.
    pub(crate) operands: Vec<OsString>,
}

/// An option: its name with the dashes, and whether a value follows (`--name VALUE` or `--name=VALUE`).
pub(crate) type KnownOption = (&'static str, bool);

impl Options {
    /// Sorts the arguments. Behind `--` everything is an operand; so is a lone `-`.
    ///
    /// # Errors
    /// What is wrong, as a sentence without an end.
    pub(crate) fn read(
        args: impl IntoIterator<Item = OsString>,
        known: &[KnownOption],
    ) -> Result<Self, String> {
        let mut options = Self::default();
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            // What is not Unicode can only be an operand: all names are ASCII.
            let text = arg.to_str().unwrap_or_default().to_owned();
            if text == "--" {
                options.operands.extend(args);
                break;
            }
            if !text.starts_with('-') || text == "-" {
                options.operands.push(arg);
                continue;
            }
            let (name, value) = match text.split_once('=') {
                Some((name, value)) => (name, Some(OsString::from(value))),
                None => (text.as_str(), None),
            };
            let Some(&(name, takes_value)) = known.iter().find(|(known, _)| *known == name) else {
                return Err(format!("there is no option {text:?}"));
            };
            match (takes_value, value) {
                (false, None) => options.flags.push(name),
                (false, Some(_)) => return Err(format!("{name} takes no value")),
                (true, value) => {
                    let value = value.or_else(|| args.next()).ok_or(format!("{name} needs a value"))?;
                    if options.values.insert(name, value).is_some() {
                        return Err(format!("{name} is there twice"));
                    }
                }
            }
        }
        Ok(options)
    }

    /// Whether this flag is there.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.flags.contains(&name)
    }

    /// The value of this option.
    pub(crate) fn value(&self, name: &str) -> Option<&OsString> {
        self.values.get(name)
    }

    /// The value of this option as something that can be read from text.
    ///
    /// # Errors
    /// If it is none of those.
    pub(crate) fn parsed<T: std::str::FromStr>(&self, name: &str, what: &str) -> Result<Option<T>, String> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let parsed = value.to_str().and_then(|text| text.parse().ok());
        parsed.map(Some).ok_or_else(|| format!("{name} needs {what}, not {value:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Options, String> {
        Options::read(line.split_whitespace().map(OsString::from), &[("--json", false), ("--limit", true)])
    }

    #[test]
    fn options_and_operands() {
        let options = read("a --limit=7 - --json -- --limit b").unwrap();
        assert_eq!(options.operands, ["a", "-", "--limit", "b"]);
        assert!(options.flag("--json") && !options.flag("--limit"));
        assert_eq!(options.parsed("--limit", "a number"), Ok(Some(7)));
        assert_eq!(read("--limit -1").unwrap().parsed::<u8>("--limit", "a number").unwrap_err(), {
            "--limit needs a number, not \"-1\""
        });
        assert_eq!(read("").unwrap().parsed::<u8>("--limit", "a number"), Ok(None));
    }

    #[test]
    fn what_is_wrong() {
        for (line, message) in [
            ("--jsn", "there is no option \"--jsn\""),
            ("--json=1", "--json takes no value"),
            ("--limit", "--limit needs a value"),
            ("--limit 1 --limit 2", "--limit is there twice"),
        ] {
            assert_eq!(read(line).unwrap_err(), message);
        }
    }
}
