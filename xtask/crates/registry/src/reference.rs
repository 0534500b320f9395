//! References to images, parsed by the rules of Docker: `debian`, `ghcr.io/owner/name:tag`,
//! `localhost:5000/x@sha256:…`.

use std::fmt;

use super::host::Registry;
use xtask_files::error::{Error, Result};
use xtask_files::escape::masked;
use xtask_oci::Digest;
use xtask_oci::grammar::{TAG_MAX, is_component, is_tag};

/// The path of official images on the default registry.
const OFFICIAL: &str = "library";
/// The maximum length of a repository's name with its registry, in bytes (distribution's
/// `NameTotalLengthMax`).
const NAME_MAX: usize = 255;
/// The default tag of a reference without tag and digest.
const LATEST: &str = "latest";

/// An image on a registry. It always has a tag or a digest. If it has both, the digest decides, and the tag
/// is only for people.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    registry: Registry,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl Reference {
    /// Parses a reference. The part before the first `/` is a registry if it has a `.`, a `:` or a capital
    /// letter, or is `localhost`. Otherwise the registry is Docker's own, where a name without `/` means an
    /// official image.
    ///
    /// # Errors
    /// The text is not a reference. The error names the part that is wrong.
    pub fn parse(text: &str) -> Result<Self> {
        let shown = masked(text);
        let bad = |why: String| {
            Error::usage(format!("{shown:?} is not a reference to an image")).found(masked(&why))
        };
        if let Some((scheme, rest)) = text.split_once("://") {
            return Err(bad(format!("it begins with `{scheme}://`"))
                .help(format!("write {}", rest.rsplit_once('@').map_or(rest, |(_, rest)| rest))));
        }
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => {
                let digest = Digest::parse(digest).ok_or_else(|| {
                    bad(format!(
                        "{digest:?} is not a digest: write `sha256:` and 64 of the digits 0 to 9, a to f"
                    ))
                })?;
                (name, Some(digest))
            }
            None => (text, None),
        };
        // A colon before the last slash belongs to a port.
        let (name, tag) = match name.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')) {
            Some((name, tag)) => (name, Some(tag)),
            None => (name, None),
        };
        if let Some(tag) = tag.filter(|tag| !is_tag(tag)) {
            return Err(bad(format!(
                "{tag:?} is not a tag: write up to {TAG_MAX} letters, digits, `_`, `.` and `-`, not beginning with `.` or `-`"
            )));
        }
        if name.len() == 64 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(bad("it is the ID of an image in a daemon, which registries do not know".into()));
        }
        let (registry, path) = match name.split_once('/').filter(|(first, _)| is_registry(first)) {
            Some((first, path)) => {
                let registry = Registry::parse(first).ok_or_else(|| {
                    bad(format!("{first:?} is not the name of a registry, with or without a port"))
                })?;
                (registry, path)
            }
            None => (Registry::docker(), name),
        };
        let repository = if registry == Registry::docker() && !path.contains('/') && !path.is_empty() {
            format!("{OFFICIAL}/{path}")
        } else {
            path.to_owned()
        };
        if let Some(part) = repository.split('/').find(|part| !is_component(part)) {
            let part = part.strip_prefix("library/").unwrap_or(part);
            return Err(bad(format!(
                "{part:?} is not a part of a name: write lower-case letters and digits, separated by `.`, `_`, `__` or hyphens"
            )));
        }
        if registry.as_str().len() + 1 + repository.len() > NAME_MAX {
            return Err(bad(format!("its name has more than {NAME_MAX} characters")));
        }
        let tag = tag.map(str::to_owned).or_else(|| digest.is_none().then(|| LATEST.to_owned()));
        Ok(Self { registry, repository, tag, digest })
    }

    /// Returns the registry that the reference names.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Returns the repository on the registry: `library/debian`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// Returns the tag. There is always one if there is no digest.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// Returns the digest, which decides which image is meant.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// Returns the reference with a digest.
    #[must_use]
    pub fn at(&self, digest: Digest) -> Self {
        Self { digest: Some(digest), ..self.clone() }
    }

    /// Returns a tag of the same repository.
    ///
    /// # Errors
    /// The text cannot be a tag.
    pub fn tagged(&self, tag: &str) -> Result<Self> {
        match is_tag(tag) {
            true => Ok(Self { tag: Some(tag.to_owned()), digest: None, ..self.clone() }),
            false => Err(Error::failed(format!("{tag:?} is not a tag"))),
        }
    }

    /// Returns the repository with its registry, without a tag: `registry.example/team/app`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// Returns the part after `/manifests/` in a registry's address: the digest, or else the tag.
    pub fn manifest(&self) -> &str {
        self.digest.as_ref().map(Digest::as_str).or(self.tag.as_deref()).unwrap_or(LATEST)
    }
}

