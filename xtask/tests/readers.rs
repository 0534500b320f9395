//! The readers of other people's bytes, asked what the fuzz targets ask (`xtask/fuzz`), with seeds that are whole and with
//! the same seeds damaged: the same damage in every run. With `XTASK_FUZZ_SEEDS=<folder>` the seeds are written there, for
//! libFuzzer to begin with.

use std::io::Write;

#[path = "../fuzz/readers.rs"]
mod readers;

/// How often each seed is damaged.
const ROUNDS: u32 = 2000;

/// Numbers that look random and are the same in every run (Numerical Recipes' generator).
struct Numbers(u32);

impl Numbers {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as usize % most.max(1)
    }
}

/// Asks a reader about every seed, whole and damaged.
fn ask(name: &str, reader: fn(&[u8]), seeds: &[Vec<u8>]) {
    if let Some(folder) = std::env::var_os("XTASK_FUZZ_SEEDS") {
        let folder = std::path::Path::new(&folder).join(name);
        std::fs::create_dir_all(&folder).unwrap();
        for (at, seed) in seeds.iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{at}")), seed).unwrap();
        }
    }
    let mut numbers = Numbers(42);
    for seed in seeds {
        assert!(!seed.is_empty());
        reader(seed);
        for _ in 0..ROUNDS {
            reader(&damaged(seed, &mut numbers));
        }
    }
}

/// One to four times: some bytes are others, are gone, stand twice or come from elsewhere, or the end is missing. Half of
/// it happens at the beginning, where formats say how the rest is to be read.
fn damaged(seed: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=numbers.below(3) {
        let within = if numbers.below(2) == 0 { bytes.len().min(512) } else { bytes.len() };
        let at = numbers.below(within);
        let end = (at + 1 + numbers.below(8)).min(bytes.len());
        match numbers.below(6) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let twice = bytes[at..end].to_vec();
                bytes.splice(at..at, twice);
            }
            3 => {
                let from = numbers.below(bytes.len().saturating_sub(end - at));
                let other = bytes[from..(from + end - at).min(bytes.len())].to_vec();
                bytes.splice(at..end, other);
            }
            4 => bytes[at..end].fill([0, 0xff, 0x7f, b'9'][numbers.below(4)]),
            _ => bytes[at..end].iter_mut().for_each(|byte| *byte = numbers.below(256) as u8),
        }
        if bytes.is_empty() {
            break;
        }
    }
    bytes
}

#[test]
fn programs() {
    // Small real programs and libraries of this machine, where it has them; else this test.
    let small = ["/bin/true", "/lib/x86_64-linux-gnu/libdl.so.2", "/lib64/libdl.so.2"];
    let mut seeds: Vec<Vec<u8>> = small.iter().filter_map(|path| std::fs::read(path).ok()).collect();
    if seeds.is_empty() {
        seeds.push(std::fs::read(std::env::current_exe().unwrap()).unwrap());
    }
    ask("elf", readers::elf, &seeds);
}

#[test]
fn programs_of_other_systems() {
    // A PE file as far as its import table, and a Mach-O file with a load command: what follows is made up by damage.
    let mut pe = b"MZ".to_vec();
    pe.resize(0x3c, 0);
    pe.extend(0x40_u32.to_le_bytes());
    pe.extend(b"PE\0\0");
    pe.extend([0x64, 0x86, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 240, 0, 0x22, 0]);
    let mut optional = vec![0_u8; 240];
    optional[..2].copy_from_slice(&0x20b_u16.to_le_bytes());
    optional[108..112].copy_from_slice(&16_u32.to_le_bytes());
    // The import table: at address 0x1000, which the one section has at 0x200 of the file.
    optional[120..128].copy_from_slice(&[0, 0x10, 0, 0, 40, 0, 0, 0]);
    pe.extend(optional);
    pe.extend(b".idata\0\0");
    pe.extend([0x100_u32, 0x1000, 0x100, 0x200, 0, 0, 0, 0xc000_0040].iter().flat_map(|n| n.to_le_bytes()));
    pe.resize(0x200, 0);
    let table = [0x1040_u32, 0, 0, 0x1050, 0x1040, 0, 0, 0, 0, 0];
    pe.extend(table.iter().flat_map(|n| n.to_le_bytes()));
    pe.resize(0x250, 0);
    pe.extend(b"KERNEL32.dll\0");
    pe.resize(0x300, 0);
    let mut macho: Vec<u8> =
        [0xfeed_facf_u32, 0x0100_000c, 0, 2, 1, 56, 0, 0].iter().flat_map(|n| n.to_le_bytes()).collect();
    macho.extend([0xc_u32, 56, 24, 0, 0, 0].iter().flat_map(|n| n.to_le_bytes()));
    macho.extend(b"/usr/lib/libSystem.B.dylib\0\0\0\0\0\0");
    assert_eq!(xtask_gate::Pe::parse("seed", &pe).unwrap().imports.len(), 1);
    xtask_gate::MachO::parse("seed", &macho).unwrap();
    ask("formats", readers::formats, &[pe, macho]);
}

