//! The CycloneDX 1.6 document, with the fields that are used here: <https://cyclonedx.org/docs/1.6/json/>.
//! Pure.
//!
//! Keys are in the order of the types. Lists are in the order in which the caller fills them, so that equal
//! facts give equal bytes.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::component::{Component, ComponentKind};

/// A bill of materials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bom {
    #[serde(rename = "$schema")]
    schema: &'static str,
    bom_format: &'static str,
    spec_version: &'static str,
    serial_number: String,
    version: u32,
    /// The subject of the bill, and the tool that made it.
    pub metadata: Metadata,
    /// The parts of the subject.
    pub components: Vec<Component>,
    /// The dependencies between the components.
    pub dependencies: Vec<ComponentDependency>,
    /// How complete the lists are.
    pub compositions: Vec<Composition>,
}

/// The subject of a document, and its tools.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Metadata {
    /// The time in RFC 3339. None if no time is set: the time of the clock would make every document
    /// different.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
    lifecycles: [LifecyclePhase; 1],
    tools: MetadataTools,
    /// The program or the image.
    pub component: Component,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct LifecyclePhase {
    phase: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct MetadataTools {
    components: [Component; 1],
}

/// The dependencies of a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ComponentDependency {
    #[serde(rename = "ref")]
    reference: String,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    depends_on: BTreeSet<String>,
}

/// How complete the facts about some components are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Composition {
    /// How complete the list is.
    pub aggregate: Aggregate,
    /// The components whose parts are meant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub assemblies: Vec<String>,
    /// The components whose dependencies are meant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<String>,
}

/// How complete a list is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregate {
    /// The list is complete.
    Complete,
    /// The list is incomplete.
    Incomplete,
    /// It is not known whether the list is complete.
    Unknown,
}

/// The dependencies in a document, by component.
pub type Edges = BTreeMap<String, BTreeSet<String>>;

impl Bom {
    /// Makes a document. `created` is in seconds since 1970, or 0 if no time is set. The serial number is
    /// derived from all the rest. So equal documents have equal numbers, and different ones have different
    /// numbers.
    pub fn new(
        component: Component,
        created: u64,
        components: Vec<Component>,
        edges: Edges,
        compositions: Vec<Composition>,
    ) -> Self {
        let this = Component {
            kind: ComponentKind::Application,
            name: "cargo-xtask".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            ..Component::default()
        };
        let metadata = Metadata {
            timestamp: (created > 0).then(|| xtask_oci::document::rfc3339(created)),
            lifecycles: [LifecyclePhase { phase: "build" }],
            tools: MetadataTools { components: [this] },
            component,
        };
        let dependencies =
            edges.into_iter().map(|(reference, depends_on)| ComponentDependency { reference, depends_on });
        let mut document = Self {
            schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
            bom_format: "CycloneDX",
            spec_version: "1.6",
            serial_number: String::new(),
            version: 1,
            metadata,
            components,
            dependencies: dependencies.collect(),
            compositions,
        };
        document.serial_number = format!("urn:uuid:{}", uuid(document.text().as_bytes()));
        document
    }

    /// Returns the text of the document's file, as pretty-printed JSON.
    pub fn text(&self) -> String {
        xtask_report::json::pretty(self)
    }
}

/// Makes a UUID of version 8, whose digits an application may choose (RFC 9562, 5.8): those of a SHA-256.
fn uuid(bytes: &[u8]) -> String {
    let mut digits = [0; 16];
    digits.copy_from_slice(&Sha256::digest(bytes)[..16]);
    digits[6] = digits[6] & 0x0f | 0x80;
    digits[8] = digits[8] & 0x3f | 0x80;
    let text = format!("{:032x}", u128::from_be_bytes(digits));
    [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(name: &str, created: u64) -> Bom {
        let component = Component { name: name.into(), reference: "program".into(), ..Component::default() };
        Bom::new(component, created, Vec::new(), Edges::new(), Vec::new())
    }

    #[test]
    fn the_serial_number_is_a_uuid_of_the_content() {
        let one = document("app", 0);
        assert_eq!(one, document("app", 0));
        let number = one.serial_number.strip_prefix("urn:uuid:").unwrap();
        let groups: Vec<usize> = number.split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12]);
        assert_eq!((&number[14..15], "89ab".contains(&number[19..20])), ("8", true), "version and variant");
        for other in [document("other", 0), document("app", 1)] {
            assert_ne!(one.serial_number, other.serial_number);
        }
    }

    #[test]
    fn a_time_is_said_where_somebody_said_one() {
        assert_eq!(document("app", 0).metadata.timestamp, None);
        assert_eq!(document("app", 86_400).metadata.timestamp.as_deref(), Some("1970-01-02T00:00:00Z"));
    }
}
