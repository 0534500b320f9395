//! Writes archives for people who do not use containers: `archives/<bin>-<version>-<triple>.tar.gz` or `.zip`,
//! as is usual on the target's system, and `SHA256SUMS`. The tar and gzip code is that of layers, so the same
//! rule holds: equal input gives equal bytes.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use xtask_files as files;
use xtask_files::dist;
use xtask_files::error::{Error, Result};

use xtask_files::{Memo, StagedFile, clock, write_changed};
use xtask_oci::gzip::{Gzip, ThreadPool};
use xtask_oci::layer::{fingerprint, write_tree};
use xtask_oci::tar::TarWriter;
use xtask_oci::zip::ZipWriter;
use xtask_oci::{Codec, Digest, Hashed, Node, RootFs};
use xtask_triple::Triple;
use xtask_triple::system::{self, ArchiveFormat};

/// The content of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveSpec {
    /// The program's name, without a suffix.
    pub bin: String,
    /// The version in the archive's name.
    pub version: String,
    /// The target that the program was built for.
    pub triple: Triple,
    /// The path of the program.
    pub program: PathBuf,
    /// The files to add: licences, README. Each keeps its name; see [`companions`].
    pub files: Vec<PathBuf>,
    /// The time of all entries, seconds since 1970.
    pub created: u64,
}

/// An archive that has been written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// The path of the archive, below `target/dist/archives`.
    pub path: PathBuf,
    /// The name of the folder in it that contains all files.
    pub folder: String,
    /// The digest of the archive.
    pub digest: Digest,
    /// The size of the archive, in bytes.
    pub size: u64,
}

/// The kind under which archives are remembered.
const MEMO: &str = "archives";

/// The remembered fact about an archive: its digest and size, and the key of its inputs.
#[derive(Serialize, Deserialize)]
struct ArchiveFact {
    key: Option<Digest>,
    digest: Digest,
    size: u64,
}

