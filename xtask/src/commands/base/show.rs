//! `cargo xtask base show`: the content of a base, down to its files.

use serde::Serialize;

use crate::cli::Common;
use crate::session::Session;
use xtask_base::distroless::{self, LOCKS};
use xtask_base::{BaseImage, BaseLock, DebPackage, DebianArch, Distroless};
use xtask_files::error::{Error, Result};
use xtask_files::human_size;
use xtask_oci::{Digest, FileKind, RootFs};
use xtask_process::table::{Align, Table};

#[derive(Serialize)]
struct BaseDocument<'a> {
    schema: u32,
    name: String,
    platform: String,
    /// The digest that determines every byte of the base.
    digest: &'a Digest,
    packages: Vec<PackageJson<'a>>,
    /// The layer of the base; present only with `--files`.
    #[serde(skip_serializing_if = "Option::is_none")]
    layer: Option<LayerJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Vec<FileJson<'a>>>,
}

#[derive(Serialize)]
struct PackageJson<'a> {
    name: &'a str,
    version: &'a str,
    architecture: &'a str,
    size: u64,
    sha256: &'a str,
    pool: &'a str,
}

#[derive(Serialize)]
struct LayerJson<'a> {
    digest: &'a Digest,
    size: u64,
    diff_id: &'a Digest,
}

#[derive(Serialize)]
struct FileJson<'a> {
    path: String,
    kind: &'static str,
    /// The mode in octal, as `chmod` takes it.
    mode: String,
    uid: u32,
    gid: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'a str>,
}

pub(super) fn run(common: &Common, name: &str, arch: Option<&str>, files: bool, json: bool) -> Result<()> {
    let session = Session::open(common, json)?;
    let _in_use = xtask_base::prune::hold(&session.cache);
    let what = parse(name)?;
    if let Some(warning) = what.warning() {
        session.ui.warn(warning);
    }
    let arch = match arch {
        Some(text) => super::arch(text)?,
        None => session.host.triple.platform().and_then(|platform| DebianArch::of(&platform)).ok_or_else(
            || {
                Error::usage("there is no base for this machine's architecture")
                    .help("name one: --arch amd64")
            },
        )?,
    };
    let locks = session.locks();
    let file = super::lock_file(&session, what.debian);
    let lock = BaseLock::load(&file)?.ok_or_else(|| {
        Error::missing(format!(
            "{what} is not locked: there is no {LOCKS}/{}",
            BaseLock::file_name(what.debian)
        ))
        .help(format!("lock its packages: cargo xtask base update {}", what.debian))
    })?;
    let part = lock.part(what, arch)?;
    let assembled = if files {
        let snapshots = super::config(&session)?.map(|config| config.snapshots).unwrap_or_default();
        Some(distroless::load(what, &arch.platform(), &super::site(&session, &locks, &snapshots))?.base)
    } else {
        None
    };
    let base = assembled.as_ref();
    if json {
        let document = BaseDocument {
            schema: 1,
            name: what.to_string(),
            platform: arch.platform().to_string(),
            digest: &part.digest,
            packages: part.packages.iter().map(package).collect(),
            layer: base.and_then(layer),
            files: base.map(|base| entries(&base.rootfs)),
        };
        return super::print_json(&session, &document);
    }
    let mut text = format!("{what} for {}, {}\n\n{}", arch.platform(), part.digest, table(&part.packages));
    if let Some(base) = base {
        if let Some(layer) = layer(base) {
            text += &format!("\nlayer {} ({})\n", layer.digest, human_size(layer.size));
        }
        text.push('\n');
        text.extend(entries(&base.rootfs).iter().map(line));
    }
    session.ui.data(&text);
    Ok(())
}

fn parse(name: &str) -> Result<Distroless> {
    // The prefix may be left out here.
    let full = if name.starts_with("distroless:") { name.to_owned() } else { format!("distroless:{name}") };
    Distroless::parse(&full).ok_or_else(|| {
        Error::usage(format!("there is no base `{name}`")).help(
            "the bases are distroless:static, distroless:base and distroless:cc, optionally followed by -debian12, :root and :debug",
        )
    })
}

fn package(package: &DebPackage) -> PackageJson<'_> {
    let DebPackage { name, version, architecture, size, digest, pool } = package;
    PackageJson { name, version, architecture, size: *size, sha256: digest.hex(), pool }
}

fn layer(base: &BaseImage) -> Option<LayerJson<'_>> {
    let layer = &base.layers.first()?.layer;
    Some(LayerJson { digest: &layer.descriptor.digest, size: layer.descriptor.size, diff_id: &layer.diff_id })
}

fn entries(tree: &RootFs) -> Vec<FileJson<'_>> {
    tree.iter()
        .map(|(path, node)| {
            let (kind, size, target) = match &node.kind {
                FileKind::Dir => ("dir", None, None),
                FileKind::File(content) => ("file", content.size().ok(), None),
                FileKind::Symlink(target) => ("symlink", None, Some(target.as_str())),
            };
            let (path, mode) = (format!("/{path}"), format!("{:04o}", node.mode));
            FileJson { path, kind, mode, uid: node.uid, gid: node.gid, size, target }
        })
        .collect()
}

fn line(file: &FileJson<'_>) -> String {
    let FileJson { path, kind, mode, uid, gid, size, target } = file;
    let size = size.map(|size| size.to_string()).unwrap_or_default();
    let target = target.map(|target| format!(" -> {target}")).unwrap_or_default();
    format!("{kind:<7} {mode} {uid:>5} {gid:>5} {size:>9} {path}{target}\n")
}

fn table(packages: &[DebPackage]) -> String {
    let columns =
        [("package", Align::Left), ("version", Align::Left), ("arch", Align::Left), ("size", Align::Right)];
    let mut table = Table::new(&columns);
    for DebPackage { name, version, architecture, size, .. } in packages {
        let cells = [name.as_str(), version, architecture];
        table.row(cells.map(Into::into).into_iter().chain([human_size(*size).into()]));
    }
    table.terminal(false)
}
