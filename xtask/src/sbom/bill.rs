//! A bill before it is a document: something, what it is made of, and what needs what. Pure.

use super::component::Component;
use super::document::{Bom, Composition, Edges};

/// Something and what it is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    /// The component that the bill is about.
    pub component: Component,
    /// The components that it is made of.
    pub components: Vec<Component>,
    /// The edges between the components: which component needs which others.
    pub edges: Edges,
    /// How far the lists of the bill are known to be whole.
    pub compositions: Vec<Composition>,
}

impl Bill {
    /// Of something that nothing is known of yet.
    pub fn new(component: Component) -> Self {
        let edges = Edges::from([(component.reference.clone(), std::collections::BTreeSet::new())]);
        Self { component, components: Vec::new(), edges, compositions: Vec::new() }
    }

    /// Notes that one thing needs another.
    pub fn needs(&mut self, one: &str, other: &str) {
        self.edges.entry(one.to_owned()).or_default().insert(other.to_owned());
    }

    /// Adds a component that another one needs.
    pub fn part(&mut self, of: &str, component: Component) {
        self.needs(of, &component.reference);
        self.edges.entry(component.reference.clone()).or_default();
        self.components.push(component);
    }

    /// Adds a whole bill, whose component this one's needs.
    pub fn part_with_parts(&mut self, other: Self) {
        let of = self.component.reference.clone();
        self.part(&of, other.component);
        self.components.extend(other.components);
        for (reference, needs) in other.edges {
            self.edges.entry(reference).or_default().extend(needs);
        }
        self.compositions.extend(other.compositions);
    }

    /// The document. `created` in seconds since 1970, 0 where nobody said a time.
    pub fn document(self, created: u64) -> Bom {
        Bom::new(self.component, created, self.components, self.edges, self.compositions)
    }
}
