//! Decides whether a tag may move. The tag of one release stays. Any other tag moves only to a later version.

use super::PlannedTag;
use xtask_config::Version;
use xtask_oci::Digest;

/// The decision about a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagFate {
    /// The tag points at the image already.
    Unchanged,
    /// The tag is new, or moves to the image.
    Moves,
    /// The tag stays where it is, for this reason.
    Stays(String),
    /// The tag must not move, for this reason. The run ends.
    Refused(String),
}

/// The image at a tag in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagTarget {
    /// The digest of the manifest or the index.
    pub digest: Digest,
    /// The version in the annotation `org.opencontainers.image.version`, or none if there is no valid one.
    pub version: Option<Version>,
}

/// Decides about a tag that is to point at `ours`, the image of `version`.
pub fn fate(
    tag: &PlannedTag,
    ours: &Digest,
    version: &Version,
    there: Option<&TagTarget>,
    force: bool,
) -> TagFate {
    if there.is_some_and(|there| there.digest == *ours) {
        return TagFate::Unchanged;
    }
    if tag.fixed {
        return match there {
            Some(there) if !force => {
                TagFate::Refused(format!("it points at another image, {}", there.digest))
            }
            _ => TagFate::Moves,
        };
    }
    // Users of a pre-release name its version.
    if !version.pre.is_empty() && !force {
        return TagFate::Stays(format!("{version} is a pre-release"));
    }
    match there {
        Some(TagTarget { version: Some(newer), .. }) if newer.cmp_precedence(version).is_gt() && !force => {
            TagFate::Stays(format!("it points at the later version {newer}"))
        }
        _ => TagFate::Moves,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_a_release_stay_and_others_move_forward() {
        let (ours, other) = (Digest::of(b"ours"), Digest::of(b"other"));
        let decide = |fixed: bool, version: &str, there: Option<(&Digest, Option<&str>)>, force: bool| {
            let there = there.map(|(digest, version)| TagTarget {
                digest: digest.clone(),
                version: version.map(|version| version.parse().unwrap()),
            });
            fate(
                &PlannedTag { tag: "t".into(), fixed },
                &ours,
                &version.parse().unwrap(),
                there.as_ref(),
                force,
            )
        };
        for fixed in [true, false] {
            assert_eq!(decide(fixed, "1.0.0", None, false), TagFate::Moves);
            assert_eq!(decide(fixed, "1.0.0", Some((&ours, Some("9.0.0"))), false), TagFate::Unchanged);
            assert_eq!(decide(fixed, "1.0.0", Some((&other, Some("9.0.0"))), true), TagFate::Moves);
        }
        assert!(matches!(decide(true, "1.0.0", Some((&other, None)), false), TagFate::Refused(_)));
        assert!(matches!(decide(true, "1.0.0", Some((&other, Some("0.9.0"))), false), TagFate::Refused(_)));
        assert_eq!(decide(true, "1.0.0-rc.1", None, false), TagFate::Moves);
        for (version, there, moves) in [
            ("1.0.0", Some("0.9.9"), true),
            ("1.0.0", Some("1.0.0-rc.1"), true),
            ("1.0.0", Some("1.0.0"), true),
            ("1.0.0+b", Some("1.0.0+a"), true),
            ("1.0.0", None, true),
            ("1.10.0", Some("1.9.0"), true),
            ("1.9.0", Some("1.10.0"), false),
            ("2.0.0-rc.1", Some("1.0.0"), false),
        ] {
            let fate = decide(false, version, Some((&other, there)), false);
            assert_eq!(fate == TagFate::Moves, moves, "{version} after {there:?}: {fate:?}");
        }
    }
}
