//! Snapshot archives: services that keep the packages that Debian's archive removes. As long as one of them
//! has the packages of a lock, the lock gives the same base as on the day it was made.

use std::path::Path;

use serde::Deserialize;

use xtask_files::error::Result;
use xtask_process::ui::Ui;

use super::apt::{self, Download};
use super::lock::{DebPackage, is_security_update};
use super::store::BaseStore;

/// The placeholder for the SHA-256 of a file in an address.
const SHA256: &str = "{sha256}";

/// The end of an address whose service has its files by their SHA-1, as Debian's own snapshot service does. A
/// lock does not contain that digest, so the service is asked for it (the document `API` in the sources of
/// that service).
const SHA1: &str = "/file/{sha1}";

/// The parts of an address that distinguish Debian's main archive from the archive of security updates.
const MAIN: &str = "/debian/";
const SECURITY: &str = "/debian-security/";

/// The address of a snapshot archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotArchive(String);

impl SnapshotArchive {
    /// Parses an address: that of a copy of the archive, or one with a placeholder for the digest of a file.
    ///
    /// # Errors
    /// A description of the fault.
    pub fn parse(address: &str) -> std::result::Result<Self, String> {
        let rest = address.strip_prefix("http://").or_else(|| address.strip_prefix("https://"));
        let host = rest.and_then(|rest| rest.split('/').next()).unwrap_or_default();
        if host.is_empty() {
            return Err("it must begin with http:// or https:// and a host".to_owned());
        }
        if host.contains('@') {
            return Err(
                "remove the user and the password: apt reads them from /etc/apt/auth.conf.d".to_owned()
            );
        }
        if let Some(c) = address.chars().find(|c| !c.is_ascii_graphic() || "#\\\"'<>".contains(*c)) {
            return Err(format!("an address cannot contain the character {c:?}"));
        }
        let plain = match address.strip_suffix(SHA1) {
            Some(service) => service.to_owned(),
            None => address.replacen(SHA256, "", 1),
        };
        if plain.contains(['{', '}']) {
            return Err(format!("its placeholder can be `{SHA256}`, once, or `{SHA1}` at its end"));
        }
        Ok(Self(address.to_owned()))
    }

    /// Returns the service that has files by their SHA-1, if the address is of that kind.
    fn by_sha1(&self) -> Option<&str> {
        self.0.strip_suffix(SHA1)
    }

    /// Returns the possible addresses of a package's file, the most likely first. They are empty if its SHA-1
    /// must be known.
    fn places(&self, package: &DebPackage) -> Vec<String> {
        if self.by_sha1().is_some() {
            return Vec::new();
        }
        if self.0.contains(SHA256) {
            return vec![self.0.replace(SHA256, package.digest.hex())];
        }
        let archive = format!("{}/", self.0.trim_end_matches('/'));
        let security = archive.rsplit_once(MAIN).filter(|_| is_security_update(&package.pool));
        let security = security.map(|(before, after)| format!("{before}{SECURITY}{after}"));
        security.into_iter().chain([archive]).map(|archive| archive + &package.pool).collect()
    }
}

impl std::fmt::Display for SnapshotArchive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A package that is searched for.
struct WantedPackage<'a> {
    package: &'a DebPackage,
    /// The addresses that have not been tried yet.
    places: Vec<String>,
    /// Why it was not obtained from the addresses that were tried.
    failures: Vec<String>,
}

/// Fetches packages into the cache from snapshot archives, in their order. `folder` is for downloads. The
/// digests decide which files are accepted, so no signature is needed. Returns why the other packages were
/// not obtained, one line for each place.
///
/// # Errors
/// apt's helper cannot be started, or the cache cannot be written.
pub(super) fn fetch(
    snapshots: &[SnapshotArchive],
    missing: &[DebPackage],
    store: &BaseStore,
    folder: &Path,
    ui: Ui,
) -> Result<Vec<String>> {
    let wanted = |package| WantedPackage { package, places: Vec::new(), failures: Vec::new() };
    let mut left: Vec<WantedPackage<'_>> = missing.iter().map(wanted).collect();
    for snapshot in snapshots {
        for wanted in &mut left {
            wanted.places = snapshot.places(wanted.package);
        }
        if let Some(service) = snapshot.by_sha1() {
            ask(service, &mut left, folder, ui)?;
        }
        let mut taken = Vec::new();
        while left.iter().any(|wanted| !wanted.places.is_empty()) {
            left = visit(left, &mut taken, store, folder, ui)?;
        }
        if !taken.is_empty() {
            ui.step(
                "Fetched",
                format!("from {snapshot}, as the archive has them no longer: {}", taken.join(", ")),
            );
        }
    }
    Ok(left.into_iter().flat_map(|wanted| wanted.failures).collect())
}

/// Looks for each package at its next address. Returns the packages that were not found. The names of the
/// others are added to `taken`.
fn visit<'a>(
    wanted: Vec<WantedPackage<'a>>,
    taken: &mut Vec<String>,
    store: &BaseStore,
    folder: &Path,
    ui: Ui,
) -> Result<Vec<WantedPackage<'a>>> {
    let file = |package: &DebPackage| folder.join(format!("{}.deb", package.digest.hex()));
    let download = |WantedPackage { package, places, .. }: &WantedPackage<'_>| {
        let from = places.first()?.clone();
        Some(Download { from, to: file(package), digest: Some(package.digest.clone()) })
    };
    let downloads: Vec<Download> = wanted.iter().filter_map(download).collect();
    let errors = apt::download(&downloads, ui)?;
    let mut left = Vec::new();
    for mut wanted in wanted {
        if !wanted.places.is_empty() {
            let place = wanted.places.remove(0);
            if store.bring(wanted.package, &file(wanted.package))? {
                taken.push(format!("{} {}", wanted.package.name, wanted.package.version));
                continue;
            }
            wanted.failures.push(failure(&place, &errors));
        }
        left.push(wanted);
    }
    Ok(left)
}

