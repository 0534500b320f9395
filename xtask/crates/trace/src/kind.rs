//! The kinds of work in a build.

use serde::{Deserialize, Serialize};

/// The kinds of work in a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WorkKind {
    /// Compilers, assemblers and archivers of C and C++.
    C,
    /// rustc, except for linking.
    Rust,
    /// Linkers.
    Link,
    /// Build scripts and the programs that they start, except for compilers.
    Script,
    /// Cargo itself.
    Cargo,
}

impl WorkKind {
    /// All kinds, in the order of the reports.
    pub const ALL: [Self; 5] = [Self::C, Self::Rust, Self::Link, Self::Script, Self::Cargo];

    /// Returns the word for the kind in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::C => "C",
            Self::Rust => "Rust",
            Self::Link => "link",
            Self::Script => "scripts",
            Self::Cargo => "Cargo",
        }
    }
}

/// Seconds for each kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct KindSeconds {
    /// C compilers, assemblers and archivers.
    pub c_s: f64,
    /// rustc, except for linking.
    pub rust_s: f64,
    /// Linkers.
    pub link_s: f64,
    /// Build scripts.
    pub script_s: f64,
    /// Cargo itself.
    pub cargo_s: f64,
}

impl KindSeconds {
    /// Returns the seconds of a kind.
    pub fn of(&self, kind: WorkKind) -> f64 {
        match kind {
            WorkKind::C => self.c_s,
            WorkKind::Rust => self.rust_s,
            WorkKind::Link => self.link_s,
            WorkKind::Script => self.script_s,
            WorkKind::Cargo => self.cargo_s,
        }
    }

    /// Adds seconds to a kind.
    pub fn add(&mut self, kind: WorkKind, seconds: f64) {
        *match kind {
            WorkKind::C => &mut self.c_s,
            WorkKind::Rust => &mut self.rust_s,
            WorkKind::Link => &mut self.link_s,
            WorkKind::Script => &mut self.script_s,
            WorkKind::Cargo => &mut self.cargo_s,
        } += seconds;
    }

    /// Returns the sum of all kinds, in seconds.
    pub fn sum(&self) -> f64 {
        WorkKind::ALL.into_iter().map(|kind| self.of(kind)).sum()
    }
}
