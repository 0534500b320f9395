//! Writes what Docker needs to build images with the same root file system: everything of an image except its
//! program, as a tar. Only a tar preserves modes and owners through every builder, checkout and umask.

use std::path::{Path, PathBuf};

use xtask_files::error::{Error, Result};
use xtask_files::{Memo, StagedFile, dist};
use xtask_oci::{self as oci, Codec, Digest, RootFs, layer};
use xtask_triple::Triple;

/// Writes `<dist>/docker/rootfs.tar`: everything of a scratch image except the program.
///
/// # Errors
/// It cannot be written.
pub fn rootfs_tar(dist: &Path) -> Result<PathBuf> {
    let path = dist::docker(dist).join("rootfs.tar");
    let failed = |e: std::io::Error| Error::io("cannot write", &path, &e);
    let mut tar = oci::tar::TarWriter::new(Vec::new());
    layer::write_tree(&mut tar, &oci::scratch::base_rootfs(false)?, 0)?;
    let bytes = tar.finish().map_err(failed)?;
    if xtask_files::read(&path).is_ok_and(|old| old == bytes) {
        return Ok(path);
    }
    xtask_files::write(&path, &bytes)?;
    Ok(path)
}

/// A platform of an image with a base.
#[derive(Debug, Clone, Copy)]
pub struct OnBase<'a> {
    /// The name of the image.
    pub image: &'a str,
    /// The target of its program.
    pub target: &'a Triple,
    /// The files of the base that ship.
    pub below: &'a RootFs,
    /// Our own layer, including the program.
    pub ours: &'a RootFs,
}

/// Writes `<dist>/docker/<image>/<target>.tar` for every platform: the base with the files that the image
/// adds, except the program. A file that has not changed is not written again.
///
/// # Errors
/// The base cannot be read, or a tar cannot be written.
pub fn base_tars<'a>(
    platforms: impl IntoIterator<Item = OnBase<'a>>,
    bin: &str,
    created: u64,
    dist: &Path,
    cache: &Path,
) -> Result<Vec<PathBuf>> {
    let memo = Memo::new(cache);
    let mut written = Vec::new();
    for OnBase { image, target, below, ours } in platforms {
        let mut tree = below.clone();
        add(&mut tree, ours, bin)?;
        let path = dist::docker(dist).join(image).join(format!("{target}.tar"));
        write(&tree, created, &path, &memo)?;
        written.push(path);
    }
    Ok(written)
}

fn add(tree: &mut RootFs, top: &RootFs, bin: &str) -> Result<()> {
    for (path, node) in top.iter().filter(|(path, _)| *path != bin) {
        tree.put(path, node.clone())?;
    }
    Ok(())
}

fn write(tree: &RootFs, created: u64, path: &Path, memo: &Memo) -> Result<()> {
    let (key, _) = layer::fingerprint(tree, created, Codec::Gzip)?;
    if memo.output("docker", path).is_some_and(|known: Digest| known == key) {
        return Ok(());
    }
    let failed = |e: std::io::Error| Error::io("cannot write", path, &e);
    let mut staged = StagedFile::new(path.parent().unwrap_or(Path::new(".")))?;
    let mut tar = oci::tar::TarWriter::new(std::io::BufWriter::new(staged.file().map_err(failed)?));
    layer::write_tree(&mut tar, tree, created)?;
    let out = tar.finish().map_err(failed)?;
    out.into_inner().map_err(|e| failed(e.into_error()))?;
    staged.put(path)?;
    memo.remember_output("docker", path, key);
    Ok(())
}
