//! External Python libraries with which tests check documents. Nothing that ships needs them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::pip::{self, PipInstall};
use xtask_files::error::{Error, Result};
use xtask_process::exec::Cmd;

/// A library that validates documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PythonLibrary {
    /// The reference library of CycloneDX, with the schema of bills of materials.
    Cyclonedx,
    /// The library of the in-toto attestation framework, with the types of statements and SLSA provenance.
    InToto,
    /// check-jsonschema with the schemas of CI services and a reader of YAML, and zizmor, which examines workflows.
    Workflows,
}

impl PythonLibrary {
    /// All libraries that setup can install.
    pub const ALL: [Self; 3] = [Self::Cyclonedx, Self::InToto, Self::Workflows];

    /// Returns the name of the package.
    pub fn package(self) -> &'static str {
        match self {
            Self::Cyclonedx => "cyclonedx-python-lib",
            Self::InToto => "in-toto-attestation",
            Self::Workflows => "check-jsonschema",
        }
    }

    /// Returns the version that setup installs.
    pub fn version(self) -> &'static str {
        match self {
            Self::Cyclonedx => "11.12.0",
            Self::InToto => "0.9.3",
            Self::Workflows => "0.39.0",
        }
    }

    /// Returns the package and its dependencies in the format of `pip install -r`.
    fn requirements(self) -> &'static str {
        match self {
            Self::Cyclonedx => include_str!("cyclonedx.txt"),
            Self::InToto => include_str!("in_toto.txt"),
            Self::Workflows => include_str!("workflows.txt"),
        }
    }

    /// Returns a script that succeeds if the library exists with everything that validation needs. A wheel
    /// may have been compiled for another Python.
    fn trial(self) -> &'static str {
        match self {
            Self::Cyclonedx => {
                "from cyclonedx.schema import SchemaVersion\n\
                 from cyclonedx.validation.json import JsonStrictValidator\n\
                 JsonStrictValidator(SchemaVersion.V1_6).validate_str(\"{}\")"
            }
            Self::InToto => {
                "from google.protobuf import json_format\n\
                 from in_toto_attestation.v1.statement import Statement\n\
                 from in_toto_attestation.predicates.provenance.v1 import provenance_pb2\n\
                 json_format.Parse('{}', provenance_pb2.Provenance())"
            }
            Self::Workflows => {
                "import check_jsonschema, io\n\
                 from ruamel.yaml import YAML\n\
                 YAML(typ=\"base\", pure=True).load(io.StringIO(\"a: b\"))"
            }
        }
    }

    /// Returns the folder for the library in the cache. The folder need not exist.
    pub fn place(self, cache: &Path) -> PathBuf {
        let folder = match self {
            Self::Cyclonedx => "cyclonedx",
            Self::InToto => "in-toto",
            Self::Workflows => "workflow-linters",
        };
        cache.join(folder).join(self.version())
    }

    /// Returns the line that the user reads before [`PythonLibrary::install`] runs.
    pub(super) fn line(self) -> String {
        let (extra, size) = match self {
            Self::Cyclonedx => ("[json-validation]", "3 MB"),
            Self::InToto => ("", "0.4 MB"),
            Self::Workflows => ("", "14 MB"),
        };
        let what = format!("{}{extra}=={}", self.package(), self.version());
        format!("python3 -m pip install --require-hashes {what} (into the cache, {size} to fetch)")
    }

    /// Returns a command for this Python with a working library: the one that setup installed, or else its
    /// own. None if neither works.
    pub fn python(self, python: &Path, cache: &Path) -> Option<Cmd> {
        let own = Cmd::new(python);
        [with(python, &self.place(cache)), own].into_iter().find(|cmd| self.works(cmd).is_ok())
    }

    /// Installs the library into the cache folder in one step.
    ///
    /// # Errors
    /// pip fails (no network, another hash, a Python without a matching wheel).
    pub fn install(self, python: &Path, cache: &Path, say: &mut dyn FnMut(&str)) -> Result<()> {
        let works = |folder: &Path| self.works(&with(python, folder));
        let wanted = PipInstall {
            what: self.package(),
            place: &self.place(cache),
            requirements: self.requirements(),
            works: &works,
        };
        pip::install(&wanted, python, say)
    }

    fn works(self, python: &Cmd) -> Result<()> {
        let output = python.clone().args(["-c", self.trial()]).capture(Duration::from_secs(60))?;
        if output.ok() {
            return Ok(());
        }
        let what = format!("{} does not work with this Python", self.package());
        Err(Error::failed(what).found(output.errors()))
    }
}

impl fmt::Display for PythonLibrary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.package(), self.version())
    }
}

/// Returns a command for Python with only the library in `folder`. `-S` excludes other installed packages,
/// which may be other versions of the same.
fn with(python: &Path, folder: &Path) -> Cmd {
    Cmd::new(python).arg("-S").env("PYTHONPATH", folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_has_a_version_and_hashes() {
        for library in PythonLibrary::ALL {
            let text = library.requirements().replace("\\\n", " ");
            let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
            let own = format!("{}=={} ", library.package(), library.version());
            assert!(lines.iter().any(|line| line.starts_with(&own)));
            for line in lines {
                let mut words = line.split_whitespace();
                assert!(words.next().is_some_and(|package| package.contains("==")), "{line}");
                let hashes: Vec<&str> =
                    words.filter_map(|word| word.strip_prefix("--hash=sha256:")).collect();
                let hex = |hash: &&str| hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit());
                assert!(!hashes.is_empty() && hashes.iter().all(hex), "{line}");
            }
        }
    }
}
