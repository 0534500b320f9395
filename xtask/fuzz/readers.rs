//! What is asked of every reader of other people's bytes, whatever they are: an answer or an error, and where there is an
//! answer, what must be so of it. The fuzz targets ask with libFuzzer's bytes, `xtask/tests/readers.rs` with damaged seeds.
#![allow(unreachable_pub, reason = "a test of xtask takes this file as a module")]

use std::collections::BTreeSet;
use std::io::{Cursor, Read};
use std::path::Path;

use xtask_base::BaseLock;
use xtask_base::deb::{Deb, Paragraph};
use xtask_gate::{
    Facts, Format, Limits, MachO, Object, Pe, Program, StartSetting, Tree, WasiProgram, check, check_in,
    check_macho, check_pe, check_wasm,
};
use xtask_oci::decompress::{CompressionFormat, decompress};
use xtask_oci::document::{Index, Manifest, to_bytes};
use xtask_oci::unpack::apply_from;
use xtask_oci::{Content, FileKind, Node, RootFs};
use xtask_registry::{Reference, manifest};
use xtask_triple::Triple;

/// The most bytes that a compressed input may become.
const UNPACKED_MAX: u64 = 8 << 20;

/// Targets of different machines and C libraries.
const TRIPLES: [&str; 4] = [
    "x86_64-unknown-linux-gnu",
    "x86_64-unknown-linux-musl",
    "aarch64-unknown-linux-gnu",
    "armv7-unknown-linux-gnueabihf",
];

/// A program, judged by itself and against a root file system in which it is a library, too.
pub fn elf(bytes: &[u8]) {
    let facts = Facts::parse("program", bytes);
    let stream = Facts::stream("program", Cursor::new(bytes));
    assert_eq!(facts.is_ok(), stream.is_ok(), "memory and stream see the same");
    let object = Object::parse("program", bytes);
    let Ok(program) = Program::parse("program", bytes, "/program") else { return };
    assert!(facts.is_ok() && object.is_ok());
    let mut files = RootFs::new();
    for name in program.facts.needed.iter().map(String::as_str).chain(["ld-linux-x86-64.so.2"]) {
        // A needed name may be any text, and not all are paths.
        let _ = files.put(&format!("lib64/{name}"), Node::bytes(0o755, bytes.to_vec()));
        let _ = files.put(&format!("lib/{name}"), Node::bytes(0o755, bytes.to_vec()));
    }
    for triple in TRIPLES.map(Triple::parse) {
        check(&program.facts, &triple, StartSetting::Standalone, Limits::default());
        check_in(&program, &triple, &Tree::new("scratch", &RootFs::new()), Limits::default());
        check_in(&program, &triple, &Tree::new("itself", &files), Limits::default());
    }
}

/// Programs of other systems.
pub fn formats(bytes: &[u8]) {
    let _ = Format::of(bytes);
    if let Ok(pe) = Pe::parse("program.exe", bytes) {
        check_pe(&pe, &Triple::parse("x86_64-pc-windows-gnu"));
    }
    if let Ok(wasm) = WasiProgram::parse("program.wasm", bytes) {
        check_wasm(&wasm, &Triple::parse("wasm32-wasip1"));
    }
    if let Ok(slices) = MachO::parse("program", bytes) {
        check_macho(&slices, &Triple::parse("aarch64-apple-darwin"), None);
    }
}

/// A layer over a tree that has something to remove and links to follow: nothing gets out of the root, and all files are
/// parts of the tar.
pub fn tar(bytes: &[u8]) {
    let mut tree = RootFs::new();
    for (path, node) in [
        ("bin", Node::symlink("usr/bin")),
        ("usr/bin/tool", Node::bytes(0o755, b"tool".to_vec())),
        ("up", Node::symlink("../../..")),
        ("loop", Node::symlink("loop")),
        ("etc", Node::dir(0o755)),
    ] {
        tree.put(path, node).expect("a plain path");
    }
    if apply_from(Cursor::new(bytes), Path::new("layer.tar"), &mut tree).is_err() {
        return;
    }
    for (path, node) in tree.iter() {
        let parts = || path.split('/');
        assert!(parts().all(|part| !matches!(part, "" | "." | "..")), "{path:?}");
        assert!(node.mode <= 0o7777, "{path:?} has mode {:o}", node.mode);
        if let Some((above, _)) = path.rsplit_once('/') {
            let folder = tree.get(above).map(|node| &node.kind);
            assert!(folder.is_none_or(|kind| *kind == FileKind::Dir), "{path:?} is below something else");
        }
        if let FileKind::File(Content::Part { offset, size, .. }) = &node.kind {
            assert!(offset.checked_add(*size).is_some_and(|end| end <= bytes.len() as u64), "{path:?}");
        }
        tree.resolve(path);
    }
}

/// A compressed layer: the limit holds, and gzip is what another reader makes of it.
pub fn compressed(bytes: &[u8]) {
    let mut out = Vec::new();
    let limit = |size| match size > UNPACKED_MAX {
        true => Err(std::io::Error::other("too large")),
        false => Ok(()),
    };
    let ended = decompress(bytes, &mut out, limit);
    assert!(out.len() as u64 <= UNPACKED_MAX);
    let Ok((kind, size)) = ended else { return };
    assert_eq!(size, out.len() as u64);
    if kind == CompressionFormat::Gzip {
        let mut theirs = Vec::new();
        let read = flate2::read::MultiGzDecoder::new(bytes).take(UNPACKED_MAX + 1).read_to_end(&mut theirs);
        // They refuse more of what may follow the last member.
        assert!(read.is_err() || theirs == out, "another reader has other bytes");
    }
}

/// A Debian package.
pub fn ar(bytes: &[u8]) {
    let Ok(deb) = Deb::read("package.deb", bytes) else { return };
    assert!(deb.control.len() <= 16 << 20);
    let mut data = std::io::sink();
    let _ = deb.unpack_data(&mut data);
}

/// A registry's document: what is understood is understood again when it is written out.
pub fn manifest(bytes: &[u8]) {
    let Ok(found) = manifest::read(bytes) else { return };
    match found {
        manifest::FetchedDocument::Index(index) => {
            for triple in TRIPLES {
                let platform = Triple::parse(triple).platform().expect("a platform");
                let _ = manifest::pick(&index, &platform);
            }
            let written: Index = again(&to_bytes(&index).expect("written"));
            assert_eq!(written, index);
        }
        manifest::FetchedDocument::Manifest(image) => {
            let written: Manifest = again(&to_bytes(&image).expect("written"));
            assert_eq!(written, image);
        }
    }
}

fn again<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> T {
    serde_json::from_slice(bytes).expect("what was written can be read")
}

/// Small texts: locks, references, control files, names of targets.
pub fn text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = BaseLock::parse(text, "debian13.lock");
    let _ = Paragraph::all(text);
    if let Ok(reference) = Reference::parse(text) {
        let shown = reference.to_string();
        assert_eq!(Reference::parse(&shown).expect("what is shown can be read"), reference);
    }
    let triples: BTreeSet<String> = BTreeSet::from([Triple::parse(text).as_str().to_owned()]);
    assert!(triples.contains(text));
}
