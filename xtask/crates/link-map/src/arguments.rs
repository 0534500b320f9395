//! The arguments of a link, as far as they say where inputs come from. rustc writes them for a linker or for a compiler that
//! drives one; both spellings are read.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What the arguments of a link name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkArguments {
    /// The folders in which libraries are looked for, in order.
    pub folders: Vec<PathBuf>,
    /// The names of libraries, as `-l` takes them.
    pub libraries: Vec<String>,
    /// The files that are named by their paths.
    pub files: Vec<PathBuf>,
    /// The file that is made.
    pub output: Option<PathBuf>,
    /// The map that the user asks for.
    pub map: Option<PathBuf>,
}

impl LinkArguments {
    /// Reads arguments. Relative paths are taken from `folder`, in which the linker is started.
    pub fn of(args: &[String], folder: &Path) -> Self {
        let mut given = Self::default();
        // What a driver hands on to the linker is one word or several, joined by commas.
        let for_linker = |arg: &String| -> Vec<String> {
            match arg.strip_prefix("-Wl,") {
                Some(joined) => joined.split(',').map(str::to_owned).collect(),
                None if arg == "-Xlinker" => Vec::new(),
                None => vec![arg.clone()],
            }
        };
        let mut words = args.iter().flat_map(for_linker);
        while let Some(word) = words.next() {
            let mut value = |attached: &str| match attached {
                "" => words.next().unwrap_or_default(),
                attached => attached.strip_prefix('=').unwrap_or(attached).to_owned(),
            };
            if let Some(rest) = strip_any(&word, &["--library-path", "-L"]) {
                given.folders.push(folder.join(value(rest)));
            } else if let Some(rest) = map_option(&word) {
                given.map = Some(folder.join(value(rest)));
            } else if let Some(rest) = strip_any(&word, &["--library", "-l"]) {
                given.libraries.push(value(rest));
            } else if word == "-o" {
                given.output = Some(folder.join(value("")));
            } else if WITH_VALUE.contains(&word.as_str()) {
                value("");
            } else if !word.starts_with('-') && !word.is_empty() {
                given.files.push(folder.join(word));
            }
        }
        given
    }

    /// The files that are named, and the static libraries that the names lead to.
    pub(super) fn inputs(&self) -> Vec<PathBuf> {
        self.files.iter().cloned().chain(self.found(".a")).collect()
    }

    /// The libraries with this ending that the names lead to, in the folders that are given.
    pub(super) fn found<'g>(&'g self, ending: &'g str) -> impl Iterator<Item = PathBuf> + 'g {
        self.libraries.iter().filter_map(move |library| {
            let file = match library.strip_prefix(':') {
                Some(file) => file.to_owned(),
                None => format!("lib{library}{ending}"),
            };
            self.folders.iter().map(|folder| folder.join(&file)).find(|path| path.is_file())
        })
    }
}

/// Options whose value is another word, which is no input.
const WITH_VALUE: [&str; 12] = [
    "-z",
    "-m",
    "-T",
    "-e",
    "-h",
    "-u",
    "-soname",
    "-rpath",
    "-rpath-link",
    "-dynamic-linker",
    "-I",
    "-target",
];

fn strip_any<'w>(word: &'w str, options: &[&str]) -> Option<&'w str> {
    options.iter().find_map(|option| word.strip_prefix(option))
}

/// What follows the name of the option for a map. Other options begin as it does.
fn map_option(word: &str) -> Option<&str> {
    strip_any(word, &["--Map", "-Map"]).filter(|rest| rest.is_empty() || rest.starts_with('='))
}
