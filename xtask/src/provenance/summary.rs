//! Verification summaries (VSA): the statement that an image was verified and built again with the same result
//! (<https://slsa.dev/spec/v1.0/verification_summary>).

use serde_json::{Value, json};
use xtask_attest::{Statement, Subject};
use xtask_oci::Digest;
use xtask_oci::document::rfc3339;

use super::types;

/// An attestation that a verification took into account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputAttestation {
    /// The address that its document can be fetched from.
    pub uri: String,
    /// The digest of the document.
    pub digest: Digest,
}

/// Makes the summary of a verification that passed.
///
/// `subjects` are the index and the platforms that were made again, `resource` is the package URL of the image, `seconds`
/// is the time of the verification, in seconds since 1970. The level is SLSA's first: there is provenance that a key
/// signed. Nothing here can tell where the first build ran, which the higher levels are about.
pub fn passed(subjects: &[Digest], resource: &str, inputs: &[InputAttestation], seconds: u64) -> Statement {
    let inputs: Vec<Value> = inputs
        .iter()
        .map(|input| json!({"uri": input.uri, "digest": {"sha256": input.digest.hex()}}))
        .collect();
    let predicate = json!({
        "verifier": {"id": types::VERIFIER, "version": {"cargo-xtask": env!("CARGO_PKG_VERSION")}},
        "timeVerified": rfc3339(seconds),
        "resourceUri": resource,
        "policy": {"uri": types::REBUILD},
        "inputAttestations": inputs,
        "verificationResult": "PASSED",
        "verifiedLevels": ["SLSA_BUILD_LEVEL_1", "XTASK_REPRODUCED"],
        "slsaVersion": "1.0",
    });
    let subjects = subjects.iter().map(|digest| Subject::new(None, digest)).collect();
    Statement::new(subjects, types::VSA, predicate)
}

/// Whether two summaries say the same but for the time of the verification.
pub fn says_the_same(one: &Statement, other: &Statement) -> bool {
    let timeless = |statement: &Statement| {
        let mut statement = statement.clone();
        if let Some(predicate) = statement.predicate.as_object_mut() {
            predicate.remove("timeVerified");
        }
        statement
    };
    timeless(one) == timeless(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_has_what_slsa_requires() {
        let digest = Digest::of(b"index");
        let input =
            InputAttestation { uri: "https://r.example/v2/a/blobs/x".into(), digest: Digest::of(b"p") };
        let summary = passed(std::slice::from_ref(&digest), "pkg:oci/app", &[input], 86_400);
        assert!(summary.is_about(&digest));
        assert_eq!(summary.predicate_type, "https://slsa.dev/verification_summary/v1");
        let predicate = &summary.predicate;
        assert_eq!(predicate["timeVerified"], "1970-01-02T00:00:00Z");
        assert_eq!(predicate["verificationResult"], "PASSED");
        assert_eq!(predicate["policy"]["uri"], "urn:cargo-xtask:rebuild:v1");
        assert_eq!(predicate["inputAttestations"][0]["digest"]["sha256"], Digest::of(b"p").hex());
        // Custom levels must not begin as those of SLSA do.
        assert_eq!(predicate["verifiedLevels"], json!(["SLSA_BUILD_LEVEL_1", "XTASK_REPRODUCED"]));
        let later = passed(std::slice::from_ref(&digest), "pkg:oci/app", &[], 86_401);
        assert!(!says_the_same(&summary, &later));
        let earlier = passed(&[digest], "pkg:oci/app", &[], 1);
        assert!(says_the_same(&earlier, &later));
    }
}
