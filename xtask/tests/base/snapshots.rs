//! Locked packages that the archive no longer has, from snapshots of it: services of other layouts, on this machine.

use std::path::Path;

use xtask_base::distroless::Assembled;
use xtask_base::{BaseContext, BaseLock, DebPackage, DebianArch, Distroless, SnapshotArchive};
use xtask_files::error::{ExitKind, Result};
use xtask_oci::Digest;
use xtask_process::exec::{Cmd, ProcessEnd};
use xtask_process::host::Host;
use xtask_test_support::folder::script;
use xtask_test_support::http::{WebAnswer, WebServer};
use xtask_test_support::process::run;
use xtask_test_support::registry::free;
use xtask_test_support::skip::have;

use crate::failures::other_cache;
use crate::same::{workspace, xtask};
use crate::support::{base, cache, deb, had, host, load_from, load_here, locks};

/// The package that the archive has no more.
const GONE: &str = "media-types";

/// What Debian's snapshot service would call its file by.
const SHA1: &str = "0123456789abcdef0123456789abcdef01234567";

/// A lock of long ago: one of its packages is in no archive. The bytes of that package, as the day's archive had them.
struct Past {
    lock: BaseLock,
    bytes: Vec<u8>,
    dir: tempfile::TempDir,
}

impl Past {
    /// Makes it from what the archive has now, or skips the test.
    fn make(test: &str) -> Option<Self> {
        let (folder, mut lock) = locks(test)?;
        have(test, "dpkg-deb")?;
        had(test, load_here(&folder, Self::base(), DebianArch::Amd64))?;
        let dir = tempfile::tempdir().unwrap();
        let (tree, old) = (dir.path().join("tree"), dir.path().join("old.deb"));
        run(&Cmd::new("dpkg-deb").arg("-R").arg(deb(&cache(), &lock, DebianArch::Amd64, GONE)).arg(&tree));
        let control = tree.join("DEBIAN/control");
        let text = std::fs::read_to_string(&control).unwrap();
        let version = |line: &str| {
            if line.starts_with("Version: ") { "Version: 1:0.1+b1\n".into() } else { format!("{line}\n") }
        };
        std::fs::write(&control, text.lines().map(version).collect::<String>()).unwrap();
        run(&Cmd::new("dpkg-deb").args(["--root-owner-group", "-b"]).args([&tree, &old]));
        let bytes = std::fs::read(&old).unwrap();
        lock.packages.retain(|arch, _| *arch == DebianArch::Amd64);
        let package = lock.packages.get_mut(&DebianArch::Amd64).unwrap().get_mut(GONE).unwrap();
        *package = DebPackage {
            version: "1:0.1+b1".into(),
            digest: Digest::of(&bytes),
            size: bytes.len() as u64,
            pool: "pool/updates/main/m/media-types/media-types_0.1+b1_all.deb".into(),
            ..package.clone()
        };
        crate::support::write(dir.path(), &lock);
        Some(Self { lock, bytes, dir })
    }

    fn base() -> Distroless {
        base("distroless:static")
    }

    fn package(&self) -> &DebPackage {
        &self.lock.packages[&DebianArch::Amd64][GONE]
    }

