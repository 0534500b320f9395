//! What identifies a tool: cheaply by path, size and time (to know whether a verdict may be reused), and fully by the
//! digest of its contents (to know whether what it builds may differ).

use std::io::Read;
use std::path::Path;
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};
use xtask_files::hex;

/// A digest being made from labelled parts, none of which can run into the next.
#[derive(Debug, Clone, Default)]
pub struct Fingerprint(Sha256);

impl Fingerprint {
    /// Starts with what the fingerprint is of and the version of the recipe that makes it.
    pub fn new(kind: &str) -> Self {
        Self::default().with(kind)
    }

    /// Adds a part with its length in front, so that no part runs into the next.
    #[must_use]
    pub fn with(mut self, part: impl AsRef<[u8]>) -> Self {
        let part = part.as_ref();
        self.0.update((part.len() as u64).to_le_bytes());
        self.0.update(part);
        self
    }

    /// Adds the file that a program's path leads to: canonical path, size and modification time. A file that is not
    /// there adds that fact.
    #[must_use]
    pub fn with_stat(self, program: &Path) -> Self {
        self.with(stat(program).unwrap_or_else(|| format!("absent {}", program.display())))
    }

    /// The first 16 hexadecimal digits.
    pub fn short(self) -> String {
        hex(&self.0.finalize()[..8])
    }
}

fn stat(program: &Path) -> Option<String> {
    let real = std::fs::canonicalize(program).ok()?;
    let meta = std::fs::metadata(&real).ok()?;
    let time = meta.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(format!("{} {} {}", real.display(), meta.len(), time.as_nanos()))
}

/// SHA-256 of a file's contents, in hexadecimal.
///
/// # Errors
/// Where the file cannot be read.
pub fn digest(file: &Path) -> std::io::Result<String> {
    let mut hasher = Sha256::new();
    let mut file = std::fs::File::open(file)?;
    let mut block = vec![0; 1 << 20];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(hex(&hasher.finalize())),
            n => hasher.update(&block[..n]),
        }
    }
}
