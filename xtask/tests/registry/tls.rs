//! TLS against the real registry: its name leads to it through a proxy, since this machine itself is spoken to without.

use std::path::Path;

use xtask_test_support::certificates::Certificates;
use xtask_test_support::registry::{RegistryServer, Settings};

use crate::image::packed;
use crate::network::Between;
use crate::support::{AMD64, Machine};

#[test]
fn an_authority_of_ones_own_must_be_named() {
    let test = "an_authority_of_ones_own_must_be_named";
    let Some(made) = Certificates::make(test, "DNS:registry.test") else { return };
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
    let machine = Machine::with(&[proxied, ("SSL_CERT_DIR", made.dir())]);
    assert!(machine.base("registry.test/made:1", AMD64).is_ok());

    let text = Machine::with(&[proxied]).refused("registry.test/made:1");
    assert!(text.contains("its certificate is not trusted") && text.contains("SSL_CERT_FILE"), "{text}");
    let text = Machine::with(&[proxied, ("SSL_CERT_FILE", &ca)]).refused("other.test/made:1");
    assert!(text.contains("its certificate is for another host: registry.test\n"), "{text}");
    let none = made.path("key.pem");
    let text = Machine::with(&[proxied, ("SSL_CERT_FILE", &none)]).refused("registry.test/made:1");
    assert!(text.contains("name no certificate"), "{text}");

    // A registry without TLS is not spoken to in the clear because it does not answer otherwise.
    let proxy = Between::passing(&plain.at);
    let address = format!("http://{}", proxy.at);
    let text = Machine::with(&[("https_proxy", Path::new(&address))]).refused("registry.test/made:1");
    assert!(text.contains("does not speak TLS") && text.contains("XTASK_PLAIN_HTTP"), "{text}");
}
