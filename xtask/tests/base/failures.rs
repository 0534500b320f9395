//! What is missing, damaged, superseded or older than it may be.

use std::path::Path;

use xtask_base::{BaseLock, DebPackage, DebianArch};
use xtask_files::error::ExitKind;
use xtask_oci::Digest;

use crate::same::{workspace, xtask};
use crate::support::{base, cache, deb, had, host, load_from, load_here, locks, write};

use xtask_process::exec::Cmd;
use xtask_test_support::process::run;
use xtask_test_support::skip::{have, skipped};

/// A cache with the packages of the shared one, and nothing made of them.
pub(crate) fn other_cache() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("bases")).unwrap();
    run(&Cmd::new("cp").arg("-r").arg(cache().join("bases/debs")).arg(dir.path().join("bases")));
    dir
}

/// A lock whose libc6 no archive has.
fn superseded(lock: &BaseLock) -> BaseLock {
    let mut old = lock.clone();
    old.packages.retain(|arch, _| *arch == DebianArch::Amd64);
    let libc = old.packages.get_mut(&DebianArch::Amd64).unwrap().get_mut("libc6").unwrap();
    *libc = DebPackage {
        version: "2.1-0".into(),
        digest: Digest::of(b"long gone"),
        pool: "pool/main/g/glibc/libc6_2.1-0_amd64.deb".into(),
        ..libc.clone()
    };
    old
}

#[test]
fn a_superseded_package_is_named_and_may_be_refreshed() {
    let test = "a_superseded_package_is_named_and_may_be_refreshed";
    let Some((folder, lock)) = locks(test) else { return };
    let what = base("distroless:base");
    let Some(fresh) = had(test, load_here(&folder, what, DebianArch::Amd64)) else { return };
    let (dir, other) = (tempfile::tempdir().unwrap(), other_cache());
    write(dir.path(), &superseded(&lock));
    let now = &lock.packages[&DebianArch::Amd64]["libc6"].version;

    let error = load_from(dir.path(), other.path(), what, DebianArch::Amd64, |_| {}).unwrap_err();
    assert_eq!(error.kind, ExitKind::Missing);
    let text = error.to_string();
    assert!(text.contains(&format!("libc6 (amd64): locked 2.1-0, the archive has {now} now")), "{text}");
    assert!(text.contains("cargo xtask base update 13"), "{text}");

    let strict = load_from(dir.path(), other.path(), what, DebianArch::Amd64, |site| {
        (site.may_refresh, site.strict) = (true, true);
    });
    assert_eq!(strict.unwrap_err(), error, "--strict takes no other lock than the repository's");

    let allowed = load_from(dir.path(), other_cache().path(), what, DebianArch::Amd64, |site| {
        (site.may_refresh, site.strict, site.allow_superseded) = (true, true, true);
    });
    let allowed = allowed.unwrap();
    assert!(
        allowed.refreshed.unwrap().contains("locked 2.1-0"),
        "--allow-superseded takes what is there now"
    );
    assert_eq!(allowed.base.digest, fresh.base.digest);

    let refreshed =
        load_from(dir.path(), other.path(), what, DebianArch::Amd64, |site| site.may_refresh = true).unwrap();
    let why = refreshed.refreshed.clone().unwrap();
    assert!(why.contains("locked 2.1-0") && why.contains(now), "{why}");
    assert_eq!(refreshed.base.digest, fresh.base.digest);
    assert_eq!(refreshed.base.layers[0].layer, fresh.base.layers[0].layer);
    let kept = std::fs::read_to_string(dir.path().join("debian13.lock")).unwrap();
    assert_eq!(kept, superseded(&lock).text(), "the repository's lock is left alone");

    let again =
        load_from(dir.path(), other.path(), what, DebianArch::Amd64, |site| site.may_refresh = true).unwrap();
    assert!(again.refreshed.is_some());
    assert_eq!(again.base, refreshed.base, "what was refreshed is used again");
}

