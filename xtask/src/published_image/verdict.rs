//! The verdict on a published image: its checks, and the statements that were read for them.

use serde::Serialize;
use serde_json::Value;
use xtask_oci::Digest;
use xtask_oci::document::Descriptor;

/// One check and its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageCheck {
    /// The subject of the check: `index`, `image`, or a platform.
    pub subject: String,
    /// The name of the check.
    pub check: String,
    /// The result.
    pub status: ImageCheckStatus,
    /// The finding, as text for a person.
    pub detail: String,
    /// Whether the program contains C of a package, by the purity statement. Only in the check `C`; none if it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contains_c: Option<bool>,
}

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageCheckStatus {
    /// The check passed.
    Pass,
    /// The check failed.
    Fail,
    /// Nothing was checked, for the reason in the detail.
    NotChecked,
}

/// A statement about a manifest that is attached to it and signed by the key.
#[derive(Debug, Clone, PartialEq)]
pub struct SignedStatement {
    /// The type of the predicate.
    pub predicate_type: String,
    /// The predicate.
    pub predicate: Value,
    /// The digest of the document that holds the statement and its signature.
    pub document: Digest,
}

/// A manifest of a published image, with the statements of the key about it.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedSubject {
    /// The name of the manifest in checks: `index`, `image`, or a platform.
    pub name: String,
    /// The manifest.
    pub descriptor: Descriptor,
    /// The statements that the key signed, one of each type.
    pub statements: Vec<SignedStatement>,
}

impl VerifiedSubject {
    /// Returns the predicate of a type, or none if the key signed no such statement.
    pub fn predicate(&self, kind: &str) -> Option<&Value> {
        self.statements.iter().find(|said| said.predicate_type == kind).map(|said| &said.predicate)
    }
}

/// A published image with the results of all checks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ImageVerdict {
    /// The reference of the command line.
    #[serde(rename = "ref")]
    pub reference: String,
    /// The digest of the manifest or index at the reference.
    pub digest: Digest,
    /// Whether no check failed.
    pub ok: bool,
    /// Every check, in order.
    pub checks: Vec<ImageCheck>,
    /// The index, if there is one, and the manifests of the platforms.
    #[serde(skip)]
    pub subjects: Vec<VerifiedSubject>,
}

impl ImageVerdict {
    /// Adds the result of a check.
    pub fn add(&mut self, subject: &str, check: &str, status: ImageCheckStatus, detail: String) {
        self.ok &= status != ImageCheckStatus::Fail;
        let (subject, check) = (subject.to_owned(), check.to_owned());
        self.checks.push(ImageCheck { subject, check, status, detail, contains_c: None });
    }

    /// Adds a check that passed.
    pub(super) fn pass(&mut self, subject: &str, check: &str, detail: String) {
        self.add(subject, check, ImageCheckStatus::Pass, detail);
    }

    /// Adds a check that failed.
    pub(super) fn fail(&mut self, subject: &str, check: &str, detail: String) {
        self.add(subject, check, ImageCheckStatus::Fail, detail);
    }

    /// Adds a check that was not made, and why.
    pub(super) fn not(&mut self, subject: &str, check: &str, why: String) {
        self.add(subject, check, ImageCheckStatus::NotChecked, why);
    }
}
