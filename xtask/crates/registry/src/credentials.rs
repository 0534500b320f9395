//! Who asks: what `docker login` has kept in Docker's `config.json`, or in the program that it names.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::host::Registry;
use super::secret::{Secret, from_base64};
use xtask_files::error::{Error, Result};
use xtask_process::exec::{Capture, Cmd};
use xtask_process::host::Host;

/// How long a program for credentials may take: it may ask a person to unlock something.
const LIMIT: Duration = Duration::from_secs(60);
/// The name of a user whose password is an identity token (docker-credential-helpers).
const TOKEN_USER: &str = "<token>";

/// The credentials with which a registry is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// No credentials: the registry is asked anonymously.
    Anonymous,
    /// A user name with a password.
    Password {
        /// The name of the user.
        user: String,
        /// The password of the user.
        password: Secret,
    },
    /// The holder of a token that is exchanged for others (OAuth 2's refresh token).
    Identity(Secret),
}

/// As much of `config.json` as is needed. What it may hold besides is not ours to judge.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct DockerConfigFile {
    auths: BTreeMap<String, AuthEntry>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct AuthEntry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

/// What a helper prints.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperResponse {
    username: String,
    secret: String,
}

/// The file: in `DOCKER_CONFIG`, else in `.docker` of the home folder.
fn place(host: &Host) -> Option<PathBuf> {
    let dir = host.var("DOCKER_CONFIG").map(PathBuf::from);
    let home =
        || host.var("HOME").or_else(|| host.var("USERPROFILE")).map(|home| Path::new(home).join(".docker"));
    dir.or_else(home).map(|dir| dir.join("config.json"))
}

/// Looks up who asks this registry: by the helper for it, by the helper for all, in the file. Nobody is fine.
///
/// # Errors
/// The file cannot be read, or its helper is missing or fails. No message shows what was read.
pub fn find(registry: &Registry, host: &Host) -> Result<Login> {
    let Some(path) = place(host) else { return Ok(Login::Anonymous) };
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        // The second is DOCKER_CONFIG=/dev/null, as some write for "nobody".
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Login::Anonymous);
        }
        Err(e) => return Err(Error::io("cannot read", &path, &e)),
    };
    // serde's message would quote the line, which may be a password.
    let file: DockerConfigFile = serde_json::from_slice(&text).map_err(|e| {
        Error::failed(format!("{} cannot be understood", path.display()))
            .found(format!("line {}, column {}", e.line(), e.column()))
            .help(format!("fix it, or log in again: docker login {registry}"))
    })?;
    let key = registry.credentials_key();
    let same = |name: &str| name == key || host_of(name) == host_of(key);
    let helper = file.cred_helpers.iter().find(|(name, _)| same(name)).map(|(_, helper)| helper);
    if let Some(helper) = helper.or(file.creds_store.as_ref()).filter(|name| !name.is_empty()) {
        let login = ask(helper, key, host)?;
        if login != Login::Anonymous {
            return Ok(login);
        }
    }
    let entry =
        file.auths.get(key).or_else(|| file.auths.iter().find(|(name, _)| same(name)).map(|(_, e)| e));
    entry.map_or(Ok(Login::Anonymous), |entry| {
        login(entry).ok_or_else(|| {
            Error::failed(format!("{}: the entry for {registry} cannot be understood", path.display()))
                .help(format!("log in again: docker login {registry}"))
        })
    })
}

