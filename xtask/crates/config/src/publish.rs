//! Templates for the repository and the tags of published images. They contain `{…}` and are checked when
//! they are read.

use cargo_metadata::semver::Version;

use super::quote::{names, quoted};
use super::suggest::nearest;
use xtask_files::error::{Error, Result};
use xtask_oci::grammar::{TAG, is_tag};
use xtask_registry::Reference;

/// The names that may be in braces in a tag.
const VALUES: [&str; 6] = ["version", "major", "minor", "patch", "git", "git-short"];

/// The number of digits of a shortened commit.
const GIT_SHORT: usize = 12;

/// The values from which the tags of a release are made.
pub struct TagValues<'v> {
    /// The version of the package.
    pub version: Version,
    /// Returns the commit as 40 hexadecimal digits, or none outside of a checkout. It is only called for a tag that contains
    /// the commit, because it starts a process.
    pub git: &'v dyn Fn() -> Option<String>,
}

/// A tag with values in braces: `{major}.{minor}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagTemplate {
    text: String,
    parts: Vec<TemplatePart>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum TemplatePart {
    Text(String),
    Value(&'static str),
}

impl TagTemplate {
    /// Reads a template.
    ///
    /// # Errors
    /// A brace is not closed, a value is not known, or the result cannot be a tag. The error is the reason as
    /// text.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else {
                return Err(format!("the tag {} has a brace that is not closed", quoted(text)));
            };
            let Some(value) = VALUES.iter().find(|value| **value == name) else {
                let near = nearest(name, VALUES);
                let near = near.map(|near| format!(" (did you mean {{{near}}}?)")).unwrap_or_default();
                return Err(format!(
                    "{} is not a placeholder of a tag{near}; known: {}",
                    quoted(name),
                    names(VALUES)
                ));
            };
            parts.push(TemplatePart::Text(before.to_owned()));
            parts.push(TemplatePart::Value(value));
            rest = after;
        }
        parts.push(TemplatePart::Text(rest.to_owned()));
        let template = Self { text: text.to_owned(), parts };
        // Every value consists of letters, digits, `.` and `-`, and begins with a letter or a digit.
        let sample = template.parts.iter().map(|part| match part {
            TemplatePart::Text(text) => text.as_str(),
            TemplatePart::Value(_) => "1",
        });
        match is_tag(&sample.collect::<String>()) {
            true => Ok(template),
            false => Err(format!("{} cannot be a tag: {TAG}", quoted(text))),
        }
    }

    /// Whether the tag belongs to one release, so that it never moves to another image.
    pub fn is_fixed(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, TemplatePart::Value("version" | "git" | "git-short")))
    }

    /// Returns the tag of a release. A `+` in a version becomes a `-`, because a tag cannot contain `+`.
    ///
    /// # Errors
    /// A value is missing, or the tag is too long.
    pub fn fill(&self, values: &TagValues<'_>) -> Result<String> {
        let git = || {
            (values.git)().ok_or_else(|| {
                Error::usage(format!("the tag {:?} needs a commit", self.text))
                    .found("the workspace is in no git checkout with a commit")
            })
        };
        let mut tag = String::new();
        for part in &self.parts {
            match part {
                TemplatePart::Text(text) => tag += text,
                TemplatePart::Value("version") => tag += &xtask_oci::pack::tag(&values.version.to_string()),
                TemplatePart::Value("major") => tag += &values.version.major.to_string(),
                TemplatePart::Value("minor") => tag += &values.version.minor.to_string(),
                TemplatePart::Value("patch") => tag += &values.version.patch.to_string(),
                TemplatePart::Value("git") => tag += &git()?,
                TemplatePart::Value(_) => tag += git()?.get(..GIT_SHORT).unwrap_or_default(),
            }
        }
        match is_tag(&tag) {
            true => Ok(tag),
            false => Err(Error::usage(format!("{tag:?} cannot be a tag")).found(TAG)),
        }
    }
}

impl std::fmt::Display for TagTemplate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// A repository that contains `{image}`, or the repository of the only image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryTemplate(String);

/// The placeholder for the name of an image.
const IMAGE: &str = "{image}";