#[test]
fn the_archive_does_not_go_back() {
    let test = "the_archive_does_not_go_back";
    let Some((_, lock)) = locks(test) else { return };
    let mut newer = lock;
    newer.packages.retain(|arch, _| *arch == DebianArch::Amd64);
    let date = xtask_base::lock::Stamp::parse("2999-01-01T00:00:00Z").unwrap();
    newer.releases.get_mut("trixie").unwrap().date = date;
    let dir = tempfile::tempdir().unwrap();
    workspace(dir.path(), &newer);
    let output = xtask(dir.path(), &cache(), "022", &["base", "update"]);
    let said = output.errors();
    if output.end == xtask_process::exec::ProcessEnd::Code(3) {
        return skipped(test, &said);
    }
    assert_eq!(output.end, xtask_process::exec::ProcessEnd::Code(1), "{said}");
    assert!(said.contains("the archive's trixie is older") && said.contains("2999-01-01"), "{said}");
    let kept = std::fs::read_to_string(dir.path().join("docker/bases/debian13.lock")).unwrap();
    assert_eq!(kept, newer.text());
}

#[test]
fn a_damaged_package_is_fetched_again_or_missed() {
    let test = "a_damaged_package_is_fetched_again_or_missed";
    let Some((folder, lock)) = locks(test) else { return };
    let what = base("distroless:static");
    let Some(right) = had(test, load_here(&folder, what, DebianArch::Amd64)) else { return };
    for damage in [&b"!<arch>\nnot this"[..], b""] {
        let other = other_cache();
        let netbase = deb(other.path(), &lock, DebianArch::Amd64, "netbase");
        std::fs::write(&netbase, damage).unwrap();
        let load = |offline: fn(&mut xtask_base::BaseContext<'_>)| {
            load_from(&folder, other.path(), what, DebianArch::Amd64, offline)
        };
        let error = load(|site| site.offline = true).unwrap_err();
        assert_eq!(error.kind, ExitKind::Missing);
        let text = error.to_string();
        let locked = format!("netbase {} (all)", lock.packages[&DebianArch::Amd64]["netbase"].version);
        assert!(
            text.contains("packages of Debian 13 cannot be taken from the cache: 1 damaged")
                && text.contains(&format!("damaged: {locked}"))
                && !text.contains("not in the cache"),
            "{text}"
        );
        let Some(again) = had(test, load(|_| {})) else { return };
        assert_eq!(again.base.layers[0].layer, right.base.layers[0].layer);
        assert!(std::fs::read(&netbase).unwrap() != damage, "the damaged one is replaced");
    }
}

/// A lock and a package that say different things, as after a change by hand.
#[test]
fn a_lock_that_lies_about_a_package() {
    let test = "a_lock_that_lies_about_a_package";
    let Some((folder, mut lock)) = locks(test) else { return };
    let what = base("distroless:static");
    if had(test, load_here(&folder, what, DebianArch::Amd64)).is_none() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    lock.packages.retain(|arch, _| *arch == DebianArch::Amd64);
    lock.packages.get_mut(&DebianArch::Amd64).unwrap().get_mut("base-files").unwrap().version = "99".into();
    write(dir.path(), &lock);
    let other = other_cache();
    // The bytes are those that the lock names, so the same layer would be found in the shared cache.
    let error =
        load_from(dir.path(), other.path(), what, DebianArch::Amd64, |site| site.offline = true).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("Version: \"99\" in the lock"), "{text}");
    let layers = std::fs::read_dir(other.path().join("bases/layers")).unwrap();
    let left: Vec<_> = layers.map(|e| e.unwrap().path()).filter(|p| p.is_dir()).collect();
    assert_eq!(left, Vec::<std::path::PathBuf>::new(), "nothing half made stays");
}

#[test]
fn a_machine_without_apt() {
    let test = "a_machine_without_apt";
    let Some((folder, _)) = locks(test) else { return };
    let what = base("distroless:static");
    if had(test, load_here(&folder, what, DebianArch::Amd64)).is_none() {
        return;
    }
    let empty = tempfile::tempdir().unwrap();
    let bare = xtask_process::host::Host::new(host().triple, [("PATH".into(), empty.path().into())]);
    let ui = xtask_process::ui::Ui::silent();
    let site = |cache: &'static Path| xtask_base::BaseContext {
        locks: Box::leak(folder.clone().into_boxed_path()),
        cache,
        host: &bare,
        ui: &ui,
        snapshots: &[],
        offline: false,
        may_refresh: false,
        strict: false,
        allow_superseded: false,
    };
    let platform = DebianArch::Amd64.platform();
    let none: &'static Path = Box::leak(empty.path().join("cache").into_boxed_path());
    let error = xtask_base::distroless::load(what, &platform, &site(none)).unwrap_err();
    assert_eq!(error.kind, ExitKind::Missing);
    let text = error.to_string();
    assert!(
        text.contains("from Debian's archive with apt, and there is no apt-get on this machine"),
        "{text}"
    );
    assert!(text.contains("not in the cache: base-files "), "{text}");
    let warm: &'static Path = Box::leak(cache().into_boxed_path());
    xtask_base::distroless::load(what, &platform, &site(warm)).unwrap();
}

