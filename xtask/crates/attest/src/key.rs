//! P-256 keys in PEM: private ones as PKCS#8 or SEC1, public ones as SubjectPublicKeyInfo, as openssl and
//! cosign write them.

use std::fmt;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{PrivateKeyDer, SubjectPublicKeyInfoDer};
use xtask_files::error::{Error, Result};
use xtask_oci::Digest;

use crate::curve::{self, SPKI_HEAD};

/// The command that makes a private key.
const MAKE: &str = "make one: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem";
/// The command that gets the public key of a private one.
const PUBLIC_OF: &str = "its public key: openssl pkey -in key.pem -pubout -out key.pub";

/// A private key for signing. Its `Debug` output does not contain the key.
pub struct PrivateKey {
    signer: curve::Private,
    public: PublicKey,
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.public.hint())
    }
}

impl PrivateKey {
    /// Reads a private key in PEM. `whence` names the source of the text: `the file key.pem`,
    /// `XTASK_SIGNING_KEY`.
    ///
    /// # Errors
    /// The text has no private key, an encrypted one, or one that is not on the curve P-256. The error
    /// contains no part of the text.
    pub fn from_pem(text: &str, whence: &str) -> Result<Self> {
        supported()?;
        let unusable = |why: &str| Error::usage(format!("{whence} cannot sign: {why}"));
        let labels = labels(text);
        let has = |label: &str| labels.contains(&label);
        if let Some(label) = labels.iter().find(|label| label.starts_with("ENCRYPTED ")) {
            let unusable = unusable("the private key in it is encrypted").found(format!("it is {label}"));
            return Err(match label.contains("COSIGN") || label.contains("SIGSTORE") {
                true => unusable
                    .help("let cosign sign, which asks for the password: cosign sign --key cosign.key REPOSITORY@DIGEST")
                    .help(format!("or use a key that is not encrypted, from a secret of the CI; {MAKE}")),
                false => unusable.help("decrypt it: openssl pkey -in encrypted.pem -out key.pem"),
            });
        }
        let read = PrivateKeyDer::from_pem_slice(text.as_bytes());
        let signer = match &read {
            Ok(PrivateKeyDer::Pkcs8(der)) => curve::from_pkcs8(der.secret_pkcs8_der()),
            Ok(PrivateKeyDer::Sec1(der)) => curve::from_sec1(der.secret_sec1_der()),
            Ok(_) => return Err(unusable("it is an RSA key; a key on the curve P-256 is needed").help(MAKE)),
            Err(_) if has("PUBLIC KEY") => {
                return Err(unusable("it is a public key; a private key is needed").help(MAKE));
            }
            Err(_) if labels.iter().any(|label| label.ends_with("PRIVATE KEY")) => {
                return Err(unusable("the private key in it is cut off or damaged").help(MAKE));
            }
            Err(_) => return Err(unusable("it contains no private key in PEM").help(MAKE)),
        };
        let signer = signer.ok_or_else(|| unusable("the key is not on the curve P-256").help(MAKE))?;
        let public = curve::spki(&signer).and_then(PublicKey::from_spki);
        let public = public.ok_or_else(|| unusable("its public key cannot be computed"))?;
        Ok(Self { signer, public })
    }

    /// Makes a new private key, in PEM. This is for rehearsals: a key that signs something is made by its owner.
    ///
    /// # Errors
    /// The system provides no random numbers, or there are no keys on this processor.
    pub fn generate_pem() -> Result<String> {
        supported()?;
        let der = curve::generated();
        let der =
            der.ok_or_else(|| Error::failed("cannot make a key: the system provides no random numbers"))?;
        Ok(pem("PRIVATE KEY", &der))
    }

    /// Signs a message that is given in parts. Returns the signature in DER: ECDSA over P-256 with SHA-256.
    /// Two signatures of one message differ, because each uses random numbers.
    ///
    /// # Errors
    /// The system provides no random numbers.
    pub fn sign(&self, message: &[&[u8]]) -> Result<Vec<u8>> {
        let signed = curve::sign(&self.signer, message);
        signed.ok_or_else(|| Error::failed("cannot sign: the system provides no random numbers"))
    }

    /// Returns the public key.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }
}

/// A public key for verifying signatures.
pub struct PublicKey {
    verifier: curve::Public,
    spki: Vec<u8>,
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.hint())
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.spki == other.spki
    }
}

impl Eq for PublicKey {}

impl PublicKey {
    /// Reads a public key in PEM. `whence` names the source of the text.
    ///
    /// # Errors
    /// The text has no public key on the curve P-256, or it has a private key.
    pub fn from_pem(text: &str, whence: &str) -> Result<Self> {
        supported()?;
        let unusable = |why: &str| Error::usage(format!("{whence} cannot verify: {why}"));
        match SubjectPublicKeyInfoDer::from_pem_slice(text.as_bytes()) {
            Ok(der) => {
                Self::from_spki(der.to_vec()).ok_or_else(|| unusable("the key is not on the curve P-256"))
            }
            Err(_) if labels(text).iter().any(|label| label.ends_with("PRIVATE KEY")) => {
                Err(unusable("it is a private key; the public key is needed").help(PUBLIC_OF))
            }
            Err(_) => Err(unusable("it contains no public key in PEM").help(PUBLIC_OF)),
        }
    }

    fn from_spki(spki: Vec<u8>) -> Option<Self> {
        let point = spki.strip_prefix(SPKI_HEAD.as_slice())?;
        let verifier = curve::from_point(point)?;
        Some(Self { verifier, spki })
    }

    /// Returns whether a signature in DER belongs to a message, which is given in parts.
    pub fn verifies(&self, message: &[&[u8]], signature: &[u8]) -> bool {
        curve::verifies(&self.verifier, message, signature)
    }

    /// Returns the name of the key in bundles: base64 of the SHA-256 of its SubjectPublicKeyInfo.
    pub fn hint(&self) -> String {
        BASE64_STANDARD.encode(Digest::of(&self.spki).bytes())
    }

    /// Returns the key in PEM.
    pub fn to_pem(&self) -> String {
        pem("PUBLIC KEY", &self.spki)
    }
}

/// Returns bytes as a section of PEM, in lines of 64 characters.
fn pem(label: &str, der: &[u8]) -> String {
    let coded = BASE64_STANDARD.encode(der);
    let lines: Vec<&str> =
        (0..coded.len()).step_by(64).map(|at| &coded[at..coded.len().min(at + 64)]).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// Returns the labels of the sections that begin in a text.
fn labels(text: &str) -> Vec<&str> {
    let begins = text.lines().filter_map(|line| line.trim().strip_prefix("-----BEGIN "));
    begins.filter_map(|line| line.strip_suffix("-----")).collect()
}

fn supported() -> Result<()> {
    let lacks = xtask_process::processor::lacks();
    if lacks.is_empty() {
        return Ok(());
    }
    Err(Error::missing("signatures are not supported on this processor")
        .found(format!("it lacks {}", lacks.join(", ")))
        .help("sign and verify on another machine, or with cosign"))
}

#[cfg(test)]
pub(crate) mod tests;