impl RepositoryTemplate {
    /// Reads a repository: `registry.example/team/{image}`. With `several` images, each must get its own
    /// repository.
    ///
    /// # Errors
    /// The text is not a repository, or several images would get the same one. The error is the reason as
    /// text.
    pub fn parse(text: &str, several: bool) -> std::result::Result<Self, String> {
        let sample = text.replace(IMAGE, "image");
        let reference = Reference::parse(&sample)
            .map_err(|error| format!("{} is not a repository: {}", quoted(text), error.found.join("; ")))?;
        // A reference without a tag means the tag `latest`, which then is not in the text.
        let named =
            reference.digest().is_some() || sample.rsplit('/').next().is_some_and(|last| last.contains(':'));
        if named {
            return Err(format!(
                "{} has a tag or a digest; tags are named by `tags` and --tag",
                quoted(text)
            ));
        }
        if several && !text.contains(IMAGE) {
            return Err(format!(
                "{} is one repository for several images; write {IMAGE} into it",
                quoted(text)
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// Returns the repository of an image.
    ///
    /// # Errors
    /// The result with the image's name is not a repository.
    pub fn of(&self, image: &str) -> Result<Reference> {
        Reference::parse(&self.0.replace(IMAGE, image))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(version: &str) -> TagValues<'static> {
        TagValues { version: version.parse().unwrap(), git: &|| Some("0123456789abcdef0123".into()) }
    }

    #[test]
    fn tags_of_a_release() {
        let tag =
            |text: &str, version: &str| TagTemplate::parse(text).unwrap().fill(&values(version)).unwrap();
        assert_eq!(tag("{version}", "1.2.3-rc.1+build.5"), "1.2.3-rc.1-build.5");
        assert_eq!(tag("v{major}.{minor}.{patch}", "1.2.3-rc.1"), "v1.2.3");
        assert_eq!(tag("git-{git-short}", "1.0.0"), "git-0123456789ab");
        assert_eq!(tag("latest", "1.0.0"), "latest");
        let fixed = |text: &str| TagTemplate::parse(text).unwrap().is_fixed();
        assert!(fixed("{version}") && fixed("x-{git}") && fixed("{git-short}"));
        assert!(!fixed("latest") && !fixed("{major}.{minor}"));
        let no_git = TagValues { git: &|| None, ..values("1.0.0") };
        assert!(TagTemplate::parse("{git}").unwrap().fill(&no_git).is_err());
        let long = TagTemplate::parse(&format!("{{version}}{}", "x".repeat(126))).unwrap();
        assert!(long.fill(&values("1.0.0")).unwrap_err().to_string().contains("cannot be a tag"));
    }

    #[test]
    fn what_is_no_tag_is_said() {
        for (text, words) in [
            ("{version", "not closed"),
            ("{verson}", "did you mean {version}?"),
            ("a b", "cannot be a tag"),
            ("-{version}", "cannot be a tag"),
            ("", "cannot be a tag"),
            ("a}", "cannot be a tag"),
        ] {
            let why = TagTemplate::parse(text).unwrap_err();
            assert!(why.contains(words), "{text}: {why}");
        }
    }

    #[test]
    fn repositories_of_images() {
        let of = |text: &str| RepositoryTemplate::parse(text, false).unwrap().of("app").unwrap().to_string();
        assert_eq!(of("r.example/team/{image}"), "r.example/team/app:latest");
        assert_eq!(of("localhost:5000/x"), "localhost:5000/x:latest");
        for (text, words) in [
            ("r.example/x:1", "has a tag"),
            (
                "r.example/x@sha256:0000000000000000000000000000000000000000000000000000000000000000",
                "has a tag or a digest",
            ),
            ("https://r.example/x", "is not a repository"),
            ("r.example/X", "is not a repository"),
            ("", "is not a repository"),
        ] {
            let why = RepositoryTemplate::parse(text, false).unwrap_err();
            assert!(why.contains(words), "{text}: {why}");
        }
        assert!(RepositoryTemplate::parse("r.example/x", true).unwrap_err().contains("{image}"));
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "\\PC{0,40}|[{}a-z.-]{0,30}") {
            if let Ok(template) = TagTemplate::parse(&text) {
                let _ = template.fill(&values("1.2.3+x"));
            }
            if let Ok(to) = RepositoryTemplate::parse(&text, false) {
                let _ = to.of("app");
            }
        }
    }
}
