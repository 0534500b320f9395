//! Finds the login for a registry: in Docker's `config.json`, where `docker login` stores it, or from the
//! credential helper that the file names.

use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::Deserialize;

use super::docker_config::{AuthEntry, DockerConfig};
use super::host::Registry;
use super::secret::{Secret, from_base64};
use xtask_files::error::{Error, Result};
use xtask_process::exec::{Capture, Cmd};
use xtask_process::host::{Host, PathLookup};

/// The time limit for a credential helper. It may ask a person to unlock its store.
const LIMIT: Duration = Duration::from_secs(60);
/// The variables of a login for pipelines: its registry, its user and its password.
const REGISTRY: &str = "XTASK_REGISTRY";
const USER: &str = "XTASK_REGISTRY_USER";
const PASSWORD: &str = "XTASK_REGISTRY_PASSWORD";
/// The user name that marks the password as an identity token (docker-credential-helpers).
const TOKEN_USER: &str = "<token>";

/// The credentials for requests to a registry.
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
    /// A token that is exchanged for others (OAuth 2's refresh token).
    Identity(Secret),
}

/// The login for a registry, and why the user's own login may be missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundLogin {
    /// The credentials that were found.
    pub login: Login,
    /// Why the credential helper in `config.json` was not asked, in one line. None if it was asked, or no
    /// helper is named.
    pub unasked: Option<String>,
}

/// The output of a credential helper.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperResponse {
    username: String,
    secret: String,
}

/// Finds the login for a repository of a registry. It looks at the variables, then at each file with logins,
/// until one has a login. An anonymous login is not an error.
///
/// # Errors
/// A file is damaged, a helper fails, or the variables do not name their registry. No message shows what was
/// read.
pub fn find(registry: &Registry, repository: &str, host: &Host) -> Result<FoundLogin> {
    let mut unasked = None;
    if let Some(login) = of_variables(registry, host)? {
        return Ok(FoundLogin { login, unasked });
    }
    for config in DockerConfig::with_logins(host)? {
        let found = in_file(&config, registry, repository, host)?;
        if found.login != Login::Anonymous {
            return Ok(found);
        }
        unasked = unasked.or(found.unasked);
    }
    Ok(FoundLogin { login: Login::Anonymous, unasked })
}

/// Returns the `config.json` with which another program asks a repository: it holds the login for that repository's registry, and no
/// other one.
///
/// # Errors
/// As for [`find`].
pub fn docker_config(registry: &Registry, repository: &str, host: &Host) -> Result<Vec<u8>> {
    let entry = match find(registry, repository, host)?.login {
        Login::Anonymous => None,
        Login::Password { user, password } => {
            let auth = BASE64_STANDARD.encode(format!("{user}:{}", password.reveal()));
            Some(serde_json::json!({"auth": auth}))
        }
        Login::Identity(token) => Some(serde_json::json!({"identitytoken": token.reveal()})),
    };
    let key = registry.credentials_key();
    let document = entry.map_or_else(
        || serde_json::json!({}),
        |entry| serde_json::json!({"auths": serde_json::Map::from_iter([(key.to_owned(), entry)])}),
    );
    Ok(document.to_string().into_bytes())
}

/// Returns the login of the variables, for pipelines. It is only for the registry that [`REGISTRY`] names, so
/// that a password is never sent to another one.
fn of_variables(registry: &Registry, host: &Host) -> Result<Option<Login>> {
    let (user, password) = (host.var(USER), host.var(PASSWORD));
    let (user, password) = match (user, password) {
        (None, None) => return Ok(None),
        (Some(user), Some(password)) => (user, password),
        (None, Some(_)) => return Err(Error::usage(format!("{PASSWORD} is set and {USER} is not"))),
        (Some(_), None) => return Err(Error::usage(format!("{USER} is set and {PASSWORD} is not"))),
    };
    let named = host.var(REGISTRY).ok_or_else(|| {
        Error::usage(format!("{USER} and {PASSWORD} do not say which registry they are for"))
            .help(format!("set {REGISTRY} to its name, with the port if there is one: {REGISTRY}={registry}"))
    })?;
    let named = Registry::parse(named)
        // The value is not shown: an address may contain a password.
        .ok_or_else(|| {
            Error::usage(format!("{REGISTRY} is not the name of a registry"))
                .help(format!("write its host, with the port if there is one: {REGISTRY}={registry}"))
        })?;
    let login = Login::Password { user: user.to_owned(), password: Secret::new(password) };
    Ok((named == *registry).then_some(login))
}