/// Returns the message of apt about an address.
fn failure(place: &str, errors: &[String]) -> String {
    // apt escapes some characters of addresses that need no escape.
    let mut errors = errors.iter().map(|line| line.replace("%2b", "+").replace("%7e", "~"));
    let said = errors.find_map(|line| line.find(place).map(|at| line[at..].to_owned()));
    said.unwrap_or_else(|| format!("{place}  does not have the locked file"))
}

/// The answer of a service about the files of a binary package in a version.
#[derive(Deserialize)]
struct BinaryFiles {
    result: Vec<BinaryFile>,
}

/// One of these files, for one architecture.
#[derive(Deserialize)]
struct BinaryFile {
    architecture: String,
    /// The SHA-1 of the file.
    hash: String,
}

/// Asks a service for the SHA-1 of each package, by which its file is named there.
fn ask(service: &str, wanted: &mut [WantedPackage<'_>], folder: &Path, ui: Ui) -> Result<()> {
    let question = |WantedPackage { package, .. }: &WantedPackage<'_>| Download {
        from: format!("{service}/mr/binary/{}/{}/binfiles", package.name, package.version),
        to: folder.join(format!("{}.json", package.digest.hex())),
        digest: None,
    };
    let questions: Vec<Download> = wanted.iter().map(question).collect();
    let errors = apt::download(&questions, ui)?;
    for (wanted, question) in wanted.iter_mut().zip(&questions) {
        let answer = std::fs::read(&question.to).unwrap_or_default();
        let hashes = sha1(&answer, wanted.package);
        if hashes.is_empty() {
            wanted.failures.push(match answer.is_empty() {
                true => failure(&question.from, &errors),
                false => format!("{}  names no file for {}", question.from, wanted.package.architecture),
            });
        }
        wanted.places = hashes.iter().map(|hash| format!("{service}/file/{hash}")).collect();
        // Files in the folder are shown as packages that are being downloaded.
        let _ = std::fs::remove_file(&question.to);
    }
    Ok(())
}

/// Returns the SHA-1 digests of a package's files in an answer: one, or those of several archives.
fn sha1(answer: &[u8], package: &DebPackage) -> Vec<String> {
    let Ok(BinaryFiles { result }) = serde_json::from_slice(answer) else { return Vec::new() };
    let is_hash = |text: &str| text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let these = result.into_iter().filter(|file| file.architecture == package.architecture);
    these.map(|file| file.hash).filter(|hash| is_hash(hash)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use xtask_oci::Digest;

    fn package(pool: &str) -> DebPackage {
        DebPackage {
            name: "libc6".into(),
            version: "2.41-12".into(),
            architecture: "amd64".into(),
            size: 7,
            digest: Digest::of(b"libc6"),
            pool: pool.into(),
        }
    }

    #[test]
    fn addresses_lead_to_files() {
        let (main, security) = ("pool/main/g/glibc/x.deb", "pool/updates/main/g/glibc/x.deb");
        let digest = Digest::of(b"libc6");
        for (address, pool, places) in [
            (
                "http://s/archive/debian/20260101T000000Z",
                main,
                vec![format!("http://s/archive/debian/20260101T000000Z/{main}")],
            ),
            (
                "http://s/archive/debian/20260101T000000Z/",
                security,
                vec![
                    format!("http://s/archive/debian-security/20260101T000000Z/{security}"),
                    format!("http://s/archive/debian/20260101T000000Z/{security}"),
                ],
            ),
            ("https://s", security, vec![format!("https://s/{security}")]),
            (
                "http://s/by-hash/SHA256/{sha256}",
                main,
                vec![format!("http://s/by-hash/SHA256/{}", digest.hex())],
            ),
            ("http://s/file/{sha1}", main, vec![]),
        ] {
            assert_eq!(SnapshotArchive::parse(address).unwrap().places(&package(pool)), places, "{address}");
        }
    }

    #[test]
    fn addresses_that_lead_nowhere() {
        for (address, why) in [
            ("snapshot.example", "must begin with http://"),
            ("http:///debian", "must begin with http://"),
            ("ftp://s/debian", "must begin with http://"),
            ("http://me:secret@s/debian", "auth.conf.d"),
            ("http://s/a b", "' '"),
            ("http://s/a\u{e9}", "'é'"),
            ("http://s/#x", "'#'"),
            ("http://s/{date}", "`{sha256}`"),
            ("http://s/{sha256}/{sha256}", "`{sha256}`"),
            ("http://s/file/{sha1}/x", "`/file/{sha1}`"),
            ("http://s/{sha256}/file/{sha1}", "`/file/{sha1}`"),
            ("http://s/{sha1}", "`/file/{sha1}`"),
        ] {
            let error = SnapshotArchive::parse(address).unwrap_err();
            assert!(error.contains(why), "{address}: {error}");
        }
    }

    #[test]
    fn answers_of_a_service_are_read_or_of_no_use() {
        let (one, other) = ("a".repeat(40), "b".repeat(40));
        let answer = serde_json::json!({ "binary": "libc6", "result": [
            { "architecture": "arm64", "hash": other },
            { "architecture": "amd64", "hash": one },
            { "architecture": "amd64", "hash": "../../etc/passwd" },
        ]});
        assert_eq!(sha1(answer.to_string().as_bytes(), &package("x")), [one]);
        for answer in ["", "<html>", "{}", "{\"result\":[{\"hash\":1}]}"] {
            assert_eq!(sha1(answer.as_bytes(), &package("x")), [""; 0], "{answer}");
        }
    }
}
