//! `cargo xtask base update`: locks the present packages of Debian's archive and the present digests of
//! registry tags.

use serde::Serialize;

use crate::cli::Common;
use crate::session::Session;
use xtask_base::apt::Apt;
use xtask_base::store::BaseStore;
use xtask_base::update::{self, PackageChange};
use xtask_base::{BaseLock, DebianArch, Distroless, Flavour};
use xtask_files::error::{Error, Result};
use xtask_process::table::{Align, Cell, Table, Tone};

use super::lock_file;
use super::tags::{self, TagJson};

#[derive(Serialize)]
struct BaseUpdateDocument {
    schema: u32,
    locks: Vec<LockJson>,
    tags: Vec<TagJson>,
}

#[derive(Serialize)]
struct LockJson {
    debian: u8,
    file: String,
    architectures: Vec<&'static str>,
    changes: Vec<PackageChange>,
}

pub(super) fn run(common: &Common, releases: &[u8], archs: &[String], json: bool) -> Result<()> {
    let session = Session::open(common, json)?;
    let all = archs.iter().any(|text| text == "all");
    let archs = archs.iter().filter(|text| *text != "all").map(|text| super::arch(text));
    let archs = archs.collect::<Result<Vec<DebianArch>>>()?;
    let _in_use = xtask_base::prune::hold(&session.cache);
    if session.offline {
        return Err(Error::missing("base update cannot fetch from Debian's archive with --offline"));
    }
    let tags = if releases.is_empty() { tags::named(&session)? } else { Vec::new() };
    let wanted = wanted(&session, releases, !tags.is_empty());
    let mut locks = Vec::new();
    if !wanted.is_empty() {
        locks = debian(&session, wanted, &archs, all)?;
    }
    // A file other than the default one is one of several that share the locks.
    let all = common.config.is_none();
    let tags = match releases.is_empty() {
        true => tags::update(&session, &session.locks(), &tags, all)?,
        false => Vec::new(),
    };
    if json {
        return super::print_json(&session, &BaseUpdateDocument { schema: 1, locks, tags });
    }
    for lock in &locks {
        session.ui.data(&format!("Debian {}: {}", lock.debian, lock.architectures.join(", ")));
        if !lock.changes.is_empty() {
            session.ui.data(&table(&lock.changes).terminal(session.ui.color_out));
        }
    }
    for TagJson { reference, from, to } in tags.iter().filter(|tag| tag.from != tag.to) {
        let digest = |digest: &Option<String>| digest.clone().unwrap_or_else(|| "nothing".to_owned());
        session.ui.data(&format!("{reference}: from {} to {}", digest(from), digest(to)));
    }
    Ok(())
}

/// Locks the packages of these releases.
fn debian(session: &Session, wanted: Vec<u8>, archs: &[DebianArch], all: bool) -> Result<Vec<LockJson>> {
    let apt = Apt::find(&session.host, session.ui, "the packages of distroless bases")?;
    if apt.has_no_security() {
        session
            .ui
            .warn("apt's sources on this machine have no security updates of Debian, so the lock has none");
    }
    let mut locks = Vec::new();
    for debian in wanted {
        if let Some(warning) = (Distroless { debian, ..Distroless::of(Flavour::Static) }).warning() {
            session.ui.warn(warning);
        }
        let file = lock_file(session, debian);
        let older = BaseLock::load(&file)?;
        let archs =
            if all { DebianArch::of_release(debian) } else { all_archs(debian, archs, older.as_ref())? };
        let states = BaseStore::new(&session.cache).apt();
        let newer = update::update(&apt, &states, debian, &archs, older.as_ref(), session.ui)?;
        let changes = update::changes(older.as_ref(), &newer);
        xtask_files::write(&file, newer.text().as_bytes())?;
        let what = format!("{} (packages changed: {})", file.display(), changes.len());
        session.ui.step("Locked", what);
        let architectures = archs.iter().map(|arch| arch.as_str()).collect();
        locks.push(LockJson { debian, file: file.display().to_string(), architectures, changes });
    }
    Ok(locks)
}

/// Returns the releases that were named. Otherwise these are the locked ones, or else 13 unless there are
/// tags to lock.
fn wanted(session: &Session, named: &[u8], tags: bool) -> Vec<u8> {
    let mut releases = named.to_vec();
    if releases.is_empty() {
        releases.extend([13, 12].into_iter().filter(|debian| lock_file(session, *debian).exists()));
    }
    if releases.is_empty() && !tags {
        releases.push(13);
    }
    releases.dedup();
    releases
}

/// Returns the architectures of a lock. A lock is made at one moment, so the architectures it already has are
/// looked up again with the new ones. Most images are for the two default architectures, and each further one
/// costs 10 MB of indexes.
fn all_archs(debian: u8, named: &[DebianArch], older: Option<&BaseLock>) -> Result<Vec<DebianArch>> {
    let there = DebianArch::of_release(debian);
    if let Some(arch) = named.iter().find(|arch| !there.contains(arch)) {
        return Err(Error::usage(format!("Debian {debian} has no {arch}")));
    }
    let mut archs = named.to_vec();
    archs.extend(older.into_iter().flat_map(|lock| lock.packages.keys().copied()));
    archs.sort();
    archs.dedup();
    Ok(if archs.is_empty() { vec![DebianArch::Amd64, DebianArch::Arm64] } else { archs })
}

fn table(changes: &[PackageChange]) -> Table {
    let columns =
        [("package", Align::Left), ("arch", Align::Left), ("from", Align::Left), ("to", Align::Left)];
    let mut table = Table::new(&columns);
    for PackageChange { package, architecture, from, to } in changes {
        let version = |version: &Option<String>| match version {
            Some(version) => Cell::from(version.as_str()),
            None => Cell::new("none", Tone::Plain),
        };
        table.row([package.as_str().into(), architecture.as_str().into(), version(from), version(to)]);
    }
    table
}
