use super::*;
use crate::Flavour;
use proptest::prelude::*;

fn package(name: &str, architecture: &str, version: &str) -> DebPackage {
    DebPackage {
        name: name.into(),
        version: version.into(),
        architecture: architecture.into(),
        size: 7,
        digest: Digest::of(format!("{name} {version}").as_bytes()),
        // The names of files have no epoch.
        pool: format!("pool/main/x/{name}_{}_{architecture}.deb", version.trim_start_matches("1:")),
    }
}

fn lock() -> BaseLock {
    let release = |date: &str| Release {
        date: Stamp::parse(date).unwrap(),
        digest: Digest::of(date.as_bytes()),
        signers: vec!["B8B80B5B623EAB6AD8775C45B7C5D7D6350947F8".into()],
    };
    let of = |arch: DebianArch| {
        let names = contents::all_packages(13).into_iter();
        names.map(move |name| {
            let architecture = if name.starts_with("tzdata") { ALL } else { arch.as_str() };
            (name.to_owned(), package(name, architecture, "1:2.0-1+deb13u1"))
        })
    };
    BaseLock {
        debian: 13,
        releases: BTreeMap::from([
            ("trixie".into(), release("2026-09-12T07:55:41Z")),
            ("trixie-security".into(), release("2026-11-18T22:17:43Z")),
        ]),
        packages: [DebianArch::Amd64, DebianArch::Arm64]
            .into_iter()
            .map(|arch| (arch, of(arch).collect()))
            .collect(),
    }
}

#[test]
fn what_is_written_is_read() {
    let lock = lock();
    let text = lock.text();
    assert_eq!(BaseLock::parse(&text, "it").unwrap(), lock, "{text}");
    assert_eq!(text.matches("\"tzdata\" = ").count(), 1, "what is for all stands once");
    // 13 for each architecture and 2 for all.
}

#[test]
fn a_part_is_decided_by_the_packages_of_its_base() {
    let one = lock();
    let cc = Distroless::of(Flavour::Cc);
    let part = |lock: &BaseLock, what| lock.part(what, DebianArch::Amd64).unwrap().digest;
    let mut two = one.clone();
    for release in two.releases.values_mut() {
        release.date = Stamp::parse("2027-01-01T00:00:00Z").unwrap();
    }
    two.packages.get_mut(&DebianArch::Amd64).unwrap().insert("libc6".into(), package("libc6", "amd64", "3"));
    assert_eq!(part(&one, Distroless::of(Flavour::Static)), part(&two, Distroless::of(Flavour::Static)));
    assert_ne!(part(&one, cc), part(&two, cc));
    assert_eq!(part(&one, cc), part(&one, Distroless { root: true, ..cc }), "root changes no file");
    assert_ne!(part(&one, cc), part(&one, Distroless { debug: true, ..cc }));
    assert_ne!(part(&one, cc), one.part(cc, DebianArch::Arm64).unwrap().digest);
}

#[test]
fn what_a_lock_lacks_is_named() {
    let mut lock = lock();
    let cc = Distroless::of(Flavour::Cc);
    let error = lock.part(cc, DebianArch::S390x).unwrap_err().to_string();
    assert!(error.contains("for s390x") && error.contains("amd64, arm64"), "{error}");
    assert!(error.contains("cargo xtask base update 13 --arch s390x"), "{error}");
    lock.packages.get_mut(&DebianArch::Amd64).unwrap().remove("libgcc-s1");
    let error = lock.part(cc, DebianArch::Amd64).unwrap_err().to_string();
    assert!(error.contains("lacks packages of distroless:cc") && error.contains("libgcc-s1"), "{error}");
}

#[test]
fn no_suite_goes_back() {
    let old = lock();
    let mut new = old.clone();
    new.check_forward(&old).unwrap();
    new.releases.get_mut("trixie").unwrap().date = Stamp::parse("2026-09-12T07:55:40Z").unwrap();
    let error = new.check_forward(&old).unwrap_err().to_string();
    assert!(error.contains("the archive's trixie is older"), "{error}");
    assert!(error.contains("locked: 2026-09-12T07:55:41Z; the archive now: 2026-09-12T07:55:40Z"), "{error}");
    old.check_forward(&new).unwrap();
}

#[test]
fn what_is_no_lock() {
    let good = lock().text();
    let cases = [
        ("schema = 1", "schema = 2", "schema 2"),
        ("debian = 13", "debian = 11", "Debian 11"),
        ("size = 7", "size = -7", "invalid value"),
        ("version = \"1:2.0-1+deb13u1\"", "version = \"1; rm\"", "is not a version"),
        ("pool/main/x/libc6_", "pool/../x/libc6_", "not the path of a package"),
        ("pool/main/x/libc6_", "/pool/main/x/libc6_", "not the path of a package"),
        ("_amd64.deb", "_arm64.deb", "not the path of a package for amd64"),
        ("sha256 = \"", "sha256 = \"x", "is not a SHA-256"),
        ("date = \"2026", "date = \"26", "its date is not written as in"),
        ("[package.amd64]", "[package.sparc]", "not the path of a package for sparc"),
        ("\"libc6\" = ", "\"-libc6\" = ", "not the name of a package"),
        ("\"libc6\" = ", "\"tzdata\" = ", "for all of them"),
        ("size = 7,", "size = 7, more = 1,", "unknown field `more`"),
        ("signers = [\"", "signers = [\"x", "not a fingerprint"),
    ];
    for (from, to, words) in cases {
        let text = good.replacen(from, to, 1);
        assert_ne!(text, good, "{from}");
        let error = BaseLock::parse(&text, "it").unwrap_err().to_string();
        assert!(error.starts_with("it is not a valid lock") && error.contains(words), "{words}: {error}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}|[a-z0-9=\"\\[\\]{}.,\n -]{0,200}") {
        let _ = BaseLock::parse(&text, "it");
    }

    #[test]
    fn a_damaged_lock_is_read_or_refused(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<char>()), 1..4),
    ) {
        let mut text: Vec<char> = lock().text().chars().collect();
        for (at, to) in changes {
            let at = at.index(text.len());
            text[at] = to;
        }
        if let Ok(lock) = BaseLock::parse(&text.into_iter().collect::<String>(), "it") {
            // A lock that was read can be written and read again.
            prop_assert_eq!(BaseLock::parse(&lock.text(), "again").unwrap(), lock);
        }
    }
}
