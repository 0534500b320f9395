//! Selects the proxy for an address, from the variables that curl and Docker read. Pure.

use xtask_process::host::Host;

/// The proxies of this machine.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Proxies {
    /// The proxy for `https` addresses.
    pub(super) https: Option<String>,
    /// The proxy for `http` addresses.
    pub(super) http: Option<String>,
    /// The hosts that are reached without a proxy.
    except: Vec<String>,
}

impl Proxies {
    /// Reads `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`. The spelling in lower case takes
    /// precedence.
    pub(super) fn read(host: &Host) -> Self {
        let var =
            |name: &str| host.var(&name.to_ascii_lowercase()).or_else(|| host.var(name)).map(str::to_owned);
        let all = var("ALL_PROXY");
        let except = var("NO_PROXY").unwrap_or_default();
        let except = except.split([',', ' ']).map(|entry| entry.trim().to_ascii_lowercase());
        Self {
            https: var("HTTPS_PROXY").or_else(|| all.clone()),
            http: var("HTTP_PROXY").or(all),
            except: except.filter(|entry| !entry.is_empty()).collect(),
        }
    }

    /// Returns the proxy for an address with this scheme and authority. This machine is always reached
    /// without a proxy, as in Go's programs.
    pub(super) fn pick(&self, scheme: &str, authority: &str) -> Option<&str> {
        let proxy = if scheme == "https" { &self.https } else { &self.http };
        let authority = authority.to_ascii_lowercase();
        let direct = super::host::is_local(&authority) || self.except.iter().any(|e| excepts(e, &authority));
        proxy.as_deref().filter(|_| !direct)
    }
}

/// Returns whether an entry of `NO_PROXY` covers a host: `*`, the host itself, or one of its domains, each
/// with or without a port.
fn excepts(entry: &str, authority: &str) -> bool {
    let host = match authority.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit())) {
        Some((host, _)) => host,
        None => authority,
    };
    let domain = entry.trim_start_matches('*').trim_start_matches('.');
    let inside =
        |name: &str| name == domain || name.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    entry == "*" || (!domain.is_empty() && (inside(host) || inside(authority)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use xtask_triple::Triple;

    fn proxies(vars: &[(&str, &str)]) -> Proxies {
        let vars = vars.iter().map(|(k, v)| ((*k).into(), (*v).into()));
        Proxies::read(&Host::new(Triple::parse("x86_64-unknown-linux-gnu"), vars))
    }

    #[test]
    fn the_scheme_and_the_host_decide() {
        let some = proxies(&[
            ("HTTPS_PROXY", "http://upper"),
            ("https_proxy", "http://s"),
            ("ALL_PROXY", "http://all"),
            ("NO_PROXY", "lan, .corp,10.0.0.1:5000, *.x.y"),
        ]);
        assert_eq!(some.pick("https", "ghcr.io"), Some("http://s"));
        assert_eq!(some.pick("http", "ghcr.io:80"), Some("http://all"));
        for direct in [
            "lan",
            "r.lan",
            "R.LAN:5000",
            "corp",
            "a.corp",
            "10.0.0.1:5000",
            "a.x.y",
            "localhost:1",
            "[::1]:2",
        ] {
            assert_eq!(some.pick("https", direct), None, "{direct}");
        }
        for proxied in ["notlan", "10.0.0.1", "10.0.0.1:5001", "corp.example"] {
            assert!(some.pick("https", proxied).is_some(), "{proxied}");
        }
        assert_eq!(proxies(&[("NO_PROXY", "*"), ("ALL_PROXY", "x")]).pick("http", "any"), None);
        assert_eq!(proxies(&[]).pick("https", "any"), None);
    }
}