/// A layer with an entry of every kind, long names, hard links and whiteouts, by another writer.
fn layer(gnu: bool) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let header = |kind| {
        let mut header = if gnu { tar::Header::new_gnu() } else { tar::Header::new_ustar() };
        header.set_entry_type(kind);
        header.set_mode(0o755);
        header.set_size(0);
        header
    };
    let mut file = header(tar::EntryType::Regular);
    file.set_size(3);
    tar.append_data(&mut file, "usr/bin/app", &b"app"[..]).unwrap();
    tar.append_data(&mut header(tar::EntryType::Directory), "etc/x/", &b""[..]).unwrap();
    tar.append_link(&mut header(tar::EntryType::Symlink), "usr/lib64", "lib").unwrap();
    tar.append_link(&mut header(tar::EntryType::Link), "bin/again", "usr/bin/app").unwrap();
    for name in ["usr/.wh..wh..opq", "usr/bin/.wh.tool", "up/x", "loop/x"] {
        tar.append_data(&mut header(tar::EntryType::Regular), name, &b""[..]).unwrap();
    }
    if gnu {
        let long = "long/".repeat(40);
        tar.append_link(&mut header(tar::EntryType::Symlink), long.trim_end_matches('/'), &long).unwrap();
    } else {
        let records = [("path", "a\u{e4}b".as_bytes()), ("SCHILY.xattr.user.x", b"\0\xff")];
        tar.append_pax_extensions(records).unwrap();
        tar.append_data(&mut header(tar::EntryType::Regular), "short", &b""[..]).unwrap();
    }
    tar.into_inner().unwrap()
}

#[test]
fn layers() {
    ask("tar", readers::tar, &[layer(true), layer(false)]);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

#[test]
fn compressed_layers() {
    let tar = layer(true);
    let two_members = [gzip(&tar[..512]), gzip(&tar[512..])].concat();
    // One frame of RFC 8878: magic, a descriptor for a single segment of one byte, and a last block that repeats "x" 9 times.
    let zstd = [0x28, 0xb5, 0x2f, 0xfd, 0x20, 9, 0x4b, 0, 0, b'x'].to_vec();
    let mut out = Vec::new();
    xtask_oci::decompress::decompress(&zstd[..], &mut out, |_| Ok(())).unwrap();
    assert_eq!(out, b"xxxxxxxxx", "the seed is a frame");
    ask("compressed", readers::compressed, &[gzip(&tar), two_members, zstd]);
}

/// An ar archive (deb(5), ar(5)) of these members.
fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, content) in members {
        bytes.extend(
            format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, content.len()).bytes(),
        );
        bytes.extend(*content);
        if content.len() % 2 == 1 {
            bytes.push(b'\n');
        }
    }
    bytes
}

#[test]
fn packages() {
    let mut control = tar::Builder::new(Vec::new());
    let text = b"Package: x\nVersion: 1\nArchitecture: all\nDescription: one\n two\n .\n three\n";
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    control.append_data(&mut header, "./control", &text[..]).unwrap();
    let control = control.into_inner().unwrap();
    // xz's stream of nothing: header, index and footer.
    let nothing = [
        0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0, 4, 0xe6, 0xd6, 0xb4, 0x46, 0, 0, 0, 0, 0x1c, 0xdf, 0x44, 0x21,
        0x1f, 0xb6, 0xf3, 0x7d, 1, 0, 0, 0, 0, 4, 0x59, 0x5a,
    ];
    let head: [(&str, &[u8]); 2] = [("debian-binary", b"2.0\n"), ("control.tar", &control)];
    let tar = layer(true);
    let packed: [(&str, &[u8]); 2] = [("data.tar", &tar), ("data.tar.xz", &nothing)];
    let seeds = packed.map(|data| ar(&[head[0], head[1], data]));
    for seed in &seeds {
        let deb = xtask_base::deb::Deb::read("seed.deb", seed).unwrap();
        deb.unpack_data(&mut std::io::sink()).unwrap();
    }
    ask("ar", readers::ar, &seeds);
}

#[test]
fn documents() {
    let blob = |kind: &str| {
        format!(
            r#"{{"mediaType":"application/vnd.oci.image.{kind}","digest":"sha256:{}","size":7,"#,
            "ab".repeat(32)
        )
    };
    let platform = r#""platform":{"architecture":"arm64","os":"linux","variant":"v8"}}"#;
    let config = blob("config.v1+json");
    let layer = blob("layer.v1.tar+gzip");
    let manifest = blob("manifest.v1+json");
    let end = r#""annotations":{"a":"b"}}"#;
    let seeds = [
        format!(r#"{{"schemaVersion":2,"config":{config}{end},"layers":[{layer}{end}],{end}"#),
        format!(r#"{{"schemaVersion":2,"manifests":[{manifest}{platform},{manifest}{end}],{end}"#),
    ];
    for seed in &seeds {
        assert!(xtask_registry::manifest::read(seed.as_bytes()).is_ok(), "{seed}");
    }
    ask("manifest", readers::manifest, &seeds.map(String::into_bytes));
}

#[test]
fn texts() {
    let lock = include_str!("../../docker/bases/debian13.lock");
    let reference = format!("registry.example:5000/a/b:1.0@sha256:{}", "0".repeat(64));
    assert!(xtask_registry::Reference::parse(&reference).is_ok(), "{reference}");
    let control = "Package: x\nDepends: a,\n b\n\nPackage: y\n";
    let seeds = [lock, &reference, "debian:13-slim", control, "x86_64-unknown-linux-musl"];
    ask("text", readers::text, &seeds.map(|seed| seed.as_bytes().to_vec()));
}
