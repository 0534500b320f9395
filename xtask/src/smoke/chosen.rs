//! Finds the container engine that the user chose, by a variable or by a context of Docker. Another engine
//! never replaces the chosen one.

use xtask_files::error::Result;
use xtask_process::host::Host;
use xtask_registry::DockerConfig;

/// The name of Docker's command.
pub(super) const DOCKER: &str = "docker";
/// The name of podman's command.
pub(super) const PODMAN: &str = "podman";

/// Variables that choose an engine, in order of precedence. Sources: docker/cli, `resolveContextName` (a host
/// takes precedence over a context); podman's `--remote`.
const VARIABLES: [(&str, &str); 4] = [
    ("DOCKER_HOST", DOCKER),
    ("DOCKER_CONTEXT", DOCKER),
    ("CONTAINER_HOST", PODMAN),
    ("CONTAINER_CONNECTION", PODMAN),
];

/// An engine that the user chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineChoice {
    /// The name of the engine: `docker` or `podman`.
    pub engine: &'static str,
    /// How it was chosen, for messages: `DOCKER_HOST=tcp://build:2375`.
    pub by: String,
}

/// Returns the engine that the user chose, or none if there is no choice. A context in `config.json` counts
/// only if Docker's command is on this machine. Otherwise the file came from another machine.
///
/// # Errors
/// Docker's `config.json` is broken.
pub fn chosen(host: &Host) -> Result<Option<EngineChoice>> {
    let variable = |(name, engine): &(&str, &'static str)| {
        let by = format!("{name}={}", without_password(host.var(name)?));
        Some(EngineChoice { engine, by })
    };
    if let Some(choice) = VARIABLES.iter().find_map(variable) {
        return Ok(Some(choice));
    }
    if host.program(DOCKER).is_none() {
        return Ok(None);
    }
    let config = DockerConfig::read(host)?;
    Ok(config.context.as_ref().map(|context| EngineChoice {
        engine: DOCKER,
        by: format!("the context {context:?} in {}", config.shown()),
    }))
}

/// Returns a text without the passwords in its addresses.
pub(super) fn without_password(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        let end = after.find(|c: char| c.is_whitespace() || "/\"'`".contains(c)).unwrap_or(after.len());
        let (authority, next) = after.split_at(end);
        shown.extend([before, "://"]);
        match authority.rsplit_once('@') {
            Some((user, at)) => shown.extend([user.split(':').next().unwrap_or_default(), "@", at]),
            None => shown.push_str(authority),
        }
        rest = next;
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use xtask_triple::Triple;

    fn by(variables: &[(&str, &str)]) -> Option<(&'static str, String)> {
        let variables = variables.iter().map(|(key, value)| ((*key).into(), (*value).into()));
        let host = Host::new(Triple::parse("x86_64-unknown-linux-gnu"), variables);
        chosen(&host).unwrap().map(|choice| (choice.engine, choice.by))
    }

    #[test]
    fn variables_choose_in_their_order() {
        assert_eq!(by(&[]), None);
        assert_eq!(by(&[("DOCKER_HOST", "")]), None);
        let host = ("DOCKER_HOST", "tcp://build:2375");
        let all = [("CONTAINER_HOST", "unix:///x"), ("DOCKER_CONTEXT", "far"), host];
        assert_eq!(by(&all), Some((DOCKER, "DOCKER_HOST=tcp://build:2375".into())));
        assert_eq!(by(&all[..2]), Some((DOCKER, "DOCKER_CONTEXT=far".into())));
        assert_eq!(by(&all[..1]), Some((PODMAN, "CONTAINER_HOST=unix:///x".into())));
    }

    #[test]
    fn no_password_is_shown() {
        for (address, shown) in [
            ("ssh://me:hunter2@build/run/docker.sock", "ssh://me@build/run/docker.sock"),
            ("tcp://me:a@b@build:1", "tcp://me@build:1"),
            ("ssh://me@build", "ssh://me@build"),
            ("tcp://[::1]:2375", "tcp://[::1]:2375"),
            ("unix:///run/a@b:c.sock", "unix:///run/a@b:c.sock"),
            ("fd://", "fd://"),
            ("no address", "no address"),
            (
                "cannot reach tcp://me:hunter2@a: \"ssh://u:hunter2@b\"",
                "cannot reach tcp://me@a: \"ssh://u@b\"",
            ),
        ] {
            assert_eq!(without_password(address), shown);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_context_counts_where_docker_is_here() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("config.json"), r#"{"currentContext": "far"}"#).unwrap();
        let variables = [("DOCKER_CONFIG".into(), dir.path().into()), ("PATH".into(), dir.path().into())];
        let host = Host::new(Triple::parse("x86_64-unknown-linux-gnu"), variables);
        assert_eq!(chosen(&host).unwrap(), None);
        xtask_test_support::folder::script(dir.path().join(DOCKER), "exit 0");
        let choice = chosen(&host).unwrap().unwrap();
        assert!(choice.by.starts_with("the context \"far\" in ") && choice.engine == DOCKER, "{choice:?}");
        std::fs::write(dir.path().join("config.json"), "{").unwrap();
        assert!(chosen(&host).is_err());
    }
}