/// The host of a key, which older versions wrote as an address.
fn host_of(key: &str) -> &str {
    let rest = key.split_once("://").map_or(key, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

/// An entry as a login; none where it is damaged.
fn login(entry: &AuthEntry) -> Option<Login> {
    let text = |field: &Option<String>| field.clone().filter(|text| !text.is_empty());
    if let Some(token) = text(&entry.identitytoken) {
        return Some(Login::Identity(Secret::new(token)));
    }
    // A token for the registry itself is spoken as a password would be by nobody; Docker sends it as it is.
    if text(&entry.registrytoken).is_some() {
        return None;
    }
    if let Some(auth) = text(&entry.auth) {
        let plain = String::from_utf8(from_base64(&auth)?).ok()?;
        let (user, password) = plain.split_once(':')?;
        // Docker once padded it with NUL.
        let password = Secret::new(password.trim_end_matches('\0'));
        return Some(Login::Password { user: user.to_owned(), password });
    }
    Some(match (text(&entry.username), text(&entry.password)) {
        (Some(user), Some(password)) => Login::Password { user, password: Secret::new(password) },
        // What a helper keeps leaves an empty entry here.
        _ => Login::Anonymous,
    })
}

/// Asks `docker-credential-<name> get`: the key on its standard input, JSON on its standard output.
fn ask(name: &str, key: &str, host: &Host) -> Result<Login> {
    let program = format!("docker-credential-{name}");
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    let Some(found) = Some(&program).filter(|_| plain).and_then(|program| host.program(program)) else {
        return Err(Error::missing(format!("{program:?} is not on PATH"))
            .found("Docker's config.json names it as a credential helper")
            .help("install it, or remove credsStore and credHelpers from config.json and log in again"));
    };
    let output = Cmd::new(&found).arg("get").captured(&Capture::within(LIMIT).fed(key.as_bytes()))?;
    if !output.ok() {
        // It says so on one of its streams, in these words (docker-credential-helpers, `credentials`).
        let said = format!("{} {}", output.text(), output.errors());
        if said.contains("credentials not found") {
            return Ok(Login::Anonymous);
        }
        return Err(Error::failed(format!("{program} get ends with {}", output.end))
            .found(format!("it was asked for {key}; what it printed may be a secret and is not shown"))
            .help(format!("try it: echo {key} | {program} get")));
    }
    let answer: HelperResponse = serde_json::from_slice(&output.stdout)
        .map_err(|_| Error::failed(format!("{program} get did not print Username and Secret as JSON")))?;
    let secret = Secret::new(answer.secret);
    Ok(match answer.username.as_str() {
        TOKEN_USER => Login::Identity(secret),
        "" => Login::Anonymous,
        _ => Login::Password { user: answer.username, password: secret },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use xtask_triple::Triple;

    fn found(registry: &str, json: &str) -> Result<Login> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("config.json"), json).unwrap();
        let vars = [("DOCKER_CONFIG".into(), dir.path().into())];
        find(&Registry::parse(registry).unwrap(), &Host::new(Triple::parse("x86_64-unknown-linux-gnu"), vars))
    }

    fn password(user: &str, password: &str) -> Login {
        Login::Password { user: user.into(), password: Secret::new(password) }
    }

    #[test]
    fn entries_of_all_ages() {
        // "u:p:q", "u:p" with NULs.
        for (key, auth) in
            [("r.io", "dTpwOnE="), ("https://r.io", "dTpwOnE="), ("https://r.io/v1/", "dTpwOnE")]
        {
            let json =
                format!(r#"{{"auths": {{"{key}": {{"auth": "{auth}", "email": "x"}}}}, "psFormat": 3}}"#);
            assert_eq!(found("r.io", &json).unwrap(), password("u", "p:q"), "{key}");
            assert_eq!(found("other.io", &json).unwrap(), Login::Anonymous);
        }
        let json = r#"{"auths": {"https://index.docker.io/v1/": {"auth": "dTpwAAA="}}}"#;
        assert_eq!(found("docker.io", json).unwrap(), password("u", "p"));
        let json = r#"{"auths": {"r.io:5000": {"auth": "dTpw", "identitytoken": "t"}, "e.io": {}}}"#;
        assert_eq!(found("r.io:5000", json).unwrap(), Login::Identity(Secret::new("t")));
        assert_eq!(found("r.io", json).unwrap(), Login::Anonymous, "the port counts");
        assert_eq!(found("e.io", json).unwrap(), Login::Anonymous);
        assert_eq!(found("r.io", "{}").unwrap(), Login::Anonymous);
    }

    #[test]
    fn nobody_has_logged_in() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        for place in [dir.path(), &dir.path().join("none"), &file] {
            let vars = [("DOCKER_CONFIG".into(), place.into())];
            let host = Host::new(Triple::parse("x86_64-unknown-linux-gnu"), vars);
            assert_eq!(find(&Registry::parse("r.io").unwrap(), &host).unwrap(), Login::Anonymous);
        }
    }

    #[test]
    fn damage_is_said_without_the_secret() {
        for json in [
            r#"{"auths": {"r.io": {"auth": "hunter2!"}}}"#,
            r#"{"auths": {"r.io": {"auth": "aHVudGVyMg=="}}}"#,
            r#"{"auths": {"r.io": {"auth": hunter2}}}"#,
            r#"{"auths": "hunter2"}"#,
        ] {
            let error = found("r.io", json).unwrap_err().to_string();
            assert!(error.contains("cannot be understood") && !error.contains("hunter2"), "{error}");
        }
        let error = found("r.io", r#"{"credsStore": "no-such-keeper"}"#).unwrap_err().to_string();
        assert!(error.contains("docker-credential-no-such-keeper"), "{error}");
        assert!(found("r.io", r#"{"credsStore": "../../bin/sh"}"#).is_err());
    }
}