/// Writes the full form, with the registry and `library/`: equal references have equal texts.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// Returns whether the first part of a name is a registry and not a part of a path (distribution's
/// `splitDockerDomain`).
fn is_registry(first: &str) -> bool {
    first == "localhost" || first.contains(['.', ':']) || first.bytes().any(|b| b.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn dockers_rules() {
        let pinned = format!("debian:12@sha256:{HEX}");
        let pinned_full = format!("docker.io/library/debian:12@sha256:{HEX}");
        let untagged = format!("[::1]:5000/x@sha256:{HEX}");
        let cases = [
            ("debian", "docker.io/library/debian:latest"),
            ("debian:12-slim", "docker.io/library/debian:12-slim"),
            ("docker.io/debian", "docker.io/library/debian:latest"),
            ("index.docker.io/debian", "docker.io/library/debian:latest"),
            ("owner/name", "docker.io/owner/name:latest"),
            ("docker.io/owner/name:x", "docker.io/owner/name:x"),
            ("localhost/name", "localhost/name:latest"),
            ("localhost:5000/name:1.0", "localhost:5000/name:1.0"),
            ("host:5000/a/b/c", "host:5000/a/b/c:latest"),
            ("HOST/name", "HOST/name:latest"),
            ("ghcr.io/a__b/c-d/e---f.g:V_1", "ghcr.io/a__b/c-d/e---f.g:V_1"),
            (&pinned, &pinned_full),
            (&untagged, &untagged),
        ];
        for (text, full) in cases {
            assert_eq!(Reference::parse(text).unwrap().to_string(), full, "{text}");
        }
    }

    #[test]
    fn what_is_refused() {
        let long = format!("x/{}", "a".repeat(250));
        let upper = format!("x@sha256:{}", HEX.to_uppercase());
        let cases = [
            ("", "is not a part of a name"),
            ("/x", "is not a part of a name"),
            ("x/", "is not a part of a name"),
            ("a//b", "is not a part of a name"),
            ("Debian", "is not a part of a name"),
            ("a___b", "is not a part of a name"),
            ("x/a..b", "is not a part of a name"),
            ("../x", "is not the name of a registry"),
            ("ghcr.io:port/x", "is not the name of a registry"),
            ("ghcr.io:70000/x", "is not the name of a registry"),
            ("-a.b/x", "is not the name of a registry"),
            ("x:", "is not a tag"),
            ("x:.1", "is not a tag"),
            ("x:a b", "is not a tag"),
            ("x@sha256:12", "is not a digest"),
            (&upper, "is not a digest"),
            ("docker://debian", "write debian"),
            (HEX, "the ID of an image"),
            (&long, "more than 255"),
        ];
        for (text, words) in cases {
            let error = Reference::parse(text).unwrap_err();
            assert!(error.to_string().contains(words), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_reads_back_the_same(
            text in "([a-zA-Z0-9.-]{1,8}(:[0-9]{1,5})?/)?[a-z0-9._-]{1,6}(/[a-z0-9._-]{1,6}){0,2}(:[a-zA-Z0-9_.-]{0,6})?"
        ) {
            if let Ok(reference) = Reference::parse(&text) {
                let full = reference.to_string();
                prop_assert_eq!(Reference::parse(&full).unwrap(), reference);
                prop_assert!(full.contains(text.rsplit('/').next().unwrap()));
            }
        }

        #[test]
        fn any_text_is_a_reference_or_an_error(text in any::<String>()) {
            let _ = Reference::parse(&text);
        }

        #[test]
        fn a_reference_that_is_made_is_read(
            host in "[a-z]{1,5}\\.[a-z]{2,3}", port in proptest::option::of(1u16..),
            path in "[a-z0-9]{1,5}((\\.|_|__|-{1,3})[a-z0-9]{1,5}){0,2}(/[a-z0-9]{1,5}){0,2}",
            tag in proptest::option::of("[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,10}"), pinned in any::<bool>(),
        ) {
            let port = port.map(|p| format!(":{p}")).unwrap_or_default();
            let end = tag.as_ref().map(|t| format!(":{t}")).unwrap_or_default();
            let digest = if pinned { format!("@sha256:{HEX}") } else { String::new() };
            let reference = Reference::parse(&format!("{host}{port}/{path}{end}{digest}")).unwrap();
            prop_assert_eq!(reference.registry().as_str(), format!("{host}{port}"));
            prop_assert_eq!(reference.repository(), path);
            prop_assert_eq!(reference.tag(), tag.as_deref().or((!pinned).then_some("latest")));
            prop_assert_eq!(reference.digest().is_some(), pinned);
        }
    }
}