/// Returns the files in a package's folder that ship with its program: licences, notices and the README, in
/// the order of their names. A link among them may lead anywhere, or nowhere.
///
/// # Errors
/// The folder cannot be read.
pub fn companions(package: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = |e: std::io::Error| Error::io("cannot read", package, &e);
    let mut found = Vec::new();
    for entry in fs::read_dir(package).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
        let wanted = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE", "README"];
        if wanted.iter().any(|start| name.starts_with(start)) && !path.is_dir() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Writes archives into `<dist>/archives`, then `<dist>/SHA256SUMS` over all archives there. An existing
/// archive is not made again if its inputs have not changed, judging by their stat.
///
/// # Errors
/// Two files have the same name, or a file cannot be read or written.
pub fn write(
    specs: &[ArchiveSpec],
    dist: &Path,
    cache: &Path,
    threads: NonZeroUsize,
) -> Result<Vec<Archive>> {
    let dir = dist::archives(dist);
    let memo = Memo::new(cache);
    let mut pool = None;
    let mut archives = Vec::new();
    for spec in specs {
        archives.push(one(spec, &dir, &memo, threads, &mut pool)?);
    }
    if !archives.is_empty() {
        sums(dist, &memo)?;
    }
    Ok(archives)
}

fn one(
    spec: &ArchiveSpec,
    dir: &Path,
    memo: &Memo,
    threads: NonZeroUsize,
    pool: &mut Option<ThreadPool>,
) -> Result<Archive> {
    let format = system::of(&spec.triple).archive;
    let stem = format!("{}-{}-{}", spec.bin, spec.version, spec.triple);
    let path = dir.join(format!("{stem}{}", format.suffix()));
    let tree = tree(spec, &stem)?;
    let now = clock(dir)?;
    // The name of the archive, under which its key is remembered, contains the format.
    let (key, stats) = fingerprint(&tree, spec.created, Codec::Gzip)?;
    if let Some(known) = memo.output::<ArchiveFact>(MEMO, &path)
        && known.key.as_ref() == Some(&key)
    {
        return Ok(Archive { path, folder: stem, digest: known.digest, size: known.size });
    }
    let failed = |e: std::io::Error| Error::io("cannot write", &path, &e);
    let pool = match pool {
        Some(pool) => pool,
        None => pool.insert(ThreadPool::new(threads).map_err(failed)?),
    };
    let out = Hashed::new(StagedFile::new(dir)?);
    let hashed = match format {
        ArchiveFormat::TarGz => {
            let mut tar = TarWriter::new(Gzip::new(pool, out).map_err(failed)?);
            write_tree(&mut tar, &tree, spec.created)?;
            tar.finish().and_then(Gzip::finish).map_err(failed)?
        }
        ArchiveFormat::Zip => {
            let mut zip = ZipWriter::new(pool, out);
            write_tree(&mut zip, &tree, spec.created)?;
            zip.finish().map_err(failed)?
        }
    };
    let (staged, digest, size) = hashed.finish();
    remove_bundles(&path)?;
    staged.put(&path)?;
    let settled = stats.iter().all(|stat| stat.older_than(&now));
    memo.remember_output(
        MEMO,
        &path,
        ArchiveFact { key: settled.then_some(key), digest: digest.clone(), size },
    );
    Ok(Archive { path, folder: stem, digest, size })
}

/// Makes a tree with one folder that has the archive's name, so that unpacking does not scatter files.
fn tree(spec: &ArchiveSpec, stem: &str) -> Result<RootFs> {
    let mut tree = RootFs::new();
    let program = system::program_name(&spec.bin, &spec.triple);
    tree.insert(&format!("{stem}/{program}"), Node::disk(0o755, &spec.program))?;
    for file in &spec.files {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        tree.insert(&format!("{stem}/{name}"), Node::disk(0o644, file))?;
    }
    Ok(tree)
}

/// Writes `SHA256SUMS` in the format of `sha256sum -c`, to be checked in `<dist>`. It is sorted by name, and
/// includes the archives of other runs.
///
/// # Errors
/// A file cannot be read or written.
pub fn sums(dist: &Path, memo: &Memo) -> Result<()> {
    let dir = dist::archives(dist);
    let unreadable = |e: std::io::Error| Error::io("cannot read", &dir, &e);
    let mut lines = Vec::new();
    for entry in fs::read_dir(&dir).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !name.starts_with(xtask_files::STAGING_PREFIX)
            && ArchiveFormat::ALL.iter().any(|format| name.ends_with(format.suffix()))
        {
            lines.push((name, digest(&path, memo)?));
        }
    }
    lines.sort();
    let text: String =
        lines.iter().map(|(name, digest)| format!("{}  archives/{name}\n", digest.hex())).collect();
    let sums = dist.join(dist::SUMS);
    if !files::read(&sums).is_ok_and(|there| there == text.as_bytes()) {
        remove_bundles(&sums)?;
    }
    write_changed(&sums, text.as_bytes())?;
    Ok(())
}

/// Removes the signatures and attestations of a file that is about to change, because they are about its
/// present bytes.
fn remove_bundles(file: &Path) -> Result<()> {
    let (Some(folder), Some(name)) = (file.parent(), file.file_name()) else { return Ok(()) };
    let start = format!("{}.", name.to_string_lossy());
    for entry in fs::read_dir(folder).map_err(|e| Error::io("cannot read", folder, &e))? {
        let path = entry.map_err(|e| Error::io("cannot read", folder, &e))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(&start) && name.ends_with(dist::BUNDLE_SUFFIX) {
            fs::remove_file(&path).map_err(|e| Error::io("cannot remove", &path, &e))?;
        }
    }
    Ok(())
}

/// Returns the digest of an archive. The archive is read only if its digest is not remembered.
fn digest(path: &Path, memo: &Memo) -> Result<Digest> {
    if let Some(known) = memo.output::<ArchiveFact>(MEMO, path) {
        return Ok(known.digest);
    }
    let failed = |e: std::io::Error| Error::io("cannot read", path, &e);
    let size = fs::metadata(path).map_err(failed)?.len();
    let digest = files::open(path).and_then(Digest::of_reader).map_err(failed)?;
    memo.remember_output(MEMO, path, ArchiveFact { key: None, digest: digest.clone(), size });
    Ok(digest)
}
