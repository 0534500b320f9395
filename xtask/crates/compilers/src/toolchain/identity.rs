//! The identity of a tool. Path, size and modification time are cheap to read, and decide whether a verdict
//! is used again. The digest of the contents decides whether the tool's output may differ.

use std::io::Read;
use std::path::Path;
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};
use xtask_files::hex;

/// A digest over parts. Each part is stored with its length, so that two different lists of parts never look
/// the same.
#[derive(Debug, Clone, Default)]
pub struct Fingerprint(Sha256);

impl Fingerprint {
    /// Starts a fingerprint. `kind` names its subject and the version of its recipe.
    pub fn new(kind: &str) -> Self {
        Self::default().with(kind)
    }

    /// Adds a part, with its length before it.
    #[must_use]
    pub fn with(mut self, part: impl AsRef<[u8]>) -> Self {
        let part = part.as_ref();
        self.0.update((part.len() as u64).to_le_bytes());
        self.0.update(part);
        self
    }

    /// Adds the file behind a program's path: canonical path, size and modification time. If the file does
    /// not exist, that is added.
    #[must_use]
    pub fn with_stat(self, program: &Path) -> Self {
        self.with(stat(program).unwrap_or_else(|| format!("absent {}", program.display())))
    }

    /// Returns the first 16 hexadecimal digits.
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

/// Returns the SHA-256 of a file's contents, in hexadecimal.
///
/// # Errors
/// The file cannot be read.
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
