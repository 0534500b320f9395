//! The variables that `cargo xtask env` set in a shell. A command in that shell must find what it would find
//! outside of it. Otherwise it would take a chosen compiler for one that the user named, and add flags twice.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use serde::{Deserialize, Serialize};

/// The variable with the record of what `cargo xtask env` set.
pub(super) const RECORD: &str = "XTASK_ENV";

/// A variable that `cargo xtask env` set or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct ShellVariable {
    /// A digest of the value that it was given; none if it was removed.
    is: Option<String>,
    /// The value that it had before; none if it was not set.
    was: Option<String>,
}

/// The variables that `cargo xtask env` set or removed in the shell that started this program.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct ShellRecord(BTreeMap<String, ShellVariable>);

impl ShellRecord {
    /// Reads the record, and removes it from `vars`. Gives each variable that still has its recorded value the
    /// value that it had before. Returns also these variables with their values. A record that cannot be read
    /// counts as none.
    pub(super) fn undo(
        vars: &mut BTreeMap<OsString, OsString>,
    ) -> (Self, BTreeMap<OsString, Option<OsString>>) {
        let text = vars.remove(OsStr::new(RECORD));
        let record = text.and_then(|text| serde_json::from_str::<Self>(text.to_str()?).ok());
        let mut record = record.unwrap_or_default();
        record.0.retain(|name, variable| {
            let now = vars.get(OsStr::new(name));
            now.map(|now| digest(&now.to_string_lossy())) == variable.is
        });
        let undone: BTreeMap<OsString, Option<OsString>> = record
            .0
            .iter()
            .map(|(name, variable)| (name.into(), variable.was.as_ref().map(Into::into)))
            .collect();
        for (name, was) in &undone {
            match was {
                Some(was) => vars.insert(name.clone(), was.clone()),
                None => vars.remove(name),
            };
        }
        (record, undone)
    }

    /// Returns the text of the record after `new` variables are set (`Some`) or removed. `vars` are the
    /// variables without what the record contains.
    pub(super) fn with(
        &self,
        new: &BTreeMap<String, Option<String>>,
        vars: &BTreeMap<OsString, OsString>,
    ) -> String {
        let mut record = self.clone();
        for (name, value) in new {
            let was = vars.get(OsStr::new(name)).map(|was| was.to_string_lossy().into_owned());
            record.0.insert(name.clone(), ShellVariable { is: value.as_deref().map(digest), was });
        }
        serde_json::to_string(&record).unwrap_or_default()
    }
}

fn digest(value: &str) -> String {
    let mut hash = xtask_files::sha256_hex(value.as_bytes());
    hash.truncate(8);
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars(pairs: &[(&str, &str)]) -> BTreeMap<OsString, OsString> {
        pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    #[test]
    fn what_was_set_is_undone_unless_it_changed_since() {
        let before = vars(&[("CFLAGS_x", "-O3"), ("GONE", "g"), ("OTHER", "o")]);
        let some = |text: &str| Some(text.to_owned());
        let new = BTreeMap::from([
            ("CC_x".to_owned(), some("/w/cc")),
            ("CFLAGS_x".to_owned(), some("-O3 -DX")),
            ("GONE".to_owned(), None),
            ("AR_x".to_owned(), some("/w/ar")),
        ]);
        let text = ShellRecord::default().with(&new, &before);
        let mut shell = vars(&[
            ("CC_x", "/w/cc"),
            ("CFLAGS_x", "-O3 -DX"),
            ("OTHER", "o"),
            ("AR_x", "/mine/ar"),
            (RECORD, &text),
        ]);
        let (record, undone) = ShellRecord::undo(&mut shell);
        assert_eq!(shell, vars(&[("CFLAGS_x", "-O3"), ("GONE", "g"), ("OTHER", "o"), ("AR_x", "/mine/ar")]));
        assert_eq!(undone.len(), 3);
        assert_eq!(undone[OsStr::new("CC_x")], None);
        // A second target adds its variables, and the first one's values of before stay known.
        let again = record.with(&BTreeMap::from([("CC_y".to_owned(), some("/w/cc2"))]), &shell);
        let mut shell =
            vars(&[("CFLAGS_x", "-O3 -DX"), ("CC_x", "/w/cc"), ("CC_y", "/w/cc2"), (RECORD, &again)]);
        ShellRecord::undo(&mut shell);
        assert_eq!(shell, vars(&[("CFLAGS_x", "-O3"), ("GONE", "g")]));
    }

    #[test]
    fn a_record_that_cannot_be_read_is_none() {
        let mut shell = vars(&[("CC_x", "/w/cc"), (RECORD, "{{")]);
        assert_eq!(ShellRecord::undo(&mut shell), (ShellRecord::default(), BTreeMap::new()));
        assert_eq!(shell, vars(&[("CC_x", "/w/cc")]));
    }
}
