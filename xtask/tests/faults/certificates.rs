//! Registries whose certificate is not good: the cause is named, and nothing is sent.

use xtask_test_support::between::Between;
use xtask_test_support::certificates::Certificates;
use xtask_test_support::process::Finished;
use xtask_test_support::registry::{RegistryServer, Settings};

use crate::made::MadeRelease;
use crate::ours::LIMIT;

/// The host that the proxy leads to the registry: this machine itself is spoken to without TLS.
const HOST: &str = "registry.test";

#[test]
fn a_bad_certificate_ends_a_run_before_anything_is_sent() {
    let test = "a_bad_certificate_ends_a_run_before_anything_is_sent";
    let Some(made) = Certificates::make(test, &format!("DNS:{HOST}")) else { return };
    let Some(foreign) = Certificates::make(test, &format!("DNS:{HOST}")) else { return };
    let release = MadeRelease::new(40, 50_000);
    let expired = made.expired(&format!("DNS:{HOST}"));
    let another = made.of_another("DNS:other.test,DNS:*.more.test,IP:192.0.2.1");
    let unknown =
        vec!["its certificate is not trusted: no authority that is trusted here signed it", "SSL_CERT_FILE"];
    for (certificate, authority, code, words) in [
        (
            expired,
            Some(&made),
            1,
            vec!["its certificate expired on 2020-01-02; the clock of this machine says 2", "help: renew"],
        ),
        (made.path("cert.pem"), Some(&foreign), 1, unknown.clone()),
        (made.path("cert.pem"), None, 1, unknown),
        (
            another,
            Some(&made),
            1,
            vec![
                "its certificate is for another host: other.test, *.more.test, 192.0.2.1",
                "help: use a name of the registry that its certificate has",
            ],
        ),
        // The certificate was all that was wrong.
        (made.path("cert.pem"), Some(&made), 0, vec!["Published"]),
    ] {
        let settings =
            Settings { tls: Some((certificate.clone(), made.path("key.pem"))), ..Settings::default() };
        let Some(server) = RegistryServer::start_with(test, settings) else { return };
        let proxy = Between::passing(&server.at);
        let cmd = release.publish(&format!("{HOST}/team/app"), &[]);
        let cmd = cmd.env("https_proxy", format!("http://{}", proxy.at));
        let cmd = match authority {
            Some(authority) => cmd.env("SSL_CERT_FILE", authority.path("ca.pem")),
            // Those that the system trusts, or Mozilla.
            None => cmd,
        };
        let run = Finished::new(&cmd, LIMIT).ended(code).says(&words);
        if code == 0 {
            continue;
        }
        // Its first request is for the tag. It is asked once, since another try would not help.
        assert!(
            run.stderr().starts_with("error: HEAD https://registry.test/v2/team/app/manifests/1.2.3: "),
            "{run}"
        );
        assert_eq!(proxy.lines(), [format!("CONNECT {HOST}:443 HTTP/1.1")], "{}", certificate.display());
        assert_eq!(run.stdout(), "");
        assert!(!server.storage.join("docker").exists(), "{}", certificate.display());
        assert!(!release.layout().join("../publish.json").exists());
    }
}
