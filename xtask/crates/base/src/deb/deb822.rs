//! Parses Debian's paragraphs of fields (deb822(5)): control files, indexes, Release files, and the output of
//! apt.

/// Fields in their order in the text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Paragraph {
    fields: Vec<(String, String)>,
}

impl Paragraph {
    /// Parses all paragraphs of a text.
    ///
    /// # Errors
    /// A line is neither a field nor a continuation of one, or a field occurs twice. The error has the number
    /// of the line.
    pub fn all(text: &str) -> Result<Vec<Self>, String> {
        let mut all = vec![Self::default()];
        for (at, line) in text.lines().enumerate() {
            let line = line.trim_end();
            let Some(now) = all.last_mut() else { break };
            if line.is_empty() {
                if !now.fields.is_empty() {
                    all.push(Self::default());
                }
            } else if line.starts_with('#') {
                continue;
            } else if line.starts_with([' ', '\t']) {
                let Some((_, value)) = now.fields.last_mut() else {
                    return Err(format!("line {} continues a field that has not begun", at + 1));
                };
                value.push('\n');
                value.push_str(line.trim_start());
            } else {
                let field = line.split_once(':').filter(|(name, _)| is_name(name));
                let Some((name, value)) = field else {
                    return Err(format!("line {} is not a field: {:?}", at + 1, short(line)));
                };
                if now.get(name).is_some() {
                    return Err(format!("line {}: the field {name} is there twice", at + 1));
                }
                now.fields.push((name.to_owned(), value.trim().to_owned()));
            }
        }
        all.retain(|paragraph| !paragraph.fields.is_empty());
        Ok(all)
    }

    /// Parses a text with exactly one paragraph.
    ///
    /// # Errors
    /// As [`Paragraph::all`], or the text has no paragraph or several.
    pub fn one(text: &str) -> Result<Self, String> {
        let mut all = Self::all(text)?;
        match (all.pop(), all.len()) {
            (Some(paragraph), 0) => Ok(paragraph),
            (None, _) => Err("it has no field".to_owned()),
            (_, others) => Err(format!("it has {} paragraphs, not one", others + 1)),
        }
    }

    /// Returns the value of a field, whose name is compared without case. The lines of a long value have no
    /// white space at their beginning.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Returns a required field.
    ///
    /// # Errors
    /// It is missing or empty.
    pub fn need(&self, name: &str) -> Result<&str, String> {
        self.get(name).filter(|value| !value.is_empty()).ok_or_else(|| format!("there is no field {name}"))
    }
}

/// Returns whether a text is the name of a field. deb822(5): printable ASCII without the colon, and neither
/// `#` nor `-` at the beginning.
fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('-') && name.bytes().all(|b| b.is_ascii_graphic())
}

fn short(line: &str) -> String {
    line.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fields_and_paragraphs() {
        let text = "# a comment\nPackage: libc6\nDescription: GNU C Library\n Shared libraries\n .\n\n\nPackage:zlib1g\n";
        let all = Paragraph::all(text).unwrap();
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].get("description"), Some("GNU C Library\nShared libraries\n."));
        assert_eq!((all[1].get("Package"), all[1].get("Description")), (Some("zlib1g"), None));
        assert_eq!(all[1].need("Version").unwrap_err(), "there is no field Version");
        assert!(Paragraph::one(text).unwrap_err().contains("2 paragraphs"));
        assert_eq!(Paragraph::one("\n\n").unwrap_err(), "it has no field");
    }

    #[test]
    fn what_is_no_paragraph() {
        let twice = "line 2: the field a is there twice";
        for (text, words) in [
            (" first\n", "line 1 continues a field that has not begun"),
            ("A: 1\n\n more\n", "line 3 continues a field that has not begun"),
            ("A: 1\nno field\n", "line 2 is not a field: \"no field\""),
            (": x\n", "line 1 is not a field"),
            ("-A: x\n", "line 1 is not a field"),
            ("A: 1\na: 2\n", twice),
        ] {
            let error = Paragraph::all(text).unwrap_err();
            assert!(error.starts_with(words), "{text:?}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[ -~\n\t]{0,200}|\\PC{0,80}") {
            if let Ok(all) = Paragraph::all(&text) {
                prop_assert!(all.iter().all(|p| !p.fields.is_empty()));
            }
        }

        #[test]
        fn what_was_written_is_read(fields in proptest::collection::btree_map("[a-z][a-z-]{0,8}", "[!-~]{1,20}", 1..6)) {
            let text: String = fields.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
            let read = Paragraph::one(&text).unwrap();
            for (name, value) in &fields {
                prop_assert_eq!(read.get(&name.to_uppercase()), Some(value.as_str()));
            }
        }
    }
}