/// Finds a login in one file: by the helper for the registry, by the helper for all registries, or in the
/// file itself, where the entry with the longest path applies. A missing helper is not an error, because
/// another machine may have written the file. Images that need no password can still be pulled.
fn in_file(config: &DockerConfig, registry: &Registry, repository: &str, host: &Host) -> Result<FoundLogin> {
    let file = &config.file;
    let key = registry.credentials_key();
    let same = |name: &str| name == key || KeyPlace::of(name).covers(key, None).is_some();
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
    let covering = |name: &str| KeyPlace::of(name).covers(key, Some(repository));
    let entries = file.auths.iter().filter_map(|(name, entry)| Some((covering(name)?, name, entry)));
    // Of two spellings of one place, the registry's own applies.
    let best = entries.max_by_key(|(length, name, _)| (*length, *name == key));
    let entry = best.map(|(_, name, entry)| (name, entry));
    let login = match entry {
        None => Login::Anonymous,
        Some((name, entry)) => login(entry).ok_or_else(|| {
            config.damaged(name).help(format!("fix it, or log in again: docker login {registry}"))
        })?,
    };
    Ok(FoundLogin { login, unasked })
}

/// The meaning of a key in a file: a registry, or the repositories below a path of one.
struct KeyPlace<'k> {
    host: &'k str,
    path: &'k str,
}

impl<'k> KeyPlace<'k> {
    /// Parses a key. Older versions wrote addresses: `https://r.io/v1/` means the whole registry.
    fn of(key: &'k str) -> Self {
        let (address, rest) = key.split_once("://").map_or((false, key), |(_, rest)| (true, rest));
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = path.trim_end_matches('/');
        let all = address || matches!(path, "v1" | "v2");
        Self { host, path: if all { "" } else { path } }
    }

    /// Returns the length of the path if the key covers a repository of the registry with the key `registry`.
    /// Without a repository, only keys for a whole registry match.
    fn covers(&self, registry: &str, repository: Option<&str>) -> Option<usize> {
        let below = |repository: &str| {
            let rest = repository.strip_prefix(self.path)?;
            (rest.is_empty() || rest.starts_with('/')).then_some(())
        };
        if self.host != KeyPlace::of(registry).host {
            return None;
        }
        match self.path {
            "" => Some(0),
            path => repository.and_then(below).map(|()| path.len()),
        }
    }
}

/// Converts an entry to a login. Returns none if the entry is damaged.
fn login(entry: &AuthEntry) -> Option<Login> {
    let text = |field: &Option<String>| field.clone().filter(|text| !text.is_empty());
    if let Some(token) = text(&entry.identitytoken) {
        return Some(Login::Identity(Secret::new(token)));
    }
    // A token for the registry itself is not supported. Docker sends it unchanged, not as a password.
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
        // If a helper stores the login, the entry here is empty.
        _ => Login::Anonymous,
    })
}

/// The answer of a credential helper.
enum HelperAnswer {
    /// The stored login, or [`Login::Anonymous`] if it has none.
    Login(Login),
    /// The helper cannot be asked on this machine; the text is the end of a sentence about it.
    NotHere(String),
}