    /// The base by this lock, in a cache without the package.
    fn load(
        &self,
        snapshots: &[String],
        cache: &Path,
        change: impl FnOnce(&mut BaseContext<'_>),
    ) -> Result<Assembled> {
        let snapshots: Vec<_> = snapshots.iter().map(|text| SnapshotArchive::parse(text).unwrap()).collect();
        load_from(self.dir.path(), cache, Self::base(), DebianArch::Amd64, |site| {
            site.snapshots = Vec::leak(snapshots);
            change(site);
        })
    }

    /// A service with the layouts of today's services; each file is also there by its digests.
    fn service(&self) -> WebServer {
        let (bytes, digest) = (self.bytes.clone(), self.package().digest.hex().to_owned());
        let pool = format!("/archive/debian-security/20200101T060000Z/{}", self.package().pool);
        WebServer::start(move |path| match path {
            _ if path == pool.replace("T060000Z", "T120000Z") => WebAnswer::Redirect(pool.clone()),
            _ if path == pool => WebAnswer::Redirect(format!("/file/{SHA1}")),
            _ if path == format!("/file/{SHA1}") => WebAnswer::Content(bytes.clone()),
            _ if path == format!("/by-hash/SHA256/{digest}") => WebAnswer::Content(bytes.clone()),
            "/mr/binary/media-types/1:0.1+b1/binfiles" => WebAnswer::Content(
                format!(r#"{{"_comment":"x","result":[{{"architecture":"all","hash":"{SHA1}"}}]}}"#)
                    .into_bytes(),
            ),
            _ if path == format!("/wrong/{digest}") => WebAnswer::Content(b"!<arch>\nanother".to_vec()),
            _ => WebAnswer::NotFound,
        })
    }
}

#[test]
fn an_old_lock_makes_the_same_base() {
    let test = "an_old_lock_makes_the_same_base";
    let Some(past) = Past::make(test) else { return };
    // On the day of the lock.
    let day = other_cache();
    std::fs::write(deb(day.path(), &past.lock, DebianArch::Amd64, GONE), &past.bytes).unwrap();
    let then =
        load_from(past.dir.path(), day.path(), Past::base(), DebianArch::Amd64, |site| site.offline = true);
    let then = then.unwrap();
    // Years later, by each kind of address. The first one of a list need not have it.
    let service = past.service();
    let at = |rest: &str| format!("{}{rest}", service.at);
    let (nothing, by_sha256) = (at("/debian"), at("/by-hash/SHA256/{sha256}"));
    for addresses in [
        vec![at("/archive/debian/20200101T060000Z")],
        // Of a time without an import, a service takes the import before it.
        vec![at("/archive/debian/20200101T120000Z/")],
        vec![at("/archive/debian-security/20200101T060000Z")],
        vec![by_sha256.clone()],
        vec![at("/file/{sha1}")],
        vec![nothing, by_sha256],
    ] {
        let later = other_cache();
        service.asked();
        let now =
            past.load(&addresses, later.path(), |_| {}).unwrap_or_else(|e| panic!("{addresses:?}: {e}"));
        assert_eq!(now.base.digest, then.base.digest, "{addresses:?}");
        assert_eq!(now.base.layers[0].layer, then.base.layers[0].layer, "{addresses:?}");
        assert_eq!(now.refreshed, None, "{addresses:?}: the lock was used as it is");
        let asked = service.asked();
        assert!(asked.iter().all(|path| !path.contains("netbase")), "only what the archive lacks: {asked:?}");
        // What was had once is not asked for again.
        past.load(&addresses, later.path(), |_| {}).unwrap();
        assert_eq!(service.asked(), [""; 0]);
    }
}

#[test]
fn a_snapshot_that_does_not_help_is_named() {
    let test = "a_snapshot_that_does_not_help_is_named";
    let Some(past) = Past::make(test) else { return };
    let (service, cache) = (past.service(), other_cache());
    // Without one, the message says that there could be one.
    let error = past.load(&[], cache.path(), |_| {}).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("media-types (all): locked 1:0.1+b1, the archive has "), "{text}");
    assert!(
        text.contains("help: or name a snapshot archive") && text.contains("`snapshots` of [debian]"),
        "{text}"
    );
    // Another file under the right name, none, a service that knows no such package, and nobody.
    let nobody = format!("http://{}", free());
    let addresses = ["/wrong/{sha256}", "/archive/debian/20010101T000000Z", "/nothing/file/{sha1}"];
    let mut addresses: Vec<String> = addresses.iter().map(|rest| format!("{}{rest}", service.at)).collect();
    addresses.push(nobody.clone());
    let error = past.load(&addresses, cache.path(), |_| {}).unwrap_err();
    assert_eq!(error.kind, ExitKind::Missing);
    let text = error.to_string();
    // apt asks again and again where nobody listens.
    addresses.pop();
    let package = past.package();
    for words in [
        format!("snapshot: {}/wrong/{}  ", service.at, package.digest.hex()),
        format!("snapshot: {}/archive/debian/20010101T000000Z/{}  404", service.at, package.pool),
        format!("snapshot: {}/nothing/mr/binary/media-types/1:0.1+b1/binfiles  404", service.at),
        format!("snapshot: {nobody}/{}  ", package.pool),
        "the archive no longer has the locked packages of distroless:static".to_owned(),
        "cargo xtask base update 13".to_owned(),
    ] {
        assert!(text.contains(&words), "{words}\nis not in\n{text}");
    }
    assert!(!text.contains("or name a snapshot archive"), "{text}");
    // Then `--setup` takes what the archive has now, as it does without one.
    let refreshed = past.load(&addresses, cache.path(), |site| site.may_refresh = true).unwrap();
    assert!(refreshed.refreshed.unwrap().contains("locked 1:0.1+b1"));
    // Of a snapshot that has it, the lock is used, although another stood in for it before.
    let helpful = [format!("{}/file/{{sha1}}", service.at)];
    assert_eq!(past.load(&helpful, cache.path(), |site| site.may_refresh = true).unwrap().refreshed, None);
}

/// Releases leave the mirrors in the end; other systems never had them.
#[test]
fn an_archive_that_is_gone_is_not_needed() {
    let test = "an_archive_that_is_gone_is_not_needed";
    let Some(past) = Past::make(test) else { return };
    let service = past.service();
    let (bin, root) = (tempfile::tempdir().unwrap(), host());
    let path = format!("{}:{}", bin.path().display(), root.var("PATH").unwrap_or_default());
    let other: &'static Host = Box::leak(Box::new(Host::new(root.triple, [("PATH".into(), path.into())])));
    let gone = format!(r"Component: main\nRelease: trixie\nRepo-URI: {}/gone/\nOrigin: Debian\n", service.at);
    for (sources, cause) in
        [(gone.as_str(), "could not fetch the indexes"), ("", "do not include that archive")]
    {
        let body = format!(
            "case $* in indextargets*) printf '{sources}' ;; *) exec /usr/bin/apt-get \"$@\" ;; esac"
        );
        script(bin.path().join("apt-get"), &body);
        let cache = other_cache();
        let error = past.load(&[], cache.path(), |site| site.host = other).unwrap_err();
        assert_eq!(error.kind, ExitKind::Missing);
        let text = error.to_string();
        assert!(text.contains(cause) && text.contains("or name a snapshot archive"), "{text}");
        let address = format!("{}/by-hash/SHA256/{{sha256}}", service.at);
        past.load(&[address], cache.path(), |site| site.host = other).unwrap();
        service.asked();
        // A service that has not got it leaves the archive's own error, and is named in it.
        let cache = other_cache();
        let error =
            past.load(std::slice::from_ref(&service.at), cache.path(), |site| site.host = other).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(cause) && text.contains(&format!("snapshot: {}/pool/", service.at)), "{text}");
    }
}

