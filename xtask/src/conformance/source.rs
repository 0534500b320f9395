//! Fetches the source of a published crate, as its author packed it, with its own Cargo.lock.

use std::path::{Path, PathBuf};

use super::PublishedProgram;
use xtask_files::error::{Error, Result};
use xtask_process::exec::Cmd;
use xtask_process::host::Host;

/// Fetches the crate with Cargo and copies its source to `dir`, which is replaced. A `[workspace]` table
/// makes the copy a workspace of its own, wherever it lies.
///
/// # Errors
/// Cargo cannot fetch it, Cargo's home is not known, or the crate has no Cargo.lock.
pub fn fetch(program: &PublishedProgram, host: &Host, offline: bool, dir: &Path) -> Result<()> {
    let _ = std::fs::remove_dir_all(dir);
    let asking = dir.join("fetch");
    std::fs::create_dir_all(asking.join("src")).map_err(|e| Error::io("cannot make the folder", dir, &e))?;
    // Cargo fetches the crate because this package depends on it.
    let manifest = format!(
        "[package]\nname = \"fetch\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n{} = \"={}\"\n",
        program.name, program.version
    );
    xtask_files::write(&asking.join("Cargo.toml"), manifest.as_bytes())?;
    xtask_files::write(&asking.join("src/lib.rs"), b"")?;
    let mut fetching = host.settled(Cmd::new(host.cargo()).arg("fetch"), &asking);
    if offline {
        fetching = fetching.arg("--offline");
    }
    let output = fetching.capture(std::time::Duration::from_secs(600))?;
    if !output.ok() {
        return Err(Error::missing(format!("Cargo cannot fetch {} {}", program.name, program.version))
            .found(output.errors()));
    }
    let home = host.cargo_home().ok_or_else(|| {
        Error::missing(
            "cannot find the folder in which Cargo unpacks crates: neither CARGO_HOME nor HOME is set",
        )
    })?;
    let source = unpacked(program, &home)?;
    // Programs are built with the toolchain of this run, so files that pin another one are removed.
    let pinned = ["rust-toolchain", "rust-toolchain.toml"];
    std::fs::remove_dir_all(&asking).map_err(|e| Error::io("cannot remove", &asking, &e))?;
    copy(&source, dir)?;
    for file in pinned {
        let _ = std::fs::remove_file(dir.join(file));
    }
    if !dir.join("Cargo.lock").is_file() {
        return Err(Error::failed(format!(
            "{} {} was published without a Cargo.lock",
            program.name, program.version
        )));
    }
    let manifest = dir.join("Cargo.toml");
    let mut text = std::fs::read_to_string(&manifest).map_err(|e| Error::io("cannot read", &manifest, &e))?;
    if !text.lines().any(|line| line.trim() == "[workspace]") {
        text += "\n[workspace]\n";
    }
    xtask_files::write(&manifest, text.as_bytes())
}

/// Returns the folder into which Cargo unpacked the crate.
fn unpacked(program: &PublishedProgram, cargo_home: &Path) -> Result<PathBuf> {
    let sources = cargo_home.join("registry").join("src");
    let name = format!("{}-{}", program.name, program.version);
    let registries = std::fs::read_dir(&sources).map_err(|e| Error::io("cannot read", &sources, &e))?;
    let found = registries.flatten().map(|registry| registry.path().join(&name)).find(|path| path.is_dir());
    found
        .ok_or_else(|| Error::failed(format!("Cargo fetched {name}, and it is not in {}", sources.display())))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    for (path, _) in xtask_files::below(from, |_| true)?.into_iter().filter(|(_, kind)| kind.is_file()) {
        let copy = to.join(&path);
        xtask_files::folder(copy.parent().unwrap_or(to))?;
        std::fs::copy(from.join(&path), copy).map_err(|e| Error::io("cannot copy", from, &e))?;
    }
    Ok(())
}
