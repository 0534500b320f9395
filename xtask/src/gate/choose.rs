//! The smallest base on which a program starts.

use super::check::Severity;
use super::program::Program;
use super::tree::Tree;
use super::verdict::{Limits, check_in};
use crate::triple::Triple;

/// Which base was chosen, and why not the ones before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The index of the first candidate on which every program starts; none where there is none.
    pub index: Option<usize>,
    /// The candidates before it, by name, each with the reason in one line.
    pub refused: Vec<(String, String)>,
}

/// Takes the first of `candidates`, which are in order of size, on which all of `programs` start.
pub fn choose(programs: &[&Program], triple: &Triple, candidates: &[Tree<'_>], limits: Limits) -> Choice {
    let mut refused = Vec::new();
    for (index, tree) in candidates.iter().enumerate() {
        let all = programs.iter().flat_map(|program| check_in(program, triple, tree, limits));
        let mut fails = all.filter(|finding| finding.severity == Severity::Fail);
        let Some(first) = fails.next() else { return Choice { index: Some(index), refused } };
        let reason = match fails.count() {
            0 => first.what,
            more => format!("{} (and {more} more)", first.what),
        };
        refused.push((tree.name().to_owned(), reason));
    }
    Choice { index: None, refused }
}
