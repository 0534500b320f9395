//! The name of a registry, and the address of its API.

use std::fmt;
use std::net::IpAddr;

/// The default registry of a name without one.
const DOCKER: &str = "docker.io";
/// The host of its API. `docker.io` itself is a web page.
const DOCKER_AT: &str = "registry-1.docker.io";
/// Docker's older name for it.
const DOCKER_INDEX: &str = "index.docker.io";
/// The key of its credentials, from Docker's first protocol.
const DOCKER_CREDENTIALS: &str = "https://index.docker.io/v1/";

/// A registry: a host with an optional port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Registry(String);

impl Registry {
    /// Returns Docker's own registry, `docker.io`.
    pub fn docker() -> Self {
        Self(DOCKER.to_owned())
    }

    /// Parses `host`, `host:port`, `[::1]` or `[::1]:port`. Returns none for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        if text == DOCKER_INDEX {
            return Some(Self::docker());
        }
        let (host, port) = split_port(text)?;
        let label = |label: &str| {
            let inside = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
            !label.is_empty() && label.bytes().all(inside) && !label.starts_with('-') && !label.ends_with('-')
        };
        let named = match host.strip_prefix('[') {
            Some(rest) => rest.strip_suffix(']')?.parse::<std::net::Ipv6Addr>().is_ok(),
            None => host.split('.').all(label),
        };
        let numbered = port.is_none_or(|port| {
            port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
        });
        (named && numbered).then(|| Self(text.to_owned()))
    }

    /// Returns the registry's name as a reference spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the key of its credentials in Docker's `config.json`.
    pub fn credentials_key(&self) -> &str {
        if self.0 == DOCKER { DOCKER_CREDENTIALS } else { &self.0 }
    }

    /// Returns the address of its API, without `/v2/`. Plain HTTP is used for a registry on this machine, and
    /// for those named in `plain` (`XTASK_PLAIN_HTTP`, hosts separated by commas). `NAME=HOST` there has the
    /// registry at another host; the name `*` is every registry.
    pub fn base(&self, plain: Option<&str>) -> String {
        let host = if self.0 == DOCKER { DOCKER_AT } else { &self.0 };
        let at = |entry: &'_ str| -> Option<String> {
            let (name, at) = entry.trim().split_once('=').unwrap_or((entry.trim(), host));
            (name == self.0 || (name == "*" && at != host)).then(|| at.to_owned())
        };
        if let Some(at) = plain.and_then(|list| list.split(',').find_map(at)) {
            return format!("http://{at}");
        }
        let scheme = if is_local(host) { "http" } else { "https" };
        format!("{scheme}://{host}")
    }
}

impl fmt::Display for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Splits an authority into host and port. Returns none if there is more than one colon outside of brackets.
fn split_port(text: &str) -> Option<(&str, Option<&str>)> {
    if text.starts_with('[') {
        let end = text.find(']')? + 1;
        return match &text[end..] {
            "" => Some((text, None)),
            rest => rest.strip_prefix(':').map(|port| (&text[..end], Some(port))),
        };
    }
    match text.split_once(':') {
        Some((host, port)) => (!port.contains(':')).then_some((host, Some(port))),
        None => Some((text, None)),
    }
}

/// Returns whether a host, with or without a port, is this machine: `localhost`, 127.0.0.0/8 or ::1.
pub(super) fn is_local(authority: &str) -> bool {
    let Some((host, _)) = split_port(authority) else { return false };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_spoken_to_in_the_clear() {
        let base = |text: &str, plain: Option<&str>| Registry::parse(text).unwrap().base(plain);
        assert_eq!(base("localhost:5000", None), "http://localhost:5000");
        assert_eq!(base("127.0.0.9", None), "http://127.0.0.9");
        assert_eq!(base("[::1]:80", None), "http://[::1]:80");
        assert_eq!(base("128.0.0.1:5000", None), "https://128.0.0.1:5000");
        assert_eq!(base("localhost.example.com", None), "https://localhost.example.com");
        assert_eq!(base("registry.lan:5000", Some("other, registry.lan:5000")), "http://registry.lan:5000");
        assert_eq!(base("registry.lan", Some("registry.lan:5000")), "https://registry.lan");
        assert_eq!(base("ghcr.io", Some("a=b, ghcr.io=[::1]:5000")), "http://[::1]:5000");
        assert_eq!(base("docker.io", Some("*=127.0.0.1:5000")), "http://127.0.0.1:5000");
        assert_eq!(base("ghcr.io", Some("*")), "https://ghcr.io");
        assert_eq!(base("docker.io", None), "https://registry-1.docker.io");
        assert_eq!(base("index.docker.io", None), "https://registry-1.docker.io");
    }

    #[test]
    fn where_credentials_are_kept() {
        assert_eq!(Registry::docker().credentials_key(), "https://index.docker.io/v1/");
        assert_eq!(Registry::parse("ghcr.io").unwrap().credentials_key(), "ghcr.io");
    }
}
