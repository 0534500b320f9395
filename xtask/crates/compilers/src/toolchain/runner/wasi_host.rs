//! Hosts of WASI preview 1, which start WebAssembly programs: node, with a script of xtask, or wasmtime. The
//! program gets the arguments, the variables and the whole file system of the caller, as a program of the
//! machine would.

use std::path::{Path, PathBuf};

use xtask_files::error::Result;
use xtask_process::cache;
use xtask_process::exec::Cmd;
use xtask_process::host::Host;

/// The text of the reason if there is no host.
pub(super) const MISSING: &str = "node (18.17 or later) or wasmtime not on PATH";

/// The script with which node starts a program. Its first argument is the program.
const SCRIPT: &str = include_str!("wasi_host/node.cjs");

/// A host of WASI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WasiHost {
    /// node, which has a WASI of its own.
    Node {
        /// The path of node.
        program: PathBuf,
        /// The script. [`super::Runner::prepare`] writes it.
        script: PathBuf,
    },
    /// wasmtime.
    Wasmtime {
        /// The path of wasmtime.
        program: PathBuf,
    },
}

impl WasiHost {
    /// Finds a host by its name on PATH. Debian installs node also as `nodejs`.
    pub(super) fn find(host: &Host) -> Option<Self> {
        if let Some(program) = ["node", "nodejs"].iter().find_map(|name| host.program(name)) {
            let cache = cache::dir(host, std::env::consts::OS).ok()?;
            // Another version of the script has another name, so a script that exists is never changed.
            let name = format!("wasi-{}.cjs", cache::short_hash(SCRIPT, 16));
            return Some(Self::Node { program, script: cache.join(name) });
        }
        host.program("wasmtime").map(|program| Self::Wasmtime { program })
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Node { .. } => "node",
            Self::Wasmtime { .. } => "wasmtime",
        }
    }

    pub(super) fn program(&self) -> &Path {
        match self {
            Self::Node { program, .. } | Self::Wasmtime { program } => program,
        }
    }

    /// Returns the command, to which the program and its arguments are added.
    pub(super) fn command(&self) -> Cmd {
        match self {
            // node warns that its WASI is experimental.
            Self::Node { program, script } => Cmd::new(program).arg("--no-warnings").arg(script),
            Self::Wasmtime { program } => {
                Cmd::new(program).args(["run", "--dir=.", "--dir=/", "-Sinherit-env=y"])
            }
        }
    }

    pub(super) fn prepare(&self) -> Result<()> {
        match self {
            Self::Node { script, .. } if !script.is_file() => xtask_files::write(script, SCRIPT.as_bytes()),
            _ => Ok(()),
        }
    }
}
