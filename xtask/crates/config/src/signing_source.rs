//! What signs a release: a key in PEM, a key that a service holds, or an identity (keyless).

use std::path::Path;

use super::key_source::KeySource;
use super::quote::quoted;
use xtask_files::error::{Error, Result};
use xtask_files::escape::masked;

/// The word for signatures without a key.
const KEYLESS: &str = "keyless";
/// The beginning of the address of a key in a hardware token (RFC 7512). It is the only one without `//`.
const PKCS11: &str = "pkcs11:";
/// The attribute of such an address whose value is a secret.
const PIN: &str = "pin-value";
/// The separator between the scheme of an address and the rest.
const SCHEME_END: &str = "://";

/// The source of signatures: a key, or an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SigningSource {
    /// A key in PEM. This program reads it.
    Pem(KeySource),
    /// A key in a key management service or a token. cosign requests the signatures.
    Service(KmsKey),
    /// An identity without a key: Sigstore certifies it for each signature, and cosign signs.
    Keyless,
}

/// The address of a key in a key management service, as `--key` of cosign takes it: `awskms:///alias/release`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KmsKey(String);

impl SigningSource {
    /// Reads `keyless`, an address (`SCHEME://KEY` or `pkcs11:…`), `env:` and the name of a variable, or the
    /// path of a file.
    ///
    /// # Errors
    /// The text is none of them. The error is a sentence for the user, without secrets.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        if text == KEYLESS {
            return Ok(Self::Keyless);
        }
        match KmsKey::parse(text)? {
            Some(key) => Ok(Self::Service(key)),
            None => KeySource::parse(text).map(Self::Pem),
        }
    }

    /// Reads the value of the flag `--key`.
    ///
    /// # Errors
    /// As for [`Self::parse`].
    pub fn of_flag(text: &str) -> Result<Self> {
        Self::parse(text).map_err(|why| Error::usage("--key cannot be used").found(why))
    }

    /// Returns the same source; the relative path of a file is resolved in `folder`.
    #[must_use]
    pub fn below(self, folder: &Path) -> Self {
        match self {
            Self::Pem(source) => Self::Pem(source.below(folder)),
            other => other,
        }
    }
}

impl KmsKey {
    /// Reads an address. Returns none if the text is a path or names a variable.
    fn parse(text: &str) -> std::result::Result<Option<Self>, String> {
        let (scheme, key) = match (text.strip_prefix(PKCS11), text.split_once(SCHEME_END)) {
            (Some(key), _) => ("pkcs11", key),
            (None, Some((scheme, key))) if is_scheme(scheme) => (scheme, key),
            _ => return Ok(None),
        };
        match scheme {
            "env" => return Err(format!("write `env:{key}` for the key in a variable")),
            "file" => return Err("write the path of the key, without `file://`".to_owned()),
            "http" | "https" => {
                return Err(
                    "a key is not fetched from a server; write the path of a file, `env:` and the name of a \
                            variable, or the address of a key in a key management service"
                        .to_owned(),
                );
            }
            _ => {}
        }
        let shown = quoted(&masked(text));
        if text.contains(PIN) {
            return Err(format!(
                "a PIN does not belong in the address of a key; give it in COSIGN_PKCS11_PIN, and remove `{PIN}`"
            ));
        }
        match key.trim_start_matches('/').is_empty()
            || text.contains(|c: char| c.is_whitespace() || c.is_control())
        {
            true => Err(format!("{shown} names no key of a key management service")),
            false => Ok(Some(Self(text.to_owned()))),
        }
    }

    /// Returns the address as cosign takes it.
    pub fn address(&self) -> &str {
        &self.0
    }

    /// Returns the scheme of the address: `awskms`, or the name of a plugin of cosign.
    pub fn scheme(&self) -> &str {
        self.0.split(':').next().unwrap_or_default()
    }
}

/// Returns whether a text can name a kind of service or a plugin.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+.-_".contains(&b))
}

impl std::fmt::Display for KmsKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the key {}", masked(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_that_cosign_takes_are_taken() {
        for (text, scheme) in [
            ("awskms:///arn:aws:kms:eu-west-1:123456789012:key/1234", "awskms"),
            ("awskms://localhost:4566/alias/release", "awskms"),
            ("gcpkms://projects/p/locations/global/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1", "gcpkms"),
            ("azurekms://vault.vault.azure.net/release", "azurekms"),
            ("hashivault://release", "hashivault"),
            ("k8s://ci/cosign", "k8s"),
            ("gitlab://group/project", "gitlab"),
            ("pkcs11:token=t;object=release?module-path=/usr/lib/softhsm/libsofthsm2.so", "pkcs11"),
            ("my-hsm://release", "my-hsm"),
        ] {
            let SigningSource::Service(key) = SigningSource::parse(text).unwrap() else { panic!("{text}") };
            assert_eq!((key.address(), key.scheme()), (text, scheme));
            assert_eq!(key.to_string(), format!("the key {text}"));
            let source = SigningSource::Service(key);
            assert_eq!(source.clone().below(Path::new("/ws")), source);
        }
        assert_eq!(SigningSource::parse("keyless"), Ok(SigningSource::Keyless));
    }

    #[test]
    fn files_and_variables_stay_what_they_are() {
        for text in ["key.pem", "/keys/a.pem", "./keyless", "env:KEY", "a b://c", "pkcs11"] {
            let source = KeySource::parse(text).unwrap();
            assert_eq!(SigningSource::parse(text), Ok(SigningSource::Pem(source)), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_its_secrets() {
        for (text, words) in [
            ("awskms://", "names no key"),
            ("awskms:///", "names no key"),
            ("pkcs11:", "names no key"),
            ("hashivault://a b", "names no key"),
            ("hashivault://u:hunter2@a b", "*@a b"),
            ("https://example.com/hunter2", "a key is not fetched"),
            ("file:///hunter2", "write the path"),
            ("env://KEY", "write `env:KEY`"),
            ("env:A B", "is not the name of a variable"),
            ("pkcs11:token=t?pin-value=hunter2", "COSIGN_PKCS11_PIN"),
            ("-----BEGIN PRIVATE KEY-----\nhunter2", "it is a key itself"),
        ] {
            let why = SigningSource::parse(text).unwrap_err();
            assert!(why.contains(words) && !why.contains("hunter2"), "{text}: {why}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "\\PC{0,40}|[a-z0-9]{0,8}://\\PC{0,20}|pkcs11:\\PC{0,20}") {
            let _ = SigningSource::parse(&text);
        }
    }
}
