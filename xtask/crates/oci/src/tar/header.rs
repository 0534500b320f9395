//! The header of 512 bytes in front of every entry.

use super::{EntryKind, TarEntry};

/// The unit of a tar archive, in bytes.
pub(super) const BLOCK: usize = 512;

/// The largest number in a field of 12 bytes: 11 octal digits and a NUL.
pub(super) const MAX_12: u64 = 0o777_7777_7777;
/// The largest number in a field of 8 bytes: 7 octal digits and a NUL.
pub(super) const MAX_8: u32 = 0o777_7777;
/// The maximum length of a path in the name field, in bytes.
const MAX_NAME: usize = 100;
/// The maximum length of a path in the prefix field, in bytes.
const MAX_PREFIX: usize = 155;

/// A ustar header. A field whose value does not fit has the part that fits; [`super::pax`] has the full
/// value.
pub(super) struct Header {
    bytes: [u8; BLOCK],
    /// Whether the path does not fit into the header or is not plain ASCII.
    pub(super) path_is_long: bool,
    /// Whether the link's target does not fit into the header or is not plain ASCII.
    pub(super) link_is_long: bool,
}

impl Header {
    /// Makes the header of an entry, with its checksum.
    pub(super) fn of(entry: &TarEntry<'_>) -> Self {
        let (kind, size, link) = match entry.kind {
            EntryKind::Dir => (b'5', 0, ""),
            EntryKind::File(size) => (b'0', size, ""),
            EntryKind::Symlink(target) => (b'2', 0, target),
        };
        let mut header = Self::blank(kind, entry.mode, size, entry.mtime);
        header.octal(108..116, u64::from(entry.uid.min(MAX_8)));
        header.octal(116..124, u64::from(entry.gid.min(MAX_8)));
        header.path_is_long = !header.name(&path_of(entry));
        header.link_is_long = !fits(link, MAX_NAME);
        header.text(157, link, MAX_NAME);
        header.sealed()
    }

    /// Makes the header of the pax records in front of an entry. Readers that support pax ignore the name.
    /// Others extract it as a file, so the name must not clash.
    pub(super) fn of_pax(path: &str, size: u64) -> Self {
        let mut header = Self::blank(b'x', 0o644, size, 0);
        header.octal(108..116, 0);
        header.octal(116..124, 0);
        let base = path.rsplit('/').next().unwrap_or_default();
        let base: String = base.chars().filter(|c| c.is_ascii_graphic()).take(80).collect();
        header.text(0, &format!("PaxHeaders/{base}"), MAX_NAME);
        header.sealed()
    }

    /// Returns the bytes of the header as they are written to the archive.
    pub(super) fn bytes(&self) -> [u8; BLOCK] {
        self.bytes
    }

    fn blank(kind: u8, mode: u32, size: u64, mtime: u64) -> Self {
        let mut header = Self { bytes: [0; BLOCK], path_is_long: false, link_is_long: false };
        header.octal(100..108, u64::from(mode));
        header.octal(124..136, size.min(MAX_12));
        header.octal(136..148, mtime.min(MAX_12));
        header.bytes[156] = kind;
        header.bytes[257..265].copy_from_slice(b"ustar\x0000");
        header.octal(329..337, 0);
        header.octal(337..345, 0);
        header
    }

    /// Writes the path into name, or into prefix and name. Returns false if it does not fit.
    fn name(&mut self, path: &str) -> bool {
        if fits(path, MAX_NAME) {
            self.text(0, path, MAX_NAME);
            return true;
        }
        // The cut is at a slash with at most 155 bytes before it and 1 to 100 bytes after it. The last slash
        // of a folder is not a possible cut.
        let cut = path
            .match_indices('/')
            .map(|(at, _)| at)
            .find(|at| (1..=MAX_PREFIX).contains(at) && (1..=MAX_NAME).contains(&(path.len() - at - 1)));
        match cut {
            Some(cut) if path.is_ascii() => {
                self.text(345, &path[..cut], MAX_PREFIX);
                self.text(0, &path[cut + 1..], MAX_NAME);
                true
            }
            _ => {
                self.text(0, path, MAX_NAME);
                false
            }
        }
    }

    fn text(&mut self, at: usize, text: &str, room: usize) {
        let bytes = &text.as_bytes()[..text.len().min(room)];
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn octal(&mut self, field: std::ops::Range<usize>, value: u64) {
        let width = field.len() - 1;
        let digits = format!("{value:0width$o}");
        self.bytes[field.start..field.end - 1].copy_from_slice(digits.as_bytes());
    }

    /// Adds the checksum, which counts its own field as spaces.
    fn sealed(mut self) -> Self {
        self.bytes[148..156].fill(b' ');
        // Most of a header is zeros. Whole words of them are skipped, because this crate is not optimised in
        // `cargo xtask`.
        let words = self.bytes.chunks_exact(8).filter(|word| *word != [0; 8]);
        let sum: u32 = words.flatten().map(|byte| u32::from(*byte)).sum();
        let digits = format!("{sum:06o}\0 ");
        self.bytes[148..156].copy_from_slice(digits.as_bytes());
        self
    }
}

/// Returns the path in tar's form: folders end with a slash.
pub(super) fn path_of(entry: &TarEntry<'_>) -> String {
    match entry.kind {
        EntryKind::Dir if entry.path.is_empty() => "./".to_owned(),
        EntryKind::Dir => format!("{}/", entry.path),
        _ => entry.path.to_owned(),
    }
}

fn fits(text: &str, room: usize) -> bool {
    text.len() <= room && text.is_ascii()
}
