//! What a TLS handshake that failed means, by the types of rustls.

use rustls::{CertificateError, InvalidMessage};
use xtask_oci::document::rfc3339;

/// The most names of a certificate that are listed.
const NAMES: usize = 5;

/// What to do where an authority is not known.
const AUTHORITY: &str =
    "if an authority of your own signed it, name the certificate of that authority in SSL_CERT_FILE";

/// Why a handshake failed, and what helps.
pub(super) struct HandshakeFault {
    /// What was found, for a person.
    pub(super) words: String,
    /// What to do about it.
    pub(super) help: &'static str,
}

/// Judges an error that a handshake with `host` ended with. None for one of which the connection is the cause, so that another
/// try may help.
pub(super) fn judge(error: &ureq::Error, host: &str) -> Option<HandshakeFault> {
    let error = match error {
        ureq::Error::Rustls(error) => error,
        ureq::Error::Io(error) => error.get_ref()?.downcast_ref::<rustls::Error>()?,
        _ => return None,
    };
    let fault = |words: String, help| Some(HandshakeFault { words, help });
    match error {
        rustls::Error::InvalidCertificate(error) => {
            let (words, help) = certificate(error);
            fault(words, help)
        }
        // What came is no TLS at all.
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => fault(
            format!("{host} does not speak TLS"),
            "if it speaks plain HTTP, name the host in XTASK_PLAIN_HTTP",
        ),
        _ => None,
    }
}

/// What is wrong with a certificate.
fn certificate(error: &CertificateError) -> (String, &'static str) {
    let date = |seconds: u64| rfc3339(seconds).chars().take(10).collect::<String>();
    match error {
        CertificateError::ExpiredContext { time, not_after } => (
            format!(
                "its certificate expired on {}; the clock of this machine says {}",
                date(not_after.as_secs()),
                date(time.as_secs())
            ),
            "renew the certificate of the registry, or set the clock of this machine",
        ),
        CertificateError::NotValidYetContext { time, not_before } => (
            format!(
                "its certificate is valid from {} on; the clock of this machine says {}",
                date(not_before.as_secs()),
                date(time.as_secs())
            ),
            "set the clock of this machine, or of the one that made the certificate",
        ),
        // The second: of an authority that has the name of one that is trusted, and another key.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => (
            "its certificate is not trusted: no authority that is trusted here signed it".to_owned(),
            AUTHORITY,
        ),
        CertificateError::NotValidForNameContext { presented, .. } => {
            let names: Vec<&str> = presented.iter().take(NAMES).map(|name| bare(name)).collect();
            let more = if presented.len() > NAMES { " and others" } else { "" };
            let names = if names.is_empty() { "no host".to_owned() } else { names.join(", ") };
            (
                format!("its certificate is for another host: {names}{more}"),
                "use a name of the registry that its certificate has, or make a certificate for this one",
            )
        }
        error => (format!("its certificate is not trusted: {error}"), AUTHORITY),
    }
}

/// A name as people write it, of one as rustls says it: `DnsName("registry.test")`, `IpAddress(192.0.2.1)`.
fn bare(name: &str) -> &str {
    let inside = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
    inside.trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_certificates() {
        assert_eq!(bare("DnsName(\"registry.test\")"), "registry.test");
        assert_eq!(bare("IpAddress(192.0.2.1)"), "192.0.2.1");
        assert_eq!(bare("else"), "else");
    }

    #[test]
    fn what_has_no_names_is_for_no_host() {
        let expected = rustls::pki_types::ServerName::try_from("r.example").unwrap().to_owned();
        let error = CertificateError::NotValidForNameContext { expected, presented: Vec::new() };
        assert_eq!(certificate(&error).0, "its certificate is for another host: no host");
    }
}
