//! Who is let in, and what is never shown.

use std::fs;
use std::path::Path;

use xtask_files::error::ExitKind;
use xtask_test_support::folder::script;
use xtask_test_support::registry::{PASSWORD, RegistryServer, Settings, USER};

use crate::image::packed;
use crate::network::{Act, Between};
use crate::support::{AMD64, Machine};

/// `reader:open sesame` and `reader:wrong` in base64.
const RIGHT: &str = "cmVhZGVyOm9wZW4gc2VzYW1l";
const WRONG: &str = "cmVhZGVyOndyb25n";

fn start(test: &str) -> Option<RegistryServer> {
    let server = RegistryServer::start_with(test, Settings { password: true, ..Settings::default() })?;
    server.push(&packed(server.dir(), "one"), "made:1", &[]);
    Some(server)
}

/// A machine whose Docker has this `config.json`.
fn machine(dir: &Path, config: &str) -> Machine {
    fs::write(dir.join("config.json"), config).unwrap();
    Machine::with(&[("DOCKER_CONFIG", dir)])
}

#[test]
fn a_password_that_docker_keeps_is_used() {
    let Some(server) = start("a_password_that_docker_keeps_is_used") else { return };
    let (name, at) = (server.name("made:1"), &server.at);
    let auths = |auth: &str| format!(r#"{{"auths": {{"{at}": {{"auth": "{auth}"}}}}}}"#);
    let base = machine(server.dir(), &auths(RIGHT)).base(&name, AMD64).unwrap();
    assert_eq!(base.layers.len(), 1);

    let error = machine(server.dir(), &auths(WRONG)).base(&name, AMD64).unwrap_err();
    let text = error.to_string();
    assert_eq!(error.kind, ExitKind::Failed);
    assert!(text.contains("401 Unauthorized") && text.contains(&format!("asked as {USER:?}")), "{text}");
    assert!(text.contains(&format!("docker login {at}")), "{text}");
    assert!(!text.contains("wrong") && !text.contains(WRONG), "{text}");

    let text = machine(server.dir(), "{}").refused(&name);
    assert!(text.contains("requires a login") && text.contains(&format!("docker login {at}")), "{text}");
}

#[cfg(unix)]
#[test]
fn a_program_that_keeps_passwords_is_asked() {
    let Some(server) = start("a_program_that_keeps_passwords_is_asked") else { return };
    let (name, at) = (server.name("made:1"), &server.at);
    let bin = server.dir().join("bin");
    fs::create_dir(&bin).unwrap();
    let keeper = |name: &str, body: &str| {
        let body = format!("read -r key || [ -n \"$key\" ]\n[ \"$1\" = get ] || exit 9\n{body}");
        script(bin.join(format!("docker-credential-{name}")), &body);
    };
    keeper(
        "right",
        &format!(
            "[ \"$key\" = {at} ] || exit 8\necho '{{\"ServerURL\": \"x\", \"Username\": \"{USER}\", \"Secret\": \"{PASSWORD}\"}}'"
        ),
    );
    keeper("empty", "echo 'credentials not found in native keychain'; exit 1");
    keeper("broken", "echo 'hunter2'; echo 'hunter2 too' >&2; exit 1");
    keeper("noise", "echo hunter2");
    let path = std::env::join_paths(
        std::iter::once(bin.clone()).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let path = path.unwrap();
    let machine = |config: &str| {
        fs::write(server.dir().join("config.json"), config).unwrap();
        Machine::with(&[("DOCKER_CONFIG", server.dir()), ("PATH", Path::new(&path))])
    };
    let helpers =
        |helper: &str| format!(r#"{{"credHelpers": {{"{at}": "{helper}"}}, "credsStore": "broken"}}"#);

    machine(&helpers("right")).base(&name, AMD64).unwrap();
    machine(r#"{"credsStore": "right"}"#).base(&name, AMD64).unwrap();
    let beside = format!(r#"{{"credsStore": "empty", "auths": {{"{at}": {{"auth": "{RIGHT}"}}}}}}"#);
    machine(&beside).base(&name, AMD64).unwrap();
    for (helper, words) in [
        ("empty", "requires a login"),
        ("broken", "docker-credential-broken get ends with exit code 1"),
        ("noise", "did not print Username and Secret"),
        ("absent", "requires a login"),
    ] {
        let text = machine(&helpers(helper)).refused(&name);
        assert!(text.contains(words) && !text.contains("hunter2"), "{helper}: {text}");
    }
}

/// A registry that lets everybody in who fetches a token, as Docker Hub does.
fn open_to_all(server: &RegistryServer) -> Between {
    let at = std::sync::Arc::new(std::sync::OnceLock::<String>::new());
    let known = at.clone();
    let front = Between::start(&server.at, move |seen, _| {
        if seen.line.starts_with("GET /token") {
            return Act::Answer("200 OK\r\nContent-Length: 16\r\n\r\n{\"token\":\"anon\"}".into());
        }
        if seen.header("authorization") == Some("Bearer anon") {
            return Act::Pass;
        }
        let realm = format!("http://{}/token", known.get().unwrap());
        Act::Answer(format!("401 Unauthorized\r\nWWW-Authenticate: Bearer realm=\"{realm}\",service=\"s\""))
    });
    at.set(front.at.clone()).unwrap();
    front
}

#[test]
fn a_helper_of_another_machine_keeps_nobody_from_a_public_image() {
    let Some(server) = RegistryServer::start("a_helper_of_another_machine_keeps_nobody_from_a_public_image")
    else {
        return;
    };
    server.push(&packed(server.dir(), "one"), "made:1", &[]);
    let front = open_to_all(&server);
    let name = format!("{}/made:1", front.at);
    machine(server.dir(), r#"{"credsStore": "absent"}"#).base(&name, AMD64).unwrap();
    let entry =
        format!(r#"{{"credHelpers": {{"{0}": "absent"}}, "auths": {{"{0}": {{"auth": ""}}}}}}"#, front.at);
    machine(server.dir(), &entry).base(&name, AMD64).unwrap();
    // What is broken is no choice that could be left out.
    let error = machine(server.dir(), "{\n  \"auths\": ]\n}").base(&name, AMD64).unwrap_err();
    assert_eq!(error.kind, ExitKind::Usage);
    assert!(error.to_string().contains("config.json:2:"), "{error}");
}

#[test]
fn where_a_password_is_needed_the_helper_that_is_not_there_is_the_cause() {
    let Some(server) = start("where_a_password_is_needed_the_helper_that_is_not_there_is_the_cause") else {
        return;
    };
    let config = r#"{"credsStore": "absent"}"#;
    let error = machine(server.dir(), config).base(&server.name("made:1"), AMD64).unwrap_err();
    assert_eq!(error.kind, ExitKind::Missing);
    let text = error.to_string();
    assert!(text.contains("requires a login"), "{text}");
    assert!(text.contains("the credential helper \"docker-credential-absent\", which "), "{text}");
    assert!(text.contains("config.json names, is not on PATH") && text.contains("docker login"), "{text}");
}

#[test]
fn nothing_shows_a_password() {
    let Some(server) = start("nothing_shows_a_password") else { return };
    fs::write(
        server.dir().join("config.json"),
        format!(r#"{{"auths": {{"{}": {{"auth": "{RIGHT}"}}}}}}"#, server.at),
    )
    .unwrap();
    let machine = Machine::with(&[("DOCKER_CONFIG", server.dir())]);
    let registry = xtask_registry::Registry::parse(&server.at).unwrap();
    let login = xtask_registry::credentials::find(&registry, "x", &machine.host).unwrap();
    let shown = format!("{login:?} {:?}", xtask_registry::DockerConfig::read(&machine.host).unwrap());
    assert!(
        shown.contains(USER)
            && !shown.contains(PASSWORD)
            && !shown.contains(RIGHT)
            && !shown.contains("sesame"),
        "{shown}"
    );
}
