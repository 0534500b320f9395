//! The arguments of a link that name its inputs. rustc writes them for a linker or for a compiler driver;
//! both forms are read.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The inputs and outputs in the arguments of a link.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkArguments {
    /// The folders in which the linker searches libraries, in order.
    pub folders: Vec<PathBuf>,
    /// The names of libraries, as given to `-l`.
    pub libraries: Vec<String>,
    /// The files that are given by their paths.
    pub files: Vec<PathBuf>,
    /// The output file of the link.
    pub output: Option<PathBuf>,
    /// The file for the link map, if the user asks for one.
    pub map: Option<PathBuf>,
}

impl LinkArguments {
    /// Reads arguments. Relative paths are resolved in `folder`, in which the linker is started.
    pub fn of(args: &[String], folder: &Path) -> Self {
        let mut given = Self::default();
        // A driver passes on one word, or several words that are joined by commas.
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

    /// Returns the files that are given by path, and the static libraries that are found by name.
    pub(super) fn inputs(&self) -> Vec<PathBuf> {
        self.files.iter().cloned().chain(self.found(".a")).collect()
    }

    /// Returns the libraries with this file extension that are found by name in the given folders.
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

/// Options whose value is the next word. The value is not an input.
const WITH_VALUE: [&str; 16] = [
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
    // Options of Apple's linker.
    "-arch",
    "-framework",
    "-weak_framework",
    "-isysroot",
];

fn strip_any<'w>(word: &'w str, options: &[&str]) -> Option<&'w str> {
    options.iter().find_map(|option| word.strip_prefix(option))
}

/// Returns the text after the option for a map. Other options may begin with the same letters.
fn map_option(word: &str) -> Option<&str> {
    strip_any(word, &["--Map", "-Map"]).filter(|rest| rest.is_empty() || rest.starts_with('='))
}
