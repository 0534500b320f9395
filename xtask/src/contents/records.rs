//! Reads the link records beside the build. Finds the record of a program, and makes Cargo link a program
//! again that has none.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use xtask_link_map::LinkRecord;

/// The result of a search for the record of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoundRecord {
    /// The record of the link.
    Of(Box<LinkRecord>),
    /// The program was linked, but for this reason its contents are not known.
    Unseen(String),
    /// There is no record of a link of this program.
    None,
}

/// Looks for the record of a program among the records of its target. Removes incomplete records of
/// interrupted links and records of programs that no longer exist. No build may run there meanwhile.
pub fn find(records: &Path, program: &Path) -> FoundRecord {
    let mut all: Vec<(SystemTime, LinkRecord)> = Vec::new();
    for entry in fs::read_dir(records).into_iter().flatten().flatten() {
        let path = entry.path();
        let record = fs::read(&path).ok().and_then(|bytes| LinkRecord::from_json(&bytes));
        match record.filter(|record| record.output.exists()) {
            Some(record) => {
                let made = entry.metadata().and_then(|meta| meta.modified());
                all.push((made.unwrap_or(SystemTime::UNIX_EPOCH), record));
            }
            None => drop(fs::remove_file(&path)),
        }
    }
    all.sort_by_key(|(made, _)| std::cmp::Reverse(*made));
    let mut unseen = None;
    for (_, record) in all {
        match &record.unseen {
            None if record.is_of(program) => return FoundRecord::Of(Box::new(record)),
            Some(why) if unseen.is_none() && is_named(&record.output, program) => unseen = Some(why.clone()),
            _ => {}
        }
    }
    unseen.map_or(FoundRecord::None, FoundRecord::Unseen)
}

/// Removes a program and the file from which Cargo made it, so that Cargo links it again.
pub fn forget(program: &Path) {
    let deps = program.parent().unwrap_or(Path::new("")).join("deps");
    let linked = fs::read_dir(deps).into_iter().flatten().flatten().map(|entry| entry.path());
    let linked = linked.filter(|path| is_named(path, program));
    for file in linked.chain([program.to_owned()]).collect::<Vec<PathBuf>>() {
        let _ = fs::remove_file(file);
    }
}

/// Returns whether an output of Cargo belongs to this program: `my_app-0123456789abcdef` belongs to `my-app`, and
/// `app-0123456789abcdef.exe` to `app.exe`.
fn is_named(output: &Path, program: &Path) -> bool {
    let name = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().replace('-', "_");
    let (same_kind, output, program) =
        (output.extension() == program.extension(), name(output), name(program));
    same_kind && (output == program || output.rsplit_once('_').is_some_and(|(name, _)| name == program))
}

#[cfg(test)]
mod tests {
    use super::*;
    use xtask_link_map::LinkArguments;

    #[test]
    fn outputs_of_a_program() {
        let named = |output: &str, program: &str| is_named(Path::new(output), Path::new(program));
        assert!(
            named("/d/my_app-0f", "/r/my-app")
                && named("/d/my-app-0f", "/r/my-app")
                && named("/d/app", "/r/app")
                && named("/d/app-0f.exe", "/r/app.exe")
        );
        assert!(!named("/d/my_app-0f", "/r/app") && !named("/d/app-cli-0f", "/r/app"));
        assert!(!named("/d/app-0f.d", "/r/app") && !named("/d/app-0f.d", "/r/app.exe"));
    }

    #[test]
    fn a_record_that_knows_nothing_is_found_and_litter_goes() {
        let dir = tempfile::tempdir().unwrap();
        let (records, output) = (dir.path().join("links"), dir.path().join("app-0f"));
        fs::create_dir(&records).unwrap();
        let program = dir.path().join("app");
        assert_eq!(find(&records, &program), FoundRecord::None);
        let given = LinkArguments { output: Some(output.clone()), ..LinkArguments::default() };
        let record = LinkRecord::unseen(given, "no map").to_json().unwrap();
        fs::write(records.join("app-0f.json"), &record).unwrap();
        fs::write(records.join("app-0f.7.map"), "half").unwrap();
        fs::write(&output, "").unwrap();
        assert_eq!(find(&records, &program), FoundRecord::Unseen("no map".into()));
        assert_eq!(fs::read_dir(&records).unwrap().count(), 1);
        fs::remove_file(&output).unwrap();
        assert_eq!(find(&records, &program), FoundRecord::None);
    }
}
