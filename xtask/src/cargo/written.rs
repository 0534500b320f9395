//! Tracks source files that a build writes. Some build scripts put generated code beside their package's
//! sources instead of into OUT_DIR. The script of every target writes the same files. In a call for several
//! targets, a program may be compiled from files of another target's script. A later call finds the files of
//! the call before it, because Cargo does not run a script again for them.
//!
//! Such files are found after a call by their times. Then xtask records their content for each target.
//! Targets with different content are built alone, and a script runs again if its files differ from those
//! recorded for the target.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::trap::Script;
use xtask_compilers::toolchain::identity::digest;
use xtask_files::error::{Error, Result};

/// The file of a build folder that records these sources.
const NAME: &str = ".written-sources.json";

/// How many files of a package are examined, and how deep. Both limits are far above what packages have.
const FILES_MAX: usize = 50_000;
const DEPTH_MAX: usize = 32;

/// The sources that the builds in one folder have written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenSources {
    /// Each file, with the digest of its content after the last build for each target alone.
    files: BTreeMap<PathBuf, BTreeMap<String, String>>,
    /// The package IDs whose build scripts may have written them.
    packages: BTreeSet<String>,
}

impl WrittenSources {
    /// Reads the record of a build folder. An unreadable record counts as empty: the files will be found
    /// again.
    pub fn recall(build_dir: &Path) -> Self {
        let text = std::fs::read(build_dir.join(NAME)).ok();
        text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }

    /// Stores the record for the next build in the folder.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep(&self, build_dir: &Path) -> Result<()> {
        let text = serde_json::to_vec(self).map_err(|e| Error::failed(format!("written sources: {e}")))?;
        xtask_files::write_changed(&build_dir.join(NAME), &text).map(|_| ())
    }

    /// Returns the packages whose scripts must run again for a target, because a file has changed since the
    /// target's last build.
    pub fn to_run_again(&self, target: &str) -> Option<&BTreeSet<String>> {
        self.files
            .iter()
            .any(|(file, was)| was.get(target) != Some(&contents(file)))
            .then_some(&self.packages)
    }

    /// Returns whether a file is known to be written by builds.
    pub fn has(&self, file: &Path) -> bool {
        self.files.contains_key(file)
    }

    /// Returns whether a call for all of these targets would mix up their sources.
    pub fn differ(&self, targets: &[&str]) -> bool {
        self.files.values().any(|was| {
            let known: BTreeSet<Option<&String>> = targets.iter().map(|target| was.get(*target)).collect();
            known.len() > 1 || known.contains(&None)
        })
    }

    /// Adds files that a call has changed, and the packages whose scripts may have written them. These are
    /// the packages that contain the files, or else all path packages.
    pub fn add(&mut self, files: impl IntoIterator<Item = PathBuf>, scripts: &[Script]) {
        for file in files {
            let is_in =
                |script: &&Script| script.folder.as_ref().is_some_and(|folder| file.starts_with(folder));
            let own: Vec<&Script> = scripts.iter().filter(is_in).collect();
            let all = scripts.iter().filter(|script| own.is_empty() && script.package.starts_with("path+"));
            let owners = all.chain(own.iter().copied());
            self.packages.extend(owners.map(|script| script.package.clone()));
            self.files.entry(file).or_default();
        }
    }

    /// Records the content of the files after a build for one target alone.
    pub fn note(&mut self, target: &str) {
        for (file, was) in &mut self.files {
            was.insert(target.to_owned(), contents(file));
        }
    }
}

/// Returns the digest of a file's content, or an empty string if the file does not exist.
fn contents(file: &Path) -> String {
    digest(file).unwrap_or_default()
}

/// Returns the files in the folders of packages that were changed since `begun`, and the changed sources that
/// the dep-info files of programs name. Files in `spare`, such as the target folder, are not sources.
pub fn written_since(
    begun: SystemTime,
    scripts: &[Script],
    programs: &[PathBuf],
    spare: &[&Path],
) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let folders: BTreeSet<&PathBuf> = scripts.iter().filter_map(|script| script.folder.as_ref()).collect();
    let mut walk = SourceChanges { begun, spare, left: FILES_MAX, found: &mut found };
    for folder in folders {
        walk.left = FILES_MAX;
        walk.folder(folder, 0);
    }
    for program in programs {
        let name = format!("{}.d", program.file_name().unwrap_or_default().display());
        let text = std::fs::read_to_string(program.with_file_name(name)).unwrap_or_default();
        for source in dependencies(&text) {
            walk.file(source);
        }
    }
    if !found.is_empty() {
        let open = open_files(Path::new("/proc"));
        found.retain(|file| !std::fs::canonicalize(file).is_ok_and(|real| open.contains(&real)));
    }
    found
}

/// Returns the files that processes have open for writing. Build scripts have ended after a call, so these
/// files are not theirs: for example the log into which the output of this program goes. Empty where the
/// system has no `/proc`.
fn open_files(proc: &Path) -> BTreeSet<PathBuf> {
    let entries = |dir: &Path| std::fs::read_dir(dir).into_iter().flatten().flatten();
    // The last digit of the octal flags is 1 for writing and 2 for both ways.
    let is_written = |info: &Path| {
        let text = std::fs::read_to_string(info).unwrap_or_default();
        let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
        flags.is_some_and(|flags| flags.ends_with(['1', '2']))
    };
    let of_process = |process: std::fs::DirEntry| {
        let infos = process.path().join("fdinfo");
        entries(&process.path().join("fd"))
            .filter(|fd| is_written(&infos.join(fd.file_name())))
            .filter_map(|fd| std::fs::read_link(fd.path()).ok())
            .collect::<Vec<_>>()
    };
    entries(proc).flat_map(of_process).filter(|file| file.is_absolute()).collect()
}

