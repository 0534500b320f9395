//! A component of a CycloneDX document, with the fields that are used here. Pure.

use serde::Serialize;

use super::license::License;
use super::purl::Purl;

/// A part of a release, or a part that was used only to make it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Component {
    /// The kind of thing that the component is.
    #[serde(rename = "type")]
    pub kind: ComponentKind,
    /// Its reference in the document: not empty, and unique.
    #[serde(rename = "bom-ref", skip_serializing_if = "String::is_empty")]
    pub reference: String,
    /// The name of the component.
    pub name: String,
    /// Its version; empty if it is not known.
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
    /// The licence from a manifest. There is at most one.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_list")]
    pub licenses: Option<License>,
    /// Its name in the CPE list of vulnerabilities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpe: Option<String>,
    /// The package URL, which shows where the component can be obtained.
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

/// The kind of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ComponentKind {
    /// The component is a program.
    Application,
    /// The component is a part of programs.
    #[default]
    Library,
    /// The component is a container image.
    Container,
    /// The component is a distribution.
    OperatingSystem,
    /// The component is a single file.
    File,
    /// The component is a collection of facts: certificates, time zones.
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

/// A fact with a name that begins with `xtask:`. docs/concepts/bills-of-materials.md describes each one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Property {
    /// The name of the property, which begins with `xtask:`.
    pub name: &'static str,
    /// The value of the property.
    pub value: String,
}

/// The evidence for a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// The reasons for its identity.
    pub identity: Vec<Identity>,
    /// The places where it was found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub occurrences: Vec<Occurrence>,
}

/// The evidence for one field of a component.
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

/// A place without a path of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Occurrence {
    /// The name of the file.
    pub location: String,
}

impl Component {
    /// Returns the component with one more property.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.properties.push(Property { name, value: value.into() });
        self
    }
}

impl Hash {
    /// Makes a hash from a SHA-256 in hexadecimal.
    pub fn sha256(content: &str) -> Self {
        Self { alg: "SHA-256", content: content.to_owned() }
    }
}

impl Identity {
    /// Makes the evidence that `field` (`name`, `version`) has this value. `technique` is a term of the
    /// format.
    pub fn of(field: &'static str, technique: &'static str, value: String) -> Self {
        Self { field, confidence: 1, methods: [Method { technique, confidence: 1, value }] }
    }
}

fn as_list<S: serde::Serializer>(license: &Option<License>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(license)
}
