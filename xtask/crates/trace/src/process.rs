//! A process of a build, as the trace knows it.

use serde::{Deserialize, Serialize};

use crate::kind::WorkKind;

/// A process of a build.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TracedProcess {
    /// The index of the process that started it; none for Cargo.
    pub parent: Option<usize>,
    /// Its start, in seconds after that of the build.
    pub start_s: f64,
    /// Its end, in seconds after the start of the build.
    pub end_s: f64,
    /// The CPU time of the process itself, in seconds.
    pub cpu_s: f64,
    /// The largest resident memory that a sample saw, in bytes.
    pub peak_bytes: u64,
    /// The kind of its work.
    pub kind: WorkKind,
    /// What it does: `rustc: tokio`, `C: sqlite3.c`. It has no other arguments, which may contain secrets.
    pub label: String,
    /// The package for which it works; empty for Cargo.
    pub package: String,
    /// The triple for which it works; none for the host.
    pub target: Option<String>,
    /// The index of its unit in Cargo's graph.
    #[serde(skip)]
    pub(crate) unit: Option<usize>,
}

impl Default for TracedProcess {
    fn default() -> Self {
        Self {
            parent: None,
            start_s: 0.0,
            end_s: 0.0,
            cpu_s: 0.0,
            peak_bytes: 0,
            kind: WorkKind::Cargo,
            label: String::new(),
            package: String::new(),
            target: None,
            unit: None,
        }
    }
}
