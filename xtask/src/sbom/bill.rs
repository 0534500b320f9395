//! A bill before it is written as a document: a component, its parts, and the dependencies between them.
//! Pure.

use super::component::Component;
use super::document::{Bom, Composition, Edges};

/// A component with its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    /// The component that the bill is about.
    pub component: Component,
    /// The components that it is made of.
    pub components: Vec<Component>,
    /// The edges between the components: which component needs which others.
    pub edges: Edges,
    /// How complete the lists of the bill are.
    pub compositions: Vec<Composition>,
}

impl Bill {
    /// Makes a bill of a component whose parts are not known yet.
    pub fn new(component: Component) -> Self {
        let edges = Edges::from([(component.reference.clone(), std::collections::BTreeSet::new())]);
        Self { component, components: Vec::new(), edges, compositions: Vec::new() }
    }

    /// Adds a dependency of one component on another.
    pub fn needs(&mut self, one: &str, other: &str) {
        self.edges.entry(one.to_owned()).or_default().insert(other.to_owned());
    }

    /// Adds a component on which another one depends.
    pub fn part(&mut self, of: &str, component: Component) {
        self.needs(of, &component.reference);
        self.edges.entry(component.reference.clone()).or_default();
        self.components.push(component);
    }

    /// Adds a whole bill. This bill's component then depends on that bill's component.
    pub fn part_with_parts(&mut self, other: Self) {
        let of = self.component.reference.clone();
        self.part(&of, other.component);
        self.components.extend(other.components);
        for (reference, needs) in other.edges {
            self.edges.entry(reference).or_default().extend(needs);
        }
        self.compositions.extend(other.compositions);
    }

    /// Returns the document. `created` is in seconds since 1970, or 0 if no time is set.
    pub fn document(self, created: u64) -> Bom {
        Bom::new(self.component, created, self.components, self.edges, self.compositions)
    }
}
