//! Who asks: what `docker login` has kept in Docker's `config.json`, or in the program that it names.

use std::time::Duration;

use serde::Deserialize;

use super::docker_config::{AuthEntry, DockerConfig};
use super::host::Registry;
use super::secret::{Secret, from_base64};
use xtask_files::error::{Error, Result};
use xtask_process::exec::{Capture, Cmd};
use xtask_process::host::{Host, PathLookup};

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

/// Who asks a registry, and why that may be less than the user wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundLogin {
    /// The credentials that were found.
    pub login: Login,
    /// Why the credential helper that `config.json` names was not asked, one line; none where it was, or none is named.
    pub unasked: Option<String>,
}

/// What a helper prints.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperResponse {
    username: String,
    secret: String,
}

/// Looks up who asks this registry: by the helper for it, by the helper for all, in the file. Nobody is fine. A helper that
/// is not on this machine was written by another one, so that it keeps nobody from what needs no password.
///
/// # Errors
/// The file is broken, or its helper fails. No message shows what was read.
pub fn find(registry: &Registry, host: &Host) -> Result<FoundLogin> {
    let config = DockerConfig::read(host)?;
    let file = &config.file;
    let key = registry.credentials_key();
    let same = |name: &str| name == key || host_of(name) == host_of(key);
    let helper = file.cred_helpers.iter().find(|(name, _)| same(name)).map(|(_, helper)| helper);
    let mut unasked = None;
    if let Some(helper) = helper.or(file.creds_store.as_ref()).filter(|name| !name.is_empty()) {
        match ask(helper, key, host)? {
            HelperAnswer::Login(Login::Anonymous) => {}
            HelperAnswer::Login(login) => return Ok(FoundLogin { login, unasked: None }),
            HelperAnswer::NotHere(why) => {
                let named = format!("docker-credential-{helper}");
                unasked =
                    Some(format!("the credential helper {named:?}, which {} names, {why}", config.shown()));
            }
        }
    }
    let entry = file.auths.get_key_value(key).or_else(|| file.auths.iter().find(|(name, _)| same(name)));
    let login = match entry {
        None => Login::Anonymous,
        Some((name, entry)) => login(entry).ok_or_else(|| {
            config.damaged(name).help(format!("fix it, or log in again: docker login {registry}"))
        })?,
    };
    Ok(FoundLogin { login, unasked })
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

/// What a credential helper answers.
enum HelperAnswer {
    /// The login that it keeps; [`Login::Anonymous`] where it keeps none.
    Login(Login),
    /// It cannot be asked on this machine; the end of a sentence about it.
    NotHere(String),
}

/// Asks `docker-credential-<name> get`: the key on its standard input, JSON on its standard output.
fn ask(name: &str, key: &str, host: &Host) -> Result<HelperAnswer> {
    let program = format!("docker-credential-{name}");
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    let not_here = |why: String| Ok(HelperAnswer::NotHere(why));
    let found = match host.find(&program) {
        PathLookup::Program(found) if plain => found,
        PathLookup::NotExecutable(file) if plain => {
            return not_here(format!("cannot be started: {} is not executable", file.display()));
        }
        _ => return not_here("is not on PATH".to_owned()),
    };
    let asked = Cmd::new(&found).arg("get").captured(&Capture::within(LIMIT).fed(key.as_bytes()));
    let output = match asked {
        Ok(output) => output,
        // A script whose interpreter is not here, or a program for another machine.
        Err(error) => return not_here(format!("cannot be started: {}", error.what)),
    };
    if !output.ok() {
        // It says so on one of its streams, in these words (docker-credential-helpers, `credentials`).
        let said = format!("{} {}", output.text(), output.errors());
        if said.contains("credentials not found") {
            return Ok(HelperAnswer::Login(Login::Anonymous));
        }
        return Err(Error::failed(format!("{program} get ends with {}", output.end))
            .found(format!("it was asked for {key}; what it printed may be a secret and is not shown"))
            .help(format!("try it: echo {key} | {program} get")));
    }
    let answer: HelperResponse = serde_json::from_slice(&output.stdout)
        .map_err(|_| Error::failed(format!("{program} get did not print Username and Secret as JSON")))?;
    let secret = Secret::new(answer.secret);
    Ok(HelperAnswer::Login(match answer.username.as_str() {
        TOKEN_USER => Login::Identity(secret),
        "" => Login::Anonymous,
        _ => Login::Password { user: answer.username, password: secret },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use xtask_triple::Triple;

    fn found(registry: &str, json: &str) -> Result<Login> {
        asked(registry, json).map(|found| found.login)
    }

    fn asked(registry: &str, json: &str) -> Result<FoundLogin> {
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
            let nobody = FoundLogin { login: Login::Anonymous, unasked: None };
            assert_eq!(find(&Registry::parse("r.io").unwrap(), &host).unwrap(), nobody);
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
    }

    #[test]
    fn a_helper_of_another_machine_keeps_nobody_from_asking() {
        for (json, login) in [
            (r#"{"credsStore": "no-such-keeper"}"#, Login::Anonymous),
            (r#"{"credHelpers": {"r.io": "no-such-keeper"}, "auths": {"r.io": {}}}"#, Login::Anonymous),
            (r#"{"credsStore": "no-such-keeper", "auths": {"r.io": {"auth": "dTpw"}}}"#, password("u", "p")),
        ] {
            let found = asked("r.io", json).unwrap();
            assert_eq!(found.login, login, "{json}");
            let why = found.unasked.unwrap();
            assert!(
                why.starts_with("the credential helper \"docker-credential-no-such-keeper\", which "),
                "{why}"
            );
            assert!(why.ends_with("config.json names, is not on PATH"), "{why}");
        }
        // A name that is a path is no helper, whatever lies there.
        let found = asked("r.io", r#"{"credsStore": "../../bin/sh"}"#).unwrap();
        assert!(found.unasked.unwrap().contains("is not on PATH"));
        // That of another registry says nothing of this one.
        assert_eq!(asked("r.io", r#"{"credHelpers": {"o.io": "no-such-keeper"}}"#).unwrap().unasked, None);
    }
}
