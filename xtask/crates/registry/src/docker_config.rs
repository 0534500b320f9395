//! Reads the parts of Docker's `config.json` that are needed: the logins for registries, and the engine that
//! the user chose.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use xtask_files::error::{Error, Result};
use xtask_process::host::Host;

/// Docker's configuration. Other settings are ignored.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct DockerConfig {
    /// The path of the file; none if its folder is not known.
    pub path: Option<PathBuf>,
    /// The context of `docker context use`; none for Docker's default.
    pub context: Option<String>,
    pub(super) file: DockerConfigFile,
    /// The text of the file, in which the lines of entries are found.
    text: String,
}

/// The keys of `config.json` that are read.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct DockerConfigFile {
    pub(super) auths: BTreeMap<String, AuthEntry>,
    pub(super) cred_helpers: BTreeMap<String, String>,
    pub(super) creds_store: Option<String>,
    current_context: Option<String>,
}

/// The entry of the file for one registry.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct AuthEntry {
    pub(super) auth: Option<String>,
    pub(super) username: Option<String>,
    pub(super) password: Option<String>,
    pub(super) identitytoken: Option<String>,
    pub(super) registrytoken: Option<String>,
}

/// Leaves out everything that may be a password.
impl std::fmt::Debug for DockerConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DockerConfig").field("path", &self.path).field("context", &self.context).finish()
    }
}

impl DockerConfig {
    /// Reads the file in `DOCKER_CONFIG`, or in `.docker` of the home folder. A missing file counts as empty.
    ///
    /// # Errors
    /// The file cannot be read, is not JSON or does not have Docker's format ([`Error::usage`], with file and
    /// line). No message shows what was read.
    pub fn read(host: &Host) -> Result<Self> {
        match place(host) {
            Some(path) => Self::read_at(path),
            None => Ok(Self::default()),
        }
    }

    /// Returns the files with logins, in their order: the one of `REGISTRY_AUTH_FILE`, Docker's, and those of
    /// podman, buildah and skopeo (containers-auth.json(5)).
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(super) fn with_logins(host: &Host) -> Result<Vec<Self>> {
        let named = host.var("REGISTRY_AUTH_FILE").map(PathBuf::from);
        let below = |var: &str, folder: &str| host.var(var).map(|dir| Path::new(dir).join(folder).join(AUTH));
        let configured =
            below("XDG_CONFIG_HOME", "containers").or_else(|| below("HOME", ".config/containers"));
        let kept = [below("XDG_RUNTIME_DIR", "containers"), configured];
        let places = [named, place(host)].into_iter().chain(kept).flatten();
        places.map(Self::read_at).collect()
    }

    fn read_at(path: PathBuf) -> Result<Self> {
        let text = match std::fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            // The second kind occurs for DOCKER_CONFIG=/dev/null, which some users set for an anonymous
            // login.
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(Self { path: Some(path), ..Self::default() });
            }
            Err(e) => return Err(Error::io("cannot read", &path, &e)),
        };
        // serde's message would quote the line, which may contain a password.
        let file: DockerConfigFile = match text.trim() {
            // Docker treats an empty file as one without settings.
            "" => DockerConfigFile::default(),
            _ => serde_json::from_str(&text).map_err(|e| broken(&path, e.line().max(1), e.column()))?,
        };
        let context = file.current_context.clone().filter(|name| !name.is_empty() && name != DEFAULT);
        Ok(Self { path: Some(path), context, file, text })
    }

    /// Returns the error for a damaged entry, with the line of its key.
    pub(super) fn damaged(&self, key: &str) -> Error {
        let quoted = serde_json::Value::from(key).to_string();
        let line = self.text.lines().position(|line| line.contains(&quoted)).map_or(1, |at| at + 1);
        broken(self.path.as_deref().unwrap_or(Path::new(NAME)), line, 0)
            .found(format!("the entry for {key:?} is damaged"))
    }

    /// Returns the path of the file for messages.
    pub fn shown(&self) -> String {
        self.path.as_deref().unwrap_or(Path::new(NAME)).display().to_string()
    }
}

/// The name of the file.
const NAME: &str = "config.json";

/// The name of the file of podman, buildah and skopeo.
const AUTH: &str = "auth.json";

/// The name of Docker's context if none is chosen.
const DEFAULT: &str = "default";

fn place(host: &Host) -> Option<PathBuf> {
    let dir = host.var("DOCKER_CONFIG").map(PathBuf::from);
    let home =
        || host.var("HOME").or_else(|| host.var("USERPROFILE")).map(|home| Path::new(home).join(".docker"));
    dir.or_else(home).map(|dir| dir.join(NAME))
}

/// Returns the error for a file that is invalid at a line and a column. Column 0 means none.
fn broken(path: &Path, line: usize, column: usize) -> Error {
    let column = if column > 0 { format!(":{column}") } else { String::new() };
    Error::usage(format!("{}:{line}{column}: this file of logins cannot be parsed", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use xtask_files::error::ExitKind;
    use xtask_triple::Triple;

    fn read(text: &str) -> Result<DockerConfig> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(NAME), text).unwrap();
        let vars = [("DOCKER_CONFIG".into(), dir.path().into())];
        DockerConfig::read(&Host::new(Triple::parse("x86_64-unknown-linux-gnu"), vars))
    }

    #[test]
    fn the_context_is_what_somebody_chose() {
        for (text, context) in [
            (r#"{"currentContext": "far"}"#, Some("far")),
            (r#"{"currentContext": "default"}"#, None),
            (r#"{"currentContext": ""}"#, None),
            ("{}", None),
            ("", None),
        ] {
            assert_eq!(read(text).unwrap().context.as_deref(), context, "{text}");
        }
    }

    #[test]
    fn a_broken_file_is_named_with_its_line() {
        for (text, place) in [
            ("{", "config.json:1:1: "),
            ("{\n  \"auths\": {},\n  hunter2\n}", "config.json:3:3: "),
            ("{\n\"auths\": \"hunter2\"}", "config.json:2:"),
        ] {
            let error = read(text).unwrap_err();
            assert_eq!(error.kind, ExitKind::Usage);
            let said = error.to_string();
            assert!(said.contains(place) && !said.contains("hunter2"), "{said}");
        }
        let config = read("{\"auths\": {\n\"r.io\": {\"auth\": \"hunter2!\"}}}").unwrap();
        let said = config.damaged("r.io").to_string();
        assert!(said.contains("config.json:2: ") && !said.contains("hunter2"), "{said}");
    }
}