/// The setting, as a user has it.
#[test]
fn targets_toml_names_snapshots() {
    let test = "targets_toml_names_snapshots";
    let Some(past) = Past::make(test) else { return };
    let (service, cache, dir) = (past.service(), other_cache(), tempfile::tempdir().unwrap());
    workspace(dir.path(), &past.lock);
    let args = ["base", "show", "static", "--arch", "amd64", "--files"];
    let output = xtask(dir.path(), cache.path(), "022", &args);
    assert_eq!(output.end, ProcessEnd::Code(3), "{}", output.errors());
    assert!(output.errors().contains("`snapshots` of [debian] in targets.toml"), "{}", output.errors());
    let text = "schema = 1\n[app]\npackage = \"w\"\nbin = \"w\"\n[[mode]]\nname = \"default\"\n\
                [[target]]\ntriple = \"x86_64-unknown-linux-musl\"\n";
    let text = format!("{text}[debian]\nsnapshots = [\"{}/file/{{sha1}}\"]\n", service.at);
    std::fs::write(dir.path().join("targets.toml"), text).unwrap();
    let output = xtask(dir.path(), cache.path(), "022", &args);
    assert!(output.ok(), "{}", output.errors());
    let line = format!(
        "Fetched from {}/file/{{sha1}}, as the archive has them no longer: media-types 1:0.1+b1",
        service.at
    );
    assert!(output.errors().contains(&line), "{}", output.errors());
    assert!(output.text().contains("1:0.1+b1"), "{}", output.text());
}