/// A lock that is made where there was none is not called a newer one of something.
#[test]
fn a_lock_that_is_the_first() {
    let test = "a_lock_that_is_the_first";
    if locks(test).is_none() {
        return;
    }
    let (none, what) = (tempfile::tempdir().unwrap(), base("distroless:static"));
    let made = load_from(none.path(), &cache(), what, DebianArch::Amd64, |site| site.may_refresh = true);
    let Some(made) = had(test, made) else { return };
    let why = made.refreshed.unwrap();
    let words = "a lock of Debian 13 was made for this run: distroless:static is not locked: there is no ";
    assert!(why.starts_with(words), "{why}");
    assert!(!none.path().join("debian13.lock").exists(), "that of the repository is the user's to make");
}

/// That a base is not locked is the repository's own mistake, which the archive has no part in.
#[test]
fn allow_superseded_makes_no_lock_where_there_is_none() {
    let (none, what) = (tempfile::tempdir().unwrap(), base("distroless:static"));
    let made = load_from(none.path(), none.path(), what, DebianArch::Amd64, |site| {
        (site.may_refresh, site.strict, site.allow_superseded) = (true, true, true);
    });
    let error = made.unwrap_err();
    assert_eq!(error.kind, ExitKind::Missing);
    assert!(error.to_string().contains("distroless:static is not locked"), "{error}");
}

#[test]
fn what_was_never_locked() {
    let dir = tempfile::tempdir().unwrap();
    let load = |what: &str, platform: &xtask_triple::Platform| {
        let (host, ui) = (host(), xtask_process::ui::Ui::silent());
        let site = xtask_base::BaseContext {
            locks: dir.path(),
            cache: dir.path(),
            host: &host,
            ui: &ui,
            snapshots: &[],
            offline: true,
            may_refresh: true,
            strict: false,
            allow_superseded: false,
        };
        xtask_base::distroless::load(base(what), platform, &site).unwrap_err()
    };
    let error = load("distroless:cc", &DebianArch::Amd64.platform());
    assert_eq!(error.kind, ExitKind::Missing);
    let text = error.to_string();
    assert!(
        text.contains("distroless:cc is not locked") && text.contains("cargo xtask base update 13"),
        "{text}"
    );
    let error = load("distroless:cc-debian12", &DebianArch::Riscv64.platform());
    assert_eq!(error.kind, ExitKind::Usage);
    assert!(error.to_string().contains("no distroless:cc-debian12 for linux/riscv64"), "{error}");
}

/// A signature that does not fit is none, whichever program looks at it.
#[test]
fn a_changed_release_file_is_not_signed() {
    let test = "a_changed_release_file_is_not_signed";
    if locks(test).is_none() || have(test, "gpgv").is_none() {
        return;
    }
    let lists = cache().join("bases/apt/debian13-amd64-arm64/lists");
    let file = std::fs::read_dir(&lists)
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| p.to_string_lossy().ends_with("trixie_InRelease"));
    let file = file.unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("\nSuite: "));
    let dir = tempfile::tempdir().unwrap();
    let changed = dir.path().join("InRelease");
    std::fs::write(&changed, text.replacen("\nSuite: ", "\nSuite: not-", 1)).unwrap();
    let apt = xtask_base::apt::Apt::find(&host(), xtask_process::ui::Ui::silent(), "it").unwrap();
    assert!(!apt.signers(&file, dir.path()).unwrap().is_empty());
    let error = apt.signers(&changed, dir.path()).unwrap_err().to_string();
    assert!(error.contains("InRelease has no valid signature"), "{error}");
}
