//! Reads Debian's binary packages (deb(5)): an `ar` archive of a version, the tar of the control files and
//! the tar of the data. A package was checked against a locked digest before. It is still parsed as untrusted
//! data.

use std::io::{Cursor, Write};

use object::read::archive::ArchiveFile;

use xtask_files::error::{Error, Result};
use xtask_oci::untar::{TarReader, UntarEntry};

mod deb822;
mod unpack;

pub use deb822::Paragraph;
use unpack::MemberCompression;

/// A limit that no control archive reaches: 16 MiB.
const CONTROL_MAX: u64 = 16 << 20;
/// A limit that no unpacked package of a base reaches: 512 MiB.
const DATA_MAX: u64 = 512 << 20;

/// An opened package. Its data is still compressed.
#[derive(Debug)]
pub struct Deb<'a> {
    /// The control file as it is in the package, and as `dpkg-deb --field` prints it.
    pub control: Vec<u8>,
    /// The fields of the control file.
    pub fields: Paragraph,
    /// The MD5 sums of its files, one line each, if the package has them.
    pub md5sums: Option<Vec<u8>>,
    name: &'a str,
    data: (MemberCompression, &'a [u8]),
}

impl<'a> Deb<'a> {
    /// Opens a package. `name` is its name in messages.
    ///
    /// # Errors
    /// The bytes are not a package, have an unknown format, or are truncated.
    pub fn read(name: &'a str, bytes: &'a [u8]) -> Result<Self> {
        let bad = |why: String| Error::failed(format!("{name} is not a Debian package")).found(why);
        let archive = ArchiveFile::parse(bytes).map_err(|e| bad(e.to_string()))?;
        if archive.is_thin() {
            return Err(bad("it is a thin archive, whose members are elsewhere".into()));
        }
        let (mut control, mut data) = (None, None);
        for (at, member) in archive.members().enumerate() {
            let member = member.map_err(|e| bad(e.to_string()))?;
            let content = member.data(bytes).map_err(|e| bad(e.to_string()))?;
            let member = String::from_utf8_lossy(member.name());
            if at == 0 {
                version(&member, content).map_err(bad)?;
            } else if let Some(end) = member.strip_prefix("control.tar") {
                control = Some((MemberCompression::of(end).map_err(bad)?, content));
            } else if let Some(end) = member.strip_prefix("data.tar") {
                data = Some((MemberCompression::of(end).map_err(bad)?, content));
                // Further members are reserved (deb(5)).
                break;
            } else if !member.starts_with('_') {
                return Err(bad(format!("it has an unknown member {member:?} (see deb(5))")));
            }
        }
        let (how, packed) = control.ok_or_else(|| bad("it has no member control.tar".into()))?;
        let data = data.ok_or_else(|| bad("it has no member data.tar after control.tar".into()))?;
        let mut tar = Vec::new();
        unpack::unpack(how, packed, CONTROL_MAX, &mut tar).map_err(|e| bad(format!("control.tar: {e}")))?;
        let (control, md5sums) = control_files(&tar).map_err(|e| bad(format!("control.tar: {e}")))?;
        let control = control.ok_or_else(|| bad("control.tar has no file control".into()))?;
        let text = std::str::from_utf8(&control).map_err(|_| bad("its control file is not UTF-8".into()))?;
        let fields = Paragraph::one(text).map_err(|why| bad(format!("its control file: {why}")))?;
        Ok(Self { control, fields, md5sums, name, data })
    }

    /// Unpacks the tar of the data, and returns its size in bytes.
    ///
    /// # Errors
    /// It is damaged, larger than 512 MiB, or cannot be written.
    pub fn unpack_data(&self, to: &mut impl Write) -> Result<u64> {
        let (how, packed) = self.data;
        unpack::unpack(how, packed, DATA_MAX, to).map_err(|e| {
            Error::failed(format!("cannot unpack the data of {}", self.name)).found(e.to_string())
        })
    }
}

/// Checks from the first member that the format is supported.
fn version(member: &str, content: &[u8]) -> Result<(), String> {
    if member != "debian-binary" {
        return Err(format!("its first member is {member:?}, not \"debian-binary\""));
    }
    let line = content.split(|b| *b == b'\n').next().unwrap_or_default();
    // deb(5): a new minor version may add members and lines. A new major version is another format.
    if line.starts_with(b"2.") {
        Ok(())
    } else {
        Err(format!("it has the format {:?}, not 2.0", String::from_utf8_lossy(line)))
    }
}

type ControlFiles = (Option<Vec<u8>>, Option<Vec<u8>>);

/// Returns the files `control` and `md5sums` of the control archive. Scripts are not read.
fn control_files(tar: &[u8]) -> std::io::Result<ControlFiles> {
    // The reader of layers accepts a short last block, as engines do. A truncated package has one.
    if !tar.len().is_multiple_of(512) {
        return Err(std::io::Error::other("it is cut off"));
    }
    let (mut control, mut md5sums) = (None, None);
    for entry in TarReader::new(Cursor::new(tar))? {
        let UntarEntry { path, offset, size, .. } = entry?;
        let place = match path.strip_prefix(b"./").unwrap_or(&path) {
            b"control" => &mut control,
            b"md5sums" => &mut md5sums,
            _ => continue,
        };
        // The reader has checked that the entry is complete.
        *place = Some(tar[offset as usize..][..size as usize].to_vec());
    }
    Ok((control, md5sums))
}

#[cfg(test)]
mod tests;