struct SourceChanges<'a> {
    begun: SystemTime,
    spare: &'a [&'a Path],
    left: usize,
    found: &'a mut BTreeSet<PathBuf>,
}

impl SourceChanges<'_> {
    fn folder(&mut self, dir: &Path, depth: usize) {
        if depth > DEPTH_MAX || self.spare.contains(&dir) {
            return;
        }
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            let Some(left) = self.left.checked_sub(1) else { return };
            self.left = left;
            let name = entry.file_name();
            // Files of Cargo, editors and git.
            if name == "Cargo.lock" || name.as_encoded_bytes().starts_with(b".") {
                continue;
            }
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => self.folder(&entry.path(), depth + 1),
                Ok(kind) if kind.is_file() => self.file(entry.path()),
                _ => {}
            }
        }
    }

    fn file(&mut self, file: PathBuf) {
        let changed = std::fs::metadata(&file).and_then(|meta| meta.modified());
        let spare = self.spare.iter().any(|dir| file.starts_with(dir));
        if !spare && changed.is_ok_and(|changed| changed >= self.begun) {
            self.found.insert(file);
        }
    }
}

/// Returns the files that a dep-info file names. It has the form of a makefile:
/// `/t/release/app: src/main.rs /x/with\ blank.rs`.
fn dependencies(text: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in text.lines() {
        let Some((_, list)) = line.split_once(": ") else { continue };
        let mut file = String::new();
        let mut chars = list.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => file.extend(chars.next()),
                ' ' => files.push(std::mem::take(&mut file).into()),
                c => file.push(c),
            }
        }
        files.push(file.into());
    }
    files.retain(|file: &PathBuf| !file.as_os_str().is_empty());
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A build script of a package in this folder.
    fn script(folder: &Path) -> Script {
        Script {
            package: "path+file:///w#x@0.1.0".into(),
            folder: Some(folder.to_owned()),
            out_dir: PathBuf::new(),
            linked_libs: Vec::new(),
            linked_paths: Vec::new(),
        }
    }

    #[test]
    fn a_dep_info_file_names_its_sources() {
        let text = "/t/app: /w/src/main.rs /w/with\\ blank.rs\n\n/w/src/main.rs:\n";
        assert_eq!(dependencies(text), [Path::new("/w/src/main.rs"), Path::new("/w/with blank.rs")]);
        assert!(dependencies("").is_empty() && dependencies("x: ").is_empty());
    }

    #[test]
    fn files_that_differ_between_targets_keep_them_apart() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("generated.rs");
        let script = script(dir.path());
        let mut written = WrittenSources::recall(dir.path());
        assert_eq!((written.differ(&["a", "b"]), written.to_run_again("a")), (false, None));
        written.add([file.clone()], &[script]);
        assert!(written.differ(&["a", "b"]) && written.to_run_again("a").is_some(), "not known yet");
        let build = |written: &mut WrittenSources, target: &str, text: &str| {
            std::fs::write(&file, text).unwrap();
            written.note(target);
        };
        build(&mut written, "a", "1");
        build(&mut written, "b", "1");
        assert!(!written.differ(&["a", "b"]) && written.to_run_again("a").is_none());
        build(&mut written, "b", "2");
        assert!(written.differ(&["a", "b"]));
        assert_eq!(
            (written.to_run_again("a").map(BTreeSet::len), written.to_run_again("b")),
            (Some(1), None)
        );
        written.keep(dir.path()).unwrap();
        assert_eq!(WrittenSources::recall(dir.path()), written);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_log_that_is_still_written_is_no_source() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| std::fs::canonicalize(dir.path()).unwrap().join(name);
        let script = script(dir.path());
        std::fs::write(at("made.rs"), "").unwrap();
        let log = std::fs::File::create(at("build.log")).unwrap();
        let source = std::fs::File::open(at("made.rs")).unwrap();
        let found = |scripts: &[Script]| written_since(SystemTime::UNIX_EPOCH, scripts, &[], &[]).len();
        let scripts = [script];
        assert_eq!(found(&scripts), 1, "one that is only read counts");
        drop((log, source));
        assert_eq!(found(&scripts), 2);
    }

    #[test]
    fn what_changed_is_found_and_what_is_spare_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for folder in ["src", "target", ".git"] {
            std::fs::create_dir(at(folder)).unwrap();
        }
        for name in ["src/old.rs", "src/new.rs", "target/new.o", ".git/index", "Cargo.lock"] {
            std::fs::write(at(name), "").unwrap();
        }
        let begun = SystemTime::now();
        let old = std::fs::File::options().write(true).open(at("src/old.rs")).unwrap();
        old.set_modified(begun - std::time::Duration::from_secs(60)).unwrap();
        for name in ["src/new.rs", "target/new.o", ".git/index", "Cargo.lock"] {
            let file = std::fs::File::options().write(true).open(at(name)).unwrap();
            file.set_modified(begun + std::time::Duration::from_secs(1)).unwrap();
        }
        let script = Script {
            package: String::new(),
            folder: Some(dir.path().to_owned()),
            out_dir: PathBuf::new(),
            linked_libs: Vec::new(),
            linked_paths: Vec::new(),
        };
        let found = written_since(begun, &[script], &[], &[&at("target")]);
        assert_eq!(found, [at("src/new.rs")].into());
    }
}
