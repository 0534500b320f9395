//! `cargo xtask base list`: the bases and what is locked for them.

use serde::Serialize;

use crate::cli::Common;
use crate::session::Session;
use xtask_base::lock::{DebPackage, Release};
use xtask_base::{BaseLock, DebianArch, Distroless, Flavour, contents};
use xtask_files::error::Result;
use xtask_files::human_size;
use xtask_process::table::{Align, Cell, Table, Tone};

use super::lock_file;
use super::tags::{self, TagJson};

#[derive(Serialize)]
struct BaseListDocument {
    schema: u32,
    bases: Vec<BaseJson>,
    locks: Vec<LockEntry>,
    tags: Vec<TagJson>,
}

#[derive(Serialize)]
struct BaseJson {
    name: String,
    debian: u8,
    packages: Vec<&'static str>,
    /// The platforms for which it is locked.
    platforms: Vec<LockedPlatform>,
}

#[derive(Serialize)]
struct LockedPlatform {
    platform: String,
    /// The size of its packages, in bytes.
    download_size: u64,
}

#[derive(Serialize)]
struct LockEntry {
    debian: u8,
    file: String,
    releases: Vec<ReleaseJson>,
}

#[derive(Serialize)]
struct ReleaseJson {
    suite: String,
    date: String,
    sha256: String,
    signers: Vec<String>,
}

pub(super) fn run(common: &Common, json: bool) -> Result<()> {
    let session = Session::open(common, json)?;
    let tags = tags::list(&session, &session.locks())?;
    let mut document = BaseListDocument { schema: 1, bases: Vec::new(), locks: Vec::new(), tags };
    for debian in [13, 12] {
        let file = lock_file(&session, debian);
        let lock = BaseLock::load(&file)?;
        for flavour in Flavour::ALL {
            document.bases.push(base(Distroless { debian, ..Distroless::of(flavour) }, lock.as_ref()));
        }
        if let Some(lock) = lock {
            let releases = lock.releases.into_iter().map(release).collect();
            document.locks.push(LockEntry { debian, file: file.display().to_string(), releases });
        }
    }
    if json {
        return super::print_json(&session, &document);
    }
    let columns = [
        ("base", Align::Left),
        ("packages", Align::Right),
        ("download", Align::Right),
        ("locked for", Align::Left),
    ];
    let mut table = Table::new(&columns);
    for base in &document.bases {
        let largest = base.platforms.iter().map(|p| p.download_size).max();
        let platforms: Vec<&str> = base.platforms.iter().map(|p| p.platform.as_str()).collect();
        table.row([
            base.name.as_str().into(),
            base.packages.len().to_string().into(),
            largest.map(human_size).unwrap_or_default().into(),
            if platforms.is_empty() {
                Cell::new(format!("nothing; cargo xtask base update {}", base.debian), Tone::Warn)
            } else {
                platforms.join(", ").into()
            },
        ]);
    }
    let mut text = table.terminal(session.ui.color_out);
    for lock in &document.locks {
        for release in &lock.releases {
            text += &format!("\n{}: {} of {}", lock.file, release.suite, release.date);
        }
    }
    for tag in &document.tags {
        let held =
            tag.to.as_deref().unwrap_or("not locked; the next build or `cargo xtask base update` locks it");
        text += &format!("\n{}: {held}", tag.reference);
    }
    session.ui.data(&text);
    Ok(())
}

fn base(what: Distroless, lock: Option<&BaseLock>) -> BaseJson {
    let platform = |arch: &DebianArch| {
        let part = lock?.part(what, *arch).ok()?;
        let download_size = part.packages.iter().map(|package: &DebPackage| package.size).sum();
        Some(LockedPlatform { platform: arch.platform().to_string(), download_size })
    };
    BaseJson {
        name: what.to_string(),
        debian: what.debian,
        packages: contents::packages(what),
        platforms: DebianArch::ALL.iter().filter_map(platform).collect(),
    }
}

fn release((suite, release): (String, Release)) -> ReleaseJson {
    let Release { date, digest, signers } = release;
    ReleaseJson { suite, date: date.to_string(), sha256: digest.hex().to_owned(), signers }
}
