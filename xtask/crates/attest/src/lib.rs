//! Signatures and attestations as documents: keys, in-toto statements, and the formats in which cosign and
//! Sigstore store them. This crate does not use the network.
//!
//! ```text
//! Statement ─→ Envelope (DSSE, signed) ─→ SigstoreBundle     a referrer of an image, or FILE.sigstore.json
//!                         └─────────────→ layer of sha256-….att
//! SimpleSigning (payload, signed) ──────→ layer of sha256-….sig
//! ```

pub mod bundle;
mod curve;
pub mod dsse;
pub mod key;
pub mod signing_key;
pub mod simple_signing;
pub mod statement;

pub use bundle::{BundleContent, SigstoreBundle};
pub use dsse::Envelope;
pub use key::{PrivateKey, PublicKey};
pub use signing_key::SigningKey;
pub use simple_signing::SimpleSigning;
pub use statement::{Statement, Subject};

/// Media types and annotations of documents that are attached to an image.
pub mod names {
    /// The media type of a Sigstore bundle, also the artifact type of the manifest that holds one.
    pub const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
    /// The media type of a DSSE envelope in a layer of `sha256-….att`.
    pub const ENVELOPE: &str = "application/vnd.dsse.envelope.v1+json";
    /// The media type of cosign's payload in a layer of `sha256-….sig`.
    pub const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
    /// The type of the payload of a DSSE envelope here: an in-toto statement.
    pub const IN_TOTO: &str = "application/vnd.in-toto+json";
    /// The annotation of a layer that holds the signature of its payload, in base64.
    pub const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
    /// The annotation of a layer of `sha256-….att` that names the type of its predicate.
    pub const PREDICATE_TYPE: &str = "predicateType";
    /// The annotation of a bundle's manifest that names the form of the bundle.
    pub const BUNDLE_CONTENT: &str = "dev.sigstore.bundle.content";
    /// The value of [`BUNDLE_CONTENT`] for a DSSE envelope.
    pub const DSSE_ENVELOPE: &str = "dsse-envelope";
    /// The annotation of a bundle's manifest that names the type of its predicate.
    pub const BUNDLE_PREDICATE_TYPE: &str = "dev.sigstore.bundle.predicateType";
    /// The type of the predicate by which cosign 3 marks a bundle as the signature of an image.
    pub const COSIGN_SIGN: &str = "https://sigstore.dev/cosign/sign/v1";
}