/// Asks `docker-credential-<name> get`, with the key on standard input. The answer is JSON on standard
/// output.
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
        // It is a script whose interpreter is missing, or a program for another machine.
        Err(error) => return not_here(format!("cannot be started: {}", error.what)),
    };
    if !output.ok() {
        // The helper reports this on one of its streams, with this text (docker-credential-helpers,
        // `credentials`).
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
        let vars = [("DOCKER_CONFIG", dir.path())];
        find(&Registry::parse(registry).unwrap(), "team/app", &machine(&vars))
    }

    fn machine(vars: &[(&str, &std::path::Path)]) -> Host {
        let vars = vars.iter().map(|(key, value)| ((*key).into(), value.as_os_str().to_owned()));
        Host::new(Triple::parse("x86_64-unknown-linux-gnu"), vars)
    }

    #[test]
    fn the_entry_with_the_longest_path_counts_and_no_other_repository_gets_it() {
        let json = r#"{"auths": {
            "r.io/team": {"auth": "dGVhbTpw"}, "r.io/team/app": {"auth": "YXBwOnA="}, "r.io/te": {"auth": "dTpw"}}}"#;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("any.json");
        std::fs::write(&file, json).unwrap();
        let host = machine(&[("REGISTRY_AUTH_FILE", &file)]);
        let of = |repository: &str| find(&Registry::parse("r.io").unwrap(), repository, &host).unwrap().login;
        assert_eq!(of("team/app"), password("app", "p"));
        assert_eq!(of("team/app/sub"), password("app", "p"));
        assert_eq!(of("team/application"), password("team", "p"));
        assert_eq!(of("other/app"), Login::Anonymous);
        assert_eq!(of("team"), password("team", "p"));
    }

    #[test]
    fn files_are_asked_in_their_order() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, auth: &str| {
            let file = dir.path().join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, format!(r#"{{"auths": {{"r.io": {{"auth": "{auth}"}}}}}}"#)).unwrap();
            file
        };
        // "named:p", "docker:p", "run:p", "home:p"
        let named = write("named.json", "bmFtZWQ6cA==");
        write(".docker/config.json", "ZG9ja2VyOnA=");
        write("run/containers/auth.json", "cnVuOnA=");
        write(".config/containers/auth.json", "aG9tZTpw");
        let run = dir.path().join("run");
        let mut vars =
            vec![("REGISTRY_AUTH_FILE", named.as_path()), ("HOME", dir.path()), ("XDG_RUNTIME_DIR", &run)];
        let of = |vars: &[(&str, &std::path::Path)]| {
            find(&Registry::parse("r.io").unwrap(), "x", &machine(vars)).unwrap().login
        };
        assert_eq!(of(&vars), password("named", "p"));
        vars.remove(0);
        assert_eq!(of(&vars), password("docker", "p"));
        std::fs::remove_file(dir.path().join(".docker/config.json")).unwrap();
        assert_eq!(of(&vars), password("run", "p"));
        vars.pop();
        assert_eq!(of(&vars), password("home", "p"));
    }

    #[test]
    fn variables_are_for_the_registry_that_they_name() {
        let of = |registry: &str, vars: &[(&str, &str)]| {
            let vars: Vec<_> = vars.iter().map(|(key, value)| (*key, std::path::Path::new(*value))).collect();
            find(&Registry::parse(registry).unwrap(), "x", &machine(&vars)).map(|found| found.login)
        };
        let all = [(USER, "u"), (PASSWORD, "hunter2"), (REGISTRY, "r.io:5000")];
        assert_eq!(of("r.io:5000", &all).unwrap(), password("u", "hunter2"));
        assert_eq!(of("r.io", &all).unwrap(), Login::Anonymous);
        for (some, words) in
            [(&all[..2], "do not say which registry"), (&all[..1], "is set and"), (&all[1..], "is set and")]
        {
            let error = of("r.io", some).unwrap_err().to_string();
            assert!(error.contains(words) && !error.contains("hunter2"), "{error}");
        }
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
    fn another_program_gets_the_login_of_one_registry() {
        let dir = tempfile::tempdir().unwrap();
        let json =
            r#"{"auths": {"r.io": {"auth": "dTpwOnE="}, "e.io": {"auth": "dTpw", "identitytoken": "t"}}}"#;
        std::fs::write(dir.path().join("config.json"), json).unwrap();
        let host = machine(&[("DOCKER_CONFIG", dir.path())]);
        let of = |registry: &str| {
            let registry = Registry::parse(registry).unwrap();
            String::from_utf8(docker_config(&registry, "x", &host).unwrap()).unwrap()
        };
        assert_eq!(of("r.io"), r#"{"auths":{"r.io":{"auth":"dTpwOnE="}}}"#);
        assert_eq!(of("e.io"), r#"{"auths":{"e.io":{"identitytoken":"t"}}}"#);
        assert_eq!(of("other.io"), "{}");
    }

    #[test]
    fn nobody_has_logged_in() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        for place in [dir.path(), &dir.path().join("none"), &file] {
            let host = machine(&[("DOCKER_CONFIG", place)]);
            let nobody = FoundLogin { login: Login::Anonymous, unasked: None };
            assert_eq!(find(&Registry::parse("r.io").unwrap(), "x", &host).unwrap(), nobody);
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
            assert!(error.contains("cannot be parsed") && !error.contains("hunter2"), "{error}");
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
        // A name that is a path is not a helper, even if the file exists.
        let found = asked("r.io", r#"{"credsStore": "../../bin/sh"}"#).unwrap();
        assert!(found.unasked.unwrap().contains("is not on PATH"));
        // The helper of another registry does not apply to this one.
        assert_eq!(asked("r.io", r#"{"credHelpers": {"o.io": "no-such-keeper"}}"#).unwrap().unasked, None);
    }
}
