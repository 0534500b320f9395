//! Reads [`Facts`] from a path or from bytes. A file that cannot be a program is refused here, with the
//! reason.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

use object::{Endianness, ReadCache, ReadCacheRange, ReadRef, elf};

use super::refusal::{Refusal, refused};
use super::{Facts, Format, Object, dso, elf as reader, format};
use xtask_files::error::{Error, Result};
use xtask_oci::Content;

impl Facts {
    /// Reads the facts of the program file at `path`. Symbolic links are followed, because the file at their
    /// end is what ships. Only headers and tables are read, so the size of the program does not matter.
    ///
    /// # Errors
    /// The file is missing, cannot be read, is not a regular file, is not an ELF program, or is damaged or
    /// truncated.
    pub fn read(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        // The check comes before opening the file, because opening a pipe would wait for its other end.
        let meta = std::fs::metadata(path).map_err(|e| unreadable(path, &e))?;
        if meta.is_dir() {
            return Err(Error::failed(format!("{name} is a directory, not a program")));
        }
        if !meta.is_file() {
            return Err(Error::failed(format!("{name} is a device, pipe or socket, not a program")));
        }
        let file = File::open(path).map_err(|e| Error::io("cannot read", path, &e))?;
        Self::stream(&name, file)
    }

    /// Reads the facts of a program from a stream, and seeks to the parts that it needs. `name` is its name
    /// in errors.
    ///
    /// # Errors
    /// As [`Facts::read`].
    pub fn stream(name: &str, source: impl Read + Seek) -> Result<Self> {
        facts(name, &ReadCache::new(source))
    }

    /// Reads the facts of a program in memory. `name` is its name in errors.
    ///
    /// # Errors
    /// As [`Facts::read`].
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Self> {
        facts(name, bytes)
    }

    /// Reads the facts of a program that is a file of a tree. `name` is its name in errors.
    ///
    /// # Errors
    /// As [`Facts::read`].
    pub fn of(name: &str, content: &Content) -> Result<Self> {
        of_content(name, content, |bytes| parse(bytes), |part| parse(part))
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    let plain = Error::io("cannot read", path, error);
    match std::fs::read_link(path) {
        Ok(target) => plain.found(format!("it is a symbolic link to {}", target.display())),
        Err(_) => plain,
    }
}

impl Object {
    /// Reads an object in memory. `name` is its name in errors.
    ///
    /// # Errors
    /// It is neither an ELF program nor a shared library, or it is damaged or truncated.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Self> {
        object_of(bytes).map_err(|refusal| refused(name, refusal))
    }

    /// Reads an object that is a file of a tree. Only headers and tables are read.
    ///
    /// # Errors
    /// As [`Object::parse`], and if the file cannot be read.
    pub fn read(name: &str, content: &Content) -> Result<Self> {
        of_content(name, content, |bytes| object_of(bytes), |part| object_of(part))
    }
}

/// Reads a file of a tree: with `in_memory` if its bytes are in memory, otherwise with `on_disk`.
fn of_content<T>(
    name: &str,
    content: &Content,
    in_memory: fn(&[u8]) -> Result<T, Refusal>,
    on_disk: fn(ReadCacheRange<'_, File>) -> Result<T, Refusal>,
) -> Result<T> {
    let (path, part) = match content {
        Content::Bytes(bytes) => return in_memory(bytes).map_err(|refusal| refused(name, refusal)),
        Content::Disk(path) => (path, None),
        Content::Part { file, offset, size } => (file, Some((*offset, *size))),
    };
    let io = |e| Error::io("cannot read", path, &e);
    let file = File::open(path).map_err(io)?;
    let (offset, size) = match part {
        Some(part) => part,
        None => (0, file.metadata().map_err(io)?.len()),
    };
    on_disk(ReadCache::new(file).range(offset, size)).map_err(|refusal| refused(name, refusal))
}

fn facts<'d>(name: &str, data: impl ReadRef<'d>) -> Result<Facts> {
    parse(data).map_err(|refusal| refused(name, refusal))
}

fn parse<'d>(data: impl ReadRef<'d>) -> Result<Facts, Refusal> {
    match class(data)? {
        (Class::Elf32, len) => reader::read::<elf::FileHeader32<Endianness>, _>(data, len),
        (Class::Elf64, len) => reader::read::<elf::FileHeader64<Endianness>, _>(data, len),
    }
}

fn object_of<'d>(data: impl ReadRef<'d>) -> Result<Object, Refusal> {
    match class(data)? {
        (Class::Elf32, len) => dso::read::<elf::FileHeader32<Endianness>, _>(data, len),
        (Class::Elf64, len) => dso::read::<elf::FileHeader64<Endianness>, _>(data, len),
    }
}

enum Class {
    Elf32,
    Elf64,
}

/// Returns the class of an ELF file, and its length in bytes.
fn class<'d>(data: impl ReadRef<'d>) -> Result<(Class, u64), Refusal> {
    let len = data.len().map_err(|()| Refusal::damaged("its length cannot be read"))?;
    let head = data
        .read_bytes_at(0, len.min(format::HEAD as u64))
        .map_err(|()| Refusal::damaged("its first bytes cannot be read"))?;
    match (Format::of(head), head.get(4)) {
        (Format::Elf, Some(&class)) if class == elf::ELFCLASS32.0 => Ok((Class::Elf32, len)),
        (Format::Elf, Some(&class)) if class == elf::ELFCLASS64.0 => Ok((Class::Elf64, len)),
        (Format::Elf, Some(_)) => Err(Refusal::damaged("its ELF class is neither 32-bit nor 64-bit")),
        (Format::Elf | Format::ElfStub, _) => Err(Refusal::damaged("it ends inside the ELF header")),
        (Format::Archive, _) => {
            Err(Refusal::not_a_program(&Format::Archive.to_string(), "name a [[bin]] target, not a library"))
        }
        (other, _) => Err(Refusal { why: format!("is {other}, not a Linux program (ELF)"), help: None }),
    }
}
