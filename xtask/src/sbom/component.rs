//! A component of a CycloneDX document, with what the format can say of it. Pure.

use serde::Serialize;

use super::license::License;
use super::purl::Purl;

/// Something that ships, or that took part in making it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Component {
    /// The kind of thing that the component is.
    #[serde(rename = "type")]
    pub kind: ComponentKind,
    /// How the document itself calls it: not empty, and nothing else's.
    #[serde(rename = "bom-ref", skip_serializing_if = "String::is_empty")]
    pub reference: String,
    /// The name of the component.
    pub name: String,
    /// Its version; empty where it is not known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// A description of the component, in one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether the component is there when the program runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// The digests of the component.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hashes: Vec<Hash>,
    /// At most one here: what a manifest says.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_list")]
    pub licenses: Option<License>,
    /// The name that the list of vulnerabilities knows it by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpe: Option<String>,
    /// The package URL, which says where the component can be had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purl: Option<Purl>,
    /// The addresses that belong to the component.
    #[serde(rename = "externalReferences", skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<ExternalReference>,
    /// Facts that the format has no key for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<Property>,
    /// The components that are part of this one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<Component>,
    /// The evidence by which the component is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
}

/// What kind of thing a component is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ComponentKind {
    /// The component is a program.
    Application,
    /// A part of programs.
    #[default]
    Library,
    /// The component is a container image.
    Container,
    /// The component is a distribution.
    OperatingSystem,
    /// The component is a single file.
    File,
    /// A collection of facts: certificates, time zones.
    Data,
}

/// Whether a component is there when the program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// It is there when the program runs.
    Required,
    /// It took part only in the build.
    Excluded,
}

/// A digest of a component, with the algorithm that made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hash {
    alg: &'static str,
    content: String,
}

/// An address that belongs to a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExternalReference {
    /// What kind of address it is: `vcs`, `website`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The URL of the address.
    pub url: String,
}

/// A fact by its name: `xtask:` and what docs/concepts/bills-of-materials.md says of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Property {
    /// The name of the property, which begins with `xtask:`.
    pub name: &'static str,
    /// The value of the property.
    pub value: String,
}

/// How a component is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// What says which component it is.
    pub identity: Vec<Identity>,
    /// Where it was seen.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub occurrences: Vec<Occurrence>,
}

/// What says one thing about a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Identity {
    field: &'static str,
    confidence: u8,
    methods: [Method; 1],
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Method {
    technique: &'static str,
    confidence: u8,
    value: String,
}

/// A place, without a path of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Occurrence {
    /// The name of the file.
    pub location: String,
}

impl Component {
    /// The same with one more property.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.properties.push(Property { name, value: value.into() });
        self
    }
}

impl Hash {
    /// A SHA-256 in hexadecimal.
    pub fn sha256(content: &str) -> Self {
        Self { alg: "SHA-256", content: content.to_owned() }
    }
}

impl Identity {
    /// That `field` (`name`, `version`) is what `value` says, found by a technique that the format names.
    pub fn of(field: &'static str, technique: &'static str, value: String) -> Self {
        Self { field, confidence: 1, methods: [Method { technique, confidence: 1, value }] }
    }
}

fn as_list<S: serde::Serializer>(license: &Option<License>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(license)
}
