//! TLS against the real registry: its name leads to it through a proxy, since this machine itself is spoken to without.

use std::path::{Path, PathBuf};

use xtask_process::exec::Cmd;
use xtask_test_support::process::run;
use xtask_test_support::registry::{RegistryServer, Settings};
use xtask_test_support::skip::have;

use crate::image::packed;
use crate::network::Between;
use crate::support::{AMD64, Machine};

/// Certificates that a test makes: an authority, and a registry's that it signed.
pub(crate) struct Certificates {
    dir: tempfile::TempDir,
}

impl Certificates {
    /// For `registry.test`.
    pub(crate) fn make(test: &str) -> Option<Self> {
        let openssl = have(test, "openssl")?;
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let new =
            ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
        let openssl = || Cmd::new(&openssl);
        run(&openssl()
            .args(new)
            .args(["-subj", "/CN=test authority", "-keyout"])
            .arg(at("ca.key"))
            .arg("-out")
            .arg(at("ca.pem")));
        let leaf =
            ["-addext", "subjectAltName=DNS:registry.test", "-addext", "basicConstraints=critical,CA:FALSE"];
        run(&openssl()
            .args(new)
            .args(["-subj", "/CN=registry.test"])
            .args(leaf)
            .arg("-CA")
            .arg(at("ca.pem"))
            .arg("-CAkey")
            .arg(at("ca.key"))
            .arg("-keyout")
            .arg(at("key.pem"))
            .arg("-out")
            .arg(at("cert.pem")));
        Some(Self { dir })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

#[test]
fn an_authority_of_ones_own_must_be_named() {
    let test = "an_authority_of_ones_own_must_be_named";
    let Some(made) = Certificates::make(test) else { return };
    let Some(plain) = RegistryServer::start(test) else { return };
    plain.push(&packed(plain.dir(), "one"), "made:1", &[]);
    let tls = Some((made.path("cert.pem"), made.path("key.pem")));
    let settings = Settings { tls, storage: Some(plain.storage.clone()), ..Settings::default() };
    let Some(server) = RegistryServer::start_with(test, settings) else { return };
    let proxy = Between::passing(&server.at);
    let address = format!("http://{}", proxy.at);
    let proxied = ("https_proxy", Path::new(&address));

    let ca = made.path("ca.pem");
    let machine = Machine::with(&[proxied, ("SSL_CERT_FILE", &ca)]);
    assert!(machine.base("registry.test/made:1", AMD64).is_ok());
    assert!(proxy.lines().iter().all(|line| line.starts_with("CONNECT registry.test:443 ")));
    let machine = Machine::with(&[proxied, ("SSL_CERT_DIR", made.dir.path())]);
    assert!(machine.base("registry.test/made:1", AMD64).is_ok());

    let text = Machine::with(&[proxied]).refused("registry.test/made:1");
    assert!(text.contains("its certificate is not trusted") && text.contains("SSL_CERT_FILE"), "{text}");
    let text = Machine::with(&[proxied, ("SSL_CERT_FILE", &ca)]).refused("other.test/made:1");
    assert!(text.contains("its certificate is not trusted"), "another name: {text}");
    let none = made.path("key.pem");
    let text = Machine::with(&[proxied, ("SSL_CERT_FILE", &none)]).refused("registry.test/made:1");
    assert!(text.contains("name no certificate"), "{text}");

    // A registry without TLS is not spoken to in the clear because it does not answer otherwise.
    let proxy = Between::passing(&plain.at);
    let address = format!("http://{}", proxy.at);
    let text = Machine::with(&[("https_proxy", Path::new(&address))]).refused("registry.test/made:1");
    assert!(text.contains("does not speak TLS") && text.contains("XTASK_PLAIN_HTTP"), "{text}");
}
