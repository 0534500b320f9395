//! Keys that sign: a private key in this process, or a key that another program holds.

use std::fmt::Debug;

use xtask_files::error::Result;

use crate::key::{PrivateKey, PublicKey};

/// A P-256 key that signs messages.
pub trait SigningKey: Debug + Send + Sync {
    /// Signs a message that is given in parts. Returns the signature in DER: ECDSA over P-256 with SHA-256.
    ///
    /// # Errors
    /// The key cannot be used.
    fn sign(&self, message: &[&[u8]]) -> Result<Vec<u8>>;

    /// Returns the public key that verifies the signatures.
    fn public(&self) -> &PublicKey;
}

impl SigningKey for PrivateKey {
    fn sign(&self, message: &[&[u8]]) -> Result<Vec<u8>> {
        PrivateKey::sign(self, message)
    }

    fn public(&self) -> &PublicKey {
        PrivateKey::public(self)
    }
}
